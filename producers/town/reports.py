"""How the bodies of the town write about its scenes: reports, with everything that goes wrong."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from producers.town.errors import Misremembered, misremember, misremember_always, right
from producers.town.official import with_wrong_check
from producers.town.people import age, is_child
from streams.parts import Grading, Handling, SourceFacts
from streams.restricted import Identity, Node, PersonFacts, Place, Relation, Report
from streams.values import (
    Audience,
    GradingScheme,
    HandlingCode,
    NodeKind,
    PartnerType,
    SourceAccess,
    WithdrawalReason,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from producers.town.dice import Dice
    from producers.town.errors import Mistake
    from producers.town.partners import Body, Channel
    from producers.town.people import Person
    from producers.town.scenes import Part, Scene

#: The name space of the town's report ids.
TOWN: Final = UUID("6f1a6f0e-4c1b-5d0c-9a52-5e1d7a0b3c44")
_DAYS_TO_WRITE: Final = 6
_CHECKED: Final = ("nhs_number", "upn")


class Step(StrEnum):
    """What a partner does with its report."""

    REPORT = "REPORT"
    CORRECTION = "CORRECTION"
    REPEAT = "REPEAT"  # the same id, revision and content again
    CLASH = "CLASH"  # other content under a revision already used
    STOPPED = "STOPPED"  # a fault that the partner's own door finds; never sent
    WITHDRAWAL = "WITHDRAWAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One step of one partner, with what only the town knows beside it.

    `who` maps labels to people; `what` labels to things. Neither is ever sent.
    """

    partner: str
    step: Step
    story: str
    report: Report = field(repr=False)
    reason: WithdrawalReason | None = None
    who: tuple[tuple[str, int], ...] = ()
    what: tuple[tuple[str, str], ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it is a report or correction that gets sent, and so one outcome."""
        return self.step not in {Step.WITHDRAWAL, Step.STOPPED}


P: Final = Handling(code=HandlingCode.P)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under what a report is shared: `channel` None is the body's own for the matter.

    `protected` and `conflict` mark the first of the cast; who is `careful` makes no mistake;
    police who have `doubted` it grade it as suspected false; `ageless` of the cast are people
    whose age nobody knew.
    """

    handling: Handling = P
    channel: Channel | None = None
    origin: str | None = field(default=None, repr=False)
    protected: bool = False
    conflict: bool = False
    careful: bool = False
    doubted: bool = False
    ageless: frozenset[int] = frozenset()


ORDINARY: Final = Terms()


@dataclass(frozen=True, slots=True)
class Ground:
    """Mistakes as they come: this share of all mentions holds one, of these kinds by weight."""

    share: float
    kinds: Mapping[Mistake, float]


class Writers:
    """Everybody who writes reports. Ids depend on the seed and the order of writing alone.

    `strength` scales the rates of mistakes in errors.py; 0 makes none. With `ground` mistakes
    are made as that says, whoever writes, and nothing is kept readable.
    """

    def __init__(
        self,
        seed: int,
        people: Sequence[Person],
        dice: Dice,
        strength: float = 1.0,
        ground: Ground | None = None,
    ) -> None:
        self._seed = seed
        self._people = people
        self._dice = dice
        self._strength = strength
        self._ground = ground
        self._written: defaultdict[str, int] = defaultdict(int)
        self._namesakes = _namesakes(people)

    def tell(self, scene: Scene, body: Body, terms: Terms = ORDINARY) -> Submission:
        """Write one report about a scene."""
        strength = 0.0 if terms.careful else self._strength
        write = partial(self._written_down, scene=scene, body=body, strength=strength)
        people = [_forgetting(write(part.person), part, terms) for part in scene.cast]
        who = tuple((f"p{i}", part.person) for i, part in enumerate(scene.cast, start=1))
        what = tuple((f"t{i}", thing.key) for i, thing in enumerate(scene.things, start=1))
        nodes = [
            self._person(label, part, scene, body, written, terms)
            for (label, _), part, written in zip(who, scene.cast, people, strict=True)
        ]
        nodes[0] = replace(nodes[0], protected=terms.protected, conflict=terms.conflict)
        nodes += [
            Node(label=label, kind=thing.kind, identity=thing.identity)
            for (label, _), thing in zip(what, scene.things, strict=True)
        ]
        return Submission(
            partner=body.partner,
            step=Step.REPORT,
            story=scene.story,
            report=self._report(scene, body, terms, nodes, _relations(scene, who, what)),
            who=who,
            what=what,
            mistakes=tuple(written.mistake for written in people if written.mistake),
        )

    def correct(self, earlier: Submission, scene: Scene, body: Body) -> Submission:
        """Write the next revision of a report, about what really happened."""
        told = self.tell(replace(scene, at=earlier.report.event_at), body)
        revision = earlier.report.revision + 1
        report = replace(
            told.report,
            report_id=earlier.report.report_id,
            revision=revision,
            supersedes=earlier.report.revision,
            reported_at=earlier.report.reported_at + timedelta(days=1),
        )
        return replace(told, step=Step.CORRECTION, report=report)

    # --- what a report says

    def _report(
        self,
        scene: Scene,
        body: Body,
        terms: Terms,
        nodes: Sequence[Node],
        relations: tuple[Relation, ...],
    ) -> Report:
        channel = terms.channel or body.channels[scene.matter]
        wrote_at = scene.at + timedelta(days=self._dice.between(0, _DAYS_TO_WRITE), minutes=9)
        return Report(
            report_id=self._next_id(body),
            partner=body.partner,
            immediate_risk=scene.immediate,
            service=channel.service,
            data_category=channel.data_category,
            gateway=channel.gateway,
            purpose=channel.purpose,
            event_at=scene.at,
            reported_at=wrote_at,
            place=Place(postcode=scene.where.postcode, description=scene.where.line),
            nodes=tuple(self._dice.shuffled(nodes)),
            relations=relations,
            facts=(scene.fact,),
            source=self._source(),
            origin_reference=terms.origin,
            grading=self._grading(body, terms),
            handling=terms.handling,
            narrative=self._narrative(scene) if body.narrative_permitted else None,
        )

    def _next_id(self, body: Body) -> UUID:
        self._written[body.partner] += 1
        return uuid5(TOWN, f"{self._seed}/{body.partner}/{self._written[body.partner]}")

    def _written_down(
        self, number: int, scene: Scene, body: Body, strength: float
    ) -> Misremembered:
        """Write somebody down, in a way that somebody who knows everybody could still read.

        Never as a child who is none or the other way round, and never without the birth date
        that alone tells a father from a son of the same name and home.
        """
        person, day = self._people[number], scene.at.date()
        identity = self._identity(person, body)
        if self._ground is not None:
            is_wrong = self._dice.chance(self._ground.share)
            kinds = self._ground.kinds if is_wrong else {}
            return misremember_always(identity, person, self._dice, kinds)
        written = misremember(identity, person, self._dice, strength)
        born_on = written.identity.born_on
        is_readable = (
            number not in self._namesakes
            if born_on is None
            else is_child(born_on, day) is person.is_child_on(day)
        )
        return written if is_readable else right(identity, person)

    def _person(  # noqa: PLR0913, PLR0917 - what a node is made of
        self, label: str, part: Part, scene: Scene, body: Body, written: Misremembered, terms: Terms
    ) -> Node:
        person = self._people[part.person]
        age = None if part.person in terms.ageless else self._age(person, written, scene.at.date())
        return Node(
            label=label,
            kind=NodeKind.PERSON,
            identity=written.identity,
            reference=f"{body.reference}-{40_000 + 7 * person.number}",
            person=PersonFacts(sex=written.sex, age=age, role=part.role),
        )

    def _age(self, person: Person, written: Misremembered, day: date) -> int:
        """Return the true age; where mistakes are not made good, that of the date as written."""
        born_on = written.identity.born_on
        if self._ground is None or born_on is None:
            return person.age_on(day)
        return max(0, age(born_on, day))

    def _identity(self, person: Person, body: Body) -> Identity:
        numbers = {
            register: getattr(person, register)
            for register, share in body.knows.items()
            if self._dice.chance(share)
        }
        return Identity(
            given_name=person.given_name,
            middle_names=person.middle_names if self._dice.chance(0.3) else None,
            family_name=person.family_name,
            known_as=person.known_as,
            born_on=person.born_on,
            address=person.home.line,
            postcode=person.home.postcode,
            phone=person.phone if self._dice.chance(0.4) else None,
            handle=person.handle if self._dice.chance(0.2) else None,
            **numbers,
        )

    def _source(self) -> SourceFacts:
        access = (SourceAccess.FIRST_HAND, SourceAccess.SECOND_HAND, SourceAccess.RECORD)
        return SourceFacts(
            access=self._dice.pick(access),
            corroborated=self._dice.chance(0.2),
            known_to_others=self._dice.chance(0.3),
            at_risk_if_disclosed=self._dice.chance(0.1),
        )

    def _grading(self, body: Body, terms: Terms) -> Grading:
        """Police grade, in four of five cases by the present scheme; nobody else does."""
        if body.type is not PartnerType.POLICE:
            return Grading()
        if self._dice.chance(0.2):
            source, assessment = self._dice.pick("ABC"), "5" if terms.doubted else "3"
            return Grading(scheme=GradingScheme.SCHEME_5X5X5, source=source, assessment=assessment)
        source, assessment = self._dice.pick("12"), "E" if terms.doubted else "B"
        return Grading(scheme=GradingScheme.SCHEME_3X5X2, source=source, assessment=assessment)

    def _narrative(self, scene: Scene) -> str:
        names = " and ".join(
            f"{self._people[part.person].given_name} {self._people[part.person].family_name}"
            for part in scene.cast
        )
        return f"{names} came to notice near {scene.where.line} ({scene.where.postcode})."


def _forgetting(written: Misremembered, part: Part, terms: Terms) -> Misremembered:
    """Leave the birth date of somebody out whose age nobody knew."""
    if part.person not in terms.ageless:
        return written
    return replace(written, identity=replace(written.identity, born_on=None))


def unconditional(earlier: Submission) -> Submission:
    """Return the report as handled on conditions that it does not name."""
    handling = Handling(code=HandlingCode.C, recipients=(Audience.POLICE,))
    return replace(earlier, step=Step.STOPPED, report=replace(earlier.report, handling=handling))


def repeated(earlier: Submission) -> Submission:
    """Send the same report again."""
    return replace(earlier, step=Step.REPEAT)


def clashing(earlier: Submission) -> Submission:
    """Change a report and send it under the revision it already had."""
    changed = replace(earlier.report, place=Place(postcode=None, description=None))
    return replace(earlier, step=Step.CLASH, report=changed)


def mistyped(earlier: Submission) -> Submission | None:
    """Return the report as it was first typed, one check digit wrong; None if it holds no such."""
    for index, node in enumerate(earlier.report.nodes):
        for register in _CHECKED:
            number = getattr(node.identity, register, None)
            if number:
                wrong = replace(node.identity, **{register: with_wrong_check(number)})  # type: ignore[type-var] # a number implies an identity
                nodes = list(earlier.report.nodes)
                nodes[index] = replace(node, identity=wrong)
                report = replace(earlier.report, nodes=tuple(nodes))
                return replace(earlier, step=Step.STOPPED, report=report)
    return None


def withdrawn(earlier: Submission, reason: WithdrawalReason) -> Submission:
    """Take a report back."""
    return replace(earlier, step=Step.WITHDRAWAL, reason=reason)


def _namesakes(people: Sequence[Person]) -> frozenset[int]:
    """Return those who share first and last name with another in their household."""
    bearers: defaultdict[tuple[int, str, str], list[int]] = defaultdict(list)
    for person in people:
        key = (person.household, person.given_name, person.family_name)
        bearers[key].append(person.number)
    return frozenset(n for numbers in bearers.values() if len(numbers) > 1 for n in numbers)


def _relations(
    scene: Scene, who: Sequence[tuple[str, int]], what: Sequence[tuple[str, str]]
) -> tuple[Relation, ...]:
    labels = {f"person {person}": label for label, person in who}
    labels |= {key: label for label, key in what}
    return tuple(
        Relation(subject=labels[claim.subject], kind=claim.kind, object=labels[claim.object])
        for claim in scene.claims
    )
