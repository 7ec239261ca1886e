"""The scenes: which of the product's loops runs, what work comes, and what must hold at the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from deploy.simulate.faust_app import Group
from deploy.simulate.machine import Access, at
from deploy.simulate.nemesis import Fault
from deploy.simulate.projections import CHAINS, PLACES, CountingProjection, chain_of, folded
from deploy.simulate.stages import URGENT_MARK, GatingStage, LinkingStage, Memory, Shelf
from deploy.simulate.stores import durable_store
from deploy.simulate.world import Role
from streams.topics import (
    ALERTS,
    DUTY,
    HELD,
    OUTGOING,
    POLICE,
    REGISTRY,
    RESOLUTIONS,
    REVIEW_COMMANDS,
    TOKENISED,
    submissions_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from consumers.store import ProjectionStore
    from deploy.simulate.loop import Process
    from deploy.simulate.world import Runner, World

_RECORDS_MAX: Final = 9
_PAUSE_SECONDS_MAX: Final = 0.25
_GATE_DELAY: Final = timedelta(seconds=1.2)


class StageScene:
    """One stage of the enclave behind `streams.loop.StageRunner`."""

    name = ""
    topics: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    output = ""
    outputs: tuple[str, ...] = ()
    group = ""
    transactions = 0.7  # how much of the input is written by transactions
    aborts = True  # and whether some of those are aborted

    def __init__(self) -> None:
        self.world: World
        self.wanted: list[bytes] = []
        self.has_all_come = False

    def enter(self, world: World) -> None:
        """Build the role and let work come."""
        self.world = world
        world.add_role(Role(self.group, self._build))
        world.aside(self._bring())

    async def _bring(self) -> None:
        """Append input, now and then in a transaction of its writer, also one that is aborted."""
        world, dice = self.world, self.world.dice
        for _ in range(dice.randint(2, _RECORDS_MAX)):
            topic = dice.choice(self.inputs)
            values = [self._value() for _ in range(dice.choice((1, 1, 2, 3)))]
            first = world.broker.partitions[topic].end
            records = [(None, value) for value in values]
            is_transaction = dice.random() < self.transactions
            is_aborted = is_transaction and self.aborts and dice.random() < 0.2  # noqa: PLR2004 - some
            if is_transaction:
                world.broker.append_transaction(topic, records, commit=not is_aborted)
            else:
                world.broker.append(topic, records)
            world.note(f"input {topic}:{first}+{len(values)}{' aborted' if is_aborted else ''}")
            if not is_aborted:
                self.wanted += [b"%s/%d" % (topic.encode(), first + n) for n in range(len(values))]
            await asyncio.sleep(dice.uniform(0.0, _PAUSE_SECONDS_MAX))
        self.has_all_come = True

    def _value(self) -> bytes:
        return URGENT_MARK if self.world.dice.random() < 0.3 else b"."  # noqa: PLR2004 - some

    def _build(self, machine: int) -> Runner:
        raise NotImplementedError

    def _log(self) -> Any:  # noqa: ANN401 - a class of a linked module
        return self.world.product.kafka_log(Access("simulated:9092"), f"rivelin-{self.group}")

    def _values(self, topic: str) -> list[bytes]:
        return [
            entry.value
            for _, entry in self.world.broker.partitions[topic].committed()
            if entry.value is not None
        ]

    def is_done(self) -> bool:
        """Tell whether as much came out as went in, and positions are at the end."""
        return (
            self.has_all_come
            and len(self._values(self.output)) >= len(self.wanted)
            and not any(partition.open for partition in self.world.broker.partitions.values())
            and self._has_read_all()
        )

    def _has_read_all(self) -> bool:
        positions = self.world.broker.positions(f"rivelin-{self.group}")
        return all(
            positions.get(place.partition("/")[0], 0) > int(place.partition("/")[2])
            for place in (one.decode() for one in self.wanted)
        )

    def left_behind(self, positions: Mapping[str, int]) -> Iterator[str]:
        """Yield what lies below a position and is nowhere, not even in what is being committed."""
        partitions = self.world.broker.partitions
        written = {
            one
            for topic in self.outputs
            for entry in partitions[topic].entries
            if entry.span is not None and entry.span.committed is not False
            for one in (entry.key, entry.value)
        }
        for topic, position in positions.items():
            for offset, _ in partitions[topic].committed():
                place = b"%s/%d" % (topic.encode(), offset)
                if offset < position and place not in written:
                    yield f"the position of {topic} is {position}, and {offset} is nowhere"

    def check(self) -> Iterator[str]:
        """Every input exactly once in the output; the state is that of a replay."""
        yield from exactly_once(self.wanted, self._values(self.output), self.output)
        yield from self._check_state()

    def _check_state(self) -> Iterable[str]:
        raise NotImplementedError


class LinkerScene(StageScene):
    """The shape of the linker: random ids, a store that lags behind the log."""

    name = "linker"
    topics = (TOKENISED, REVIEW_COMMANDS, RESOLUTIONS, OUTGOING, REGISTRY)
    inputs = (TOKENISED, REVIEW_COMMANDS)
    output = OUTGOING
    outputs = (OUTGOING,)
    group = "linker"

    def enter(self, world: World) -> None:
        """Give each machine a store."""
        self._stages: list[LinkingStage] = []
        self._shelves = [Shelf(world.dice, world.step) for _ in range(2)]
        super().enter(world)

    def _build(self, machine: int) -> Runner:
        stage = LinkingStage(self._shelves[machine], self.world.dice)
        self._stages.append(stage)
        runner: Runner = self.world.product.module("streams.loop").StageRunner(stage, self._log())
        return runner

    def _check_state(self) -> Iterator[str]:
        decisions = self._values(RESOLUTIONS)
        yield from exactly_once(
            self.wanted, [one.partition(b"=")[0] for one in decisions], RESOLUTIONS
        )
        for source in self.inputs:
            yield from in_order(source, self._values(OUTGOING), OUTGOING)
        replayed = [Memory()]
        for decision in decisions:
            replayed.append(replayed[-1].add(decision))
        counted = [int(one.partition(b"=")[2].partition(b"#")[0]) for one in decisions]
        if counted != list(range(len(decisions))):
            yield f"decisions were counted {counted}: made without knowing all before them"
        if self._stages[-1].memory != replayed[-1]:
            yield "the live state is not that of a replay"
        for machine, shelf in enumerate(self._shelves):
            below = [
                offset
                for offset, _ in self.world.broker.partitions[RESOLUTIONS].committed()
                if offset < shelf.reaches
            ]
            if shelf.memory != replayed[min(len(below), len(decisions))]:
                yield f"the store of machine {machine} holds what was never committed"


class GateScene(StageScene):
    """The shape of the gate: what waits goes by the clock, in a transaction without positions."""

    name = "gate"
    topics = (OUTGOING, REVIEW_COMMANDS, HELD, POLICE, REGISTRY)
    inputs = (OUTGOING, REVIEW_COMMANDS)
    output = POLICE
    outputs = (HELD, POLICE)
    group = "gate"

    def enter(self, world: World) -> None:
        """Begin with no stage."""
        self._stages: list[GatingStage] = []
        super().enter(world)

    def _build(self, machine: int) -> Runner:
        del machine  # it keeps nothing there
        world = self.world
        stage = GatingStage(_GATE_DELAY, world.dice)
        self._stages.append(stage)
        loop = world.product.module("streams.loop")
        runner: Runner = loop.StageRunner(stage, self._log(), clock=lambda: at(world.loop.time()))
        return runner

    def _check_state(self) -> Iterator[str]:
        gone, stage = Counter(self._values(POLICE)), self._stages[-1]
        if stage.gone != gone:
            yield "the live state is not that of a replay: what went"
        waiting: dict[bytes, bytes] = {}
        for _, entry in self.world.broker.partitions[HELD].committed():
            if entry.value is None:
                waiting.pop(entry.key or b"", None)
            else:
                waiting[entry.key or b""] = entry.value
        if waiting or stage.waiting:
            yield "something waits for ever, in the topic or in the live state"


class IntakeScene(StageScene):
    """The anonymiser's shell and lanes: two processes share the topics of some partners."""

    name = "intake"
    inputs = tuple(submissions_of(partner) for partner in ("aire", "loxley", "sheaf"))
    topics = (*inputs, TOKENISED, DUTY)
    output = TOKENISED
    outputs = (TOKENISED,)
    group = "intake"
    transactions = 0.1  # partners get no transactional id; should one have it, gaps are passed
    aborts = False  # and Faust's reader would bring what was aborted

    def enter(self, world: World) -> None:
        """Start both processes, and let partners send."""
        self.world = world
        self.group_of_members = Group(world, self.inputs)
        self._apps: dict[str, Any] = {}
        for slot in ("1", "2"):
            build = partial(self._build_slot, slot)
            world.add_role(Role(f"intake-{slot}", build, is_replaced=False))
        world.aside(self._bring())

    def _build_slot(self, slot: str, machine: int) -> Runner:
        del machine  # it keeps nothing there
        return _IntakeRunner(self, slot)

    def befall(self, fault: Fault, process: Process) -> None:
        """React to what happens to a member of the group."""
        if fault is Fault.REBALANCE:
            self.group_of_members.rebalance()
        elif fault is Fault.HANG:
            self._apps[process.name].hang()
        else:
            self.group_of_members.lose(process)

    def runs(self, app: Any) -> None:  # noqa: ANN401 - a class of a linked module
        """Take note of a process's app."""
        self._apps[app.process.name] = app

    def _check_state(self) -> Iterator[str]:
        found = self._values(TOKENISED)
        for source in self.inputs:
            yield from in_order(source, found, TOKENISED)
        urgent = [
            b"%s/%d" % (topic.encode(), offset)
            for topic in self.inputs
            for offset, entry in self.world.broker.partitions[topic].committed()
            if entry.value == URGENT_MARK
        ]
        yield from exactly_once(urgent, self._values(DUTY), DUTY)


class _NoFile:
    """Where a status may be written and nobody looks."""

    def with_suffix(self, _suffix: str) -> _NoFile:
        return self

    def write_text(self, _text: str) -> None:
        pass

    def replace(self, _other: object) -> None:
        pass


class _IntakeRunner:
    """What `anonymiser.intake.worker.run` and `serve` do, without a thread and signals."""

    def __init__(self, scene: IntakeScene, slot: str) -> None:
        self._scene = scene
        shells = scene.world.product.module("anonymiser.intake.worker.shell")
        served = frozenset(scene.inputs)
        nobody = asyncio.get_running_loop().create_future()
        topics = SimpleNamespace(
            present=served,
            wanted=served,
            beside=frozenset(),
            registry=None,
            erasures=None,
            wait_for_more=lambda _: nobody,
        )
        place = shells.Place(
            access=Access("simulated:9092"), status_file=_NoFile(), data_dir=_NoFile(), slot=slot
        )
        self._shell = shells.Shell(place, topics, None, None)
        self._app = shells.build_app(self._shell)
        self._beside = [
            asyncio.ensure_future(shells._or_die(self._shell.tell())),  # noqa: SLF001 - as `serve` does
        ]

    async def start(self) -> None:
        """Tell the scene which app this is."""
        self._scene.runs(self._app)

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Run the app until it is told to end; the process ends within."""
        self._beside.append(asyncio.ensure_future(self._app.run()))
        await stop.wait()
        self._shell.end(0)
        await asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        """Never called: the process has ended by then."""


class ProjectionScene(StageScene):
    """The projection runner and its outbox, over the product's own store on SQLite."""

    name = "projection"
    inputs = CountingProjection.topics
    topics = (*inputs, ALERTS)
    output = ALERTS
    group = "projection"

    def enter(self, world: World) -> None:
        """Give both machines one store, as two processes on one would have, or each its own."""
        self._projection = CountingProjection()
        first = durable_store(world, self._projection)
        is_shared = world.dice.random() < 0.6  # noqa: PLR2004 - more often than not
        self._stores = [first, first if is_shared else durable_store(world, self._projection)]
        super().enter(world)

    def _build(self, machine: int) -> Runner:
        self._projection = CountingProjection()
        worker = self.world.product.module("consumers.worker")
        runner: Runner = worker.ProjectionRunner(
            self._projection, self._stores[machine], self._log()
        )
        return runner

    @property
    def _store(self) -> ProjectionStore:
        return self._stores[self.world.roles[self.group].machine]

    def is_done(self) -> bool:
        """Tell whether all is in the rows and nothing in the outbox."""
        return self.has_all_come and self._has_read_all() and not self._store.pending(1)

    def _has_read_all(self) -> bool:
        positions = self._store.positions()
        partitions = self.world.broker.partitions
        return all(
            positions.get(topic, 0) >= partitions[topic].end for topic in self.inputs
        ) and not any(partition.open for partition in partitions.values())

    def check(self) -> Iterator[str]:
        """Every notice once; rows and live state are those of a replay, in every store."""
        urgent = [place for place, value in self._committed() if value == URGENT_MARK]
        yield from exactly_once(urgent, self._values(ALERTS), ALERTS)
        for topic in self.inputs:
            places = [place for place, _ in self._committed(topic)]
            if self._projection.chains[topic] != folded(places):
                yield f"the live state is not that of a replay: {topic}"
            yield from in_order(topic, self._values(ALERTS), ALERTS)
        for number, store in enumerate(dict.fromkeys(self._stores)):
            yield from self._check_rows(number, store)
            store.dispose()  # type: ignore[attr-defined] # a store that outlives its processes

    def _check_rows(self, number: int, store: ProjectionStore) -> Iterator[str]:
        with store.snapshot() as snapshot:
            positions = snapshot.positions()
            chains, places = list(snapshot.rows(CHAINS)), list(snapshot.rows(PLACES))
        for topic in self.inputs:
            below = [
                offset
                for offset, _ in self.world.broker.partitions[topic].committed()
                if offset < positions.get(topic, 0)
            ]
            named = [b"%s/%d" % (topic.encode(), offset) for offset in below]
            kept = [row["offset"] for row in places if row["topic"] == topic]
            if kept != below or chain_of(chains, topic) != folded(named):
                yield f"store {number}: rows of {topic} are not those below its position"

    def _committed(self, *topics: str) -> list[tuple[bytes, bytes | None]]:
        return [
            (b"%s/%d" % (topic.encode(), offset), entry.value)
            for topic in topics or self.inputs
            for offset, entry in self.world.broker.partitions[topic].committed()
        ]


def exactly_once(wanted: Iterable[bytes], found: Iterable[bytes], where: str) -> Iterator[str]:
    """Yield what is lost, doubled or out of nowhere."""
    expected, counted = Counter(wanted), Counter(found)
    for place in sorted(expected | counted):
        if counted[place] < expected[place]:
            yield f"{place.decode()} is lost: it is not in {where}"
        elif counted[place] > expected[place]:
            yield f"{place.decode()} is {counted[place]} times in {where}"


def in_order(source: str, found: Iterable[bytes], where: str) -> Iterator[str]:
    """Yield the first place where the order of a source is not kept."""
    last = -1
    for place in found:
        topic, _, offset = place.decode().partition("/")
        if topic != source:
            continue
        if int(offset) < last:
            yield f"{source}:{offset} comes after {source}:{last} in {where}"
            return
        last = int(offset)
