"""The town at any size: up to half a million people, with labelled cases among them.

The same scenes and writers as town.py; what differs is that choosing somebody for a part costs
the same among a hundred people as among many.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Final

from producers.town.cases import SHAPE_OF, CaseKind, Cases
from producers.town.dice import Dice
from producers.town.groups import YOUNGEST_EXPLOITED, Casting, form_group
from producers.town.names import NameBook
from producers.town.partners import BODIES, Matter
from producers.town.people import ADULT_AGE, SHAPES, Census, Families, number_people
from producers.town.places import Streets
from producers.town.reports import Writers
from producers.town.scenes import Stage
from producers.town.story import WATCH_CHILDREN, WATCH_CRIME, Story
from producers.town.town import ALWAYS, AS_OF, Town

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import date

    from producers.town.cases import Case
    from producers.town.people import Household, Person
    from producers.town.reports import Ground, Submission, Terms
    from producers.town.scenes import Scene

PEOPLE_PER_GROUP: Final = 800
PEOPLE_PER_CASE: Final = 1_000
#: A thousand test telephone numbers exist: with more groups than this only the lines have one.
_GROUPS_WITH_PHONES: Final = 200
GROUPS_MAX: Final = 900
PEOPLE_MIN: Final = 300
PEOPLE_MAX: Final = 800_000
_FRIEND_YEARS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a town is. Without `reports` ordinary life is told of every other household."""

    people: int
    reports: int | None = None
    with_cases: bool = True

    @property
    def groups(self) -> int:
        """Return how many groups it has."""
        return max(2, min(GROUPS_MAX, self.people // PEOPLE_PER_GROUP))

    @property
    def cases_each(self) -> int:
        """Return how many cases of each kind it has."""
        return max(2, self.people // PEOPLE_PER_CASE) if self.with_cases else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """A town and what is known of some of its children."""

    town: Town
    cases: tuple[Case, ...]


def build_crowd(
    seed: int,
    size: Size,
    *,
    mistakes: float = 1.0,
    ground: Ground | None = None,
    as_of: date = AS_OF,
) -> Crowd:
    """Build a town of about so many people. `mistakes` and `ground` are as `Writers` take them.

    Raises: ValueError if it is too small for its groups or larger than its registers.
    """
    if not PEOPLE_MIN <= size.people <= PEOPLE_MAX:
        raise ValueError(f"a town has {PEOPLE_MIN} to {PEOPLE_MAX} people")
    census, streets = Census(), Streets(Dice(seed, "streets"))
    families = Families(census, as_of, NameBook(Dice(seed, "names")), streets)
    homes = _settle(families, census, size, seed)
    number_people(census, as_of, Dice(seed, "numbers"))
    casting = Roster(census, as_of, Dice(seed, "casting"), has_phones=_has_phones(size))
    casting.reserve(home.number for _, home in homes)
    groups = tuple(
        form_group(number, casting, census, Dice(seed, f"group {number}"))
        for number in range(size.groups)
    )
    stage = Stage(census, as_of, Dice(seed, "stage"))
    writers = Writers(seed, census.people, Dice(seed, "writers"), mistakes, ground)
    story = CrowdStory(census, groups, stage, writers, Dice(seed, "story"))
    submissions = story.tell_all(casting, homes, size.reports)
    town = Town(
        seed=seed,
        as_of=as_of,
        people=tuple(census.people),
        households=tuple(census.households),
        ties=tuple(census.ties),
        groups=groups,
        bodies=BODIES,
        submissions=submissions,
    )
    return Crowd(town=town, cases=tuple(story.cases))


def _has_phones(size: Size) -> bool:
    return size.groups <= _GROUPS_WITH_PHONES


def _settle(
    families: Families, census: Census, size: Size, seed: int
) -> list[tuple[CaseKind, Household]]:
    """Settle the homes of the cases, what every group needs, and others until it is enough."""

    def settle(shape: str) -> Household:
        return families.settle(shape, Dice(seed, f"household {len(census.households)}"))

    homes = [(kind, settle(SHAPE_OF[kind])) for kind in CaseKind for _ in range(size.cases_each)]
    for shape in ALWAYS * size.groups:
        settle(shape)
    dice = Dice(seed, "shapes")
    while len(census.people) < size.people:
        settle(dice.weighted(SHAPES))
    return homes


class Roster(Casting):
    """Picks people for parts in a time that does not grow with the town."""

    def __init__(self, census: Census, as_of: date, dice: Dice, *, has_phones: bool) -> None:
        super().__init__(census, as_of, dice)
        self._has_phones = has_phones
        ages = [(one.age_on(as_of), one.number) for one in dice.shuffled(census.people)]
        self._grown = deque(number for age, number in ages if age > ADULT_AGE)
        self._young = deque(number for age, number in ages if age < ADULT_AGE)
        exploitable = [n for age, n in ages if YOUNGEST_EXPLOITED <= age < ADULT_AGE - 1]
        self._with = deque(n for n in exploitable if self.siblings_of(n))
        self._without = deque(n for n in exploitable if not self.siblings_of(n))

    def reserve(self, households: Iterable[int]) -> None:
        """Keep households out of every part."""
        self._households.update(households)

    def adult(self, youngest: int = 19, oldest: int = 55) -> int:
        """Return an adult whose household has no part yet."""
        return self._next(self._grown, lambda one: youngest <= one.age_on(self._as_of) <= oldest)

    def child(self, *, with_siblings: bool) -> int:
        """Return a child old enough to be exploited, whose household has no part yet."""
        wanted, other = self._with, self._without
        if not with_siblings:
            wanted, other = other, wanted
        try:
            return self._next(wanted, lambda _: True)
        except ValueError:
            return self._next(other, lambda _: True)

    def friend_of(self, child: int) -> int:
        """Return a child of about the same age from another household."""
        years = self._census.people[child].age_on(self._as_of)
        return self._next(
            self._young, lambda one: abs(one.age_on(self._as_of) - years) <= _FRIEND_YEARS
        )

    def own_phone(self) -> str | None:
        """Return a number for a person's own telephone, where there are enough."""
        return self.phone() if self._has_phones else None

    def _next(self, waiting: deque[int], fits: Callable[[Person], bool]) -> int:
        for _ in range(len(waiting)):
            number = waiting.popleft()
            person = self._census.people[number]
            if person.household in self._households:
                continue
            if fits(person):
                self._households.add(person.household)
                return number
            waiting.append(number)
        raise ValueError("the town is too small for its groups; give it more people")


class CrowdStory(Story):
    """The story of a town of any size, and its cases."""

    cases: list[Case]

    def tell_all(
        self,
        casting: Casting,
        homes: Sequence[tuple[CaseKind, Household]],
        reports: int | None,
    ) -> tuple[Submission, ...]:
        """Write everything, and about ordinary households until there are so many reports."""
        for group in self._groups:
            self._group(group)
        extras = self._cast(casting)
        self._families_of_exploited(extras)
        self._decoys(extras)
        self._faults(extras)
        self._tell_cases(casting, homes)
        self._daily_life({home.number for _, home in homes}, reports)
        return self._in_time()

    def _tell_cases(self, casting: Casting, homes: Sequence[tuple[CaseKind, Household]]) -> None:
        suspects = [group.core[0] for group in self._groups]
        cases = Cases(self._census, casting, self._stage, self._tell_with_care, suspects)
        self.cases = [cases.make(kind, home) for kind, home in homes]

    def _tell_with_care(self, scene: Scene, terms: Terms) -> None:
        bodies = WATCH_CRIME if scene.matter is Matter.CRIME else WATCH_CHILDREN
        self._several(scene, bodies, most=2, terms=terms)

    def _daily_life(self, reserved: AbstractSet[int], reports: int | None) -> None:
        """Tell of households without a part in a case; again and again if that is wanted."""
        households = [one for one in self._census.households if one.number not in reserved]
        if reports is None:
            for household in self._dice.some(households, len(households) // 2):
                self._of_household(household)
            return
        waiting = cycle(self._dice.shuffled(households))
        while len(self._sent) < reports:
            self._of_household(next(waiting))
