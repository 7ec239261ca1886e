"""The intruder with a register: everybody's name, sex, birth date, address and household.

He puts a person's reports together, looks up everybody who fits, household
against household, and claims whoever alone is left. He does not know which
district is the home and whether the reports name the whole family, so he is
let try each way of guessing, and the best of them counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

from deploy.evaluate.intruder.views import Kinship
from producers.town.city import Standing
from streams.values import Sex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from uuid import UUID

    from deploy.evaluate.intruder.views import Profile, View
    from producers.town.city import City, Resident

#: A larger family than this is not matched household by household, only by its own look.
_FAMILY_MAX: Final = 8
_OFFSPRING: Final = frozenset({Standing.CHILD, Standing.LATER_CHILD})
_RAISING: Final = frozenset({Standing.PARENT, Standing.STEP_PARENT, Standing.CARER})


@dataclass(frozen=True, slots=True)
class Guess:
    """One way of guessing: is the district most often seen the home, and is the family whole?"""

    usual_district: bool
    whole_family: bool


GUESSES: Final = tuple(Guess(*both) for both in product((False, True), repeat=2))


@dataclass(frozen=True, slots=True)
class Member:
    """One of a family as the view shows it: how it stands to the person, and what is told of it."""

    kinship: Kinship
    sex: Sex | None
    after: int
    until: int


class Register:
    """Some or all households of the city, by district, sex and birth date."""

    def __init__(self, city: City, households: Iterable[int] | None = None) -> None:
        self.city = city
        found: defaultdict[tuple[str, Sex], list[Resident]] = defaultdict(list)
        for number in range(len(city.households)) if households is None else households:
            district = city.households[number].district
            for one in city.members(number):
                found[district, one.sex].append(one)
        self._people = {
            key: sorted(people, key=lambda one: one.born) for key, people in found.items()
        }
        self._births = {key: [one.born for one in people] for key, people in self._people.items()}
        self._districts = tuple(dict.fromkeys(district for district, _ in found))

    def fitting(
        self, profile: Profile, family: Sequence[Member], guess: Guess
    ) -> Iterator[Resident]:
        """Yield everybody who could be the person, with the family the view shows."""
        for district in self.districts(profile, guess):
            yield from self.fitting_in(district, profile, family, whole=guess.whole_family)

    def districts(self, profile: Profile, guess: Guess) -> Sequence[str]:
        """Return where the person may live."""
        if not profile.districts:
            return self._districts
        if guess.usual_district:
            return (profile.districts.most_common(1)[0][0],)
        return tuple(profile.districts)

    def fitting_in(
        self, district: str, profile: Profile, family: Sequence[Member], *, whole: bool
    ) -> Iterator[Resident]:
        """Yield everybody of one district who could be the person."""
        for sex in (profile.sex,) if profile.sex else (Sex.FEMALE, Sex.MALE):
            births = self._births.get((district, sex), [])
            first = bisect_right(births, profile.after)
            last = bisect_right(births, profile.until)
            for one in self._people.get((district, sex), [])[first:last]:
                if self._has_family(one, family, whole=whole):
                    yield one

    def _has_family(self, one: Resident, family: Sequence[Member], *, whole: bool) -> bool:
        if not family:
            return True
        others = [other for other in self.city.members(one.household) if other is not one]
        if whole and _children(others) > sum(_is_child(member) for member in family):
            return False
        return _assignable(one, list(family), others)


def family_of(view: View, name: UUID) -> list[Member]:
    """Return the family a view shows of somebody, none if it is too large to be one."""
    return list(family_of_id(view, name).values())


def family_of_id(view: View, name: UUID) -> dict[UUID, Member]:
    """Return the same by id."""
    found = view.family(name)
    if len(found) >= _FAMILY_MAX:
        return {}
    return {other: _member(kinship, view.profiles[other]) for other, kinship in found.items()}


def _member(kinship: Kinship, profile: Profile) -> Member:
    return Member(kinship, profile.sex, profile.after, profile.until)


def _children(others: Iterable[Resident]) -> int:
    return sum(other.standing in _OFFSPRING for other in others)


def _is_child(member: Member) -> bool:
    return member.kinship in {Kinship.SIBLING, Kinship.CHILD, Kinship.WARD} or (
        member.kinship is Kinship.AROUND and member.after > 0
    )


def _assignable(one: Resident, family: list[Member], others: list[Resident]) -> bool:
    """Tell whether each of the family can be somebody else of the household."""
    if not family:
        return True
    first, rest = family[0], family[1:]
    return any(
        could_be(first, other, one)
        and _assignable(one, rest, [each for each in others if each is not other])
        for other in others
    )


def could_be(member: Member, other: Resident, one: Resident) -> bool:
    """Tell whether a member of a family the view shows of `one` can be this other resident."""
    if member.sex is not None and member.sex is not other.sex:
        return False
    if not member.after < other.born <= member.until:
        return False
    return _stands(member.kinship, other, one)


def _stands(kinship: Kinship, other: Resident, one: Resident) -> bool:
    match kinship:
        case Kinship.SIBLING:
            return {one.standing, other.standing} <= _OFFSPRING
        case Kinship.PARENT | Kinship.CARER:
            return other.standing in _RAISING and one.standing in _OFFSPRING
        case Kinship.CHILD | Kinship.WARD:
            return one.standing in _RAISING and other.standing in _OFFSPRING
        case _:
            return True
