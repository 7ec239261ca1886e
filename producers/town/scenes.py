"""What happens in the town: scenes with a cast, told later by whoever saw them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from producers.town.partners import Matter
from streams.parts import CodedFact
from streams.restricted import Identity
from streams.taxonomy import RelationKind
from streams.values import Activity, FourP, NodeKind, Role, Theme

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from producers.town.dice import Dice
    from producers.town.groups import Group
    from producers.town.organisations import School
    from producers.town.people import Census, Person, Tie
    from producers.town.places import Address

#: Scenes lie this many days before the day the town is seen on.
OLDEST_DAYS: Final = 180
NEWEST_DAYS: Final = 10


@dataclass(frozen=True, slots=True)
class Part:
    """One person's part in a scene."""

    person: int
    role: Role

    @property
    def key(self) -> str:
        """How claims of the same scene refer to the person."""
        return f"person {self.person}"


@dataclass(frozen=True, slots=True)
class Thing:
    """A place, object or body in a scene. `key` is the same for the same thing everywhere."""

    key: str
    kind: NodeKind
    identity: Identity = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """One tie that the scene shows, between keys of its parts and things."""

    subject: str
    kind: RelationKind
    object: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One happening. `story` says what it is there for; no report carries it."""

    story: str
    at: datetime
    cast: tuple[Part, ...]
    things: tuple[Thing, ...] = ()
    claims: tuple[Claim, ...] = ()
    fact: CodedFact
    matter: Matter
    where: Address = field(repr=False)
    immediate: bool = False


def coded(theme: Theme, activity: Activity, four_p: FourP = FourP.PURSUE) -> CodedFact:
    """Return a coded fact."""
    return CodedFact(theme=theme, activity=activity, four_p=four_p)


def key_of(person: int) -> str:
    """Return how claims refer to a person."""
    return Part(person, Role.OTHER).key


def home_of(address: Address) -> Thing:
    """Return an address as a thing."""
    identity = Identity(address=address.line, postcode=address.postcode, uprn=address.uprn)
    return Thing(f"address {address.number}", NodeKind.ADDRESS, identity)


def line_of(group: Group) -> Thing:
    """Return a group's deal line as a thing."""
    return Thing(f"line {group.number}", NodeKind.PHONE, Identity(phone=group.line_phone))


def name_of(group: Group) -> Thing:
    """Return the group itself, under the name it goes by."""
    identity = Identity(organisation_name=group.name)
    return Thing(f"group {group.number}", NodeKind.ORGANISATION, identity)


def school_of(school: School) -> Thing:
    """Return a school as a thing."""
    identity = Identity(organisation_name=school.name)
    return Thing(f"school {school.number}", NodeKind.ORGANISATION, identity)


def car_of(person: Person) -> Thing:
    """Return a person's vehicle as a thing."""
    identity = Identity(vehicle_mark=person.vehicle_mark)
    return Thing(f"vehicle {person.number}", NodeKind.VEHICLE, identity)


class Stage:
    """Sets scenes in time and place; the same dice set them alike."""

    def __init__(self, census: Census, as_of: date, dice: Dice) -> None:
        self._people = census.people
        self._raising: defaultdict[int, list[tuple[int, Tie]]] = defaultdict(list)
        for place, tie in enumerate(census.ties):
            if tie.kind in _RAISING:
                self._raising[tie.object].append((place, tie))
        self.as_of = as_of
        self._dice = dice

    def when(self, newest: int = NEWEST_DAYS, oldest: int = OLDEST_DAYS) -> datetime:
        """Return an instant some days before the day the town is seen on."""
        day = self.as_of - timedelta(days=self._dice.between(newest, oldest))
        hour = time(self._dice.between(6, 22), self._dice.between(0, 59), tzinfo=UTC)
        return datetime.combine(day, hour)

    # --- crime

    def together(self, left: int, right: int, activity: Activity = Activity.SUPPLY) -> Scene:
        """Two people offend together."""
        return self._crime(
            "co-offenders",
            (Part(left, Role.SUSPECT), Part(right, Role.SUSPECT)),
            Claim(key_of(left), RelationKind.CO_OFFENDER, key_of(right)),
            coded(Theme.ORGANISED_CRIME, activity),
        )

    def associates(self, left: int, right: int, activity: Activity) -> Scene:
        """Two people are seen together, with or without a criminal fact beside it."""
        return self._crime(
            "associates",
            (Part(left, Role.SUSPECT), Part(right, Role.SUSPECT)),
            Claim(key_of(left), RelationKind.ASSOCIATE, key_of(right)),
            coded(Theme.DRUGS, activity),
        )

    def deal_line(self, group: Group, runner: int, users: Sequence[int]) -> Scene:
        """Someone runs a line that others use."""
        line = line_of(group)
        claims = [Claim(key_of(runner), RelationKind.RUNS_LINE, line.key)]
        claims += [Claim(key_of(user), RelationKind.USES_LINE, line.key) for user in users]
        return Scene(
            story="deal line",
            at=self.when(),
            cast=tuple(self._suspect(person) for person in (runner, *users)),
            things=(line,),
            claims=tuple(claims),
            fact=coded(Theme.COUNTY_LINES, Activity.SUPPLY),
            matter=Matter.CRIME,
            where=group.cuckooed,
        )

    def membership(self, group: Group, member: int) -> Scene:
        """Someone is said to belong to a group by its name."""
        thing = name_of(group)
        return Scene(
            story="membership",
            at=self.when(),
            cast=(Part(member, Role.SUSPECT),),
            things=(thing,),
            claims=(Claim(key_of(member), RelationKind.MEMBER_OF, thing.key),),
            fact=coded(Theme.STREET_GANG, Activity.MEETING),
            matter=Matter.CRIME,
            where=self._people[member].home,
        )

    def exploitation(self, adult: int, child: int, *, immediate: bool = False) -> Scene:
        """A child carries for an adult: the child is the victim."""
        return Scene(
            story="exploitation",
            at=self.when(oldest=120),
            cast=(Part(adult, Role.SUSPECT), Part(child, Role.VICTIM)),
            claims=(Claim(key_of(adult), RelationKind.EXPLOITS, key_of(child)),),
            fact=coded(
                Theme.CHILD_CRIMINAL_EXPLOITATION,
                self._dice.pick((Activity.CARRYING, Activity.RECRUITMENT)),
                FourP.PROTECT,
            ),
            matter=Matter.VIOLENCE,
            where=self._people[child].home,
            immediate=immediate,
        )

    def cuckooing(self, group: Group, visitor: int) -> Scene:
        """A vulnerable person's home is taken over; who drives there is seen."""
        home = home_of(group.cuckooed)
        car = car_of(self._people[visitor])
        resident = group.cuckooed_resident
        return Scene(
            story="cuckooing",
            at=self.when(),
            cast=(Part(resident, Role.VICTIM), Part(visitor, Role.SUSPECT)),
            things=(home, car),
            claims=(
                Claim(key_of(resident), RelationKind.CUCKOOED_AT, home.key),
                Claim(key_of(visitor), RelationKind.USES, car.key),
            ),
            fact=coded(Theme.CUCKOOING, Activity.STORAGE, FourP.PROTECT),
            matter=Matter.VIOLENCE,
            where=group.cuckooed,
        )

    # --- families and friends

    def family(self, children: Sequence[int], story: str = "family") -> Scene:
        """Children are seen with those who raise them: parent and carer ties as they truly are."""
        raising = self._raising_of(children)
        adults = sorted({tie.subject for tie in raising})
        cast = [Part(child, Role.OTHER) for child in children]
        cast += [Part(adult, Role.CARER) for adult in adults]
        claims = [Claim(key_of(tie.subject), tie.kind, key_of(tie.object)) for tie in raising]
        return self._welfare(story, cast, claims, self._people[children[0]].home)

    def brothers_and_sisters(self, left: int, right: int) -> Scene:
        """Two siblings are named as such, with nobody who raises them."""
        cast = [Part(left, Role.OTHER), Part(right, Role.OTHER)]
        claims = [Claim(key_of(left), RelationKind.SIBLING, key_of(right))]
        return self._welfare("siblings", cast, claims, self._people[left].home)

    def friends(self, left: int, right: int) -> Scene:
        """Two children are named as friends."""
        cast = [Part(left, Role.OTHER), Part(right, Role.OTHER)]
        claims = [Claim(key_of(left), RelationKind.FRIEND, key_of(right))]
        return self._welfare("friends", cast, claims, self._people[left].home)

    def alone(self, person: int) -> Scene:
        """A worry about one person: where they live and, if they do, go to school."""
        who = self._people[person]
        things = [home_of(who.home)]
        claims = [Claim(key_of(person), RelationKind.LIVES_AT, things[0].key)]
        if who.school:
            things.append(school_of(who.school))
            claims.append(Claim(key_of(person), RelationKind.ATTENDS, things[1].key))
        return self._welfare("concern", [Part(person, Role.OTHER)], claims, who.home, things)

    def _raising_of(self, children: Sequence[int]) -> list[Tie]:
        """Return who raises them, in the order of the census."""
        found = (one for child in set(children) for one in self._raising[child])
        return [tie for _, tie in sorted(found, key=itemgetter(0))]

    # --- the two frames

    def _suspect(self, person: int) -> Part:
        """Children who work a line are its victims first."""
        is_child = self._people[person].is_child_on(self.as_of)
        return Part(person, Role.VICTIM if is_child else Role.SUSPECT)

    def _crime(self, story: str, cast: tuple[Part, ...], claim: Claim, fact: CodedFact) -> Scene:
        return Scene(
            story=story,
            at=self.when(),
            cast=cast,
            claims=(claim,),
            fact=fact,
            matter=Matter.CRIME,
            where=self._people[cast[0].person].home,
        )

    def _welfare(
        self,
        story: str,
        cast: Sequence[Part],
        claims: Sequence[Claim],
        where: Address,
        things: Sequence[Thing] = (),
    ) -> Scene:
        return Scene(
            story=story,
            at=self.when(),
            cast=tuple(cast),
            things=tuple(things),
            claims=tuple(claims),
            fact=coded(Theme.OTHER, self._dice.pick(_WORRIES), FourP.PREVENT),
            matter=Matter.WELFARE,
            where=where,
        )


_RAISING: Final = frozenset(
    {RelationKind.PARENT, RelationKind.KINSHIP_CARER, RelationKind.FOSTER_CARER}
)
_WORRIES: Final = (
    Activity.CONCERN,
    Activity.MISSING,
    Activity.INJURY,
    Activity.EXCLUSION,
    Activity.FIRE_RISK,
    Activity.UNEXPLAINED_GOODS,
)
