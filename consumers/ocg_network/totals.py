"""What was tried and what it brought, counted: per OCG, per lever, per strand of the 4P plan.

Everything is counted from the records when somebody asks, as of a day if one is given. An outcome
belongs to the lever and strand of the disruption behind it; one owed to a report has neither.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from consumers.ocg_network.disruptions import NOT_ASSESSED, OutcomeKind, State
from streams.codes import Cause, SeizedItem
from streams.values import FourP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from consumers.ocg_network.disruptions import Disruption, OutcomeRow

#: Under this an outcome is counted that no disruption stands behind, or that names no OCG.
NONE: Final = "none"


@dataclass(slots=True)
class Total:
    """Sums of one OCG, lever or strand. `months` of custody; `strings` of linked offences.

    `seized` is by item: pieces, grams of drugs, whole pounds of cash.
    """

    planned: int = 0
    executed: int = 0
    failed: int = 0
    impact: Counter[str] = field(default_factory=Counter)
    seized: Counter[str] = field(default_factory=Counter)
    arrests: int = 0
    offences: int = 0
    sentences: int = 0
    months: int = 0
    closures: int = 0
    strings: set[str] = field(default_factory=set)
    sentenced: set[str] = field(default_factory=set)

    @property
    def guns(self) -> int:
        """Firearms that were seized."""
        return self.seized[SeizedItem.FIREARM.value]

    def count_disruption(self, one: Disruption) -> None:
        """Take a disruption in; what failed was planned too."""
        self.planned += 1
        self.executed += one.state is State.EXECUTED
        self.failed += one.state is State.FAILED
        if one.state is State.EXECUTED:
            self.impact[one.impact or NOT_ASSESSED] += 1

    def count_outcome(self, one: OutcomeRow) -> None:
        """Take an outcome in."""
        match OutcomeKind(one.kind):
            case OutcomeKind.SEIZURE:
                self.seized[str(one.item)] += one.quantity or 0
            case OutcomeKind.ARREST:
                self.arrests += 1
            case OutcomeKind.OFFENCE:
                self.offences += 1
                self.strings |= {one.string_id} if one.string_id else set()
            case OutcomeKind.SENTENCE:
                self.sentences += 1
                self.months += one.months or 0
                self.sentenced |= {one.person_id} if one.person_id else set()
            case OutcomeKind.CLOSURE:
                self.closures += 1

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; sets become counts."""
        plain = asdict(self)
        return {
            **plain,
            "guns": self.guns,
            "impact": dict(sorted(self.impact.items())),
            "seized": dict(sorted(self.seized.items())),
            "strings": len(self.strings),
            "sentenced": len(self.sentenced),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All sums, and those by OCG, lever and strand; keys in order, `NONE` for what has none."""

    all: Total
    by_ocg: Mapping[str, Total]
    by_lever: Mapping[str, Total]
    by_four_p: Mapping[str, Total]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        parts = {"by_ocg": self.by_ocg, "by_lever": self.by_lever, "by_four_p": self.by_four_p}
        told = {
            name: {key: one.as_dict() for key, one in part.items()} for name, part in parts.items()
        }
        return {"all": self.all.as_dict(), **told}


def totals(
    disruptions: Iterable[Disruption],
    outcomes: Iterable[OutcomeRow],
    day: str | None = None,
    ocg_now: Callable[[str], str] = str,
) -> Totals:
    """Count everything, or what stood and had happened at the end of a day (ISO date).

    `ocg_now` gives for an OCG that was absorbed the one that took it in.
    """
    told = (one.as_of(day) for one in disruptions)
    known = {one.disruption_id: one for one in told if one and one.state is not State.WAITING}
    counted = [one for one in outcomes if day is None or one.occurred_on <= day]
    books: tuple[dict[str, Total], ...] = ({}, {}, {})
    everything = Total()
    for one in known.values():
        everything.count_disruption(one)
        for book, key in zip(books, _keys(one, one.ocg_id, ocg_now), strict=True):
            book.setdefault(key, Total()).count_disruption(one)
    for outcome in counted:
        cause = known.get(outcome.cause_id) if outcome.cause == Cause.DISRUPTION else None
        ocg = outcome.ocg_id or (cause.ocg_id if cause else None)
        everything.count_outcome(outcome)
        for book, key in zip(books, _keys(cause, ocg, ocg_now), strict=True):
            book.setdefault(key, Total()).count_outcome(outcome)
    by_ocg, by_lever, by_four_p = (dict(sorted(book.items())) for book in books)
    return Totals(all=everything, by_ocg=by_ocg, by_lever=by_lever, by_four_p=by_four_p)


def _keys(
    one: Disruption | None, ocg: str | None, ocg_now: Callable[[str], str]
) -> tuple[str, str, str]:
    return (
        ocg_now(ocg) if ocg else NONE,
        (one.lever if one else None) or NONE,
        (one.four_p if one else None) or NONE,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Strand:
    """One strand of 4P plus Partnership: its share of what was executed, and what it brought."""

    four_p: FourP
    planned: int
    executed: int
    failed: int
    share: float
    agencies: tuple[str, ...]


def balance(disruptions: Sequence[Disruption], day: str | None = None) -> list[Strand]:
    """Return every strand, those without anything too: an empty one is what the view is for."""
    told = [one for one in (each.as_of(day) for each in disruptions) if one is not None]
    executed = sum(one.state is State.EXECUTED for one in told)
    return [_strand(four_p, told, executed) for four_p in FourP]


def _strand(four_p: FourP, told: Iterable[Disruption], executed: int) -> Strand:
    mine = [one for one in told if one.four_p == four_p.value and one.state is not State.WAITING]
    done = sum(one.state is State.EXECUTED for one in mine)
    return Strand(
        four_p=four_p,
        planned=len(mine),
        executed=done,
        failed=sum(one.state is State.FAILED for one in mine),
        share=done / executed if executed else 0.0,
        agencies=tuple(sorted({one.agency for one in mine if one.agency})),
    )
