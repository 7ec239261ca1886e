"""The laws of the gate's relays: a death anywhere changes nothing, and no zone gets another's ids.

A story is made of reports, withdrawals, splits, and decisions of police and hub in any order.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymiser.gate.audience import AudienceIds
from anonymiser.gate.batch import AT_ONCE, ReleasePolicy
from anonymiser.gate.stage import Gate
from streams.codes import (
    GradeBasis,
    HubView,
    Lever,
    NoticeRecipient,
    NoticeWording,
    OcgRole,
    PreventionCode,
)
from streams.hub import (
    HubViewGiven,
    NoticeReleased,
    NoticeWithdrawn,
    PreventionMessageDecided,
    ProtectionDeclared,
    ProtectionEnded,
)
from streams.loop import StageRunner
from streams.ocg import HubViewAsked, OcgMapped, ReportGraded, RoleConfirmed
from streams.parts import Grading
from streams.restricted import EnclaveMention, MessageSubmitted
from streams.shared import NominalDischarged, NominalEnrolled
from streams.taxonomy import RelationKind
from streams.topics import (
    HELD,
    HUB_DECISIONS,
    POLICE,
    POLICE_DECISIONS,
    PREVENTION,
    SAFEGUARDING,
    feedback_of,
    submissions_of,
)
from streams.values import Audience, GradingScheme, NodeKind, PartnerType, Role
from tests.enclave import PARTNERS, Enclave, onboarded, person, report, thing, tie

AT = datetime(2026, 2, 1, tzinfo=UTC)
GRADE = Grading(scheme=GradingScheme.SCHEME_3X5X2, source="2", assessment="B")
EVERYBODY = (*PARTNERS, "owlerton-school")
TOLD = (POLICE, SAFEGUARDING, PREVENTION, *map(feedback_of, EVERYBODY))
NHS = ("9434765919", "9434765870", "9434765862")
GIVEN = ("Wrenna", "Ottokar", "Ilkas")
FAMILY = ("Inventsson", "Testlinger", "Nirgendwo")
#: Where ids begin: such as stand in no record by chance, as a small number does in a schema's id.
REQUESTS, DECLARATIONS, NOTICES = (int(digit * 30 + "00", 16) for digit in "abc")
BATCHES = ReleasePolicy(reports_min=2, partners_min=1, delay_seconds_max=3600)
laws = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("report",) * 5,
                *("withdraw", "split", "enrol", "discharge", "confirm", "grade", "ask", "give"),
                *("protect", "end", "notice", "withdraw notice", "message", "decide", "tick"),
            ]
        ),
        st.integers(0, 5),
        st.integers(0, 2),
    ),
    min_size=4,
    max_size=14,
)


def a_report(number, who):
    """One of a few people at one of a few homes, told by one of four partners."""
    young = person(
        "p",
        given_name=GIVEN[who],
        family_name=FAMILY[who],
        nhs_number=NHS[who],
        born_on=date(2010, 3, 1 + 9 * who),
        role=Role.VICTIM,
        protected=number == 5 and who == 2,
    )
    home = thing(
        NodeKind.ADDRESS, "h", address=f"{who + 1} Nowhere Gardens", postcode=f"S99 {who}ZZ"
    )
    return report(
        young,
        home,
        relations=(tie("p", RelationKind.LIVES_AT, "h"),),
        report_id=UUID(int=0xACE0000 + 10 * number + who),
        partner=EVERYBODY[number % 4],
    )


class Story:
    """Plays steps; before those of `deaths` the gate forgets everything but the log."""

    def __init__(self, deaths=(), policy=AT_ONCE):
        self.deaths = set(deaths)
        self.policy = policy

    async def play(self, steps):
        self.enclave = Enclave(gate=Gate(Enclave().keys, policy=self.policy, entropy=bytes))
        await self.enclave.start(extra=[onboarded(EVERYBODY[3], PartnerType.SCHOOL)])
        for place, step in enumerate(steps):
            if place in self.deaths:
                await self._die()
            await self._do(*step)
            await self.enclave.settle()
        return self

    async def _die(self):
        gate = Gate(self.enclave.keys, policy=self.policy, entropy=bytes)
        runner = StageRunner(gate, self.enclave.log)
        await runner.start()
        self.enclave.gate, self.enclave._stages[2] = gate, runner

    def topics(self):
        log = self.enclave.log
        held = {record.key: record.value for record in log.records(HELD)}
        kept = (b"who:", b"notice:", b"message:")  # a batch holds ciphertext, which is random
        return {
            **{topic: [record.value for record in log.records(topic)] for topic in TOLD},
            HELD: {key: value for key, value in held.items() if value and key.startswith(kept)},
        }

    # --- ids as the zones know them --------------------------------------------------

    def id_of(self, audience, number, who, node=0):
        ids = AudienceIds(audience, self.enclave.keys.audience)
        told = a_report(number, who)
        found = self.enclave.mentions().get((told.partner, told.report_id, node))
        return ids.entity(found or UUID(int=number))

    def report_of(self, audience, number, who):
        ids = AudienceIds(audience, self.enclave.keys.audience)
        told = a_report(number, who)
        return ids.report(told.partner, told.report_id)

    # --- steps -----------------------------------------------------------------------

    async def _do(self, what, number, who):
        await getattr(self, "_" + what.replace(" ", "_"))(number, who)

    async def _report(self, number, who):
        await self.enclave.submit(a_report(number, who))

    async def _withdraw(self, number, who):
        await self.enclave.withdraw(a_report(number, who))

    async def _split(self, number, who):
        told = a_report(number, who)
        entity = self.enclave.mentions().get((told.partner, told.report_id, 0))
        if entity is not None:
            mention = EnclaveMention(partner=told.partner, report_id=told.report_id, node=0)
            await self.enclave.split(entity, mention)

    async def _police_says(self, *events):
        await self.enclave.write(POLICE_DECISIONS, *events)

    async def _hub_says(self, *events):
        await self.enclave.write(HUB_DECISIONS, *events)

    async def _enrol(self, number, who):
        one = self.id_of(Audience.POLICE, number, who)
        seen = len(self.enclave.log.records(POLICE))
        by = {"decided_by": "ana", "decided_at": AT}
        await self._police_says(NominalEnrolled(person_id=one, seen=seen, **by))

    async def _discharge(self, number, who):
        one = self.id_of(Audience.POLICE, number, who)
        by = {"decided_by": "ana", "decided_at": AT}
        await self._police_says(NominalDischarged(person_id=one, **by))

    async def _confirm(self, number, who):
        one = self.id_of(Audience.POLICE, number, who)
        seen = len(self.enclave.log.records(POLICE))
        more = {"reasons": (), "report_ids": (), "seen": seen, "decided_by": "a", "decided_at": AT}
        ocg = UUID(int=500 + who)
        await self._police_says(
            OcgMapped(ocg_id=ocg, reference="X", network_id=None, members=(one,), areas=(), **more),
            RoleConfirmed(
                ocg_id=ocg,
                person_id=one,
                role=OcgRole.PRINCIPAL,
                expires_on=date(2026, 9, 1),
                **more,
            ),
        )

    async def _grade(self, number, who):
        event = ReportGraded(
            report_id=self.report_of(Audience.POLICE, number, who),
            revision=1,
            grading=GRADE,
            basis=(GradeBasis.SECOND_HAND,),
            decided_by="ana",
            decided_at=AT,
        )
        await self._police_says(event)

    async def _ask(self, number, who):
        event = HubViewAsked(
            request_id=UUID(int=REQUESTS + number),
            entity_id=self.id_of(Audience.POLICE, number, who, node=who and 1),
            lever=Lever.CLOSURE_ORDER,
            decided_by="ana",
            decided_at=AT,
        )
        await self._police_says(event)

    async def _give(self, number, who):
        police, hub = (AudienceIds(one, self.enclave.keys.audience) for one in Audience)
        event = HubViewGiven(
            request_id=police.request_at(hub, UUID(int=REQUESTS + number)),
            view=tuple(HubView)[who],
            decided_by="lee",
            decided_at=AT,
        )
        await self._hub_says(event)

    async def _protect(self, number, who):
        event = ProtectionDeclared(
            declaration_id=UUID(int=DECLARATIONS + number),
            entity_id=self.id_of(Audience.SAFEGUARDING, number, who, node=1),
            until=date(2026, 12, 31),
            decided_by="lee",
            decided_at=AT,
        )
        await self._hub_says(event)

    async def _end(self, number, _):
        declared = UUID(int=DECLARATIONS + number)
        await self._hub_says(
            ProtectionEnded(declaration_id=declared, decided_by="lee", decided_at=AT)
        )

    async def _notice(self, number, who):
        event = NoticeReleased(
            notice_id=UUID(int=NOTICES + number),
            alert_id=UUID(int=1),
            person_id=self.id_of(Audience.SAFEGUARDING, number, who),
            recipients=tuple(NoticeRecipient),
            wording=NoticeWording.EXTRA_CARE,
            seen=len(self.enclave.log.records(SAFEGUARDING)),
            decided_by="lee",
            decided_at=AT,
        )
        await self._hub_says(event)

    async def _withdraw_notice(self, number, _):
        notice = UUID(int=NOTICES + number)
        await self._hub_says(NoticeWithdrawn(notice_id=notice, decided_by="lee", decided_at=AT))

    async def _message(self, number, who):
        told = a_report(number, who)
        event = MessageSubmitted(
            partner=told.partner,
            message_id=UUID(int=0x900 + number),
            report_id=told.report_id,
            node=who and 1,
            code=tuple(PreventionCode)[who],
        )
        await self.enclave.write(submissions_of(told.partner), event)

    async def _decide(self, number, who):
        hub = AudienceIds(Audience.SAFEGUARDING, self.enclave.keys.audience)
        event = PreventionMessageDecided(
            message_id=hub.offered(EVERYBODY[number % 4], UUID(int=0x900 + number)),
            released=who != 1,
            decided_by="lee",
            decided_at=AT,
        )
        await self._hub_says(event)

    async def _tick(self, number, who):
        clock = self.enclave.log._clock
        clock.advance(timedelta(days=30 * (1 + number), hours=who))
        await self.enclave._stages[2].tick(clock())


def played(steps, **how):
    return asyncio.run(Story(**how).play(steps))


@laws
@given(steps=STEPS, deaths=st.sets(st.integers(0, 13), max_size=5), waits=st.booleans())
def test_a_gate_that_dies_anywhere_writes_what_one_that_lives_would(steps, deaths, waits):
    """Its memory is its own output; nothing is told twice, and nothing is forgotten."""
    policy = BATCHES if waits else AT_ONCE
    assert (
        played(steps, deaths=deaths, policy=policy).topics()
        == played(steps, policy=policy).topics()
    )


@laws
@given(steps=STEPS)
def test_no_zone_is_told_an_id_or_a_name_of_another(steps):
    """Neither of a report, a person, a request, a notice or a message, whatever is relayed."""
    story = played(steps)
    people = set(story.enclave.mentions().values())
    reports = [a_report(number, who) for number in range(6) for who in range(3)]
    known = {
        topic: {one.bytes for one in ids_in(story, audience, people, reports)}
        for audience, topic in ((Audience.POLICE, POLICE), (Audience.SAFEGUARDING, SAFEGUARDING))
    }
    known[PREVENTION] = known[SAFEGUARDING]
    asked = {UUID(int=REQUESTS + number).bytes for number in range(6)}
    said = {
        UUID(int=base + number).bytes for base in (DECLARATIONS, NOTICES) for number in range(6)
    }
    for topic, values in story.topics().items():
        if topic == HELD:
            continue
        data = b"".join(values)
        own = {one.report_id.bytes for one in reports if feedback_of(one.partner) == topic}
        others = {one.report_id.bytes for one in reports} - own
        foreign = {one for zone, ids in known.items() for one in ids if zone != topic}
        foreign -= known.get(topic, set())
        foreign |= others | {one.bytes for one in people}
        foreign |= set() if topic == POLICE else asked
        foreign |= set() if topic == SAFEGUARDING else said
        assert not [one for one in foreign if one in data]
        assert not [one for one in (*GIVEN, *FAMILY, *EVERYBODY) if one.encode() in data]


def ids_in(story, audience, people, reports):
    ids = AudienceIds(audience, story.enclave.keys.audience)
    yield from map(ids.entity, people)
    yield from (ids.report(one.partner, one.report_id) for one in reports)
