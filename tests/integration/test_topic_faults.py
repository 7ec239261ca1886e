"""A topic that goes, is made anew, or holds what nobody can read: its reader ends and says which,
skips nothing, and goes on by itself when that is mended.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from anonymiser import keyring
from consumers.safeguarding import Safeguarding
from consumers.store import ProjectionStore, store_path
from deploy.broker import LocalBroker
from deploy.progress import read_progress
from deploy.roles import EXIT_FATAL
from deploy.settings import Settings
from deploy.topics import ensure_topics
from streams.errors import LogTruncatedError, MissingTopicError
from streams.kafka import KafkaLog
from streams.kafka.connection import partition_of
from streams.ports import Outgoing
from streams.topics import (
    OUTGOING,
    POLICE_DECISIONS,
    REVIEW_COMMANDS,
    SAFEGUARDING,
    SHARED_TOPICS,
)
from tests.elsewhere import elsewhere
from tests.integration.test_roles import events_in, eventually, running

#: A frame of a schema that this installation has not.
FOREIGN = b"\x00\x00\x0f\x42\x3f" + b"Visibly Inventsson"
READ_WAIT = timedelta(seconds=2)
NOTICED_SECONDS_MAX = 30


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A broker of our own: what is done to its topics must not meet other tests."""
    with LocalBroker(Settings(home=tmp_path_factory.mktemp("topic-faults"))) as node:
        yield node


@pytest.fixture
async def home(node, tmp_path):
    settings = elsewhere(node, tmp_path / "home")
    settings.make_folders()
    keyring.create_missing(settings.keys_dir)
    await ensure_topics(settings, SHARED_TOPICS)
    return settings


@pytest.fixture
async def admin(node):
    client = AIOKafkaAdminClient(**node.access("supervisor").options())
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def log(node):
    log = KafkaLog(node.access("supervisor"), client_id="test-topic-faults")
    yield log
    await log.stop()


def is_at_work(settings, role):
    return (read_progress(settings, role) or {}).get("state") == "running"


def its_end(process, log):
    """Wait until the role ends by itself; return its last line."""
    assert process.wait(NOTICED_SECONDS_MAX) == EXIT_FATAL
    assert "Traceback" not in log.read_text()
    last = events_in(log)[-1]
    assert last["event"] == "failed"
    return last


async def test_a_topic_deleted_under_a_running_role_ends_it_and_it_starts_when_it_is_there_again(
    home, admin, tmp_path
):
    first, second, third = (tmp_path / f"{n}.log" for n in range(3))
    with running("gate", home, first) as process:
        eventually(lambda: is_at_work(home, "gate"))
        await admin.delete_topics([OUTGOING])
        last = its_end(process, first)
    assert (last["error"], last["reason"]) == ("MissingTopicError", f"no such topic: {OUTGOING}")
    with running("gate", home, second) as process:
        assert its_end(process, second)["reason"] == f"no such topic: {OUTGOING}"

    await ensure_topics(home, SHARED_TOPICS)

    with running("gate", home, third):
        eventually(lambda: is_at_work(home, "gate"))


async def test_a_topic_made_anew_is_not_read_on_as_if_nothing_were(home, admin, log, tmp_path):
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    await log.append([Outgoing(SAFEGUARDING, b"no event")] * 5)
    with running("safeguarding", home, first):
        eventually(lambda: is_at_work(home, "safeguarding"))
    await admin.delete_topics([SAFEGUARDING])
    with pytest.raises(MissingTopicError, match=SAFEGUARDING):
        await log.ends([SAFEGUARDING])
    await ensure_topics(home, SHARED_TOPICS)
    await log.append([Outgoing(SAFEGUARDING, b"another")] * 2)

    with running("safeguarding", home, second) as process:
        last = its_end(process, second)

    assert last["error"] == "LogTruncatedError"
    assert f"{SAFEGUARDING}: read up to 5, and it ends at 2" in last["reason"]
    assert positions(home)[SAFEGUARDING] == 5  # nothing was moved: a human decides


def positions(settings):
    projection = Safeguarding()
    store = ProjectionStore.look(store_path(settings.stores_dir, projection), projection)
    try:
        return dict(store.positions())
    finally:
        store.close()


async def test_a_reader_that_met_a_topic_made_anew_says_so_while_it_reads(home, admin, log):
    await log.append([Outgoing(SAFEGUARDING, b"no event")] * 3)
    end = (await log.ends([SAFEGUARDING]))[SAFEGUARDING]
    source = log.source()
    await source.start({SAFEGUARDING: end})
    await admin.delete_topics([SAFEGUARDING])
    await ensure_topics(home, SHARED_TOPICS)

    with pytest.raises(LogTruncatedError, match=f"{SAFEGUARDING}: read up to {end}"):
        await _poll_for_ever(source)
    await source.stop()


async def _poll_for_ever(source):
    async with asyncio.timeout(NOTICED_SECONDS_MAX):
        while True:
            await source.poll(10, READ_WAIT)


async def test_records_deleted_before_they_were_read_stop_their_reader(home, admin, log, tmp_path):
    told = tmp_path / "role.log"
    await log.append([Outgoing(POLICE_DECISIONS, b"no event")] * 5)
    where = {partition_of(POLICE_DECISIONS): RecordsToDelete(before_offset=3)}
    await admin.delete_records(where)

    with running("ocg-network", home, told) as process:
        last = its_end(process, told)

    assert last["error"] == "RetentionGapError"
    assert last["reason"] == f"{POLICE_DECISIONS}: 0 to 3 were deleted"


async def test_a_schema_that_is_gone_stops_its_reader_which_names_topic_offset_and_id(
    home, log, tmp_path
):
    told = tmp_path / "role.log"
    (where,) = await log.append([Outgoing(REVIEW_COMMANDS, FOREIGN)])

    with running("desk", home, told) as process:
        last = its_end(process, told)

    assert last["error"] == "MissingSchemaError"
    assert f"{REVIEW_COMMANDS} at {where.offset}: schema 999999 is not" in last["reason"]
    assert "Inventsson" not in told.read_text()
