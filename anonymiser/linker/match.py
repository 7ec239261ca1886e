"""Do two descriptions mean the same subject? Pure comparison of tokens; no state, no ids.

An equal strong token (an NHS number, a UPRN …) means the same subject.
Without one, a person needs fields that agree: each weighs, at its best
agreeing level, the evidence that `anonymiser.linker.weights` gives it, and the
sum must reach a threshold that grows with the number of people. A
contradiction is a veto: whatever else agrees, it is never a merge, and at most
a question for a human. Things other than persons link by exact token only.

What tells twins and siblings apart is the given name, so it must agree well:
see `GIVEN_AGREES`. Two names that differ are one name misspelt only if one of
them is no known forename: nobody is called Ethn, but Tom and Tim are brothers.

Source: privacy.md section 2, recipe (f); what is policy is in `LinkPolicy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

from anonymiser.linker.ageing import aged, steps
from anonymiser.linker.blocks import blocks_of, is_strong_block
from anonymiser.linker.levels import (
    ABBREVIATED,
    BORN,
    DIFFERS,
    FAMILY,
    GIVEN,
    NEW_YEAR,
    OTHER_NAME,
    UNLISTED,
    levels_of,
    pattern_of,
)
from anonymiser.linker.packing import CHILD as CHILD_FIELD
from anonymiser.linker.packing import SEX as SEX_FIELD
from anonymiser.linker.packing import Profile, bit, fields_among, pack, profile
from anonymiser.linker.standard import WEIGHTS
from anonymiser.tokens import STRONG_FIELDS
from streams.restricted import ComparedField
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymiser.linker.levels import Pattern
    from anonymiser.linker.weights import LinkWeights

__all__ = [
    "Comparison",
    "LinkPolicy",
    "Profile",
    "Verdict",
    "blocks_of",
    "compare",
    "is_strong_block",
    "pack",
    "profile",
    "share_strong",
    "supported",
    "vetoes",
]

PATTERNS_MAX: Final = 1 << 16
"""So many patterns of agreement are remembered with what they mean; they hold nobody's values."""


@dataclass(frozen=True, kw_only=True)
class LinkPolicy:
    """The numbers of linking, version 2; evidence in centibits.

    Without a given name on one side `nameless_extra` is asked for on top of
    the threshold. Of two candidates that contradict each other the better is
    taken if it leads by `margin`. A block shared by more than
    `block_entities_max` entities finds nobody, so that a common value costs no
    time. `questions_max` bounds what one mention may ask of humans. Each
    relation that two candidates share adds `relation_support`, together at
    most `relation_support_max`.
    """

    version: int = 2
    weights: LinkWeights = WEIGHTS
    nameless_extra: int = 800
    undated_extra: int = 800
    contradictions_max: int = 1
    fields_min: int = 3
    fields_asked_min: int = 2
    margin: int = 800
    block_entities_max: int = 64
    questions_max: int = 3
    relation_support: int = 200
    relation_support_max: int = 400

    @cached_property
    def remembered(self) -> dict[tuple[Pattern, int], _Evidence]:
        """What patterns of agreement mean under this policy, as far as they have occurred."""
        return {}


class Verdict(StrEnum):
    """What a comparison says."""

    STRONG = "STRONG"
    AGREEMENT = "AGREEMENT"
    POSSIBLE = "POSSIBLE"
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict and why; fields and levels by name, never a value.

    `score` is the sum of `levels` in centibits, the waterfall of the evidence.
    """

    verdict: Verdict
    score: int = 0
    agreed: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()
    levels: tuple[ComparedField, ...] = ()

    @property
    def is_accepted(self) -> bool:
        """Whether the two are taken for the same subject."""
        return self.verdict in (Verdict.STRONG, Verdict.AGREEMENT)


DIFFERENT: Final = Comparison(Verdict.DIFFERENT)

#: Levels at which a given name is the same name. The rest is another name, though alike.
GIVEN_AGREES: Final = frozenset(
    {"exact", "spelling", "nickname", "alias", "swapped", "half", ABBREVIATED}
    | {"letters", "near and sound", "near and first3", "near", "sound and first3"}
    | {"sound", "first3", "moved"}
    | {one + OTHER_NAME for one in ("letters", "moved")}
    | {one + UNLISTED for one in ("letters", "near and first3", "moved")}
)
#: The year at least must be the same, or nearly: father and son may share day and month.
BORN_AGREES: Final = frozenset(
    {"exact", "swap", "near", "ym", "yd", "year", "exact" + NEW_YEAR, "near" + NEW_YEAR}
)

_STRONG: Final[Mapping[NodeKind, int]] = {
    kind: sum(bit(name) for name in names) for kind, names in STRONG_FIELDS.items()
}
_STRONG_PERSON: Final = tuple((name, bit(name)) for name in sorted(STRONG_FIELDS[NodeKind.PERSON]))
#: A passport is renewed under another number, and no check digit tells a slip in it: two that
#: differ may be one person's. An equal one still links.
_RENEWED: Final = frozenset({"passport_number"})
_STRONG_BITS: Final = _STRONG[NodeKind.PERSON]
_SEX: Final = bit(SEX_FIELD)
_CHILD: Final = bit(CHILD_FIELD)
#: Quarters of a year within which a child is no adult; a year later it may have become one.
_CHILD_STEPS_MAX: Final = 3
_SHARED_MIN: Final = 3
#: What tells two people of one name under one roof apart.
_TELLING: Final = frozenset({"born_on", "phone", "email", "handle", "account", "imei"})
_HOME: Final = frozenset({"address", "postcode", "uprn"})
_OTHER_LEVELS: Final = frozenset({DIFFERS, "initial"})
_WHO: Final = frozenset({"given_name", "family_name", "born_on"})


def compare(
    left: Profile,
    right: Profile,
    policy: LinkPolicy,
    *,
    persons: int = 0,
    weeks: int | None = None,
) -> Comparison:
    """Compare two profiles of one kind; which is left does not matter.

    `persons` is how many persons the linker holds: the thresholds grow with
    it. `weeks` between the two sightings make a shared phone, plate or address
    weigh less (`anonymiser.linker.ageing`); None if it is not known.
    """
    shared = left.chunks & right.chunks
    if not shared:
        return DIFFERENT
    if left.kind is not NodeKind.PERSON:
        return _compare_things(left, right, fields_among(shared))
    if len(shared) < _SHARED_MIN and not fields_among(shared) & _STRONG_BITS:
        return DIFFERENT
    evidence = _evidence(pattern_of(left, right, shared), policy, steps(weeks))
    return evidence.judged(policy.weights.growth(persons))


def vetoes(left: Profile, right: Profile) -> tuple[str, ...]:
    """Return the fields that contradict, whatever agrees; empty for two that could be one."""
    shared = left.chunks & right.chunks
    if left.kind is not NodeKind.PERSON:
        equal = fields_among(shared)
        compared = _compare_things(left, right, equal)
        both = left.fields & right.fields
        return () if compared.is_accepted else _things_differing(left.kind, both & ~equal)
    pattern = pattern_of(left, right, shared)
    levels = dict(levels_of(pattern))
    contradicted = tuple(_contradictions(pattern, levels, step=0))
    if not pattern.equal & _STRONG_BITS:
        return contradicted
    return () if _is_one(pattern, levels, contradicted) else contradicted


def share_strong(left: Profile, right: Profile) -> bool:
    """Tell whether a strong token is equal."""
    both = left.fields & right.fields & _STRONG[left.kind]
    return bool(both and fields_among(left.chunks & right.chunks) & both)


def supported(score: int, shared_relations: int, policy: LinkPolicy) -> int:
    """Return a score with the support of relations to the same others (a mother, a school).

    Bounded, so that they tip the balance and never carry it; a veto stays a veto.
    """
    support = shared_relations * policy.relation_support
    return score + max(0, min(support, policy.relation_support_max))


# --- persons -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a pattern means whatever the population: the comparison, and what it takes."""

    comparison: Comparison
    needed: int | None
    asked: int | None

    def judged(self, growth: int) -> Comparison:
        """Return the comparison with the verdict among so many people."""
        if self.comparison.verdict is not Verdict.DIFFERENT:
            return self.comparison
        score = self.comparison.score - growth
        if self.needed is not None and score >= self.needed:
            return _with(self.comparison, Verdict.AGREEMENT)
        if self.asked is not None and score >= self.asked:
            return _with(self.comparison, Verdict.POSSIBLE)
        return self.comparison


def _with(compared: Comparison, verdict: Verdict) -> Comparison:
    return Comparison(
        verdict, compared.score, compared.agreed, compared.contradicted, compared.levels
    )


def _evidence(pattern: Pattern, policy: LinkPolicy, step: int) -> _Evidence:
    memory = policy.remembered
    key = (pattern, step)
    known = memory.get(key)
    if known is None:
        if len(memory) >= PATTERNS_MAX:
            memory.clear()
        known = memory[key] = _weigh(pattern, policy, step)
    return known


def _weigh(pattern: Pattern, policy: LinkPolicy, step: int) -> _Evidence:
    levels = levels_of(pattern)
    by_field = dict(levels)
    strong = tuple(name for name, number in _STRONG_PERSON if pattern.equal & number)
    contradicted = tuple(_contradictions(pattern, by_field, step))
    bars = tuple(_bars(levels, policy.weights, step))
    agreed = (*strong, *sorted(bar.field for bar in bars if bar.centibits > 0))
    score = sum(bar.centibits for bar in bars)
    compared = Comparison(Verdict.DIFFERENT, score, agreed, contradicted, bars)
    if strong:
        is_one = _is_one(pattern, by_field, contradicted)
        return _Evidence(
            _with(compared, Verdict.STRONG if is_one else Verdict.POSSIBLE), None, None
        )
    return _Evidence(compared, *_thresholds(pattern, compared, policy))


def _bars(
    levels: tuple[tuple[str, str], ...], weights: LinkWeights, step: int
) -> Iterator[ComparedField]:
    table = weights.table
    for name, level in levels:
        centibits = aged(name, table.get((name, level), 0), step)
        yield ComparedField(field=name, level=level, centibits=centibits)


def _thresholds(
    pattern: Pattern, compared: Comparison, policy: LinkPolicy
) -> tuple[int | None, int | None]:
    """What score accepts, and what asks; None for never."""
    agreed = frozenset(compared.agreed)
    accept, ask = policy.weights.threshold, policy.weights.review_threshold
    if len(agreed) < policy.fields_asked_min or not {"given_name", "born_on"} & agreed:
        return None, None
    if compared.contradicted:
        return None, ask if len(compared.contradicted) <= policy.contradictions_max else None
    if len(agreed) < policy.fields_min:
        return None, ask
    if not pattern.both & GIVEN:
        is_enough = {"family_name", "born_on"} <= agreed
        return (accept + policy.nameless_extra if is_enough else None), ask
    if _TELLING & agreed:
        return accept, ask
    # No birth date: a name and a home. Father and son may share both, so that more is asked for;
    # where both are known the mention fits either and is nobody's.
    return (accept + policy.undated_extra if _HOME & agreed else None), ask


def _contradictions(pattern: Pattern, levels: Mapping[str, str], step: int) -> Iterator[str]:
    """Where a birth date is missing, a child and an adult of one year are father and son."""
    differing = pattern.both & ~pattern.equal
    for name, number in _STRONG_PERSON:
        if differing & number and name not in _RENEWED:
            yield name
    if levels.get("given_name", "exact") not in GIVEN_AGREES:
        yield "given_name"
    if levels.get("born_on", "exact") not in BORN_AGREES:
        yield "born_on"
    if differing & _SEX:
        yield SEX_FIELD
    if differing & _CHILD and not pattern.both & BORN and step <= _CHILD_STEPS_MAX:
        yield CHILD_FIELD


def _is_one(pattern: Pattern, levels: Mapping[str, str], contradicted: tuple[str, ...]) -> bool:
    """An equal number links in spite of a wrong name or date, not of everything being another's."""
    is_number_differing = any(name in STRONG_FIELDS[NodeKind.PERSON] for name in contradicted)
    there = GIVEN | FAMILY | BORN
    is_somebody_else = pattern.both & there == there and all(
        levels[name] in _OTHER_LEVELS or name in contradicted for name in _WHO
    )
    return not (is_number_differing or is_somebody_else)


# --- things --------------------------------------------------------------------------------------

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


def _compare_things(left: Profile, right: Profile, equal: int) -> Comparison:
    both = left.fields & right.fields
    differing: list[str] = []
    for name, links in _THING_FIELDS[left.kind]:
        number = bit(name)
        if equal & number and links:
            return _thing(name, left.kind, tuple(differing))
        if both & number and not equal & number:
            differing.append(name)
    return DIFFERENT


def _thing(name: str, kind: NodeKind, differing: tuple[str, ...]) -> Comparison:
    if differing:
        return Comparison(Verdict.POSSIBLE, 0, (name,), differing)
    is_strong = name in STRONG_FIELDS[kind]
    return Comparison(Verdict.STRONG if is_strong else Verdict.AGREEMENT, 0, (name,))


def _things_differing(kind: NodeKind, differing: int) -> tuple[str, ...]:
    return tuple(name for name, _ in _THING_FIELDS[kind] if differing & bit(name))
