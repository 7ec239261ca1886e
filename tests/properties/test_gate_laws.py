"""The laws of the gate: source, size and id, each named after its property in privacy.md 8."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymiser import keyring
from anonymiser.gate.audience import AudienceIds
from anonymiser.gate.batch import ReleasePolicy
from anonymiser.gate.release import SMALLEST_BYTES, finished
from anonymiser.gate.stage import Gate
from streams.codec import encode
from streams.padding import POWERS_UNTIL_BYTES, STEP_BYTES, size_class
from streams.parts import Grading, Handling, SourceFacts
from streams.restricted import Place
from streams.shared import PoliceReportShared, SafeguardingReportShared
from streams.taxonomy import RelationKind
from streams.topics import POLICE, SAFEGUARDING
from streams.values import Audience, NodeKind, Purpose, Role, Sex, SourceAccess
from tests.contracts.events import events
from tests.enclave import PARTNERS, Enclave, person, report, thing, tie

POLICY = ReleasePolicy(reports_min=4, partners_min=1, delay_seconds_max=3600)
#: Lengths on the wire: powers of two from 1 KiB to 64 KiB, then steps of 8 KiB up to a message.
CLASSES = 7 + (1_048_576 - POWERS_UNTIL_BYTES) // STEP_BYTES
laws = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

NAMES = st.text(alphabet="bcdfgjkmnpqvwxz", min_size=6, max_size=12).map(str.capitalize)
PEOPLE = st.builds(
    person,
    st.just("a"),
    sex=st.sampled_from(Sex),
    role=st.sampled_from([Role.SUSPECT, Role.VICTIM, Role.WITNESS]),
    given_name=NAMES,
    family_name=NAMES,
)


@st.composite
def told_alike(draw):
    """The same event, told by two practitioners of two bodies, each in its own way of noting it."""
    nodes = (
        draw(PEOPLE),
        person("b", given_name=draw(NAMES), role=Role.SUSPECT),
        thing(NodeKind.PHONE, "c", phone=f"07700 900{draw(st.integers(0, 999)):03}"),
    )
    relations = (tie("a", RelationKind.CO_OFFENDER, "b"), tie("b", RelationKind.RUNS_LINE, "c"))
    one = report(*nodes, relations=relations)
    other = replace(
        one,
        report_id=UUID(int=draw(st.integers(1, 2**100))),
        partner=draw(st.sampled_from([p for p in PARTNERS if p != one.partner])),
        service=draw(st.sampled_from(["neighbourhoods", "social-care"])),
        nodes=tuple(replace(node, reference=draw(st.none() | NAMES)) for node in nodes),
        place=Place(postcode="S99 9ZZ", description=draw(st.none() | NAMES)),
        reported_at=one.reported_at + timedelta(minutes=draw(st.integers(0, 600))),
        event_at=one.event_at + timedelta(minutes=draw(st.integers(-100, 100))),
        source=SourceFacts(access=draw(st.sampled_from(SourceAccess)), at_risk_if_disclosed=True),
        origin_reference=draw(st.none() | NAMES),
    )
    return one, other


async def left_of(*reports, seed=1):
    """What police and the hub get: records as bytes and as events."""
    gate = Gate(Enclave().keys, policy=POLICY, entropy=random.Random(seed).randbytes)
    enclave = await Enclave(gate=gate).start()
    await enclave.submit(*reports)
    await enclave._stages[2].tick(datetime(2026, 6, 1, tzinfo=UTC))
    return enclave


BLANK = UUID(int=0)


def without_ids(event):
    nodes = tuple(replace(node, entity_id=BLANK) for node in event.nodes)
    return replace(event, report_id=BLANK, origin_id=BLANK, nodes=nodes)


@laws
@given(pair=told_alike())
def test_reports_that_differ_in_partner_and_practitioner_give_police_the_same_bytes(pair):
    """Property 10: equal up to random ids, and of one length; nothing else travels with them."""
    enclave = asyncio.run(left_of(*pair))
    for topic, kind in ((POLICE, PoliceReportShared), (SAFEGUARDING, SafeguardingReportShared)):
        assert [enclave.outcomes(one) for one in pair] == [["SHARED"], ["SHARED"]]
        one, other = enclave.events(topic, kind)
        assert encode(without_ids(one)) == encode(without_ids(other))
        records = enclave.log.records(topic)
        assert {record.key for record in records} == {None}
        assert len({len(record.value) for record in records}) == 1


@laws
@given(pair=told_alike())
def test_police_records_of_one_batch_have_one_time(pair):
    """The log-append time is that of the batch and not of a report."""
    enclave = asyncio.run(left_of(*pair))
    (at,) = {record.appended_at for record in enclave.log.records(POLICE)}
    received = {record.appended_at for record in enclave.log.records("enclave.outgoing")}
    assert at not in received


@settings(deadline=None, max_examples=300)
@given(
    event=events(PoliceReportShared) | events(SafeguardingReportShared),
    words=st.integers(0, 90_000),
)
def test_the_size_of_what_leaves_is_one_of_few(event, words):
    """Property 11: seven classes up to 64 KiB, which hold nearly every report."""
    event = replace(event, narrative="x" * words)
    size = len(encode(finished(event)))
    assert size == size_class(size, SMALLEST_BYTES)
    assert size in sizes() or size > POWERS_UNTIL_BYTES
    assert size < 2 * max(SMALLEST_BYTES, len(encode(replace(event, padding=b"")))) + 4


def sizes():
    return {SMALLEST_BYTES << power for power in range(7)}


def test_every_size_can_be_padded_to_a_class_and_there_are_few():
    """Avro writes the number of padding bytes before them, so that not every room can be filled."""
    lengths = [*range(400, 1_200), *range(0, 70_000, 37)]
    found = {len(encode(finished(bare(words)))) for words in lengths}
    assert found <= sizes() | {size for size in found if size > POWERS_UNTIL_BYTES}
    assert all(size == size_class(size, SMALLEST_BYTES) for size in found)
    assert len(found) <= CLASSES


def bare(words):
    """A small report for police whose text is so long."""
    return PoliceReportShared(
        report_id=BLANK,
        revision=1,
        origin_id=BLANK,
        immediate_risk=False,
        purpose=Purpose.DISRUPT_ORGANISED_CRIME,
        event_week="2026-W46",
        district=None,
        nodes=(),
        relations=(),
        facts=(),
        grading=Grading(),
        handling=Handling(),
        narrative="x" * words,
    )


@given(size=st.integers(0, 1_048_576))
def test_a_class_holds_what_is_put_into_it_and_nothing_is_doubled_above_the_bound(size):
    found = size_class(size, 256)
    assert size <= found <= max(256, 2 * size)
    assert size_class(found, 256) == found
    if size > POWERS_UNTIL_BYTES:
        assert found - size < STEP_BYTES


@given(ids=st.lists(st.uuids(), min_size=2, max_size=50, unique=True), seed=st.integers(0, 2**32))
def test_ids_of_two_audiences_cannot_be_joined(ids, seed):
    """Property 7: no id is common to both, and equal ids do not stay in the same order."""
    keys = keyring.new_keys(random.Random(seed).randbytes)
    police, hub = (AudienceIds(one, keys.audience) for one in Audience)
    theirs, others = [police.entity(one) for one in ids], [hub.entity(one) for one in ids]
    assert not {*theirs} & {*others}
    assert len({*theirs}) == len({*others}) == len(ids)
    assert not {*theirs, *others} & {*ids}
    assert [police.entity_behind(one) for one in theirs] == ids
    assert [police.entity_behind(one) for one in others] != ids
