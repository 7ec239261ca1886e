"""Who tells what, and what goes wrong on the way: the whole run of submissions of a town."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from producers.town.partners import (
    COUNCIL,
    FIRE,
    HOSPITAL,
    HOUSING,
    LAPSED,
    NORTH_SCHOOLS,
    POLICE,
    PROBATION,
    SCHOOL_NURSING,
    SOUTH_SCHOOLS,
    VOLUNTARY,
    YOUTH_JUSTICE,
    Channel,
)
from producers.town.reports import (
    ORDINARY,
    Terms,
    clashing,
    mistyped,
    repeated,
    unconditional,
    withdrawn,
)
from streams.parts import Handling
from streams.taxonomy import RelationKind
from streams.values import (
    Activity,
    Audience,
    ConditionCode,
    DataCategory,
    Gateway,
    HandlingCode,
    Purpose,
    WithdrawalReason,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from producers.town.dice import Dice
    from producers.town.groups import Casting, Group
    from producers.town.partners import Body
    from producers.town.people import Census, Household
    from producers.town.reports import Submission, Writers
    from producers.town.scenes import Scene, Stage

WATCH_CRIME: Final = (POLICE, PROBATION, HOUSING, COUNCIL, VOLUNTARY)
WATCH_CHILDREN: Final = (YOUTH_JUSTICE, COUNCIL, HOSPITAL, NORTH_SCHOOLS, SOUTH_SCHOOLS)
_WATCH_FAMILIES: Final = (COUNCIL, SCHOOL_NURSING, NORTH_SCHOOLS, SOUTH_SCHOOLS)
_WATCH_EVERYBODY: Final = (*_WATCH_FAMILIES, FIRE, HOUSING, VOLUNTARY, HOSPITAL)

#: The Serious Violence Duty does not reach patient information (PCSC Act 2022 s16).
UNLAWFUL: Final = Channel(
    service="emergency-department",
    data_category=DataCategory.PATIENT,
    gateway=Gateway.PCSC_2022_PART2,
    purpose=Purpose.PREVENT_SERIOUS_VIOLENCE,
)
ASK_FIRST: Final = Handling(
    code=HandlingCode.C,
    recipients=(Audience.POLICE, Audience.SAFEGUARDING),
    conditions=(ConditionCode.S2,),
)
HUB_ONLY: Final = Handling(
    code=HandlingCode.C,
    recipients=(Audience.SAFEGUARDING,),
    conditions=(ConditionCode.A3,),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """People with small parts. `pair` offend as two, `bystander` never, `misnamed` is blamed."""

    pair: tuple[int, int]
    pair_child: int
    bystander: int
    misnamed: tuple[int, ...]
    friends: dict[int, int]


class Story:
    """Writes the submissions of one town, in the order they are sent."""

    def __init__(
        self,
        census: Census,
        groups: Sequence[Group],
        stage: Stage,
        writers: Writers,
        dice: Dice,
    ) -> None:
        self._census = census
        self._groups = groups
        self._stage = stage
        self._writers = writers
        self._dice = dice
        self._sent: list[Submission] = []
        self._origins = 0
        self._raised: defaultdict[int, set[int]] = defaultdict(set)
        for tie in census.ties:
            self._raised[census.people[tie.object].household].add(tie.object)

    def _cast(self, casting: Casting) -> Extras:
        """Choose the small parts."""
        pair = (casting.adult(20), casting.adult(20))
        for member in pair:
            casting.known_to_police(member)
        exploited = [child for group in self._groups for child in group.exploited]
        befriended = self._dice.some(exploited, len(exploited) // 2 + 1)
        return Extras(
            pair=pair,
            pair_child=casting.child(with_siblings=True),
            bystander=casting.adult(20),
            misnamed=(casting.adult(20), casting.adult(20)),
            friends={child: casting.friend_of(child) for child in befriended},
        )

    def tell(self, casting: Casting) -> tuple[Submission, ...]:
        """Write everything; a town without groups has ordinary life alone."""
        for group in self._groups:
            self._group(group)
        if self._groups:
            extras = self._cast(casting)
            self._families_of_exploited(extras)
            self._decoys(extras)
            self._faults(extras)
        self._ordinary_life()
        return self._in_time()

    # --- the groups

    def _group(self, group: Group) -> None:
        stage, dice = self._stage, self._dice
        for tie in group.ties:
            if tie.kind is RelationKind.CO_OFFENDER:
                self._several(stage.together(tie.subject, tie.object), WATCH_CRIME)
            elif tie.kind is RelationKind.ASSOCIATE:
                scene = stage.associates(tie.subject, tie.object, Activity.MONEY_MOVED)
                self._several(scene, WATCH_CRIME)
            else:
                self._several(stage.exploitation(tie.subject, tie.object), WATCH_CHILDREN)
        runner, users = group.core[0], (*group.periphery[:2], group.exploited[2])
        self._several(stage.deal_line(group, runner, users), (POLICE, YOUTH_JUSTICE))
        for member in (*group.core, *group.periphery[:1]):
            self._one(stage.membership(group, member), POLICE)
        self._several(stage.cuckooing(group, dice.pick(group.core[:1])), (HOUSING, FIRE, COUNCIL))

    def _families_of_exploited(self, extras: Extras) -> None:
        for group in self._groups:
            for member in (*group.exploited, *group.periphery):
                self._family_of(member)
        for child, friend in extras.friends.items():
            self._several(self._stage.friends(child, friend), _WATCH_FAMILIES, most=1)

    def _family_of(self, member: int) -> None:
        children = self._raised_in(self._census.people[member].household)
        if len(children) > 1:
            self._several(self._stage.family(children), _WATCH_FAMILIES)

    def _raised_in(self, household: int) -> list[int]:
        """Return who has a parent, carer or sibling in the household, in order."""
        return sorted(self._raised.get(household, ()))

    # --- what must change nothing

    def _decoys(self, extras: Extras) -> None:
        stage, core = self._stage, self._groups[0].core
        left, right = extras.pair
        self._several(stage.together(left, right, Activity.THREAT), (POLICE, PROBATION))
        self._one(stage.exploitation(left, extras.pair_child), COUNCIL)
        self._family_of(extras.pair_child)
        self._one(stage.associates(extras.bystander, core[0], Activity.MEETING), VOLUNTARY)
        self._one(stage.together(extras.bystander, core[0]), POLICE, Terms(doubted=True))
        named = self._one(stage.together(extras.bystander, core[1]), HOUSING)
        self._sent.append(withdrawn(named, WithdrawalReason.WRONG_PERSON))

    # --- what goes wrong

    def _faults(self, extras: Extras) -> None:
        stage, core, periphery = self._stage, self._groups[0].core, self._groups[0].periphery
        first, second = extras.misnamed
        wrong = self._one(stage.together(first, core[0]), PROBATION)
        right = stage.together(periphery[0], core[0])
        self._sent.append(self._writers.correct(wrong, right, PROBATION))
        *again, changed = self._first_of_each()[:4]
        self._sent += [repeated(sent) for sent in again]
        self._sent.append(clashing(changed))
        self._mistype(2)
        bridge = (core[0], self._groups[-1].core[-1])  # would join two groups, if there are two
        self._one(stage.together(second, core[0]), HOSPITAL, Terms(channel=UNLAWFUL))
        asked = self._one(stage.together(*bridge), VOLUNTARY, Terms(handling=ASK_FIRST))
        self._sent.insert(-1, unconditional(asked))
        self._one(stage.together(*bridge), COUNCIL, Terms(conflict=True))
        self._one(stage.together(*bridge), LAPSED)
        child = self._groups[0].exploited[0]
        for body in (HOSPITAL, LAPSED):
            self._one(stage.exploitation(core[0], child, immediate=True), body)
        self._one(stage.exploitation(core[1], child), YOUTH_JUSTICE, Terms(handling=HUB_ONLY))
        self._one(stage.alone(child), COUNCIL, Terms(protected=True))

    def _first_of_each(self) -> list[Submission]:
        first: dict[str, Submission] = {}
        for sent in self._sent:
            first.setdefault(sent.partner, sent)
        return list(first.values())

    def _mistype(self, count: int) -> None:
        """Let the first partners that quote a checked number mistype it once before."""
        typed: dict[str, tuple[Submission, Submission]] = {}
        for sent in self._sent:
            wrong = mistyped(sent)
            if wrong and len(typed) < count:
                typed.setdefault(sent.partner, (wrong, sent))
        for wrong, sent in typed.values():
            self._sent.insert(self._sent.index(sent), wrong)

    # --- everybody else

    def _ordinary_life(self) -> None:
        """Households without any part are written about too: one in two, with kin and friends."""
        for household in self._dice.some(
            self._census.households, len(self._census.households) // 2
        ):
            self._of_household(household)

    def _of_household(self, household: Household) -> None:
        children = self._raised_in(household.number)
        if len(children) > 1:
            scene = self._stage.family(children)
        elif children:
            scene = self._stage.alone(children[0])
        else:
            scene = self._stage.alone(self._dice.pick(household.members))
        self._several(scene, _WATCH_EVERYBODY, most=2, is_known=False)

    # --- writing

    def _one(self, scene: Scene, body: Body, terms: Terms = ORDINARY) -> Submission:
        told = self._writers.tell(scene, body, terms)
        self._sent.append(told)
        return told

    def _several(
        self,
        scene: Scene,
        bodies: Sequence[Body],
        most: int = 3,
        *,
        is_known: bool = True,
        terms: Terms = ORDINARY,
    ) -> None:
        """Let one to `most` bodies tell the same scene; half the time they quote one origin.

        When `is_known`, the first one looks the people up and makes no mistake about them, so
        that what must be found can be found.
        """
        tellers = self._dice.some(bodies, self._dice.between(1, most))
        self._origins += 1
        shared = len(tellers) > 1 and self._dice.chance(0.5)
        origin = f"SM-2026-{self._origins:04d}" if shared else None
        for place, body in enumerate(tellers):
            is_careful = is_known and place == 0
            self._one(scene, body, replace(terms, origin=origin, careful=is_careful))

    def _in_time(self) -> tuple[Submission, ...]:
        """Sort by when each report was written; steps on the same report keep their order."""
        order = {id(step): place for place, step in enumerate(self._sent)}
        first: dict[tuple[str, UUID], datetime] = {}
        for step in self._sent:
            first.setdefault((step.partner, step.report.report_id), step.report.reported_at)
        return tuple(
            sorted(
                self._sent,
                key=lambda step: (first[step.partner, step.report.report_id], order[id(step)]),
            )
        )
