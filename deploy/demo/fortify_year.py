"""What people decide in the Fortify year, in its order: map, confirm, score, disrupt, rate anew.

They look at the views and decide through the product's own rules. Nothing here knows who is behind
an id, and no figure of the end is written down: how many guns and sentences there are follows from
what is recorded for each OCG.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from sqlalchemy import or_, select

from consumers.network import look
from consumers.network.tables import PAIRS
from consumers.ocg_network import disruption_look, ocg_look
from consumers.ocg_network.deciding import (
    ROLE_MONTHS_MAX,
    By,
    Ground,
    decide_archive,
    decide_map,
    decide_role,
    decide_score,
    months_after,
)
from consumers.ocg_network.disruption_decisions import (
    HubSaysHoldError,
    HubViewMissingError,
    decide_assess,
    decide_concern,
    decide_execute,
    decide_fail,
    decide_intervention,
    decide_outcome,
    decide_plan,
)
from consumers.ocg_network.gaps import reach_of
from consumers.ocg_network.levers import TargetKind, catalogue
from consumers.ocg_network.people import people as people_of
from consumers.ocg_network.scoring import MODEL_VERSION
from deploy.authority import Act
from deploy.demo import fortify_office as cast
from deploy.demo.fortify_office import ARCHIVED_ON, RESCORED_ON, SCORED_ON
from producers.town.fortify import COMMUNITY_AREAS, area_of
from streams.codec import decode
from streams.codes import (
    Agency,
    ArchiveReason,
    Cause,
    ConcernKind,
    DisruptionFailure,
    Factor,
    HubView,
    Impact,
    InterventionKind,
    InterventionOutcome,
    Lever,
    OcgRole,
    OffenceClass,
    Rationale,
    SeizedItem,
)
from streams.disruptions import (
    ArrestMade,
    CausedBy,
    ClosureMade,
    ConcernRecorded,
    DisruptionExecuted,
    DisruptionFailed,
    DisruptionPlanned,
    ImpactAssessed,
    InterventionAttempted,
    SeizureMade,
    SentencePassed,
)
from streams.errors import UnknownSchemaError
from streams.hub import HubViewGiven
from streams.ocg import HubViewAsked
from streams.shared import HubViewRelayed, HubViewWanted
from streams.topics import HUB_DECISIONS, POLICE, POLICE_DECISIONS, SAFEGUARDING
from streams.values import Theme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection

    from consumers.ocg_network.disruption_decisions import Ground as DisruptionGround
    from consumers.ocg_network.disruptions import DisruptionBook, DisruptionEvent, OutcomeEvent
    from consumers.ocg_network.ocgs import OcgBook, OcgEvent
    from deploy.demo.fortify_office import Office
    from streams.ports import Record

_IDS: Final = UUID("5a1e7d0c-93f4-4b66-8b1e-0f3d6a9c2e71")
#: Which OCGs of the list end the year archived, and why.
_ARCHIVED: Final[Mapping[int, ArchiveReason]] = {
    1: ArchiveReason.DISMANTLED,
    4: ArchiveReason.DISMANTLED,
    6: ArchiveReason.NO_ACTIVITY,
    9: ArchiveReason.DISMANTLED,
    11: ArchiveReason.BELOW_THRESHOLD,
    14: ArchiveReason.DISMANTLED,
    17: ArchiveReason.NO_ACTIVITY,
}
#: Guns found where an OCG comes to its end, and in two of those that go on.
_GUNS_WHERE_IT_ENDS: Final = 2
_GUNS_ELSEWHERE: Final[Mapping[int, int]] = {0: 1, 8: 1}
#: How many of an OCG that goes on are sentenced; of one that ends, everybody.
_SENTENCED_ELSEWHERE: Final = 3
_CIVIL: Final = (
    Lever.CIVIL_INJUNCTION,
    Lever.COMMUNITY_PROTECTION_NOTICE,
    Lever.GANG_INJUNCTION,
    Lever.FIXED_PENALTY,
)
_BY_PLACE: Final[Mapping[Lever, str]] = {
    Lever.CLOSURE_ORDER: cast.COUNCIL_OFFICER,
    Lever.HARDENING: cast.HOUSING_OFFICER,
    Lever.FIRE_PROHIBITION_NOTICE: cast.FIRE_OFFICER,
}
_AT_PLACES: Final = tuple(_BY_PLACE)
_EVERY_FOURTH_FAILS: Final = 4
_ENFORCEMENT_PLANNED_ON: Final = 40
#: What the hub says of the homes with children, in the order in which it is asked.
_VIEWS: Final = (
    HubView.WITH_A_SOCIAL_WORKER,
    HubView.IN_SCHOOL_HOURS,
    HubView.HOLD_UNTIL_CHILD_SAFE,
)
_QUIET_WEEKS: Final = 9
_LOUD_VOICES: Final = 19
_MONTHS: Final = (18, 30, 42, 60, 84)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A candidate network as an analyst sees it when she maps."""

    network_id: str
    area: str
    members: tuple[str, ...]
    reports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """An OCG that was mapped, its place in the list, and its adults, the most tied first."""

    number: int
    reference: str
    ocg_id: UUID
    area: str
    members: tuple[UUID, ...]
    reports: tuple[UUID, ...]

    @property
    def ends(self) -> bool:
        """Whether it is archived before the year is over."""
        return self.number in _ARCHIVED


@dataclass(slots=True)
class Course:
    """What happened on the way that no view keeps: refusals for want of the hub's view."""

    refused_without_view: int = 0
    held: int = 0
    mapped: list[Mapped] = field(default_factory=list)


class Year:
    """The story's year in one house."""

    def __init__(self, office: Office) -> None:
        """Decide nothing yet."""
        self._office = office
        self._house = office.house
        self._calendar = office.calendar
        self.course = Course()
        self._agencies: Mapping[str, frozenset[Agency] | None] = {}

    async def play(self, told: Callable[[str], None] = lambda _: None) -> Course:
        """Let everybody decide, in the order of the year; `told` hears of each part."""
        self._agencies = await self._office.agencies()
        for title, part in (
            ("analysts map candidate networks", self._map),
            ("they confirm roles", self._confirm),
            ("a rater scores", self._score_first),
            ("levers at homes with children: the hub is asked", self._ask_hub),
            ("officers of four agencies plan", self._plan),
            ("and tell how it went", self._tell),
            ("seizures, arrests, sentences, closures", self._bring),
            ("ways out are offered, voices are counted", self._support),
            ("an assessor judges", self._assess),
            ("OCGs are archived", self._archive),
            ("and the rest is scored anew", self._score_again),
        ):
            told(title)
            await part()
        await self._house.catch_up()
        return self.course

    # --- mapping and scoring

    async def _map(self) -> None:
        with self._house.police() as connection:
            found = _candidates(connection)
            people = people_of(connection, [one for some in found for one in some.members])
            ground = Ground(people, ocg_look.seen_by(connection))
        self.course.mapped = [_mapped(number, one) for number, one in enumerate(found)]
        networks = {one.reference: found[one.number].network_id for one in self.course.mapped}
        for analyst, area in zip(cast.ANALYSTS, COMMUNITY_AREAS, strict=True):
            by = By(analyst, self._calendar.at(0), (Rationale.CORROBORATED_INTELLIGENCE,))
            mine = [one for one in self.course.mapped if one.area == area]

            def choose(
                book: OcgBook, by: By = by, mine: Sequence[Mapped] = mine
            ) -> Iterator[OcgEvent]:
                for one in mine:
                    yield from decide_map(
                        book,
                        ground,
                        By(by.name, by.at, by.reasons, one.reports),
                        ocg_id=one.ocg_id,
                        reference=one.reference,
                        members=one.members,
                        network_id=UUID(networks[one.reference]),
                        areas=(one.area,),
                    )

            await self._office.ocg(analyst, Act.DECIDE_ON_OCG, f"ocg map {area}", choose)
        await self._house.catch_up()

    async def _confirm(self) -> None:
        """The most tied is taken for the principal, two more for significant, by a person."""
        with self._house.police() as connection:
            ground = Ground(
                people_of(connection, [str(m) for o in self.course.mapped for m in o.members]),
                ocg_look.seen_by(connection),
            )
        at = self._calendar.at(5)
        last = months_after(at.date(), ROLE_MONTHS_MAX)
        for analyst, area in zip(cast.ANALYSTS, COMMUNITY_AREAS, strict=True):
            mine = [one for one in self.course.mapped if one.area == area]

            def choose(
                book: OcgBook, name: str = analyst, mine: Sequence[Mapped] = mine
            ) -> Iterator[OcgEvent]:
                for one in mine:
                    by = By(name, at, (Rationale.INTELLIGENCE,), one.reports)
                    for place, person in enumerate(one.members):
                        yield from decide_role(
                            book,
                            ground,
                            by,
                            ocg_id=one.ocg_id,
                            person_id=person,
                            role=_role(place),
                            last_day=last,
                        )

            await self._office.ocg(analyst, Act.CONFIRM_ROLE, f"roles {area}", choose)

    async def _score_first(self) -> None:
        await self._score(SCORED_ON, self.course.mapped, after=False)

    async def _score_again(self) -> None:
        left = [one for one in self.course.mapped if not one.ends]
        await self._score(RESCORED_ON, left, after=True)

    async def _score(self, day: int, ocgs: Sequence[Mapped], *, after: bool) -> None:
        why = Rationale.CAPABILITY_LOST if after else Rationale.PROFESSIONAL_JUDGEMENT
        by = By(cast.RATER, self._calendar.at(day), (why,))

        def choose(book: OcgBook) -> Iterator[OcgEvent]:
            for one in ocgs:
                harm, likelihood, position = _ratings(one.number, after=after)
                yield from decide_score(
                    book,
                    by,
                    score_id=_id(f"score {day} {one.reference}"),
                    ocg_id=one.ocg_id,
                    model=MODEL_VERSION,
                    harm=harm,
                    likelihood=likelihood,
                    position=position,
                    confidence=3,
                )

        await self._office.ocg(cast.RATER, Act.SCORE_OCG, f"scores of day {day}", choose)

    async def _archive(self) -> None:
        at = self._calendar.at(ARCHIVED_ON)
        for analyst, area in zip(cast.ANALYSTS, COMMUNITY_AREAS, strict=True):
            mine = [one for one in self.course.mapped if one.area == area and one.ends]

            def choose(
                book: OcgBook, name: str = analyst, mine: Sequence[Mapped] = mine
            ) -> Iterator[OcgEvent]:
                by = By(name, at, (Rationale.MEMBERS_SENTENCED, Rationale.ACTIVITY_CEASED))
                for one in mine:
                    reason = _ARCHIVED[one.number]
                    yield from decide_archive(book, by, ocg_id=one.ocg_id, reason=reason)

            if mine:
                await self._office.ocg(analyst, Act.DECIDE_ON_OCG, f"ocg archive {area}", choose)

    # --- what is tried

    async def _ask_hub(self) -> None:
        """Plan a lever at each home where a child may live: refused, so the hub is asked."""
        homes = self._homes(with_children=True)
        for number, (one, home) in enumerate(homes):
            plan = self._plan_of(one, Lever.CLOSURE_ORDER, home, cast.COUNCIL_OFFICER, day=25)
            try:
                await self._plan_all(cast.COUNCIL_OFFICER, "homes with children", [plan])
            except HubViewMissingError:
                self.course.refused_without_view += 1
                await self._ask(number, home)
        await self._house.catch_up()
        await self._office.hear(SAFEGUARDING, HubViewWanted, len(homes))
        await self._answer()
        await self._house.catch_up()
        await self._office.hear(POLICE, HubViewRelayed, len(homes))
        for number, (one, home) in enumerate(homes):
            plan = replace(
                self._plan_of(one, Lever.CLOSURE_ORDER, home, cast.COUNCIL_OFFICER, day=30),
                request_id=_id(f"view {number}"),
            )
            try:
                await self._plan_all(cast.COUNCIL_OFFICER, "homes the hub has seen", [plan])
            except HubSaysHoldError:
                self.course.held += 1

    async def _ask(self, number: int, home: UUID) -> None:
        asked = HubViewAsked(
            request_id=_id(f"view {number}"),
            entity_id=home,
            lever=Lever.CLOSURE_ORDER,
            decided_by=cast.LEAD_OFFICER,
            decided_at=self._calendar.at(26),
        )

        def choose(_: Sequence[Record], __: datetime) -> list[object]:
            return [asked]

        subject = f"view on {home}"
        await self._office.write(
            cast.LEAD_OFFICER, Act.ASK_HUB_VIEW, subject, "police", POLICE_DECISIONS, choose
        )

    async def _answer(self) -> None:
        """The hub's lead reads what police want to know, and says what she thinks of each."""

        def choose(records: Sequence[Record], _: datetime) -> list[object]:
            return [
                HubViewGiven(
                    request_id=request,
                    view=view,
                    decided_by=cast.HUB_LEAD,
                    decided_at=self._calendar.at(27),
                )
                for request, view in zip(_wanted(records), _VIEWS, strict=True)
            ]

        reads = (SAFEGUARDING, HUB_DECISIONS)
        await self._office.write(
            cast.HUB_LEAD,
            Act.GIVE_HUB_VIEW,
            "hub's views",
            "safeguarding",
            HUB_DECISIONS,
            choose,
            reads,
        )

    async def _plan(self) -> None:
        enforcement, civil = [], []
        for one in self.course.mapped:
            enforcement.append(
                self._plan_of(
                    one, Lever.ENFORCEMENT, None, cast.LEAD_OFFICER, day=_ENFORCEMENT_PLANNED_ON
                )
            )
            lever = _CIVIL[one.number % len(_CIVIL)]
            civil.append(self._plan_of(one, lever, one.members[1], cast.COUNCIL_OFFICER, day=45))
        places = [
            self._plan_of(
                one, _AT_PLACES[one.number % len(_AT_PLACES)], home, _place_officer(one), day=50
            )
            for one, home in self._homes(with_children=False)
        ]
        await self._plan_all(cast.LEAD_OFFICER, "enforcement", enforcement)
        await self._plan_all(cast.COUNCIL_OFFICER, "civil levers", civil)
        for officer in _BY_PLACE.values():
            mine = [one for one in places if one.decided_by == officer]
            await self._plan_all(officer, "levers at places", mine)

    def _plan_of(
        self, one: Mapped, lever: Lever, target: UUID | None, by: str, *, day: int
    ) -> DisruptionPlanned:
        entry = catalogue().entries[lever]
        mine = self._agencies[by]
        agency = next(one for one in entry.holders if mine is None or one in mine)
        return DisruptionPlanned(
            disruption_id=_plan_id(one, lever, day),
            ocg_id=one.ocg_id,
            target_id=target,
            lever=lever,
            agency=agency,
            four_p=entry.four_p,
            report_ids=one.reports[:3],
            request_id=None,
            planned_for=self._calendar.day(day + 30),
            decided_by=by,
            decided_at=self._calendar.at(day),
        )

    async def _plan_all(self, name: str, what: str, plans: Sequence[DisruptionPlanned]) -> None:
        grounds = self._grounds(plans)

        def choose(book: DisruptionBook) -> Iterator[DisruptionEvent]:
            for plan in plans:
                yield from decide_plan(plan, book, grounds[plan.disruption_id])

        await self._office.disruptions(name, Act.PLAN_DISRUPTION, f"plan {what}", choose)

    def _grounds(self, plans: Sequence[DisruptionPlanned]) -> Mapping[UUID, DisruptionGround]:
        with self._house.police() as connection:
            return {
                one.disruption_id: disruption_look.ground(
                    connection,
                    one.decided_at.date().isoformat(),
                    ocg_id=str(one.ocg_id),
                    target_id=None if one.target_id is None else str(one.target_id),
                    report_ids=map(str, one.report_ids),
                    acts_for=self._agencies[one.decided_by],
                )
                for one in plans
            }

    def _homes(self, *, with_children: bool) -> list[tuple[Mapped, UUID]]:
        """Return for each OCG its first known home where a child may live, or where none does."""
        day = self._calendar.day(20).isoformat()
        found: list[tuple[Mapped, UUID]] = []
        with self._house.police() as connection:
            for one in self.course.mapped:
                reach = reach_of(connection, {str(member) for member in one.members}, day)
                homes = [
                    target.entity_id
                    for target in reach.targets
                    if target.kind is TargetKind.ADDRESS and target.protects_child is with_children
                ]
                found += [(one, UUID(home)) for home in sorted(homes)[:1]]
        return found

    async def _tell(self) -> None:
        """Tell of each plan how it went; every fourth civil lever is refused by a court."""
        await self._house.catch_up()
        for officer in (
            *(cast.LEAD_OFFICER, cast.COUNCIL_OFFICER),
            *(cast.HOUSING_OFFICER, cast.FIRE_OFFICER),
        ):
            await self._tell_of(officer)

    async def _tell_of(self, officer: str) -> None:
        with self._house.police() as connection:
            plans = [
                one
                for one in disruption_look.disruptions(connection)
                if one["planned_by"] == officer and one["state"] == "PLANNED"
            ]
            day = self._calendar.day(90)
            grounds = {
                one["disruption_id"]: disruption_look.ground(
                    connection, day.isoformat(), target_id=one["target_id"]
                )
                for one in plans
            }

        def choose(book: DisruptionBook) -> Iterator[DisruptionEvent]:
            for place, one in enumerate(sorted(plans, key=lambda plan: plan["disruption_id"])):
                which = UUID(one["disruption_id"])
                at = self._calendar.at(95)
                if officer == cast.COUNCIL_OFFICER and place % _EVERY_FOURTH_FAILS == 0:
                    reason = DisruptionFailure.COURT_REFUSED
                    event = DisruptionFailed(
                        disruption_id=which, reason=reason, decided_by=officer, decided_at=at
                    )
                    yield from decide_fail(event, book, acts_for=None)
                    continue
                done = DisruptionExecuted(
                    disruption_id=which, executed_on=day, decided_by=officer, decided_at=at
                )
                yield from decide_execute(done, book, grounds[one["disruption_id"]])

        await self._office.disruptions(officer, Act.PLAN_DISRUPTION, "how it went", choose)

    # --- what it brought

    async def _bring(self) -> None:
        await self._house.catch_up()
        day = self._calendar.day(200)
        events: list[OutcomeEvent] = []
        for one in self.course.mapped:
            events += _outcomes(one, day, self._calendar.at(205))
        events += self._closures(day)
        await self._record(events)

    def _closures(self, day: date) -> list[OutcomeEvent]:
        with self._house.police() as connection:
            done = disruption_look.disruptions(connection)
        return [
            ClosureMade(
                outcome_id=_id(f"closure {one['disruption_id']}"),
                ocg_id=UUID(one["ocg_id"]),
                entity_id=UUID(one["target_id"]),
                until=self._calendar.day(260),
                caused_by=CausedBy(cause=Cause.DISRUPTION, cause_id=UUID(one["disruption_id"])),
                occurred_on=day,
                decided_by=cast.LEAD_OFFICER,
                decided_at=self._calendar.at(205),
            )
            for one in done
            if one["lever"] == Lever.CLOSURE_ORDER and one["state"] == "EXECUTED"
        ]

    async def _record(self, events: Sequence[OutcomeEvent]) -> None:
        with self._house.police() as connection:
            day = self._calendar.day(205).isoformat()
            grounds = {
                one.outcome_id: disruption_look.ground(
                    connection, day, ocg_id=str(one.ocg_id), target_id=_about(one)
                )
                for one in events
            }

        def choose(book: DisruptionBook) -> Iterator[DisruptionEvent]:
            for event in events:
                yield from decide_outcome(event, book, grounds[event.outcome_id])

        await self._office.disruptions(
            cast.LEAD_OFFICER, Act.RECORD_OUTCOME, "outcomes of the year", choose
        )

    async def _support(self) -> None:
        """A mentor offers a way out to the edge of what goes on; the council counts voices."""
        left = [one for one in self.course.mapped if not one.ends]
        with self._house.police() as connection:
            day = self._calendar.day(150).isoformat()
            grounds = {
                one.ocg_id: disruption_look.ground(
                    connection, day, ocg_id=str(one.ocg_id), target_id=str(one.members[-1])
                )
                for one in left
            }

        def offer(book: DisruptionBook) -> Iterator[DisruptionEvent]:
            for one in left:
                event = InterventionAttempted(
                    intervention_id=_id(f"way out {one.reference}"),
                    ocg_id=one.ocg_id,
                    person_id=one.members[-1],
                    kind=InterventionKind.MENTORING,
                    agency=Agency.VOLUNTARY,
                    outcome=list(InterventionOutcome)[one.number % len(InterventionOutcome)],
                    caused_by=None,
                    occurred_on=self._calendar.day(150),
                    decided_by=cast.MENTOR,
                    decided_at=self._calendar.at(155),
                )
                yield from decide_intervention(event, book, grounds[one.ocg_id])

        await self._office.disruptions(cast.MENTOR, Act.RECORD_OUTCOME, "ways out", offer)
        await self._office.disruptions(
            cast.COUNCIL_OFFICER, Act.RECORD_OUTCOME, "voices of concern", self._voices
        )

    def _voices(self, book: DisruptionBook) -> Iterator[DisruptionEvent]:
        """Two or three voices a week from each area, and once many from one."""
        for place, area in enumerate(COMMUNITY_AREAS):
            for week in range(_QUIET_WEEKS + 1):
                loud = place == 0 and week == _QUIET_WEEKS
                monday = self._calendar.day(50 + 7 * week)
                event = ConcernRecorded(
                    concern_id=_id(f"voices {area} {week}"),
                    kind=ConcernKind.PUBLIC,
                    area=area,
                    theme=Theme.DRUGS,
                    count=_LOUD_VOICES if loud else 2 + (place + week) % 2,
                    week="{}-W{:02}".format(*monday.isocalendar()),
                    ocg_id=None,
                    caused_by=None,
                    decided_by=cast.COUNCIL_OFFICER,
                    decided_at=self._calendar.at(150),
                )
                yield from decide_concern(event, book, disruption_look.NO_GROUND)

    async def _assess(self) -> None:
        """Somebody who planned and executed none of it judges; some of it nobody has judged yet."""
        impacts = (Impact.MAJOR, Impact.MODERATE, Impact.MINOR, None)

        def choose(book: DisruptionBook) -> Iterator[DisruptionEvent]:
            executed = [one for _, one in sorted(book.disruptions.items()) if one.executed_on]
            for place, one in enumerate(executed):
                impact = impacts[place % len(impacts)]
                if impact is not None:
                    event = ImpactAssessed(
                        disruption_id=UUID(one.disruption_id),
                        impact=impact,
                        reasons=(Rationale.PROFESSIONAL_JUDGEMENT,),
                        decided_by=cast.ASSESSOR,
                        decided_at=self._calendar.at(280),
                    )
                    yield from decide_assess(event, book)

        await self._office.disruptions(cast.ASSESSOR, Act.ASSESS_IMPACT, "impacts", choose)


# --- what people see and conclude -------------------------------------------------------------


def _candidates(connection: Connection) -> list[Candidate]:
    """Return candidate networks by area, as the analysts of the areas share them out."""
    found = [_candidate(connection, one["network_id"]) for one in look.networks(connection)]
    return sorted(found, key=lambda one: (one.area, one.network_id))


def _candidate(connection: Connection, network_id: str) -> Candidate:
    seen = ocg_look.ground_for_mapping(connection, network_id)
    ties = {one: _ties(connection, one) for one in seen["members"]}
    footprint = look.footprint(connection, set(seen["members"]))
    return Candidate(
        network_id=network_id,
        area=area_of(footprint) or next(iter(COMMUNITY_AREAS)),
        members=tuple(sorted(ties, key=lambda one: (-ties[one], one))),
        reports=tuple(seen["report_ids"]),
    )


def _ties(connection: Connection, person: str) -> int:
    mine = or_(PAIRS.c.low_id == person, PAIRS.c.high_id == person)
    return len(connection.execute(select(PAIRS).where(mine)).all())


def _mapped(number: int, one: Candidate) -> Mapped:
    reference = f"FV-{number + 1}"
    return Mapped(
        number=number,
        reference=reference,
        ocg_id=_id(f"ocg {reference}"),
        area=one.area,
        members=tuple(map(UUID, one.members)),
        reports=tuple(map(UUID, one.reports)),
    )


def _role(place: int) -> OcgRole:
    if place == 0:
        return OcgRole.PRINCIPAL
    return OcgRole.SIGNIFICANT if place <= 2 else OcgRole.PERIPHERAL  # noqa: PLR2004 - two of them


_Ratings = tuple["Mapping[Factor, int]", "Mapping[Factor, int]", "Mapping[Factor, int]"]


def _ratings(number: int, *, after: bool) -> _Ratings:
    """Return how the rater sees an OCG: harm, likelihood, and what police have for it."""
    odd, less = number % 2, int(after)
    harm = {
        Factor.PHYSICAL: 3 - less,
        Factor.PSYCHOLOGICAL: 2 + odd - less,
        Factor.FINANCIAL: 2,
        Factor.COMMUNITY_AND_ENVIRONMENT: 3 - less,
        Factor.GEOGRAPHIC_SCOPE: 1 + number % 3,
        Factor.PUBLIC_EXPECTATION: 2 + odd - less,
    }
    likelihood = {
        Factor.VICTIM_VULNERABILITY: 3 - less,
        Factor.FREQUENCY: 2 + odd - less,
        Factor.TREND: 3 - 2 * less,
    }
    return harm, likelihood, {Factor.CAPACITY: 2 + less, Factor.CAPABILITY: 2 + less}


def _outcomes(one: Mapped, day: date, at: datetime) -> Iterator[OutcomeEvent]:
    """Yield what the enforcement against an OCG brought: guns, arrests and sentences."""
    cause_id = _plan_id(one, Lever.ENFORCEMENT, _ENFORCEMENT_PLANNED_ON)
    caused_by = CausedBy(cause=Cause.DISRUPTION, cause_id=cause_id)
    guns = _GUNS_WHERE_IT_ENDS if one.ends else _GUNS_ELSEWHERE.get(one.number, 0)
    if guns:
        yield SeizureMade(
            outcome_id=_id(f"guns {one.reference}"),
            ocg_id=one.ocg_id,
            item=SeizedItem.FIREARM,
            quantity=guns,
            caused_by=caused_by,
            occurred_on=day,
            decided_by=cast.LEAD_OFFICER,
            decided_at=at,
        )
    caught = one.members if one.ends else one.members[:_SENTENCED_ELSEWHERE]
    for place, person in enumerate(caught):
        yield ArrestMade(
            outcome_id=_id(f"arrest {one.reference} {place}"),
            ocg_id=one.ocg_id,
            person_id=person,
            offence=OffenceClass.DRUGS,
            caused_by=caused_by,
            occurred_on=day,
            decided_by=cast.LEAD_OFFICER,
            decided_at=at,
        )
        yield SentencePassed(
            outcome_id=_id(f"sentence {one.reference} {place}"),
            ocg_id=one.ocg_id,
            person_id=person,
            offence=OffenceClass.DRUGS,
            months=_MONTHS[place % len(_MONTHS)],
            caused_by=caused_by,
            occurred_on=day,
            decided_by=cast.LEAD_OFFICER,
            decided_at=at,
        )


def _about(event: OutcomeEvent) -> str | None:
    """Return whom or what an outcome is about, if anybody."""
    about = getattr(event, "person_id", None) or getattr(event, "entity_id", None)
    return None if about is None else str(about)


def _place_officer(one: Mapped) -> str:
    return _BY_PLACE[_AT_PLACES[one.number % len(_AT_PLACES)]]


def _wanted(records: Sequence[Record]) -> list[UUID]:
    """Return what police want the hub's view on, in the order of asking."""
    found: list[UUID] = []
    for record in records:
        if record.topic != SAFEGUARDING or record.value is None:
            continue
        try:
            found.append(decode(record.value, HubViewWanted).request_id)
        except UnknownSchemaError:
            continue
    return found


def _plan_id(one: Mapped, lever: Lever, day: int) -> UUID:
    return _id(f"disruption {one.reference} {lever} {day}")


def _id(name: str) -> UUID:
    """Return the id that goes with a name, the same in every telling of the story."""
    return uuid5(_IDS, name)
