"""What `rivelin up` starts, in order: broker, topics, keys, roles."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from deploy.admission import due_certificates, renew_due, set_permissions
from deploy.broker import (
    BROKER,
    Node,
    prepare_node,
    publish_address,
    require_answer,
    wait_ready,
)
from deploy.certificates import SUPER_USERS, SUPERVISOR
from deploy.keys import ensure_keys, require_sound
from deploy.listeners import PLAIN_TEXT_NOTICE, Security
from deploy.log_lines import write_json_lines
from deploy.mending import keep_mending, mend
from deploy.notify import READY, STOPPING, notify
from deploy.processes import Child, ProcessSpec, last_lines, rotate_log
from deploy.roles import KEY_HOLDERS, ROLES, principal_of
from deploy.supervisor import Supervisor
from deploy.topics import ensure_topics
from streams.errors import InvalidInputError, RivelinError
from streams.topics import SHARED_TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.settings import Settings

    Say = Callable[[str], None]

GIVE_UP_SECONDS_MAX = 2.0
CHORES_SECONDS = 3_600.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(
    settings: Settings,
    *,
    port: int | None,
    plain_text: bool = False,
    say: Say,
    announce: Callable[[], None],
) -> None:
    """Run everything until a signal says stop; call `announce` once all has been started.

    `plain_text` asks a broker of our own to let everybody in, and says so.
    Raises: any RivelinError for which the start fails; nothing is left running then.
    """
    write_json_lines("supervisor")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # we say ourselves who does not answer
    signal.signal(signal.SIGTERM, leave)  # until the event loop takes over
    supervisor = Supervisor(settings)
    node: Node | None = None
    try:
        require_sound(settings)
        if settings.manages_broker:
            node = prepare_node(settings, port=port, plain_text=plain_text, say=say)
        if is_plain_text(settings, asked=plain_text):
            say(PLAIN_TEXT_NOTICE)
        asyncio.run(_run(supervisor, node, say, announce))
    finally:
        ignore_signals()
        supervisor.close()
        if node is not None:
            node.lock.release()


def is_plain_text(settings: Settings, *, asked: bool) -> bool:
    """Whether a start will let everybody in, by the flag or, on another cluster, by the setting.

    Raises: InvalidInputError if the flag is given for a broker that is not ours to start.
    """
    if asked and not settings.manages_broker:
        raise InvalidInputError(
            "--plain-text is for the broker that `rivelin up` starts; another cluster is entered"
            " in plain text with RIVELIN_PLAIN_TEXT=1"
        )
    return asked or (settings.plain_text and not settings.manages_broker)


def leave(number: int, _: object) -> NoReturn:
    """Handle a signal: end as an exception, so that what was begun is undone on the way.

    Undisturbed: whoever is in a hurry and signals twice would else leave half of it behind.
    """
    ignore_signals()
    sys.exit(128 + number)


def ignore_signals() -> None:
    """From here on the process ends in its own time, which is short."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


async def _run(
    supervisor: Supervisor, node: Node | None, say: Say, announce: Callable[[], None]
) -> None:
    stopping = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    waiting = asyncio.create_task(stopping.wait())
    starting = asyncio.create_task(_start(supervisor, node, say))
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()  # a failed start ends here
            announce()
            notify(READY)
            chores = asyncio.create_task(_do_chores_until_cancelled(supervisor, node, say))
            mending = asyncio.create_task(_mend_until_cancelled(supervisor, node, say))
            await waiting
            chores.cancel()
            mending.cancel()
    finally:
        notify(STOPPING)
        await _give_up(starting)  # first: what it says to the broker needs the broker
        await supervisor.stop()


async def _do_chores_until_cancelled(supervisor: Supervisor, node: Node | None, say: Say) -> None:
    """Look every hour after what is due by the calendar.

    What fails is told and tried again an hour later: none of it is due to the hour.
    """
    from deploy.chores import do_chores  # noqa: PLC0415 - what only this task needs

    while True:
        try:
            await _renew_certificates(supervisor, node, say)
            done = await do_chores(supervisor.settings, datetime.now(UTC))
        except RivelinError as error:
            say(f"chores: not done this hour: {error}")
        except Exception as error:  # noqa: BLE001 - of a full disk, say, they must not end in silence
            say(f"chores: not done this hour: {type(error).__name__}")
        else:
            for line in done.lines:
                say(f"chores: {line}")
            if done.keys_destroyed:
                supervisor.restart(KEY_HOLDERS)
        await asyncio.sleep(CHORES_SECONDS)


async def _mend_until_cancelled(supervisor: Supervisor, node: Node | None, say: Say) -> None:
    """What a node left open is its keeper's to end; another cluster has keepers of its own."""
    if node is not None:
        await keep_mending(supervisor.settings, say)


async def _renew_certificates(supervisor: Supervisor, node: Node | None, say: Say) -> None:
    """Renew what is due; whoever uses it is started anew with it, the broker before the others.

    Only a broker that was started with them knows the new names of its super users. In plain
    text nobody shows one, and a broker that asked for them all at once would shut everybody out.
    """
    settings, at = supervisor.settings, datetime.now(UTC)
    if settings.speaks_plain_text:
        return
    renewed = {one.name.principal for one in renew_due(settings, at)}
    for principal in sorted(renewed):
        say(f"chores: renewed the certificate of {principal}")
    if node is not None and renewed & {*SUPER_USERS}:
        security = Security.of_home(settings.pki_dir)
        node.folder.write_configuration(node.ports, security)
        # Entered by the new certificate: the one that it was first started with may have ended.
        await wait_ready(replace(node, security=security), await supervisor.replace(BROKER))
    for line in await set_permissions(settings, SUPERVISOR, at):
        say(f"chores: {line}")
    supervisor.restart([role for role in ROLES if principal_of(role) in renewed])
    for due in due_certificates(settings, at):
        say(f"chores: {due}")


async def _give_up(starting: asyncio.Task[None]) -> None:
    starting.cancel()
    with contextlib.suppress(TimeoutError):
        ended = asyncio.gather(starting, return_exceptions=True)
        await asyncio.wait_for(ended, GIVE_UP_SECONDS_MAX)


async def _start(supervisor: Supervisor, node: Node | None, say: Say) -> None:
    settings = supervisor.settings
    if node is not None:
        await _start_node(supervisor, node)
        await mend(settings, say)
    await require_answer(settings.access(SUPERVISOR))
    supervisor.bootstrap = settings.bootstrap
    report = await ensure_topics(settings, SHARED_TOPICS, SUPERVISOR)
    for drift in report.drift:
        say(f"topic differs, left as it is: {drift}")
    for line in await set_permissions(settings, SUPERVISOR, datetime.now(UTC)):
        say(line)
    await ensure_keys(settings)
    for role in ROLES:
        supervisor.keep(role_spec(role, settings), watched=True)
    supervisor.ready()


async def _start_node(supervisor: Supervisor, node: Node) -> None:
    keeper = supervisor.keep(node.spec, stops_last=True)
    if keeper.child is not None:
        await wait_ready(node, keeper.child)
    publish_address(supervisor.settings, node)


def role_spec(role: str, settings: Settings) -> ProcessSpec:
    """A role runs the same interpreter, for the same home."""
    argv = (sys.executable, "-m", "deploy", "role", role)
    env = {"RIVELIN_HOME": str(settings.home), "NOTIFY_SOCKET": ""}  # a manager knows us alone
    return ProcessSpec(role, argv, env=env)


@dataclass(frozen=True)
class Detached:
    """A supervisor that outlives this process, and where in its log it began."""

    child: Child
    log: Path
    begins_at: int

    def last_words(self) -> str:
        """What it said, this time."""
        return last_lines(self.log, since=self.begins_at, count=40)


def spawn_detached(settings: Settings, port: int | None, *, plain_text: bool = False) -> Detached:
    """Start `serve` as a process that outlives this one."""
    settings.make_folders()
    option = () if port is None else ("--port", str(port))
    plain = ("--plain-text",) if plain_text else ()
    argv = (sys.executable, "-m", "deploy", "up", *option, *plain)
    spec = ProcessSpec("supervisor", argv, env={"RIVELIN_HOME": str(settings.home)})
    log = settings.logs_dir / "supervisor.log"
    rotate_log(log)
    begins_at = log.stat().st_size if log.exists() else 0
    return Detached(Child.spawn(spec, log, tethered=False), log, begins_at)
