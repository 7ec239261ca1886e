"""What came out of the Fortify story: every figure counted by the product's folds, and judged.

What must come out stands in the story's own truth (`producers.town.fortify.Fortified`).
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from consumers.network.tables import REPORTS
from consumers.ocg_network import OcgNetwork, disruption_look, ocg_look, scoring
from consumers.ocg_network.concerns import spikes
from consumers.ocg_network.disruption_tables import CONCERNS_TABLE, DISRUPTIONS_TABLE
from consumers.ocg_network.disruptions import Concern, Disruption, DisruptionBook, State
from consumers.ocg_network.ocgs import OcgBook
from consumers.ocg_network.scoring import Executed, Moved
from consumers.safeguarding.tables import ALERTS_TABLE
from consumers.store import ProjectionStore
from consumers.worker import take
from deploy.demo.fortify_office import AFTER, BEFORE
from deploy.registry import registry_in
from producers.town.fortify import Fortified
from streams.codec import decode
from streams.codes import Impact, Lever
from streams.errors import InvalidInputError, UnknownSchemaError
from streams.loop import read_to_end
from streams.shared import FeedbackGiven
from streams.topics import feedback_of
from streams.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from consumers.ocg_network.scoring import Explanation, Life
    from deploy.demo.fortify_office import Calendar
    from deploy.demo.fortify_year import Course
    from streams.ports import Log, Positions, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the police projection of a log counts: mapped OCGs and risk before and after, sums."""

    mapped: tuple[int, int]
    score: tuple[int, int]
    totals: Mapping[str, Any]
    areas: tuple[str, ...]

    @property
    def change_percent(self) -> float | None:
        """Return the change of the total score in per cent; None if there was none before."""
        return scoring.percent(*self.score)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        before, after = self.score
        return {
            "mapped": {"before": self.mapped[0], "after": self.mapped[1]},
            "score": {"before": before, "after": after, "change_percent": self.change_percent},
            **{name: self.totals["all"][name] for name in _SUMS},
        }


_SUMS = ("guns", "arrests", "sentences", "months", "closures")


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """The log folded once more without one record: the last event of this name."""

    event: str
    counted: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything that there is to say; `seconds` from the first start to the last comparison."""

    counted: Counted
    explained: Mapping[str, Any]
    disruptions: Mapping[str, int]
    impact: Mapping[str, int]
    balance: Sequence[Mapping[str, Any]]
    gaps: Mapping[str, Any]
    alerts: Mapping[str, int]
    spikes: Sequence[str]
    course: Course = field(repr=False)
    partner_bodies: int
    reports: int
    without_archive: Counted
    without: Without
    decisions: int
    replay_equal: bool
    seconds: float
    truth: Fortified = field(default_factory=Fortified)

    def undoings(self) -> list[str]:
        """Return in words what is not as it must be; empty when all is well."""
        counted, truth = self.counted, self.truth
        wanted = (
            ("mapped OCGs before", counted.mapped[0], truth.mapped_before),
            ("mapped OCGs after", counted.mapped[1], truth.mapped_after),
            ("guns", counted.totals["all"]["guns"], truth.guns),
            ("sentences", counted.totals["all"]["sentences"], truth.sentences),
            ("people sentenced", counted.totals["all"]["sentenced"], truth.sentences),
            ("community areas", len(counted.areas), truth.areas),
            ("partner bodies", self.partner_bodies, truth.partner_bodies),
            ("mapped without one archive", self.without_archive.mapped[1], truth.mapped_after + 1),
        )
        wrong = [f"{what}: {found}, not {right}" for what, found, right in wanted if found != right]
        change = counted.change_percent
        if change is None or change >= -truth.score_down_percent:
            wrong.append(f"the total score changed by {change} %")
        if not self.alerts.get("SIBLING_OF_INVOLVED"):
            wrong.append("no sibling was found")
        if not 0 < self.course.held < self.course.refused_without_view:
            wrong.append("at homes with children the hub was not asked, or its hold did not stand")
        beside = self.explained["beside"]
        if beside["of_them_disrupted"] < beside["ocgs_down"]:
            wrong.append("an OCG counts less and no disruption stands beside it")
        if not self.replay_equal:
            wrong.append("the replay gives another state than the live store")
        return wrong

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self.counted.as_dict(),
            "areas": len(self.counted.areas),
            "partner_bodies": self.partner_bodies,
            "reports": self.reports,
            "decisions": self.decisions,
            "disruptions": dict(self.disruptions),
            "impact": dict(self.impact),
            "balance": [dict(one) for one in self.balance],
            "explained": dict(self.explained),
            "lever_gaps": dict(self.gaps),
            "homes_with_children": {
                "refused_without_view": self.course.refused_without_view,
                "held_by_the_hub": self.course.held,
            },
            "alerts": dict(self.alerts),
            "spikes": list(self.spikes),
            "mapped_without_one_archive": self.without_archive.mapped[1],
            "without": {"event": self.without.event, **self.without.counted.as_dict()},
            "replay_equal": self.replay_equal,
            "seconds": round(self.seconds, 1),
            "as_expected": not self.undoings(),
        }


# --- counting ---------------------------------------------------------------------------------


def counted(connection: Connection, calendar: Calendar) -> Counted:
    """Count the police projection, before and after the year of the story."""
    lives = ocg_look.lives(connection)
    ends = [scoring.totals(lives, calendar.at(day)) for day in (BEFORE, AFTER)]
    return Counted(
        mapped=(ends[0].mapped, ends[1].mapped),
        score=(ends[0].risk, ends[1].risk),
        totals=disruption_look.all_totals(connection),
        areas=tuple(sorted(disruption_look.areas(connection))),
    )


def explained(connection: Connection, calendar: Calendar) -> dict[str, Any]:
    """Say what moved the total score: OCGs that were archived, and ratings factor by factor."""
    lives = ocg_look.lives(connection)
    executed = [_executed(one) for one in _disruptions(connection) if one.state is State.EXECUTED]
    told = scoring.explain(lives, calendar.at(BEFORE), calendar.at(AFTER), executed)
    moved: Counter[str] = Counter()
    for one in told.ocgs:
        moved[one.moved.value] += one.change
    return {
        "change": told.change,
        "by_archiving": moved[Moved.ARCHIVED.value],
        "by_rating_anew": moved[Moved.RATED_ANEW.value],
        "by_factor": {one.value: float(part) for one, part in sorted(told.factors.items())},
        "beside": _beside(told, lives),
    }


def _beside(told: Explanation, lives: Sequence[Life]) -> dict[str, int]:
    """Return how many of the OCGs that count less had a disruption executed between."""
    less = [one for one in told.ocgs if one.change < 0]
    return {
        "ocgs_down": len(less),
        "of_them_disrupted": sum(bool(one.disruptions) for one in less),
        "ocgs": len(lives),
    }


def _executed(one: Disruption) -> Executed:
    return Executed(
        disruption_id=one.disruption_id,
        ocg_id=str(one.ocg_id),
        executed_on=date.fromisoformat(str(one.executed_on)),
        lever=Lever(str(one.lever)),
        impact=None if one.impact is None else Impact(one.impact),
    )


def _disruptions(connection: Connection) -> list[Disruption]:
    return [Disruption(**row) for row in connection.execute(select(DISRUPTIONS_TABLE)).mappings()]


def states(connection: Connection) -> tuple[dict[str, int], dict[str, int]]:
    """Count disruptions by state, and executed ones by impact."""
    every = _disruptions(connection)
    by_state = Counter(one.state.value for one in every)
    impact = Counter(one.impact_shown for one in every if one.state is State.EXECUTED)
    return dict(sorted(by_state.items())), dict(sorted(impact.items()))


def gap_summary(connection: Connection, calendar: Calendar) -> dict[str, Any]:
    """Count lever gaps of the OCGs that are still mapped, and the agencies that hold them."""
    day = calendar.day(AFTER).isoformat()
    mapped = [one for one in ocg_look.ocgs(connection) if one["status"] == "MAPPED"]
    found = [disruption_look.lever_gaps(connection, one["ocg_id"], day) for one in mapped]
    gaps = [gap for one in found for gap in one["levers"] if gap["is_gap"]]
    by_agency = Counter(gap["entry"]["agency"].value for gap in gaps)
    return {
        "ocgs": len(mapped),
        "gaps": len(gaps),
        "civil": sum(gap["entry"]["civil"] for gap in gaps),
        "by_agency": dict(sorted(by_agency.items())),
    }


def alert_counts(connection: Connection) -> dict[str, int]:
    """Count the hub's alerts that evidence stands behind, by rule; none of them is a referral."""
    supported = select(ALERTS_TABLE.c.rule).where(ALERTS_TABLE.c.supported.is_(True))
    return dict(sorted(Counter(connection.execute(supported).scalars()).items()))


def spike_words(connection: Connection) -> list[str]:
    """Return the weeks in which concern stood out, in words."""
    rows = connection.execute(select(CONCERNS_TABLE)).mappings()
    return [
        f"{one.area}: {one.in_words}"
        for one in spikes(Concern(**row) for row in rows)
        if one.is_spike
    ]


def report_count(connection: Connection) -> int:
    """Count the reports that police hold."""
    live = select(func.count()).select_from(REPORTS).where(REPORTS.c.is_withdrawn.is_(False))
    return connection.scalar(live) or 0


async def heard_bodies(log: Log) -> int:
    """Count the partners of the register of whom at least one report was shared."""
    heard = 0
    for partner in (await registry_in(log)).partners():
        topic = feedback_of(partner)
        shared = False
        async for records in read_to_end(log, (topic,)):
            shared = shared or any(_is_shared(record) for record in records)
        heard += shared
    return heard


def _is_shared(record: Record) -> bool:
    try:
        return decode(record.value or b"", FeedbackGiven).outcome is Outcome.SHARED
    except UnknownSchemaError:
        return False


# --- folding the log once more ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recount:
    """What another fold of the log counts, and the hash of its state."""

    counted: Counted
    state_hash: str


async def recounted(
    log: Log, calendar: Calendar, without: str | None = None, positions: Positions | None = None
) -> Recount:
    """Fold the log anew, up to `positions`, without the last event of a name; and hash the state.

    Nothing is deleted: the log keeps everything, the fold is handed all records but one.
    Raises: InvalidInputError if there is no such event.
    """
    projection = OcgNetwork()
    records = await _records(log, projection.topics, positions)
    if without is not None:
        records.remove(_last(records, without))
    store = ProjectionStore.in_memory(projection)
    try:
        take(projection, store, records, {})
        with store.snapshot() as view:
            return Recount(counted(view.connection, calendar), view.state_hash())
    finally:
        store.close()


async def _records(log: Log, topics: Sequence[str], positions: Positions | None) -> list[Record]:
    found = [record async for some in read_to_end(log, tuple(topics)) for record in some]
    return [one for one in found if positions is None or one.offset < positions.get(one.topic, 0)]


def require_event(name: str) -> type[Any]:
    """Return the event of a name that the police projection folds.

    Raises: InvalidInputError.
    """
    books = (OcgBook.events, DisruptionBook.events)
    kinds = {kind.__name__: kind for book in books for some in book.values() for kind in some}
    if name not in kinds:
        raise InvalidInputError(f"--without: there are {', '.join(sorted(kinds))}")
    return kinds[name]


def _last(records: Sequence[Record], name: str) -> Record:
    kind = require_event(name)
    for record in reversed(records):
        with suppress(UnknownSchemaError):  # of another event
            decode(record.value or b"", kind)
            return record
    raise InvalidInputError(f"--without: the log holds no {name}")
