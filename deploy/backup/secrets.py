"""The secret files of a home: what is sealed for a safe place, and taken out of it again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from deploy.backup.envelope import RecoveryKey, SealedKeys, seal_keys
from deploy.backup.errors import OccupiedFolderError, SealedKeysError
from deploy.keys import fingerprint, require_sound

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from deploy.settings import Settings

#: The keys of the enclave; the authority, and every certificate with its key.
_KEYS: Final = "keys"
_PKI: Final = "pki"
#: Where a secret file lies below the home; a restore puts none anywhere else.
SECRET_PLACES: Final = ((_KEYS,), (_PKI,))
#: No secret, and newer in the backup of the log.
_NOT_SEALED: Final = ("register.json", "register.lock")


def export_keys(settings: Settings, recovery: RecoveryKey, at: datetime) -> SealedKeys:
    """Seal every secret of this home that a restore needs; no private half is needed for it.

    Certificates too where `RIVELIN_PKI` keeps them elsewhere: a restored home has them in its own
    folder, or its new authority would let in no partner.
    Raises: KeyFileError, SealedKeysError if there are none.
    """
    require_sound(settings)
    files = {
        f"{place}/{path.relative_to(folder)}": path.read_bytes()
        for place, folder in ((_KEYS, settings.keys_dir), (_PKI, settings.pki_dir))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in _NOT_SEALED
    }
    if not any(name.startswith(f"{_KEYS}/") for name in files):
        raise SealedKeysError(f"{settings.home} has no keys yet: `rivelin up` makes them")
    return seal_keys(files, fingerprint(settings), recovery, at)


def require_new(*paths: Path) -> None:
    """Refuse files that are there, or that are one and the same.

    Raises: OccupiedFolderError.
    """
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise OccupiedFolderError(f"{path} is named twice: each is a file of its own")
        if path.exists() or path.is_symlink():
            raise OccupiedFolderError(f"{path} is there already: name another file")
        if not path.parent.is_dir():
            raise OccupiedFolderError(f"{path.parent} is no folder: make it first")
        seen.add(path.resolve())


def write_new(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that is not there yet.

    Raises: OccupiedFolderError.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
    except FileExistsError:
        raise OccupiedFolderError(f"{path} is there already: name another file") from None
