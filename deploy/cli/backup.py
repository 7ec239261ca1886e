"""`rivelin backup | verify | restore`: the log on a safe place and back; the keys go apart."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import counting, say, show_json, show_table, show_text, warn
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from deploy.backup.manifest import Manifest
    from streams.restricted import ErasureRecorded

Folder = Annotated[Path, typer.Argument(help="The folder of the backup.")]
NewFolder = Annotated[Path, typer.Argument(help="A folder that is not there yet, or empty.")]
Fingerprint = Annotated[
    str | None,
    typer.Option(help="Whose backup it has to be: what partners of the installation pin."),
]
KeysFile = Annotated[Path, typer.Option("--keys", help="What `rivelin keys export` wrote.")]
Shares = Annotated[
    list[Path],
    typer.Option("--share", help="The recovery key's halves, of two people; give it twice."),
]
Ledger = Annotated[
    Path | None,
    typer.Option(help="The newest `rivelin erase export`; what was erased later stays erased."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (backup, verify, restore):
        app.command()(command)


def backup(folder: NewFolder, *, as_json: AsJson = False) -> None:
    """Back up the log while everything runs: records, positions, the register of certificates.

    No key is in it; `rivelin keys export` writes them apart, sealed. Whoever has both has
    everything.
    """
    from deploy.backup.take import take_backup  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    at = datetime.now(UTC).replace(microsecond=0)
    _end_in_order()
    with counting("records") as tell:
        manifest = asyncio.run(take_backup(Settings(), folder.absolute(), at, tell))
    _show(manifest, folder, as_json=as_json)
    if not as_json:
        warn("The keys are not in it: `rivelin keys export`, and keep the two apart.")


def verify(folder: Folder, *, fingerprint: Fingerprint = None, as_json: AsJson = False) -> None:
    """Prove from the files alone that a backup is whole; needs no broker and no key."""
    from deploy.backup.verify import verify_backup  # noqa: PLC0415 - keeps --help quick

    with counting("records") as tell:
        manifest = asyncio.run(verify_backup(folder, fingerprint, tell))
    _show(manifest, folder, as_json=as_json)
    if not as_json:
        say("Every hash, count and offset holds, and the replay gives the recorded state.")


def restore(
    folder: Folder,
    *,
    keys: KeysFile,
    share: Shares,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Make the home anew from a backup and the sealed keys; it must not be there yet.

    Verifies first. What the erasure ledger names stays erased. Nothing is started.
    """
    from deploy.backup.erasures import ledger_of  # noqa: PLC0415 - keeps --help quick
    from deploy.backup.restore import (  # noqa: PLC0415 - keeps --help quick
        Wanted,
        opened_keys,
        require_restorable,
        restore_backup,
    )
    from deploy.backup.verify import verify_backup  # noqa: PLC0415 - the same
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    settings = Settings()
    require_restorable(settings)
    first, second = _two(share)
    _end_in_order()
    with counting("records verified") as tell:
        manifest = asyncio.run(verify_backup(folder, tell=tell))
    secrets = opened_keys(_text(keys), (_text(first), _text(second)), manifest.fingerprint)
    erased = ledger_of(folder, manifest, _ledger(ledger))
    wanted = Wanted(folder, manifest, secrets, erased, datetime.now(UTC))
    with counting("records restored") as tell:
        restored = restore_backup(settings, wanted, tell)
    if as_json:
        show_json({"home": str(settings.home), **asdict(restored)})
        return
    show_text(f"home {settings.home}: {restored.records} records in {restored.topics} topics")
    if ledger is None:
        warn("No --ledger was given: what was erased after the backup is back. Erase it again.")
    say("Stores are folded anew by `rivelin up`; then `rivelin replay` compares them with the log.")


def _end_in_order() -> None:
    """Let a signal be an exception: what was begun goes, and a restore begins with the keys."""
    from deploy.up import STOP_SIGNALS, leave  # noqa: PLC0415 - keeps --help quick

    for number in STOP_SIGNALS:
        signal.signal(number, leave)


def _ledger(path: Path | None) -> tuple[ErasureRecorded, ...]:
    from streams.erasure import read_export  # noqa: PLC0415 - keeps --help quick

    return () if path is None else read_export(_text(path).splitlines())


def _two(shares: list[Path]) -> tuple[Path, Path]:
    if len(shares) != 2:  # noqa: PLR2004 - two people
        raise InvalidInputError("--share: give it twice, the halves of two people")
    return shares[0], shares[1]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path} is no text file of ours") from None


def _show(manifest: Manifest, folder: Path, *, as_json: bool) -> None:
    if as_json:
        show_json({"folder": str(folder), **_facts(manifest)})
        return
    columns = ("topic", "records", "from", "to", "gaps", "bytes")
    show_table(columns, ((name, entry.records, entry.start, entry.end, entry.gaps, entry.bytes)
                         for name, entry in manifest.topics.items()))  # fmt: skip
    show_text(f"made {manifest.made_at:%Y-%m-%dT%H:%M:%SZ} by {manifest.fingerprint}")
    for name, state in manifest.replay.items():
        show_text(f"state of {name} {state}")


def _facts(manifest: Manifest) -> dict[str, Any]:
    told = manifest.model_dump(mode="json")
    return {**told, "fingerprint": manifest.fingerprint}
