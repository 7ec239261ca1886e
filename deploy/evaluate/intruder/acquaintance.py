"""The intruder who knows some offenders by their ids, and their families from life.

For one nominal in ten he knows who stands behind the id (somebody was
arrested, and the record told). From there he looks for ties to family: whom
the view ties to a nominal must be one of the household that he knows, and a
person that only one of them can be is recognised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deploy.evaluate.intruder.register import could_be, family_of_id

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from deploy.evaluate.intruder.register import Member
    from deploy.evaluate.intruder.views import View
    from deploy.evaluate.intruder.who import Truth
    from producers.town.city import City, Resident

KNOWN_NOMINALS: Final = 0.1
#: So many ways of putting a family together are looked at; then nothing is claimed.
_WAYS_MAX: Final = 2_000


def known_nominals(view: View, truth: Truth, dice: random.Random) -> dict[UUID, int]:
    """Return the nominals whom the intruder knows by id, one in ten and at least one."""
    there = sorted(
        (name for name in truth.nominals if name in view.profiles), key=lambda n: truth.resident[n]
    )
    count = min(len(there), max(1, round(KNOWN_NOMINALS * len(there))))
    return {name: truth.resident[name] for name in dice.sample(there, count)}


def anchored_claims(city: City, view: View, known: dict[UUID, int]) -> dict[UUID, int]:
    """Claim everybody in the family of a known nominal whom only one relative can be."""
    claims: dict[UUID, int] = {}
    for name, number in known.items():
        nominal = city.residents[number]
        relatives = [one for one in city.members(nominal.household) if one.number != number]
        family = family_of_id(view, name)
        if family:
            claims |= _claimed(nominal, family, relatives)
    return {name: who for name, who in claims.items() if name not in known}


def _claimed(
    nominal: Resident, family: dict[UUID, Member], relatives: Sequence[Resident]
) -> dict[UUID, int]:
    """Return those who are the same person in every way in which the family can be put together."""
    names = list(family)
    ways = list(_ways(nominal, [family[name] for name in names], list(relatives)))
    if not ways:
        return _one_by_one(nominal, family, relatives)
    return {
        name: ways[0][at]
        for at, name in enumerate(names)
        if all(way[at] == ways[0][at] for way in ways)
    }


def _ways(
    nominal: Resident, family: Sequence[Member], relatives: list[Resident]
) -> Iterator[tuple[int, ...]]:
    if not family:
        yield ()
        return
    for one in relatives:
        if could_be(family[0], one, nominal):
            rest = [each for each in relatives if each is not one]
            for count, way in enumerate(_ways(nominal, family[1:], rest)):
                if count >= _WAYS_MAX:
                    return
                yield (one.number, *way)


def _one_by_one(
    nominal: Resident, family: dict[UUID, Member], relatives: Sequence[Resident]
) -> dict[UUID, int]:
    """A family that does not fit as a whole holds a mistake; its members may fit by themselves."""
    claims: dict[UUID, int] = {}
    for name, member in family.items():
        fitting = [one.number for one in relatives if could_be(member, one, nominal)]
        if len(fitting) == 1:
            claims[name] = fitting[0]
    return claims
