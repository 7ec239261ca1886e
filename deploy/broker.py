"""The managed broker: one Apache Kafka node (KRaft) on loopback, for one home.

Who comes in shows a certificate and may do what `deploy.acls` permits; plain
text, without permissions, only where a start asks for it by name.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
import secrets
import socket
import subprocess
import tempfile
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from deploy.admission import set_permissions
from deploy.certificates import SUPERVISOR
from deploy.jars import JarStore, cache_dir, read_lock
from deploy.java import LEAN_FLAGS, ClassArchive, class_archive, find_java
from deploy.listeners import CLIENTS, CONTROLLER, PLAIN_TEXT, Security
from deploy.processes import Child, ProcessSpec, last_lines, own_identity
from streams.errors import BrokerUnreachableError, RivelinError
from streams.kafka.access import Access
from streams.kafka.open_transactions import end_abandoned
from streams.kafka.refusal import require_let_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from deploy.settings import Settings

BROKER = "broker"
LOOPBACK = "127.0.0.1"
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 5.0
_FORMAT_SECONDS_MAX = 60
_PROBE_SECONDS = 0.05
_COORDINATOR_KINDS = (0, 1)  # of groups, of transactions

# Below the ports that the system gives to outgoing connections: a client that retries a
# closed port in that range may one day be connected to itself.
_PORTS = range(20_000, 32_000)

_PROPERTIES: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": CONTROLLER,
    "inter.broker.listener.name": CLIENTS,
    "auto.create.topics.enable": "false",
    # One node holds one copy of everything.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    # How often it looks for transactions whose time is over: readers wait for their end.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # A laptop that was shut for a month must not forget how far its readers were: ten years.
    "offsets.retention.minutes": "5256000",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # A client says first how much it will send, and the node makes room for it before it came:
    # the 100 MB of the default would be the end of this heap.
    "socket.request.max.bytes": "16777216",
    # A small node: 128 MB of heap for compaction alone is the default.
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.cleaner.io.buffer.size": "131072",
    "log.cleaner.backoff.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    # After a crash the controller waits for the old session before it trusts the new one.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
}

_LOGGING = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${sys:rivelin.logs}/kafka.log
appender.file.filePattern = ${sys:rivelin.logs}/kafka.log.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %p %c{1} %m%n
appender.file.policies.type = SizeBasedTriggeringPolicy
appender.file.policies.size = 20MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
"""


class PortTakenError(RivelinError):
    """The requested port is in use. Choose another with `--port`, or leave the choice to us."""


class DataFolderHeldError(RivelinError):
    """Another node holds this data folder. Stop it (`rivelin down`), or choose another home."""


class BrokerStartError(RivelinError):
    """The node ended, or did not answer in time. The message ends with its last words."""


# ---------------------------------------------------------------------------------- ports


@dataclass(frozen=True)
class Ports:
    """Where clients come in, and where the node talks to itself as its own controller."""

    clients: int
    controller: int

    @property
    def bootstrap(self) -> str:
        """What a client connects to."""
        return f"{LOOPBACK}:{self.clients}"


def is_free(port: int) -> bool:
    """Whether a server may listen there: found out by doing it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose_ports(remembered: Ports | None, requested: int | None) -> Ports:
    """The requested port or none; otherwise the last ones, if free, so that addresses last.

    Raises: PortTakenError.
    """
    if requested is not None and not is_free(requested):
        raise PortTakenError(f"port {requested} on {LOOPBACK} is in use: choose another")
    clients = requested or (remembered and _if_free(remembered.clients)) or _any_free()
    controller = (remembered and _if_free(remembered.controller)) or _any_free()
    while controller == clients:
        controller = _any_free()
    return Ports(clients, controller)


def _if_free(port: int) -> int | None:
    return port if is_free(port) else None


def _any_free() -> int:
    while not is_free(port := _PORTS.start + secrets.randbelow(len(_PORTS))):
        pass
    return port


# ---------------------------------------------------------------------------- data folder


class FolderLock:
    """Holds a node's folder. The node inherits it, so it lasts as long as either of us."""

    def __init__(self, file: IO[str]) -> None:
        """Use `FolderLock.take`."""
        self._file = file

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Take it at once or not at all.

        Raises: DataFolderHeldError, naming the process that took it.
        """
        file = (folder / "node.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise DataFolderHeldError(
                f"a node already holds {folder} (started by process {holder}): "
                "stop it with `rivelin down`"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return cls(file)

    @property
    def descriptor(self) -> int:
        """To be passed to the node."""
        return self._file.fileno()

    def release(self) -> None:
        """Let go of our share of it."""
        self._file.close()


@dataclass(frozen=True)
class NodeFolder:
    """One node's folder: configuration, data, and the ports it had last."""

    path: Path
    logs: Path

    @property
    def data(self) -> Path:
        """The log segments. Made by formatting, complete or not there at all."""
        return self.path / "data"

    def remembered_ports(self) -> Ports | None:
        """Return the ports of the last start."""
        try:
            return Ports(**json.loads((self.path / "ports.json").read_text()))
        except (FileNotFoundError, TypeError, ValueError):
            return None

    def write_configuration(self, ports: Ports, security: Security) -> None:
        """Write it anew at each start: ports and certificates may change, and no path is in it."""
        (self.path / "log4j2.properties").write_text(_LOGGING)
        (self.path / "ports.json").write_text(json.dumps(vars(ports)))
        security.write(self.path)
        self.write_properties("server.properties", ports, security, "data")

    def write_properties(self, name: str, ports: Ports, security: Security, data: str) -> None:
        """Write the node's properties, with its data in a folder beside them."""
        controller = f"{CONTROLLER}://{LOOPBACK}:{ports.controller}"
        properties = {
            **_PROPERTIES,
            **security.properties(),
            "listeners": f"{CLIENTS}://{ports.bootstrap},{controller}",
            "advertised.listeners": f"{CLIENTS}://{ports.bootstrap}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{ports.controller}",
            "log.dirs": data,
        }
        lines = (f"{key}={value}\n" for key, value in properties.items())
        (self.path / name).write_text("".join(lines))


# ------------------------------------------------------------------------------- the node


@dataclass(frozen=True)
class Runtime:
    """What every node of this user runs on: a Java, verified jars, and a class archive."""

    archive: ClassArchive
    jars: tuple[Path, ...]

    def command(self, flags: tuple[str, ...], logs: Path, *call: str) -> tuple[str, ...]:
        """Build a command line; its class path never varies, or the archive would be void."""
        return (
            str(self.archive.java.launcher),
            *LEAN_FLAGS,
            *flags,
            f"-Drivelin.logs={logs}",
            "-Dlog4j.configurationFile=log4j2.properties",
            "-cp",
            ":".join(map(str, self.jars)),
            *call,
        )


def prepare_runtime(say: Callable[[str], None] = lambda _: None) -> Runtime:
    """Find or fetch what a node needs; slow for the first node of a user only.

    Raises: NoJavaError, JarUnavailableError, JarMismatchError.
    """
    cache = cache_dir()
    with _one_at_a_time(cache):
        lock, store = read_lock(), JarStore(cache / "jars")
        if not store.has_all(lock):
            say("Fetching Apache Kafka (45 MB, once per user) …")
        jars = store.paths(lock)
        runtime = Runtime(class_archive(find_java(), jars, cache / "archives"), jars)
        if runtime.archive.is_wanted:
            say("Preparing a quicker start (some seconds, once per user) …")
            _train(runtime)
    return runtime


@contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (cache / "setup.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _train(runtime: Runtime) -> None:
    """Run a throw-away node once, so that Java can archive the classes it loaded."""
    archive = runtime.archive
    draft = archive.own.with_suffix(f".{os.getpid()}")
    try:
        archive.make_base()
        with tempfile.TemporaryDirectory(prefix="rivelin-") as scratch:
            folder = NodeFolder(Path(scratch), Path(scratch))
            security = Security.of_home(Path(scratch) / "pki")
            node = Node.prepare(folder, runtime, security, flags=archive.flags_to_make(draft))
            _run_once(node)
        draft.replace(archive.own)
    except (BrokerStartError, OSError, subprocess.SubprocessError):
        archive.give_up()  # every start is then about a second slower, and that is all


def _run_once(node: Node) -> None:
    child = node.spawn()
    try:
        asyncio.run(wait_ready(node, child))
    finally:
        child.stop_sync(READY_SECONDS_MAX)  # writing the archive takes some seconds
        node.lock.release()


@dataclass(frozen=True)
class Node:
    """A node that is ready to be started, as often as need be, in a folder that we hold."""

    spec: ProcessSpec
    ports: Ports
    folder: NodeFolder
    lock: FolderLock
    security: Security

    @classmethod
    def prepare(
        cls,
        folder: NodeFolder,
        runtime: Runtime,
        security: Security,
        *,
        port: int | None = None,
        flags: tuple[str, ...] | None = None,
    ) -> Self:
        """Take the folder, choose ports, write the configuration, format a new folder.

        Raises: DataFolderHeldError, PortTakenError, BrokerStartError.
        """
        lock = FolderLock.take(folder.path)
        try:
            ports = choose_ports(folder.remembered_ports(), port)
            folder.write_configuration(ports, security)
            if not folder.data.exists():
                _format(folder, runtime, ports, security)
        except BaseException:
            lock.release()
            raise
        used = runtime.archive.flags_to_use() if flags is None else flags
        argv = runtime.command(used, folder.logs, "kafka.Kafka", "server.properties")
        spec = ProcessSpec(BROKER, argv, cwd=folder.path, pass_fds=(lock.descriptor,))
        return cls(spec, ports, folder, lock, security)

    @property
    def access(self) -> Access:
        """How the process that keeps the node enters it."""
        return Access(self.ports.bootstrap, self.security.keeper)

    @property
    def log(self) -> Path:
        """What the process itself prints; Kafka writes to `kafka.log` beside it."""
        return self.folder.logs / f"{self.spec.name}.log"

    def spawn(self) -> Child:
        """Start the process; `wait_ready` tells when it serves."""
        return Child.spawn(self.spec, self.log)

    def last_words(self) -> str:
        """Return the ends of both logs, for the message of a failed start."""
        ends = (last_lines(path) for path in (self.folder.logs / "kafka.log", self.log))
        return "\n".join(text for text in ends if text)


def _format(folder: NodeFolder, runtime: Runtime, ports: Ports, security: Security) -> None:
    """Make the data folder beside its place and move it there whole."""
    draft = folder.path / "data.draft"
    folder.write_properties("format.properties", ports, security, draft.name)
    call = ("kafka.tools.StorageTool", "format", "-g", "-t", _new_cluster_id())
    argv = runtime.command(
        runtime.archive.flags_to_use(), folder.logs, *call, "-c", "format.properties"
    )
    done = subprocess.run(
        argv,
        cwd=folder.path,
        capture_output=True,
        text=True,
        timeout=_FORMAT_SECONDS_MAX,
        check=False,
    )
    if done.returncode:
        raise BrokerStartError(f"cannot format {folder.data}:\n{done.stdout}{done.stderr}")
    draft.rename(folder.data)


def _new_cluster_id() -> str:
    """Kafka's own form of a UUID; a leading dash would look like an option."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return text.replace("-", "A", 1) if text.startswith("-") else text


# ------------------------------------------------------------------------------ readiness


async def wait_ready(node: Node, child: Child, seconds_max: float = READY_SECONDS_MAX) -> None:
    """Return once the node answers a metadata request with itself in it, and coordinates.

    Raises: BrokerStartError.
    """
    try:
        async with asyncio.timeout(seconds_max):
            await _until(lambda: answers(node.access), node, child)
            await _until(lambda: coordinates(node.access), node, child)
    except TimeoutError:
        raise BrokerStartError(
            f"the broker did not answer within {seconds_max:.0f} s:\n{node.last_words()}"
        ) from None


async def _until(holds: Callable[[], Awaitable[bool]], node: Node, child: Child) -> None:
    while not await holds():
        if not child.is_running:
            raise BrokerStartError(f"the broker ended at its start:\n{node.last_words()}")
        await asyncio.sleep(_PROBE_SECONDS)


async def answers(access: Access) -> bool:
    """Whether a cluster answers there with at least one broker that serves."""
    from aiokafka.client import AIOKafkaClient  # noqa: PLC0415 - slow to import
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - the same

    if not await _listens(access.bootstrap):  # spares the client's error messages
        return False
    client = AIOKafkaClient(**access.options(), request_timeout_ms=5_000)
    try:
        await client.bootstrap()
        return bool(client.cluster.brokers())
    except KafkaError:
        return False
    finally:
        await client.close()


async def coordinates(access: Access) -> bool:
    """Whether groups and transactions have a coordinator; asking makes its topics.

    Without it the first group and the first transaction of a new node fail once or twice.
    """
    from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415 - slow to import
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - the same

    admin = AIOKafkaAdminClient(**access.options())
    try:
        await admin.start()
        for kind in _COORDINATOR_KINDS:
            await admin.find_coordinator("rivelin", kind)
    except KafkaError:
        return False
    finally:
        await admin.close()
    return True


async def _listens(bootstrap: str) -> bool:
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        with suppress(OSError, TimeoutError, ValueError):
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 5)
            writer.close()
            return True
    return False


async def require_answer(access: Access) -> None:
    """Raise BrokerUnreachableError unless a cluster answers there, NotLetInError if not to us."""
    if not await answers(access):
        await require_let_in(access)
        raise BrokerUnreachableError(f"no broker answers at {access.bootstrap}")


# ------------------------------------------------------------------------ told to others


def publish_address(settings: Settings, node: Node) -> None:
    """Tell other processes where the node is; true for as long as this process lives."""
    draft = settings.broker_file.with_suffix(f".{os.getpid()}")
    keeper = own_identity().as_dict()
    told = {"bootstrap": node.ports.bootstrap, "plain_text": node.access.credentials is None}
    draft.write_text(json.dumps({**told, "keeper": keeper}))
    draft.replace(settings.broker_file)


def prepare_node(
    settings: Settings,
    *,
    port: int | None = None,
    plain_text: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Node:
    """Make the node of this home ready to start, with certificates unless told otherwise."""
    settings.make_folders()
    security = PLAIN_TEXT if plain_text else Security.of_home(settings.pki_dir)
    runtime = prepare_runtime(say)
    folder = NodeFolder(settings.kafka_dir, settings.logs_dir)
    return Node.prepare(folder, runtime, security, port=port)


class LocalBroker:
    """A managed node without a supervisor, for tests and measurements: it is not restarted."""

    def __init__(
        self, settings: Settings, *, port: int | None = None, plain_text: bool = False
    ) -> None:
        """Prepare the node of `settings.home`; `start` starts it."""
        self.settings = settings
        self.node = prepare_node(settings, port=port, plain_text=plain_text)
        self.child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """What a client connects to."""
        return self.node.ports.bootstrap

    def access(self, principal: str) -> Access:
        """Return how to enter it as a principal; see `Settings.access`."""
        return self.settings.access(principal)

    @property
    def pid(self) -> int:
        """The running node's process."""
        if self.child is None:
            raise BrokerStartError("the broker is not started")
        return self.child.pid

    def start(self) -> None:
        """Start the node and wait until it serves. Not from inside an event loop."""
        asyncio.run(self.start_async())

    async def start_async(self) -> None:
        """Start the node, wait until it serves, and settle who may do what."""
        self.child = self.node.spawn()
        await wait_ready(self.node, self.child)
        await end_abandoned(self.node.access)
        publish_address(self.settings, self.node)
        await set_permissions(self.settings, SUPERVISOR, datetime.now(UTC))

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.child is not None:
            self.child.kill_sync()

    def stop(self) -> None:
        """End it in order; the folder stays ours until `close`."""
        if self.child is not None:
            self.child.stop_sync(STOP_SECONDS_MAX)
        self.settings.broker_file.unlink(missing_ok=True)

    def close(self) -> None:
        """End it and let go of the folder."""
        self.stop()
        self.node.lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
