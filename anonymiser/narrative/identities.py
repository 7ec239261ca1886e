"""L1: a report's own identifiers, in every form in which a narrative may repeat them.

As written, in parts, squeezed together, split by spaces, hyphens or line
breaks, backwards, as initials, by nickname, with one slip of the pen or one
character in the place of another. What the index finds belongs to a subject
of the report, so that its placeholder can say to which.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from jellyfish import damerau_levenshtein_distance
from nicknames import NickNamer

from anonymiser.narrative.lists import CAPITAL_GRAMMAR, GRAMMAR
from anonymiser.narrative.spans import Kind, Layer, Span
from anonymiser.narrative.spelling import fold
from anonymiser.narrative.words import ordinary_words
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from anonymiser.narrative.words import Token
    from streams.restricted import Identity, Node, Report

#: What may not survive of a declared value: research/privacy.md section 8, property 1.
FRAGMENT_CHARACTERS: Final = 6
#: Stands for a placeholder: what is on its two sides was never one.
BREAK: Final = "\x00"
_WORD_CHARACTERS_MIN: Final = 2
_FUZZY_CHARACTERS_MIN: Final = 4
_PIECED_CHARACTERS_MIN: Final = 3
_EDGE_CHARACTERS_MAX: Final = 2
#: A longer run of letters is no name with a slip in it: its fragments are looked for, and as no
#: ordinary word it goes anyway (the longest of those has 23 letters).
_TOKEN_CHARACTERS_MAX: Final = 40
_GAP_CHARACTERS_MAX: Final = 3
_INITIAL_CHARACTERS_MAX: Final = 4
_PART: Final = re.compile(r"[^\W_]+")
_DATE_FORMS: Final = ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%d%m%y", "%y%m%d")
#: What stands for a letter in "J0hn" and "K@i".
_LEET: Final = str.maketrans("013457869@$!|", "oieastbgpasii")

_NAME_FIELDS: Final = frozenset({"given_name", "middle_names", "family_name", "known_as"})
_KIND_OF_FIELD: Final = {
    "address": Kind.ADDRESS,
    "postcode": Kind.ADDRESS,
    "uprn": Kind.ADDRESS,
    "phone": Kind.PHONE,
    "imei": Kind.PHONE,
    "email": Kind.EMAIL,
    "handle": Kind.HANDLE,
    "vehicle_mark": Kind.VEHICLE,
    "account_number": Kind.ACCOUNT,
    "sort_code": Kind.ACCOUNT,
    "organisation_name": Kind.ORGANISATION,
    "organisation_number": Kind.ORGANISATION,
    "born_on": Kind.DATE,
}
_KIND_OF_NODE: Final = {
    NodeKind.PERSON: Kind.PERSON,
    NodeKind.ADDRESS: Kind.ADDRESS,
    NodeKind.PHONE: Kind.PHONE,
    NodeKind.VEHICLE: Kind.VEHICLE,
    NodeKind.ACCOUNT: Kind.ACCOUNT,
    NodeKind.HANDLE: Kind.HANDLE,
    NodeKind.ORGANISATION: Kind.ORGANISATION,
}

Owner: TypeAlias = tuple[Kind, int | None]
"""What a value is called, and the number of the subject it belongs to."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One value that may not stay. A name is taken apart, anything else is one thing."""

    value: str = field(repr=False)
    kind: Kind
    node: int | None = None
    is_name: bool = False


def declared_by(report: Report, of_the_source: Iterable[str] = ()) -> Iterator[Declared]:
    """Yield every value of a report that could tell a person or its source.

    `of_the_source` are the registered names of the partner and its services.
    """
    for number, node in enumerate(report.nodes):
        yield from _by_node(number, node)
    for text in (report.place.postcode, report.place.description):
        if text:
            yield Declared(text, Kind.PLACE)
    for text in (report.origin_reference, report.partner, report.service, *of_the_source):
        if text:
            yield Declared(text, Kind.WORD)


def _by_node(number: int, node: Node) -> Iterator[Declared]:
    yield Declared(node.label, _KIND_OF_NODE[node.kind], number)
    if node.reference:
        yield Declared(node.reference, Kind.IDENTIFIER, number)
    if node.identity is not None:
        yield from _by_identity(number, node.identity)


def _by_identity(number: int, identity: Identity) -> Iterator[Declared]:
    for facet in fields(identity):
        value = getattr(identity, facet.name)
        if facet.name in _NAME_FIELDS:
            for name in value if isinstance(value, tuple) else (value,):
                if name:
                    yield Declared(name, Kind.PERSON, number, is_name=True)
        elif isinstance(value, date):
            for form in _DATE_FORMS:
                yield Declared(value.strftime(form), Kind.DATE, number)
        elif value:
            yield Declared(value, _KIND_OF_FIELD.get(facet.name, Kind.IDENTIFIER), number)
    names = [identity.given_name, identity.family_name]
    if all(names):
        yield Declared(" ".join(filter(None, names)), Kind.PERSON, number, is_name=True)


class Index:
    """Looks for the declared values of one report; built once for each report."""

    def __init__(self, declared: Iterable[Declared]) -> None:
        self._fragments: dict[str, Owner] = {}
        self._tokens: dict[str, Owner] = {}
        self._parts: dict[str, Owner] = {}
        self._starts: dict[str, dict[int, None]] = {}
        self._near: dict[str, dict[str, None]] = {}
        self._initials: dict[str, Owner] = {}
        for one in declared:
            self._add(one)

    def find(self, text: str, tokens: Sequence[Token]) -> Iterator[Span]:
        """Yield what belongs to the report's subjects, whole tokens each; findings may overlap."""
        spelt = dict.fromkeys(token.lower for token in tokens)
        owners = {token: self._of_token(token) for token in spelt}
        for number, token in enumerate(tokens):
            if (owner := owners[token.lower]) is not None:
                yield _span(token.start, token.end, owner)
            elif self._initials and len(token.text) <= _INITIAL_CHARACTERS_MAX:
                yield from self._initials_at(text, tokens, number)
        yield from self._pairs(tokens, owners)
        yield from self._across(tokens)
        for start, end, owner in self._fragments_in(text.lower()):
            yield _span(*_core(text, start, end), owner)

    def survives_in(self, text: str, tokens: Iterable[Token]) -> bool:
        """Tell whether a fragment or a whole short value is left in a text, none over a BREAK."""
        lowered = text.lower()
        squeezed = "".join(mark for mark in lowered if mark.isalnum() or mark == BREAK)
        is_fragment = any(True for one in (lowered, squeezed) for _ in self._fragments_in(one))
        return is_fragment or any(token.lower in self._tokens for token in tokens)

    # --- building --------------------------------------------------------------------------

    def _add(self, one: Declared) -> None:
        folded = fold(one.value).strip()
        parts = _PART.findall(folded)
        owner = (one.kind, one.node)
        squeezed = "".join(parts)
        for text in (squeezed, squeezed[::-1], folded):
            for start in range(len(text) - FRAGMENT_CHARACTERS + 1):
                self._fragments.setdefault(text[start : start + FRAGMENT_CHARACTERS], owner)
        if len(squeezed) >= _WORD_CHARACTERS_MIN:
            self._tokens.setdefault(squeezed, owner)
        if one.is_name:
            self._add_name(parts, owner)

    def _add_name(self, parts: Sequence[str], owner: Owner) -> None:
        for part in parts:
            if len(part) < _WORD_CHARACTERS_MIN:
                continue
            for spelt in (part, *nicknames_of(part)):
                self._tokens.setdefault(spelt, owner)
            self._add_part(part, owner, is_fuzzy=True)
            if len(part) >= _FUZZY_CHARACTERS_MIN:
                self._tokens.setdefault(part[::-1], owner)
                self._add_part(part[::-1], owner)
        if len(parts) > 1:
            self._add_part("".join(parts), owner, is_fuzzy=True)
            initials = "".join(part[0] for part in parts)
            for spelt in (initials, initials[0] + initials[-1], initials[-1] + initials[0]):
                self._initials.setdefault(spelt, owner)

    def _add_part(self, part: str, owner: Owner, *, is_fuzzy: bool = False) -> None:
        """Take a name in; only one of four letters or more is met inside a word or with a slip."""
        self._parts.setdefault(part, owner)
        if not _FUZZY_CHARACTERS_MIN <= len(part) <= _TOKEN_CHARACTERS_MAX:
            return
        self._starts.setdefault(part[:_FUZZY_CHARACTERS_MIN], {})[len(part)] = None
        if is_fuzzy:
            for shorter in _neighbours(part):
                self._near.setdefault(shorter, {})[part] = None

    # --- one token -------------------------------------------------------------------------

    def _of_token(self, token: str) -> Owner | None:
        for spelt in _spellings(token):
            owner = self._tokens.get(spelt) or self._nearly(spelt)
            if owner is not None:
                return owner
        return self._inside(token)

    def _nearly(self, token: str) -> Owner | None:
        part = self._near_part(token)
        return None if part is None else self._parts[part]

    def _near_part(self, token: str) -> str | None:
        """Return the name that a token is but for one letter, or two that changed places.

        A word of grammar is taken for itself: "they" is not Thuy.
        """
        if not _FUZZY_CHARACTERS_MIN <= len(token) <= _TOKEN_CHARACTERS_MAX or token in GRAMMAR:
            return None
        for shorter in _neighbours(token):
            for part in self._near.get(shorter, ()):
                if damerau_levenshtein_distance(token, part) <= 1:
                    return part
        return None

    def _inside(self, token: str) -> Owner | None:
        """Return whose name is a part of the token: "testinas", "missinventsson"."""
        if len(token) > _TOKEN_CHARACTERS_MAX:
            return None
        for at in range(len(token) - _FUZZY_CHARACTERS_MIN + 1):
            for length in self._starts.get(token[at : at + _FUZZY_CHARACTERS_MIN], ()):
                if (owner := self._parts.get(token[at : at + length])) is not None:
                    return owner
        return None

    # --- initials ----------------------------------------------------------------------------

    def _initials_at(self, text: str, tokens: Sequence[Token], number: int) -> Iterator[Span]:
        """Yield "TI", "T.I.", "T I" and "T. Inventsson" where a declared name has them."""
        token = tokens[number]
        if len(token.text) > 1:
            owner = self._initials.get(token.lower)
            is_short = token.text.isupper() or text[token.end : token.end + 1] == "."
            if (
                owner is not None
                and is_short
                and not (text.isupper() and token.lower in CAPITAL_GRAMMAR)
            ):
                yield _span(token.start, token.end, owner)
            return
        letters, end = "", token.end
        for following in tokens[number : number + _INITIAL_CHARACTERS_MAX]:
            if len(following.text) > 1 or following.start - end > _INITIAL_CHARACTERS_MAX:
                break
            letters, end = letters + following.lower, following.end
            if (owner := self._initials.get(letters)) is not None and not letters.isdigit():
                yield _span(token.start, end, owner)

    # --- across tokens -----------------------------------------------------------------------

    def _pairs(self, tokens: Sequence[Token], owners: Mapping[str, Owner | None]) -> Iterator[Span]:
        """Yield two tokens, one no word or known, that are a name but for one slip: "Wal kre"."""
        words = ordinary_words()
        telling = {one for one, owner in owners.items() if owner is not None or one not in words}
        for left, right in itertools.pairwise(tokens):
            if right.start - left.end > _GAP_CHARACTERS_MAX:
                continue
            if left.lower in telling or right.lower in telling:
                both = left.lower + right.lower.removesuffix("'s")
                part = self._near_part(both.replace("'", ""))
                if part is not None and part not in {left.lower, right.lower}:
                    yield _span(left.start, right.end, self._parts[part])

    def _across(self, tokens: Sequence[Token]) -> Iterator[Span]:
        """Yield values that are spread over several tokens, or hidden inside some."""
        squeezed, place = _squeezed(tokens)
        for start, end, owner in self._fragments_in(squeezed):
            first, last = _core_tokens(place, start, end)
            yield _span(tokens[first].start, tokens[last].end, owner)
        for start in range(len(squeezed)):
            if start == 0 or place[start - 1] != place[start]:
                yield from self._pieces(squeezed, place, start, tokens)

    def _pieces(
        self, squeezed: str, place: Sequence[int], start: int, tokens: Sequence[Token]
    ) -> Iterator[Span]:
        """Yield a short name that whole tokens make together from here on: "Gr ace", "J-o-h-n".

        A very short one only if a piece is no word: "in a" is not Ina. A longer one is a fragment.
        """
        for end in range(start + _PIECED_CHARACTERS_MIN, start + FRAGMENT_CHARACTERS):
            owner = self._parts.get(squeezed[start:end])
            if owner is None or len(squeezed) < end:
                continue
            ends = _ends_at(squeezed, place, end) or (
                squeezed[end] == "s" and _ends_at(squeezed, place, end + 1)
            )
            pieces = tokens[place[start] : place[end - 1] + 1]
            if ends and (end - start >= _FUZZY_CHARACTERS_MIN or _is_no_word(pieces)):
                yield _span(pieces[0].start, pieces[-1].end, owner)

    def _fragments_in(self, text: str) -> Iterator[tuple[int, int, Owner]]:
        """Yield start, end and owner of each run of fragments that overlap and have one owner."""
        fragments, length = self._fragments, FRAGMENT_CHARACTERS
        run: tuple[int, int, Owner] | None = None
        for start in range(len(text) - length + 1):
            owner = fragments.get(text[start : start + length])
            if owner is None:
                continue
            if run is not None and start < run[1] and owner == run[2]:
                run = (run[0], start + length, owner)
                continue
            if run is not None:
                yield run
            run = (start, start + length, owner)
        if run is not None:
            yield run


def _is_no_word(pieces: Sequence[Token]) -> bool:
    words = ordinary_words()
    return any(piece.lower not in words for piece in pieces)


def _ends_at(squeezed: str, place: Sequence[int], end: int) -> bool:
    return end == len(squeezed) or place[end] != place[end - 1]


def _core(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out a word of which a fragment holds two letters at most: "Kacper W" in "Kacper who".

    The rest of the fragment goes, so it does not survive.
    """
    head = next((at for at in range(start, end) if not text[at].isalnum()), end)
    tail = next((at for at in range(end, start, -1) if not text[at - 1].isalnum()), start)
    is_split = start > 0 and text[start - 1].isalnum()
    goes_on = end < len(text) and text[end].isalnum()
    first = head if is_split and head - start <= _EDGE_CHARACTERS_MAX else start
    last = tail if goes_on and end - tail <= _EDGE_CHARACTERS_MAX else end
    return (first, last) if any(map(str.isalnum, text[first:last])) else (start, end)


def _core_tokens(place: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """Do the same where a fragment runs over several tokens."""
    first, last = place[start], place[end - 1]
    inside = place[start:end]
    if first == last:
        return first, last
    is_split = start > 0 and place[start - 1] == first
    goes_on = end < len(place) and place[end] == last
    if is_split and inside.count(first) <= _EDGE_CHARACTERS_MAX:
        first += 1
    if goes_on and inside.count(last) <= _EDGE_CHARACTERS_MAX:
        last -= 1
    return first, max(first, last)


def _span(start: int, end: int, owner: Owner) -> Span:
    return Span(start, end, owner[0], Layer.KNOWN, owner[1])


def _squeezed(tokens: Sequence[Token]) -> tuple[str, list[int]]:
    """Return the letters and digits of all tokens in a row, and which token each belongs to."""
    pieces: list[str] = []
    place: list[int] = []
    for number, token in enumerate(tokens):
        piece = token.lower.replace("'", "")
        pieces.append(piece)
        place.extend([number] * len(piece))
    return "".join(pieces), place


def _spellings(token: str) -> Iterator[str]:
    """Yield a token as it is, without a possessive or a plural, and with letters for leet."""
    yield token
    if "'" in token:
        yield token.replace("'", "")
        yield token.removesuffix("'s").removesuffix("'")
    elif len(token) > _FUZZY_CHARACTERS_MIN and token.endswith("s"):
        yield token[:-1]
    if not token.isalpha():
        yield token.translate(_LEET)


def _neighbours(name: str) -> Iterator[str]:
    """Yield a name and all that is left of it without one letter (the deletion neighbourhood)."""
    yield name
    for gap in range(len(name)):
        yield name[:gap] + name[gap + 1 :]


def nicknames_of(name: str) -> frozenset[str]:
    """Return what somebody of this name may be called, and what a nickname may stand for."""
    book = _nicknamer()
    full = book.canonicals_of(name)
    related = {*book.nicknames_of(name), *full}
    for one in full:
        related |= book.nicknames_of(one)
    return frozenset(related - {name})


@cache
def _nicknamer() -> NickNamer:
    return NickNamer()
