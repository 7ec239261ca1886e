"""The people of the town: households of many shapes, and who is kin, carer or friend of whom."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Final

from producers.town import official
from producers.town.names import borne_by, nickname
from producers.town.organisations import school_for
from producers.town.places import Address, AddressKind
from streams.taxonomy import RelationKind
from streams.values import Sex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from producers.town.dice import Dice
    from producers.town.names import NameBook
    from producers.town.organisations import School
    from producers.town.places import Streets

ADULT_AGE: Final = 18
_SCHOOL_START: Final = 4
_LEAP_YEARS: Final = 4
_DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who does not exist. `number` is the town's own and stands in no report."""

    number: int
    household: int
    sex: Sex
    born_on: date = field(repr=False)
    given_name: str = field(repr=False)
    middle_names: str | None = field(default=None, repr=False)
    family_name: str = field(repr=False)
    known_as: tuple[str, ...] = field(default=(), repr=False)
    nhs_number: str | None = field(default=None, repr=False)
    upn: str | None = field(default=None, repr=False)
    pnc_id: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    handle: str | None = field(default=None, repr=False)
    vehicle_mark: str | None = field(default=None, repr=False)
    home: Address = field(repr=False)
    former_home: Address | None = field(default=None, repr=False)
    school: School | None = None

    def age_on(self, day: date) -> int:
        """Return the age in whole years."""
        return age(self.born_on, day)

    def is_child_on(self, day: date) -> bool:
        """Tell whether the person is under 18 on that day."""
        return is_child(self.born_on, day)


def age(born_on: date, day: date) -> int:
    """Return the age in whole years; born on 29 February means a birthday on 1 March."""
    had_birthday = (day.month, day.day) >= (born_on.month, born_on.day)
    return day.year - born_on.year - (not had_birthday)


def is_child(born_on: date, day: date) -> bool:
    """Tell whether somebody born then is under 18 on that day."""
    return age(born_on, day) < ADULT_AGE


@dataclass(frozen=True, slots=True)
class Tie:
    """How two people truly stand to each other, whether anybody reports it or not."""

    subject: int
    kind: RelationKind
    object: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """People behind one front door, and the origin of the family's names."""

    number: int
    shape: str
    members: tuple[int, ...]


#: Shape of a household to its weight.
SHAPES: Final[Mapping[str, float]] = {
    "two parents": 34,
    "one parent": 16,
    "half siblings": 8,
    "twins": 4,
    "namesakes": 4,
    "kinship care": 6,
    "foster care": 4,
    "couple": 12,
    "alone": 10,
    "hostel": 2,
}


_KINDS: Final[Mapping[str, AddressKind]] = {
    "hostel": AddressKind.HOSTEL,
    "family hostel": AddressKind.HOSTEL,
    "childrens home": AddressKind.CHILDREN_HOME,
}


@dataclass(slots=True)
class Census:
    """What is known of the town so far; people are added family by family."""

    people: list[Person] = field(default_factory=list)
    households: list[Household] = field(default_factory=list)
    ties: list[Tie] = field(default_factory=list)

    def change(self, number: int, **changes: object) -> Person:
        """Replace facts about one person."""
        person = replace(self.people[number], **changes)  # type: ignore[arg-type] # named fields
        self.people[number] = person
        return person


class Families:
    """Makes households of every shape; the same dice make the same ones."""

    def __init__(self, census: Census, as_of: date, names: NameBook, streets: Streets) -> None:
        self._census = census
        self._as_of = as_of
        self._names = names
        self._streets = streets
        self._origin = ""
        self._family_name = ""
        self._home: Address | None = None
        self._taken: set[str] = set()

    def settle(self, shape: str, dice: Dice) -> Household:
        """Add one household of this shape."""
        before = len(self._census.people)
        self._origin = self._names.origin()
        self._family_name = self._names.family(self._origin)
        self._home = self._streets.new(_KINDS.get(shape, AddressKind.HOME))
        self._taken = set()
        getattr(self, f"_{shape.replace(' ', '_')}")(dice)
        household = Household(
            number=len(self._census.households),
            shape=shape,
            members=tuple(range(before, len(self._census.people))),
        )
        self._census.households.append(household)
        return household

    # --- shapes

    def _two_parents(self, dice: Dice) -> None:
        parents = self._couple(dice)
        self._children(dice, parents, dice.weighted({1: 3, 2: 5, 3: 3, 4: 1}))

    def _one_parent(self, dice: Dice) -> None:
        parent = self._adult(dice, Sex.FEMALE if dice.chance(0.85) else Sex.MALE, (24, 48))
        self._children(dice, [parent], dice.weighted({1: 4, 2: 4, 3: 2}))

    def _half_siblings(self, dice: Dice) -> None:
        mother = self._adult(dice, Sex.FEMALE, (32, 46))
        earlier = self._names.family(self._names.origin())
        self._children(dice, [mother], dice.between(1, 2), ages=(10, 16), family_name=earlier)
        father = self._adult(dice, Sex.MALE, (30, 50))
        self._children(dice, [mother, father], dice.between(1, 2), ages=(1, 9))

    def _twins(self, dice: Dice) -> None:
        parents = self._couple(dice)
        self._children(dice, parents, 1, ages=(8, 16))
        elder = self._census.people[-1]
        self._child(dice, parents, elder.born_on, elder.sex)
        self._children(dice, parents, dice.between(0, 1))

    def _namesakes(self, dice: Dice) -> None:
        father = self._adult(dice, Sex.MALE, (40, 54))
        mother = self._adult(dice, Sex.FEMALE, (39, 50))
        son = self._child(dice, [father, mother], self._born(dice, (14, 20)), Sex.MALE)
        self._census.change(son.number, given_name=father.given_name)
        self._children(dice, [father, mother], 1)

    def _kinship_care(self, dice: Dice) -> None:
        carer = self._adult(dice, Sex.FEMALE, (45, 68))
        for _ in range(dice.between(1, 3)):
            child = self._child(dice, [], self._born(dice, (3, 17)))
            self._bind(carer, RelationKind.KINSHIP_CARER, child)

    def _foster_care(self, dice: Dice) -> None:
        carer = self._adult(dice, Sex.FEMALE, (35, 60))
        for _ in range(2):
            self._family_name = self._names.family(self._names.origin())
            child = self._child(dice, [], self._born(dice, (6, 16)))
            self._bind(carer, RelationKind.FOSTER_CARER, child)

    def _couple(self, dice: Dice) -> list[Person]:
        return [
            self._adult(dice, Sex.FEMALE, (26, 50)),
            self._adult(dice, Sex.MALE, (26, 52)),
        ]

    def _alone(self, dice: Dice) -> None:
        self._adult(dice, dice.pick((Sex.FEMALE, Sex.MALE)), (19, 70))

    def _hostel(self, dice: Dice) -> None:
        for _ in range(dice.between(3, 5)):
            self._origin = self._names.origin()
            self._family_name = self._names.family(self._origin)
            self._adult(dice, Sex.MALE if dice.chance(0.7) else Sex.FEMALE, (18, 45))

    # --- shapes that only labelled cases ask for

    def _step_family(self, dice: Dice) -> None:
        """Each parent brings a child; the two have no parent in common and are named siblings."""
        mother = self._adult(dice, Sex.FEMALE, (34, 46))
        earlier = self._names.family(self._names.origin())
        hers = self._child(dice, [mother], self._born(dice, (11, 15)), family_name=earlier)
        father = self._adult(dice, Sex.MALE, (34, 50))
        his = self._child(dice, [father], self._born(dice, (8, 15)))
        self._bind(hers, RelationKind.SIBLING, his)

    def _childrens_home(self, dice: Dice) -> None:
        for _ in range(dice.between(3, 4)):
            self._stranger(dice, (11, 15))

    def _family_hostel(self, dice: Dice) -> None:
        """A hostel where young people live beside adults; nobody is kin."""
        for ages in ((16, 16), (14, 16), (19, 40)):
            self._stranger(dice, ages)

    def _leap_day(self, dice: Dice) -> None:
        """One parent and a child of the last 29 February that has come of age: on a 1 March."""
        parent = self._adult(dice, Sex.FEMALE, (38, 50))
        last = self._as_of.year - ADULT_AGE
        self._child(dice, [parent], date(last - last % _LEAP_YEARS, 2, 29))

    def _two_children(self, dice: Dice) -> None:
        parent = self._adult(dice, Sex.FEMALE, (36, 48))
        for ages in ((12, 15), (5, 10)):
            self._child(dice, [parent], self._born(dice, ages))

    def _kinship_pair(self, dice: Dice) -> None:
        carer = self._adult(dice, Sex.FEMALE, (48, 68))
        for ages in ((12, 15), (5, 10)):
            child = self._child(dice, [], self._born(dice, ages))
            self._bind(carer, RelationKind.KINSHIP_CARER, child)

    def _stranger(self, dice: Dice, ages: tuple[int, int]) -> None:
        self._origin = self._names.origin()
        self._family_name = self._names.family(self._origin)
        self._adult(dice, Sex.MALE if dice.chance(0.6) else Sex.FEMALE, ages)

    # --- people

    def _children(
        self,
        dice: Dice,
        parents: Sequence[Person],
        count: int,
        ages: tuple[int, int] = (1, 19),
        family_name: str | None = None,
    ) -> None:
        youngest_parent = min(parent.age_on(self._as_of) for parent in parents)
        oldest = max(ages[0], min(ages[1], youngest_parent - 18))
        for _ in range(count):
            self._child(dice, parents, self._born(dice, (ages[0], oldest)), None, family_name)

    def _child(
        self,
        dice: Dice,
        parents: Sequence[Person],
        born_on: date,
        sex: Sex | None = None,
        family_name: str | None = None,
    ) -> Person:
        child = self._add(dice, sex or dice.pick((Sex.FEMALE, Sex.MALE)), born_on, family_name)
        for parent in parents:
            self._bind(parent, RelationKind.PARENT, child)
        return child

    def _adult(self, dice: Dice, sex: Sex, ages: tuple[int, int]) -> Person:
        return self._add(dice, sex, self._born(dice, ages), None)

    def _add(self, dice: Dice, sex: Sex, born_on: date, family_name: str | None) -> Person:
        given = self._given(sex)
        person = Person(
            number=len(self._census.people),
            household=len(self._census.households),
            sex=sex,
            born_on=born_on,
            given_name=given,
            middle_names=self._names.given(self._origin, sex) if dice.chance(0.4) else None,
            family_name=borne_by(family_name or self._family_name, self._origin, sex),
            known_as=tuple(filter(None, [nickname(given, dice) if dice.chance(0.2) else None])),
            home=self._at_home(),
            former_home=self._streets.new() if dice.chance(0.15) else None,
        )
        self._census.people.append(person)
        return person

    def _at_home(self) -> Address:
        if self._home is None:
            raise ValueError("settle() gives a household its home first")
        return self._home

    def _given(self, sex: Sex) -> str:
        for _ in range(20):
            name = self._names.given(self._origin, sex)
            if name not in self._taken:
                break
        self._taken.add(name)
        return name

    def _born(self, dice: Dice, ages: tuple[int, int]) -> date:
        days = dice.between(int(ages[0] * _DAYS_A_YEAR) + 1, int((ages[1] + 1) * _DAYS_A_YEAR) - 2)
        return self._as_of - timedelta(days=days)

    def _bind(self, subject: Person, kind: RelationKind, target: Person) -> None:
        self._census.ties.append(Tie(subject.number, kind, target.number))


def number_people(census: Census, as_of: date, dice: Dice) -> None:
    """Give everybody an NHS number, and a school and UPN to those of school age."""
    serials = dice.some(range(1_000_000), 2 * len(census.people) + 10)
    numbers = (number for serial in serials if (number := official.nhs_number(serial)))
    pupils: Counter[tuple[int, int]] = Counter()
    for person in list(census.people):
        school = school_for(person.age_on(as_of), dice.between(0, 9))
        census.change(
            person.number,
            nhs_number=next(numbers),
            school=school,
            upn=_upn(person, school, as_of, pupils) if school else None,
        )


def _upn(person: Person, school: School, as_of: date, pupils: Counter[tuple[int, int]]) -> str:
    """Number the pupils of a school and year; beyond a thousand further invented schools help."""
    entry = as_of.year - max(0, person.age_on(as_of) - _SCHOOL_START)
    block, serial = divmod(pupils[school.number, entry], 1000)
    pupils[school.number, entry] += 1
    return official.upn(school.number + 20 * (block % 4), entry - block // 4 * 20, serial)


def siblings(ties: Sequence[Tie]) -> frozenset[frozenset[int]]:
    """Return the pairs who truly are siblings: a shared parent or kinship carer, or so by name."""
    raised: dict[int, set[int]] = {}
    pairs: set[frozenset[int]] = set()
    for tie in ties:
        if tie.kind in {RelationKind.PARENT, RelationKind.KINSHIP_CARER}:
            raised.setdefault(tie.subject, set()).add(tie.object)
        elif tie.kind is RelationKind.SIBLING:
            pairs.add(frozenset((tie.subject, tie.object)))
    for children in raised.values():
        pairs.update(frozenset(pair) for pair in combinations(sorted(children), 2))
    return frozenset(pairs)
