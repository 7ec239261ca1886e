"""The reference population: how many people look like this, here; what small cells are counted in.

Counts are of people, by place, sex and age band and, where the tables tell,
by the others of the household. A look may be vaguer than a cell of the table
(either sex, any child), and whom a report names of a household need not be
all of it: counted is everybody who could be meant.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NewType, TypeAlias

from streams.values import AgeBand, Sex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streams.shared import DistrictPopulation, HouseholdCount, ReferencePopulationSet

Place = NewType("Place", str)
"""A postcode district, a police area or the whole population, as one kind of name."""

EVERYWHERE: Final = Place("")

Look: TypeAlias = tuple[int, int]
"""What can be seen of a person: the sexes and the age bands it can be, as bits."""

SEX_BITS: Final[Mapping[Sex, int]] = {
    Sex.FEMALE: 1,
    Sex.MALE: 2,
    Sex.OTHER: 4,
    Sex.UNKNOWN: 7,
}
BAND_BITS: Final[Mapping[AgeBand, int]] = {
    AgeBand.AGE_0_4: 1,
    AgeBand.AGE_5_10: 2,
    AgeBand.AGE_11_15: 4,
    AgeBand.AGE_16_17: 8,
    AgeBand.ADULT: 16,
    AgeBand.UNKNOWN: 31,
}
ANY_SEX: Final = SEX_BITS[Sex.UNKNOWN]
ANY_BAND: Final = BAND_BITS[AgeBand.UNKNOWN]
ADULT: Final = BAND_BITS[AgeBand.ADULT]

#: Where the tables tell of no households: the share of people who live with one more adult, with
#: a child of one known band, with a child of some age. Deliberately low; ONS counts about 45 % of
#: families with children as having one, 41 % two and 14 % three or more (Families and households).
_WITH_ADULT: Final = 0.4
_WITH_CHILD_OF_BAND: Final = 0.1
_WITH_CHILD: Final = 0.3
_OF_ONE_SEX: Final = 0.5
#: Nobody is found by a household larger than this; such a view counts nobody and is made coarser.
_OTHERS_MAX: Final = 10

_YEAR_DAYS: Final = 365.2425
_MONTH_DAYS: Final = 31

_Household: TypeAlias = tuple[Look, ...]


def district(name: str) -> Place:
    """Name a postcode district."""
    return Place(f"district {name}")


def police_area(name: str) -> Place:
    """Name a police force area."""
    return Place(f"area {name}")


class Population:
    """The counts of one reference population. Asking twice costs a look into a table."""

    def __init__(self, facts: ReferencePopulationSet) -> None:
        self._day = (facts.counted_on or facts.decided_at).toordinal()
        self._area_of = {one.district: one.police_area for one in facts.districts}
        self._around = {district(d): police_area(area) for d, area in self._area_of.items()}
        self._tables: dict[Place, _Table] = defaultdict(_Table)
        self._asked: dict[tuple[Place, Look, _Household], tuple[int, float]] = {}
        for one in facts.districts:
            places = (district(one.district), police_area(one.police_area), EVERYWHERE)
            for place in places:
                self._tables[place].add(one)
        self._tells_households = any(table.households for table in self._tables.values())

    def area_of(self, name: str) -> str | None:
        """Return the police area of a postcode district, None if it was not counted."""
        return self._area_of.get(name)

    def years_from(self, day: int) -> float:
        """Return how many years lie between the tables and a proleptic day; a month is none."""
        days = abs(day - self._day)
        return 0.0 if days <= _MONTH_DAYS else days / _YEAR_DAYS

    def finest(self, places: Iterable[Place]) -> tuple[Place, ...]:
        """Return each place once, without the areas that one of the districts lies in."""
        named = dict.fromkeys(places)
        wider = {self._around[place] for place in named if place in self._around}
        return tuple(place for place in named if place not in wider)

    def count(self, place: Place, look: Look, others: Iterable[Look] = ()) -> tuple[int, float]:
        """Return how many people there look like this, and the share of them who live like this.

        With tables of households the first number has counted the others in
        and the share is 1; without, it is a guess on the low side.
        """
        key = (place, look, tuple(sorted(others)))
        known = self._asked.get(key)
        if known is None:
            known = self._asked[key] = self._count(*key)
        return known

    def _count(self, place: Place, look: Look, others: _Household) -> tuple[int, float]:
        table = self._tables.get(place)
        if table is None or len(others) > _OTHERS_MAX:
            return 0, 1.0
        if not others:
            return table.people(look), 1.0
        if self._tells_households:
            return table.households_with(look, others), 1.0
        share = 1.0
        for other in others:
            share *= _share_with(other)
        return table.people(look), share


class _Table:
    """The counts of one place."""

    def __init__(self) -> None:
        self._people: dict[Look, int] = defaultdict(int)
        self.households: dict[Look, dict[_Household, int]] = {}

    def add(self, counted: DistrictPopulation) -> None:
        for cell in counted.cells:
            look = (SEX_BITS[cell.sex], BAND_BITS[cell.age_band])
            self._people[look] += cell.count
            for household in cell.households:
                live_so = self.households.setdefault(look, defaultdict(int))
                live_so[_household(household)] += household.count

    def people(self, look: Look) -> int:
        """Count the people who look like this."""
        return sum(count for cell, count in self._people.items() if _is_like(cell, look))

    def households_with(self, look: Look, others: _Household) -> int:
        """Count the people who look like this and live with these others, whoever else is there."""
        return sum(self._matching(look, others))

    def _matching(self, look: Look, others: _Household) -> Iterator[int]:
        needed = sorted(others, key=_vagueness)
        for cell, households in self.households.items():
            if _is_like(cell, look):
                yield from (n for there, n in households.items() if _holds(there, needed))


def _household(counted: HouseholdCount) -> _Household:
    return tuple(sorted((SEX_BITS[one.sex], BAND_BITS[one.age_band]) for one in counted.others))


def _is_like(one: Look, other: Look) -> bool:
    return bool(one[0] & other[0] and one[1] & other[1])


def _vagueness(look: Look) -> int:
    return look[0].bit_count() * look[1].bit_count()


def _holds(there: _Household, needed: list[Look]) -> bool:
    """Tell whether each of `needed` can be somebody else of the household."""
    if len(needed) > len(there):
        return False
    if not needed:
        return True
    first, rest = needed[0], needed[1:]
    tried: set[Look] = set()
    for place, one in enumerate(there):
        if one in tried or not _is_like(one, first):
            continue
        if _holds(there[:place] + there[place + 1 :], rest):
            return True
        tried.add(one)
    return False


def _share_with(other: Look) -> float:
    sex = 1.0 if other[0] == ANY_SEX else _OF_ONE_SEX
    if other[1] & ADULT:
        return _WITH_ADULT * sex
    return (_WITH_CHILD_OF_BAND if other[1].bit_count() == 1 else _WITH_CHILD) * sex
