"""The manifest: what lies in a backup, hashed and signed."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.backup.errors import DamagedBackupError
from streams.sealing import fingerprint_of, same_fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MANIFEST_FILE: Final = "manifest.json"
SIGNATURE_FILE: Final = "manifest.signature"
TOPICS_FOLDER: Final = "topics"
FILES_FOLDER: Final = "files"
#: All that is copied beside the topics; a restore puts it in the home by this name.
REGISTER: Final = "pki/register.json"
_DOMAIN: Final = b"rivelin backup manifest 1\n"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Strict):
    """One file of the backup, by its path below the folder."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class TopicEntry(FileEntry):
    """One topic: offsets from `start` to before `end`.

    `unreadable` counts what is no event of the topic: a partner may send anything, and it is
    evidence all the same.
    """

    records: int = Field(ge=0)
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    unreadable: int = Field(ge=0)

    @property
    def gaps(self) -> int:
        """Return how many offsets hold no record: markers of transactions, what was compacted."""
        return self.end - self.start - self.records


class Manifest(_Strict):
    """What a backup holds. `positions` are the committed ones, by group and topic.

    `replay` is the state hash of each projection, folded from the broker up to the cut while the
    backup was taken; `signer` is the raw Ed25519 public key, in hex.
    """

    format: Literal[1] = 1
    program: str
    made_at: datetime
    signer: str = Field(pattern=r"^[0-9a-f]{64}$")
    topics: dict[str, TopicEntry]
    files: dict[str, FileEntry]
    positions: dict[str, dict[str, int]]
    replay: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint that partners of this installation pin."""
        return fingerprint_of(bytes.fromhex(self.signer))

    def paths(self) -> Iterator[tuple[str, FileEntry]]:
        """Yield path and facts of every file that the manifest names."""
        for topic, entry in self.topics.items():
            yield topic_path(topic), entry
        yield from self.files.items()


def topic_path(topic: str) -> str:
    """Return where a topic's records lie below the folder."""
    return f"{TOPICS_FOLDER}/{topic}.avro"


def entry_of(path: Path) -> FileEntry:
    """Return the facts of a file as it lies on the disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return FileEntry(sha256=digest.hexdigest(), bytes=path.stat().st_size)


def write_manifest(folder: Path, manifest: Manifest, key: Ed25519PrivateKey) -> None:
    """Write and sign it, last of all: without it the folder is no backup."""
    data = manifest.model_dump_json(indent=1).encode()
    (folder / MANIFEST_FILE).write_bytes(data)
    (folder / SIGNATURE_FILE).write_text(key.sign(_DOMAIN + data).hex() + "\n")


def read_manifest(folder: Path, fingerprint: str | None = None) -> Manifest:
    """Read it; `fingerprint` says whose it has to be.

    Raises: DamagedBackupError.
    """
    try:
        data = (folder / MANIFEST_FILE).read_bytes()
        signature = bytes.fromhex((folder / SIGNATURE_FILE).read_text())
        manifest = Manifest.model_validate_json(data)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(manifest.signer)).verify(
            signature, _DOMAIN + data
        )
    except FileNotFoundError as error:
        name = Path(str(error.filename)).name
        raise DamagedBackupError(f"{folder} is no backup: it has no {name}") from None
    except ValidationError:
        raise DamagedBackupError(
            f"{folder}/{MANIFEST_FILE} is damaged, or of another version"
        ) from None
    except (InvalidSignature, ValueError):
        raise DamagedBackupError(
            f"the signature of {folder}/{MANIFEST_FILE} does not hold: it was changed"
        ) from None
    _require_sane(manifest)
    if fingerprint is not None and not same_fingerprint(
        bytes.fromhex(manifest.signer), fingerprint
    ):
        raise DamagedBackupError(
            f"the backup is signed by {manifest.fingerprint}, not by the installation you named"
        )
    return manifest


def _require_sane(manifest: Manifest) -> None:
    """A signed manifest was ours; one that was made by other means must not lead out of here."""
    for name, _ in manifest.paths():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or len(path.parts) < 2:  # noqa: PLR2004 - a folder and a file
            raise DamagedBackupError("the manifest names a file outside its folder")
    if manifest.files.keys() - {f"{FILES_FOLDER}/{REGISTER}"}:
        raise DamagedBackupError("the manifest names a file that no backup of ours has")
