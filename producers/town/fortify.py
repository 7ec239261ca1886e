"""The town of the Fortify story: nineteen groups in five community areas, told by nine bodies.

Everybody is invented; the figures that must come out of it are those that the Fortify paper names.
Nobody makes a mistake here: what the story tries is what people decide on what was reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from producers.town import official
from producers.town.dice import Dice
from producers.town.groups import Group
from producers.town.names import NameBook
from producers.town.partners import (
    COUNCIL,
    FIRE,
    HOSPITAL,
    HOUSING,
    NORTH_SCHOOLS,
    POLICE,
    PROBATION,
    VOLUNTARY,
    YOUTH_JUSTICE,
    Matter,
)
from producers.town.people import Census, Families, number_people
from producers.town.places import WARDS, AddressKind, Streets
from producers.town.reports import Writers
from producers.town.scenes import (
    Claim,
    Part,
    Scene,
    Stage,
    Thing,
    car_of,
    coded,
    home_of,
    key_of,
)
from producers.town.town import Town
from streams.taxonomy import RelationKind
from streams.values import Activity, Role, Theme

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from producers.town.partners import Body
    from producers.town.people import Household
    from producers.town.places import Address
    from producers.town.reports import Submission

NINE_BODIES: Final[tuple[Body, ...]] = (
    COUNCIL,
    HOSPITAL,
    NORTH_SCHOOLS,
    HOUSING,
    YOUTH_JUSTICE,
    PROBATION,
    FIRE,
    VOLUNTARY,
    POLICE,
)
#: A community area and the postcode districts that lie in it.
COMMUNITY_AREAS: Final[Mapping[str, tuple[str, ...]]] = {
    "DON": ("S3", "S9"),
    "LOXLEY": ("S5", "S6"),
    "PORTER": ("S7", "S11"),
    "SHEAF": ("S2", "S8"),
    "SHIREBROOK": ("S12", "S13"),
}
GROUPS: Final = 19
CORE: Final = 3
PERIPHERY: Final = 4
#: In so many groups somebody of the core shares a home with children.
FAMILY_HOMES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fortified:
    """What the paper says came out, and so what must come out of the story.

    Source: MISSION.md, the Fortify table. `score_down_percent` is a bound, not a value.
    """

    mapped_before: int = GROUPS
    mapped_after: int = 12
    score_down_percent: float = 60.0
    guns: int = 16
    sentences: int = 85
    areas: int = len(COMMUNITY_AREAS)
    partner_bodies: int = len(NINE_BODIES)


def area_of(districts: Mapping[str, int]) -> str | None:
    """Return the community area that most of these reports come from; None if none does."""
    counts = {
        area: sum(districts.get(one, 0) for one in inside)
        for area, inside in COMMUNITY_AREAS.items()
    }
    best = max(counts, key=lambda area: counts[area])
    return best if counts[best] else None


class AreaStreets(Streets):
    """Streets of one community area at a time."""

    def __init__(self, dice: Dice) -> None:
        super().__init__(dice)
        self.districts: Sequence[str] = ()

    def new(self, kind: AddressKind = AddressKind.HOME) -> Address:
        """Build one more front door in the area."""
        outcode = self._dice.pick(self.districts)
        ward = next(name for name, inside in WARDS.items() if outcode in inside)
        made = super().new(kind)
        moved = replace(made, ward=ward, outcode=outcode, postcode=self._postcode(outcode))
        self.addresses[-1] = moved
        return moved


def fortify_town(seed: int, as_of: date) -> Town:
    """Build the town as it is seen on the day the groups are mapped; its reports lie before it."""
    census, streets = Census(), AreaStreets(Dice(seed, "fortify streets"))
    families = Families(census, as_of, NameBook(Dice(seed, "fortify names")), streets)
    homes: list[_Homes] = []
    for number in range(GROUPS):
        streets.districts = tuple(COMMUNITY_AREAS.values())[number % len(COMMUNITY_AREAS)]
        homes.append(_settle(number, families, Dice(seed, f"fortify homes {number}")))
    number_people(census, as_of, Dice(seed, "fortify numbers"))
    groups = tuple(_form(number, one, census) for number, one in enumerate(homes))
    writers = Writers(seed, census.people, Dice(seed, "fortify writers"), strength=0.0)
    stage = Stage(census, as_of, Dice(seed, "fortify stage"))
    told = [
        writers.tell(scene, body)
        for group, one in zip(groups, homes, strict=True)
        for scene, body in _Telling(census, stage, group, one).scenes()
    ]
    return Town(
        seed=seed,
        as_of=as_of,
        people=tuple(census.people),
        households=tuple(census.households),
        ties=tuple(census.ties),
        groups=groups,
        bodies=NINE_BODIES,
        submissions=tuple(sorted(told, key=_when_written)),
    )


def _when_written(step: Submission) -> tuple[object, str]:
    return step.report.reported_at, str(step.report.report_id)


# --- who lives where --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Homes:
    """The households behind one group: its adults live apart, its children with their kin.

    `shared` is the home that the first of the core shares with children, in some groups.
    """

    adults: tuple[int, ...]
    kin: Household
    shared: Household | None = field(default=None)


def _settle(number: int, families: Families, dice: Dice) -> _Homes:
    apart = [families.settle("alone", dice) for _ in range(CORE + PERIPHERY)]
    adults = [household.members[0] for household in apart]
    shared = families.settle("two children", dice) if number < FAMILY_HOMES else None
    if shared is not None:
        adults[0] = shared.members[0]
    return _Homes(adults=tuple(adults), kin=families.settle("two children", dice), shared=shared)


def _form(number: int, homes: _Homes, census: Census) -> Group:
    """Let a group come together; its adults are known to police, its first member has a car."""
    for place, member in enumerate(homes.adults):
        serial = 8_000_001 + number * (CORE + PERIPHERY) + place
        census.change(member, pnc_id=official.pnc_id(2019, serial))
    first = homes.adults[0]
    letters = "".join("BCDFGHJKLM"[int(digit)] for digit in f"{number:05}")
    census.change(first, vehicle_mark=official.vehicle_mark(first, letters))
    return Group(
        number=number,
        name=f"Group {number + 1}",
        core=homes.adults[:CORE],
        periphery=homes.adults[CORE:],
        exploited=homes.kin.members[1:2],
        line_phone=official.phone(number),
        cuckooed=census.people[homes.adults[-1]].home,
        cuckooed_resident=homes.adults[-1],
        ties=(),
    )


# --- who tells what ---------------------------------------------------------------------------


class _Telling:
    """What happens around one group, and which body writes of it."""

    def __init__(self, census: Census, stage: Stage, group: Group, homes: _Homes) -> None:
        self._people = census.people
        self._stage = stage
        self._group = group
        self._homes = homes

    def scenes(self) -> Iterator[tuple[Scene, Body]]:
        """Yield every scene and its teller; together they tie all seven adults to each other."""
        stage, group = self._stage, self._group
        core, edge = group.core, group.periphery
        child, sibling = self._homes.kin.members[1:3]
        yield stage.deal_line(group, core[0], (core[1], edge[0], edge[1])), POLICE
        yield stage.together(core[0], core[1], Activity.THREAT), PROBATION
        yield stage.together(core[1], core[2]), COUNCIL
        yield stage.together(core[2], edge[2]), YOUTH_JUSTICE
        yield stage.together(core[0], edge[3], Activity.WEAPON_SEEN), VOLUNTARY
        yield self._at_home(core[0], Activity.STORAGE), HOUSING
        yield self._at_home(edge[0], Activity.FIRE_RISK), FIRE
        yield self._driving(core[0]), POLICE
        yield stage.exploitation(core[1], child), NORTH_SCHOOLS
        yield stage.exploitation(core[1], child), POLICE
        yield stage.family((child, sibling)), HOSPITAL

    def _at_home(self, adult: int, activity: Activity) -> Scene:
        """Somebody of the group keeps something at home; children who live there are named."""
        home = home_of(self._people[adult].home)
        shared = self._homes.shared
        children = shared.members[1:] if shared and adult in shared.members else ()
        cast = (Part(adult, Role.SUSPECT), *(Part(child, Role.OTHER) for child in children))
        lives = (Claim(part.key, RelationKind.LIVES_AT, home.key) for part in cast)
        return self._crime("at home", cast, (home,), tuple(lives), activity)

    def _driving(self, adult: int) -> Scene:
        car = car_of(self._people[adult])
        claim = Claim(key_of(adult), RelationKind.USES, car.key)
        cast = (Part(adult, Role.SUSPECT),)
        return self._crime("driving", cast, (car,), (claim,), Activity.CARRYING)

    def _crime(
        self,
        story: str,
        cast: tuple[Part, ...],
        things: tuple[Thing, ...],
        claims: tuple[Claim, ...],
        activity: Activity,
    ) -> Scene:
        return Scene(
            story=story,
            at=self._stage.when(),
            cast=cast,
            things=things,
            claims=claims,
            fact=coded(Theme.DRUGS, activity),
            matter=Matter.CRIME,
            where=self._people[cast[0].person].home,
        )
