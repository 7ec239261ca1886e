"""`rivelin keys recovery | export`: the enclave's keys on a safe place, apart from the log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deploy.cli.output import say, show_json, show_text, warn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_AUTHORITY: Final = "pki/authority/key.pem"

PublicFile = Annotated[Path, typer.Argument(help="Where the public half goes; no secret.")]
FirstShare = Annotated[Path, typer.Option("--first", help="Where the first person's half goes.")]
SecondShare = Annotated[Path, typer.Option("--second", help="Where the second person's goes.")]
SealedFile = Annotated[Path, typer.Argument(help="A file that is not there yet.")]
Recovery = Annotated[Path, typer.Option("--to", help="The recovery key's public half.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]


def recovery(
    public: PublicFile, *, first: FirstShare, second: SecondShare, as_json: AsJson = False
) -> None:
    """Make a recovery key in two halves, for two people; keys are sealed to it from then on.

    One half tells nothing and opens nothing. Write them to two media, give each to one person,
    let each keep a copy, and leave none on this machine: a lost half is a lost backup of keys.
    """
    from deploy.backup.envelope import new_recovery_key  # noqa: PLC0415 - keeps --help quick
    from deploy.backup.secrets import require_new, write_new  # noqa: PLC0415 - the same

    require_new(first, second, public)  # all before any: a half without its other opens nothing
    key, *shares = new_recovery_key()
    for path, share in zip((first, second), shares, strict=True):
        write_new(path, share)
    write_new(public, key.as_text(), mode=0o644)
    if as_json:
        show_json({"recovery": key.fingerprint, "public": str(public)})
        return
    show_text(f"recovery key {key.fingerprint}")
    warn("Give each half to one person, and leave none on this machine.")


def export(file: SealedFile, *, to: Recovery, as_json: AsJson = False) -> None:
    """Seal every key of this home to the recovery key; keep the file apart from any backup.

    With the log, what is in it leads back to people: both halves, this file and a backup are
    needed. Export again after each rotation, and destroy the exports that are older than 37
    days: they hold sealing keys that are destroyed here.
    """
    from deploy.backup.envelope import RecoveryKey  # noqa: PLC0415 - keeps --help quick
    from deploy.backup.secrets import export_keys, write_new  # noqa: PLC0415 - the same
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    key = RecoveryKey.from_text(to.read_text(encoding="utf-8", errors="replace"))
    at = datetime.now(UTC).replace(microsecond=0)
    sealed = export_keys(Settings(), key, at)
    write_new(file, sealed.as_text())
    if as_json:
        show_json({"file": str(file), "recovery": sealed.recovery, "names": sealed.names})
        return
    show_text(f"{file}:")
    for line in _summary(sealed.names):
        show_text(f"  {line}")
    if _AUTHORITY not in sealed.names:
        warn("The authority's key is not in it, since it does not lie here: keep a copy of it too.")
    say(f"Sealed to the recovery key {sealed.recovery}: compare it with the holders'.")


def _summary(names: Sequence[str]) -> Iterator[str]:
    """Say what is in it, a certificate's three files as one."""
    paths = tuple(map(PurePosixPath, names))
    keys = [path.stem for path in paths if path.parts[0] == "keys"]
    issued = sorted({path.parent.name for path in paths if path.parts[:2] == ("pki", "issued")})
    yield f"keys          {', '.join(keys)}"
    if _AUTHORITY in names:
        yield "authority     its certificate and its key"
    if issued:
        yield f"certificates  {', '.join(issued)}"
