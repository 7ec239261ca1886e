"""Organised crime groups of the town, told as what truly happens, whoever may report it.

A group has a core, a periphery, children it exploits, a deal line, a cuckooed
address and a vehicle. Beside the groups live decoys: pairs, an innocent
associate, people named in error, a foster sibling, a shared surname.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from producers.town import official
from producers.town.people import ADULT_AGE, Tie, siblings
from streams.taxonomy import RelationKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from producers.town.dice import Dice
    from producers.town.people import Census, Person
    from producers.town.places import Address

_WHERE: Final = (
    *("Wicker", "Tinsley Cut", "Porter Street", "Rivelin Weir", "Neepsend", "Attercliffe"),
    *("Loxley", "Manor Top", "Kelham", "Crookesmoor", "Burngreave", "Heeley Bank"),
    *("Owlerton", "Shalesmoor", "Norfolk Park", "Darnall Road"),
)
_WHO: Final = ("Night Shift", "Lads", "Firm", "Mob", "Corner", "Sixes", "Boys", "Line")
YOUNGEST_EXPLOITED: Final = 11
_PNC_FROM: Final = 2012


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group as it truly is. Numbers are people of the town; names are made up."""

    number: int
    name: str = field(repr=False)
    core: tuple[int, ...]
    periphery: tuple[int, ...]
    exploited: tuple[int, ...]
    line_phone: str = field(repr=False)
    cuckooed: Address = field(repr=False)
    cuckooed_resident: int
    ties: tuple[Tie, ...]

    @property
    def adults(self) -> tuple[int, ...]:
        """Everybody in it who is no child."""
        return self.core + self.periphery


class Casting:
    """Picks people for parts; nobody plays two, and no two adults come from one household."""

    def __init__(self, census: Census, as_of: date, dice: Dice) -> None:
        self._census = census
        self._as_of = as_of
        self._dice = dice
        self._households: set[int] = set()
        self._phones = iter(dice.shuffled(range(official.PHONES)))
        self._serials = iter(range(9_000_001, 9_999_999))
        self._siblings: defaultdict[int, set[int]] = defaultdict(set)
        for one, other in map(tuple, siblings(census.ties)):
            self._siblings[one].add(other)
            self._siblings[other].add(one)

    def adult(self, youngest: int = 19, oldest: int = 55) -> int:
        """Return an adult whose household has no part yet."""
        return self._take(
            person
            for person in self._dice.shuffled(self._census.people)
            if youngest <= person.age_on(self._as_of) <= oldest
        )

    def child(self, *, with_siblings: bool) -> int:
        """Return a child old enough to be exploited, whose household has no part yet.

        One with siblings (or without) if there is any left, else another.
        """
        fitting = [
            person
            for person in self._dice.shuffled(self._census.people)
            if YOUNGEST_EXPLOITED <= person.age_on(self._as_of) < ADULT_AGE - 1
        ]
        fitting.sort(key=lambda one: bool(self.siblings_of(one.number)) is not with_siblings)
        return self._take(fitting)

    def friend_of(self, child: int) -> int:
        """Return a child of about the same age from another household."""
        years = self._census.people[child].age_on(self._as_of)
        return self._take(
            person
            for person in self._dice.shuffled(self._census.people)
            if abs(person.age_on(self._as_of) - years) <= 2 and person.is_child_on(self._as_of)  # noqa: PLR2004
        )

    def siblings_of(self, number: int) -> list[int]:
        """Return the true siblings, of any age."""
        return sorted(self._siblings.get(number, ()))

    def phone(self) -> str:
        """Return a test number nobody else has. Raises: StopIteration after a thousand."""
        return official.phone(next(self._phones))

    def own_phone(self) -> str | None:
        """Return a number for a person's own telephone, where there are enough."""
        return self.phone()

    def known_to_police(self, number: int) -> None:
        """Give this person a PNC id, as an arrest would."""
        year = self._dice.between(_PNC_FROM, self._as_of.year - 1)
        self._census.change(number, pnc_id=official.pnc_id(year, next(self._serials)))

    def _take(self, people: Iterable[Person]) -> int:
        for person in people:
            if person.household not in self._households:
                self._households.add(person.household)
                return person.number
        raise ValueError("the town is too small for its groups; give it more households")


def form_group(number: int, casting: Casting, census: Census, dice: Dice) -> Group:
    """Let one group come together; its adults become known to police."""
    core = tuple(casting.adult() for _ in range(dice.between(3, 4)))
    periphery = tuple(casting.adult(19, 30) for _ in range(dice.between(3, 5)))
    children = tuple(casting.child(with_siblings=True) for _ in range(2))
    children += (casting.child(with_siblings=False),)
    for member in core + periphery:
        casting.known_to_police(member)
    resident = casting.adult(25, 70)
    for user in (*core[:1], *periphery[:2]):
        _equip(census, user, casting.own_phone(), dice)
    return Group(
        number=number,
        name=_name(number),
        core=core,
        periphery=periphery,
        exploited=children,
        line_phone=casting.phone(),
        cuckooed=census.people[resident].home,
        cuckooed_resident=resident,
        ties=(*_among(core, periphery, dice), *_exploitation(core, periphery, children, dice)),
    )


def _name(number: int) -> str:
    """Return a name no other of the first 128 groups has; later ones are told apart by number."""
    round_, place = divmod(number, len(_WHERE))
    name = f"{_WHERE[place]} {_WHO[(round_ + place) % len(_WHO)]}"
    return name if round_ < len(_WHO) else f"{name} {round_}"


def _equip(census: Census, number: int, phone: str | None, dice: Dice) -> None:
    person = census.people[number]
    letters = "".join(dice.pick("BCDFGHJKLMNPRSTVWXY") for _ in range(5))
    handle = f"{person.given_name.split()[0].lower()}_{dice.between(100, 999)}s{number}"
    census.change(
        number,
        phone=phone,
        handle=handle,
        vehicle_mark=official.vehicle_mark(number, letters),
    )


def _among(core: Sequence[int], periphery: Sequence[int], dice: Dice) -> list[Tie]:
    ties = [
        Tie(left, RelationKind.CO_OFFENDER, right)
        for place, left in enumerate(core)
        for right in core[place + 1 :]
    ]
    ties += [Tie(member, RelationKind.ASSOCIATE, dice.pick(core)) for member in periphery]
    return ties


def _exploitation(
    core: Sequence[int], periphery: Sequence[int], children: Sequence[int], dice: Dice
) -> list[Tie]:
    return [Tie(dice.pick((*core, *periphery)), RelationKind.EXPLOITS, child) for child in children]
