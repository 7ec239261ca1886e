from __future__ import annotations

import ast
import asyncio
import json
import logging
import re
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import faust
import pytest

import anonymiser.intake.worker as package
from anonymiser.intake.worker import lane as lane_module
from anonymiser.intake.worker.lane import GROUP, Lane, Prepared
from anonymiser.intake.worker.shell import (
    STALL_SECONDS,
    STALL_SECONDS_WHILE_OTHERS_MOVE,
    Place,
    Shell,
    member_id,
)
from anonymiser.intake.worker.status import (
    CATCHING_UP,
    JOINING,
    RUNNING,
    Status,
    TopicStatus,
    write_status,
)
from anonymiser.keyring import new_keys
from anonymiser.narrative.redact import Redactor
from streams.erasure import Erasures
from streams.errors import LogError
from streams.kafka.access import Access
from streams.loop import read_to_end
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.registry import Registry
from streams.topics import TOKENISED

TOPIC = "partner.loxley.submissions"


class EndedError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def fates(monkeypatch):
    """Why the process would have ended."""
    told = []

    def fatal(why, error=None):
        told.append(why)
        raise EndedError(why)

    monkeypatch.setattr(lane_module, "fatal", fatal)
    return told


@pytest.fixture
async def log():
    return MemoryLog()


OPENED = []


@pytest.fixture(autouse=True)
async def no_lane_outlives_its_test():
    """A task whose error nobody looked at is told of by the collector, in some other test."""
    yield
    for lane in OPENED:
        lane.end()
    await asyncio.gather(*(lane._task for lane in OPENED), return_exceptions=True)
    OPENED.clear()


async def lane_on(log, spacing=0.0):
    lane = Lane(TOPIC, log, lambda: spacing)
    OPENED.append(lane)
    await lane.open(1)
    return lane


def prepared(offset, *, generation=1, urgent=False):
    return Prepared(offset, generation, urgent, (Outgoing(TOKENISED, f"out {offset}".encode()),))


async def written(log):
    return [
        record.value.decode()
        async for records in read_to_end(log, (TOKENISED,))
        for record in records
    ]


async def committed(log):
    sink = log.sink("look", GROUP, (TOPIC,))
    return (await sink.start()).get(TOPIC)


async def until(condition):
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)


async def submitted(log, count):
    """Records on the partner's topic, so that the offsets exist."""
    await log.append([Outgoing(TOPIC, b"submission")] * count)


# --- lanes ---


async def test_output_and_offset_commit_together(log):
    lane = await lane_on(log)
    for offset in range(3):
        lane.put(prepared(offset))
    await until(lambda: lane.floor == 3)
    assert await written(log) == ["out 0", "out 1", "out 2"]
    assert await committed(log) == 3


async def test_a_new_owner_goes_on_where_the_old_one_committed(log):
    await submitted(log, 1)
    lane = await lane_on(log)
    lane.put(prepared(0))
    await until(lambda: lane.floor == 1)
    await lane.close()
    other = await lane_on(log)
    assert other.floor == 1
    assert not other.wants(0)
    assert other.wants(1)


async def test_what_was_committed_is_dropped_also_twice_inside_one_batch(log):
    lane = await lane_on(log, spacing=0.05)
    lane.put(prepared(0))
    await until(lambda: lane.floor == 1)
    for offset in (0, 1, 1, 0, 2):
        lane.put(prepared(offset))
    await until(lambda: lane.floor == 3)
    assert await written(log) == ["out 0", "out 1", "out 2"]


async def test_what_was_read_before_a_rebalance_is_not_committed_after_it(log):
    lane = await lane_on(log, spacing=10.0)
    lane.began_at = time.monotonic()
    lane.put(prepared(0))
    await lane.open(2)
    lane.put(prepared(0, generation=1))
    lane.put(prepared(0, generation=2, urgent=True))
    await until(lambda: lane.floor == 1)
    assert await written(log) == ["out 0"]


async def test_a_lost_record_ends_the_process_before_anything_is_written(log, fates):
    await submitted(log, 3)
    lane = await lane_on(log)
    lane.put(prepared(1))
    await until(lambda: fates)
    assert fates[0] == f"gap in {TOPIC}: 0 was to come, 1 came"
    assert await written(log) == []


async def test_offsets_that_hold_nothing_are_passed_over(log, fates):
    producer = log.sink("partner", "none", ())
    await producer.start()
    for _ in range(2):  # each transaction leaves a marker: offsets 1 and 3
        await producer.commit([Outgoing(TOPIC, b"submission")], {})
    lane = await lane_on(log)
    lane.put(prepared(0))
    lane.put(prepared(2))
    await until(lambda: lane.floor == 3)
    assert await written(log) == ["out 0", "out 2"]
    await lane.check_stall(4)  # the last marker is no reason to wait for ever
    assert lane.floor == 4
    assert fates == []


class BusyLog(MemoryLog):
    """Its readers get nothing in time, whatever there is."""

    def source(self):
        source = super().source()

        async def poll(limit, wait):
            return []

        source.poll = poll
        return source


async def test_a_broker_that_is_slow_is_not_taken_for_one_that_has_nothing(fates):
    log = BusyLog()
    await submitted(log, 3)
    lane = await lane_on(log)
    with pytest.raises(LogError, match="could not be read from 0 to 3"):
        await lane.check_stall(3)
    assert lane.floor == 0
    lane.put(prepared(1))
    await until(lambda: fates)
    assert await committed(log) is None


async def test_a_reader_that_hangs_is_noticed(log, fates):
    await submitted(log, 1)
    lane = await lane_on(log)
    with pytest.raises(EndedError, match="stalled at 0 of 1"):
        await lane.check_stall(1)


async def test_a_fenced_lane_ends_the_process(log, fates):
    lane = await lane_on(log)
    other = await lane_on(log)
    lane.put(prepared(0))
    await until(lambda: fates)
    assert await written(log) == []
    other.put(prepared(0))
    await until(lambda: other.floor == 1)


async def test_under_load_records_gather_into_one_transaction(log):
    lane = await lane_on(log, spacing=0.1)
    lane.put(prepared(0))
    await until(lambda: lane.floor == 1)
    began = time.monotonic()
    for offset in (1, 2, 3):
        lane.put(prepared(offset))
        await asyncio.sleep(0.01)
    await until(lambda: lane.floor > 1)
    assert lane.floor == 4
    assert time.monotonic() - began > 0.05


async def test_an_immediate_risk_waits_for_nothing_and_ends_its_transaction(log):
    lane = await lane_on(log, spacing=60.0)
    lane.put(prepared(0))
    await until(lambda: lane.floor == 1)
    lane.put(prepared(1))
    lane.put(prepared(2, urgent=True))
    lane.put(prepared(3))
    await until(lambda: lane.floor == 3)
    await asyncio.sleep(0.05)
    assert lane.floor == 3
    assert lane.waiting_records == 1


async def test_in_a_backlog_urgent_records_share_a_transaction(log):
    lane = await lane_on(log, spacing=60.0)
    lane.put(prepared(0))
    await until(lambda: lane.floor == 1)
    for offset in range(1, 101):
        lane.put(prepared(offset, urgent=True))
    await until(lambda: lane.floor == 101)
    # MemoryLog, like Kafka, spends an offset on a marker for each transaction
    assert (await log.ends((TOKENISED,)))[TOKENISED] < 101 + 25


async def test_closing_commits_what_waits_first(log):
    lane = await lane_on(log, spacing=60.0)
    lane.put(prepared(0))
    await until(lambda: lane.floor == 1)
    lane.put(prepared(1))
    await lane.close()
    assert lane.waiting_records == 0
    assert await committed(log) == 2


# --- who we are ---


def test_a_member_id_is_stable_and_changes_with_the_topics():
    topics = ["partner.b.submissions", "partner.a.submissions"]
    assert member_id("1", topics) == member_id("1", reversed(topics))
    assert member_id("1", topics) != member_id("1", topics[:1])
    assert member_id("1", topics) != member_id("2", topics)


def test_the_status_file_is_replaced_whole_and_says_what_every_role_says(tmp_path):
    one = TopicStatus(position=5, end=7, lag=2, committed_at="2026-11-17T09:00:00+00:00")
    status = Status(slot="1", state=RUNNING, written_at="now", topics={TOPIC: one})
    write_status(tmp_path / "anonymiser.json", status)
    facts = json.loads((tmp_path / "anonymiser.json").read_text())
    assert (facts["role"], facts["lag"], facts["positions"]) == ("anonymiser", 2, {TOPIC: 5})
    assert facts["topics"][TOPIC]["committed_at"] == facts["moved_at"]
    assert [path.name for path in tmp_path.iterdir()] == ["anonymiser.json"]


def test_until_a_topic_is_open_nobody_knows_how_much_waits(tmp_path):
    file = tmp_path / "anonymiser.json"
    for state in (JOINING, CATCHING_UP):
        write_status(file, Status(slot="1", state=state, written_at="now"))
        assert json.loads(file.read_text())["lag"] is None


def test_a_full_disk_does_not_end_a_worker(tmp_path):
    write_status(
        tmp_path / "no-such-folder" / "anonymiser.json",
        Status(slot="1", state=RUNNING, written_at="now"),
    )


# --- what is never used (research: each loses or doubles records) ---

FORBIDDEN = {
    "exactly_once", "processing_guarantee", "Table", "GlobalTable", "SetTable", "send_soon",
    "noack", "forward", "through", "group_by", "codec", "value_serializer_json", "pattern",
    "concurrency", "crash", "cast", "ask", "sink", "sinks", "DEBUG", "setLevel_debug",
}  # fmt: skip
ALLOWED = {"lane.py": {"sink"}}  # our own transactional writer, not Faust's


def code_of(file: Path) -> set[str]:
    """Every name, attribute and keyword in a file: words of comments do not count."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Name):
            names.add(node.id)
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        if isinstance(node, ast.keyword) and node.arg:
            names.add(node.arg)
    return names


def test_what_loses_or_doubles_records_is_never_used():
    files = list(Path(package.__file__).parent.glob("*.py"))
    assert len(files) >= 6
    for file in files:
        assert not code_of(file) & FORBIDDEN - ALLOWED.get(file.name, set()), file.name


def test_the_search_for_forbidden_names_finds_them(tmp_path):
    file = tmp_path / "worker.py"
    file.write_text("app = App(processing_guarantee='exactly_once')\nevent.forward(other)\n")
    assert code_of(file) & FORBIDDEN == {"processing_guarantee", "forward"}


def test_raw_bytes_come_in_and_faust_acknowledges_nothing():
    source = (Path(package.__file__).parent / "shell.py").read_text()
    for setting in ("acks=False", 'value_serializer="raw"', 'key_serializer="raw"'):
        assert setting in source
    for setting in ("web_enabled=False", "topic_disable_leader=True", "topic_allow_declare=False"):
        assert setting in source
    assert re.search(r"worker\.spinner = None", source)


async def test_a_death_is_told_without_the_words_of_a_foreign_error(caplog, monkeypatch):
    from anonymiser.intake.worker import fate  # noqa: PLC0415 - patched below

    codes = []
    monkeypatch.setattr(fate.os, "_exit", codes.append)
    monkeypatch.setattr(fate.logging, "shutdown", lambda: None)
    with caplog.at_level(logging.CRITICAL):
        fate.fatal("committing", ValueError("Testina Inventsson"))
    assert codes == [fate.EXIT_FATAL]
    assert "committing: ValueError" in caplog.text
    assert "Testina" not in caplog.text


def test_in_a_backlog_a_lane_may_wait_long_for_its_turn_and_in_a_standstill_it_may_not():
    def stall_seconds(*began_at):
        lanes = {f"lane {n}": SimpleNamespace(began_at=at) for n, at in enumerate(began_at)}
        return Shell._stall_seconds(SimpleNamespace(lanes=lanes), 1_000.0)

    assert stall_seconds(10.0, 999.0) == STALL_SECONDS_WHILE_OTHERS_MOVE
    assert stall_seconds(10.0, 20.0) == STALL_SECONDS
    assert stall_seconds() == STALL_SECONDS


# --- a rebalance in the middle of a batch ---


class Group:
    """What Faust tells of the group: a generation, and the topics of this member."""

    def __init__(self):
        self.consumer_generation_id = 1
        self.consumer = self

    def assignment(self):
        return {faust.types.TP(TOPIC, 0)}


def read(offset, generation):
    place = {"topic": TOPIC, "tp": faust.types.TP(TOPIC, 0)}
    return SimpleNamespace(**place, offset=offset, generation_id=generation, key=None, headers=())


async def test_what_was_read_before_a_rebalance_is_left_to_be_read_anew(
    log, tmp_path, monkeypatch, fates
):
    await submitted(log, 3)
    topics = SimpleNamespace(
        present=frozenset({TOPIC}), beside=frozenset(), registry=Registry(), erasures=Erasures()
    )
    place = Place(access=Access("127.0.0.1:1"), status_file=tmp_path / "status", data_dir=tmp_path,
                  slot="1")  # fmt: skip
    shell = Shell(place, topics, new_keys(), Redactor())
    shell.app, shell._log = Group(), log
    begun, going_on = asyncio.Event(), asyncio.Event()

    async def outgoing(message):
        begun.set()
        await going_on.wait()
        return (Outgoing(TOKENISED, f"{message.generation_id}: {message.offset}".encode()),)

    monkeypatch.setattr(shell, "_outgoing", outgoing)
    before = asyncio.create_task(shell.take([read(offset, 1) for offset in range(3)]))
    await begun.wait()
    await shell.drain()
    shell.app.consumer_generation_id = 2
    await shell.assigned(shell.app.assignment())
    OPENED.append(shell.lanes[TOPIC])
    going_on.set()
    await before
    assert shell.lanes[TOPIC].generation == 2
    assert shell.lanes[TOPIC].waiting_records == 0

    await shell.take([read(offset, 2) for offset in range(3)])
    await until(lambda: shell.lanes[TOPIC].floor == 3)
    assert await written(log) == ["2: 0", "2: 1", "2: 2"]
    assert fates == []


# --- a topic that is not what it was ---


async def test_a_topic_that_ends_before_what_was_read_of_it_is_read_anew(log, monkeypatch):
    monkeypatch.setattr(lane_module, "_PROBE_WAIT", timedelta(0))
    await submitted(log, 3)
    lane = await lane_on(log)
    for offset in range(3):
        lane.put(prepared(offset))
    await until(lambda: lane.floor == 3)
    await lane.close()
    shorter = MemoryLog()  # what a topic made anew looks like, or one that lost its last records
    await submitted(shorter, 2)
    sink = shorter.sink("before", GROUP, (TOPIC,))
    await sink.start()
    await sink.commit([], {TOPIC: 3})

    other = await lane_on(shorter)

    assert other.floor == 0
    for offset in range(2):
        other.put(prepared(offset))
    await until(lambda: other.floor == 2)
    assert await written(shorter) == ["out 0", "out 1"]
    assert await committed(shorter) == 2
