"""The enclave's keys: the interface, and the key ring of files that serves it by default.

One folder of mode 0700, one file of mode 0600 for each key. Another key ring
(a hardware module, a key management service) fills the same `KeyRing`.
Sealing, storage and token keys are numbered; audience and signing keys are not
and never rotate: the ids that police and safeguarding hold are made with the
former, and partners pin the latter.
"""

from __future__ import annotations

import enum
import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.errors import InvalidInputError, RivelinError
from streams.sealing import SealingPrivateKey
from streams.values import Audience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET_BYTES: Final = 32
FIRST: Final = 1
_SUFFIX: Final = ".key"
_NUMBERED: Final = re.compile(r"(?P<kind>sealing|storage|token)-(?P<number>[1-9]\d{0,8})")
_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_TAKEN: Final = (errno.ENOTEMPTY, errno.EEXIST)
#: A token key that is being rolled on to: no role may use it before every record is under it.
_COMING: Final = ".coming"


class KeyKind(enum.StrEnum):
    """The kinds of keys that have numbers, and rotate."""

    SEALING = "sealing"
    STORAGE = "storage"
    TOKEN = "token"  # noqa: S105 - the name of a kind


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


class UnfinishedRotationError(KeyFileError):
    """Run `rivelin keys rotate token` again: it goes on where it stopped."""

    rule = "is being rolled on to and not every record is under it yet; finish the rotation first"


class NoSuchKeyError(KeyFileError):
    """`rivelin keys list` shows which there are."""

    rule = "does not exist"


class KeyInUseError(KeyFileError):
    """The newest key of a kind is in use: rotate first, then retire the older one."""

    rule = "is in use; rotate before it can be retired"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """What may be told of a key: name, kind and number (None where it has none), when it was made.

    `in_use` is true for what is sealed, wrapped, hashed or signed with from now on; an older
    one only opens what is there.
    """

    name: str
    kind: str
    number: int | None
    made_at: datetime
    in_use: bool


class KeyRing(Protocol):
    """Where the enclave's keys are kept. Every error is a KeyFileError that names the key."""

    def is_empty(self) -> bool:
        """Tell whether there is no key at all: a first start."""

    def create_missing(self) -> tuple[str, ...]:
        """Make a whole new set where there is none, all or nothing; return the names."""

    def load(self, *, rolling: bool = False) -> Keys:
        """Return the whole set, sound, with no rotation of the token key unfinished.

        `rolling` is for the rotation itself: it gets the keys that are in use until it is over.
        """

    def entries(self) -> tuple[KeyEntry, ...]:
        """Return what may be told of each key, by name."""

    def add(self, kind: KeyKind) -> int:
        """Make the next key of a kind; return its number. Token keys come by `coming_token`."""

    def coming_token(self) -> tuple[int, bytes]:
        """Return number and secret of the next token key; the same until it is settled."""

    def settle_token(self) -> int:
        """Let the coming token key be the one in use; return its number."""

    def destroy(self, kind: KeyKind, number: int) -> None:
        """Destroy an older key for ever. Raises: KeyInUseError, NoSuchKeyError."""

    def require_older(self, kind: KeyKind, number: int) -> None:
        """Refuse a key that is in use or not there. Raises: KeyInUseError, NoSuchKeyError."""


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


def load(directory: Path, *, rolling: bool = False) -> Keys:
    """Read the whole set. Of sealing keys, those made later are found when first asked for.

    Raises: MissingKeyError, ExposedKeyError, DamagedKeyError, each naming the key;
    UnfinishedRotationError unless the caller is the rotation (`rolling`).
    """
    for path in () if rolling else sorted(directory.glob(f"*{_COMING}")):
        raise UnfinishedRotationError(path.name.removesuffix(_COMING))
    storage = {number: _read(directory, name) for number, name in _numbers(directory, "storage")}
    token_epoch, token_name = max(_numbers(directory, "token"))
    return Keys(
        sealing=_SealingKeys(directory),
        storage=storage,
        token=_read(directory, token_name),
        token_epoch=token_epoch,
        audience={audience: _read(directory, _audience_name(audience)) for audience in Audience},
        signing=Ed25519PrivateKey.from_private_bytes(_read(directory, "signing")),
    )


class _SealingKeys(Mapping[int, SealingPrivateKey]):
    """By epoch. One that was made after the start is read when a partner first seals to it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known = {
            number: _read_sealing(directory, number, name)
            for number, name in _numbers(directory, KeyKind.SEALING)
        }

    def __getitem__(self, epoch: int) -> SealingPrivateKey:
        if epoch not in self._known:
            try:
                key = _read_sealing(self._directory, epoch, f"{KeyKind.SEALING}-{epoch}")
            except MissingKeyError:
                raise KeyError(epoch) from None
            self._known[epoch] = key
        return self._known[epoch]

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


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


def _read(directory: Path, name: str, suffix: str = _SUFFIX) -> bytes:
    data, heading = _guarded(directory, name, suffix), _heading(name)
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


def _guarded(directory: Path, name: str, suffix: str = _SUFFIX) -> bytes:
    """The bytes of a key file, if nobody else may touch it; judged on the file that is open."""
    try:
        handle = os.open(directory / f"{name}{suffix}", os.O_RDONLY | os.O_NOFOLLOW)
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


def _add(directory: Path, kind: KeyKind) -> int:
    """Write the next key of a kind; the file is there whole or not at all."""
    number = max(number for number, _ in _numbers(directory, kind)) + 1
    name = f"{kind}-{number}"
    if kind is KeyKind.SEALING:
        data = SealingPrivateKey.generate(number).to_bytes()
    else:
        data = _heading(name) + os.urandom(SECRET_BYTES)
    _put(directory, name, _SUFFIX, data)
    return number


def _put(directory: Path, name: str, suffix: str, data: bytes) -> None:
    """Write beside the place, then move there: a half-written key is never a key."""
    with _telling(name), tempfile.TemporaryDirectory(prefix=".", dir=directory) as scratch:
        draft = Path(scratch) / name
        _write(draft, data)
        os.link(draft, directory / f"{name}{suffix}")  # fails if somebody was first
        _sync(directory)


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


# --- the ring ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileKeyRing:
    """Keys as files of one folder."""

    directory: Path

    def is_empty(self) -> bool:
        """Tell whether there is no key file at all."""
        return is_empty(self.directory)

    def create_missing(self) -> tuple[str, ...]:
        """Write a whole new set where there is none; see `create_missing`."""
        return create_missing(self.directory)

    def load(self, *, rolling: bool = False) -> Keys:
        """Read the whole set; see `load`."""
        return load(self.directory, rolling=rolling)

    def entries(self) -> tuple[KeyEntry, ...]:
        """Return what may be told of each key file, by kind and number."""
        names = [path.name.removesuffix(_SUFFIX) for path in self.directory.glob(f"*{_SUFFIX}")]
        newest = {kind: self._newest(kind) for kind in KeyKind} if names else {}
        return tuple(self._entry(name, newest) for name in sorted(names, key=_order))

    def add(self, kind: KeyKind) -> int:
        """Write the next key of a kind and return its number.

        Raises: KeyFileError; ValueError for a token key, which is rolled on to by steps.
        """
        if kind is KeyKind.TOKEN:
            raise ValueError("a token key comes by coming_token and settle_token")
        return _add(self.directory, kind)

    def coming_token(self) -> tuple[int, bytes]:
        """Return the token key that is being rolled on to; write it where there is none yet."""
        coming = sorted(self.directory.glob(f"{KeyKind.TOKEN}-*{_COMING}"))
        if not coming:
            name = f"{KeyKind.TOKEN}-{self._newest(KeyKind.TOKEN) + 1}"
            _put(self.directory, name, _COMING, _heading(name) + os.urandom(SECRET_BYTES))
            return self.coming_token()
        name = coming[0].name.removesuffix(_COMING)
        return int(name.partition("-")[2]), _read(self.directory, name, _COMING)

    def settle_token(self) -> int:
        """Let the coming token key be the one in use, in one step."""
        number, _ = self.coming_token()
        name = f"{KeyKind.TOKEN}-{number}"
        with _telling(name):
            (self.directory / f"{name}{_COMING}").rename(self.directory / f"{name}{_SUFFIX}")
            _sync(self.directory)
        return number

    def destroy(self, kind: KeyKind, number: int) -> None:
        """Overwrite and remove an older key.

        On a drive that writes elsewhere than it read, the overwriting reaches only what the
        file system shows; docs/OPERATIONS.md says what to do about copies and backups.
        Raises: KeyInUseError, NoSuchKeyError.
        """
        self.require_older(kind, number)
        name = f"{kind}-{number}"
        path = self.directory / f"{name}{_SUFFIX}"
        with _telling(name):
            _overwrite(path)
            path.unlink()
            _sync(self.directory)

    def require_older(self, kind: KeyKind, number: int) -> None:
        """Refuse a key that is in use, or is not there.

        Raises: KeyInUseError, NoSuchKeyError.
        """
        numbers = [one for one, _ in _numbers(self.directory, kind)]
        if number not in numbers:
            raise NoSuchKeyError(f"{kind}-{number}")
        if number == max(numbers):
            raise KeyInUseError(f"{kind}-{number}")

    def _newest(self, kind: KeyKind) -> int:
        return max(number for number, _ in _numbers(self.directory, kind))

    def _entry(self, name: str, newest: Mapping[KeyKind, int]) -> KeyEntry:
        match = _NUMBERED.fullmatch(name)
        number = int(match["number"]) if match else None
        kind = match["kind"] if match else name.partition("-")[0]
        made = (self.directory / f"{name}{_SUFFIX}").stat().st_mtime
        return KeyEntry(
            name=name,
            kind=kind,
            number=number,
            made_at=datetime.fromtimestamp(int(made), UTC),
            in_use=number is None or number == newest[KeyKind(kind)],
        )


def _order(name: str) -> tuple[str, int]:
    match = _NUMBERED.fullmatch(name)
    return (match["kind"], int(match["number"])) if match else (name, 0)


def _overwrite(path: Path) -> None:
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    with os.fdopen(handle, "r+b") as file:  # in place: cutting it first would free its blocks
        file.write(os.urandom(os.fstat(handle).st_size))
        file.flush()
        os.fsync(handle)
