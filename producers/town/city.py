"""A whole city in numbers: who lives with whom, where; light enough for a quarter of a million.

The town of stories (town.py) knows its few people well. This one knows of
each only sex, birth date and household, which is what a register or a census
tells. Households and the gaps between siblings follow the United Kingdom's
roughly (ONS, Families and households; Census 2021); nobody in it exists.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from producers.town.people import age
from producers.town.places import OUTCODES
from streams.shared import DistrictPopulation, HouseholdCount, Housemate, PopulationCell
from streams.values import AgeBand, Sex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

#: The police force area that the whole city lies in.
POLICE_AREA: Final = "South Yorkshire"
#: How many people a postcode district has on average (privacy.md section 5: 250,000 in eleven).
PEOPLE_PER_DISTRICT: Final = 22_700
SECTORS_PER_DISTRICT: Final = 4
#: The lists of the log hold so many items at most.
HOUSEHOLDS_PER_CELL_MAX: Final = 1_000

#: Until this age all live with their parents; a city where many left at 18 would be another one
#: every year.
_AT_HOME_YEARS: Final = 22.0
_YEAR_DAYS: Final = 365.2425
_BAND_ENDS: Final = (
    (5, AgeBand.AGE_0_4),
    (11, AgeBand.AGE_5_10),
    (16, AgeBand.AGE_11_15),
    (18, AgeBand.AGE_16_17),
)
_SHAPES: Final[Mapping[str, float]] = {
    "alone": 30,
    "couple": 27,
    "two_parents": 23,
    "one_parent": 10,
    "grown": 4,
    "half_siblings": 3,
    "twins": 1,
    "kinship_care": 0.7,
    "foster_care": 0.5,
    "hostel": 0.3,
}


class Standing(StrEnum):
    """How somebody stands in the household."""

    ADULT = "ADULT"
    PARENT = "PARENT"
    STEP_PARENT = "STEP_PARENT"  # a parent of the younger children only
    CARER = "CARER"
    CHILD = "CHILD"
    LATER_CHILD = "LATER_CHILD"  # a child of both the parent and the step-parent


class Resident(NamedTuple):
    """Somebody of the city. `born` is a proleptic day, `number` the place in the list."""

    number: int
    household: int
    sex: Sex
    born: int
    standing: Standing


class Household(NamedTuple):
    """A front door. `sector` is the digit of the postcode after the district."""

    number: int
    district: str
    sector: int
    shape: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class City:
    """Everybody, by number; the same seed gives the same city."""

    as_of: date
    residents: Sequence[Resident]
    households: Sequence[Household]

    def members(self, household: int) -> Sequence[Resident]:
        """Return the people behind one door."""
        one = self.households[household]
        return self.residents[one.first : one.end]

    def districts(self) -> tuple[str, ...]:
        """Return the postcode districts of the city, in order of first use."""
        return tuple(dict.fromkeys(one.district for one in self.households))


def build_city(seed: int, people: int, as_of: date) -> City:
    """Build a city of at least so many people, households whole."""
    builder = _Builder(random.Random(f"{seed}/city"), as_of)  # noqa: S311 - a city, not a key
    districts = _districts(people, builder.dice)
    shapes, weights = list(_SHAPES), list(_SHAPES.values())
    while len(builder.residents) < people:
        (shape,) = builder.dice.choices(shapes, weights)
        (district,) = builder.dice.choices(list(districts), list(districts.values()))
        builder.settle(shape, district)
    return City(as_of, tuple(builder.residents), tuple(builder.households))


def _districts(people: int, dice: random.Random) -> Mapping[str, float]:
    """Return the districts and how they share the people; the largest has twice the smallest."""
    count = max(1, round(people / PEOPLE_PER_DISTRICT))
    names = [*OUTCODES, *(f"S{number}" for number in range(40, 40 + count))][:count]
    return {name: dice.uniform(0.7, 1.4) for name in names}


class _Builder:
    """Settles household after household."""

    def __init__(self, dice: random.Random, as_of: date) -> None:
        self.dice = dice
        self.residents: list[Resident] = []
        self.households: list[Household] = []
        self._today = as_of.toordinal()

    def settle(self, shape: str, district: str) -> None:
        first = len(self.residents)
        getattr(self, f"_{shape}")()
        sector = self.dice.randrange(SECTORS_PER_DISTRICT)
        end = len(self.residents)
        self.households.append(Household(len(self.households), district, sector, shape, first, end))

    # --- shapes

    def _alone(self) -> None:
        self._add(self._either(), self.dice.uniform(18, 92), Standing.ADULT)

    def _couple(self) -> None:
        years = self.dice.uniform(20, 85)
        self._add(Sex.FEMALE, years, Standing.ADULT)
        self._add(Sex.MALE, max(18.1, years + self.dice.gauss(2, 4)), Standing.ADULT)

    def _two_parents(self) -> None:
        ages = self._ages((45, 40, 11, 4))
        self._parents(ages[0])
        self._children(ages)

    def _one_parent(self) -> None:
        ages = self._ages((55, 34, 9, 2))
        sex = Sex.FEMALE if self.dice.random() < 0.88 else Sex.MALE  # noqa: PLR2004 - ONS
        self._add(sex, ages[0] + self.dice.uniform(18, 38), Standing.PARENT)
        self._children(ages)

    def _grown(self) -> None:
        eldest = self.dice.uniform(_AT_HOME_YEARS, 28)
        self._parents(eldest)
        ages = [eldest]
        while self.dice.random() < 0.5 and (gap := self.dice.uniform(1.2, 6)) < ages[-1]:  # noqa: PLR2004 - half
            ages.append(ages[-1] - gap)
        self._children(ages)

    def _half_siblings(self) -> None:
        earlier, later = self.dice.uniform(8, _AT_HOME_YEARS), self.dice.uniform(0.1, 7)
        mother = earlier + self.dice.uniform(18, 28)
        self._add(Sex.FEMALE, mother, Standing.PARENT)
        self._add(Sex.MALE, max(20.0, mother + self.dice.gauss(1, 4)), Standing.STEP_PARENT)
        self._children([earlier])
        self._add(self._either(), later, Standing.LATER_CHILD)

    def _twins(self) -> None:
        years = self.dice.uniform(0.1, _AT_HOME_YEARS)
        self._parents(years)
        sex = self._either()
        self._add(sex, years, Standing.CHILD)
        self._add(sex, years, Standing.CHILD)

    def _kinship_care(self) -> None:
        self._add(Sex.FEMALE, self.dice.uniform(45, 68), Standing.CARER)
        self._children(self._ages((60, 30, 10)))

    def _foster_care(self) -> None:
        self._add(Sex.FEMALE, self.dice.uniform(35, 60), Standing.CARER)
        for _ in range(self.dice.choice((1, 2, 2))):
            self._add(self._either(), self.dice.uniform(1, 17.5), Standing.CHILD)

    def _hostel(self) -> None:
        for _ in range(self.dice.randint(4, 10)):
            sex = Sex.MALE if self.dice.random() < 0.7 else Sex.FEMALE  # noqa: PLR2004 - rough
            self._add(sex, self.dice.uniform(18, 60), Standing.ADULT)

    # --- people

    def _parents(self, eldest: float) -> None:
        mother = eldest + self.dice.uniform(19, 39)
        self._add(Sex.FEMALE, mother, Standing.PARENT)
        father = max(eldest + 18.5, mother + self.dice.gauss(2, 4))
        self._add(Sex.MALE, father, Standing.PARENT)

    def _ages(self, weights: tuple[int, ...]) -> list[float]:
        """Return the ages of children from the eldest down, some years apart."""
        (count,) = self.dice.choices(range(1, len(weights) + 1), weights)
        ages = [self.dice.uniform(0.1, _AT_HOME_YEARS)]
        while len(ages) < count and (gap := self.dice.uniform(1.2, 5)) < ages[-1]:
            ages.append(ages[-1] - gap)
        return ages

    def _children(self, ages: Sequence[float]) -> None:
        for years in ages:
            self._add(self._either(), years, Standing.CHILD)

    def _either(self) -> Sex:
        return Sex.FEMALE if self.dice.random() < 0.488 else Sex.MALE  # noqa: PLR2004 - at birth

    def _add(self, sex: Sex, years: float, standing: Standing) -> None:
        born = self._today - int(years * _YEAR_DAYS)
        number = len(self.residents)
        self.residents.append(Resident(number, len(self.households), sex, born, standing))


# --- the census ------------------------------------------------------------------------


def census(city: City) -> tuple[DistrictPopulation, ...]:
    """Count the city as census tables would: by district, sex, age band and household."""
    counts: defaultdict[str, defaultdict[tuple[Sex, AgeBand], Counter[_Others]]] = defaultdict(
        lambda: defaultdict(Counter)
    )
    for household in city.households:
        here = counts[household.district]
        people = [(one.sex, _band(one, city.as_of)) for one in city.members(household.number)]
        for at, look in enumerate(people):
            here[look][tuple(sorted(people[:at] + people[at + 1 :]))] += 1
    return tuple(
        DistrictPopulation(
            district=name, police_area=POLICE_AREA, cells=tuple(_cells(counts[name]))
        )
        for name in sorted(counts)
    )


_Others = tuple[tuple[Sex, AgeBand], ...]


def _cells(here: Mapping[tuple[Sex, AgeBand], Counter[_Others]]) -> Iterator[PopulationCell]:
    for (sex, band), households in sorted(here.items()):
        yield PopulationCell(
            sex=sex,
            age_band=band,
            count=households.total(),
            households=tuple(_households(households)),
        )


def _households(counts: Counter[_Others]) -> Iterator[HouseholdCount]:
    """Yield the commonest households; what is too rare to be listed counts for nobody."""
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    named = [one for one in ordered if one[0]]
    for others, count in named[:HOUSEHOLDS_PER_CELL_MAX]:
        mates = tuple(Housemate(sex=sex, age_band=band) for sex, band in others)
        yield HouseholdCount(others=mates, count=count)


def _band(resident: Resident, day: date) -> AgeBand:
    years = age(day.fromordinal(resident.born), day)
    return next((band for end, band in _BAND_ENDS if years < end), AgeBand.ADULT)
