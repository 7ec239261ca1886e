"""Named places in the product at which a role can be made to die, as a power cut would.

The product holds no hook: the launcher wraps its classes, in this test's own process. A place is
armed by a file; whoever reaches it takes the file, once, and sends itself SIGKILL. So what fired
is a file as well, and can be counted by whoever is still alive.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Not a role: the command that makes the next sealing key.
KEYS = "keys"
ROTATE = (KEYS, "rotate", "sealing")
STAGES = ("anonymiser", "linker", "gate")
#: A commit takes about ten milliseconds: somewhere within it.
_IN_COMMIT_SECONDS_MAX = 0.01
STORES = ("safeguarding", "ocg-network")


@dataclass(frozen=True, slots=True)
class Failpoint:
    """A place, the roles that pass it, and what must be done to them so that they do.

    `by_restart`: only a start passes it, so the role is killed; `by_end`: only an orderly end;
    `by_command`: only this command, which is called, dies, and is called again.
    """

    name: str
    roles: tuple[str, ...]
    what: str
    by_restart: bool = False
    by_end: bool = False
    by_command: tuple[str, ...] = ()


FAILPOINTS: tuple[Failpoint, ...] = (
    Failpoint(
        "after-fence", STAGES, "the transactional id is taken, no position read", by_restart=True
    ),
    Failpoint(
        "in-recovery",
        ("linker", "gate"),
        "a first part of the own output is folded",
        by_restart=True,
    ),
    Failpoint("before-produce", STAGES, "the transaction has begun, nothing is sent"),
    Failpoint("between-topics", STAGES, "one topic has its records, the next has none"),
    Failpoint("after-produce", STAGES, "every record is acknowledged, no offset is sent"),
    Failpoint("after-offsets", STAGES, "the offsets are in the transaction, not committed"),
    Failpoint("in-commit", STAGES, "the commit is asked for, its answer has not come"),
    Failpoint("after-commit", STAGES, "the commit is answered, nobody has noted it"),
    Failpoint("before-store-commit", ("linker",), "the log has it, the own store has not"),
    Failpoint("in-store-commit", STORES, "rows are written, the store is not committed"),
    Failpoint("after-store-commit", STORES, "the store has it, what is to be told is not sent"),
    Failpoint("outbox-before-mark", ("safeguarding",), "an alert is sent, and still in the outbox"),
    Failpoint("before-status-rename", (*STAGES, *STORES), "a status file is written, not renamed"),
    Failpoint(
        "in-drain", ("anonymiser",), "topics are given up, what waits is not committed", by_end=True
    ),
    Failpoint(
        "before-key-link",
        (KEYS,),
        "a key is written and synced, and not yet under its name",
        by_command=ROTATE,
    ),
    Failpoint(
        "after-key-link", (KEYS,), "a key has its name, nobody was told of it", by_command=ROTATE
    ),
)
BY_NAME = {one.name: one for one in FAILPOINTS}


class Control:
    """The folder through which nemesis and processes meet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.armed = folder / "armed"
        self.fired = folder / "fired"
        self.skew = folder / "skew"

    def make(self) -> None:
        """Make the folders."""
        for one in (self.armed, self.fired, self.skew):
            one.mkdir(parents=True, exist_ok=True)

    def arm(self, name: str, role: str) -> None:
        """Let the role die the next time it comes there."""
        (self.armed / f"{name}@{role}").touch()

    def is_armed(self, name: str, role: str) -> bool:
        """Tell whether nobody has come there yet."""
        return (self.armed / f"{name}@{role}").exists()

    def disarm(self, name: str, role: str) -> bool:
        """Take it back; False if it has fired meanwhile."""
        try:
            (self.armed / f"{name}@{role}").unlink()
        except FileNotFoundError:
            return False
        return True

    def counts(self) -> dict[str, int]:
        """Return how often each place has fired."""
        found = dict.fromkeys(BY_NAME, 0)
        for one in self.fired.iterdir() if self.fired.exists() else ():
            found[one.name.partition("@")[0]] += 1
        return found


class Points:
    """The places of one role's process."""

    def __init__(self, control: Control, role: str) -> None:
        self._control = control
        self._role = role

    def hit(self, name: str) -> None:
        """Die here if it is armed."""
        fired = self._control.fired / f"{name}@{self._role}.{time.time_ns()}"
        try:
            (self._control.armed / f"{name}@{self._role}").rename(fired)
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    def _is_armed(self, name: str) -> bool:
        return self._control.is_armed(name, self._role)

    def install(self) -> None:
        """Wrap what this role uses."""
        if self._role == KEYS:
            self._wrap_link()
            return
        self._wrap_producer()
        self._wrap_files()
        if self._role == "anonymiser":
            self._wrap_lane()
        elif self._role in STAGES:
            self._wrap_stage()
        elif self._role in STORES:
            self._wrap_store()

    # --- the transaction ---------------------------------------------------------

    def _wrap_producer(self) -> None:
        self._wrap_start()
        self._wrap_sends()
        self._wrap_end()

    def _wrap_start(self) -> None:
        start = AIOKafkaProducer.start

        @wraps(start)
        async def started(producer: Any) -> None:
            await start(producer)
            if producer._txn_manager is not None:
                self.hit("after-fence")

        AIOKafkaProducer.start = started

    def _wrap_sends(self) -> None:
        begin, send = AIOKafkaProducer.begin_transaction, AIOKafkaProducer.send
        first: dict[int, str] = {}

        @wraps(begin)
        async def begun(producer: Any) -> None:
            await begin(producer)
            first.pop(id(producer), None)

        @wraps(send)
        async def sent(producer: Any, topic: str, *args: Any, **facts: Any) -> Any:
            if producer._txn_manager is not None:
                if id(producer) not in first:
                    self.hit("before-produce")
                elif first[id(producer)] != topic and self._is_armed("between-topics"):
                    await producer.flush()
                    self.hit("between-topics")
                first.setdefault(id(producer), topic)
            return await send(producer, topic, *args, **facts)

        AIOKafkaProducer.begin_transaction, AIOKafkaProducer.send = begun, sent

    def _wrap_end(self) -> None:
        offsets = AIOKafkaProducer.send_offsets_to_transaction
        commit = AIOKafkaProducer.commit_transaction

        @wraps(offsets)
        async def told(producer: Any, *args: Any, **facts: Any) -> None:
            self.hit("after-produce")
            await offsets(producer, *args, **facts)
            self.hit("after-offsets")

        @wraps(commit)
        async def committed(producer: Any) -> None:
            if self._is_armed("in-commit"):
                asking = asyncio.ensure_future(commit(producer))
                await asyncio.sleep(os.urandom(1)[0] / 255 * _IN_COMMIT_SECONDS_MAX)
                self.hit("in-commit")
                await asking
                return
            await commit(producer)
            self.hit("after-commit")

        AIOKafkaProducer.send_offsets_to_transaction = told
        AIOKafkaProducer.commit_transaction = committed

    # --- state and stores -----------------------------------------------------------

    def _wrap_stage(self) -> None:
        from anonymiser.gate.stage import Gate  # noqa: PLC0415 - a role has no other's code in memory
        from anonymiser.linker.stage import Linker  # noqa: PLC0415 - a role has no other's code in memory
        from anonymiser.linker.store import LinkStore  # noqa: PLC0415 - a role has no other's code in memory

        for stage in (Gate, Linker):
            _after(stage, "recover", lambda: self.hit("in-recovery"))
        keep = LinkStore.keep

        @wraps(keep)
        def kept(store: Any, *, at_once: bool) -> Any:
            if not at_once:
                self.hit("before-store-commit")
            return keep(store, at_once=at_once)

        LinkStore.keep = kept  # type: ignore[method-assign]

    def _wrap_store(self) -> None:
        from consumers import store  # noqa: PLC0415 - a role has no other's code in memory
        from consumers.store import ProjectionStore  # noqa: PLC0415 - a role has no other's code in memory

        move = store._move

        @wraps(move)
        def moved(*args: Any) -> None:
            move(*args)
            self.hit("in-store-commit")

        store._move = moved
        _after(ProjectionStore, "commit", lambda: self.hit("after-store-commit"))
        sent = ProjectionStore.sent

        @wraps(sent)
        def marked(one: Any, notice_ids: Sequence[str]) -> None:
            ids = list(notice_ids)
            if ids:
                self.hit("outbox-before-mark")
            sent(one, ids)

        ProjectionStore.sent = marked  # type: ignore[method-assign]

    def _wrap_lane(self) -> None:
        from anonymiser.intake.worker.lane import Lane  # noqa: PLC0415 - a role has no other's code in memory

        close = Lane.close

        @wraps(close)
        async def closed(lane: Any) -> None:
            self.hit("in-drain")
            await close(lane)

        Lane.close = closed  # type: ignore[method-assign]

    def _wrap_link(self) -> None:
        link = os.link

        @wraps(link)
        def linked(*args: Any, **facts: Any) -> None:
            self.hit("before-key-link")
            link(*args, **facts)
            self.hit("after-key-link")

        os.link = linked

    def _wrap_files(self) -> None:
        replace = Path.replace

        @wraps(replace)
        def replaced(path: Path, target: Any) -> Path:
            if path.name.endswith(".draft"):
                self.hit("before-status-rename")
            return replace(path, target)

        Path.replace = replaced  # type: ignore[method-assign]


def _after(cls: type[Any], name: str, what: Callable[[], None]) -> None:
    method = getattr(cls, name)

    @wraps(method)
    def called(*args: Any, **facts: Any) -> Any:
        result = method(*args, **facts)
        what()
        return result

    setattr(cls, name, called)
