"""Search what is about to leave for everything that the sealed submission declared.

The gate opens the submission itself and looks at the final bytes, so it does
not matter which stage failed or how: a leak in tokens, ids or text shows up
here. This module shares no code with intake or `streams.identifiers`, whose
mistakes it must not repeat.

What counts as a leak: six bytes in a row of any declared value, or a shorter
value as a whole word; as written, without case, accents or separators,
backwards, in hexadecimal, Base64 (every alignment), percent-encoding, UTF-16
or Latin-1; and the sixteen bytes of any id that belongs to the partner or to
the enclave. Source: research/privacy.md section 8, properties 1 and 15.

Some numbers carry other facts: a driver number the start of the family name
and the birth date, a Scottish CHI number the birth date. Those are looked for
as well, as decoded here.

A narrative is words, in which a short name turns up in no other form than as
a word: it is searched as it reads, and `words` looks for every sign that it
was not redacted. Everything else in the bytes is searched in every decoding.

What cannot identify is blanked before the search: the audience's own ids as
the gate computed them, the closed codes of the taxonomy with the node numbers
they tie, and text shaped exactly like an ISO week or a postcode district.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass, field, fields
from datetime import date
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from anonymiser.gate.carriers import chi_number, driver_number
from anonymiser.gate.words import is_ordinary, stop_word
from streams.taxonomy import RelationKind
from streams.values import Activity, Theme

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from enum import StrEnum
    from uuid import UUID

    from streams.restricted import Identity, Node, Report, ReportLinked

#: The reason code of a declared value that would leave.
RESIDUAL: Final = "residual_identifier"
_NAMES: Final = ("given_name", "middle_names", "family_name", "known_as", "organisation_name")
WINDOW_BYTES: Final = 6
WORD_CHARACTERS_MIN: Final = 2
NODES_MAX: Final = 50
_ALIGNMENTS: Final = 4

_SEPARATORS: Final = re.compile(
    r"[\s\-\u2010-\u2015./\\'\u2019(),:;_@+*#|\u00ad\u200b-\u200f\ufeff]+"
)
_WORDS: Final = re.compile(r"[^\W_]+")
_PRINTABLE: Final = re.compile(r"[^\x00-\x1f\x7f\ufffd]{2,}")
_LATIN: Final = re.compile(r"[\x20-\x7e\xa0-\xff]{2,}")
_UTF_16: Final = re.compile(rb"(?:[\x20-\x7e\xa0-\xff]\x00){2,}|(?:\x00[\x20-\x7e\xa0-\xff]){2,}")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{4,}")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{3,}")
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_DATES: Final = ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%d%m%y", "%y%m%d", "%d %B %Y", "%d %b %Y")


@dataclass(frozen=True, slots=True)
class Declared:
    """One value that must not leave, and the path of its field, which may be told."""

    path: str
    value: str = field(repr=False)
    is_start: bool = False


def declared_by(report: Report) -> Iterator[Declared]:
    """Yield every value of an opened submission that could tell a person or a source."""
    yield Declared("partner", report.partner)
    yield Declared("service", report.service)
    yield from _given("origin_reference", report.origin_reference)
    yield from _given("place.postcode", report.place.postcode)
    yield from _given("place.description", report.place.description)
    for number, node in enumerate(report.nodes):
        yield from _declared_by_node(f"nodes[{number}]", node)
    for word in sorted(set(_WORDS.findall(report.narrative or ""))):
        if len(word.encode()) >= WINDOW_BYTES:
            yield Declared("narrative", word)


def names_of(report: Report) -> Iterator[str]:
    """Yield the names of a report's people and organisations as written."""
    for node in report.nodes:
        if node.identity is not None:
            for name in _NAMES:
                yield from _texts_of(getattr(node.identity, name))


def inner_ids(linked: ReportLinked) -> Iterator[tuple[str, UUID]]:
    """Yield the ids that only the partner or only the enclave may know."""
    yield "report_id", linked.report_id
    yield "origin_id", linked.origin_id
    for node in linked.nodes:
        yield f"nodes[{node.node}].entity_id", node.entity_id


class ResidueSearch:
    """Looks for one submission's declared values in bytes; built once for each report."""

    def __init__(self, report: Report, linked: ReportLinked) -> None:
        self._windows: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._long: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._starts: dict[str, str] = {}
        self._cleared: set[str] = set()
        self._names = tuple(names_of(report))
        self._ids = tuple(inner_ids(linked))
        for declared in declared_by(report):
            self._want(declared)

    def find(
        self, data: bytes, own_ids: Iterable[UUID], narrative: str | None = None
    ) -> tuple[str, str] | None:
        """Return a reason code and the path of what `data` must not hold, None if it is clean.

        `own_ids` are the audience's ids as computed by the gate, not as read from `data`.
        `narrative` is what `data` holds of words.
        """
        for path, inner in self._ids:
            if _holds_id(data, inner):
                return RESIDUAL, path
        if narrative is not None:
            if (told := self.find_in_words(narrative)) is not None:
                return told
            data = data.replace(narrative.encode(), b"\0")
        haystack = _readable(_blank(data, own_ids))
        found = (self._find_text(haystack) or _first(self._told, haystack)) if haystack else None
        return None if found is None else (RESIDUAL, found)

    def find_in_words(self, narrative: str) -> tuple[str, str] | None:
        """Return a reason code and the path of what a narrative must not hold, None if clean.

        A declared value comes before any other sign that the text was not redacted.
        """
        if narrative in self._cleared:
            return None
        read = _as_read(narrative)
        # Backwards only what is long: "an" is not Na, nor is "and".
        path = self._find_text(read, framed=False) or self._in_windows(read[::-1])
        if path is not None:
            return RESIDUAL, path
        if (code := stop_word(narrative, self._names)) is not None:
            return code, "narrative"
        self._cleared.add(narrative)
        return None

    def _in_windows(self, haystack: str) -> str | None:
        for start in range(len(haystack) - WINDOW_BYTES + 1):
            if (path := self._windows.get(haystack[start : start + WINDOW_BYTES])) is not None:
                return path
        return None

    def _find_text(self, haystack: str, *, framed: bool = True) -> str | None:
        if (path := self._in_windows(haystack)) is not None:
            return path
        for word in _WORDS.findall(haystack):
            # An Avro length may look like a letter and stick to the front of a text.
            inner = self._words.get(word[1:]) if framed else None
            path = self._words.get(word) or inner or self._begins(word)
            if path is not None:
                return path
        return _first(self._long, haystack)

    def _begins(self, word: str) -> str | None:
        """Tell whether a word begins as a family name that a number carries."""
        if is_ordinary(word):
            return None
        return next((path for start, path in self._starts.items() if word.startswith(start)), None)

    def _want(self, declared: Declared) -> None:
        folded = _fold(declared.value).strip()
        if declared.path == "narrative":
            self._told.setdefault(folded, declared.path)
            return
        if declared.is_start:
            self._starts.setdefault(folded, declared.path)
            return
        for text in {folded, _SEPARATORS.sub("", folded)}:
            self._want_text(text, declared.path)

    def _want_text(self, text: str, path: str) -> None:
        if len(text.encode()) < WINDOW_BYTES:
            if len(text) >= WORD_CHARACTERS_MIN:
                self._words.setdefault(text, path)
        elif len(text) < WINDOW_BYTES:  # few characters of several bytes each
            self._long.setdefault(text, path)
        else:
            for start in range(len(text) - WINDOW_BYTES + 1):
                self._windows.setdefault(text[start : start + WINDOW_BYTES], path)


# --- what is declared ---------------------------------------------------------


def _given(path: str, value: str | None) -> Iterator[Declared]:
    if value:
        yield Declared(path, value)


def _declared_by_node(path: str, node: Node) -> Iterator[Declared]:
    yield Declared(f"{path}.label", node.label)
    yield from _given(f"{path}.reference", node.reference)
    if node.identity is None:
        return
    for facet in fields(node.identity):
        value = getattr(node.identity, facet.name)
        for text in _texts_of(value):
            yield Declared(f"{path}.identity.{facet.name}", text)
    yield from _carried_by(f"{path}.identity", node.identity)


def _carried_by(path: str, identity: Identity) -> Iterator[Declared]:
    """Yield what the numbers of a person carry beside themselves."""
    if identity.driver_number:
        field_path = f"{path}.driver_number"
        name, births = driver_number(identity.driver_number)
        if name:
            yield Declared(field_path, name, is_start=True)
        yield from (Declared(field_path, text) for born in births for text in _texts_of(born))
    for number in ("nhs_number", "chi_number"):
        for born in chi_number(getattr(identity, number) or ""):
            yield from (Declared(f"{path}.{number}", text) for text in _texts_of(born))


def _texts_of(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, date):
        yield value.isoformat()
        yield from (value.strftime(form) for form in _DATES)
    elif isinstance(value, tuple):
        yield from value


# --- what is searched ---------------------------------------------------------


def _coded(codes: type[StrEnum]) -> Iterator[bytes]:
    """Avro writes a text as its length (doubled, here always in one byte) and its bytes."""
    for code in codes:
        yield bytes([2 * len(code.value)]) + code.value.encode()


def _any_of(*families: type[StrEnum]) -> bytes:
    return b"|".join(re.escape(code) for codes in families for code in _coded(codes))


#: The two node numbers before the kind of a relation; Avro doubles a number, so it is even.
_ENDS: Final = b"[" + re.escape(bytes(range(0, 2 * NODES_MAX, 2))) + b"]{2}"
_WEEK: Final = rb"\x10[0-9]{4}-W[0-9]{2}"
_DISTRICT: Final = (  # A9, A99, A9A, AA9, AA99 or AA9A
    rb"\x04[A-Z][0-9]|\x06(?:[A-Z][0-9][A-Z0-9]|[A-Z]{2}[0-9])|\x08[A-Z]{2}[0-9][A-Z0-9]"
)
_RELATION: Final = b"(?:" + _ENDS + b")?(?:" + _any_of(RelationKind) + b")"
_BLANK: Final = re.compile(b"|".join((_RELATION, _any_of(Theme, Activity), _WEEK, _DISTRICT)))


def _blank(data: bytes, own_ids: Iterable[UUID]) -> bytes:
    for own in own_ids:
        data = data.replace(own.bytes, b"\0")
    return _BLANK.sub(b"\0", data)


def _holds_id(data: bytes, inner: UUID) -> bool:
    if inner.bytes in data:
        return True
    lowered = data.lower()
    return inner.hex.encode() in lowered or str(inner).encode() in lowered


def _readable(data: bytes) -> str:
    """Everything readable in `data`: each way to decode it, squeezed and backwards too."""
    texts = [_fold(text) for piece in _decodings(data) for text in _texts(piece)]
    texts += [_SEPARATORS.sub("", text) for text in texts]
    texts += [text[::-1] for text in texts]
    return "\n".join(texts)


def _as_read(narrative: str) -> str:
    """A narrative as it reads, each word also without what joins its parts."""
    folded = _fold(narrative)
    words = [_SEPARATORS.sub("", word) for word in folded.split()]
    return "\n".join([folded, *words])


def _first(wanted: Mapping[str, str], haystack: str) -> str | None:
    return next((path for text, path in wanted.items() if text in haystack), None)


def _texts(data: bytes) -> list[str]:
    texts = _PRINTABLE.findall(data.decode("utf-8", "replace"))
    if not data.isascii():
        texts += _LATIN.findall(data.decode("latin-1"))
    for run in _UTF_16.findall(data):
        texts.append(run.replace(b"\0", b"").decode("latin-1"))
    return texts


def _decodings(data: bytes) -> Iterator[bytes]:
    yield data
    if b"%" in data:
        yield unquote_to_bytes(data)
    for run in _HEX.findall(data):
        yield from (_from_hex(run[start:]) for start in (0, 1))
    for run in _BASE64.findall(data):
        for spelt in (run, run[::-1]):
            yield from (_from_base64(spelt[start:]) for start in range(_ALIGNMENTS))


def _from_hex(run: bytes) -> bytes:
    return binascii.unhexlify(run[: len(run) // 2 * 2])


def _from_base64(run: bytes) -> bytes:
    """Decode as much as has whole bytes: four characters are three, a rest of two or three less."""
    standard = run.translate(_URL_SAFE)
    if len(standard) % _ALIGNMENTS == 1:
        standard = standard[:-1]
    return base64.b64decode(standard + b"=" * (-len(standard) % _ALIGNMENTS))


def _fold(text: str) -> str:
    """Without case and accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))
