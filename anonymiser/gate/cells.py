"""Small cells: nobody leaves whom fewer than k people could be, counted over all that ever left.

What an audience was shown of a person adds up: sex, age bands and the weeks
they were told in (together a window that the birth date lies in), districts,
and the family, each of whom adds up likewise. `Shown` remembers that and
forgets nothing, since nothing can be un-known. `Cells.fit` asks before a report
goes: with this report added, how many people of the reference population could
each person in it be, and each of their families? Below k the report is made
coarser, rung by rung, and as a last resort held:

    district -> police area -> no place; then for those below k the same three
    without the age band; then without the sex; then, for police alone, with ever fewer
    of those who stand in the report only as family, the last named first; then held.

Whether somebody is a child is never taken back, only that somebody is an adult:
whoever turned 18 a week ago would stand out among all who were born then.

    shown = Shown()                         # one for each audience
    fitted = Cells(population).fit(event, shown)
    if fitted.event is None: ...            # hold it: reason "small_cell"
    else: ...                               # release fitted.event, then
    shown.apply(fitted.event)               # also when read back from the topic

No reference population: the place is left out. Things (phones, addresses) have
no cell of their own; what they tie together is counted with the persons.
Source: privacy.md sections 5 and 8 (property 23); k = 5 is that page's.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

from anonymiser.gate.population import (
    ADULT,
    ANY_BAND,
    ANY_SEX,
    BAND_BITS,
    EVERYWHERE,
    SEX_BITS,
    district,
    police_area,
)
from streams.shared import PoliceReportShared, SafeguardingReportShared
from streams.taxonomy import RELATIONS, Bond, RelationKind
from streams.values import AgeBand, ChildAtEvent, NodeKind, Role, Sex

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from uuid import UUID

    from anonymiser.gate.population import Look, Place, Population
    from streams.shared import PoliceNode, SafeguardingNode

    SharedNode: TypeAlias = PoliceNode | SafeguardingNode
    Node = TypeVar("Node", PoliceNode, SafeguardingNode)

SharedReport: TypeAlias = PoliceReportShared | SafeguardingReportShared

K: Final = 5
#: The reason code of a report that no rung lets go.
SMALL_CELL: Final = "small_cell"

#: Of those who could be somebody, the share also met in one more district (judgement).
_MET_ELSEWHERE: Final = 0.5
#: Of the families that tables count as alike, the share (on the low side) in which a child has a
#: foster or kinship carer; a grown brother or sister; a parent under 18, or two of one sex, or
#: three.
_IN_CARE: Final = 0.05
_GROWN_OFFSPRING: Final = 0.03
_UNUSUAL_PARENTS: Final = 0.02
#: A year away from the day of the tables: the share of households behind the same door, and of
#: children in the same age band (five or six years wide).
_SAME_DOOR: Final = 0.9
_SAME_BAND: Final = 0.8
#: More people than this behind one door are a hostel or a home, and no family.
_HOUSEHOLD_MAX: Final = 8
#: An estimate counts with what it may be short of by chance: so many standard deviations.
_DEVIATIONS: Final = 3.0
_ROUNDING: Final = 1e-9

_YEAR_DAYS: Final = 365.2425
_WEEK_DAYS: Final = 7
_BANDS: Final = (
    (BAND_BITS[AgeBand.AGE_0_4], 0, 5),
    (BAND_BITS[AgeBand.AGE_5_10], 5, 11),
    (BAND_BITS[AgeBand.AGE_11_15], 11, 16),
    (BAND_BITS[AgeBand.AGE_16_17], 16, 18),
    (ADULT, 18, 90),
)
_LONG_AGO: Final = -1_000_000
_FAR_AHEAD: Final = 10_000_000
_HOME: Final = frozenset({RelationKind.LIVES_AT, RelationKind.CUCKOOED_AT})
_FAMILY: Final = frozenset({Bond.KIN, Bond.CARE})
_PARENTS: Final = (Sex.FEMALE, Sex.MALE)
_BYSTANDERS: Final = frozenset({Role.OTHER, Role.CARER})
_CARERS: Final = frozenset({RelationKind.KINSHIP_CARER, RelationKind.FOSTER_CARER})

Key: TypeAlias = bytes


class PlaceRung(IntEnum):
    """How finely the place of a report is told."""

    DISTRICT = 0
    POLICE_AREA = 1
    NONE = 2


class Detail(IntEnum):
    """What is told of the people whose cell is small."""

    FULL = 0
    WITHOUT_AGE = 1
    WITHOUT_AGE_AND_SEX = 2
    PART_OF_FAMILY = 3


@dataclass(frozen=True, slots=True)
class Fitted:
    """The report as it may leave, and how coarse that is; None if it must be held."""

    event: SharedReport | None
    place: PlaceRung
    detail: Detail


# --- what was shown ------------------------------------------------------------------


class Known(NamedTuple):
    """What is known of a person: born after `after` and not after `until` (proleptic days).

    `seen` is the Monday of the last week it was told of, `places` where it was met.
    """

    sex: int = ANY_SEX
    after: int = _LONG_AGO
    until: int = _FAR_AHEAD
    seen: int = 0
    places: tuple[Place, ...] = ()

    def joined(self, other: Known) -> Known:
        """Add what another report says; of two ages that cannot both be, the first stays."""
        after, until = max(self.after, other.after), min(self.until, other.until)
        if after >= until:
            after, until = self.after, self.until
        return Known(
            sex=other.sex if self.sex == ANY_SEX else self.sex,
            after=after,
            until=until,
            seen=max(self.seen, other.seen),
            places=tuple(dict.fromkeys((*self.places, *other.places))),
        )


@dataclass(slots=True)
class Tied:
    """People (and their addresses) whom family ties or a shared door tie together."""

    members: dict[Key, None] = field(default_factory=dict)
    parents: set[Key] = field(default_factory=set)
    offspring: set[Key] = field(default_factory=set)
    has_carer: bool = False

    def absorb(self, other: Tied) -> None:
        """Take in all of another group."""
        self.members |= other.members
        self.parents |= other.parents
        self.offspring |= other.offspring
        self.has_carer |= other.has_carer

    def rename(self, old: Key, new: Key) -> None:
        """Let one member go by another's id."""
        self.members = {new if one == old else one: None for one in self.members}
        self.parents = {new if one == old else one for one in self.parents}
        self.offspring = {new if one == old else one for one in self.offspring}

    def add(self, kind: RelationKind, subject: Key, target: Key) -> None:
        """Take in how two of the members stand to each other."""
        if kind is RelationKind.PARENT:
            self.parents.add(subject)
            self.offspring.add(target)
        elif kind is RelationKind.SIBLING:
            self.offspring.update((subject, target))
        elif kind in _CARERS:
            self.has_carer = True

    def look(self, key: Key, known: Known) -> tuple[Look, float]:
        """Return how a member looks; whoever has a child is taken for grown unless it is told."""
        (sex, band), share = _look(known)
        return (sex, ADULT if key in self.parents and band & ADULT else band), share

    def share(self, looks: Mapping[Key, Look]) -> float:
        """Return the share of families that look the same in which people stand so."""
        share = _IN_CARE if self.has_carer else 1.0
        if any(looks[one][1] == ADULT for one in self.offspring if one in looks):
            share *= _GROWN_OFFSPRING
        parents = [looks[one] for one in self.parents if one in looks]
        return share if _are_usual(parents) else share * _UNUSUAL_PARENTS


class Shown:
    """What one audience was ever shown of people, under its own ids; a fold of what left.

    A person takes a record of 15 bytes (two more for each place met at) beside
    its id; only who has family or a door in the reports takes more.
    """

    _RECORD: Final = struct.Struct("<Biii")

    def __init__(self) -> None:
        self._people: dict[Key, bytes] = {}
        self._places: list[Place] = []
        self._number_of: dict[Place, int] = {}
        self._tied: dict[Key, Tied] = {}

    def apply(self, event: SharedReport) -> None:
        """Take in a report that left, in whatever order."""
        for key, known in observed(event).items():
            self._keep(key, self.joined(key, known))
        for tied in ties(event, self):
            for member in tied.members if len(tied.members) > 1 else ():
                self._tied[member] = tied

    def turn(self, person: UUID, known: Known) -> None:
        """Take in what a change of age band told of somebody."""
        self._keep(person.bytes, self.joined(person.bytes, known))

    def merge(self, kept: UUID, absorbed: UUID) -> None:
        """Take in that two ids are one person: what was known of either is known of it."""
        new, old = kept.bytes, absorbed.bytes
        if (known := self.known(old)) is not None:
            self._keep(new, self.joined(new, known))
        group, other = self._tied.get(new), self._tied.pop(old, None)
        self._people.pop(old, None)
        if other is None:
            return
        other.rename(old, new)
        if group is not None and group is not other:
            other.absorb(group)
        for member in other.members:
            self._tied[member] = other

    def split(self, entity: UUID, new: UUID) -> None:
        """Take in that some mentions are another's: all that was known may be of either."""
        if (record := self._people.get(entity.bytes)) is not None:
            self._people.setdefault(new.bytes, record)
        if (group := self._tied.get(entity.bytes)) is not None:
            group.members[new.bytes] = None
            self._tied[new.bytes] = group

    def known(self, key: Key) -> Known | None:
        """Return what was shown of a person."""
        record = self._people.get(key)
        if record is None:
            return None
        sex, after, until, seen = self._RECORD.unpack_from(record)
        numbers = memoryview(record)[self._RECORD.size :].cast("H")
        return Known(sex, after, until, seen, tuple(self._places[one] for one in numbers))

    def joined(self, key: Key, known: Known) -> Known:
        """Return what would be known of a person with this added."""
        before = self.known(key)
        return known if before is None else before.joined(known)

    def tied(self, key: Key) -> Tied | None:
        """Return the group of a person or address, None if it was never tied to anybody."""
        return self._tied.get(key)

    def __len__(self) -> int:
        return len(self._people)

    def _keep(self, key: Key, known: Known) -> None:
        numbers = [self._number(place) for place in known.places]
        record = self._RECORD.pack(known.sex, known.after, known.until, known.seen)
        self._people[key] = record + struct.pack(f"={len(numbers)}H", *numbers)

    def _number(self, place: Place) -> int:
        number = self._number_of.get(place)
        if number is None:
            number = self._number_of[place] = len(self._places)
            self._places.append(place)
        return number


def turned(band: AgeBand, week: str) -> Known:
    """Return what a change of age band tells: a birthday within a week, and no place."""
    monday = monday_of(week)
    lowest = next(low for bit, low, _ in _BANDS if BAND_BITS[band] == bit)
    born = monday - int(lowest * _YEAR_DAYS)
    return Known(after=born - 1, until=born + _WEEK_DAYS - 1, seen=monday)


def observed(event: SharedReport) -> dict[Key, Known]:
    """Return what a report says of each person in it."""
    monday = monday_of(event.event_week)
    places = tuple(_places(event))
    found: dict[Key, Known] = {}
    for node in event.nodes:
        if node.kind is NodeKind.PERSON:
            after, until = _born(node, monday)
            known = Known(SEX_BITS[node.sex], after, until, monday, places)
            before = found.get(node.entity_id.bytes)
            found[node.entity_id.bytes] = known if before is None else before.joined(known)
    return found


def ties(event: SharedReport, shown: Shown) -> list[Tied]:
    """Return the groups that a report touches, as they are with the report's ties added.

    What `shown` holds stays as it is.
    """
    groups: dict[Key, Tied] = {}
    key_of = {node.node: node.entity_id.bytes for node in event.nodes}
    for node in event.nodes:
        if node.kind in {NodeKind.PERSON, NodeKind.ADDRESS}:
            _start(groups, node.entity_id.bytes, shown)
    for relation in event.relations:
        one, other = key_of[relation.subject], key_of[relation.object]
        is_family = RELATIONS[relation.kind].bond in _FAMILY
        if (is_family or relation.kind in _HOME) and one != other:
            _joined(groups, one, other).add(relation.kind, one, other)
    return list({id(group): group for group in groups.values()}.values())


def _start(groups: dict[Key, Tied], key: Key, shown: Shown) -> None:
    if key in groups:
        return
    before = shown.tied(key)
    group = Tied({key: None})
    if before is not None:
        group.absorb(before)
    for member in group.members:
        groups[member] = group


def _joined(groups: dict[Key, Tied], one: Key, other: Key) -> Tied:
    group, second = groups[one], groups[other]
    if group is not second:
        group.absorb(second)
        for member in second.members:
            groups[member] = group
    return group


def _places(event: SharedReport) -> Iterator[Place]:
    if event.district is not None:
        yield district(event.district)
    elif event.police_area is not None:
        yield police_area(event.police_area)


def monday_of(week: str) -> int:
    """Return the Monday of an ISO week ("2026-W47") as a proleptic day."""
    year, _, number = week.partition("-W")
    return date.fromisocalendar(int(year), int(number), 1).toordinal()


def _born(node: SharedNode, monday: int) -> tuple[int, int]:
    """Return the window of birth that an age band, or being a child or not, leaves open."""
    lowest, end = _ages(node)
    sunday = monday + _WEEK_DAYS - 1
    after = _LONG_AGO if end is None else monday - int(end * _YEAR_DAYS) - 1
    until = _FAR_AHEAD if lowest is None else sunday - int(lowest * _YEAR_DAYS)
    return after, until


def _ages(node: SharedNode) -> tuple[int | None, int | None]:
    """Return the lowest age in years and the first age that is too high; None: not told."""
    band = getattr(node, "age_band", AgeBand.UNKNOWN)
    for bit, lowest, end in _BANDS:
        if BAND_BITS[band] == bit:
            return lowest, None if bit == ADULT else end
    if node.child_at_event is ChildAtEvent.YES:
        return None, 18
    return (18, None) if node.child_at_event is ChildAtEvent.NO else (None, None)


# --- counting and deciding -------------------------------------------------------------


class Cells:
    """Decides how coarse a report must be. `population` None: no place leaves."""

    def __init__(self, population: Population | None, k: int = K) -> None:
        self._population = population
        self._k = k

    def fit(self, event: SharedReport, shown: Shown) -> Fitted:
        """Return the finest form of a report that leaves nobody in a cell below k."""
        if self._population is None:
            bare = replace(event, district=None, police_area=None)
            return Fitted(bare, PlaceRung.NONE, Detail.FULL)
        for detail, part in _told_ever_less(event):
            groups = ties(part, shown)
            for place, at in self._places(part):
                fitted = self._tried(at, groups, shown, detail)
                if fitted is not None:
                    return Fitted(fitted, place, detail)
        return Fitted(None, PlaceRung.NONE, Detail.PART_OF_FAMILY)

    def lets_turn(self, person: UUID, told: Known, shown: Shown) -> bool:
        """Tell whether a change of age band leaves nobody around a person in a cell below k."""
        if self._population is None:
            return True  # no place was ever told
        key = person.bytes
        group = shown.tied(key) or Tied({key: None})
        members = ((one, shown.known(one)) for one in group.members)
        known = {one: before for one, before in members if before is not None}
        known[key] = shown.joined(key, told)
        return all(count >= self._k for count in self.counts(group, known))

    def _places(self, event: SharedReport) -> Iterator[tuple[PlaceRung, SharedReport]]:
        """Yield the report with its place ever coarser; a place nobody was counted in is left out.

        The district is told alone: whoever knows it knows the area.
        """
        area = None
        if event.district is not None and self._population is not None:
            area = self._population.area_of(event.district)
        if area is not None:
            yield PlaceRung.DISTRICT, replace(event, police_area=None)
            yield PlaceRung.POLICE_AREA, replace(event, district=None, police_area=area)
        yield PlaceRung.NONE, replace(event, district=None, police_area=None)

    def _tried(
        self, event: SharedReport, groups: list[Tied], shown: Shown, detail: Detail
    ) -> SharedReport | None:
        """Return the report with those below k told of in less detail, None if that is too much."""
        small = self._small(event, groups, shown)
        if not small:
            return event
        if detail is Detail.FULL:
            return None
        coarser = _coarsened(event, small, detail)
        return None if self._small(coarser, groups, shown) else coarser

    def _small(self, event: SharedReport, groups: list[Tied], shown: Shown) -> set[Key]:
        """Return everybody in a group of whom somebody would be in a cell below k."""
        told = observed(event)
        small: set[Key] = set()
        for group in groups:
            known = {
                key: one for key in group.members if (one := _with(told, key, shown)) is not None
            }
            if any(count < self._k for count in self.counts(group, known)):
                small.update(group.members)
        return small

    def counts(self, tied: Tied, known: Mapping[Key, Known]) -> Iterator[int]:
        """Yield, for each person of a group, how many people it could be.

        Those of a group who look the same hide among each other, and behind a
        door that is no family's only among each other: there may be one hostel.
        """
        looks = {key: tied.look(key, one) for key, one in known.items()}
        alike = Counter(look for look, _ in looks.values())
        if len(known) > _HOUSEHOLD_MAX:
            yield from alike.values()
            return
        share = tied.share({key: look for key, (look, _) in looks.items()})
        for _, narrowed in looks.values():
            share *= narrowed
        for look, count in self._in_household(
            known.values(), [one for one, _ in looks.values()], share
        ):
            yield max(count, alike[look])

    def _in_household(
        self, known: Collection[Known], looks: Sequence[Look], share: float
    ) -> Iterator[tuple[Look, int]]:
        """Count everybody as living with all the others, wherever any of them was met."""
        if not known or self._population is None:
            return
        places = self._population.finest(place for one in known for place in one.places)
        children = sum(not band & ADULT for _, band in looks)
        years = max(self._population.years_from(one.seen) for one in known)
        changed = 1.0 - (_SAME_DOOR * _SAME_BAND**children) ** years
        for number, look in enumerate(looks):
            others = [*looks[:number], *looks[number + 1 :]]
            count = _Counting(self._population, look, others, share, changed)
            yield look, count.least(places or (EVERYWHERE,))


@dataclass(frozen=True, slots=True)
class _Counting:
    """Counting those who look like somebody and live with such others, place by place."""

    population: Population
    look: Look
    others: list[Look]
    share: float
    changed: float

    def least(self, places: Sequence[Place]) -> int:
        """Count those of the place that has fewest, or of all places those met in all of them.

        Any of the places may be taken for the home; and whoever was met in several
        is looked for among all who live in one of them, of whom ever fewer are met in
        the others too.
        """
        found = [self.population.count(place, self.look, self.others) for place in places]
        apart = (self._at_least(count, living_so) for count, living_so in found)
        met = _MET_ELSEWHERE ** (len(found) - 1) * min(living_so for _, living_so in found)
        return min(*apart, self._at_least(sum(count for count, _ in found), met))

    def _at_least(self, count: int, share: float) -> int:
        return at_least(count, share * self.share, self.changed)


def _are_usual(parents: Sequence[Look]) -> bool:
    """Tell whether they are a mother, a father or both, and grown."""
    sexes = [sex for sex, _ in parents if sex != ANY_SEX]
    is_grown = all(band & ADULT for _, band in parents)
    return is_grown and len(parents) <= len(_PARENTS) and len(sexes) == len(set(sexes))


def at_least(count: int, share: float, changed: float = 0.0) -> int:
    """Return how many of `count` people fall into a share of them, less what chance may take.

    Of those, the part that has `changed` since they were counted has been replaced by
    about as many others: twice by chance.
    """
    expected = count * share
    variance = expected * (1.0 - share) + 2.0 * expected * changed
    return math.floor(expected - _DEVIATIONS * math.sqrt(variance) + _ROUNDING)


def _with(told: Mapping[Key, Known], key: Key, shown: Shown) -> Known | None:
    now = told.get(key)
    return shown.known(key) if now is None else shown.joined(key, now)


def _look(known: Known) -> tuple[Look, float]:
    """Return the sex and age bands somebody may have, and the share of those born in the window.

    Bands that the window covers whole count whole; of a narrower window only
    the band that it mostly lies in counts, and of that its part.
    """
    if known.after == _LONG_AGO and known.until == _FAR_AHEAD:
        return (known.sex, ANY_BAND), 1.0
    youngest = max(0, known.seen - known.until)
    oldest = known.seen - known.after
    shares = [(bit, _overlap(youngest, oldest, low, end)) for bit, low, end in _BANDS]
    whole = sum(bit for bit, share in shares if share == 1.0)
    if whole:
        return (known.sex, whole), 1.0
    bit, share = max(shares, key=lambda one: one[1])
    return (known.sex, bit), share


def _overlap(youngest: int, oldest: int, low: int, end: int) -> float:
    """Return the part of a band of ages (in years) that a window of ages (in days) covers."""
    first, last = low * _YEAR_DAYS, end * _YEAR_DAYS
    covered = min(oldest, last) - max(youngest, first)
    if covered >= last - first - _WEEK_DAYS:
        return 1.0
    return max(0.0, covered / (last - first))


def _told_ever_less(event: SharedReport) -> Iterator[tuple[Detail, SharedReport]]:
    """Yield each detail with the report it is about: the whole one, then ever less of a family.

    A family too large for any cell is told to police in part: whoever the report is about
    stays, and so do all ties between those who stay. To the hub never: the brother who is
    left out is the child it is there to find.
    """
    for detail in (Detail.FULL, Detail.WITHOUT_AGE, Detail.WITHOUT_AGE_AND_SEX):
        yield detail, event
    if not isinstance(event, PoliceReportShared):
        return
    family = _only_family(event)
    for count in range(1, len(family) + 1):
        yield Detail.PART_OF_FAMILY, _without(event, set(family[-count:]))


def _only_family(event: SharedReport) -> list[int]:
    """Return who has no part in a report but that of family, save the first if that is all."""
    other_ties = {
        end
        for tie in event.relations
        if RELATIONS[tie.kind].bond not in _FAMILY and tie.kind not in _HOME
        for end in (tie.subject, tie.object)
    }
    people = [node for node in event.nodes if node.kind is NodeKind.PERSON]
    tied = {end for tie in event.relations for end in (tie.subject, tie.object)}
    family = [
        node.node for node in people if node.role in _BYSTANDERS and node.node in tied - other_ties
    ]
    return family if len(family) < len(people) else family[1:]


def _without(event: SharedReport, gone: set[int]) -> SharedReport:
    """Leave people out, their ties, and the doors that nobody is left behind."""
    relations = tuple(tie for tie in event.relations if not {tie.subject, tie.object} & gone)
    tied = {end for tie in relations for end in (tie.subject, tie.object)}
    was_tied = {end for tie in event.relations for end in (tie.subject, tie.object)}
    empty = {
        node.node
        for node in event.nodes
        if node.kind is NodeKind.ADDRESS and node.node in was_tied - tied
    }
    if isinstance(event, PoliceReportShared):
        police = tuple(node for node in event.nodes if node.node not in gone | empty)
        return replace(event, nodes=police, relations=relations)
    nodes = tuple(node for node in event.nodes if node.node not in gone | empty)
    return replace(event, nodes=nodes, relations=relations)


def _coarsened(event: SharedReport, small: set[Key], detail: Detail) -> SharedReport:
    """Tell less of these people."""
    if isinstance(event, PoliceReportShared):
        return replace(event, nodes=tuple(_less(node, small, detail) for node in event.nodes))
    nodes = tuple(_less(node, small, detail) for node in event.nodes)
    return replace(event, nodes=tuple(_ageless(node, small) for node in nodes))


def _less(node: Node, small: set[Key], detail: Detail) -> Node:
    """That somebody is a child is told in any case: an alert may hang on it."""
    if node.entity_id.bytes not in small:
        return node
    is_child = node.child_at_event is ChildAtEvent.YES
    return replace(
        node,
        sex=node.sex if detail is Detail.WITHOUT_AGE else Sex.UNKNOWN,
        child_at_event=ChildAtEvent.YES if is_child else ChildAtEvent.UNKNOWN,
    )


def _ageless(node: SafeguardingNode, small: set[Key]) -> SafeguardingNode:
    if node.entity_id.bytes not in small:
        return node
    return replace(node, age_band=AgeBand.UNKNOWN)
