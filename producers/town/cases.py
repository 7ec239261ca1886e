"""Labelled cases: children of whom it is known why they must be found, or why they must not.

Each is told like everything else in the town, by partners and with their mistakes. The labels
follow from how a case is made; what truth.py works out from the reports must say the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING, Final

from producers.town.people import ADULT_AGE
from producers.town.reports import ORDINARY, Terms
from producers.town.truth import Exposure
from streams.values import AlertRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from producers.town.groups import Casting
    from producers.town.people import Census, Household
    from producers.town.scenes import Scene, Stage

_TIED: Final = AlertRule.CHILD_TIED_TO_NOMINAL
_SIBLING: Final = AlertRule.SIBLING_OF_INVOLVED
_FRIEND: Final = AlertRule.FRIEND_OF_INVOLVED
#: Days before the town is seen: a child is told of long before the network it leads to.
_EARLY: Final = (150, 170)
_LATE: Final = (12, 25)


class CaseKind(StrEnum):
    """What makes a case hard."""

    TWINS = "twins"
    FOSTER_HOME = "foster home"
    HOSTEL = "hostel"
    CHILDRENS_HOME = "children's home"
    UNKNOWN_AGE = "unknown age"
    WRONG_MERGE = "wrong merge undone"
    BEFORE_NETWORK = "before the network"
    LEAP_DAY = "born on 29 February"
    KINSHIP_CARE = "kinship care"
    SHARED_PARENT = "shared parent only"
    HALF_SIBLINGS = "half-siblings of other names"
    STEP_SIBLINGS = "step-siblings of other names"
    FRIENDS = "friends"
    CHILD_SUSPECT = "exploited and suspect"


SHAPE_OF: Final[Mapping[CaseKind, str]] = {
    CaseKind.TWINS: "twins",
    CaseKind.FOSTER_HOME: "foster care",
    CaseKind.HOSTEL: "family hostel",
    CaseKind.CHILDRENS_HOME: "childrens home",
    CaseKind.UNKNOWN_AGE: "two children",
    CaseKind.WRONG_MERGE: "twins",
    CaseKind.BEFORE_NETWORK: "two children",
    CaseKind.LEAP_DAY: "leap day",
    CaseKind.KINSHIP_CARE: "kinship pair",
    CaseKind.SHARED_PARENT: "two children",
    CaseKind.HALF_SIBLINGS: "half siblings",
    CaseKind.STEP_SIBLINGS: "step family",
    CaseKind.FRIENDS: "two children",
    CaseKind.CHILD_SUSPECT: "two children",
}
"""The household that each case lives in; nobody else of the story does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case. `must` are its alerts, `spared` children with none, `strangers` pairs not kin.

    `mistaken` are two whom a reviewer takes for one and parts again.
    """

    kind: CaseKind
    must: frozenset[Exposure]
    spared: frozenset[int] = frozenset()
    strangers: frozenset[frozenset[int]] = frozenset()
    mistaken: tuple[int, int] | None = None


class Cases:
    """Tells cases of every kind. `tell` writes a scene down by several, the first with care."""

    def __init__(
        self,
        census: Census,
        casting: Casting,
        stage: Stage,
        tell: Callable[[Scene, Terms], None],
        suspects: Sequence[int],
    ) -> None:
        self._census = census
        self._casting = casting
        self._stage = stage
        self._tell = tell
        self._suspects = suspects
        self._number = 0

    def make(self, kind: CaseKind, household: Household) -> Case:
        """Tell one case about the people of a household."""
        self._number += 1
        return _MAKERS[kind](self, self._children_of(household))

    # --- found together, or just not

    def twins(self, children: Sequence[int]) -> Case:
        """One twin is exploited: the other is its sibling, and nobody takes one for the other."""
        first, second = _twins_among(self._census, children)
        self._exploited(first)
        self._tell(self._stage.family(children), ORDINARY)
        return Case(
            kind=CaseKind.TWINS,
            must=frozenset({Exposure(first, _TIED), Exposure(second, _SIBLING)}),
        )

    def foster_home(self, children: Sequence[int]) -> Case:
        """A foster carer makes no siblings."""
        self._exploited(children[0])
        self._tell(self._stage.family(children), ORDINARY)
        return self._under_one_roof(CaseKind.FOSTER_HOME, children)

    def hostel(self, children: Sequence[int]) -> Case:
        """Nobody is kin by living in one hostel."""
        return self._home_of_many(CaseKind.HOSTEL, children)

    def childrens_home(self, children: Sequence[int]) -> Case:
        """Nobody is kin by living in one children's home."""
        return self._home_of_many(CaseKind.CHILDRENS_HOME, children)

    def unknown_age(self, children: Sequence[int]) -> Case:
        """Nobody knows the age; a pupil and the victim of an exploiter of children is a child."""
        child = children[0]
        unknown = Terms(ageless=frozenset({child}))
        self._tell(self._stage.exploitation(self._suspect(), child), unknown)
        self._tell(self._stage.alone(child), unknown)
        return Case(kind=CaseKind.UNKNOWN_AGE, must=frozenset({Exposure(child, _TIED)}))

    def wrong_merge(self, children: Sequence[int]) -> Case:
        """Twins are taken for one: what befell the first falls on a friend of the second."""
        first, second = _twins_among(self._census, children)
        friend = self._casting.friend_of(second)
        self._exploited(first)
        self._tell(self._stage.alone(second), ORDINARY)
        self._tell(self._stage.friends(second, friend), ORDINARY)
        return Case(
            kind=CaseKind.WRONG_MERGE,
            must=frozenset({Exposure(first, _TIED)}),
            spared=frozenset({second, friend}),
            mistaken=(first, second),
        )

    def before_network(self, children: Sequence[int]) -> Case:
        """The child is told of months before the three who make the network are."""
        adults = [self._casting.adult(20) for _ in range(3)]
        scene = self._stage.exploitation(adults[0], children[0])
        self._tell(replace(scene, at=self._stage.when(*_EARLY)), ORDINARY)
        for one, other in combinations(adults, 2):
            self._casting.known_to_police(one)
            scene = self._stage.together(one, other)
            self._tell(replace(scene, at=self._stage.when(*_LATE)), ORDINARY)
        must = frozenset({Exposure(children[0], _TIED)})
        return Case(kind=CaseKind.BEFORE_NETWORK, must=must)

    def leap_day(self, children: Sequence[int]) -> Case:
        """Born on 29 February: a child on 28 February of the eighteenth year, none on 1 March."""
        child = children[0]
        year = self._census.people[child].born_on.year + ADULT_AGE
        is_child = self._number % 2 == 0
        day = (2, 28) if is_child else (3, 1)
        scene = self._stage.exploitation(self._suspect(), child)
        self._tell(replace(scene, at=datetime(year, *day, 12, 30, tzinfo=UTC)), ORDINARY)
        must = frozenset({Exposure(child, _TIED)})
        if is_child:
            return Case(kind=CaseKind.LEAP_DAY, must=must)
        return Case(kind=CaseKind.LEAP_DAY, must=frozenset(), spared=frozenset({child}))

    def kinship_care(self, children: Sequence[int]) -> Case:
        """One kinship carer makes siblings of two."""
        return self._siblings(CaseKind.KINSHIP_CARE, children)

    def half_siblings(self, children: Sequence[int]) -> Case:
        """One mother, two fathers, two names."""
        elder = children[0]
        others = self._of_other_name(elder, children)
        return self._siblings(CaseKind.HALF_SIBLINGS, (elder, others[0]))

    def shared_parent(self, children: Sequence[int]) -> Case:
        """No report names the two together: the parent in both is all that joins them."""
        first, second = children[:2]
        self._exploited(first)
        for child in (first, second):
            self._tell(self._stage.family([child]), ORDINARY)
        return Case(
            kind=CaseKind.SHARED_PARENT,
            must=frozenset({Exposure(first, _TIED), Exposure(second, _SIBLING)}),
        )

    def step_siblings(self, children: Sequence[int]) -> Case:
        """No parent in common and no name; a school says they are siblings, and so they are."""
        first, second = children[:2]
        self._exploited(first)
        self._tell(self._stage.brothers_and_sisters(first, second), ORDINARY)
        return Case(
            kind=CaseKind.STEP_SIBLINGS,
            must=frozenset({Exposure(first, _TIED), Exposure(second, _SIBLING)}),
        )

    def friends(self, children: Sequence[int]) -> Case:
        """A friend is found through a friend."""
        friend = self._casting.friend_of(children[0])
        self._exploited(children[0])
        self._tell(self._stage.friends(children[0], friend), ORDINARY)
        return Case(
            kind=CaseKind.FRIENDS,
            must=frozenset({Exposure(children[0], _TIED), Exposure(friend, _FRIEND)}),
        )

    def child_suspect(self, children: Sequence[int]) -> Case:
        """A child who is exploited and told of as a suspect too is a victim first."""
        child = children[0]
        self._exploited(child)
        self._tell(self._stage.together(child, self._suspect()), ORDINARY)
        self._tell(self._stage.family(children), ORDINARY)
        return Case(
            kind=CaseKind.CHILD_SUSPECT,
            must=frozenset({Exposure(child, _TIED), Exposure(children[1], _SIBLING)}),
        )

    # --- what several have in common

    def _siblings(self, kind: CaseKind, children: Sequence[int]) -> Case:
        self._exploited(children[0])
        self._tell(self._stage.family(children), ORDINARY)
        must = {Exposure(children[0], _TIED), Exposure(children[1], _SIBLING)}
        return Case(kind=kind, must=frozenset(must))

    def _home_of_many(self, kind: CaseKind, children: Sequence[int]) -> Case:
        self._exploited(children[0])
        for child in children:
            self._tell(self._stage.alone(child), ORDINARY)
        return self._under_one_roof(kind, children)

    def _under_one_roof(self, kind: CaseKind, children: Sequence[int]) -> Case:
        return Case(
            kind=kind,
            must=frozenset({Exposure(children[0], _TIED)}),
            spared=frozenset(children[1:]),
            strangers=frozenset(frozenset(pair) for pair in combinations(children, 2)),
        )

    def _exploited(self, child: int) -> None:
        self._tell(self._stage.exploitation(self._suspect(), child), ORDINARY)

    def _suspect(self) -> int:
        return self._suspects[self._number % len(self._suspects)]

    def _of_other_name(self, child: int, children: Sequence[int]) -> Sequence[int]:
        name = self._census.people[child].family_name
        return [one for one in children if self._census.people[one].family_name != name]

    def _children_of(self, household: Household) -> Sequence[int]:
        """Return the children of a household in the order it was made, the leap child too."""
        youngest = max(self._census.people[one].born_on for one in household.members)
        return [
            one
            for one in household.members
            if self._census.people[one].is_child_on(self._stage.as_of)
            or self._census.people[one].born_on == youngest
        ]


def _twins_among(census: Census, children: Sequence[int]) -> tuple[int, int]:
    for one, other in combinations(children, 2):
        if census.people[one].born_on == census.people[other].born_on:
            return one, other
    raise ValueError("a household of twins has two children of one birth date")


_MAKERS: Final[Mapping[CaseKind, Callable[[Cases, Sequence[int]], Case]]] = {
    CaseKind.TWINS: Cases.twins,
    CaseKind.FOSTER_HOME: Cases.foster_home,
    CaseKind.HOSTEL: Cases.hostel,
    CaseKind.CHILDRENS_HOME: Cases.childrens_home,
    CaseKind.UNKNOWN_AGE: Cases.unknown_age,
    CaseKind.WRONG_MERGE: Cases.wrong_merge,
    CaseKind.BEFORE_NETWORK: Cases.before_network,
    CaseKind.LEAP_DAY: Cases.leap_day,
    CaseKind.KINSHIP_CARE: Cases.kinship_care,
    CaseKind.SHARED_PARENT: Cases.shared_parent,
    CaseKind.HALF_SIBLINGS: Cases.half_siblings,
    CaseKind.STEP_SIBLINGS: Cases.step_siblings,
    CaseKind.FRIENDS: Cases.friends,
    CaseKind.CHILD_SUSPECT: Cases.child_suspect,
}
