"""Search bytes for identifiers that must not be in them: whole logs and stores, in one pass.

A pure function, used by the demo and by the evaluation. It looks for each declared identifier of
six bytes or more in raw, normalised, hexadecimal, Base64 (every alignment) and URL form, whatever
its case; a shorter one only as a whole word of a text, since three letters turn up in random bytes
by chance. A name that is also a word of the log ("Field", "Law") looks like a leak wherever that
word stands; the town gives its people no such names. Source: issue 3, "leaks";
research/privacy.md section 8, property 1.

How it is fast: every form has a window of four bytes at an even place of the document or one
later, so the aligned 32-bit words of a document, looked up in the set of all windows (by C code),
name the few forms worth looking for.
"""

from __future__ import annotations

import base64
import re
import sys
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

from streams.errors import InvalidInputError
from streams.identifiers import canonical, carried_by, declared, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streams.restricted import Identity, Report

WINDOW_BYTES: Final = 4
SUBSTRING_BYTES_MIN: Final = 6
WORD_CHARACTERS_MIN: Final = 2

_WORD: Final = re.compile(rb"[0-9A-Za-z\x80-\xff]+")
_SEPARATORS: Final = re.compile(r"[\s\-./,'()]+")
_DAY_FORMS: Final = ("%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y")
_BASE64_GROUP: Final = 3


@dataclass(frozen=True, slots=True)
class Identifier:
    """One declared value; `path` may be told, the value may not."""

    path: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes to search. `is_text` when words in it are words: a log, a decoded record, a row."""

    name: str
    data: bytes = field(repr=False)
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Leak:
    """An identifier in a document, and in which form; never the value."""

    document: str
    path: str
    form: str


@dataclass(frozen=True, slots=True)
class Needle:
    """One form of one identifier, as bytes. `is_day`: a day in digits alone, such as 27112026."""

    path: str
    form: str
    bytes: bytes = field(repr=False)
    is_day: bool = False


def identifiers_of(report: Report, path: str = "") -> Iterator[Identifier]:
    """Yield every identifier that a report declares, a date in each way people write one.

    Also what a driver number or a CHI number carries: the letters of a name, a birth date.
    """
    for number, node in enumerate(report.nodes):
        place = f"{path}nodes[{number}]"
        if node.reference:
            yield Identifier(f"{place}.reference", node.reference)
        for name, value in declared(node.identity) if node.identity else ():
            for text in _spelt(name, value):
                yield Identifier(f"{place}.identity.{name}", text)
        if node.identity:
            yield from _carried(node.identity, f"{place}.identity")


def _carried(identity: Identity, place: str) -> Iterator[Identifier]:
    for one in read(identity)[0]:
        facts = carried_by(one.field, one.form) if one.form is not None else None
        if facts is None:
            continue
        if facts.family_name:
            yield Identifier(f"{place}.{one.told_in}", facts.family_name)
        for day in facts.birth_dates():
            for text in _spelt("born_on", day):
                yield Identifier(f"{place}.{one.told_in}.born_on", text)


def find_leaks(identifiers: Iterable[Identifier], documents: Iterable[Document]) -> list[Leak]:
    """Return every identifier that some document holds, once for each document and form."""
    search = LeakSearch(identifiers)
    return [leak for document in documents for leak in search.find(document)]


class LeakSearch:
    """The forms of many identifiers, made once; `find` takes one document after the other."""

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        self._folded = _Windows()
        self._exact = _Windows()
        self._words: dict[bytes, str] = {}
        for value, path in {one.value: one.path for one in identifiers}.items():
            self._want(value, path)

    def find(self, document: Document) -> Iterator[Leak]:
        """Yield what the document leaks."""
        folded = document.data.lower()
        for data, windows in ((folded, self._folded), (document.data, self._exact)):
            for needle in windows.in_(data):
                yield Leak(document.name, needle.path, needle.form)
        if document.is_text:
            for word in set(_WORD.findall(folded)) & self._words.keys():
                yield Leak(document.name, self._words[word], "word")

    def _want(self, value: str, path: str) -> None:
        for form, text in _texts_of(value):
            raw = text.encode()
            if len(raw) >= SUBSTRING_BYTES_MIN:
                self._want_bytes(path, form, raw)
            elif len(text) >= WORD_CHARACTERS_MIN:
                self._words.setdefault(raw.lower(), path)

    def _want_bytes(self, path: str, form: str, raw: bytes) -> None:
        is_day = path.endswith("born_on") and raw.isdigit()
        self._folded.add(Needle(path, form, raw.lower(), is_day))
        for name, encoded in (
            ("hex", raw.hex().encode()),
            ("url", quote(raw, safe="").lower().encode()),
            ("url", quote_plus(raw).lower().encode()),
        ):
            self._folded.add(Needle(path, f"{form} {name}", encoded, is_day and encoded == raw))
        for encoded in _base64_inside(raw):
            self._exact.add(Needle(path, f"{form} base64", encoded))


class _Windows:
    """Needles by each of the two 32-bit windows one of which an aligned search must meet."""

    def __init__(self) -> None:
        self._by_window: defaultdict[int, set[Needle]] = defaultdict(set)

    def add(self, needle: Needle) -> None:
        for start in (0, 1):
            window = needle.bytes[start : start + WINDOW_BYTES]
            self._by_window[int.from_bytes(window, _BYTE_ORDER)].add(needle)

    def in_(self, data: bytes) -> Iterator[Needle]:
        wanted = frozenset(self._by_window)
        met = set[Needle]()
        for start in (0, 2):  # with windows at 0 and 1 of each needle: every place is covered
            for window in wanted.intersection(_aligned_words(data, start)):
                met |= self._by_window[window]
        for needle in sorted(met, key=lambda one: (one.path, one.form, one.bytes)):
            if _holds(data, needle):
                yield needle


_BYTE_ORDER: Final = sys.byteorder


def _holds(data: bytes, needle: Needle) -> bool:
    """A store puts ids before weeks, "…2711" before "2026-W48": that is nobody's birthday."""
    if needle.bytes not in data:
        return False
    return not needle.is_day or re.search(needle.bytes + rb"(?!-w[0-5])", data) is not None


def _aligned_words(data: bytes, start: int) -> Sequence[int]:
    """Return the 32-bit words from `start` on, without copying."""
    usable = max(0, len(data) - start) // WINDOW_BYTES * WINDOW_BYTES
    return memoryview(data)[start : start + usable].cast("I") if usable else ()


# --- the forms of a value ------------------------------------------------------


def _spelt(name: str, value: str | date) -> Iterator[str]:
    if isinstance(value, date):
        yield from (value.strftime(form) for form in _DAY_FORMS)
        return
    yield value
    try:
        normal = canonical(name, value)
    except InvalidInputError:
        return
    if normal and normal != value:
        yield normal


def _texts_of(value: str) -> Iterator[tuple[str, str]]:
    yield "raw", value
    yield "raw", value.upper()  # `lower` of bytes knows ASCII only
    plain = _without_accents(value)
    for text in {plain, _SEPARATORS.sub("", value), _SEPARATORS.sub("", plain)} - {value}:
        yield "normalised", text


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


def _base64_inside(raw: bytes) -> Iterator[bytes]:
    """Yield, for each alignment, what of a value's Base64 does not depend on what is around it."""
    for shift in range(_BASE64_GROUP):
        encoded = base64.b64encode(bytes(shift) + raw)
        first = -(-shift * 4 // _BASE64_GROUP)  # characters that mix in what stands before
        whole = (shift + len(raw)) * 8 // 6  # characters that hold nothing of what follows
        inside = encoded[first:whole]
        yield inside
        yield inside.translate(_URL_SAFE)


_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
