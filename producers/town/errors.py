"""Mistakes that people make when they write about people, at declared rates.

Numbers with a check digit are not mistyped here: the door finds those, see reports.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from producers.town.names import nickname
from streams.values import Sex

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
    WRONG_BIRTH_DATE = "WRONG_BIRTH_DATE"  # another day: a digit of it misheard
    NO_NUMBERS = "NO_NUMBERS"  # no number of any register
    WRONG_SEX = "WRONG_SEX"


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
#: What a run against the ground truth makes: 15 % of all mentions, by kind of mistake. Where a
#: person does not allow the kind that was drawn another one is made, so that it is 15 %.
GROUND_RATES: Final[Mapping[Mistake, float]] = {
    Mistake.TYPO: 0.04,
    Mistake.NICKNAME: 0.02,
    Mistake.NAME_ORDER: 0.01,
    Mistake.SWAPPED_DATE: 0.01,
    Mistake.WRONG_BIRTH_DATE: 0.02,
    Mistake.NO_BIRTH_DATE: 0.01,
    Mistake.NO_NUMBERS: 0.01,
    Mistake.WRONG_SEX: 0.01,
    Mistake.NO_ADDRESS: 0.01,
    Mistake.OLD_ADDRESS: 0.01,
}
GROUND_SHARE: Final = 0.15

_KEYBOARD: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORTEST_TYPED_WRONG: Final = 4
_MONTHS: Final = 12
_DAYS_OFF: Final = (-10, -3, -2, -1, 1, 2, 3, 10)
_YEARS_OFF: Final = (-365, 365)


@dataclass(frozen=True, slots=True)
class Misremembered:
    """An identity and a sex as written down, and what is wrong with them."""

    identity: Identity
    sex: Sex
    mistake: Mistake | None


def misremember(
    identity: Identity,
    person: Person,
    dice: Dice,
    strength: float,
    rates: Mapping[Mistake, float] = RATES,
) -> Misremembered:
    """Make at most one mistake. `strength` scales the rates (0 makes none)."""
    choices: dict[Mistake | None, float] = {m: rate * strength for m, rate in rates.items()}
    choices[None] = max(0.0, 1 - sum(choices.values()))
    mistake = dice.weighted(choices)
    return right(identity, person) if mistake is None else _made(mistake, identity, person, dice)


def misremember_always(
    identity: Identity, person: Person, dice: Dice, kinds: Mapping[Mistake, float]
) -> Misremembered:
    """Make one mistake of these kinds, each as often as its weight; none if none is possible."""
    left = {kind: weight for kind, weight in kinds.items() if weight > 0}
    while left:
        kind = dice.weighted(left)
        wrong = _made(kind, identity, person, dice)
        if wrong.mistake is not None:
            return wrong
        del left[kind]
    return right(identity, person)


def right(identity: Identity, person: Person) -> Misremembered:
    """Write somebody down as they are."""
    return Misremembered(identity, person.sex, None)


def _made(mistake: Mistake, identity: Identity, person: Person, dice: Dice) -> Misremembered:
    if mistake is Mistake.WRONG_SEX:
        other = Sex.MALE if person.sex is Sex.FEMALE else Sex.FEMALE
        return Misremembered(identity, other, mistake)
    wrong = _MAKERS[mistake](identity, person, dice)
    return Misremembered(wrong, person.sex, mistake if wrong != identity else None)


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


def _wrong_birth_date(identity: Identity, _person: Person, dice: Dice) -> Identity:
    born_on = identity.born_on
    if born_on is None:
        return identity
    off = dice.pick(_DAYS_OFF) if dice.chance(0.5) else dice.pick(_YEARS_OFF)
    return replace(identity, born_on=born_on + timedelta(days=off))


def _no_numbers(identity: Identity, _person: Person, _dice: Dice) -> Identity:
    return replace(identity, nhs_number=None, upn=None, pnc_id=None)


_MAKERS: Final[Mapping[Mistake, Callable[[Identity, Person, Dice], Identity]]] = {
    Mistake.TYPO: _mistyped,
    Mistake.SWAPPED_DATE: _swapped_date,
    Mistake.NICKNAME: _nicknamed,
    Mistake.NAME_ORDER: _name_order,
    Mistake.NO_BIRTH_DATE: _no_birth_date,
    Mistake.NO_ADDRESS: _no_address,
    Mistake.OLD_ADDRESS: _old_address,
    Mistake.WRONG_BIRTH_DATE: _wrong_birth_date,
    Mistake.NO_NUMBERS: _no_numbers,
}
