"""How far a role is: written down for others, and watched for standing still."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from deploy import progress
from deploy.progress import (
    Heartbeat,
    StalledError,
    lag_of,
    read_beat,
    read_progress,
    write_progress,
)
from deploy.settings import Settings
from streams.errors import BrokerUnreachableError, MissingTopicError
from streams.memory import MemoryLog
from streams.ports import Outgoing


@pytest.fixture
def settings(tmp_path):
    settings = Settings(home=tmp_path / "home")
    settings.make_folders()
    return settings


@pytest.fixture
async def log():
    log = MemoryLog()
    await log.append([Outgoing("in", b"x")] * 5)
    return log


class Role:
    def __init__(self, position):
        self.position = position

    def positions(self):
        return {"in": self.position}


async def test_a_beat_tells_position_and_lag(settings, log):
    await Heartbeat("gate", settings, log, Role(2).positions)._beat()

    told = read_progress(settings, "gate")
    assert told["positions"] == {"in": 2}
    assert told["lag"] == 3
    assert told["state"] == "catching up"
    assert told["moved_at"] is None


async def test_a_role_that_has_read_everything_runs(settings, log):
    role = Role(2)
    heartbeat = Heartbeat("gate", settings, log, role.positions)
    await heartbeat._beat()
    role.position = 5
    await heartbeat._beat()

    told = read_progress(settings, "gate")
    assert (told["state"], told["lag"]) == ("running", 0)
    assert told["moved_at"] is not None


async def test_without_a_broker_the_lag_is_unknown_and_the_beat_goes_on(settings):
    class Gone(MemoryLog):
        async def ends(self, topics):
            raise BrokerUnreachableError("gone")

    await Heartbeat("gate", settings, Gone(), Role(2).positions)._beat()

    assert read_progress(settings, "gate")["lag"] is None


async def test_a_role_that_has_work_and_does_none_is_stuck(settings, log, monkeypatch):
    monkeypatch.setattr(progress, "STALL_SECONDS_MAX", 0.0)
    heartbeat = Heartbeat("gate", settings, log, Role(2).positions)
    await heartbeat._beat()

    with pytest.raises(StalledError, match="3 records"):
        await heartbeat._beat()


async def test_idleness_is_no_standstill(settings, log, monkeypatch):
    monkeypatch.setattr(progress, "STALL_SECONDS_MAX", 0.0)
    heartbeat = Heartbeat("gate", settings, log, Role(5).positions)

    for _ in range(3):
        await heartbeat._beat()


async def test_a_full_disk_does_not_end_a_role_that_works(settings, log, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "no space left")

    monkeypatch.setattr(type(settings.run_dir), "write_text", full)

    await Heartbeat("gate", settings, log, Role(2).positions)._beat()

    assert read_progress(settings, "gate") is None


async def test_beating_ends_when_told(settings, log):
    stop = asyncio.Event()
    beating = asyncio.create_task(
        Heartbeat("gate", settings, log, Role(2).positions).beat_until(stop)
    )
    await asyncio.sleep(0.05)

    stop.set()

    await asyncio.wait_for(beating, 1)


def test_lag_counts_over_all_topics_and_never_below_nothing():
    assert lag_of({"a": 2, "b": 9}, {"a": 5, "b": 7, "c": 4}) == 7


async def test_a_topic_that_was_deleted_ends_its_reader_by_name(settings):
    class Gone(MemoryLog):
        async def ends(self, topics):
            raise MissingTopicError("no such topic: in")

    with pytest.raises(MissingTopicError, match="in"):
        await Heartbeat("gate", settings, Gone(), Role(2).positions)._beat()


async def test_a_transaction_that_nobody_ends_is_an_alarm_and_a_broker_that_is_away_is_none(
    settings, log
):
    held = {"in": timedelta(seconds=30)}

    async def stuck(topics):
        if held is None:
            raise BrokerUnreachableError("gone")
        return held

    log.stuck = stuck
    heartbeat = Heartbeat("gate", settings, log, Role(5).positions)
    await heartbeat._beat()
    assert read_progress(settings, "gate")["alarms"] == ["transaction_open in"]
    held = None
    await heartbeat._beat()
    assert read_progress(settings, "gate")["alarms"] == ["transaction_open in"]
    held = {}
    await heartbeat._beat()
    assert read_progress(settings, "gate")["alarms"] == []


async def test_what_holds_a_role_up_from_outside_is_told_and_is_no_standstill(
    settings, log, monkeypatch
):
    monkeypatch.setattr(progress, "STALL_SECONDS_MAX", 0.0)
    heartbeat = Heartbeat(
        "desk", settings, log, Role(2).positions, alarms=lambda: ("store_locked desk",)
    )

    for _ in range(3):
        await heartbeat._beat()

    told = read_progress(settings, "desk")
    assert (told["lag"], told["alarms"]) == (3, ["store_locked desk"])


async def test_a_start_tells_that_it_lives_and_what_it_has_folded(settings, log):
    counts = {"records_folded": 0}
    heartbeat = Heartbeat("linker", settings, log, dict, counts=lambda: counts)
    started = asyncio.Event()
    telling = asyncio.create_task(heartbeat.start_until(started))
    await asyncio.sleep(0.05)
    assert read_progress(settings, "linker")["state"] == "starting"
    first = read_beat(settings, "linker")

    counts["records_folded"] = 500
    write_progress(settings, heartbeat._starting())
    started.set()
    await asyncio.wait_for(telling, 3)

    told = read_progress(settings, "linker")
    assert (told["state"], told["counts"]) == ("rebuilding", {"records_folded": 500})
    second = read_beat(settings, "linker")
    assert (first.mark, first.work) != (second.mark, second.work)


async def test_on_a_full_disk_the_file_is_at_least_marked_as_looked_after(
    settings, log, monkeypatch
):
    heartbeat = Heartbeat("gate", settings, log, Role(2).positions)
    await heartbeat._beat()
    before = read_beat(settings, "gate")

    def full(*args, **kwargs):
        raise OSError(28, "no space left")

    monkeypatch.setattr(type(settings.run_dir), "write_text", full)
    await heartbeat._beat()

    after = read_beat(settings, "gate")
    assert after.mark != before.mark
    assert after.work == before.work
