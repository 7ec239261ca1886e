"""The Faust app around the transform: it only brings records; every transaction is a lane's.

Never used, because each loses or doubles records (research on Faust 0.15): its
own exactly-once mode, tables, fire-and-forget sends, skipping
acknowledgements, passing events on, regrouping, typed codecs, topic patterns,
more than one worker coroutine. A test looks for their names.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import faust
from aiokafka.protocol.group import LeaveGroupRequest

from anonymiser.intake.beside import fault_beside
from anonymiser.intake.redrive import redriven, requested
from anonymiser.intake.transform import IntakeContext, transform
from anonymiser.intake.worker.ahead import Ahead
from anonymiser.intake.worker.fate import EXIT_RESTART, LOG, fatal, leave
from anonymiser.intake.worker.lane import GROUP, Lane, Prepared
from anonymiser.intake.worker.status import (
    CATCHING_UP,
    JOINING,
    RUNNING,
    Status,
    TopicStatus,
    instant,
    write_status,
)
from anonymiser.intake.worker.turns import Turns
from anonymiser.tokens import Tokeniser
from streams.alarms import Alarm
from streams.errors import RivelinError
from streams.kafka import KafkaLog
from streams.kafka.sound_batches import read_soundly
from streams.lookup import record_at
from streams.ports import Record
from streams.topics import DUTY, MAX_SUBMISSION_BYTES, REDRIVES, submissions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from anonymiser.intake.worker.partners import PartnerTopics
    from anonymiser.keyring import Keys
    from anonymiser.narrative.redact import Redactor
    from streams.kafka.access import Access
    from streams.ports import Outgoing

TAKE_RECORDS_MAX: Final = 200
TAKE_SECONDS: Final = 0.02
#: All lanes together begin no more transactions a second than this; one costs 5 ms of CPU.
TRANSACTIONS_PER_SECOND_MAX: Final = 100
SPACING_SECONDS_MAX: Final = 0.25
WAITING_RECORDS_MAX: Final = 2_000
WAITING_BYTES_MAX: Final = 32 << 20
DRAIN_SECONDS_MAX: Final = 4.0
LEAVE_SECONDS_MAX: Final = 1.0
JOIN_SECONDS_MAX: Final = 60.0
STALL_SECONDS: Final = 20.0
#: In a backlog the reader serves topics in turns, each by hundreds of records.
STALL_SECONDS_WHILE_OTHERS_MOVE: Final = 300.0
STUCK_SECONDS_MAX: Final = 60.0
_BUSY_SECONDS: Final = 1.0
_STATUS_SECONDS: Final = 1.0
_WATCH_SECONDS: Final = 5.0
_FULL_PAUSE_SECONDS: Final = 0.005
_TURN_SECONDS: Final = 0.05
_AHEAD_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where this process works: broker, files, and its slot, unique and stable per replica."""

    access: Access
    status_file: Path
    data_dir: Path
    slot: str


def member_id(slot: str, topics: Iterable[str]) -> str:
    """Return the static member id: the same slot and topics always give the same.

    A member that comes back under its old id is handed its old assignment, so a
    new list of topics needs a new id (ADR-0004).
    """
    names = "\n".join(sorted(topics)).encode()
    return f"intake-{slot}-{hashlib.sha256(names).hexdigest()[:16]}"


class Shell:
    """The lanes of this process, and what the group and the register tell it."""

    def __init__(self, place: Place, topics: PartnerTopics, keys: Keys, redactor: Redactor) -> None:
        self.app: Any = None
        self.place = place
        self.served = topics.present | topics.beside
        self.lanes: dict[str, Lane] = {}
        self.joined = False
        self.started_at = self.beat_at = time.monotonic()
        self._topics = topics
        self._context = IntakeContext(
            keys,
            topics.registry,
            Tokeniser(keys),
            redactor=redactor,
            erasures=topics.erasures,
        )
        self._log = KafkaLog(place.access, client_id=GROUP)
        self._caught_up = False
        self._leaving = False
        self._given_up: int | None = None
        self._turns = Turns()
        self._waiting: set[Any] = set()

    # --- records -------------------------------------------------------------------------------

    async def take(self, messages: Sequence[Any]) -> None:
        """Transform records and hand each to its lane; waits while too many wait already."""
        for message in messages:
            if self._is_current(message):  # asked each time: opening a lane may outlast a rebalance
                await self._prepare(message, message.generation_id)
        while self._is_full():  # noqa: ASYNC110 - commits make room, a few milliseconds apart
            await asyncio.sleep(_FULL_PAUSE_SECONDS)

    def _is_current(self, message: Any) -> bool:  # noqa: ANN401 - faust has no types
        consumer, generation = self.app.consumer, self.app.consumer_generation_id
        return message.generation_id == generation and message.tp in consumer.assignment()

    async def _prepare(self, message: Any, generation: int) -> None:  # noqa: ANN401 - faust has no types
        if self._leaving or generation == self._given_up:
            return  # it will be read again by whoever serves the topic next
        lane = self._lane(message.topic)
        await lane.open(generation)  # a record can come before the group has told of the topic
        if not lane.wants(message.offset):
            return
        outgoing = await self._outgoing(message)
        if lane.generation != generation:
            return  # given up meanwhile; waiting here it would keep out what is read anew
        urgent = any(one.topic == DUTY for one in outgoing)
        lane.put(Prepared(message.offset, generation, urgent, outgoing))
        if message.topic != REDRIVES:
            self._turns.took(message.topic, time.monotonic())
        await asyncio.sleep(0)

    async def keep_turns(self) -> None:
        """Leave topics alone whose partners have had more than their turn, for as long as it is."""
        while True:
            await asyncio.sleep(_TURN_SECONDS)
            if self.joined and not self._leaving and self._given_up is None:
                self._keep_turns()

    async def look_ahead(self) -> None:
        """Have a human told of the immediate risks in a backlog before their turn comes."""
        ahead = Ahead(self._log, self._context)
        while True:
            await asyncio.sleep(_AHEAD_SECONDS)
            ends = {topic: (lane.floor, self._end_of(topic)) for topic, lane in self.lanes.items()}
            known = {topic: (at, end) for topic, (at, end) in ends.items() if end is not None}
            try:
                await ahead.look({topic: one for topic, one in known.items() if topic != REDRIVES})
            except RivelinError as error:  # each alarm comes in its turn all the same
                LOG.warning("not read ahead: %s", error)
                await ahead.stop()

    def _keep_turns(self) -> None:
        consumer = self.app.consumer
        held = self._turns.held(time.monotonic())
        mine = consumer.assignment()
        waiting = {partition for partition in mine if partition.topic in held}
        if waiting - self._waiting:
            consumer.pause_partitions(waiting)
        if let_go := (self._waiting & mine) - waiting:
            consumer.resume_partitions(let_go)
        self._waiting = waiting

    async def _outgoing(self, message: Any) -> tuple[Outgoing, ...]:  # noqa: ANN401 - faust has no types
        record = _record(message)
        if record.topic == REDRIVES:
            return await self._redriven(record)
        return transform(record, self._context, fault_beside(message.key, message.headers or ()))

    async def _redriven(self, record: Record) -> tuple[Outgoing, ...]:
        """Read the submission that a request names, if its topic is one of those served here."""
        request = requested(record)
        topic = None if request is None else submissions_of(request.partner)
        if request is None or topic not in self.served:
            return ()
        return redriven(request, await record_at(self._log, topic, request.offset), self._context)

    def _is_full(self) -> bool:
        lanes = self.lanes.values()
        return (
            sum(lane.waiting_records for lane in lanes) > WAITING_RECORDS_MAX
            or sum(lane.waiting_bytes for lane in lanes) > WAITING_BYTES_MAX
        )

    def _lane(self, topic: str) -> Lane:
        lane = self.lanes.get(topic)
        if lane is None:
            lane = self.lanes[topic] = Lane(topic, self._log, self.spacing)
        return lane

    def spacing(self) -> float:
        """Return the seconds between two transactions of a lane: the more are busy, the longer."""
        now = time.monotonic()
        busy = sum(now - lane.began_at < _BUSY_SECONDS for lane in self.lanes.values())
        return min(busy / TRANSACTIONS_PER_SECOND_MAX, SPACING_SECONDS_MAX)

    # --- the group -----------------------------------------------------------------------------

    async def assigned(self, partitions: Iterable[Any]) -> None:
        """Open a lane for each topic of ours, close those of others."""
        self.joined, self._given_up = True, None
        generation, names = self.app.consumer_generation_id, {one.topic for one in partitions}
        for topic in self.lanes.keys() - names:
            lane = self.lanes.pop(topic)
            await lane.close()
            lane.end()
        ours = [self._lane(topic) for topic in sorted(names & self.served)]
        await asyncio.gather(*[lane.open(generation) for lane in ours])
        LOG.info("serving %d topics", len(ours))

    async def drain(self) -> None:
        """Let what waits commit before the topics move on, and take no more of this generation.

        Raises: TimeoutError.
        """
        self._given_up = self.app.consumer_generation_id
        async with asyncio.timeout(DRAIN_SECONDS_MAX):
            await asyncio.gather(*[lane.close() for lane in self.lanes.values()])

    def end(self, code: int) -> None:
        """Drain, then end this process; for signals too."""
        if not self._leaving:
            self._leaving = True
            self._ending = asyncio.ensure_future(self._end(code))

    async def _end(self, code: int) -> None:
        with contextlib.suppress(TimeoutError):
            await self.drain()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._leave_group(), LEAVE_SECONDS_MAX)
        leave(code)

    async def _leave_group(self) -> None:
        """Tell the group that this member will not be back.

        The library leaves that out for static members, and whoever comes under
        another id then waits until the session of this one is over (6 s).
        """
        thread = self.app.consumer._thread  # noqa: SLF001 - nothing public leads there
        coordinator = thread._ensure_consumer()._coordinator  # noqa: SLF001 - the same
        request = LeaveGroupRequest(coordinator.group_id, coordinator.member_id)
        await thread.call_thread(coordinator._send_req, request)  # noqa: SLF001 - the same

    # --- beside the app ------------------------------------------------------------------------

    async def follow(self) -> None:
        """Keep the register fresh; a topic more means another start."""
        await self._topics.wait_for_more(self.served)
        LOG.info("a partner's topic was added: starting again to serve it")
        self.end(EXIT_RESTART)

    async def tell(self) -> None:
        """Write down every second how far this process is, and look into what stands still."""
        while True:
            self.beat_at = time.monotonic()
            status = self._status()
            write_status(self.place.status_file, status)
            await self._check_stalls(status)
            await asyncio.sleep(_STATUS_SECONDS)

    def _status(self) -> Status:
        lanes = {
            topic: lane for topic, lane in sorted(self.lanes.items()) if lane.generation is not None
        }
        topics = {topic: self._topic_status(lane) for topic, lane in lanes.items()}
        if topics and not any(status.lag for status in topics.values()):
            self._caught_up = True
        state = (RUNNING if self._caught_up else CATCHING_UP) if self.joined else JOINING
        return Status(
            slot=self.place.slot,
            state=state,
            written_at=instant(time.time()),
            still_seconds=round(self._still_seconds(topics), 1),
            topics=topics,
            alarms=tuple(self._alarms(topics)),
        )

    def _still_seconds(self, topics: dict[str, TopicStatus]) -> float:
        """Return for how long records of the topic that waits longest have waited untouched."""
        now = time.monotonic()
        behind = (self.lanes[topic] for topic, one in topics.items() if one.lag)
        return max((now - lane.moved_at for lane in behind), default=0.0)

    def _topic_status(self, lane: Lane) -> TopicStatus:
        end = self._end_of(lane.topic)
        return TopicStatus(
            position=lane.floor,
            end=end,
            lag=None if end is None else max(0, end - lane.floor),
            committed_at=None if lane.committed_at is None else instant(lane.committed_at),
        )

    def _end_of(self, topic: str) -> int | None:
        """What the group's reader last saw as the end."""
        found = self.app.consumer.highwater(faust.types.TP(topic, 0))
        return None if found is None else int(found)

    def _alarms(self, topics: dict[str, TopicStatus]) -> Iterable[str]:
        for topic in sorted(self._topics.wanted - self._topics.present):
            yield Alarm.TOPIC_MISSING.at(topic)
        for topic, status in topics.items():
            if status.end is not None and status.end < status.position:
                yield Alarm.TOPIC_MADE_ANEW.at(topic)

    async def _check_stalls(self, status: Status) -> None:
        now = time.monotonic()
        patience = self._stall_seconds(now)
        for topic, one in status.topics.items():
            lane = self.lanes.get(topic)
            if lane is None:
                continue
            if one.end is not None and one.end < one.position:
                if now - lane.moved_at > STALL_SECONDS:  # the next start looks what is there
                    fatal(f"{topic} ends at {one.end}, before what was read of it, {one.position}")
            elif not one.lag:
                lane.moved_at = now  # idle is not stalled
            elif one.end and not lane.waiting_records and now - lane.moved_at > patience:
                await lane.check_stall(one.end)

    def _stall_seconds(self, now: float) -> float:
        committed = max((lane.began_at for lane in self.lanes.values()), default=0.0)
        is_moving = now - committed < STALL_SECONDS
        return STALL_SECONDS_WHILE_OTHERS_MOVE if is_moving else STALL_SECONDS

    def watch(self) -> None:
        """Run in a thread: when the group cannot be joined, nothing in the loop ever tells."""
        while True:
            time.sleep(_WATCH_SECONDS)
            now = time.monotonic()
            if not self.joined and now - self.started_at > JOIN_SECONDS_MAX:
                fatal("the group was never joined; may this process read it?")
            if now - self.beat_at > STUCK_SECONDS_MAX:
                fatal("the event loop stands still")
            for lane in list(self.lanes.values()):
                if lane.waiting_records and now - lane.moved_at > STUCK_SECONDS_MAX:
                    fatal(f"{lane.topic} stands still with records waiting")


def build_app(shell: Shell) -> Any:  # noqa: ANN401 - faust has no types
    """Wire the Faust app. It acknowledges nothing: offsets move in the lanes' transactions only."""
    place = shell.place
    read_soundly()
    app = shell.app = faust.App(
        GROUP,
        broker=f"kafka://{place.access.bootstrap.replace(',', ';kafka://')}",
        broker_credentials=_credentials(place.access),
        store="memory://",
        datadir=str(place.data_dir),
        web_enabled=False,
        consumer_group_instance_id=member_id(place.slot, shell.served),
        consumer_auto_offset_reset="earliest",
        broker_max_poll_records=TAKE_RECORDS_MAX,  # no more than a burst is under way at once
        consumer_max_fetch_size=MAX_SUBMISSION_BYTES,  # short turns: no partner waits long
        broker_session_timeout=6,
        broker_heartbeat_interval=1,
        broker_rebalance_timeout=8,
        stream_buffer_maxsize=1024,
        stream_wait_empty=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
    )
    source = app.topic(
        *sorted(shell.served),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        acks=False,
    )
    app.on_partitions_revoked.connect(_on_revoked(shell), weak=False)
    app.on_partitions_assigned.connect(_on_assigned(shell), weak=False)
    app.agent(source, name="anonymise")(_agent(shell))
    return app


def _credentials(access: Access) -> faust.SSLCredentials | None:
    own = access.credentials
    return None if own is None else faust.SSLCredentials(context=own.context())


def _agent(shell: Shell) -> Any:  # noqa: ANN401 - a coroutine as faust wants it
    async def anonymise(stream: Any) -> None:  # noqa: ANN401 - faust has no types
        async for events in stream.take_events(TAKE_RECORDS_MAX, within=TAKE_SECONDS):
            try:
                await shell.take([event.message for event in events])
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 - an agent that raises loses its events
                fatal("taking a batch", error)

    return anonymise


def _on_revoked(shell: Shell) -> Any:  # noqa: ANN401 - a handler as faust wants it
    async def on_revoked(_: Any, revoked: Any, **__: Any) -> None:  # noqa: ANN401, ARG001 - faust has no types
        try:
            await shell.drain()
        except BaseException as error:  # noqa: BLE001 - the next owner must not meet a batch in flight
            fatal("giving topics up", error)

    return on_revoked


def _on_assigned(shell: Shell) -> Any:  # noqa: ANN401 - a handler as faust wants it
    async def on_assigned(_: Any, assigned: Any, **__: Any) -> None:  # noqa: ANN401 - faust has no types
        try:
            await shell.assigned(assigned)
        except BaseException as error:  # noqa: BLE001 - a lane that is half open must not be used
            fatal("taking topics over", error)

    return on_assigned


class _Worker(faust.Worker):
    """Leaves signals to us: Faust takes two seconds to end, and we are ready at once."""

    def install_signal_handlers(self) -> None:
        """Install none."""


def serve(shell: Shell, loop: asyncio.AbstractEventLoop) -> None:
    """Run the app until the process is told to end; never returns."""
    app = build_app(shell)
    beside = [
        loop.create_task(_or_die(work()))
        for work in (shell.follow, shell.tell, shell.keep_turns, shell.look_ahead)
    ]
    threading.Thread(target=shell.watch, name="watchdog", daemon=True).start()
    worker = _Worker(
        app, loop=loop, loglevel="warn", quiet=True, override_logging=False, redirect_stdouts=False
    )
    worker.spinner = None  # it would set the root logger to DEBUG, which shows keys and values
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, shell.end, os.EX_OK)
    with contextlib.suppress(SystemExit):  # how faust ends after a crash of its own
        worker.execute_from_commandline()
    ended = (one for one in beside if one.done() and not one.cancelled())
    fatal("the app ended by itself", next((one.exception() for one in ended), None))


async def _or_die(work: Any) -> None:  # noqa: ANN401 - any coroutine
    try:
        await work
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - a stale register must not be used
        fatal("following the register", error)


def _record(message: Any) -> Record:  # noqa: ANN401 - faust has no types
    appended_at = datetime.fromtimestamp(message.timestamp, UTC)
    return Record(message.topic, message.offset, appended_at, message.key, message.value)
