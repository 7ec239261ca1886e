"""`rivelin keys create | list | rotate | retire | recovery | export`: the keys over their life."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import counting, progress, say, show_json, show_table, show_text, warn
from deploy.cli.sealed_keys import export, recovery

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from anonymiser.keyring import KeyEntry
    from deploy.rotation import Retokenised
    from deploy.settings import Settings
    from streams.ports import Log
    from streams.restricted import SealingKeyPublished
    from streams.values import Operation


class Kind(StrEnum):
    """The keys that rotate."""

    SEALING = "sealing"
    STORAGE = "storage"
    TOKEN = "token"  # noqa: S105 - the name of a kind


KindArgument = Annotated[Kind, typer.Argument(help="Which kind of key.")]
Number = Annotated[int, typer.Argument(min=1, help="Its number, as `rivelin keys list` shows it.")]
Who = Annotated[str | None, typer.Option("--as", help="Who does it; goes on the record.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    keys = typer.Typer(help="Make, show, rotate and destroy the enclave's keys.")
    for command in (create, show_list, rotate, retire, recovery, export):
        keys.command("list" if command is show_list else None)(command)
    app.add_typer(keys, name="keys", no_args_is_help=True)


def create(*, as_json: AsJson = False) -> None:
    """Make the first keys of this home, as the first `rivelin up` would; needs no broker.

    Where there are keys already nothing is made: a new set could open and link nothing of what
    is there.
    """
    from deploy.keys import fingerprint, key_ring  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    settings = Settings()
    settings.make_folders()
    made = key_ring(settings).create_missing()
    pinned = fingerprint(settings)
    if as_json:
        show_json({"made": made, "fingerprint": pinned})
        return
    say(f"Made {', '.join(sorted(made))}." if made else "The keys are there; nothing was made.")
    show_text(f"fingerprint for partners to pin: {pinned}")


def show_list(*, as_json: AsJson = False) -> None:
    """Show every key by name and number, never its content, and what it is used for now.

    Works without a broker; then it cannot tell until when partners seal to which epoch.
    """
    from deploy.keys import key_ring  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    settings = Settings()
    entries = key_ring(settings).entries()
    published = asyncio.run(_published(settings))
    if as_json:
        show_json([_facts(entry, published) for entry in entries])
    elif entries:
        columns = ("key", "made", "use", "partners seal to it")
        show_table(columns, (_row(entry, published) for entry in entries))
    else:
        say("There are no keys yet: `rivelin up` or `rivelin keys create` makes them.")


def rotate(kind: KindArgument, *, name: Who = None, as_json: AsJson = False) -> None:
    """Go over to the next key of a kind.

    sealing: a new epoch, signed and published; partners follow by themselves. storage: new data
    keys lie under the new one; `retire` moves the old ones. token: every record is hashed anew
    inside the enclave while nothing else runs; persons and the police topic stay as they are.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick

    done = _ROTATE[kind](Settings(), name)
    if as_json:
        show_json(done)
    else:
        say(done["said"])


def retire(
    kind: KindArgument, number: Number, *, name: Who = None, as_json: AsJson = False
) -> None:
    """Destroy an older key for ever, once nothing needs it any more.

    sealing: from 7 days after partners stopped sealing to it. storage: what lies under it is put
    under the newest first. The newest of a kind cannot be retired.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick

    done = _RETIRE[kind](Settings(), number, name)
    if as_json:
        show_json(done)
    else:
        say(done["said"])
        warn("Copies of the key in backups have to be destroyed as well.")


# --- rotating ----------------------------------------------------------------------------------


def _rotate_sealing(settings: Settings, name: str | None) -> dict[str, Any]:
    from deploy.keys import EPOCH, key_ring  # noqa: PLC0415 - keeps --help quick
    from deploy.rotation import rotate_sealing  # noqa: PLC0415 - the same

    at = _now()

    async def work(log: Log) -> int:
        return await rotate_sealing(log, key_ring(settings), at)

    number = _with_log(settings, work, name, "key sealing rotated")
    until = at + EPOCH
    said = f"sealing-{number} is published; partners seal to it from now to {until:%Y-%m-%d}."
    return {"key": f"sealing-{number}", "valid_until": until.isoformat(), "said": said}


def _rotate_storage(settings: Settings, name: str | None) -> dict[str, Any]:
    from anonymiser.keyring import KeyKind  # noqa: PLC0415 - keeps --help quick
    from deploy.keys import key_ring  # noqa: PLC0415 - the same

    async def work(_: Log) -> int:
        return await asyncio.to_thread(key_ring(settings).add, KeyKind.STORAGE)

    number = _with_log(settings, work, name, "key storage rotated")
    restarted = _restart(settings)
    said = f"storage-{number} is there; {_told(restarted)}"
    return {"key": f"storage-{number}", "restarted": restarted, "said": said}


def _rotate_token(settings: Settings, name: str | None) -> dict[str, Any]:
    from deploy.keys import key_ring  # noqa: PLC0415 - keeps --help quick
    from deploy.roles import build_linker  # noqa: PLC0415 - the same
    from deploy.rotation import rotate_token  # noqa: PLC0415 - the same

    async def work(log: Log) -> Retokenised:
        own_log, linker = build_linker(settings, rolling=True)
        try:
            return await rotate_token(log, key_ring(settings), linker, tell)
        finally:
            await own_log.stop()

    with _standing_still(settings), counting("reports") as tell:
        rolled = _with_log(settings, work, name, "key token rotated")
    said = f"token-{rolled.number} is in use; {rolled.done} revisions were hashed anew"
    if rolled.left:
        said += f", {rolled.left} are erased and stay so"
    return {"key": f"token-{rolled.number}", "retokenised": rolled.done, "erased": rolled.left,
            "said": f"{said}. Start again with `rivelin up`."}  # fmt: skip


# --- retiring ----------------------------------------------------------------------------------


def _retire_sealing(settings: Settings, number: int, name: str | None) -> dict[str, Any]:
    from deploy.keys import key_ring  # noqa: PLC0415 - keeps --help quick
    from deploy.rotation import retire_sealing  # noqa: PLC0415 - the same

    async def work(log: Log) -> None:
        await retire_sealing(log, key_ring(settings), number, _now())

    _with_log(settings, work, name, f"key sealing-{number} destroyed", erases=True)
    restarted = _restart(settings)
    said = f"sealing-{number} is destroyed; {_told(restarted)}"
    return {"key": f"sealing-{number}", "restarted": restarted, "said": said}


def _retire_storage(settings: Settings, number: int, name: str | None) -> dict[str, Any]:
    """Nothing may wrap under the old key while it goes: everything stands still."""
    from anonymiser.keyring import KeyKind  # noqa: PLC0415 - keeps --help quick
    from deploy.keys import key_ring  # noqa: PLC0415 - the same
    from deploy.rotation import rewrap  # noqa: PLC0415 - the same

    ring = key_ring(settings)

    async def work(log: Log) -> int:
        ring.require_older(KeyKind.STORAGE, number)
        moved = await rewrap(log, ring.load(), tell)
        await asyncio.to_thread(ring.destroy, KeyKind.STORAGE, number)
        return moved

    with _standing_still(settings), counting("reports") as tell:
        moved = _with_log(settings, work, name, f"key storage-{number} destroyed", erases=True)
    said = f"storage-{number} is destroyed; the data keys of {moved} reports lie under the newest."
    return {"key": f"storage-{number}", "rewrapped": moved, "said": said}


def _retire_token(settings: Settings, number: int, name: str | None) -> dict[str, Any]:
    from anonymiser.keyring import KeyKind  # noqa: PLC0415 - keeps --help quick
    from deploy.keys import key_ring  # noqa: PLC0415 - the same

    ring = key_ring(settings)
    ring.load()  # no rotation may be unfinished

    async def work(_: Log) -> None:
        await asyncio.to_thread(ring.destroy, KeyKind.TOKEN, number)

    _with_log(settings, work, name, f"key token-{number} destroyed", erases=True)
    return {"key": f"token-{number}", "said": f"token-{number} is destroyed."}


_ROTATE = {Kind.SEALING: _rotate_sealing, Kind.STORAGE: _rotate_storage, Kind.TOKEN: _rotate_token}
_RETIRE = {Kind.SEALING: _retire_sealing, Kind.STORAGE: _retire_storage, Kind.TOKEN: _retire_token}


# --- the log, the record, the roles ------------------------------------------------------------


def _with_log(
    settings: Settings,
    work: Callable[[Log], Awaitable[Any]],
    name: str | None,
    subject: str,
    *,
    erases: bool = False,
) -> Any:  # noqa: ANN401 - whatever the work returns
    """Do something to a key and put it on record; what failed is not recorded as done."""
    from deploy.views import Asker, connected, record  # noqa: PLC0415 - keeps --help quick
    from streams.values import Operation, Purpose  # noqa: PLC0415 - the same

    asker = Asker(name or settings.name, Purpose.OPERATE_SERVICE)
    operation: Operation = Operation.ERASURE if erases else Operation.ALTERATION

    async def run() -> Any:  # noqa: ANN401 - the same
        async with connected(settings, "keys") as log:
            done = await work(log)
            await record(log, asker, subject, operation)
            return done

    return asyncio.run(run())


@contextmanager
def _standing_still(settings: Settings) -> Iterator[None]:
    """Let nothing run for this home but its broker.

    Raises: AlreadyRunningError while the node is up. A cluster of other machines cannot be
    seen from here: stop its roles first.
    """
    from deploy.broker import LocalBroker  # noqa: PLC0415 - keeps --help quick
    from deploy.supervisor import Supervisor  # noqa: PLC0415 - the same

    supervisor = Supervisor(settings)
    try:
        if not settings.manages_broker:
            warn("Anonymiser and linker of this cluster must be stopped, on every machine.")
            yield
            return
        with progress("starting the broker …"):
            broker = LocalBroker(settings)
            broker.start()
        try:
            yield
        finally:
            broker.close()
    finally:
        supervisor.close()


def _restart(settings: Settings) -> tuple[str, ...]:
    """Ask the roles that hold keys to end; their supervisor starts them with the keys as they are.

    Returns those that were asked.
    """
    from deploy.processes import ProcessIdentity  # noqa: PLC0415 - keeps --help quick
    from deploy.roles import KEY_HOLDERS  # noqa: PLC0415 - the same
    from deploy.supervisor import read_report  # noqa: PLC0415 - the same

    report = read_report(settings)
    processes = [] if report is None else report.facts["processes"]
    return tuple(
        process["name"]
        for process in processes
        if process["name"] in KEY_HOLDERS
        and process["pid"]
        and ProcessIdentity.from_dict(process).signal(signal.SIGTERM)
    )


def _told(restarted: tuple[str, ...]) -> str:
    if restarted:
        return f"{', '.join(restarted)} start again with the keys as they are now."
    return "no role runs here; those that run elsewhere have to be started again."


# --- showing -----------------------------------------------------------------------------------


async def _published(settings: Settings) -> dict[int, SealingKeyPublished]:
    from deploy.keys import published_keys  # noqa: PLC0415 - keeps --help quick
    from deploy.views import connected  # noqa: PLC0415 - the same
    from streams.errors import LogError, RivelinError  # noqa: PLC0415 - the same

    try:
        async with connected(settings, "keys") as log:
            return dict(await published_keys(log))
    except (LogError, RivelinError):
        return {}


def _facts(entry: KeyEntry, published: dict[int, SealingKeyPublished]) -> dict[str, Any]:
    known = published.get(entry.number or 0) if entry.kind == Kind.SEALING else None
    return {
        "key": entry.name,
        "kind": entry.kind,
        "number": entry.number,
        "made_at": entry.made_at.isoformat(),
        "in_use": entry.in_use,
        "valid_from": known and known.valid_from.isoformat(),
        "valid_until": known and known.valid_until.isoformat(),
    }


def _row(entry: KeyEntry, published: dict[int, SealingKeyPublished]) -> tuple[object, ...]:
    known = published.get(entry.number or 0) if entry.kind == Kind.SEALING else None
    until = known and known.valid_until
    return (
        entry.name,
        f"{entry.made_at:%Y-%m-%d}",
        "in use" if entry.in_use else "opens what is there",
        f"until {until:%Y-%m-%d}" if until else "",
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
