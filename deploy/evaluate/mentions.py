"""Telling a file of ties as partners would: invented people, several partners, human mistakes."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from producers.town.dice import Dice
from producers.town.errors import swapped, typo
from producers.town.names import NameBook, borne_by, nickname
from producers.town.official import nhs_number, phone, vehicle_mark
from producers.town.partners import BODIES, Body, Matter
from producers.town.places import Streets
from streams.parts import CodedFact, Grading, Handling, SourceFacts
from streams.restricted import Identity, Node, PersonFacts, Relation, Report
from streams.values import (
    Activity,
    FourP,
    GradingScheme,
    HandlingCode,
    NodeKind,
    Role,
    Sex,
    SourceAccess,
    Theme,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from deploy.evaluate.ties import Tie, TieFile

#: Shares of nodes and of mentions, as the evaluation promises them.
SHARING_NAME_OR_BIRTH_DATE: Final = 0.05
WITHOUT_STRONG_IDENTIFIER: Final = 0.55
WITH_MISTAKE: Final = 0.15
#: How many partners tell of one origin, and with which weight.
TELLERS: Final[Mapping[int, float]] = {1: 0.3, 2: 0.5, 3: 0.2}
EVENT_AT: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
_NAMESPACE: Final = UUID("6c1f0d3e-3f53-5b0a-9a57-0b1d7a8c2e11")


@dataclass(frozen=True, slots=True)
class Subject:
    """A node of the file as somebody who could live in Sheffield, or an organisation there."""

    kind: NodeKind
    sex: Sex
    identity: Identity


@dataclass(frozen=True, slots=True)
class Told:
    """The reports, and the node of the file behind each mention (partner, report id, node).

    `phases` are the same reports phase by phase, all in one phase (None) where the file has none.
    """

    bodies: tuple[Body, ...]
    phases: tuple[tuple[int | None, tuple[Report, ...]], ...]
    mentions: Mapping[tuple[str, UUID, int], str]

    @property
    def reports(self) -> tuple[Report, ...]:
        """Return all reports in the order of telling."""
        return tuple(report for _, reports in self.phases for report in reports)


def tell(file: TieFile, seed: int, *, clean: bool) -> Told:
    """Turn ties into reports; the same seed tells the same.

    A tie of weight n has n origins; each is told by one to three partners who
    quote the same origin reference. `clean` gives every mention its strong
    identifier and makes no mistakes.
    """
    subjects = _subjects(file, seed)
    teller = _Teller(subjects, Dice(seed, "reports"), clean=clean)
    told = [(tie, report) for tie in file.ties for report in teller.reports(tie)]
    mentions = {
        (report.partner, report.report_id, number): name
        for tie, report in told
        for number, name in enumerate((tie.source, tie.target))
    }
    shuffled = Dice(seed, "order").shuffled(told)
    return Told(teller.bodies, _by_phase(file, shuffled), mentions)


def _by_phase(
    file: TieFile, told: Sequence[tuple[Tie, Report]]
) -> tuple[tuple[int | None, tuple[Report, ...]], ...]:
    return tuple(
        (phase, tuple(report for tie, report in told if tie.phase == phase))
        for phase in file.phases or (None,)
    )


def declared_identifiers(reports: tuple[Report, ...]) -> frozenset[str]:
    """Return every identifier that any of the reports declares, as it was spelt."""
    identities = (node.identity for report in reports for node in report.nodes if node.identity)
    return frozenset(value for identity in identities for value in _spelt(identity))


def _spelt(identity: Identity) -> Iterator[str]:
    for item in fields(identity):
        value = getattr(identity, item.name)
        if isinstance(value, date):
            yield value.isoformat()
        elif isinstance(value, str):
            yield value
        elif value:
            yield from value


# --- who they are --------------------------------------------------------------


def _subjects(file: TieFile, seed: int) -> Mapping[str, Subject]:
    maker = _SubjectMaker(seed)
    return {name: maker.subject(kind) for name, kind in sorted(file.kinds.items())}


class _SubjectMaker:
    """Invents subjects; one in twenty shares a full name or a birth date with an earlier one."""

    def __init__(self, seed: int) -> None:
        self._dice = Dice(seed, "subjects")
        self._names = NameBook(Dice(seed, "names"))
        self._streets = Streets(Dice(seed, "streets"))
        self._people: list[Identity] = []
        self._serial = 0

    def subject(self, kind: NodeKind) -> Subject:
        if kind is not NodeKind.PERSON:
            return Subject(kind, Sex.UNKNOWN, self._thing(kind))
        sex = Sex.FEMALE if self._dice.chance(0.3) else Sex.MALE
        person = self._person(sex)
        if self._people and self._dice.chance(SHARING_NAME_OR_BIRTH_DATE):
            person = self._lookalike(person, self._dice.pick(self._people))
        self._people.append(person)
        return Subject(kind, sex, person)

    def _person(self, sex: Sex) -> Identity:
        origin = self._names.origin()
        home = self._streets.new()
        return Identity(
            given_name=_unlike_partners(lambda: self._names.given(origin, sex)),
            family_name=_unlike_partners(lambda: borne_by(self._names.family(origin), origin, sex)),
            born_on=date(self._dice.between(1956, 2006), 1, 1)
            + timedelta(days=self._dice.between(1, 360)),
            nhs_number=self._next_nhs_number(),
            address=home.line,
            postcode=home.postcode,
        )

    def _lookalike(self, person: Identity, other: Identity) -> Identity:
        if self._dice.chance(0.5):
            return replace(person, born_on=other.born_on)
        return replace(person, given_name=other.given_name, family_name=other.family_name)

    def _thing(self, kind: NodeKind) -> Identity:
        self._serial += 1
        if kind is NodeKind.PHONE:
            return Identity(phone=phone(self._serial))
        if kind is NodeKind.ADDRESS:
            home = self._streets.new()
            return Identity(address=home.line, postcode=home.postcode, uprn=home.uprn)
        if kind is NodeKind.VEHICLE:
            return Identity(
                vehicle_mark=vehicle_mark(
                    self._serial,
                    "".join(self._dice.pick("ABCDEFGHJKLMNPRSTUVWXY") for _ in range(5)),
                )
            )
        return self._organisation()

    def _organisation(self) -> Identity:
        name = f"{self._names.family('en_GB')} and {self._names.family('en_GB')} Traders"
        return Identity(organisation_name=name, organisation_number=f"9{self._serial:07d}")

    def _next_nhs_number(self) -> str:
        while True:
            self._serial += 1
            if number := nhs_number(self._serial):
                return number


_PARTNER_WORDS: Final = frozenset(
    word for body in BODIES for word in f"{body.partner} {body.name}".casefold().split()
)


def _unlike_partners(draw: Callable[[], str]) -> str:
    """Draw again while the name stands in a partner's public name: that would seem a leak."""
    while _is_partner_word(name := draw()):
        pass
    return name


def _is_partner_word(name: str) -> bool:
    return any(name.casefold() in word for word in _PARTNER_WORDS)


# --- what is written down --------------------------------------------------------


class _Teller:
    """Writes each tie down as several partners would."""

    def __init__(self, subjects: Mapping[str, Subject], dice: Dice, *, clean: bool) -> None:
        self.bodies = tuple(body for body in BODIES if not body.lapsed)
        self._subjects = subjects
        self._dice = dice
        self._clean = clean

    def reports(self, tie: Tie) -> Iterator[Report]:
        """Yield the reports of one tie: `tie.weight` origins, each told by one or more."""
        for _ in range(tie.weight):
            origin = f"OR-{self._dice.between(10**9, 10**10 - 1)}"
            for body in self._dice.some(self.bodies, self._dice.weighted(TELLERS)):
                yield self._report(tie, origin, body)

    def _report(self, tie: Tie, origin: str, body: Body) -> Report:
        channel = body.channels[Matter.CRIME]
        event_at = EVENT_AT if tie.at is None else datetime.combine(tie.at, EVENT_AT.timetz())
        return Report(
            report_id=uuid5(_NAMESPACE, f"{body.partner}/{origin}"),
            partner=body.partner,
            service=channel.service,
            data_category=channel.data_category,
            gateway=channel.gateway,
            purpose=channel.purpose,
            event_at=event_at,
            reported_at=event_at + timedelta(days=1),
            nodes=(self._node("source", tie.source), self._node("target", tie.target)),
            relations=(Relation(subject="source", object="target", kind=tie.kind),),
            facts=(_SUPPLY,),
            source=SourceFacts(access=SourceAccess.RECORD),
            origin_reference=origin,
            grading=Grading(scheme=GradingScheme.SCHEME_3X5X2, source="2", assessment="B"),
            handling=Handling(code=HandlingCode.P),
        )

    def _node(self, label: str, name: str) -> Node:
        subject = self._subjects[name]
        is_person = subject.kind is NodeKind.PERSON
        return Node(
            label=label,
            kind=subject.kind,
            identity=self._written(subject),
            person=PersonFacts(sex=subject.sex, role=Role.SUSPECT) if is_person else None,
        )

    def _written(self, subject: Subject) -> Identity:
        identity = subject.identity
        if self._clean or subject.kind is not NodeKind.PERSON:
            return identity
        if self._dice.chance(WITHOUT_STRONG_IDENTIFIER):
            identity = replace(identity, nhs_number=None)
        if self._dice.chance(WITH_MISTAKE):
            identity = self._dice.pick(_MISTAKES)(identity, self._dice)
        return identity


_SUPPLY: Final = CodedFact(
    theme=Theme.ORGANISED_CRIME, activity=Activity.SUPPLY, four_p=FourP.PURSUE
)


def _mistyped_given_name(identity: Identity, dice: Dice) -> Identity:
    return replace(identity, given_name=typo(identity.given_name or "", dice))


def _mistyped_family_name(identity: Identity, dice: Dice) -> Identity:
    return replace(identity, family_name=typo(identity.family_name or "", dice))


def _swapped_birth_date(identity: Identity, _dice: Dice) -> Identity:
    born_on = identity.born_on
    return replace(identity, born_on=swapped(born_on) if born_on else None)


def _nicknamed(identity: Identity, dice: Dice) -> Identity:
    short = nickname(identity.given_name or "", dice)
    return replace(identity, given_name=short) if short else identity


def _without_address(identity: Identity, _dice: Dice) -> Identity:
    return replace(identity, address=None, postcode=None)


_MISTAKES: Final[tuple[Callable[[Identity, Dice], Identity], ...]] = (
    _mistyped_given_name,
    _mistyped_family_name,
    _swapped_birth_date,
    _nicknamed,
    _without_address,
)
