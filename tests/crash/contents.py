"""I4: whether what left is what the reports say, and one person one person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from streams.shared import (
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    SafeguardingReportShared,
)
from streams.taxonomy import RelationKind
from streams.values import (
    AgeBand,
    Audience,
    ChildAtEvent,
    NodeKind,
    Role,
    Sex,
)
from tests.crash.findings import Key, Run, Violation
from tests.crash.outside import TOPIC_OF, AudienceNames
from tests.crash.story import (
    NO_PERSON,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from streams.restricted import Report
    from tests.crash.fates import Fates
    from tests.crash.reading import Told


_LONDON = ZoneInfo("Europe/London")


class Contents:
    """Compares what left with the reports themselves."""

    def __init__(self, run: Run, fates: Fates) -> None:
        self._run = run
        self._histories = fates.histories
        self._reports: dict[Key, Step] = {}
        for fate in fates.all():
            if fate.step.report is not None:
                self._reports.setdefault((fate.step.partner, *fate.name), fate.step)

    def check(self) -> Iterator[Violation]:
        """Tell of each record that says something else than its report, or somebody else."""
        for audience in Audience:
            names = AudienceNames(self._run, audience)
            records = self._run.topics[TOPIC_OF[audience]]
            people = OneToOne(f"{TOPIC_OF[audience]}: persons", _roots(records))
            origins = OneToOne(f"{TOPIC_OF[audience]}: origins", {})
            for record in records:
                event = record.event
                if not isinstance(event, PoliceReportShared | SafeguardingReportShared):
                    continue
                inside = names.behind(event.report_id)
                step = self._reports.get((*inside, event.revision)) if inside else None
                if step is None:
                    continue  # I1 and I2 tell of it
                yield from self._one(record, event, step)
                yield from origins.pair(inside, event.origin_id, record)
                if self._histories[inside].withdrawn:
                    continue  # it links nobody any longer: who was first met in it is met anew
                for node in event.nodes:
                    if step.people[node.node] != NO_PERSON:
                        yield from people.pair(step.people[node.node], node.entity_id, record)

    def _one(self, record: Told, event: Any, step: Step) -> Iterator[Violation]:
        assert step.report is not None
        for name in _differences(event, step.report):
            records = (str(step.report_id), str(step.revision), record.name)
            yield Violation("I4", f"{name} is another", record.topic, records)


class OneToOne:
    """Tells when one thing has two ids, or two things one."""

    def __init__(self, where: str, roots: Mapping[UUID, UUID]) -> None:
        self._where = where
        self._roots = roots
        self._ids: dict[Any, UUID] = {}
        self._things: dict[UUID, Any] = {}

    def pair(self, thing: Any, entity: UUID, record: Told) -> Iterator[Violation]:
        """Take a pair in."""
        while entity in self._roots:
            entity = self._roots[entity]
        if self._ids.setdefault(thing, entity) != entity:
            yield Violation("I4", "one has two ids", self._where, (record.name, str(entity)))
        elif self._things.setdefault(entity, thing) != thing:
            yield Violation("I4", "two have one id", self._where, (record.name, str(entity)))


def _roots(records: Iterable[Told]) -> dict[UUID, UUID]:
    roots: dict[UUID, UUID] = {}
    for record in records:
        if isinstance(record.event, PersonsMerged):
            roots[record.event.absorbed_id] = record.event.kept_id
        elif isinstance(record.event, PersonSplit):
            roots.pop(record.event.new_entity_id, None)
    return roots


def _differences(event: Any, report: Report) -> Iterator[str]:
    """Name the fields in which what left is neither what the report says nor left out."""
    for name in ("immediate_risk", "purpose", "facts", "grading", "handling"):
        if getattr(event, name) != getattr(report, name):
            yield name
    day = report.event_at.astimezone(_LONDON).date()
    if event.event_week != "{}-W{:02}".format(*day.isocalendar()):
        yield "event_week"
    if event.narrative is not None:
        yield "narrative"
    if event.district not in {None, "S5"}:
        yield "district"
    if event.police_area not in {None, "South Yorkshire"}:
        yield "police_area"
    if any(event.padding):
        yield "padding"
    is_police = isinstance(event, PoliceReportShared)
    yield from _node_differences(event, report, day, is_police=is_police)


_KIN = {
    RelationKind.SIBLING,
    RelationKind.PARENT,
    RelationKind.KINSHIP_CARER,
    RelationKind.FOSTER_CARER,
    RelationKind.FRIEND,
    RelationKind.ATTENDS,
}
_CONCERNS_POLICE = {Role.SUSPECT, Role.VICTIM, Role.WITNESS}


def _node_differences(event: Any, report: Report, day: Any, *, is_police: bool) -> Iterator[str]:
    numbers = {node.label: number for number, node in enumerate(report.nodes)}
    ties = [(numbers[one.subject], numbers[one.object], one.kind) for one in report.relations]
    shown = [node.node for node in event.nodes]
    wanted, allowed_ties = list(range(len(report.nodes))), ties
    if is_police:
        allowed_ties = [tie for tie in ties if tie[2] not in _KIN]
        tied = {end for tie in ties for end in tie[:2]}
        kept = {end for tie in allowed_ties for end in tie[:2]}
        wanted = [
            number
            for number in wanted
            if number in kept
            or number not in tied
            or (report.nodes[number].person or _NOBODY).role in _CONCERNS_POLICE
        ]
        allowed_ties = [tie for tie in allowed_ties if {*tie[:2]} <= set(wanted)]
    if shown != wanted:
        yield "nodes"
        return
    told = [(one.subject, one.object, one.kind) for one in event.relations]
    if told != allowed_ties:
        yield "relations"
    for node in event.nodes:
        yield from _node_difference(node, report, day)


class _NOBODY:
    role = Role.OTHER
    sex = Sex.UNKNOWN


def _node_difference(node: Any, report: Report, day: Any) -> Iterator[str]:
    original = report.nodes[node.node]
    person = original.person or _NOBODY
    if node.kind is not original.kind or node.role is not person.role:
        yield f"nodes[{node.node}]"
    if node.sex not in {Sex.UNKNOWN, person.sex}:
        yield f"nodes[{node.node}].sex"
    child, band = _age(original, day)
    if node.child_at_event not in {child, ChildAtEvent.UNKNOWN}:
        yield f"nodes[{node.node}].child_at_event"
    if child is ChildAtEvent.YES and node.child_at_event is not ChildAtEvent.YES:
        yield f"nodes[{node.node}].child_at_event"
    if getattr(node, "age_band", AgeBand.UNKNOWN) not in {band, AgeBand.UNKNOWN}:
        yield f"nodes[{node.node}].age_band"


def _age(node: Any, day: Any) -> tuple[ChildAtEvent, AgeBand]:
    if node.kind is not NodeKind.PERSON:
        return ChildAtEvent.UNKNOWN, AgeBand.UNKNOWN
    born = node.identity.born_on
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    if years >= 18:
        return ChildAtEvent.NO, AgeBand.ADULT
    bands = ((4, AgeBand.AGE_0_4), (10, AgeBand.AGE_5_10), (15, AgeBand.AGE_11_15))
    band = next((band for upto, band in bands if years <= upto), AgeBand.AGE_16_17)
    return ChildAtEvent.YES, band
