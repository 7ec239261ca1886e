"""Do two descriptions mean the same subject? Pure comparison of tokens; no state, no ids.

An equal strong token (an NHS number, a UPRN …) means the same subject.
Without one, a person needs several fields that agree: each field adds, at its
best agreeing level, the bits of evidence an agreement is worth (log2 of how
much likelier it is for one person than for two), and the sum must reach a
threshold that name alone or birth date alone cannot reach. A contradiction is
a veto: whatever else agrees, it is never a merge, and at most a question for
a human. Things other than persons link by exact token only.

What tells twins and siblings apart is the given name, so it must agree well:
letter for letter but for doubled and transposed ones, as a nickname, as one
half of a double name whose other half does not contradict, or in sound and
first three letters together. Sound alone would make Tom of Tim.

Source: research/privacy.md section 2; the bits are policy, see `LinkPolicy`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from anonymiser.tokens import FIELDS_OF, STRONG_FIELDS
from streams.values import NodeKind, Sex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streams.restricted import FieldToken

_CHUNK_TOKEN_BYTES: Final = 8  # of 16: enough to tell a billion values apart
_CHUNK_BYTES: Final = 1 + _CHUNK_TOKEN_BYTES
_BLOCK_TOKEN_BYTES: Final = 6

_FIELDS: Final = tuple(sorted(frozenset().union(*FIELDS_OF.values())))
_SEX: Final = 255  # no token: two values are no secret inside the enclave
_NUMBER_OF: Final[Mapping[str, int]] = {name: number for number, name in enumerate(_FIELDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPolicy:
    """The numbers of linking, version 1, in bits unless named otherwise.

    `threshold` accepts a person by agreement. It fits up to a million people:
    two bits more for every four times as many. Without a given name on one
    side, `nameless_threshold`. Of two candidates that contradict each other
    the better is taken if it leads by `margin`. A block shared by more than
    `block_entities_max` entities finds nobody, so that a common value costs
    no time. `questions_max` bounds what one mention may ask of humans.
    """

    version: int = 1
    threshold: int = 24
    nameless_threshold: int = 32
    fields_min: int = 3
    margin: int = 8
    block_entities_max: int = 64
    questions_max: int = 3


class Verdict(StrEnum):
    """What a comparison says."""

    STRONG = "STRONG"
    AGREEMENT = "AGREEMENT"
    POSSIBLE = "POSSIBLE"
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, slots=True)
class Profile:
    """What one mention, or all mentions of one entity, say, unpacked.

    `fields` are the numbers of the fields that are there.
    """

    kind: NodeKind
    chunks: frozenset[bytes] = field(repr=False)
    fields: frozenset[int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict and why; fields by name, never a value."""

    verdict: Verdict
    score: int = 0
    agreed: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()

    @property
    def is_accepted(self) -> bool:
        """Whether the two are taken for the same subject."""
        return self.verdict in (Verdict.STRONG, Verdict.AGREEMENT)


DIFFERENT: Final = Comparison(Verdict.DIFFERENT)

# --- packing -----------------------------------------------------------------------


def pack(tokens: Iterable[FieldToken], sex: Sex) -> bytes:
    """Put tokens and sex into one sorted string: of each the field's number and eight bytes.

    Equal descriptions give equal bytes. A field that linking does not know is left out.
    """
    chunks = {
        bytes([_NUMBER_OF[token.field]]) + token.token[:_CHUNK_TOKEN_BYTES]
        for token in tokens
        if token.field in _NUMBER_OF
    }
    if sex in (Sex.FEMALE, Sex.MALE):
        chunks.add(bytes([_SEX]) + sex.value.encode().ljust(_CHUNK_TOKEN_BYTES))
    return b"".join(sorted(chunks))


def profile(kind: NodeKind, packed: Iterable[bytes]) -> Profile:
    """Unite what several mentions say."""
    chunks = frozenset(chunk for one in packed for chunk in _chunks(one))
    numbers = frozenset(chunk[0] for chunk in chunks)
    return Profile(kind, chunks, numbers)


def _chunks(packed: bytes) -> Iterator[bytes]:
    for start in range(0, len(packed), _CHUNK_BYTES):
        yield packed[start : start + _CHUNK_BYTES]


# --- comparing ---------------------------------------------------------------------

#: Evidence that each token field gives if it agrees: the field it belongs to, and bits.
_BITS: Final[Mapping[str, tuple[str, int]]] = {
    "given_name.exact": ("given_name", 8),
    "given_name.nickname": ("given_name", 6),
    "given_name.alias": ("given_name", 6),
    "given_name.letters": ("given_name", 6),
    "family_name.exact": ("family_name", 9),
    "family_name.letters": ("family_name", 7),
    "family_name.metaphone": ("family_name", 5),
    "family_name.first3": ("family_name", 3),
    "middle_names.exact": ("middle_names", 4),
    "middle_names.initial": ("middle_names", 1),
    "known_as.exact": ("known_as", 3),
    "born_on.exact": ("born_on", 14),
    "born_on.swap": ("born_on", 10),
    "born_on.mask": ("born_on", 9),
    "place": ("place", 12),
    "uprn": ("place", 12),
    "postcode.exact": ("place", 8),
    "postcode.outcode": ("place", 1),
    "phone": ("phone", 10),
    "email": ("email", 14),
    "handle": ("handle", 12),
    "vehicle_mark": ("vehicle_mark", 8),
    "account": ("account", 12),
    "imei": ("imei", 10),
}
_BITS_BY_NUMBER: Final = {_NUMBER_OF[name]: worth for name, worth in _BITS.items()}
_SWAPPED_GIVEN_BITS: Final = 7
_SWAPPED_FAMILY_BITS: Final = 8
_GIVEN_SOUND_BITS: Final = 5
_GIVEN_PART_BITS: Final = 5
_FAMILY_PART_BITS: Final = 6
_FAMILY_DIFFERS_BITS: Final = -4

_STRONG: Final = {
    kind: frozenset(_NUMBER_OF[name] for name in names) for kind, names in STRONG_FIELDS.items()
}
_GIVEN: Final = _NUMBER_OF["given_name.exact"]
_FAMILY: Final = _NUMBER_OF["family_name.exact"]
_BORN: Final = _NUMBER_OF["born_on.exact"]
_SWAP: Final = _NUMBER_OF["name.swap"]
_GIVEN_PART: Final = _NUMBER_OF["given_name.part"]
_FAMILY_PART: Final = _NUMBER_OF["family_name.part"]
_GIVEN_SOUND: Final = frozenset(
    {_NUMBER_OF["given_name.metaphone"], _NUMBER_OF["given_name.first3"]}
)
_WHO: Final = frozenset({"given_name", "family_name", "born_on"})
#: What tells two people of one name under one roof apart.
_TELLING: Final = frozenset({"born_on", "phone", "email", "handle", "account", "imei"})

#: Fields that identify a thing, the one that says more first: an equal later one is
#: overruled by an earlier one that differs (two flats of one street address).
_THING_FIELDS: Final[Mapping[NodeKind, tuple[tuple[str, bool], ...]]] = {
    NodeKind.ADDRESS: (("uprn", True), ("place", True)),
    NodeKind.PHONE: (("phone", True), ("imei", True)),
    NodeKind.VEHICLE: (("vehicle_mark", True),),
    NodeKind.ACCOUNT: (("account", True),),
    NodeKind.HANDLE: (("handle", True), ("email", True)),
    NodeKind.ORGANISATION: (
        ("organisation_number", True),
        ("postcode.exact", False),  # contradicts, but many share one
        ("organisation_name.exact", True),
    ),
}


def compare(left: Profile, right: Profile, policy: LinkPolicy) -> Comparison:
    """Compare two profiles of one kind."""
    shared = left.chunks & right.chunks
    if not shared:
        return DIFFERENT
    if left.kind is NodeKind.PERSON:
        return _compare_persons(left, right, shared, policy)
    return _compare_things(left, right, {chunk[0] for chunk in shared})


def vetoes(left: Profile, right: Profile) -> tuple[str, ...]:
    """Return the fields that contradict, whatever agrees; empty for two that could be one."""
    shared = left.chunks & right.chunks
    numbers = {chunk[0] for chunk in shared}
    both = left.fields & right.fields
    if left.kind is not NodeKind.PERSON:
        compared = _compare_things(left, right, numbers)
        return () if compared.is_accepted else _things_differing(left.kind, both - numbers)
    bits = _bits(left, right, shared, numbers)
    contradicted = tuple(_contradictions(both, numbers, bits))
    if not numbers & _STRONG[NodeKind.PERSON]:
        return contradicted
    verdict = _strong_verdict(both, bits, contradicted)
    return () if verdict is Verdict.STRONG else contradicted


def share_strong(left: Profile, right: Profile) -> bool:
    """Tell whether a strong token is equal."""
    return any(chunk[0] in _STRONG[left.kind] for chunk in left.chunks & right.chunks)


def _compare_things(left: Profile, right: Profile, shared: set[int]) -> Comparison:
    both = left.fields & right.fields
    differing: list[str] = []
    for name, links in _THING_FIELDS[left.kind]:
        number = _NUMBER_OF[name]
        if number in shared and links:
            return _thing(name, left.kind, tuple(differing))
        if number in both and number not in shared:
            differing.append(name)
    return DIFFERENT


def _thing(name: str, kind: NodeKind, differing: tuple[str, ...]) -> Comparison:
    if differing:
        return Comparison(Verdict.POSSIBLE, 0, (name,), differing)
    is_strong = name in STRONG_FIELDS[kind]
    return Comparison(Verdict.STRONG if is_strong else Verdict.AGREEMENT, 0, (name,))


def _things_differing(kind: NodeKind, differing: frozenset[int]) -> tuple[str, ...]:
    return tuple(name for name, _ in _THING_FIELDS[kind] if _NUMBER_OF[name] in differing)


def _compare_persons(
    left: Profile, right: Profile, shared: frozenset[bytes], policy: LinkPolicy
) -> Comparison:
    numbers = {chunk[0] for chunk in shared}
    bits = _bits(left, right, shared, numbers)
    both = left.fields & right.fields
    strong = tuple(_FIELDS[number] for number in sorted(numbers & _STRONG[NodeKind.PERSON]))
    contradicted = tuple(_contradictions(both, numbers, bits))
    agreed = (*strong, *sorted(bits))
    score = sum(bits.values()) + _penalty(both, bits)
    if strong:
        return Comparison(_strong_verdict(both, bits, contradicted), score, agreed, contradicted)
    verdict = _weigh(score, bits, both, contradicted, policy)
    return Comparison(verdict, score, agreed, contradicted)


def _bits(
    left: Profile, right: Profile, shared: frozenset[bytes], numbers: set[int]
) -> dict[str, int]:
    """Bits of each agreeing field, at its best level."""
    best: dict[str, int] = {}
    for number in numbers:
        if (worth := _BITS_BY_NUMBER.get(number)) is not None:
            _raise(best, *worth)
    if _SWAP in numbers:
        _raise(best, "given_name", _SWAPPED_GIVEN_BITS)
        _raise(best, "family_name", _SWAPPED_FAMILY_BITS)
    if numbers >= _GIVEN_SOUND:
        _raise(best, "given_name", _GIVEN_SOUND_BITS)
    if _GIVEN_PART in numbers and _part_of(left, right, shared, _GIVEN_PART):
        _raise(best, "given_name", _GIVEN_PART_BITS)
    if _FAMILY_PART in numbers and _part_of(left, right, shared, _FAMILY_PART):
        _raise(best, "family_name", _FAMILY_PART_BITS)
    return best


def _raise(best: dict[str, int], name: str, bits: int) -> None:
    best[name] = max(bits, best.get(name, bits))


def _part_of(left: Profile, right: Profile, shared: frozenset[bytes], number: int) -> bool:
    """Anna is one half of Anna-Maria; Anna-Maria and Anna-Lena are two sisters."""
    common = {chunk for chunk in shared if chunk[0] == number}
    return any(
        common == {chunk for chunk in side.chunks if chunk[0] == number} for side in (left, right)
    )


def _penalty(both: frozenset[int], bits: Mapping[str, int]) -> int:
    return _FAMILY_DIFFERS_BITS if _FAMILY in both and "family_name" not in bits else 0


def _contradictions(
    both: frozenset[int], numbers: set[int], bits: Mapping[str, int]
) -> Iterator[str]:
    for number in sorted((both & _STRONG[NodeKind.PERSON]) - numbers):
        yield _FIELDS[number]
    if _GIVEN in both and "given_name" not in bits:
        yield "given_name"
    if _BORN in both and "born_on" not in bits:
        yield "born_on"
    if _SEX in both and _SEX not in numbers:
        yield "sex"


def _strong_verdict(
    both: frozenset[int], bits: Mapping[str, int], contradicted: tuple[str, ...]
) -> Verdict:
    """An equal number links in spite of a wrong name or date, not of everything being another's."""
    is_number_differing = any(name in STRONG_FIELDS[NodeKind.PERSON] for name in contradicted)
    is_somebody_else = {_GIVEN, _FAMILY, _BORN} <= both and not _WHO & bits.keys()
    return Verdict.POSSIBLE if is_number_differing or is_somebody_else else Verdict.STRONG


def _weigh(
    score: int,
    bits: Mapping[str, int],
    both: frozenset[int],
    contradicted: tuple[str, ...],
    policy: LinkPolicy,
) -> Verdict:
    if len(bits) < policy.fields_min or not {"given_name", "born_on"} & bits.keys():
        return Verdict.DIFFERENT
    if contradicted:
        is_question = len(contradicted) == 1 and score >= policy.threshold
        return Verdict.POSSIBLE if is_question else Verdict.DIFFERENT
    if _GIVEN in both:
        return _named(score, bits, policy)
    is_enough = score >= policy.nameless_threshold and {"family_name", "born_on"} <= bits.keys()
    return Verdict.AGREEMENT if is_enough else Verdict.DIFFERENT


def _named(score: int, bits: Mapping[str, int], policy: LinkPolicy) -> Verdict:
    """Without a birth date only what is a person's own links: father and son may share the rest."""
    if score < policy.threshold:
        return Verdict.DIFFERENT
    return Verdict.AGREEMENT if _TELLING & bits.keys() else Verdict.POSSIBLE


# --- blocking ----------------------------------------------------------------------

#: Pairs of token fields that find candidates; none is a name or a date alone.
_PAIRS: Final = tuple(
    (_NUMBER_OF[left], _NUMBER_OF[right])
    for left, right in (
        ("born_on.exact", "family_name.metaphone"),
        ("born_on.exact", "family_name.exact"),
        ("born_on.exact", "given_name.metaphone"),
        ("born_on.exact", "given_name.exact"),
        ("born_on.exact", "place"),
        ("born_on.exact", "postcode.exact"),
        ("name.swap", "born_on.mask"),
        ("name.swap", "born_on.swap"),
        ("postcode.exact", "given_name.metaphone"),
        ("postcode.exact", "given_name.exact"),
        ("postcode.exact", "family_name.exact"),
        ("postcode.exact", "name.swap"),
        ("uprn", "given_name.exact"),
        ("phone", "given_name.exact"),
        ("phone", "given_name.metaphone"),
        ("phone", "born_on.exact"),
        ("email", "given_name.exact"),
        ("email", "born_on.exact"),
        ("handle", "given_name.exact"),
        ("account", "given_name.exact"),
    )
)
_LINKING_FIELDS: Final = {
    kind: frozenset(_NUMBER_OF[name] for name, links in fields if links)
    for kind, fields in _THING_FIELDS.items()
}


def blocks_of(kind: NodeKind, packed: bytes) -> tuple[bytes, ...]:
    """Return the keys under which a description is found and finds others; strong tokens first.

    Two persons whom `compare` would accept share a key unless they agree only in
    ways that no pair names.
    """
    chunks = tuple(_chunks(packed))
    linking = _STRONG[kind] if kind is NodeKind.PERSON else _LINKING_FIELDS[kind]
    prefix = kind.value[:2].encode()
    single = tuple(prefix + chunk for chunk in chunks if chunk[0] in linking)
    return single + tuple(_pairs(chunks)) if kind is NodeKind.PERSON else single


def is_strong_block(block: bytes) -> bool:
    """Tell whether a block is one token that links by itself; such a one is never too large."""
    return len(block) == 2 + _CHUNK_BYTES


def _pairs(chunks: tuple[bytes, ...]) -> Iterator[bytes]:
    by_field: dict[int, list[bytes]] = {}
    for chunk in chunks:
        by_field.setdefault(chunk[0], []).append(chunk[1 : 1 + _BLOCK_TOKEN_BYTES])
    for pair, (left, right) in enumerate(_PAIRS):
        for one in by_field.get(left, ()):
            for other in by_field.get(right, ()):
                yield bytes([pair]) + one + other
