"""People whom linkage must keep apart: twins, siblings, a parent of the same name.

Each household is two people who are exact copies of each other but for what
must differ: a twin has another given name, a sibling another given name and
birth date, a parent of the same name another birth date, a generation back.
Both share family name, home, telephone and e-mail; nobody shares a number
that a register gives to one person. No family calls two children by two forms
of one name (Thomas and Tom), so that twin and sibling are drawn again; twins
of one initial are the hard case and may be called Kate and Katy.

Source: privacy.md section 2 ("household").
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from nicknames import NickNamer

from deploy.evaluate.linkage.columns import SEX, STRONG_ID
from deploy.evaluate.linkage.records import Person, spelt_of
from producers.town.dice import Dice
from producers.town.names import NameBook, borne_by
from producers.town.official import nhs_number, phone, pnc_id, upn
from producers.town.places import Streets
from streams.restricted import Identity
from streams.values import Sex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOUSEHOLDS: Final = 500
CHILDREN_BORN: Final = (2008, 2018)
_PHONES: Final = 1_000  # there are no more numbers for tests
_GENERATION_YEARS: Final = (18, 40)
_DRAWS_MAX: Final = 2_000


class Kind(StrEnum):
    """Who the second person of a household is."""

    TWIN = "twin"
    SAME_INITIAL_TWIN = "same_initial_twin"
    SIBLING = "sibling"
    SAME_NAMED_PARENT = "same_named_parent"


@dataclass(frozen=True, slots=True)
class Households:
    """The people of all households of one kind, and who lives with whom."""

    people: tuple[Person, ...]
    pairs: tuple[tuple[str, str], ...]


def households(
    kind: Kind, fields_used: frozenset[str], count: int = HOUSEHOLDS, seed: int = 1
) -> Households:
    """Invent households; of each person only the fields in use are told."""
    maker = Maker(seed)
    people: list[Person] = []
    pairs: list[tuple[str, str]] = []
    for number in range(count):
        records = (f"{kind}-{number}-a", f"{kind}-{number}-b")
        two = maker.household(kind)
        people += (one.told(record, fields_used) for record, one in zip(records, two, strict=True))
        pairs.append(records)
    return Households(tuple(people), tuple(pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhabitant:
    """An invented person. `strong_id` stands for an identifier without check rules."""

    identity: Identity
    sex: Sex
    origin: str
    strong_id: str

    def told(self, record: str, fields_used: frozenset[str]) -> Person:
        """Return the record that tells these fields only."""
        hidden: dict[str, Any] = {
            field.name: () if field.name == "known_as" else None
            for field in fields(Identity)
            if field.name not in fields_used
        }
        identity = replace(self.identity, **hidden)
        strong = self.strong_id if STRONG_ID in fields_used else ""
        sex = self.sex if SEX in fields_used else Sex.UNKNOWN
        return Person(record, spelt_of(identity, strong), sex, self.origin)


class Maker:
    """Invents people and households one after the other; the same seed invents the same."""

    def __init__(self, seed: int, born: tuple[int, int] = CHILDREN_BORN) -> None:
        self._dice = Dice(seed, "households")
        self._names = NameBook(Dice(seed, "household names"))
        self._streets = Streets(Dice(seed, "household streets"))
        self._born_years = born
        self._serial = 0
        self._homes = 0

    def household(self, kind: Kind) -> tuple[Inhabitant, Inhabitant]:
        """Return two people of one household; drawn again where no such name is found."""
        while True:
            first = self.person()
            if (second := _OTHERS[kind](self, first)) is not None:
                return first, second

    def twin(self, first: Inhabitant) -> Inhabitant | None:
        """Return somebody born on the same day with another given name."""
        return self._named(first, _are_two_names)

    def same_initial_twin(self, first: Inhabitant) -> Inhabitant | None:
        """Return a twin whose given name begins with the same letter."""
        return self._named(first, lambda name, own: name != own and name[0] == own[0])

    def sibling(self, first: Inhabitant) -> Inhabitant | None:
        """Return somebody else of the family, one to six years apart."""
        other = self._named(first, _are_two_names)
        return other and self._born(other, self._dice.between(365, 6 * 365))

    def same_named_parent(self, first: Inhabitant) -> Inhabitant | None:
        """Return somebody of the same names, a generation older."""
        years = self._dice.between(*_GENERATION_YEARS)
        return self._born(self._another(first), years * 365 + self._dice.between(0, 364))

    def person(self) -> Inhabitant:
        """Return somebody who lives alone; only the first thousand have a telephone."""
        origin, home = self._names.origin(), self._streets.new()
        sex = self._dice.pick((Sex.FEMALE, Sex.MALE))
        family = borne_by(self._names.family(origin), origin, sex)
        year = self._dice.between(*self._born_years)
        self._homes += 1
        identity = Identity(
            given_name=self._names.given(origin, sex),
            middle_names=self._names.given(origin, sex),
            family_name=family,
            born_on=date(year, 1, 1) + timedelta(days=self._dice.between(0, 364)),
            address=home.line,
            postcode=home.postcode,
            uprn=home.uprn,
            phone=phone(self._homes) if self._homes < _PHONES else None,
            email=f"family{self._homes}@example.org",
            handle=f"family{self._homes}",
        )
        return self._numbered(Inhabitant(identity=identity, sex=sex, origin=origin, strong_id=""))

    def _another(self, first: Inhabitant) -> Inhabitant:
        return self._numbered(first)

    def _numbered(self, person: Inhabitant) -> Inhabitant:
        """Give a person numbers that nobody else has."""
        while (nhs := nhs_number(self._next())) is None:
            pass
        serial = self._serial
        identity = replace(
            person.identity,
            nhs_number=nhs,
            upn=upn(serial // 1000, 15, serial % 1000),
            pnc_id=pnc_id(2024, serial),
        )
        return replace(person, identity=identity, strong_id=f"SYN{serial:07d}")

    def _named(self, first: Inhabitant, is_fit: Callable[[str, str], bool]) -> Inhabitant | None:
        """Draw a given name of the same origin and sex that fits, as the family would."""
        own = (first.identity.given_name or "").casefold()
        for _ in range(_DRAWS_MAX):
            name = self._names.given(first.origin, first.sex)
            if is_fit(name.casefold(), own):
                other = self._another(first)
                return replace(other, identity=replace(other.identity, given_name=name))
        return None

    def _born(self, person: Inhabitant, days_before: int) -> Inhabitant:
        day = person.identity.born_on
        before = day - timedelta(days=days_before) if day else None
        return replace(person, identity=replace(person.identity, born_on=before))

    def _next(self) -> int:
        self._serial += 1
        return self._serial


_NAMER: Final = NickNamer()


def _are_two_names(one: str, other: str) -> bool:
    """Not one name, nor a name and a short form of it, nor two short forms of one."""
    forms, others = (_NAMER.canonicals_of(name) | {name} for name in (one, other))
    return not forms & others


_OTHERS: Final[Mapping[Kind, Callable[[Maker, Inhabitant], Inhabitant | None]]] = {
    Kind.TWIN: Maker.twin,
    Kind.SAME_INITIAL_TWIN: Maker.same_initial_twin,
    Kind.SIBLING: Maker.sibling,
    Kind.SAME_NAMED_PARENT: Maker.same_named_parent,
}
