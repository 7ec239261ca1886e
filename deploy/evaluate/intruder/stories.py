"""What partners report about children of the city, their families, friends and exploiters."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from producers.town.city import Standing
from producers.town.dice import Dice
from producers.town.names import NameBook, borne_by
from producers.town.official import nhs_number, phone, uprn
from producers.town.partners import BODIES, Matter
from producers.town.people import Person
from producers.town.places import Address, AddressKind
from producers.town.reports import Terms, Writers
from producers.town.scenes import Claim, Part, Scene, Thing, coded, home_of, key_of
from streams.restricted import Identity
from streams.taxonomy import RelationKind
from streams.values import Activity, FourP, NodeKind, Role, Theme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from producers.town.city import City, Resident
    from producers.town.partners import Body
    from producers.town.reports import Submission

#: Scenes lie in the three years before the day the city is seen on.
OLDEST_DAYS: Final = 1_000
NEWEST_DAYS: Final = 5
#: Share of scenes at the first person's own home; the others are anywhere in the city.
AT_HOME: Final = 0.7
#: Share of reports written with the mistakes that people make (producers/town/errors.py).
NOISY: Final = 0.3
#: How many reports a child is in by its own story.
REPORTS_EACH: Final[Mapping[int, float]] = {1: 40, 2: 30, 3: 20, 4: 10}
_CHILD_DAYS: Final = 18 * 365.2425
_GROUP: Final = 6
#: Children to one group of offenders, and how many of its members have children among them.
_CHILDREN_PER_GROUP: Final = 20
_FATHERS: Final = 0.2
_STREETS: Final = [
    "Bramblefold",
    "Otterside",
    "Larkhammer",
    "Siltmoor",
    "Whistleford",
    "Cinderbeck",
    "Foxglade",
]
_LETTERS: Final = "ABDEFGHJLNPQRSTUWXYZ"


@dataclass(frozen=True, slots=True)
class Told:
    """What is sent, and what only the city knows of it.

    `who` maps a person's number in the submissions to the resident; `targets`
    are the children whom the intruder looks for, `nominals` the offenders.
    """

    submissions: tuple[Submission, ...]
    who: tuple[int, ...]
    targets: frozenset[int]
    nominals: frozenset[int]
    scenes: tuple[Scene, ...]
    clean: frozenset[tuple[str, str]]

    @property
    def bodies(self) -> tuple[Body, ...]:
        """The partners that tell."""
        return _BODIES


_BODIES: Final = tuple(body for body in BODIES if not body.lapsed)


def tell(city: City, seed: int, targets: int) -> Told:
    """Let partners report about so many children; the same seed tells the same."""
    dice = random.Random(f"{seed}/intruder stories")  # noqa: S311 - stories, not keys
    stories = _Stories(city, dice, _children(city, dice, targets))
    scenes = sorted(stories.scenes(), key=lambda scene: scene.at)
    people = _People(city, seed)
    cast = [people.scene(scene) for scene in scenes]
    return _written(cast, people, seed, stories)


def _written(scenes: Sequence[Scene], people: _People, seed: int, stories: _Stories) -> Told:
    writers = Writers(seed, people.persons, Dice(seed, "intruder writers"))
    dice = Dice(seed, "intruder tellers")
    submissions: list[Submission] = []
    clean: set[tuple[str, str]] = set()
    for scene in scenes:
        careful = not dice.chance(NOISY)
        told = writers.tell(scene, _teller(scene, dice), Terms(careful=careful))
        submissions.append(told)
        if careful:
            clean.add((told.partner, str(told.report.report_id)))
    return Told(
        submissions=tuple(submissions),
        who=tuple(people.residents),
        targets=frozenset(child.number for child in stories.children),
        nominals=frozenset(one.number for group in stories.groups for one in group),
        scenes=tuple(scenes),
        clean=frozenset(clean),
    )


def _teller(scene: Scene, dice: Dice) -> Body:
    return dice.pick([body for body in _BODIES if scene.matter in body.channels])


def _children(city: City, dice: random.Random, count: int) -> list[Resident]:
    today = city.as_of.toordinal()
    children = [one for one in city.residents if today - one.born < _CHILD_DAYS]
    return dice.sample(children, min(count, len(children)))


class _Stories:
    """Makes up scenes; people are residents of the city by number."""

    def __init__(self, city: City, dice: random.Random, children: list[Resident]) -> None:
        self._city = city
        self._dice = dice
        self.children = children
        self._adults = [one for one in city.residents if one.standing is Standing.ADULT]
        self.groups = [self._group() for _ in range(max(1, len(children) // _CHILDREN_PER_GROUP))]

    def scenes(self) -> Iterator[Scene]:
        """Yield everything that happens, in no order."""
        for child in self.children:
            (count,) = self._dice.choices(list(REPORTS_EACH), list(REPORTS_EACH.values()))
            for _ in range(count):
                yield self._about(child)
        for number, group in enumerate(self.groups):
            yield from self._crimes(number, group)

    def _group(self) -> list[Resident]:
        members = self._dice.sample(self._adults, _GROUP)
        for at in range(len(members)):
            if self._dice.random() < _FATHERS:
                members[at] = self._parent() or members[at]
        return members

    def _parent(self) -> Resident | None:
        """Return a parent of one of the children, a father where there is one."""
        child = self._dice.choice(self.children)
        household = self._city.members(child.household)
        return next((one for one in reversed(household) if _raises(one)), None)

    def _about(self, child: Resident) -> Scene:
        makers: Mapping[Callable[[Resident], Scene], int] = {
            self._alone: 30,
            self._family: 30,
            self._sibling: 15,
            self._exploited: 15,
            self._friend: 10,
        }
        (maker,) = self._dice.choices(list(makers), list(makers.values()))
        return maker(child)

    # --- one story each

    def _alone(self, child: Resident) -> Scene:
        activity = self._dice.choice((Activity.MISSING, Activity.EXCLUSION, Activity.INJURY))
        return self._scene("alone", child, [(child, Role.VICTIM)], [], activity)

    def _family(self, child: Resident) -> Scene:
        """The whole household, as a social worker writes it down; half the time with the door."""
        at = self._when(child)
        members = [one for one in self._born(child, at) if one.number != child.number]
        claims = [claim for one in members for claim in _kin(child, one, members)]
        claims += [
            Claim(key_of(one.number), RelationKind.PARENT, key_of(other.number))
            for one in members
            for other in members
            if _is_parent(one, other)
        ]
        cast = [(child, Role.VICTIM), *((one, Role.OTHER) for one in members)]
        scene = self._scene("family", child, cast, claims, Activity.CONCERN, at)
        return self._with_door(scene) if self._dice.random() < 0.5 else scene  # noqa: PLR2004 - half

    def _sibling(self, child: Resident) -> Scene:
        at = self._when(child)
        siblings = [one for one in self._born(child, at) if _are_siblings(one, child)]
        if not siblings:
            return self._alone(child)
        sibling = self._dice.choice(siblings)
        claim = Claim(key_of(child.number), RelationKind.SIBLING, key_of(sibling.number))
        cast = [(child, Role.VICTIM), (sibling, Role.OTHER)]
        return self._scene("sibling", child, cast, [claim], Activity.CONCERN, at)

    def _exploited(self, child: Resident) -> Scene:
        adult = self._dice.choice(self._dice.choice(self.groups))
        if adult.household == child.household:
            return self._alone(child)
        claim = Claim(key_of(adult.number), RelationKind.EXPLOITS, key_of(child.number))
        cast = [(child, Role.VICTIM), (adult, Role.SUSPECT)]
        return self._scene("exploited", child, cast, [claim], Activity.CARRYING)

    def _friend(self, child: Resident) -> Scene:
        near = [
            one
            for one in self._dice.sample(self.children, min(40, len(self.children)))
            if abs(one.born - child.born) < 500 and one.household != child.household  # noqa: PLR2004 - days
        ]
        if not near:
            return self._alone(child)
        friend = self._dice.choice(near)
        claim = Claim(key_of(child.number), RelationKind.FRIEND, key_of(friend.number))
        at = self._when(max(child, friend, key=lambda one: one.born))
        cast = [(child, Role.OTHER), (friend, Role.OTHER)]
        return self._scene("friend", child, cast, [claim], Activity.MEETING, at)

    def _crimes(self, number: int, group: list[Resident]) -> Iterator[Scene]:
        """Everybody offends with the next, some with others; two use the line."""
        pairs = list(pairwise(group))
        pairs += [tuple(self._dice.sample(group, 2)) for _ in range(2)]  # type: ignore[misc] # two of them
        for one, other in pairs:
            if one.number == other.number:
                continue
            claim = Claim(key_of(one.number), RelationKind.CO_OFFENDER, key_of(other.number))
            cast = [(one, Role.SUSPECT), (other, Role.SUSPECT)]
            yield self._scene("crime", one, cast, [claim], Activity.SUPPLY)
        line = Thing(f"line {number}", NodeKind.PHONE, Identity(phone=phone(number % 1000)))
        claim = Claim(key_of(group[0].number), RelationKind.RUNS_LINE, line.key)
        scene = self._scene("crime", group[0], [(group[0], Role.SUSPECT)], [claim], Activity.SUPPLY)
        yield _with_things(scene, (line,), ())

    # --- parts of a scene

    def _scene(  # noqa: PLR0913, PLR0917 - a scene is what it is
        self,
        story: str,
        first: Resident,
        cast: Sequence[tuple[Resident, Role]],
        claims: Sequence[Claim],
        activity: Activity,
        at: datetime | None = None,
    ) -> Scene:
        is_crime = story in {"crime", "exploited"}
        theme = Theme.DRUGS if is_crime else Theme.CHILD_CRIMINAL_EXPLOITATION
        return Scene(
            story=story,
            at=at or self._when(first),
            cast=tuple(Part(one.number, role) for one, role in cast),
            claims=tuple(claims),
            fact=coded(theme, activity, FourP.PURSUE if is_crime else FourP.PROTECT),
            matter=Matter.CRIME if is_crime else Matter.WELFARE,
            where=self._where(first),
        )

    def _with_door(self, scene: Scene) -> Scene:
        door = home_of(self.address(self._city.residents[scene.cast[0].person].household))
        claims = tuple(Claim(part.key, RelationKind.LIVES_AT, door.key) for part in scene.cast)
        return _with_things(scene, (door,), claims)

    def _where(self, first: Resident) -> Address:
        if self._dice.random() < AT_HOME:
            return self.address(first.household)
        return self.address(self._dice.randrange(len(self._city.households)))

    def address(self, household: int) -> Address:
        """Return the front door of a household."""
        return address_of(self._city, household)

    def _when(self, child: Resident) -> datetime:
        """Return an instant at which the person was born and, if a child now, some days old."""
        today = self._city.as_of
        oldest = min(OLDEST_DAYS, today.toordinal() - child.born - 7)
        day = today - timedelta(days=self._dice.randint(NEWEST_DAYS, max(NEWEST_DAYS, oldest)))
        return datetime.combine(day, time(self._dice.randint(6, 22), 30, tzinfo=UTC))

    def _born(self, child: Resident, at: datetime) -> list[Resident]:
        day = at.date().toordinal()
        return [one for one in self._city.members(child.household) if one.born < day - 7]


def _with_things(scene: Scene, things: tuple[Thing, ...], claims: tuple[Claim, ...]) -> Scene:
    return Scene(
        story=scene.story,
        at=scene.at,
        cast=scene.cast,
        things=(*scene.things, *things),
        claims=(*scene.claims, *claims),
        fact=scene.fact,
        matter=scene.matter,
        where=scene.where,
    )


# --- who is what to whom --------------------------------------------------------------


_PARENTS: Final = frozenset({Standing.PARENT, Standing.STEP_PARENT, Standing.CARER})
_OFFSPRING: Final = frozenset({Standing.CHILD, Standing.LATER_CHILD})


def _raises(one: Resident) -> bool:
    return one.standing in {Standing.PARENT, Standing.STEP_PARENT}


def _is_parent(one: Resident, other: Resident) -> bool:
    if other.standing not in _OFFSPRING:
        return False
    return one.standing is Standing.PARENT or (
        one.standing is Standing.STEP_PARENT and other.standing is Standing.LATER_CHILD
    )


def _are_siblings(one: Resident, other: Resident) -> bool:
    """Children of one household are siblings here, in foster care too: so the reports say."""
    both = {one.standing, other.standing}
    return one.number != other.number and both <= _OFFSPRING


def _kin(child: Resident, one: Resident, members: Sequence[Resident]) -> Iterator[Claim]:
    """Yield how one member of the household stands to the child."""
    me, other = key_of(child.number), key_of(one.number)
    if _is_parent(one, child):
        yield Claim(other, RelationKind.PARENT, me)
    elif one.standing is Standing.CARER:
        is_kin = len(members) != 1 or one.born % 2
        kind = RelationKind.KINSHIP_CARER if is_kin else RelationKind.FOSTER_CARER
        yield Claim(other, kind, me)
    elif _are_siblings(one, child):
        yield Claim(me, RelationKind.SIBLING, other)


def address_of(city: City, household: int) -> Address:
    """Return the front door of a household, always the same."""
    one = city.households[household]
    letters = _LETTERS[household % 20] + _LETTERS[household // 20 % 20]
    street = _STREETS[household % len(_STREETS)]
    return Address(
        number=household,
        kind=AddressKind.HOSTEL if one.shape == "hostel" else AddressKind.HOME,
        line=f"{household + 1} {street} Road",
        postcode=f"{one.district} {one.sector}{letters}",
        uprn=uprn(household),
        ward=one.district,
        outcode=one.district,
    )


class _People:
    """Gives a full identity to whoever is reported about, and to nobody else."""

    def __init__(self, city: City, seed: int) -> None:
        self._city = city
        self._dice = Dice(seed, "intruder people")
        self._names = NameBook(Dice(seed, "intruder names"))
        self._number_of: dict[int, int] = {}
        self._family: dict[int, tuple[str, str]] = {}
        self.residents: list[int] = []
        self.persons: list[Person] = []
        self._serial = 0

    def scene(self, scene: Scene) -> Scene:
        """Return the scene with people by their number among those reported about."""
        number = {part.person: self.number(part.person) for part in scene.cast}
        keys = {key_of(old): key_of(new) for old, new in number.items()}
        return Scene(
            story=scene.story,
            at=scene.at,
            cast=tuple(Part(number[part.person], part.role) for part in scene.cast),
            things=scene.things,
            claims=tuple(
                Claim(
                    keys.get(one.subject, one.subject), one.kind, keys.get(one.object, one.object)
                )
                for one in scene.claims
            ),
            fact=scene.fact,
            matter=scene.matter,
            where=scene.where,
        )

    def number(self, resident: int) -> int:
        """Return the number of a resident among those reported about."""
        if resident not in self._number_of:
            self._number_of[resident] = len(self.persons)
            self.persons.append(self._person(self._city.residents[resident]))
            self.residents.append(resident)
        return self._number_of[resident]

    def _person(self, one: Resident) -> Person:
        origin, family = self._family_of(one.household)
        return Person(
            number=len(self.persons),
            household=one.household,
            sex=one.sex,
            born_on=self._city.as_of.fromordinal(one.born),
            given_name=self._names.given(origin, one.sex),
            middle_names=self._names.given(origin, one.sex) if self._dice.chance(0.4) else None,
            family_name=borne_by(family, origin, one.sex),
            nhs_number=self._next_nhs_number(),
            home=address_of(self._city, one.household),
        )

    def _family_of(self, household: int) -> tuple[str, str]:
        if household not in self._family:
            origin = self._names.origin()
            self._family[household] = (origin, self._names.family(origin))
        return self._family[household]

    def _next_nhs_number(self) -> str:
        while True:
            self._serial += 1
            if number := nhs_number(self._serial):
                return number
