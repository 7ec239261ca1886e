"""Builders of shared events about invented entities, by name, for the tests of the projections."""

from __future__ import annotations

import random
from dataclasses import replace
from uuid import UUID, uuid5

from consumers.store import ProjectionStore
from consumers.worker import ProjectionRunner
from streams.codec import decode, encode
from streams.loop import NO_WAIT
from streams.memory import MemoryLog
from streams.parts import CodedFact, Grading, Handling
from streams.ports import Outgoing
from streams.shared import (
    AgeBandChanged,
    AlertRaised,
    AlertUpdated,
    GradeRelayed,
    Mention,
    NominalDischarged,
    NominalEnrolled,
    NominalRelayed,
    PersonsMerged,
    PersonSplit,
    PoliceNode,
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingNode,
    SafeguardingReportShared,
    SharedRelation,
)
from streams.taxonomy import RELATIONS, SAFEGUARDING_ONLY, Ends, RelationKind
from streams.topics import ALERTS, POLICE, POLICE_DECISIONS, SAFEGUARDING
from streams.values import (
    Activity,
    AgeBand,
    ChildAtEvent,
    FourP,
    GradingScheme,
    NodeKind,
    Purpose,
    Role,
    Sex,
    Theme,
)

NAMESPACE = UUID("00000000-0000-4000-8000-000000000000")
YES, NO, UNKNOWN = ChildAtEvent.YES, ChildAtEvent.NO, ChildAtEvent.UNKNOWN
CRIMINAL, INNOCENT = Activity.SUPPLY, Activity.MEETING
DECIDED_AT = MemoryLog()._clock()

_KIND_OF_OBJECT = {
    Ends.PERSON_PERSON: NodeKind.PERSON,
    Ends.PERSON_ORGANISATION: NodeKind.ORGANISATION,
    Ends.PERSON_PHONE: NodeKind.PHONE,
    Ends.PERSON_ADDRESS: NodeKind.ADDRESS,
    Ends.PERSON_OBJECT: NodeKind.VEHICLE,
}


def an_id(name: str) -> UUID:
    """The id that goes with a name."""
    return uuid5(NAMESPACE, name)


def key(name: str) -> str:
    return str(an_id(name))


def grade(assessment: str, source: str = "1") -> Grading:
    return Grading(scheme=GradingScheme.SCHEME_3X5X2, source=source, assessment=assessment)


class Told:
    """A report told in words: `Told("R1").tie("ada", CO_OFFENDER, "bob").child("cy")`."""

    def __init__(
        self,
        name: str,
        *,
        revision: int = 1,
        origin: str | None = None,
        week: str = "2026-W40",
        district: str | None = "S5",
        activity: Activity = CRIMINAL,
        theme: Theme = Theme.DRUGS,
        grading: Grading | None = None,
    ) -> None:
        self.name = name
        self.revision = revision
        self.origin = origin or name
        self.week = week
        self.district = district
        self.activity = activity
        self.theme = theme
        self.grading = grading or grade("B")
        self.kinds: dict[str, NodeKind] = {}
        self.children: dict[str, ChildAtEvent] = {}
        self.roles: dict[str, Role] = {}
        self.bands: dict[str, AgeBand] = {}
        self.ties: list[tuple[str, RelationKind, str]] = []

    def tie(self, subject: str, kind: RelationKind, *targets: str) -> Told:
        for target in targets:
            self.kinds.setdefault(subject, NodeKind.PERSON)
            self.kinds.setdefault(target, _KIND_OF_OBJECT[RELATIONS[kind].ends])
            self.ties.append((subject, kind, target))
        return self

    def person(
        self, *names: str, child=UNKNOWN, role=Role.OTHER, band: AgeBand = AgeBand.UNKNOWN
    ) -> Told:
        for name in names:
            self.kinds.setdefault(name, NodeKind.PERSON)
            self.children[name] = child
            self.roles[name] = role
            self.bands[name] = band
        return self

    def child(self, *names: str) -> Told:
        return self.person(*names, child=YES)

    def suspect(self, *names: str) -> Told:
        return self.person(*names, child=NO, role=Role.SUSPECT)

    def number(self, name: str) -> int:
        return list(self.kinds).index(name)

    def mention(self, name: str) -> Mention:
        return Mention(report_id=an_id(self.name), node=self.number(name))

    def police(self) -> PoliceReportShared:
        return PoliceReportShared(nodes=self._nodes(PoliceNode), **self._facts(SAFEGUARDING_ONLY))

    def safeguarding(self) -> SafeguardingReportShared:
        nodes = tuple(
            replace(node, age_band=self.bands.get(name, AgeBand.UNKNOWN))
            for name, node in zip(self.kinds, self._hub_nodes(), strict=True)
        )
        return SafeguardingReportShared(nodes=nodes, **self._facts(frozenset()))

    def _hub_nodes(self) -> tuple:
        return self._nodes(SafeguardingNode, age_band=AgeBand.UNKNOWN, protected=False)

    def _nodes(self, cls, **more) -> tuple:
        return tuple(
            cls(
                node=number,
                kind=kind,
                entity_id=an_id(name),
                sex=Sex.UNKNOWN,
                child_at_event=self.children.get(name, UNKNOWN),
                role=self.roles.get(name, Role.OTHER),
                **more,
            )
            for number, (name, kind) in enumerate(self.kinds.items())
        )

    def _facts(self, unsaid) -> dict:
        fact = CodedFact(theme=self.theme, activity=self.activity, four_p=FourP.PURSUE)
        return {
            "report_id": an_id(self.name),
            "revision": self.revision,
            "origin_id": an_id(f"origin {self.origin}"),
            "immediate_risk": False,
            "purpose": Purpose.DISRUPT_ORGANISED_CRIME,
            "event_week": self.week,
            "district": self.district,
            "relations": tuple(
                SharedRelation(subject=self.number(one), object=self.number(other), kind=kind)
                for one, kind, other in self.ties
                if RELATIONS[kind].bond not in unsaid
            ),
            "facts": (fact,),
            "grading": self.grading,
            "handling": Handling(),
        }


def withdrawn(name: str) -> ReportWithdrawn:
    return ReportWithdrawn(report_id=an_id(name))


def graded(name: str, grading: Grading, revision: int = 1) -> GradeRelayed:
    return GradeRelayed(report_id=an_id(name), revision=revision, grading=grading)


def aged(name: str, band: AgeBand, week: str) -> AgeBandChanged:
    return AgeBandChanged(person_id=an_id(name), age_band=band, week=week)


def merged(kept: str, absorbed: str, kind: NodeKind = NodeKind.PERSON) -> PersonsMerged:
    return PersonsMerged(kind=kind, kept_id=an_id(kept), absorbed_id=an_id(absorbed))


def split(entity: str, new: str, *mentions: Mention) -> PersonSplit:
    return PersonSplit(
        kind=NodeKind.PERSON, entity_id=an_id(entity), new_entity_id=an_id(new), mentions=mentions
    )


def enrolled(name: str, seen: int) -> NominalEnrolled:
    return NominalEnrolled(
        person_id=an_id(name), seen=seen, decided_by="DS Invented", decided_at=DECIDED_AT
    )


def discharged(name: str) -> NominalDischarged:
    return NominalDischarged(person_id=an_id(name), decided_by="DS Invented", decided_at=DECIDED_AT)


def relayed(name: str, *, is_nominal: bool = True) -> NominalRelayed:
    return NominalRelayed(person_id=an_id(name), is_nominal=is_nominal)


class Desk:
    """A projection over a log in memory, told events one by one."""

    def __init__(self, projection, log: MemoryLog | None = None, store=None) -> None:
        self.projection = projection
        self.log = log or MemoryLog()
        self.store = store or ProjectionStore.in_memory(projection)
        self.runner = ProjectionRunner(projection, self.store, self.log)
        self._started = False

    async def hear(self, *events) -> Desk:
        """Append the events to their topics and let the projection read them."""
        for event in events:
            await self.log.append([Outgoing(self.topic_of(event), encode(event))])
        await self.read()
        return self

    async def read(self, limit: int = 500) -> Desk:
        if not self._started:
            await self.runner.start()
            self._started = True
        while await self.runner.turn(NO_WAIT, limit):
            pass
        return self

    def topic_of(self, event) -> str:
        if isinstance(event, NominalEnrolled | NominalDischarged):
            return POLICE_DECISIONS
        return SAFEGUARDING if SAFEGUARDING in self.projection.topics else POLICE

    def rows(self, table) -> list[dict]:
        with self.store.snapshot() as snapshot:
            return list(snapshot.rows(table))

    def table_hashes(self) -> dict[str, str]:
        with self.store.snapshot() as snapshot:
            return dict(snapshot.table_hashes())

    def published(self) -> list[AlertRaised | AlertUpdated]:
        return [decode(r.value, AlertRaised, AlertUpdated) for r in self.log.records(ALERTS)]


# --- random histories --------------------------------------------------------------

_KINDS = (
    RelationKind.CO_OFFENDER,
    RelationKind.CO_OFFENDER,
    RelationKind.ASSOCIATE,
    RelationKind.EXPLOITS,
    RelationKind.MEMBER_OF,
    RelationKind.USES_LINE,
    RelationKind.RUNS_LINE,
    RelationKind.SIBLING,
    RelationKind.PARENT,
    RelationKind.KINSHIP_CARER,
    RelationKind.FOSTER_CARER,
    RelationKind.FRIEND,
    RelationKind.LIVES_AT,
    RelationKind.ATTENDS,
)

_GRADES = (grade("A"), grade("B"), grade("D", "3"), grade("E"), Grading())


class History:
    """A random history of one audience's topic, valid as the gate would write it.

    `run` yields `Told` and events in order: reports, corrections, withdrawals, grades, ages,
    merges and splits, some of them before the report they refer to.
    """

    def __init__(self, seed: int, people: int = 40) -> None:
        self._random = random.Random(seed)
        self._people = [f"person {number}" for number in range(people)]
        self._reports: list[Told] = []
        self._count = 0

    def run(self, events: int):
        steps = {
            self._report: 64,
            self._correct: 8,
            self._withdraw: 6,
            self._merge: 6,
            self._split: 6,
            self._grade: 5,
            self._age: 2,
            self._early: 3,
        }
        for _ in range(events):
            (step,) = self._random.choices(tuple(steps), tuple(steps.values()))
            yield step()

    def _report(self) -> Told:
        self._count += 1
        told = self._fill(Told(f"report {self._count}", **self._frame()))
        self._reports.append(told)
        return told

    def _frame(self) -> dict:
        choose = self._random.choice
        return {
            "origin": f"origin {self._random.randrange(60)}",
            "week": f"2026-W{self._random.randrange(10, 50)}",
            "district": choose(("S1", "S5", "S9", None)),
            "activity": choose((CRIMINAL, INNOCENT)),
            "theme": choose((Theme.DRUGS, Theme.CHILD_CRIMINAL_EXPLOITATION)),
            "grading": choose(_GRADES),
        }

    def _fill(self, told: Told) -> Told:
        for _ in range(self._random.randrange(1, 5)):
            kind = self._random.choice(_KINDS)
            one = self._random.choice(self._people)
            other = self._target(kind)
            if one != other:
                told.tie(one, kind, other)
        for name in [name for name, kind in told.kinds.items() if kind is NodeKind.PERSON]:
            child = self._random.choice((YES, NO, NO, UNKNOWN))
            band = self._random.choice(tuple(AgeBand))
            told.person(name, child=child, role=self._random.choice(tuple(Role)), band=band)
        return told if told.kinds else told.person(self._people[0])

    def _target(self, kind: RelationKind) -> str:
        if RELATIONS[kind].ends is Ends.PERSON_PERSON:
            return self._random.choice(self._people)
        return f"{RELATIONS[kind].ends} {self._random.randrange(8)}"

    def _correct(self) -> Told:
        if not self._reports:
            return self._report()
        earlier = self._random.choice(self._reports)
        later = Told(earlier.name, revision=earlier.revision + 1, **self._frame())
        self._reports.append(self._fill(later))
        return later

    def _withdraw(self):
        return withdrawn(self._some_report().name)

    def _merge(self):
        kept, absorbed = self._random.sample(self._people, 2)
        return merged(kept, absorbed)

    def _split(self):
        told = self._some_report()
        name = self._random.choice(list(told.kinds))
        return split(name, self._random.choice(self._people), told.mention(name))

    def _grade(self):
        told = self._some_report()
        return graded(told.name, self._random.choice(_GRADES), self._revision_near(told))

    def _revision_near(self, told: Told) -> int:
        return max(1, told.revision + self._random.choice((-1, 0, 0, 0, 1)))

    def _age(self):
        band = self._random.choice(tuple(AgeBand))
        week = f"2026-W{self._random.randrange(10, 50)}"
        return aged(self._random.choice(self._people), band, week)

    def _early(self):
        """Something about a report that comes only later, or never."""
        later = f"report {self._count + self._random.randrange(1, 5)}"
        chance = self._random.random()
        if chance < 0.3:
            return withdrawn(later)
        if chance < 0.6:
            return graded(later, self._random.choice(_GRADES), self._random.randrange(1, 3))
        mention = Mention(report_id=an_id(later), node=self._random.randrange(3))
        return split(*self._random.sample(self._people, 2), mention)

    def _some_report(self) -> Told:
        return self._random.choice(self._reports) if self._reports else self._report()


def police_events(steps) -> list:
    """The history as police get it: they are told of no age."""
    told = (step for step in steps if not isinstance(step, AgeBandChanged))
    return [step.police() if isinstance(step, Told) else step for step in told]


def safeguarding_events(steps) -> list:
    return [step.safeguarding() if isinstance(step, Told) else step for step in steps]
