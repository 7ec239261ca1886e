"""The trials themselves, small: late requests, zombies, and that what is wrong would be seen."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from streams.kafka import KafkaLog
from streams.kafka.connection import partition_of
from streams.ports import Outgoing
from tests.crash.cluster import Cluster
from tests.crash.copying import Copy, Verdict, copy_of, judge, read_copy, source_value
from tests.crash.delayed import cases_of, run
from tests.crash.trial import Plan
from tests.crash.zombies import is_sound, stand_still

SOON = timedelta(seconds=1)


def copies(*offsets, holder="a"):
    return [Copy(offset, offset, holder) for offset in offsets]


def test_a_copy_says_where_it_came_from_and_who_made_it():
    value = copy_of(7, source_value(12), "31.2")

    assert read_copy(value) == Copy(offset=7, number=12, holder="31.2")


def test_a_sound_output_has_every_record_once_and_in_order():
    assert judge([0, 1, 3], copies(0, 1, 3)) == Verdict(3, 0, 0, 0, 0)


def test_what_is_missing_twice_early_or_from_nowhere_is_counted():
    assert judge([0, 1, 2], copies(0, 2)).lost == 1
    assert judge([0, 1, 2], copies(0, 1, 1, 2)).doubled == 1
    assert judge([0, 1, 2], copies(0, 2, 1)).disordered == 1
    assert judge([0, 1], copies(0, 1, 9)).doubled == 1


def test_a_holder_that_writes_again_after_another_has_begun_is_counted():
    taken_over = [*copies(0, 1, holder="a"), *copies(2, holder="b")]

    assert judge(range(3), taken_over).returned == 0
    assert judge(range(4), [*taken_over, *copies(3, holder="a")]).returned == 1


@pytest.mark.kafka
async def test_a_request_that_comes_after_its_copy_loses_and_doubles_nothing():
    results = await run(cases_of(seed=1, count=20, seconds=(0.1, 1.5), cut_share=1))

    assert [one.case for one in results if not one.is_sound] == []


@pytest.mark.kafka
async def test_who_was_replaced_writes_no_more_and_a_dead_role_holds_readers_up_for_20_s_at_most(
    tmp_path,
):
    """Three stories on one node at a time, since each of them mostly waits."""
    cluster = await Cluster(tmp_path / "node").start()
    plan = Plan(kills=0, stops=2, session=2.0, records_min=0)
    try:
        lane, runner, held_up = await asyncio.gather(
            stand_still(cluster, "lane", tmp_path, plan),
            stand_still(cluster, "runner", tmp_path, plan),
            seconds_held_up_by_a_dead_role(cluster),
        )
    finally:
        await cluster.stop()

    assert is_sound(lane), lane
    assert is_sound(runner), runner
    assert held_up < 20


async def seconds_held_up_by_a_dead_role(cluster):
    """A writer dies within its transaction and nobody takes over; a record lies behind it."""
    await cluster.make_topics("dead.in", "dead.out")
    log = KafkaLog(cluster.access, client_id="test")
    sink = log.sink("dead", "dead", ["dead.in"])
    await sink.start()
    await sink._producer.begin_transaction()
    await sink._producer.send_and_wait("dead.out", b"never", partition=0)
    offsets = {partition_of("dead.in"): 1}
    await sink._producer.send_offsets_to_transaction(offsets, "dead")
    began = time.monotonic()
    await log.append([Outgoing("dead.out", b"behind")])

    source = log.source()
    await source.start({"dead.out": 0})
    values = []
    while not values:
        values += [record.value for record in await source.poll(10, SOON)]
    await source.stop()
    await log.stop()
    assert values == [b"behind"]
    return time.monotonic() - began
