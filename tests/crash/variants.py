"""One process that copies, in one of several ways; started and killed by `tests.crash.trial`.

    python -m tests.crash.variants WAY BOOTSTRAP RUN SLOT FOLDER [--jitter SECONDS]

Ours, as the product has it:
    lane      the anonymiser's shell, Faust and a lane for the topic, around this pure copy
    runner    the loop of linker and gate around the same copy

What others write. Each with the group settings of ours (static member per slot, session of the
same length), since with the defaults of their libraries a killed member is missed for a minute:
    faust     a plain Faust agent: take an event, send the copy, let Faust acknowledge
    faust-eos the same with Faust's own `processing_guarantee="exactly_once"`
    plain     aiokafka by its documentation, with care: a transactional id per process, reads
              committed, every delivery awaited, offsets in the transaction, exit on any error

Controls: ours with one thing taken out, which must then be seen to go wrong:
    *-no-fence   a transactional id for every start, positions read without asking if one is held
    *-apart      output in one transaction, positions in the next
    lane-no-drain  topics are given up with records waiting: the fence and the floor still hold,
                   so no record is lost or doubled, but processes in good health end by being fenced
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.errors import RivelinError
from streams.kafka import KafkaLog
from streams.kafka.access import Access
from streams.kafka.connection import REQUEST_BYTES_MAX, keep_quiet
from streams.kafka.settled import TRANSACTION_TIMEOUT
from streams.kafka.sink import KafkaSink
from streams.loop import StageRunner
from streams.ports import Outgoing
from tests.crash.copying import Copying, copy_of

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger("variants")
EXIT_FATAL = 70
_BATCH = 200
_TURN = timedelta(milliseconds=200)


def main() -> None:
    """Copy until killed, or until an error that only a new start can put right."""
    options = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(name)s %(message)s")
    keep_quiet()
    if options.jitter:
        _jitter(options.jitter)
    way, _, control = options.way.partition("-")
    if way in ("lane", "runner"):
        CONTROLS[control]()
        way_of = {"lane": _lane, "runner": _runner}[way]
    else:
        way_of = {"faust": _faust, "faust-eos": _faust_eos, "plain": _plain}[options.way]
    way_of(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way")
    parser.add_argument("bootstrap")
    parser.add_argument("run")
    parser.add_argument("slot")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jitter", type=float, default=0.0)
    parser.add_argument("--session", type=float, default=6.0)
    return parser


def _jitter(seconds_max: float) -> None:
    """Sleep before each step of a transaction, so that kills land inside of them."""
    for name in ("send_offsets_to_transaction", "commit_transaction"):
        original = getattr(AIOKafkaProducer, name)

        async def late(self, *args, _original=original, **facts):
            await asyncio.sleep(random.uniform(0, seconds_max))
            return await _original(self, *args, **facts)

        setattr(AIOKafkaProducer, name, late)


# ------------------------------------------------------------------------------------------- ours


def _runner(options: argparse.Namespace) -> None:
    async def run() -> None:
        log = KafkaLog(Access(options.bootstrap), client_id=f"runner-{options.slot}")
        runner = StageRunner(Copying(options.run), log)
        await runner.start()
        await runner.run_forever(asyncio.Event())

    try:
        asyncio.run(run())
    except RivelinError as error:
        LOG.critical("%s: %s", type(error).__name__, error)
        os._exit(EXIT_FATAL)


def _lane(options: argparse.Namespace) -> None:
    """The anonymiser's own shell; only what it would make of a record is the copy instead."""
    from anonymiser.intake.worker import shell as shells  # noqa: PLC0415 - Faust is slow to import
    from anonymiser.intake.worker.lane import GROUP  # noqa: PLC0415 - the same
    from anonymiser.keyring import new_keys  # noqa: PLC0415 - the same
    from anonymiser.narrative.redact import Redactor  # noqa: PLC0415 - the same

    class CopyingShell(shells.Shell):
        async def _outgoing(self, message):
            holder = f"{os.getpid()}.{self.lanes[message.topic].generation}"
            return (Outgoing(output, copy_of(message.offset, message.value, holder)),)

    source, output = f"{options.run}.in", f"{options.run}.out"
    shells.GROUP = f"{GROUP}-{options.run}"
    _rename_lanes(shells.GROUP)
    place = shells.Place(
        access=Access(options.bootstrap),
        status_file=options.folder / f"status-{options.slot}.json",
        data_dir=options.folder / f"data-{options.slot}",
        slot=options.slot,
    )
    place.data_dir.mkdir(parents=True, exist_ok=True)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    async def make() -> CopyingShell:
        return CopyingShell(place, _One(source), new_keys(), Redactor())

    _shorten_session(shells, options.session)
    shells.serve(loop.run_until_complete(make()), loop)


def _rename_lanes(group: str) -> None:
    from anonymiser.intake.worker import lane  # noqa: PLC0415 - Faust's side is slow to import

    lane.GROUP = group


def _shorten_session(shells, seconds: float) -> None:
    build = shells.build_app

    def build_app(shell):
        app = build(shell)
        app.conf.broker_session_timeout = seconds
        app.conf.broker_heartbeat_interval = seconds / 6
        return app

    shells.build_app = build_app


class _One:
    """A register of one partner, who is there from the first."""

    def __init__(self, topic: str) -> None:
        self.present = self.wanted = frozenset({topic})
        self.beside: frozenset[str] = frozenset()
        self.registry = self.erasures = None

    async def wait_for_more(self, _: frozenset[str]) -> None:
        """Nobody else ever comes."""
        await asyncio.Event().wait()


# --------------------------------------------------------------------------------------- controls


def _no_fence() -> None:
    """A name of its own for each start; positions are read as aiokafka reads them."""
    make = KafkaSink.__init__

    def unfenced(self, access, holder, *rest):
        make(
            self,
            access,
            replace(holder, transactional_id=f"{holder.transactional_id}-{os.getpid()}"),
            *rest,
        )

    async def undecided_too(consumer, _group, topics):
        from streams.kafka.connection import partition_of  # noqa: PLC0415 - only here

        found = {topic: await consumer.committed(partition_of(topic)) for topic in topics}
        return {topic: offset for topic, offset in found.items() if offset is not None}

    KafkaSink.__init__ = unfenced
    from streams.kafka import sink  # noqa: PLC0415 - to be patched where it is used

    sink.settled_positions = undecided_too


def _apart() -> None:
    transact = KafkaSink._transact

    async def in_two_steps(self, outgoing, positions):
        written = await transact(self, outgoing, {})
        await transact(self, [], positions)
        return written

    KafkaSink._transact = in_two_steps


def _no_drain() -> None:
    """Give topics up as they are: what waits stays with a lane that is no longer the topic's.

    Members are dynamic, since a static one hardly ever has a topic taken from it alive.
    """
    from anonymiser.intake.worker import shell as shells  # noqa: PLC0415 - Faust is slow to import

    async def no_drain(_) -> None:
        """Do nothing."""

    shells.member_id = lambda *_: None
    shells.Shell.drain = no_drain


CONTROLS: dict[str, Callable[[], None]] = {
    "": lambda: None,
    "no-fence": _no_fence,
    "apart": _apart,
    "no-drain": _no_drain,
}


# ----------------------------------------------------------------------------------------- others


def _faust(options: argparse.Namespace) -> None:
    _run_faust(options, {})


def _faust_eos(options: argparse.Namespace) -> None:
    _run_faust(options, {"processing_guarantee": "exactly_once"})


def _run_faust(options: argparse.Namespace, guarantee: dict[str, str]) -> None:
    import faust  # noqa: PLC0415 - slow to import

    raw = {
        "key_type": bytes,
        "value_type": bytes,
        "key_serializer": "raw",
        "value_serializer": "raw",
    }
    app = faust.App(
        f"faust-{options.run}",
        broker=f"kafka://{options.bootstrap.replace(',', ';kafka://')}",
        store="memory://",
        datadir=str(options.folder / f"data-{options.slot}"),
        web_enabled=False,
        consumer_group_instance_id=f"member-{options.slot}",
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=options.session,
        broker_heartbeat_interval=options.session / 6,
        broker_rebalance_timeout=8,
        topic_disable_leader=True,
        topic_allow_declare=False,
        producer_acks=-1,
        producer_max_request_size=REQUEST_BYTES_MAX,
        **guarantee,
    )
    source, output = app.topic(f"{options.run}.in", **raw), app.topic(f"{options.run}.out", **raw)
    holder = str(os.getpid())

    @app.agent(source)
    async def copy(stream) -> None:
        async for event in stream.events():
            value = copy_of(event.message.offset, event.value, holder)
            await output.send(value=value, partition=0)

    worker = faust.Worker(app, loglevel="error", quiet=True, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()


def _plain(options: argparse.Namespace) -> None:
    try:
        asyncio.run(_copy_plainly(options))
    except Exception as error:  # noqa: BLE001 - a careful user starts anew from what is committed
        LOG.critical("%s: %s", type(error).__name__, error)
        os._exit(EXIT_FATAL)


async def _copy_plainly(options: argparse.Namespace) -> None:
    group, holder = f"plain-{options.run}", str(os.getpid())
    producer = AIOKafkaProducer(
        bootstrap_servers=options.bootstrap,
        transactional_id=f"{group}-{options.slot}",
        transaction_timeout_ms=round(TRANSACTION_TIMEOUT.total_seconds() * 1000),
        acks="all",
        max_request_size=REQUEST_BYTES_MAX,
    )
    await producer.start()
    consumer = AIOKafkaConsumer(
        f"{options.run}.in",
        bootstrap_servers=options.bootstrap,
        group_id=group,
        group_instance_id=f"member-{options.slot}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=round(options.session * 1000),
        heartbeat_interval_ms=round(options.session * 1000 / 6),
    )
    await consumer.start()
    while True:
        batches = await consumer.getmany(timeout_ms=200, max_records=_BATCH)
        for partition, messages in batches.items():
            async with producer.transaction():
                sent = [
                    await producer.send(
                        f"{options.run}.out", copy_of(one.offset, one.value, holder), partition=0
                    )
                    for one in messages
                ]
                await asyncio.gather(*sent)
                offsets = {partition: messages[-1].offset + 1}
                await producer.send_offsets_to_transaction(offsets, group)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
