"""The threshold laboratory over a long invented log of the hub: how long, and in how much memory.

The log is invented as it is read, so that neither a broker nor a million kept records are in the
figures: families, friends, networks, signs, corrections, withdrawals and merges in the shares of
`_SHARES`, each event by somebody of a population that grows with the log. Timed, in CPU seconds, is
all that the laboratory does: to decode, to fold, to judge by both versions of the rules, and to
compare.
"""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from consumers.safeguarding.lab import Trial, Window, compare
from consumers.safeguarding.lab_report import report_of
from consumers.safeguarding.lifecycle import Lives
from consumers.safeguarding.rules import SignsRule, standard
from deploy.bench.meter import peak_memory_mb
from deploy.lab import hear
from streams.codec import encode
from streams.parts import CodedFact, Grading, Handling
from streams.ports import Record
from streams.shared import (
    PersonsMerged,
    ReportWithdrawn,
    SafeguardingNode,
    SafeguardingReportShared,
    SharedRelation,
)
from streams.taxonomy import RelationKind
from streams.topics import SAFEGUARDING
from streams.values import (
    Activity,
    AgeBand,
    ChildAtEvent,
    FourP,
    GradingScheme,
    HandlingCode,
    NodeKind,
    Purpose,
    Role,
    Sex,
    Theme,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from consumers.safeguarding.rules import Rules

    Say = Callable[[str], None]

_BATCH: Final = 5_000
_START: Final = datetime(2025, 1, 6, tzinfo=UTC)
_YEAR: Final = timedelta(days=364)
_SEED: Final = 11
_SHARES: Final[Mapping[str, float]] = {
    "family": 30,
    "signs": 30,
    "crime": 22,
    "exploited": 6,
    "friends": 6,
    "correction": 3,
    "withdrawal": 2,
    "merge": 1,
}
#: So many people for each event there will be: a person is told of several times.
_PEOPLE_PER_EVENT: Final = 0.4
_IN_A_NETWORK: Final = 12
_HOUSEHOLD: Final = 5
#: Later events correct and withdraw some of so many reports.
_KEPT_MAX: Final = 2_000
_CRIMINALS: Final = 1_000_000_000
_PEOPLE, _OTHER_IDS, _REPORTS, _ORIGINS = (space << 96 for space in (5, 6, 7, 8))
_GRADING: Final = Grading(scheme=GradingScheme.SCHEME_3X5X2, source="2", assessment="B")
_HANDLING: Final = Handling(code=HandlingCode.P)
_CRIMES: Final = (Activity.SUPPLY, Activity.STORAGE, Activity.MONEY_MOVED)
_SIGNS: Final = (
    *(Activity.MISSING, Activity.INJURY, Activity.EXCLUSION, Activity.OUT_OF_AREA),
    *(Activity.CONCERN, Activity.CONCERN, Activity.RETURNED, Activity.UNEXPLAINED_GOODS),
)


def measure_lab(events: int, say: Say) -> dict[str, Any]:
    """Try easier early signs over so many events of a year."""
    log = InventedLog(events)
    trial = Trial(standard(), easier())
    spent = 0.0
    gc.disable()
    try:
        for records in log.batches():
            began = time.process_time()
            hear(trial, records)
            spent += time.process_time() - began
            if not records[-1].offset // _BATCH % 20:
                say(f"{records[-1].offset + 1} events in {spent:.0f} s")
        began = time.process_time()
        window = Window(_START + _YEAR / 2, _START + _YEAR)
        told = report_of(compare(trial.close(window.end), window), Lives(), capacity=20)
        spent += time.process_time() - began
    finally:
        gc.enable()
    return {
        "events": events,
        "seconds": round(spent, 1),
        "us_per_event": round(1e6 * spent / events, 1),
        "peak_memory_mb": peak_memory_mb(),
        "alerts": told["alerts"],
        "people": told["people"],
    }


def as_markdown(figures: Mapping[str, Any]) -> str:
    """Return the figures as a table."""
    rows = ("events", "seconds", "us_per_event", "peak_memory_mb")
    lines = [f"|{name.replace('_', ' ')}|{figures[name]}|" for name in rows]
    return "\n".join(("|figure|value|", "|---|---|", *lines))


def easier() -> Rules:
    """Return the standard rules with early signs that are reached sooner."""
    rules = standard()
    changed = tuple(
        one.model_copy(update={"threshold": one.threshold - 2})
        if isinstance(one, SignsRule)
        else one
        for one in rules.rules
    )
    return rules.model_copy(update={"version": rules.version + 1, "rules": changed})


class InventedLog:
    """A year of the hub's topic; the same number of events gives the same log."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._random = Random(_SEED)  # noqa: S311 - a log, not a key
        self._people = max(100, int(events * _PEOPLE_PER_EVENT))
        self._told: list[SafeguardingReportShared] = []

    def batches(self) -> Iterator[Sequence[Record]]:
        """Yield the records, so many at a time; a batch is gone when the next is asked for."""
        kinds = tuple(_SHARES)
        weights = tuple(_SHARES.values())
        for start in range(0, self._events, _BATCH):
            numbers = range(start, min(start + _BATCH, self._events))
            chosen = self._random.choices(kinds, weights, k=len(numbers))
            yield [self._record(n, kind) for n, kind in zip(numbers, chosen, strict=True)]

    def _record(self, number: int, kind: str) -> Record:
        at = _START + _YEAR * (number / self._events)
        event = getattr(self, f"_{kind}")(number, at)
        return Record(SAFEGUARDING, number, at, None, encode(event))

    # --- events --------------------------------------------------------------------------------

    def _family(self, number: int, at: datetime) -> object:
        """A parent and two children of a household of five numbers."""
        first = self._somebody() // _HOUSEHOLD * _HOUSEHOLD
        nodes = [(first, ChildAtEvent.NO, Role.CARER)]
        nodes += [(first + place, ChildAtEvent.YES, Role.OTHER) for place in (3, 4)]
        ties = [(0, place, RelationKind.PARENT) for place in (1, 2)]
        return self._report(number, at, nodes, ties, Activity.CONCERN, Theme.OTHER)

    def _signs(self, number: int, at: datetime) -> object:
        child = self._child()
        nodes = [(child, ChildAtEvent.YES, Role.OTHER)]
        return self._report(number, at, nodes, [], self._random.choice(_SIGNS), Theme.OTHER)

    def _crime(self, number: int, at: datetime) -> object:
        left = self._criminal()
        right = left // _IN_A_NETWORK * _IN_A_NETWORK + self._random.randrange(_IN_A_NETWORK)
        right += right == left
        nodes = [(one, ChildAtEvent.NO, Role.SUSPECT) for one in (left, right)]
        ties = [(0, 1, RelationKind.CO_OFFENDER)]
        act = self._random.choice(_CRIMES)
        return self._report(number, at, nodes, ties, act, Theme.DRUGS)

    def _exploited(self, number: int, at: datetime) -> object:
        nodes = [
            (self._criminal(), ChildAtEvent.NO, Role.SUSPECT),
            (self._child(), ChildAtEvent.YES, Role.VICTIM),
        ]
        ties = [(0, 1, RelationKind.EXPLOITS)]
        theme = Theme.CHILD_CRIMINAL_EXPLOITATION
        return self._report(number, at, nodes, ties, Activity.CARRYING, theme)

    def _friends(self, number: int, at: datetime) -> object:
        one = self._child()
        nodes = [(child, ChildAtEvent.YES, Role.OTHER) for child in (one, one + _HOUSEHOLD)]
        ties = [(0, 1, RelationKind.FRIEND)]
        return self._report(number, at, nodes, ties, Activity.CONCERN, Theme.OTHER)

    def _correction(self, number: int, at: datetime) -> object:
        """The latest revision of some report, told without its ties."""
        if not self._told:
            return self._signs(number, at)
        place = self._random.randrange(len(self._told))
        earlier = self._told[place]
        corrected = replace(earlier, revision=earlier.revision + 1, relations=())
        self._told[place] = corrected
        return corrected

    def _withdrawal(self, number: int, at: datetime) -> object:
        if not self._told:
            return self._signs(number, at)
        return ReportWithdrawn(report_id=self._told.pop().report_id)

    def _merge(self, number: int, _at: datetime) -> object:
        """Two ids of one child, of whom one is told of nowhere else."""
        gone = UUID(int=_OTHER_IDS + number)
        return PersonsMerged(kind=NodeKind.PERSON, kept_id=_id(self._child()), absorbed_id=gone)

    # --- who and what ----------------------------------------------------------------------------

    def _somebody(self) -> int:
        return self._random.randrange(self._people)

    def _child(self) -> int:
        return self._somebody() // _HOUSEHOLD * _HOUSEHOLD + self._random.choice((3, 4))

    def _criminal(self) -> int:
        return _CRIMINALS + self._random.randrange(max(_IN_A_NETWORK, self._people // 20))

    def _report(  # noqa: PLR0913, PLR0917 - what a report is made of
        self,
        number: int,
        at: datetime,
        people: Sequence[tuple[int, ChildAtEvent, Role]],
        ties: Sequence[tuple[int, int, RelationKind]],
        activity: Activity,
        theme: Theme,
    ) -> SafeguardingReportShared:
        told = SafeguardingReportShared(
            report_id=UUID(int=_REPORTS + number),
            revision=1,
            origin_id=UUID(int=_ORIGINS + number - number % 3),
            immediate_risk=False,
            purpose=Purpose.SAFEGUARD_CHILDREN,
            event_week="{}-W{:02}".format(*at.isocalendar()[:2]),
            district=f"S{1 + number % 14}",
            nodes=tuple(_node(place, *one) for place, one in enumerate(people)),
            relations=tuple(
                SharedRelation(subject=one, object=other, kind=kind) for one, other, kind in ties
            ),
            facts=(CodedFact(theme=theme, activity=activity, four_p=FourP.PREVENT),),
            grading=_GRADING,
            handling=_HANDLING,
        )
        if len(self._told) < _KEPT_MAX:
            self._told.append(told)
        else:
            self._told[self._random.randrange(_KEPT_MAX)] = told
        return told


def _node(place: int, number: int, child: ChildAtEvent, role: Role) -> SafeguardingNode:
    is_child = child is ChildAtEvent.YES
    return SafeguardingNode(
        node=place,
        kind=NodeKind.PERSON,
        entity_id=_id(number),
        sex=Sex.UNKNOWN,
        child_at_event=child,
        role=role,
        age_band=AgeBand.AGE_11_15 if is_child else AgeBand.ADULT,
        protected=False,
    )


def _id(number: int) -> UUID:
    return UUID(int=_PEOPLE + number)
