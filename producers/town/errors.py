"""Mistakes that people make when they write about people, at declared rates.

Numbers with a check digit are not mistyped here: the door finds those, see reports.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from producers.town.names import nickname

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from producers.town.dice import Dice
    from producers.town.people import Person
    from streams.restricted import Identity


class Mistake(StrEnum):
    """What went wrong in one mention of one person."""

    TYPO = "TYPO"
    SWAPPED_DATE = "SWAPPED_DATE"
    NICKNAME = "NICKNAME"
    NAME_ORDER = "NAME_ORDER"
    NO_BIRTH_DATE = "NO_BIRTH_DATE"
    NO_ADDRESS = "NO_ADDRESS"
    OLD_ADDRESS = "OLD_ADDRESS"


#: Share of mentions that try this mistake. One that a person does not allow (no nickname, no
#: former home, the 5th of May) leaves the mention right, so the real share is at most this.
RATES: Final[Mapping[Mistake, float]] = {
    Mistake.TYPO: 0.05,
    Mistake.SWAPPED_DATE: 0.03,
    Mistake.NICKNAME: 0.05,
    Mistake.NAME_ORDER: 0.02,
    Mistake.NO_BIRTH_DATE: 0.04,
    Mistake.NO_ADDRESS: 0.08,
    Mistake.OLD_ADDRESS: 0.06,
}

_KEYBOARD: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORTEST_TYPED_WRONG: Final = 4
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Misremembered:
    """An identity as written down, and what is wrong with it."""

    identity: Identity
    mistake: Mistake | None


def misremember(identity: Identity, person: Person, dice: Dice, strength: float) -> Misremembered:
    """Make at most one mistake. `strength` scales the declared rates (0 makes none)."""
    choices: dict[Mistake | None, float] = {m: rate * strength for m, rate in RATES.items()}
    choices[None] = max(0.0, 1 - sum(choices.values()))
    mistake = dice.weighted(choices)
    if mistake is None:
        return Misremembered(identity, None)
    wrong = _MAKERS[mistake](identity, person, dice)
    return Misremembered(wrong, mistake if wrong != identity else None)


def typo(text: str, dice: Dice) -> str:
    """Return the text with one slip of the fingers, never in the first letter."""
    if len(text) < _SHORTEST_TYPED_WRONG:
        return text
    place = dice.between(1, len(text) - 2)
    slip = dice.pick((_omitted, _doubled, _transposed, _neighbour))
    return slip(text, place, dice)


def _omitted(text: str, place: int, _dice: Dice) -> str:
    return text[:place] + text[place + 1 :]


def _doubled(text: str, place: int, _dice: Dice) -> str:
    return text[:place] + text[place] + text[place:]


def _transposed(text: str, place: int, _dice: Dice) -> str:
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _neighbour(text: str, place: int, dice: Dice) -> str:
    letter = text[place].lower()
    for row in _KEYBOARD:
        found = row.find(letter)
        if found >= 0:
            near = row[max(0, found - 1) : found] + row[found + 1 : found + 2]
            return text[:place] + dice.pick(near) + text[place + 1 :]
    return _omitted(text, place, dice)


def swapped(born_on: date) -> date:
    """Return the date with day and month exchanged, or as it is where that is no date."""
    if born_on.day > _MONTHS:
        return born_on
    return date(born_on.year, born_on.day, born_on.month)


def _mistyped(identity: Identity, _person: Person, dice: Dice) -> Identity:
    if dice.chance(0.5) and identity.given_name:
        return replace(identity, given_name=typo(identity.given_name, dice))
    return replace(identity, family_name=typo(identity.family_name or "", dice) or None)


def _swapped_date(identity: Identity, _person: Person, _dice: Dice) -> Identity:
    return replace(identity, born_on=swapped(identity.born_on)) if identity.born_on else identity


def _nicknamed(identity: Identity, person: Person, dice: Dice) -> Identity:
    short = person.known_as[0] if person.known_as else nickname(person.given_name, dice)
    return replace(identity, given_name=short) if short else identity


def _name_order(identity: Identity, _person: Person, _dice: Dice) -> Identity:
    return replace(identity, given_name=identity.family_name, family_name=identity.given_name)


def _no_birth_date(identity: Identity, _person: Person, _dice: Dice) -> Identity:
    return replace(identity, born_on=None)


def _no_address(identity: Identity, _person: Person, _dice: Dice) -> Identity:
    return replace(identity, address=None, postcode=None)


def _old_address(identity: Identity, person: Person, _dice: Dice) -> Identity:
    former = person.former_home
    if former is None:
        return identity
    return replace(identity, address=former.line, postcode=former.postcode)


_MAKERS: Final[Mapping[Mistake, Callable[[Identity, Person, Dice], Identity]]] = {
    Mistake.TYPO: _mistyped,
    Mistake.SWAPPED_DATE: _swapped_date,
    Mistake.NICKNAME: _nicknamed,
    Mistake.NAME_ORDER: _name_order,
    Mistake.NO_BIRTH_DATE: _no_birth_date,
    Mistake.NO_ADDRESS: _no_address,
    Mistake.OLD_ADDRESS: _old_address,
}
