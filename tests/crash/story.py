"""What partners send in a crash run: a pure function of a seed, with what must become of it.

Cases of ten steps. Eight tell of six invented people: three adults who offend together, a child
whom they use, the child's brother, their mother; so each case raises two alerts. The last two
steps correct, withdraw, repeat, spoil or hold something. Every person has a number that no other
has, so that it is known who must be one person on the other side and who must not.

Every step of a partner has the next number of that partner. A report's id is made of the seed,
the partner and that number, and travels sealed and unsealed through every stage: whoever has the
keys of an audience can name the step from what that audience was shown.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from producers.town.official import nhs_number, uprn, vehicle_mark
from producers.town.partners import COUNCIL, HOUSING, YOUTH_JUSTICE, Matter
from streams.parts import CodedFact, Grading, Handling, SourceFacts
from streams.restricted import Identity, Node, PersonFacts, Place, Relation, Report
from streams.taxonomy import RelationKind
from streams.values import (
    Activity,
    Audience,
    ConditionCode,
    FourP,
    HandlingCode,
    NodeKind,
    Role,
    Sex,
    Theme,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from producers.town.partners import Body
    from streams.shared import PartnerOnboarded

COUNCIL_ID = "crash-council"
BODIES: tuple[Body, ...] = tuple(
    replace(body, partner=name, narrative_permitted=False)
    for name, body in (
        ("crash-homes", HOUSING),
        ("crash-estates", HOUSING),
        (COUNCIL_ID, COUNCIL),
        ("crash-youth", YOUTH_JUSTICE),
    )
)
PARTNERS = tuple(body.partner for body in BODIES)
STEPS_PER_CASE = 10
PEOPLE_PER_CASE = 6
#: In every name, address, reference and narrative of a run; nowhere outside the enclave.
CANARY = "Zyxquil"
NO_PERSON = -1
URGENT_EVERY = 50
_MARK_LETTERS = "ABCDEFGHJKLMNPRSTUVWXY"
_SOUNDS = tuple(
    f"{consonant}{vowel}" for consonant in "bdfgklmnprstvwz" for vowel in ("a", "e", "i", "o", "oo")
)
_DRUGS = CodedFact(theme=Theme.DRUGS, activity=Activity.SUPPLY, four_p=FourP.PURSUE)
_CARRYING = CodedFact(theme=Theme.DRUGS, activity=Activity.CARRYING, four_p=FourP.PURSUE)
_CONCERN = CodedFact(theme=Theme.OTHER, activity=Activity.CONCERN, four_p=FourP.PROTECT)
#: Of these facts a correction takes the next one, so that each revision is told apart outside.
_CORRECTED = (_DRUGS, _CARRYING, _CONCERN)
CHILD, BROTHER, MOTHER = 3, 4, 5


class Action(StrEnum):
    """What a partner does."""

    SUBMIT = "SUBMIT"
    WITHDRAW = "WITHDRAW"
    APPROVE = "APPROVE"


class Flaw(StrEnum):
    """What is wrong with a report, so that it must not go on."""

    NONE = "NONE"
    SPOILT = "SPOILT"  # a byte of the sealed part is another: quarantined
    UNKNOWN_SERVICE = "UNKNOWN_SERVICE"  # refused
    NEEDS_APPROVAL = "NEEDS_APPROVAL"  # held until its originator approves


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that one partner does. `sequence` is dense within the partner, `number` over all.

    `people` has for each node of the report the number of the person, -1 for a thing.
    """

    number: int
    partner: str
    sequence: int
    action: Action
    report_id: UUID
    revision: int | None
    flaw: Flaw = Flaw.NONE
    people: tuple[int, ...] = ()
    audiences: tuple[Audience, ...] = ()
    report: Report | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Telling:
    """One report of a case: places of the people in it, their ties, what it is about."""

    people: tuple[int, ...]
    ties: tuple[tuple[int, RelationKind, int], ...] = ()
    fact: CodedFact = _CONCERN
    matter: Matter = Matter.CRIME
    has_address: bool = False
    has_vehicle: bool = False


_CO = RelationKind.CO_OFFENDER
TELLINGS = (
    Telling(
        (0, 1, 2, CHILD), ((0, _CO, 1), (1, _CO, 2), (0, RelationKind.EXPLOITS, CHILD)), _DRUGS
    ),
    Telling((0, 1), ((0, _CO, 1),), _DRUGS, has_vehicle=True),
    Telling(
        (CHILD, BROTHER, MOTHER),
        ((CHILD, RelationKind.SIBLING, BROTHER), (MOTHER, RelationKind.PARENT, CHILD)),
        matter=Matter.WELFARE,
    ),
    Telling((BROTHER, MOTHER), ((MOTHER, RelationKind.PARENT, BROTHER),), has_address=True),
    Telling((1,), fact=_DRUGS, has_vehicle=True),
    Telling((CHILD,), matter=Matter.WELFARE),
    Telling((MOTHER,), has_address=True),
    Telling((0, 2), ((0, RelationKind.ASSOCIATE, 2),), _DRUGS),
)
ALONE = Telling((2,), fact=_DRUGS)
#: The reports that alerts rest on: the ring with the child, and who is the child's brother.
RING, FAMILY = 0, 2


def person_of(case: int, place: int) -> int:
    """Return the number of a person in the whole run."""
    return case * PEOPLE_PER_CASE + place


def entries(at: datetime) -> tuple[PartnerOnboarded, ...]:
    """Return the registry entries of all partners."""
    return tuple(body.entry(at, at + timedelta(days=365), "crash rig") for body in BODIES)


def report_id_of(seed: int, partner: str, sequence: int) -> UUID:
    """Return the id that a partner gives to the report it begins with this step."""
    place = PARTNERS.index(partner)
    return UUID(bytes=struct.pack(">4sIII", b"rvln", seed & 0xFFFF_FFFF, place, sequence))


class Story:
    """Every step of one run. `base` is when it began; reports tell of the days before."""

    def __init__(self, seed: int, steps: int, base: datetime) -> None:
        self.seed = seed
        self.base = base
        self._next = dict.fromkeys(PARTNERS, 0)
        self.steps: list[Step] = []
        cases = -(-steps // STEPS_PER_CASE)
        for case in range(cases):
            for step in self._case(case):
                if len(self.steps) < steps:
                    self.steps.append(step)

    def _case(self, case: int) -> Iterator[Step]:
        told = []
        for place, telling in enumerate(TELLINGS):
            partner = PARTNERS[(case + place) % len(PARTNERS)]
            told.append(self._report(case, telling, partner))
            yield told[-1]
        yield from self._afterwards(case, told)

    def _afterwards(self, case: int, told: list[Step]) -> Iterator[Step]:
        last = PARTNERS[case % len(PARTNERS)]
        match case % 6:
            case 0:
                corrected = self._corrected(told[4])
                yield corrected
                yield self._corrected(corrected)
            case 1:
                yield self._withdrawn(told[5])
                yield self._again(told[5])
            case 2:
                yield self._again(told[6])
                yield self._corrected(told[1])
            case 3:
                yield self._report(case, ALONE, last, Flaw.UNKNOWN_SERVICE)
                yield self._report(case, ALONE, last, Flaw.SPOILT)
            case 4:
                held = self._report(case, ALONE, last, Flaw.NEEDS_APPROVAL)
                yield held
                yield self._approved(held)
            case _:
                held = self._report(case, ALONE, last, Flaw.NEEDS_APPROVAL)
                yield held
                yield self._withdrawn(told[7]) if case % 12 == 5 else self._withdrawn(held)

    # --- steps ----------------------------------------------------------------

    def _report(self, case: int, telling: Telling, partner: str, flaw: Flaw = Flaw.NONE) -> Step:
        number, sequence = self._numbers(partner)
        report_id = report_id_of(self.seed, partner, sequence)
        report = self._written(case, telling, partner, report_id, flaw)
        urgent = number % URGENT_EVERY == URGENT_EVERY // 2 and flaw is Flaw.NONE
        things = telling.has_address + telling.has_vehicle
        return Step(
            number=number,
            partner=partner,
            sequence=sequence,
            action=Action.SUBMIT,
            report_id=report_id,
            revision=1,
            flaw=flaw,
            people=(
                *(person_of(case, place) for place in telling.people),
                *(NO_PERSON,) * things,
            ),
            audiences=_audiences(partner, telling.matter),
            report=replace(report, immediate_risk=urgent),
        )

    def _corrected(self, earlier: Step) -> Step:
        number, sequence = self._numbers(earlier.partner)
        before = earlier.report
        assert before is not None
        fact = _CORRECTED[(_CORRECTED.index(before.facts[0]) + 1) % len(_CORRECTED)]
        report = replace(
            before, revision=before.revision + 1, supersedes=before.revision, facts=(fact,)
        )
        return replace(
            earlier, number=number, sequence=sequence, revision=report.revision, report=report
        )

    def _again(self, earlier: Step) -> Step:
        number, sequence = self._numbers(earlier.partner)
        return replace(earlier, number=number, sequence=sequence)

    def _withdrawn(self, earlier: Step) -> Step:
        return self._about(earlier, Action.WITHDRAW, None)

    def _approved(self, earlier: Step) -> Step:
        return self._about(earlier, Action.APPROVE, earlier.revision)

    def _about(self, earlier: Step, action: Action, revision: int | None) -> Step:
        number, sequence = self._numbers(earlier.partner)
        return Step(
            number=number,
            partner=earlier.partner,
            sequence=sequence,
            action=action,
            report_id=earlier.report_id,
            revision=revision,
        )

    def _numbers(self, partner: str) -> tuple[int, int]:
        sequence = self._next[partner]
        self._next[partner] += 1
        return sum(self._next.values()) - 1, sequence

    # --- reports --------------------------------------------------------------

    def _written(
        self, case: int, telling: Telling, partner: str, report_id: UUID, flaw: Flaw
    ) -> Report:
        body = BODIES[PARTNERS.index(partner)]
        channel = body.channels[telling.matter]
        held = Handling(
            code=HandlingCode.C, recipients=tuple(Audience), conditions=(ConditionCode.S2,)
        )
        return Report(
            report_id=report_id,
            partner=partner,
            service="no-such" if flaw is Flaw.UNKNOWN_SERVICE else channel.service,
            data_category=channel.data_category,
            gateway=channel.gateway,
            purpose=channel.purpose,
            event_at=self.base - timedelta(days=1 + case % 9),
            reported_at=self.base,
            place=Place(postcode="S5 7AA", description=f"by {CANARY} Row"),
            nodes=_nodes(case, telling),
            relations=_relations(telling),
            facts=(telling.fact,),
            source=SourceFacts(),
            grading=Grading(),
            handling=held if flaw is Flaw.NEEDS_APPROVAL else Handling(code=HandlingCode.P),
            narrative=f"Seen with {letters(case)}{CANARY}.",
        )


def _audiences(partner: str, matter: Matter) -> tuple[Audience, ...]:
    """The law opens no gateway from a council's social care to police for a child's welfare."""
    if matter is Matter.WELFARE and partner == COUNCIL_ID:
        return (Audience.SAFEGUARDING,)
    return tuple(Audience)


def letters(number: int) -> str:
    """Write a number with letters so that no two numbers sound alike: it may stand in a name."""
    mixed = (number + 1) * 2_654_435_761 % 2**32
    heads, tails = divmod(mixed, len(_SOUNDS) ** 3)
    parts = [_SOUNDS[tails // len(_SOUNDS) ** power % len(_SOUNDS)] for power in range(3)]
    return "".join((_SOUNDS[heads % len(_SOUNDS)], *parts))


def _nodes(case: int, telling: Telling) -> tuple[Node, ...]:
    nodes = [_person(case, place) for place in telling.people]
    if telling.has_address:
        address = Identity(address=f"{case} {CANARY} Row", postcode="S5 7AA", uprn=uprn(case))
        nodes.append(Node(label="home", kind=NodeKind.ADDRESS, identity=address))
    if telling.has_vehicle:
        vehicle = Identity(vehicle_mark=vehicle_mark(case, _mark(case)))
        nodes.append(Node(label="car", kind=NodeKind.VEHICLE, identity=vehicle))
    return tuple(nodes)


def _relations(telling: Telling) -> tuple[Relation, ...]:
    ties = [
        Relation(subject=f"p{one}", kind=kind, object=f"p{other}")
        for one, kind, other in telling.ties
    ]
    first = f"p{telling.people[0]}"
    if telling.has_address:
        ties.append(Relation(subject=first, kind=RelationKind.LIVES_AT, object="home"))
    if telling.has_vehicle:
        ties.append(Relation(subject=first, kind=RelationKind.USES, object="car"))
    return tuple(ties)


def _person(case: int, place: int) -> Node:
    number = person_of(case, place)
    identity = Identity(
        given_name=letters(number + 1_000_000).capitalize(),
        family_name=f"{letters(number)}{CANARY}".capitalize(),
        born_on=_born_on(number, is_child=place in {CHILD, BROTHER}),
        nhs_number=_nhs_number(number),
    )
    role = {CHILD: Role.VICTIM, BROTHER: Role.OTHER, MOTHER: Role.CARER}.get(place, Role.SUSPECT)
    sex = (Sex.FEMALE, Sex.MALE)[number % 2]
    return Node(
        label=f"p{place}",
        kind=NodeKind.PERSON,
        identity=identity,
        reference=f"{CANARY}-{number}",
        person=PersonFacts(sex=sex, role=role),
    )


def _nhs_number(number: int) -> str:
    """One serial in eleven has no check digit, and the next one serves; two in a row never lack."""
    serial = number * 2 % 1_000_000
    found = nhs_number(serial) or nhs_number(serial + 1)
    assert found is not None
    return found


def _mark(number: int) -> str:
    base = len(_MARK_LETTERS)
    return "".join(_MARK_LETTERS[number // base**power % base] for power in range(5))


def _born_on(number: int, *, is_child: bool) -> date:
    if is_child:
        return date(2011, 1, 1) + timedelta(days=number * 31 % 700)
    return date(1970, 1, 1) + timedelta(days=number * 31 % 11_000)
