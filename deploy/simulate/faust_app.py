"""Simulated Faust: an app with an agent, whose reader belongs to a group that rebalances.

It brings records as Faust does and as it should not: after a rebalance what was read before it
may still lie in a buffer, under the old generation or under the new one; the reader may go on at
its old place or at the committed one, so that offsets come twice, also within one batch, or are
left out; a record may come before the handler of the assignment has ended; a reader may hang.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka.errors import KafkaConnectionError, KafkaError, RequestTimedOutError

from deploy.simulate.loop import State, current_process, world_now
from deploy.simulate.machine import START
from deploy.simulate.nemesis import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from deploy.simulate.loop import Process
    from deploy.simulate.world import World

_HEARTBEAT_SECONDS: Final = 0.5
_FETCH_RECORDS_MAX: Final = 3
_BACKOFF: Final = 0.1
_HANG_SECONDS: Final = 30.0


class TP(NamedTuple):
    """A topic and a partition."""

    topic: str
    partition: int


types: Final = SimpleNamespace(TP=TP)
SSLCredentials = object


class Message(NamedTuple):
    """A record as Faust hands it to an agent."""

    topic: str
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    generation_id: int
    headers: tuple[()] = ()

    @property
    def tp(self) -> TP:
        """Where it is from."""
        return TP(self.topic, 0)


class Worker:
    """Runs an app in a process of the product; here the scene does."""


class _Signal:
    def __init__(self) -> None:
        self._handler: Callable[..., Awaitable[None]] | None = None

    def connect(self, handler: Callable[..., Awaitable[None]], **_: object) -> None:
        self._handler = handler

    async def send(self, app: App, partitions: set[TP]) -> None:
        if self._handler is not None:
            await self._handler(app, partitions)


class Group:
    """Deals the topics out to static members, and begins a generation with each deal."""

    def __init__(self, world: World, topics: Sequence[str]) -> None:
        self.generation = 0
        self._world = world
        self._topics = topics
        self._members: dict[str, App] = {}
        self._dealt: dict[str, frozenset[str]] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._is_forming = False

    def wants_back(self, app: App) -> bool:
        """Tell a member at its heartbeat whether it has to give up its topics and join again."""
        return self._is_forming or self._members.get(app.member) is not app

    async def join(self, app: App) -> frozenset[str]:
        """Become a member; return the topics that are dealt to it.

        Who comes back under its name in time gets what it had, and nobody else notices.
        """
        if app.member in self._dealt and not self._is_forming:
            self._members[app.member] = app
            return self._dealt[app.member]
        self._members[app.member] = app
        self.rebalance()
        joined = asyncio.get_running_loop().create_future()
        self._waiting[app.member] = joined
        if self._members.keys() <= self._waiting.keys():
            self._deal()
        await joined
        return self._dealt.get(app.member, frozenset())

    def rebalance(self) -> None:
        """Have all join again; who does not within the time is a member no longer."""
        if self._is_forming:
            return
        self._is_forming = True
        generation = self.generation
        self._world.after(8.0, lambda: self._deal() if generation == self.generation else None)

    def lose(self, process: Process) -> None:
        """Give up a member that was not heard of for a session."""
        for name, app in list(self._members.items()):
            if app.process is process and process.state is not State.RUNNING:
                del self._members[name]
                self._dealt.pop(name, None)
                self.rebalance()

    def _deal(self) -> None:
        if not self._is_forming:
            return
        self._is_forming = False
        self.generation += 1
        present = sorted(name for name in self._members if name in self._waiting)
        self._members = {name: self._members[name] for name in present}
        self._dealt = {
            name: frozenset(self._topics[place :: len(present)])
            for place, name in enumerate(present)
        }
        self._world.note(f"group generation {self.generation}: {', '.join(present)}")
        waiting, self._waiting = self._waiting, {}
        for joined in waiting.values():
            if not joined.done():
                joined.set_result(None)


class App:
    """One process's app. `consumer` is itself."""

    def __init__(self, _name: str, **options: Any) -> None:  # noqa: ANN401 - as faust takes them
        self.world: World = world_now()
        self.process = current_process()
        self.member: str = options["consumer_group_instance_id"]
        self.consumer = self
        self.consumer_generation_id = -1
        self.on_partitions_revoked = _Signal()
        self.on_partitions_assigned = _Signal()
        self._mine: set[TP] = set()
        self._places: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._buffer: list[Message] = []
        self._filled = asyncio.Event()
        self._agent: Callable[[Any], Awaitable[None]] | None = None
        self._hangs_until = 0.0

    # --- what the product asks of an app -----------------------------------------------------

    def topic(self, *names: str, **_: object) -> tuple[str, ...]:
        """Return what an agent is told to read."""
        return names

    def agent(self, _source: object, **_: object) -> Callable[[Any], None]:
        """Take the agent."""

        def take(agent: Callable[[Any], Awaitable[None]]) -> None:
            self._agent = agent

        return take

    def assignment(self) -> set[TP]:
        """Return the partitions that are dealt to this member."""
        return set(self._mine)

    def highwater(self, partition: TP) -> int | None:
        """Return the end as of the last look."""
        return self._ends.get(partition.topic)

    async def take_events(self, limit: int, within: float) -> AsyncIterator[list[Any]]:
        """Yield what has come, in batches."""
        while True:
            await self._filled.wait()
            await asyncio.sleep(within * self.world.nemesis.between(0.0, 1.0))
            taken, self._buffer = self._buffer[:limit], self._buffer[limit:]
            if not self._buffer:
                self._filled.clear()
            if taken:
                yield [SimpleNamespace(message=message) for message in taken]

    # --- running -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Be a member of the group for good, and feed the agent."""
        assert self._agent is not None  # noqa: S101 - `build_app` sets one
        agent = asyncio.ensure_future(self._agent(self))
        group: Group = self.world.scene.group_of_members  # type: ignore[attr-defined] # the scene of intake has one
        while not agent.done():
            mine = await group.join(self)
            self.consumer_generation_id = group.generation
            await self._go_to(mine)
            await self._read_while(lambda: not group.wants_back(self))
            if self.world.nemesis.strays(Fault.REBALANCE, 0.5):
                await self.world.wait(self.world.growth(self._places), _HEARTBEAT_SECONDS)
                await self._read()  # what was on its way
            await self.on_partitions_revoked.send(self, set(self._mine))
            self._forget()
        agent.result()

    def hang(self) -> None:
        """Read nothing for so long that somebody should notice."""
        self._hangs_until = self.world.loop.time() + _HANG_SECONDS

    async def _go_to(self, topics: Iterable[str]) -> None:
        nemesis = self.world.nemesis
        self._mine = {TP(topic, 0) for topic in sorted(topics)}
        old, self._places = self._places, {}
        for topic in sorted(topics):
            is_old = topic in old and nemesis.strays(Fault.REBALANCE, 0.5)
            self._places[topic] = old[topic] if is_old else await self._committed(topic)
        handler = self.on_partitions_assigned.send(self, set(self._mine))
        if nemesis.strays(Fault.REBALANCE, 0.5):
            self._handling = asyncio.ensure_future(handler)
        else:
            await handler

    def _forget(self) -> None:
        """Drop what was read and not taken; or do not, and take it for what is read next."""
        if not self.world.nemesis.strays(Fault.REBALANCE, 0.5):
            self._buffer.clear()
            self._filled.clear()
        elif self.world.nemesis.strays(Fault.REBALANCE, 0.5):
            generation = self.consumer_generation_id + 1
            self._buffer = [one._replace(generation_id=generation) for one in self._buffer]

    async def _committed(self, topic: str) -> int:
        while True:
            try:
                ask = lambda: self.world.broker.committed("rivelin-intake", topic)  # noqa: E731 - one request
                return await self._ask("fetch offsets", ask) or 0
            except KafkaError:
                await asyncio.sleep(_BACKOFF)

    async def _read_while(self, holds: Callable[[], bool]) -> None:
        while holds():
            grown = self.world.growth(self._places)
            if not await self._read():
                await self.world.wait(grown, _HEARTBEAT_SECONDS)

    async def _read(self) -> bool:
        if self.world.loop.time() < self._hangs_until:
            return False
        try:
            found = await self._ask("fetch", self._look)
        except (KafkaConnectionError, RequestTimedOutError):
            return False
        for message in found:
            self._places[message.topic] = message.offset + 1
        self._buffer += found
        if found:
            self._filled.set()
        return bool(found)

    def _look(self) -> list[Message]:
        found: list[Message] = []
        for topic, place in self._places.items():
            broker = self.world.broker
            entries, _ = broker.fetch(topic, place, _FETCH_RECORDS_MAX, committed=False)
            self._ends[topic] = broker.end_of(topic, committed=False)
            found += [
                Message(
                    topic,
                    offset,
                    START.timestamp() + entry.at,
                    entry.key,
                    entry.value,
                    self.consumer_generation_id,
                )
                for offset, entry in entries
            ]
        return found

    async def _ask(self, what: str, apply: Callable[[], Any]) -> Any:  # noqa: ANN401 - as asked
        return await self.world.wire.send(self.process, what, apply, 15.0)
