"""The client of partners on a real broker: what lies there, what comes back, what outages do."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.broker import LocalBroker
from deploy.leaks import Document, LeakSearch, identifiers_of
from deploy.settings import Settings
from deploy.topics import ensure_topics
from producers.sdk import (
    NOTICE_999,
    NotAcknowledgedError,
    NotOnboardedError,
    Partner,
    Rejected,
    SyncPartner,
)
from streams import codec
from streams.errors import BrokerUnreachableError
from streams.kafka import KafkaLog
from streams.ports import Outgoing
from streams.restricted import ReportSubmitted, WithdrawalSubmitted
from streams.sealing import SealingPrivateKey, fingerprint_of, open_submission, sign_public_key
from streams.shared import FeedbackGiven
from streams.topics import PUBLIC_KEYS, SHARED_TOPICS, partner_topics, submissions_of
from streams.values import Outcome, WithdrawalReason
from tests.elsewhere import elsewhere, let_in, partner_at
from tests.invented_reports import report

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
AT = NOW - timedelta(hours=1)
SIGNER = Ed25519PrivateKey.generate()
FINGERPRINT = fingerprint_of(SIGNER.public_key().public_bytes_raw())
KEY = SealingPrivateKey.generate(int(time.time()))  # an epoch that no other test publishes


class Enclave:
    """The far end as a test needs it: topics, a sealing key, and answers by hand."""

    def __init__(self, settings) -> None:
        self.settings = settings
        self.partner = f"sdk-{uuid.uuid4().hex[:12]}"
        self.log = KafkaLog(settings.access("supervisor"), client_id="test-enclave")

    async def prepare(self) -> None:
        await ensure_topics(self.settings, SHARED_TOPICS)
        await ensure_topics(self.settings, partner_topics(self.partner))
        await let_in(self.settings, self.partner)
        key = sign_public_key(KEY.public(), NOW - DAY, NOW + DAY, SIGNER)
        await self.log.append([Outgoing(PUBLIC_KEYS, codec.encode(key), b"test")])

    def connect(self, **how) -> Partner:
        return partner_at(self.settings, self.partner, FINGERPRINT, **how)

    def report(self, **changes):
        facts = {"partner": self.partner, "event_at": AT, "reported_at": AT}
        return report(**(facts | changes))

    async def answer(self, outcome, one, revision=1, *, risk=False) -> None:
        given = FeedbackGiven(
            report_id=one.report_id,
            revision=revision,
            outcome=outcome,
            reasons=(),
            immediate_risk=risk,
            offset=None,
            given_at=NOW,
        )
        topic = partner_topics(self.partner)[1].name
        await self.log.append([Outgoing(topic, codec.encode(given))])

    async def raw(self):
        """Every record as the broker keeps it: key, value, headers."""
        partition = TopicPartition(submissions_of(self.partner), 0)
        consumer = AIOKafkaConsumer(
            **self.settings.access("supervisor").options(), auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            consumer.assign([partition])
            end = (await consumer.end_offsets([partition]))[partition]
            records = []
            while len(records) < end:
                batches = await consumer.getmany(timeout_ms=500)
                records += [record for batch in batches.values() for record in batch]
            return records
        finally:
            await consumer.stop()


@pytest.fixture
async def enclave(broker):
    enclave = Enclave(broker.settings)
    await enclave.prepare()
    yield enclave
    await enclave.log.stop()


def bytes_of(record) -> bytes:
    headers = b"".join(name.encode() + value for name, value in record.headers)
    return b"|".join((record.key or b"", headers, record.value))


async def test_no_identifier_lies_on_the_broker_in_any_form(enclave):
    told = enclave.report(immediate_risk=True)
    async with enclave.connect() as partner:
        await partner.submit(told)
        await partner.correct(told)
        await partner.withdraw(told.report_id, WithdrawalReason.ERROR)
    records = await enclave.raw()
    search = LeakSearch(identifiers_of(told))

    assert len(records) == 3
    assert [record.key for record in records] == [None] * 3
    assert [record.headers for record in records] == [()] * 3
    for number, record in enumerate(records):
        assert list(search.find(Document(f"record {number}", bytes_of(record)))) == []
    in_clear = Document("not sealed", codec.encode(told))  # the search does find what is there
    assert {leak.path for leak in search.find(in_clear)} >= {
        "nodes[0].identity.given_name",
        "nodes[0].identity.nhs_number",
        "nodes[0].reference",
        "nodes[3].identity.phone",
    }


async def test_what_arrives_opens_to_what_was_sent(enclave):
    async with enclave.connect() as partner:
        submission = await partner.submit(enclave.report())
        await partner.withdraw(submission.report_id, WithdrawalReason.WRONG_PERSON)
    first, second = (
        codec.decode(record.value, ReportSubmitted, WithdrawalSubmitted)
        for record in await enclave.raw()
    )
    assert open_submission(first, KEY).report == enclave.report()
    assert second.reason is WithdrawalReason.WRONG_PERSON
    assert submission.offset == 0


async def test_a_receipt_comes_back_and_callbacks_hear_it(enclave):
    heard = asyncio.Queue()
    async with enclave.connect() as partner:
        partner.on_feedback(heard.put)
        submission = await partner.submit(enclave.report(immediate_risk=True))
        await enclave.answer(Outcome.HELD, submission, risk=True)
        held = await submission.receipt(10)
        await enclave.answer(Outcome.SHARED, submission, risk=True)
        assert (held.outcome, held.notice) == (Outcome.HELD, NOTICE_999)
        assert (await submission.outcome(10)).outcome is Outcome.SHARED
        assert [(await heard.get()).outcome for _ in range(2)] == [Outcome.HELD, Outcome.SHARED]
        told = [one.outcome async for one in partner.feedback(from_beginning=True, follow=False)]
        assert told == [Outcome.HELD, Outcome.SHARED]


async def test_a_bulk_load_arrives_whole_and_in_order(enclave):
    reports = [enclave.report(report_id=uuid.UUID(int=number)) for number in range(500)]
    reports[123] = replace(reports[123], facts=())
    async with enclave.connect() as partner:
        results = [one async for one in partner.submit_many(reports, in_flight_max=100)]
    arrived = [codec.decode(one.value, ReportSubmitted).report_id for one in await enclave.raw()]
    expected = [one.report_id for one in reports if one.facts]
    assert arrived == expected
    assert [one.offset for one in results if not isinstance(one, Rejected)] == list(range(499))


async def test_the_face_without_asyncio_works_from_a_plain_thread(enclave):
    def plain():
        with partner_at(
            enclave.settings, enclave.partner, FINGERPRINT, kind=SyncPartner
        ) as partner:
            return partner.submit(enclave.report()).offset

    assert await asyncio.to_thread(plain) == 0
    assert len(await enclave.raw()) == 1


async def test_a_partner_without_topics_is_told_to_be_onboarded(enclave):
    await let_in(enclave.settings, "sdk-stranger")
    stranger = partner_at(enclave.settings, "sdk-stranger", FINGERPRINT)
    with pytest.raises(NotOnboardedError, match="partner add"):
        await stranger.start()


async def test_where_no_broker_is_the_client_says_so_in_time():
    nowhere = Partner("sdk-nowhere", "127.0.0.1:9", patience=timedelta(seconds=1))
    started = time.monotonic()
    with pytest.raises(BrokerUnreachableError):
        await nowhere.start()
    assert time.monotonic() - started < 8


async def test_an_outage_is_told_and_the_same_client_goes_on_after_it(tmp_path):
    node = LocalBroker(Settings(home=tmp_path / "home"))
    enclave = Enclave(elsewhere(node, tmp_path / "home"))
    try:
        await node.start_async()
        await enclave.prepare()
        async with enclave.connect(patience=timedelta(seconds=2)) as partner:
            await partner.submit(enclave.report())
            await asyncio.to_thread(node.kill)
            with pytest.raises(NotAcknowledgedError, match="sending the same again is safe"):
                await partner.submit(enclave.report(revision=2, supersedes=1))
            await node.start_async()
            again = await partner.submit(enclave.report(revision=2, supersedes=1))
            await enclave.answer(Outcome.SHARED, again, revision=2)
            assert (await again.receipt(20)).outcome is Outcome.SHARED
        revisions = [
            codec.decode(one.value, ReportSubmitted).revision for one in await enclave.raw()
        ]
        assert revisions[0] == 1
        assert set(revisions[1:]) == {2}
    finally:
        await enclave.log.stop()
        await asyncio.to_thread(node.close)
