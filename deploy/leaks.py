"""Search bytes for identifiers that must not be in them: whole logs and stores, in one pass.

A pure function, used by the demo, by the evaluation and by the canary test. Each identifier of
six bytes or more is looked for as it was written, normalised (NFKC, without accents, without
separators), case-folded and reversed; and each of these in UTF-8, UTF-16 of both byte orders,
hexadecimal, Base64 of every alignment and alphabet, URL form and as JSON escapes it. A shorter
one counts only as a whole word of a text, since three letters turn up in random bytes by chance.
A name that is also a word of the log ("Field", "Law") looks like a leak wherever that word
stands; the town gives its people no such names. Source: issue 3, "leaks"; issue 5, point 7;
research/privacy.md section 8, property 1; research/reliability.md, bars 18 and 19.

Digits need care, for logs are full of numbers. A number of fewer than fourteen digits counts
only where it stands as a number by itself: no digit beside it, and not inside a run of twenty
hexadecimal digits and hyphens, which is an id or a hash. One of fewer than eight digits (a sort
code) counts only as a whole string, in the quotes of JSON or behind the length byte of Avro:
process ids and sizes have six digits too. What Avro writes directly before a digit, the length
of the next string, may be a digit by chance; so records are searched decoded as well.

In the linker's store the kind of a record stands right behind the bytes of its id. When the last
of these is an M, M and ORGANISATION begin like a name; such a letter does not count. A name that
is there is not hidden by this: no name goes on with the rest of the word.

How it is fast: two windows of four bytes, one a byte after the other, stand for each form. One of
them is at an even place of the document, so what the set of its 32-bit words at even places has
in common with the set of all windows (by C code) names the few forms worth looking for; of those,
the ones whose other words are there as well are looked for.
"""

from __future__ import annotations

import base64
import json
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
from streams.values import NodeKind, Theme

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streams.restricted import Identity, Report

WINDOW_BYTES: Final = 4
#: How far into a form its windows may lie.
PLACES_MAX: Final = 12
#: A larger document is searched piece by piece.
PIECE_BYTES: Final = 1 << 20
SUBSTRING_BYTES_MIN: Final = 6
WORD_CHARACTERS_MIN: Final = 2
#: From so many digits on a number counts wherever it stands by itself; from the second on anywhere.
NUMBER_DIGITS_MIN: Final = 8
SURE_DIGITS_MIN: Final = 14
FRAMED_DIGITS_MIN: Final = 4

#: What stands right behind bytes of an id, or of a row's own lengths, in a store.
_KINDS: Final = tuple(code.value.lower().encode() for code in (*NodeKind, *Theme))
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
    """One form of one identifier, as bytes. `is_number`: digits alone, so few that care is due."""

    path: str
    form: str
    bytes: bytes = field(repr=False)
    is_number: bool = False


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
            if text.isdigit() and len(raw) < NUMBER_DIGITS_MIN:
                self._want_framed(path, form, raw)
            elif len(raw) >= SUBSTRING_BYTES_MIN:
                self._want_bytes(path, form, text)
            elif len(text) >= WORD_CHARACTERS_MIN and form != "reversed":
                self._words.setdefault(raw.lower(), path)

    def _want_bytes(self, path: str, form: str, text: str) -> None:
        raw = text.encode()
        is_number = text.isdigit() and len(raw) < SURE_DIGITS_MIN
        self._folded.add(Needle(path, form, raw.lower(), is_number))
        for name, encoded in _encoded(text):
            self._folded.add(Needle(path, f"{form} {name}", encoded.lower()))
        for encoded in _base64_inside(raw):
            self._exact.add(Needle(path, f"{form} base64", encoded))

    def _want_framed(self, path: str, form: str, raw: bytes) -> None:
        """A short number, as a whole string, and in every form that is longer than its digits."""
        if len(raw) < FRAMED_DIGITS_MIN:
            return
        self._folded.add(Needle(path, f"{form} quoted", b'"' + raw + b'"'))
        self._folded.add(Needle(path, f"{form} counted", bytes([2 * len(raw)]) + raw))
        if len(raw) < SUBSTRING_BYTES_MIN:
            return
        for name, encoded in _encoded(raw.decode()):
            self._folded.add(Needle(path, f"{form} {name}", encoded.lower()))
        for encoded in _base64_inside(raw):
            self._exact.add(Needle(path, f"{form} base64", encoded))


class _Windows:
    """Needles by each of the two 32-bit windows one of which an aligned search must meet."""

    def __init__(self) -> None:
        self._by_window: defaultdict[int, set[tuple[Needle, int]]] = defaultdict(set)
        self._longest = 0

    def add(self, needle: Needle) -> None:
        """Take the two windows that the fewest other needles have: many numbers begin alike."""
        self._longest = max(self._longest, len(needle.bytes))
        places = range(max(1, min(PLACES_MAX, len(needle.bytes) - WINDOW_BYTES)))
        first = min(places, key=lambda place: self._load(needle, place))
        for place in (first, first + 1):
            self._by_window[_window(needle.bytes, place)].add((needle, place))

    def _load(self, needle: Needle, place: int) -> int:
        pair = (_window(needle.bytes, place), _window(needle.bytes, place + 1))
        return sum(len(self._by_window.get(window, ())) for window in pair)

    def in_(self, data: bytes) -> Iterator[Needle]:
        """Yield each needle that is there, once."""
        met = set[Needle]()
        for piece in _pieces(data, self._longest):
            met |= {one for one in self._perhaps_in(piece) if one not in met and _holds(piece, one)}
        yield from sorted(met, key=lambda one: (one.path, one.form, one.bytes))

    def _perhaps_in(self, piece: bytes) -> set[Needle]:
        """Those all of whose words at even places of the document are among its words."""
        words = {*_aligned_words(piece, 0), *_aligned_words(piece, 2)}
        return {
            needle
            for window in self._by_window.keys() & words
            for needle, place in self._by_window[window]
            if words.issuperset(_even_words(needle.bytes, place))
        }


def _even_words(data: bytes, place: int) -> Iterator[int]:
    """Yield the words that lie at even places when the one at `place` does."""
    for start in range(place % 2, len(data) - WINDOW_BYTES + 1, 2):
        yield _window(data, start)


def _pieces(data: bytes, overlap: int) -> Iterator[bytes]:
    """Yield a document in pieces that any needle fits into whole."""
    for start in range(0, max(1, len(data)), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES + overlap] if len(data) > PIECE_BYTES else data


def _window(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + WINDOW_BYTES], _BYTE_ORDER)


_BYTE_ORDER: Final = sys.byteorder


_ID_RUN: Final = re.compile(rb"[0-9a-fA-F-]{20,}")
_AROUND_BYTES: Final = 40


def _holds(data: bytes, needle: Needle) -> bool:
    """Tell whether it is there by more than chance; see the top of this module."""
    is_meant = _stands_alone if needle.is_number else _is_no_word_of_the_log
    start = data.find(needle.bytes)
    while start >= 0:
        if is_meant(data, start, start + len(needle.bytes)):
            return True
        start = data.find(needle.bytes, start + 1)
    return False


def _is_no_word_of_the_log(data: bytes, start: int, end: int) -> bool:
    """All but its first byte, or all but its last, may lie in a longer word that stands there.

    What ends within that word, or begins within it, is no name: that letter was a byte by chance.
    """
    for word in _KINDS:
        if data.startswith(word, start + 1) and start + 1 + len(word) > end:
            return False
        before = end - 1 - len(word)
        if 0 <= before < start and data.startswith(word, before):
            return False
    return True


def _stands_alone(data: bytes, start: int, end: int) -> bool:
    if data[max(0, start - 1) : start].isdigit() or data[end : end + 1].isdigit():
        return False
    first = max(0, start - _AROUND_BYTES)
    around = data[first : end + _AROUND_BYTES]
    runs = _ID_RUN.finditer(around)
    return not any(run.start() <= start - first < run.end() for run in runs)


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
    squeezed = _SEPARATORS.sub("", value)
    for text in {
        plain,
        squeezed,
        _SEPARATORS.sub("", plain),
        value.casefold(),
        unicodedata.normalize("NFKC", value),
        unicodedata.normalize("NFC", value),
        unicodedata.normalize("NFD", value),
    } - {value}:
        yield "normalised", text
    for text in {value, squeezed}:
        yield "reversed", text[::-1]


def _encoded(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield the forms whose case does not count, beside the text itself."""
    raw = text.encode()
    yield "hex", raw.hex().encode()
    yield "utf-16", text.encode("utf-16-le")
    yield "utf-16", text.encode("utf-16-be")
    for name, form in (
        ("url", quote(raw, safe="")),
        ("url", quote_plus(raw)),
        ("json", json.dumps(text)[1:-1]),
    ):
        if form != text:
            yield name, form.encode()


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
