"""A careless and a hostile partner on the whole running system: each record of theirs has one
outcome, the next report goes on, nobody else is touched, and no identifier turns up anywhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import aiokafka.record.default_records as batches
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from anonymiser import keyring
from consumers.network.tables import REPORTS
from consumers.ocg_network import OcgNetwork
from consumers.store import ProjectionStore, store_path
from deploy import registry
from deploy.demo.findings import Resolved
from deploy.demo.system import System
from deploy.demo.witnesses import files_in
from deploy.leaks import Document, LeakSearch, identifiers_of
from deploy.processes import ProcessIdentity
from deploy.settings import Settings
from deploy.supervisor import read_report
from producers.sdk import InvalidReportError, Partner
from streams.codec import decode, encode
from streams.json_form import to_json
from streams.kafka import KafkaLog
from streams.kafka.connection import partition_of
from streams.loop import read_to_end
from streams.restricted import Identity, Quarantined, ReportSubmitted, WithdrawalSubmitted
from streams.sealing import seal
from streams.shared import ON_FEEDBACK, FeedbackGiven
from streams.taxonomy import RelationKind
from streams.topics import (
    MAX_SUBMISSION_BYTES,
    QUARANTINE,
    SHARED_TOPICS,
    feedback_of,
    partner_topics,
    submissions_of,
)
from streams.values import Outcome, WithdrawalReason
from tests.elsewhere import partner_at
from tests.hostile import raw_batches
from tests.invented_enclave import onboarded, sealed
from tests.invented_reports import child, report, tie, unnamed

HOSTILE, NEIGHBOUR = "hostile-homes", "neighbour-homes"
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
RECEIPT_SECONDS_MAX = 30
PATIENCE_SECONDS = 60
SHARED, REFUSED, QUARANTINED = Outcome.SHARED, Outcome.REFUSED, Outcome.QUARANTINED
SOMEBODY = b"Testina Inventsson"
TLS_ALERT = b"\x15"


class World:
    """The running system, and what a partner can do to it without the SDK."""

    def __init__(self, system) -> None:
        self.settings = system.settings
        self.bootstrap = system.bootstrap
        self.access = system.settings.access
        self.keys = keyring.load(self.settings.keys_dir)
        self.elsewhere = keyring.new_keys()
        self.known = told(partner=NEIGHBOUR)
        self.known_bytes = sealed(self.known, self.keys)
        self.all = [self.known, told()]

    def sealed(self, **changes) -> bytes:
        """Seal directly, past the SDK's own check."""
        one = told(**changes)
        self.all.append(one)
        return sealed(one, self.keys)

    def altered(self, **changes) -> bytes:
        submission = decode(self.sealed(), ReportSubmitted)
        return encode(replace(submission, **changes))

    async def send(self, value, *, partner=HOSTILE, key=None, headers=(), codec=None) -> int:
        """Write one record to the partner's topic as any Kafka client could; give its offset."""
        producer = AIOKafkaProducer(
            **self.access("supervisor").options(), max_request_size=2 << 20, compression_type=codec
        )
        await producer.start()
        if value is None:  # the client wants one of the two
            key = key or b"-"
        try:
            topic = submissions_of(partner)
            sent = await producer.send_and_wait(topic, value, key=key, headers=list(headers))
            return sent.offset
        finally:
            await producer.stop()

    async def put(self, made) -> int:
        """Write what a case made: a value, or a value with something beside it."""
        if not isinstance(made, Beside):
            return await self.send(made)
        if made.handmade is None:
            return await self.send(made.value, key=made.key, headers=made.headers)
        access = self.access("supervisor")
        return await raw_batches.write(access, submissions_of(HOSTILE), made.handmade)

    def partner(self, partner=HOSTILE) -> Partner:
        return partner_at(self.settings, partner, patience=timedelta(seconds=PATIENCE_SECONDS))

    async def events(self, topic, *classes):
        log = KafkaLog(self.access("supervisor"), client_id="test-bad-input")
        try:
            return [
                decode(record.value, *classes)
                async for records in read_to_end(log, (topic,))
                for record in records
            ]
        finally:
            await log.stop()

    async def feedback(self, partner=HOSTILE):
        """The receipts; by the calendar a partner may be told of its meters as well."""
        told = await self.events(feedback_of(partner), *ON_FEEDBACK)
        return [one for one in told if isinstance(one, FeedbackGiven)]

    async def until_told(self, condition, partner=HOSTILE):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (found := [one for one in await self.feedback(partner) if condition(one)]):  # noqa: ASYNC110 - a log gives no event
                await asyncio.sleep(0.1)
        return found

    async def resolved(self):
        log = KafkaLog(self.access("supervisor"), client_id="test-bad-input")
        try:
            return await Resolved.read(log)
        finally:
            await log.stop()


def told(**changes):
    facts = {"partner": HOSTILE, "report_id": uuid.uuid4(), "event_at": AT, "reported_at": AT}
    return report(**(facts | changes))


def good(partner=HOSTILE):
    """A report with nobody's name in it, so that many of them stay cheap to link."""
    return told(partner=partner, nodes=(unnamed(),), relations=(), narrative=None)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    system = System(Settings(home=tmp_path_factory.mktemp("hostile") / "home"))
    try:
        asyncio.run(system.start())
        asyncio.run(_onboard(system.settings))
        yield World(system)
    finally:
        system.stop()


async def _onboard(settings) -> None:
    await registry.onboard(settings, map(onboarded, (HOSTILE, NEIGHBOUR)))
    assert await registry.wait_until_served(settings, (HOSTILE, NEIGHBOUR)) == ()


# --- one bad record, one outcome, and the next report goes on ------------------------------------


def with_child(**identity):
    return {"nodes": (replace(child(), identity=Identity(**identity)),), "relations": ()}


def another_epoch(world):
    key = replace(world.elsewhere.sealing[1].public(), epoch=7)
    return encode(seal(told(), key))


def one_bit(world):
    submission = decode(world.sealed(), ReportSubmitted)
    first, second, *rest = submission.parts
    changed = bytes([second.ciphertext[0] ^ 1]) + second.ciphertext[1:]
    return encode(replace(submission, parts=(first, replace(second, ciphertext=changed), *rest)))


def relabelled(world):
    return encode(replace(decode(world.known_bytes, ReportSubmitted), partner=HOSTILE))


def withdrawal(world):
    mine = WithdrawalSubmitted(
        report_id=world.known.report_id, partner=HOSTILE, reason=WithdrawalReason.ERROR
    )
    return encode(mine)


@dataclass(frozen=True)
class Beside:
    """A value and what stands beside it; `handmade` is a batch that no library writes."""

    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    handmade: bytes | None = None


def handmade(world, **lies):
    value = world.sealed()
    return Beside(value, handmade=raw_batches.batch(raw_batches.record(value, **lies)))


FIFTY_ONE = tuple(replace(unnamed(), label=str(number)) for number in range(51))

BAD = {
    # framing
    "nothing at all": (lambda _: None, QUARANTINED, "bad_frame", None),
    "no bytes": (lambda _: b"", QUARANTINED, "bad_frame", None),
    "a wrong frame": (lambda w: b"\x01" + w.sealed()[1:], QUARANTINED, "bad_frame", None),
    "a report in clear": (
        lambda w: json.dumps(to_json(w.known)).encode(),
        QUARANTINED,
        "bad_frame",
        None,
    ),
    "an unknown schema": (
        lambda w: b"\x00\x7f\x7f\x7f\x7f" + w.sealed()[5:],
        QUARANTINED,
        "unknown_schema",
        None,
    ),
    "an opened report": (lambda w: encode(w.known), QUARANTINED, "unknown_schema", None),
    "half of a record": (lambda w: w.sealed()[:400], QUARANTINED, "truncated", None),
    "a byte too much": (lambda w: w.sealed() + b"\x00", QUARANTINED, "trailing_bytes", None),
    # beside the value
    "nine headers": (
        lambda w: Beside(w.sealed(), headers=(("trace", b"1"),) * 9),
        QUARANTINED,
        "too_many_headers",
        None,
    ),
    "a header of two kilobytes": (
        lambda w: Beside(w.sealed(), headers=(("trace", bytes(2_048)),)),
        QUARANTINED,
        "headers_too_large",
        None,
    ),
    "a key of two kilobytes": (
        lambda w: Beside(w.sealed(), key=SOMEBODY * 120),
        QUARANTINED,
        "key_too_large",
        None,
    ),
    "a header that is no text": (
        lambda w: handmade(w, headers=[(b"\xff\xfe", SOMEBODY)]),
        QUARANTINED,
        "unsound_record",
        None,
    ),
    "attributes of two bytes": (
        lambda w: handmade(w, attributes=b"\x80"),
        QUARANTINED,
        "unsound_record",
        None,
    ),
    "an offset that runs far ahead": (
        lambda w: handmade(w, offset=100_000),
        QUARANTINED,
        "unsound_record",
        None,
    ),
    # sealing
    "sealed for another enclave": (
        lambda w: sealed(told(), w.elsewhere),
        QUARANTINED,
        "cannot_open",
        None,
    ),
    "sealed for an epoch that never was": (another_epoch, REFUSED, "unknown_epoch", "key_epoch"),
    "one bit of a subject changed": (one_bit, QUARANTINED, "cannot_open", None),
    "made urgent on the way": (
        lambda w: w.altered(immediate_risk=True),
        QUARANTINED,
        "cannot_open",
        None,
    ),
    "a subject left out": (lambda w: w.altered(parts=()), QUARANTINED, "bad_part", None),
    # somebody else's
    "under the name of another": (
        lambda w: w.sealed(partner=NEIGHBOUR),
        QUARANTINED,
        "other_partner",
        "partner",
    ),
    "a copy of what another sent": (
        lambda w: w.known_bytes,
        QUARANTINED,
        "other_partner",
        "partner",
    ),
    "another's, relabelled": (relabelled, QUARANTINED, "cannot_open", None),
    "a withdrawal of another's report": (withdrawal, REFUSED, "unknown_report", "report_id"),
    # content
    "no nodes": (lambda w: w.sealed(nodes=(), relations=()), REFUSED, "no_nodes", "nodes"),
    "51 nodes": (
        lambda w: w.sealed(nodes=FIFTY_ONE, relations=()),
        REFUSED,
        "too_many_nodes",
        "nodes",
    ),
    "a relation to a missing node": (
        lambda w: w.sealed(relations=(tie("child", RelationKind.SIBLING, "nobody"),)),
        REFUSED,
        "missing_node",
        "relations[0].object",
    ),
    "a wrong check digit": (
        lambda w: w.sealed(**with_child(nhs_number="9434765918")),
        REFUSED,
        "wrong_check_digit",
        "nodes[0].identity.nhs_number",
    ),
    "a date for a name": (
        lambda w: w.sealed(**with_child(given_name="12/03/2011")),
        REFUSED,
        "unreadable_identifier",
        "nodes[0].identity.given_name",
    ),
    "five hundred aliases": (
        lambda w: w.sealed(**with_child(known_as=("Testa",) * 500)),
        REFUSED,
        "too_many_items",
        "nodes[0].identity.known_as",
    ),
    "a licence of somebody else": (
        lambda w: w.sealed(
            **with_child(family_name="Inventsson", driver_number="MORGA657054SM9IJ")
        ),
        REFUSED,
        "disagrees_with_family_name",
        "nodes[0].identity.driver_number",
    ),
    "a narrative of 100 kB": (
        lambda w: w.sealed(narrative="He was seen again. " * 5_400),
        REFUSED,
        "too_long",
        "narrative",
    ),
    "born tomorrow": (
        lambda w: w.sealed(**with_child(born_on=date.today() + timedelta(days=2))),  # noqa: DTZ011 - a day off is far enough
        REFUSED,
        "born_in_future",
        "nodes[0].identity.born_on",
    ),
    "an event of the year 1": (
        lambda w: w.sealed(event_at=AT.replace(year=1)),
        REFUSED,
        "too_long_ago",
        "event_at",
    ),
    "a name for a service": (
        lambda w: w.sealed(service="Testina Inventsson"),
        REFUSED,
        "service_not_registered",
        "service",
    ),
}


@dataclass(frozen=True)
class Told:
    """A bad record: where it lies, and what came back for the good report sent after it."""

    offset: int
    value: bytes | None
    next_outcome: Outcome


@pytest.fixture(scope="module")
def bad(world):
    """Every bad record, each followed by a good report; sent once for all tests."""
    return asyncio.run(_campaign(world))


async def _campaign(world):
    found = {}
    async with world.partner(NEIGHBOUR) as neighbour:
        before = await neighbour.submit(world.known)
        assert (await before.receipt(RECEIPT_SECONDS_MAX)).outcome is SHARED
    async with world.partner() as partner:
        for name, (make, *_) in BAD.items():
            value = make(world)
            offset = await world.put(value)
            value = value.value if isinstance(value, Beside) else value
            after = await partner.submit(good())
            receipt = await after.receipt(RECEIPT_SECONDS_MAX)
            found[name] = Told(offset, value, receipt.outcome)
    return found


@pytest.fixture(scope="module")
def feedback(world, bad):
    return asyncio.run(world.feedback())


@pytest.fixture(scope="module")
def kept(world, bad):
    return asyncio.run(world.events(QUARANTINE, Quarantined))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_has_one_outcome_and_the_next_report_goes_on(name, world, bad, feedback, kept):
    _, outcome, code, field = BAD[name]
    one = bad[name]
    receipts = [given for given in feedback if given.offset == one.offset]
    if name.startswith("a withdrawal"):  # its position is not known that far down
        receipts = [given for given in feedback if given.report_id == world.known.report_id
                    and given.revision is None]  # fmt: skip
    quarantined = [record for record in kept if (record.partner, record.offset) ==
                   (HOSTILE, one.offset)]  # fmt: skip

    assert [given.outcome for given in receipts] == [outcome]
    assert (code, field) in [(reason.code, reason.field) for reason in receipts[0].reasons]
    assert len(quarantined) == (outcome is QUARANTINED)
    assert [record.submission for record in quarantined] in ([], [one.value or b""])
    assert one.next_outcome is SHARED


# --- too large -----------------------------------------------------------------------------------


async def test_what_is_too_large_is_refused_where_it_is_written(world):
    labels = [
        f"Inventsson {number}".ljust(100, "\u8a9e") for number in range(50)
    ]  # three bytes a sign
    nodes = tuple(replace(unnamed(), label=label) for label in labels)
    ties = tuple(
        tie(labels[number % 50], RelationKind.CO_OFFENDER, labels[(number + 7) % 50])
        for number in range(500)
    )
    async with world.partner() as partner:
        with pytest.raises(InvalidReportError) as refused:
            await partner.submit(told(nodes=nodes, relations=ties))
        assert [one.code for one in refused.value.problems] == ["too_large"]
        assert "Inventsson" not in str(refused.value)
        for codec in (None, "gzip"):  # packed tightly it is no smaller
            with pytest.raises(MessageSizeTooLargeError):
                await world.send(bytes(MAX_SUBMISSION_BYTES + 1), codec=codec)
        after = await partner.submit(good())
        assert (await after.receipt(RECEIPT_SECONDS_MAX)).outcome is SHARED


def stored_zstd(payload, _=None):
    """A Zstandard frame that packs nothing: magic, one segment, size, one raw last block."""
    size = len(bytes(payload))
    head = b"\x28\xb5\x2f\xfd\xa0" + size.to_bytes(4, "little")
    return head + (size << 3 | 1).to_bytes(3, "little") + bytes(payload)


async def test_a_codec_that_the_anonymiser_cannot_read_stops_nobody(world, monkeypatch):
    from aiokafka.record import default_records  # noqa: PLC0415 - what builds batches

    builder = sys.modules[default_records.DefaultRecordBatchBuilder.__module__]
    monkeypatch.setattr("aiokafka.codec.has_zstd", lambda: True)
    monkeypatch.setattr(builder, "zstd_encode", stored_zstd)
    monkeypatch.setitem(
        AIOKafkaProducer._COMPRESSORS, "zstd", (lambda: True, batches.DefaultRecordBatch.CODEC_ZSTD)
    )
    one = good()

    await world.send(sealed(one, world.keys), codec="zstd")

    (given,) = await world.until_told(lambda given: given.report_id == one.report_id)
    assert given.outcome is SHARED


def test_a_client_that_claims_a_hundred_megabytes_does_not_end_the_broker(world):
    (broker,) = [one for one in processes(world) if one["name"] == "broker"]
    host, _, port = world.bootstrap.partition(":")
    known = world.access(f"partner:{HOSTILE}").credentials
    for _ in range(4):
        with socket.create_connection((host, int(port))) as stray:
            stray.sendall((99_000_000).to_bytes(4, "big") + bytes(8))
            assert stray.recv(1) in {b"", TLS_ALERT}  # shown the door
        with (
            socket.create_connection((host, int(port))) as stray,
            known.context().wrap_socket(stray, server_hostname=host) as inside,
        ):
            inside.sendall((99_000_000).to_bytes(4, "big") + bytes(8))
            assert inside.recv(1) == b""  # a certificate opens no other door
    assert ProcessIdentity.from_dict(broker).is_alive


# --- what a partner writes beside the value ------------------------------------------------------


async def test_keys_and_headers_of_a_partner_never_travel_on(world):
    one = good()
    headers = [("subject", SOMEBODY), ("traceparent", b"00-aaaaaaaa-bbbbbbbb-01")]

    await world.send(sealed(one, world.keys), key=SOMEBODY, headers=headers)
    (given,) = await world.until_told(lambda given: given.report_id == one.report_id)

    assert given.outcome is SHARED
    mine = submissions_of(HOSTILE)
    async for message in every_record(world):
        beside = (message.key or b"") + repr(message.headers).encode()
        if message.topic != mine:
            assert message.headers == ()
            assert SOMEBODY not in beside
            assert b"traceparent" not in beside


@asynccontextmanager
async def reading(world):
    consumer = AIOKafkaConsumer(
        **world.access("supervisor").options(), auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def every_record(world):
    """Yield every record of every topic as the broker holds it, uncommitted ones too."""
    specs = [*SHARED_TOPICS, *partner_topics(HOSTILE), *partner_topics(NEIGHBOUR)]
    partitions = [partition_of(spec.name) for spec in specs]
    async with reading(world) as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for messages in (await consumer.getmany(timeout_ms=500)).values():
                for message in messages:
                    yield message


# --- nobody else's reports -----------------------------------------------------------------------


async def test_the_same_report_id_of_two_partners_is_two_reports(world, bad):
    shared_id = world.known.report_id
    mine = replace(good(), report_id=shared_id)
    async with world.partner() as partner, world.partner(NEIGHBOUR) as neighbour:
        for one in (mine, replace(mine, revision=2, supersedes=1)):
            taken = await partner.submit(one)
            assert (await taken.receipt(RECEIPT_SECONDS_MAX)).outcome is SHARED
        gone = await partner.withdraw(shared_id, WithdrawalReason.WRONG_PERSON)
        assert (await gone.receipt(RECEIPT_SECONDS_MAX)).outcome is Outcome.WITHDRAWN
        again = await neighbour.submit(world.known)
        assert (await again.receipt(RECEIPT_SECONDS_MAX)).outcome is Outcome.DUPLICATE
        corrected = await neighbour.correct(world.known)
        assert (await corrected.receipt(RECEIPT_SECONDS_MAX)).outcome is SHARED
    resolved = await world.resolved()
    assert resolved.entity((NEIGHBOUR, shared_id, 2, 0)) is not None
    assert resolved.entity((HOSTILE, shared_id, 2, 0)) is None


async def test_placeholders_never_link(world):
    nobody = {"given_name": "UNKNOWN", "nhs_number": "9999999999", "born_on": date(1900, 1, 1)}
    reports = [
        told(partner=partner, **with_child(**nobody))
        for partner in (HOSTILE, NEIGHBOUR, HOSTILE, NEIGHBOUR)
    ]
    for one in reports:
        await world.send(sealed(one, world.keys), partner=one.partner)
    for one in reports:
        (given,) = await world.until_told(
            lambda given, one=one: given.report_id == one.report_id, one.partner
        )
        assert given.outcome is SHARED
    resolved = await world.resolved()
    people = {resolved.entity((one.partner, one.report_id, 1, 0)) for one in reports}
    assert len(people) == len(reports)
    assert None not in people


# --- the command ---------------------------------------------------------------------------------


def rivelin(world, *arguments, text=None):
    done = subprocess.run(
        [sys.executable, "-m", "deploy", *arguments],
        env={**os.environ, "RIVELIN_HOME": str(world.settings.home)},
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (world.settings.logs_dir / f"said-{uuid.uuid4().hex}.log").write_text(done.stdout + done.stderr)
    return done


def test_the_command_names_fields_and_shows_no_value(world):
    lines = [
        json.dumps(to_json(told(**with_child(nhs_number="9434765918", given_name="Testina")))),
        json.dumps(to_json(told()) | {"Testina Inventsson": 1}),
        json.dumps(to_json(told()) | {"gateway": "Testina Inventsson"}),
        json.dumps(to_json(told()))[:-9],
        json.dumps(to_json(good())),
    ]
    submitted = ("submit", "-", "--partner", HOSTILE, "--wait", "30", "--json")
    done = rivelin(world, *submitted, text="\n".join(lines))
    assert done.returncode == 3
    assert [row["outcome"] for row in json.loads(done.stdout)] == [*["NOT_SENT"] * 4, "SHARED"]
    nothing = rivelin(world, "submit", "-", "--partner", HOSTILE, text="")
    assert (nothing.returncode, nothing.stderr) == (3, "rivelin: the file holds no report\n")


# --- whatever dies -------------------------------------------------------------------------------


def processes(world):
    return read_report(world.settings).facts["processes"]


def kill(world, name) -> None:
    (pid,) = [one["pid"] for one in processes(world) if one["name"] == name]
    os.kill(pid, signal.SIGKILL)


def kill_broker_outside_the_window(world) -> None:
    """Hold the roles until the markers of what was answered are written, then kill: ADR 0011."""
    roles = [one["pid"] for one in processes(world) if one["name"] != "broker" and one["pid"]]
    for pid in roles:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(0.3)
    kill(world, "broker")
    for pid in roles:
        os.kill(pid, signal.SIGCONT)


async def test_broker_and_roles_killed_under_load_lose_nothing_and_double_nothing(world):
    reports = [good() for _ in range(240)]
    async with world.partner() as partner:
        sending = asyncio.create_task(_send_all(partner, reports))
        await asyncio.sleep(1.0)
        kill_broker_outside_the_window(world)
        for name in ("gate", "linker", "anonymiser"):
            await asyncio.sleep(2.5)
            kill(world, name)
        await asyncio.sleep(1.5)
        sent = await asyncio.wait_for(sending, PATIENCE_SECONDS)
        receipts = [await one.receipt(PATIENCE_SECONDS) for one in sent]
    assert {receipt.outcome for receipt in receipts} <= {SHARED, Outcome.DUPLICATE}
    given = Counter(one.report_id for one in await world.feedback() if one.outcome is SHARED)
    assert [given[one.report_id] for one in reports] == [1] * len(reports)


async def _send_all(partner, reports):
    """A few at a time, so that the kills meet the system at work."""
    sent = []
    for first in range(0, len(reports), 4):
        sent += [one async for one in partner.submit_many(reports[first : first + 4])]
        await asyncio.sleep(0.1)
    return sent


# --- in the end ----------------------------------------------------------------------------------


async def test_every_record_has_exactly_one_outcome(world, bad):
    """What a partner wrote and what it was told are equal in number, whatever died meanwhile."""
    for partner in (HOSTILE, NEIGHBOUR):
        log = KafkaLog(world.access("supervisor"), client_id="test-bad-input")
        written = (await log.ends([submissions_of(partner)]))[submissions_of(partner)]
        await log.stop()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(await world.feedback(partner)) < written:  # noqa: ASYNC110 - a log gives no event
                await asyncio.sleep(0.2)
        await asyncio.sleep(0.5)
        given = await world.feedback(partner)
        offsets = Counter(one.offset for one in given if one.offset is not None)
        assert len(given) == written
        assert set(offsets.values()) <= {1}
    kept = await world.events(QUARANTINE, Quarantined)
    assert len({(one.partner, one.offset) for one in kept}) == len(kept)
    assert len(kept) == sum(outcome is QUARANTINED for _, outcome, *_ in BAD.values())


async def test_police_have_each_shared_report_once(world, bad):
    live = 0
    for partner in (HOSTILE, NEIGHBOUR):
        given = await world.feedback(partner)
        shared = {one.report_id for one in given if one.outcome is SHARED}
        live += len(shared - {one.report_id for one in given if one.outcome is Outcome.WITHDRAWN})
    projection = OcgNetwork()
    store = ProjectionStore.look(store_path(world.settings.stores_dir, projection), projection)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while reports_in(store) != live:  # noqa: ASYNC110 - a store gives no event
            await asyncio.sleep(0.1)
    store.close()
    assert live > len(BAD)


def reports_in(store):
    with store.snapshot() as snapshot:
        return sum(not row["is_withdrawn"] for row in snapshot.rows(REPORTS))


def test_replay_says_the_same(world, bad):
    done = rivelin(world, "replay", "--json")
    assert done.returncode == 0, done.stderr
    assert [one["equal"] for one in json.loads(done.stdout)] == [True, True]


async def test_no_identifier_is_in_any_log_key_header_reason_or_view(world, bad):
    search = LeakSearch(one for told in world.all for one in identifiers_of(told))
    clear = submissions_of(HOSTILE)
    found, control, documents = [], 0, 0
    async for message in every_record(world):
        for document in shown(message):
            documents += 1
            leaks = list(search.find(document))
            if message.topic == clear:  # it wrote some of them there itself
                control += len(leaks)
            else:
                found += leaks
    for folder in (world.settings.logs_dir, world.settings.run_dir, world.settings.stores_dir):
        for document in files_in(folder):
            documents += 1
            found += search.find(replace(document, is_text=folder != world.settings.stores_dir))
    assert found == []
    assert control > 10
    assert documents > 1000


def shown(message):
    """Key, headers and value; of a quarantine record all but the partner's own bytes."""
    name = f"{message.topic} {message.offset}"
    beside = (message.key or b"") + b"\n".join(n.encode() + b"=" + v for n, v in message.headers)
    yield Document(f"{name} beside", beside, is_text=message.topic != "enclave.report-keys")
    value = message.value or b""
    if message.topic == QUARANTINE:
        value = encode(replace(decode(value, Quarantined), submission=b""))
    yield Document(name, value)
