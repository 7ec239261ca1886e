"""The synthetic town: one call, one seed, the same people, groups and reports every time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from producers.town.dice import Dice
from producers.town.groups import Casting, Group, form_group
from producers.town.names import NameBook
from producers.town.partners import BODIES
from producers.town.people import SHAPES, Census, Families, number_people
from producers.town.places import Streets
from producers.town.reports import Writers
from producers.town.scenes import Stage
from producers.town.story import Story

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producers.town.partners import Body
    from producers.town.people import Household, Person, Tie
    from producers.town.reports import Submission

#: The day the town is seen on: ages and scenes count from here, so that a seed is all it takes.
AS_OF: Final = date(2026, 9, 1)
HOUSEHOLDS: Final = 80
GROUPS: Final = 2
#: Shapes every town with groups has, whatever chance says, since the story needs them.
ALWAYS: Final = ("half siblings", "twins", "namesakes", "kinship care", "foster care", "hostel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """Everything there is, true and told. `submissions` are in the order they are sent."""

    seed: int
    as_of: date
    people: tuple[Person, ...]
    households: tuple[Household, ...]
    ties: tuple[Tie, ...]
    groups: tuple[Group, ...]
    bodies: tuple[Body, ...]
    submissions: tuple[Submission, ...]

    @classmethod
    def without_offences(cls, seed: int, households: int = 1000, as_of: date = AS_OF) -> Town:
        """Build a town of families where nobody offends, and all the same are written about."""
        return build_town(seed, households, groups=0, as_of=as_of)

    def of(self, partner: str) -> tuple[Submission, ...]:
        """Return what one partner does, in order."""
        return tuple(step for step in self.submissions if step.partner == partner)


def build_town(
    seed: int,
    households: int = HOUSEHOLDS,
    groups: int = GROUPS,
    *,
    mistakes: float = 1.0,
    as_of: date = AS_OF,
) -> Town:
    """Build a town. `mistakes` scales the rates of errors.py; 0 makes none.

    Raises: ValueError if the households are too few for the groups.
    """
    census, streets = Census(), Streets(Dice(seed, "streets"))
    families = Families(census, as_of, NameBook(Dice(seed, "names")), streets)
    for shape in _shapes(Dice(seed, "shapes"), households, groups):
        families.settle(shape, Dice(seed, f"household {len(census.households)}"))
    number_people(census, as_of, Dice(seed, "numbers"))
    casting = Casting(census, as_of, Dice(seed, "casting"))
    formed = tuple(
        form_group(number, casting, census, Dice(seed, f"group {number}"))
        for number in range(groups)
    )
    stage = Stage(census, as_of, Dice(seed, "stage"))
    writers = Writers(seed, census.people, Dice(seed, "writers"), mistakes)
    story = Story(census, formed, stage, writers, Dice(seed, "story"))
    return Town(
        seed=seed,
        as_of=as_of,
        people=tuple(census.people),
        households=tuple(census.households),
        ties=tuple(census.ties),
        groups=formed,
        bodies=BODIES,
        submissions=story.tell(casting),
    )


def _shapes(dice: Dice, households: int, groups: int) -> Sequence[str]:
    needed = ALWAYS * groups
    return [*needed, *(dice.weighted(SHAPES) for _ in range(households - len(needed)))]
