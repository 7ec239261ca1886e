"""The enclave's keys as files: one folder of mode 0700, one file of mode 0600 for each key."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.errors import InvalidInputError, RivelinError
from streams.sealing import SealingPrivateKey
from streams.values import Audience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SECRET_BYTES: Final = 32
FIRST: Final = 1
_SUFFIX: Final = ".key"
_NUMBERED: Final = re.compile(r"(?P<kind>sealing|storage|token)-(?P<number>[1-9]\d{0,8})")
_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_TAKEN: Final = (errno.ENOTEMPTY, errno.EEXIST)


class KeyFileError(RivelinError):
    """A key file that cannot be used; `key` is its name. The content is never told."""

    rule = "cannot be used"

    def __init__(self, key: str, detail: str = "") -> None:
        super().__init__(f"the key {key} {self.rule}{detail}")
        self.key = key


class MissingKeyError(KeyFileError):
    """Restore it from its backup: a new one would part every person from their past."""

    rule = "is missing; restore it, a new one cannot stand in for it"


class ExposedKeyError(KeyFileError):
    """Somebody else could have read or written it: `chmod 600` it, and think about replacing it."""

    rule = "is open to other users of this machine; it must be a plain file of mode 0600"


class DamagedKeyError(KeyFileError):
    """Its length or heading is wrong. Restore it from its backup."""

    rule = "is cut short or damaged, or is another key; restore it"


class UnwrittenKeyError(KeyFileError):
    """The keys could not be written (a full disk, perhaps). Nothing was left behind."""

    rule = "could not be written: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """All keys of the enclave. `sealing` goes by epoch, `storage` by number; the highest is used.

    `token_epoch` is the number of the token key. Symmetric keys hold 32 bytes.
    """

    sealing: Mapping[int, SealingPrivateKey] = field(repr=False)
    storage: Mapping[int, bytes] = field(repr=False)
    token: bytes = field(repr=False)
    token_epoch: int
    audience: Mapping[Audience, bytes] = field(repr=False)
    signing: Ed25519PrivateKey = field(repr=False)

    @property
    def storage_number(self) -> int:
        """The storage key that new data keys are wrapped under."""
        return max(self.storage)


def new_keys(entropy: Callable[[int], bytes] = os.urandom) -> Keys:
    """Make a whole set in memory, each key number 1."""
    return Keys(
        sealing={FIRST: SealingPrivateKey.generate(FIRST, entropy)},
        storage={FIRST: entropy(SECRET_BYTES)},
        token=entropy(SECRET_BYTES),
        token_epoch=FIRST,
        audience={audience: entropy(SECRET_BYTES) for audience in Audience},
        signing=Ed25519PrivateKey.from_private_bytes(entropy(SECRET_BYTES)),
    )


# --- reading -----------------------------------------------------------------------------------


def load(directory: Path) -> Keys:
    """Read the whole set.

    Raises: MissingKeyError, ExposedKeyError, DamagedKeyError, each naming the key.
    """
    storage = {number: _read(directory, name) for number, name in _numbers(directory, "storage")}
    token_epoch, token_name = max(_numbers(directory, "token"))
    return Keys(
        sealing={
            number: _read_sealing(directory, number, name)
            for number, name in _numbers(directory, "sealing")
        },
        storage=storage,
        token=_read(directory, token_name),
        token_epoch=token_epoch,
        audience={audience: _read(directory, _audience_name(audience)) for audience in Audience},
        signing=Ed25519PrivateKey.from_private_bytes(_read(directory, "signing")),
    )


def load_signing_key(directory: Path) -> Ed25519PrivateKey:
    """Read the signing key alone.

    Raises: KeyFileError.
    """
    return Ed25519PrivateKey.from_private_bytes(_read(directory, "signing"))


def _numbers(directory: Path, kind: str) -> list[tuple[int, str]]:
    """Number and name of every key of a kind.

    Raises: MissingKeyError if there is none.
    """
    found = [
        (int(match["number"]), match[0])
        for path in directory.glob(f"{kind}-*{_SUFFIX}")
        if (match := _NUMBERED.fullmatch(path.name.removesuffix(_SUFFIX)))
    ]
    if not found:
        raise MissingKeyError(f"{kind}-{FIRST}")
    return sorted(found)


def _read(directory: Path, name: str) -> bytes:
    data, heading = _guarded(directory, name), _heading(name)
    if not data.startswith(heading) or len(data) != len(heading) + SECRET_BYTES:
        raise DamagedKeyError(name)
    return data[len(heading) :]


def _read_sealing(directory: Path, number: int, name: str) -> SealingPrivateKey:
    try:
        key = SealingPrivateKey.from_bytes(_guarded(directory, name))
    except (InvalidInputError, ValueError):
        raise DamagedKeyError(name) from None
    if key.epoch != number:
        raise DamagedKeyError(name)
    return key


def _guarded(directory: Path, name: str) -> bytes:
    """The bytes of a key file, if nobody else may touch it; judged on the file that is open."""
    try:
        handle = os.open(directory / f"{name}{_SUFFIX}", os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise MissingKeyError(name) from None
    except OSError as error:
        raise KeyFileError(name, f": {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(handle)
        if facts.st_mode & _FOR_OTHERS or not stat.S_ISREG(facts.st_mode):
            raise ExposedKeyError(name)
        return file.read()


# --- writing -----------------------------------------------------------------------------------


def is_empty(directory: Path) -> bool:
    """Tell whether there is no key file at all."""
    return not any(directory.glob(f"*{_SUFFIX}"))


def create_missing(directory: Path) -> tuple[str, ...]:
    """Write a whole new set where there is none; return the names of what was made.

    All or nothing, also when the machine stops midway or two processes try.
    A set with a gap is left alone (`load` names the gap): a new token key would
    silently part every person from their past.
    Raises: UnwrittenKeyError.
    """
    if not is_empty(directory):
        return ()
    contents = _contents(new_keys())
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _telling(directory.name), _scratch(directory) as scratch:
        for name, data in contents.items():
            with _telling(name):
                _write(scratch / f"{name}{_SUFFIX}", data)
        _sync(scratch)
        return tuple(contents) if _moved(scratch, directory) else ()


def _contents(keys: Keys) -> dict[str, bytes]:
    """File name (without suffix) to what the file holds."""
    secrets = {f"storage-{number}": secret for number, secret in keys.storage.items()}
    secrets[f"token-{keys.token_epoch}"] = keys.token
    secrets |= {_audience_name(audience): secret for audience, secret in keys.audience.items()}
    secrets["signing"] = keys.signing.private_bytes_raw()
    sealing = {f"sealing-{epoch}": key.to_bytes() for epoch, key in keys.sealing.items()}
    return sealing | {name: _heading(name) + secret for name, secret in secrets.items()}


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    """A folder beside the real one (made with mode 0700) that does not survive a failure."""
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _telling(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnwrittenKeyError(name, str(error.strerror)) from None


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def _moved(scratch: Path, directory: Path) -> bool:
    """Put the folder in its place in one step; False if another process was first."""
    try:
        scratch.rename(directory)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    _sync(directory.parent)
    return True


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _audience_name(audience: Audience) -> str:
    return f"audience-{audience.value.lower()}"


def _heading(name: str) -> bytes:
    """Says which key a file holds, so that one restored under another's name is noticed."""
    return f"rivelin key 1 {name}\n".encode()
