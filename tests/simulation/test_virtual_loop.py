"""The event loop of the simulation: virtual time, and processes that die and stand still."""

from __future__ import annotations

import asyncio

import pytest

from deploy.simulate.loop import Process, SpinningError, VirtualLoop


@pytest.fixture
def loop():
    return VirtualLoop(None)  # it has no world


def run(loop, seconds=1000.0, until=lambda: False):
    return loop.run_to(until, seconds)


def test_waiting_costs_no_time_and_takes_it_all_the_same(loop):
    told = []

    async def wait():
        await asyncio.sleep(300.0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.create_future(), 60.0)
        told.append(loop.time())

    Process(loop, "one").run(wait(), "wait")
    run(loop)
    assert told == [360.0]


def test_a_killed_process_says_no_farewell(loop):
    told = []

    async def work():
        try:
            await asyncio.sleep(10.0)
        except BaseException:
            told.append("noticed")
            raise
        finally:
            told.append("cleaned up")

    process = Process(loop, "one")
    process.run(work(), "work")
    loop.call_later(5.0, process.kill)
    run(loop)
    assert told == []


def test_a_stopped_process_does_everything_late_and_in_its_order(loop):
    told = []

    async def tick(name, seconds):
        await asyncio.sleep(seconds)
        told.append((name, loop.time()))

    process = Process(loop, "one")
    process.run(tick("second", 3.0), "second")
    process.run(tick("first", 2.0), "first")
    Process(loop, "other").run(tick("beside", 4.0), "beside")
    loop.call_later(1.0, process.stop)
    loop.call_later(20.0, process.go_on)
    run(loop)
    assert told == [("beside", 4.0), ("first", 20.0), ("second", 20.0)]


def test_what_a_process_starts_dies_with_it(loop):
    told = []

    async def child():
        await asyncio.sleep(2.0)
        told.append("child")

    async def parent():
        asyncio.get_running_loop().create_task(child())
        asyncio.get_running_loop().call_later(3.0, told.append, "timer")
        await asyncio.sleep(1.0)

    process = Process(loop, "one")
    process.run(parent(), "parent")
    loop.call_later(1.5, process.kill)
    run(loop)
    assert told == []


def test_code_that_lets_no_time_pass_is_found(loop):
    async def spin():
        while True:  # noqa: ASYNC110 - what must be found
            await asyncio.sleep(0)

    Process(loop, "one").run(spin(), "spin")
    with pytest.raises(SpinningError):
        run(loop)


def test_there_is_no_network(loop):
    told = []

    async def connect():
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("localhost", 9092)
        told.append("refused")

    Process(loop, "one").run(connect(), "connect")
    run(loop)
    assert told == ["refused"]
