"""What a reader of one topic can put together about each person in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from streams.codec import decode
from streams.hub import RulesAdopted
from streams.loop import read_to_end
from streams.shared import (
    AgeBandChanged,
    GradeRelayed,
    HubViewRelayed,
    HubViewWanted,
    NominalRelayed,
    NoticeTold,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    PossibleLinkTold,
    ProtectionRelayed,
    ReportWithdrawn,
    SafeguardingReportShared,
    SourceHistoryTold,
)
from streams.taxonomy import RelationKind
from streams.topics import POLICE, SAFEGUARDING
from streams.values import AgeBand, Audience, ChildAtEvent, NodeKind, Sex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from streams.ports import Log
    from streams.shared import PoliceNode, SafeguardingNode

    SharedReport = PoliceReportShared | SafeguardingReportShared
    SharedNode = PoliceNode | SafeguardingNode

TOPIC_OF: Final = {Audience.POLICE: POLICE, Audience.SAFEGUARDING: SAFEGUARDING}
_REPORTS: Final = (PoliceReportShared, SafeguardingReportShared)
_OTHERS: Final = (
    AgeBandChanged,
    GradeRelayed,
    HubViewRelayed,
    HubViewWanted,
    NominalRelayed,
    NoticeTold,
    PersonsMerged,
    PersonSplit,
    PossibleLinkTold,
    ProtectionRelayed,
    ReportWithdrawn,
    RulesAdopted,
    SourceHistoryTold,
)
_WEEK_DAYS: Final = 7
_YEAR_DAYS: Final = 365.2425
_AGES: Final = {
    AgeBand.AGE_0_4: (0, 5),
    AgeBand.AGE_5_10: (5, 11),
    AgeBand.AGE_11_15: (11, 16),
    AgeBand.AGE_16_17: (16, 18),
    AgeBand.ADULT: (18, 130),
}
_CHILD: Final = {ChildAtEvent.YES: (0, 18), ChildAtEvent.NO: (18, 130)}
HOME: Final = frozenset({RelationKind.LIVES_AT, RelationKind.CUCKOOED_AT})


class Kinship(StrEnum):
    """How another stands to somebody; AROUND: of the same household or family, somehow."""

    SIBLING = "SIBLING"
    PARENT = "PARENT"
    CHILD = "CHILD"
    CARER = "CARER"
    WARD = "WARD"
    AROUND = "AROUND"


@dataclass(slots=True)
class Profile:
    """Everything that a topic tells of one person or thing, put together.

    `after` and `until` bound the birth date as proleptic days: band and week
    of each report narrow it. `ties` hold (kind, from here on?, the other).
    """

    kind: NodeKind
    sexes: Counter[Sex] = field(default_factory=Counter)
    after: int = 0
    until: int = 4_000_000
    districts: Counter[str] = field(default_factory=Counter)
    areas: set[str] = field(default_factory=set)
    ties: set[tuple[RelationKind, bool, UUID]] = field(default_factory=set)
    reports: int = 0

    @property
    def sex(self) -> Sex | None:
        """The sex that most reports tell, None where none does."""
        told = self.sexes.most_common(1)
        return told[0][0] if told else None

    def narrow(self, after: int, until: int) -> None:
        """Take in another window of birth; one that contradicts is taken for a mistake."""
        low, high = max(self.after, after), min(self.until, until)
        if low < high:
            self.after, self.until = low, high

    def add(self, other: Profile, name_of: Mapping[UUID, UUID]) -> None:
        """Take in another profile of the same person, whose ties name people by other ids."""
        self.reports += other.reports
        self.sexes += other.sexes
        self.districts += other.districts
        self.areas |= other.areas
        self.ties |= {(kind, way, name_of.get(one, one)) for kind, way, one in other.ties}
        self.narrow(other.after, other.until)


class View:
    """One audience's topic, folded by a reader who forgets nothing: withdrawn reports stay."""

    def __init__(self, audience: Audience) -> None:
        self.audience = audience
        self.profiles: dict[UUID, Profile] = {}
        self.placed: dict[UUID, bool] = {}
        self._kept: dict[UUID, UUID] = {}

    @classmethod
    async def read(cls, log: Log, audience: Audience) -> View:
        """Read a whole topic; people stand under the id that they have at its end."""
        view = cls(audience)
        topic = TOPIC_OF[audience]
        events = [
            decode(record.value or b"", *_REPORTS, *_OTHERS)
            async for records in read_to_end(log, (topic,))
            for record in records
        ]
        for event in events:
            if isinstance(event, PersonsMerged):
                view._kept[event.absorbed_id] = event.kept_id
            elif isinstance(event, PersonSplit):
                view._kept.pop(event.new_entity_id, None)
        for event in events:
            if isinstance(event, _REPORTS):
                view.apply(event)
        for event in events:
            if isinstance(event, AgeBandChanged) and event.age_band in _AGES:
                view.turn(event)
        return view

    def root(self, one: UUID) -> UUID:
        """Return the id that somebody goes by now."""
        while one in self._kept:
            one = self._kept[one]
        return one

    def apply(self, event: SharedReport) -> None:
        """Take a report in."""
        self.placed[event.report_id] = event.district is not None
        monday = _monday(event.event_week)
        name = {node.node: self.root(node.entity_id) for node in event.nodes}
        for node in event.nodes:
            self._take(node, name[node.node], event, monday)
        for tie in event.relations:
            one, other = name[tie.subject], name[tie.object]
            if one != other:
                self.profiles[one].ties.add((tie.kind, True, other))
                self.profiles[other].ties.add((tie.kind, False, one))

    def turn(self, event: AgeBandChanged) -> None:
        """Take in a birthday, known to a fortnight: it may be told a week late."""
        profile = self.profiles.get(self.root(event.person_id))
        if profile is not None:
            monday = _monday(event.week)
            years = int(_AGES[event.age_band][0] * _YEAR_DAYS)
            profile.narrow(monday - _WEEK_DAYS - years - 2, monday + _WEEK_DAYS - years)

    def _take(self, node: SharedNode, name: UUID, event: SharedReport, monday: int) -> None:
        profile = self.profiles.setdefault(name, Profile(node.kind))
        profile.reports += 1
        if node.sex is not Sex.UNKNOWN:
            profile.sexes[node.sex] += 1
        if event.district is not None:
            profile.districts[event.district] += 1
        elif event.police_area is not None:
            profile.areas.add(event.police_area)
        ages = _AGES.get(getattr(node, "age_band", AgeBand.UNKNOWN)) or _CHILD.get(
            node.child_at_event
        )
        if ages is not None:
            after = monday - int(ages[1] * _YEAR_DAYS) - 1
            profile.narrow(after, monday + 6 - int(ages[0] * _YEAR_DAYS))

    def people(self) -> Iterator[tuple[UUID, Profile]]:
        """Yield every person."""
        return ((name, one) for name, one in self.profiles.items() if one.kind is NodeKind.PERSON)

    def family(self, name: UUID) -> dict[UUID, Kinship]:
        """Return whom the view ties to somebody by family or a shared door, and how at best."""
        found = {other: kinship for kinship, other in self._kin(name)}
        queue = list(found)
        while queue:
            for _, other in self._kin(queue.pop()):
                if other not in found and other != name:
                    found[other] = Kinship.AROUND
                    queue.append(other)
        return found

    def _kin(self, name: UUID) -> Iterator[tuple[Kinship, UUID]]:
        for kind, _, other in self.profiles[name].ties:
            if kind in HOME:
                for _, _, housemate in self.profiles[other].ties:
                    if housemate != name and self.profiles[housemate].kind is NodeKind.PERSON:
                        yield Kinship.AROUND, housemate
        for kind, is_from, other in self.profiles[name].ties:
            if kind is RelationKind.SIBLING:
                yield Kinship.SIBLING, other
            elif kind is RelationKind.PARENT:
                yield Kinship.CHILD if is_from else Kinship.PARENT, other
            elif kind in {RelationKind.KINSHIP_CARER, RelationKind.FOSTER_CARER}:
                yield Kinship.WARD if is_from else Kinship.CARER, other


def joined(safeguarding: View, police: View, same: Mapping[UUID, UUID]) -> View:
    """Return what somebody sees who reads both topics and has found every pair of ids.

    `same` leads from police ids to safeguarding ids. Nobody can compute it; but
    whoever reads both may guess it from reports alike in week and facts, and
    this is the most that guessing can give.
    """
    both = View(Audience.SAFEGUARDING)
    both.placed = safeguarding.placed
    for view, name_of in ((safeguarding, {}), (police, same)):
        for name, profile in view.profiles.items():
            mine = both.profiles.setdefault(name_of.get(name, name), Profile(profile.kind))
            mine.add(profile, name_of)
    return both


def _monday(week: str) -> int:
    return date.fromisocalendar(int(week[:4]), int(week[6:]), 1).toordinal()
