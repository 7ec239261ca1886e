"""A whole enclave over the log in memory, for stories: partners, real sealing, every stage."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from anonymiser import keyring
from anonymiser.gate.audience import AudienceIds
from anonymiser.gate.batch import AT_ONCE
from anonymiser.gate.stage import OWN, Gate
from anonymiser.intake.stage import IntakeStage
from anonymiser.linker.recovery import RESOLUTION_CLASSES
from anonymiser.linker.stage import Linker
from streams.codec import decode, encode
from streams.hub import PreventionMessageOffered
from streams.loop import NO_WAIT, StageRunner
from streams.memory import MemoryLog
from streams.parts import CodedFact, Grading, Handling, SourceFacts
from streams.ports import Outgoing
from streams.restricted import (
    ON_HELD,
    EnclaveMention,
    Identity,
    MentionResolved,
    MergeDecided,
    Node,
    OriginatorApproved,
    PersonFacts,
    Place,
    PossibleLink,
    Quarantined,
    Relation,
    Report,
    ReportAdmitted,
    ReportLinked,
    ReportRetracted,
    SplitDecided,
    SplitRequested,
    WithdrawalSubmitted,
)
from streams.sealing import seal
from streams.shared import (
    ON_FEEDBACK,
    ON_OPERATIONS,
    FeedbackGiven,
    LawfulGateway,
    NominalDischarged,
    NominalEnrolled,
    PartnerOnboarded,
    PoliceReportShared,
    SafeguardingReportShared,
    Service,
)
from streams.topics import (
    HELD,
    OPERATIONS,
    OUTGOING,
    POLICE,
    POLICE_DECISIONS,
    PREVENTION,
    QUARANTINE,
    REGISTRY,
    RESOLUTIONS,
    REVIEW_COMMANDS,
    SAFEGUARDING,
    feedback_of,
    submissions_of,
)
from streams.values import (
    Activity,
    Audience,
    DataCategory,
    FourP,
    Gateway,
    NodeKind,
    PartnerType,
    Purpose,
    Role,
    Sex,
    Theme,
    WithdrawalReason,
)

PARTNERS = {
    "loxley-council": PartnerType.COUNCIL,
    "porter-housing": PartnerType.HOUSING,
    "sheaf-health": PartnerType.HEALTH,
}
_CLASSES = {
    RESOLUTIONS: RESOLUTION_CLASSES,
    POLICE: OWN[POLICE],
    SAFEGUARDING: OWN[SAFEGUARDING],
    PREVENTION: (PreventionMessageOffered,),
    QUARANTINE: (Quarantined,),
    HELD: ON_HELD,
    OPERATIONS: ON_OPERATIONS,
    OUTGOING: (ReportLinked,),
}
_KEYS = keyring.new_keys(random.Random(5).randbytes)


def seeded_ids(seed=7):
    source = random.Random(seed)
    return lambda: UUID(bytes=source.randbytes(16), version=4)


def onboarded(partner, kind, **changes):
    facts = {
        "partner": partner,
        "name": partner.title(),
        "type": kind,
        "services": tuple(
            Service(
                name=name,
                health_or_social_care=name == "social-care",
                data_categories=tuple(DataCategory),
            )
            for name in ("neighbourhoods", "social-care")
        ),
        "agreement": "ISA-1",
        "gateways": (
            LawfulGateway(gateway=Gateway.CDA_1998_S115, purposes=tuple(Purpose)),
            LawfulGateway(
                gateway=Gateway.PCSC_2022_PART2, purposes=(Purpose.PREVENT_SERIOUS_VIOLENCE,)
            ),
            LawfulGateway(gateway=Gateway.CA_2004_S11, purposes=(Purpose.SAFEGUARD_CHILDREN,)),
        ),
        "narrative_permitted": False,
        "expires_at": datetime(2036, 1, 1, tzinfo=UTC),
        "decided_by": "registrar",
        "decided_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return PartnerOnboarded(**(facts | changes))


class Enclave:
    """Intake, linker and gate, each behind its own runner; `settle` lets all catch up."""

    def __init__(self, *, linker=None, gate=None, log=None, keys=None):
        self.log = log if log is not None else MemoryLog()
        self.keys = keys if keys is not None else _KEYS
        self.linker = linker if linker is not None else Linker(self.keys, seeded_ids())
        self.gate = gate if gate is not None else Gate(self.keys, policy=AT_ONCE)
        self._stages = None

    async def start(self, extra=()):
        """Onboard the partners of every test, and `extra` entries."""
        self.partners = (*PARTNERS, *(entry.partner for entry in extra))
        await self.write(REGISTRY, *(onboarded(*one) for one in PARTNERS.items()), *extra)
        await self._start()
        return self

    async def restart(self, *, ids, linker=None):
        """Forget everything but the log and begin again."""
        self.linker = linker if linker is not None else Linker(self.keys, ids)
        self.gate = Gate(self.keys, policy=AT_ONCE)
        await self._start()

    async def _start(self):
        entropy = random.Random(3).randbytes
        intake = IntakeStage(self.keys, self.partners, entropy, self.find)
        self._stages = [StageRunner(one, self.log) for one in (intake, self.linker, self.gate)]
        for stage in self._stages:
            await stage.start()

    def find(self, topic, offset):
        return next((one for one in self.log.records(topic) if one.offset == offset), None)

    async def settle(self):
        while any([await stage.turn(NO_WAIT) for stage in self._stages]):
            pass

    async def write(self, topic, *events):
        await self.log.append([Outgoing(topic, encode(event)) for event in events])

    async def write_sealed(self, *reports):
        """Put reports on their partners' topics, and let nobody take them in."""
        key = self.keys.sealing[1].public()
        for report in reports:
            await self.write(submissions_of(report.partner), seal(report, key))

    async def submit(self, *reports):
        for report in reports:
            await self.write_sealed(report)
            await self.settle()

    async def take_in(self, report):
        """Let intake take a report and nobody else anything."""
        await self.write(
            submissions_of(report.partner), seal(report, self.keys.sealing[1].public())
        )
        await self._stages[0].turn(NO_WAIT)

    async def withdraw(self, report):
        event = WithdrawalSubmitted(
            report_id=report.report_id, partner=report.partner, reason=WithdrawalReason.ERROR
        )
        await self.write(submissions_of(report.partner), event)
        await self.settle()

    async def split(self, entity_id, *mentions):
        event = SplitRequested(
            kind=NodeKind.PERSON,
            entity_id=entity_id,
            mentions=mentions,
            requested_by="reviewer-1",
            requested_at=datetime(2026, 2, 1, tzinfo=UTC),
        )
        await self.write(REVIEW_COMMANDS, event)
        await self.settle()

    async def approve(self, report, revision=None):
        event = OriginatorApproved(
            partner=report.partner,
            report_id=report.report_id,
            revision=revision or report.revision,
            approved_by="desk-1",
            approved_at=datetime(2026, 2, 1, tzinfo=UTC),
        )
        await self.write(REVIEW_COMMANDS, event)
        await self.settle()

    async def enrol(self, person_id, seen=10**6):
        at = datetime(2026, 2, 1, tzinfo=UTC)
        event = NominalEnrolled(person_id=person_id, seen=seen, decided_by="sgt", decided_at=at)
        await self.write(POLICE_DECISIONS, event)
        await self.settle()

    async def discharge(self, person_id):
        at = datetime(2026, 2, 2, tzinfo=UTC)
        event = NominalDischarged(person_id=person_id, decided_by="sgt", decided_at=at)
        await self.write(POLICE_DECISIONS, event)
        await self.settle()

    def events(self, topic, *classes):
        """Decode what a topic holds; of these classes only, if any is named."""
        known = _CLASSES.get(topic, ON_FEEDBACK)
        found = [decode(r.value, *known) for r in self.log.records(topic) if r.value is not None]
        return [event for event in found if not classes or isinstance(event, classes)]

    def shared(self, report, topic=POLICE):
        """The last event by which an audience was told of a report."""
        audience = Audience.POLICE if topic == POLICE else Audience.SAFEGUARDING
        ids = AudienceIds(audience, self.keys.audience)
        shared_id = ids.report(report.partner, report.report_id)
        kinds = (PoliceReportShared, SafeguardingReportShared)
        return [one for one in self.events(topic, *kinds) if one.report_id == shared_id][-1]

    def feedback(self, report):
        return [
            given
            for given in self.events(feedback_of(report.partner), FeedbackGiven)
            if given.report_id == report.report_id
        ]

    def outcomes(self, report):
        return [given.outcome.value for given in self.feedback(report)]

    def mentions(self):
        """Who each live node is now, by partner, report and node, as the decisions say."""
        now = {}
        for event in self.events(RESOLUTIONS):
            match event:
                case ReportAdmitted() | ReportRetracted():
                    gone = (event.partner, event.report_id)
                    now = {key: value for key, value in now.items() if key[:2] != gone}
                case MentionResolved():
                    now[event.partner, event.report_id, event.node] = event.entity_id
                case MergeDecided(kept_id=kept, absorbed_id=absorbed):
                    now = {k: kept if value == absorbed else value for k, value in now.items()}
                case SplitDecided():
                    for one in event.mentions:
                        now[one.partner, one.report_id, one.node] = event.new_entity_id
                case PossibleLink():
                    pass
        return now

    def who(self, report, node=0):
        return self.mentions()[report.partner, report.report_id, node]

    def questions(self):
        return self.events(RESOLUTIONS, PossibleLink)


def mention(report, node=0):
    return EnclaveMention(partner=report.partner, report_id=report.report_id, node=node)


_NUMBERS = iter(range(1, 1_000_000))


def person(label="p", *, sex=Sex.UNKNOWN, age=None, role=Role.SUSPECT, **identity):
    """A person; keyword arguments are fields of the identity."""
    flags = {name: identity.pop(name) for name in ("protected", "conflict") if name in identity}
    return Node(
        label=label,
        kind=NodeKind.PERSON,
        identity=Identity(**identity) if identity else None,
        person=PersonFacts(sex=sex, age=age, role=role),
        **flags,
    )


def thing(kind, label="t", **identity):
    return Node(label=label, kind=kind, identity=Identity(**identity))


def tie(subject, kind, target):
    return Relation(subject=subject, object=target, kind=kind)


def report(*nodes, **changes):
    """A report that is shared with both audiences; `changes` make it another."""
    facts = {
        "report_id": UUID(int=next(_NUMBERS)),
        "partner": "loxley-council",
        "service": "neighbourhoods",
        "data_category": DataCategory.PERSONAL,
        "gateway": Gateway.CDA_1998_S115,
        "purpose": Purpose.DISRUPT_ORGANISED_CRIME,
        "event_at": datetime(2026, 1, 3, 18, 30, tzinfo=UTC),
        "reported_at": datetime(2026, 1, 4, 9, 0, tzinfo=UTC),
        "place": Place(postcode="S99 9ZZ"),
        "nodes": nodes or (person(given_name="Arvid", family_name="Testmann"),),
        "relations": (),
        "facts": (
            CodedFact(theme=Theme.COUNTY_LINES, activity=Activity.SUPPLY, four_p=FourP.PURSUE),
        ),
        "source": SourceFacts(),
        "grading": Grading(),
        "handling": Handling(),
    }
    return Report(**(facts | changes))


def corrected(old, *nodes, **changes):
    """The next revision of a report, with other nodes."""
    facts = {"revision": old.revision + 1, "supersedes": old.revision, "nodes": nodes or old.nodes}
    return replace(old, **(facts | changes))


ARVID = {
    "given_name": "Arvid",
    "family_name": "Testmann",
    "born_on": date(1994, 3, 17),
    "address": "3 Nowhere Gardens",
    "postcode": "S99 9ZZ",
}
NHS, OTHER_NHS = "9434765919", "9434765870"
