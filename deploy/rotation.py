"""Rotating and retiring the enclave's keys on a real log; `deploy.keys` makes the first ones."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.keyring import KeyKind, MissingKeyError, UnfinishedRotationError
from anonymiser.linker.recovery import RESOLUTION_CLASSES
from anonymiser.linker.stage import Linker
from anonymiser.report_keys import record_key
from anonymiser.retokenise import Retokeniser
from deploy.erasure import ledger_in
from deploy.keys import publish_keys, published_keys
from deploy.registry import registry_in
from streams.codec import decode, encode
from streams.erasure import erased, left_of
from streams.errors import DecodeError, RivelinError
from streams.instants import to_millisecond
from streams.loop import StageRunner, read_to_end
from streams.ports import Outgoing
from streams.restricted import (
    ON_HELD,
    Quarantined,
    RecordRetokenised,
    ReportHeld,
    ReportKeysWrapped,
    ReportLinked,
    ReportWaiting,
)
from streams.restricted import ReportSubmitted as Submitted
from streams.sealing import rewrap_data_keys
from streams.shared import TokenKeySettled
from streams.topics import HELD, QUARANTINE, REGISTRY, REPORT_KEYS, RESOLUTIONS, submissions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from anonymiser.keyring import KeyRing, Keys
    from streams.erasure import Erasures
    from streams.ports import Log, Record

    Stored = tuple[bytes, ReportKeysWrapped]
    Tell = Callable[[int, int], None]

#: How long before the last key ends the next one is published: partners that are away catch up.
LEAD: Final = timedelta(days=7)
#: How long a private sealing key is kept after partners stopped sealing to it (ADR-0005).
KEPT: Final = timedelta(days=7)
_BATCH: Final = 500


class KeyNotDueError(RivelinError):
    """A sealing key may not be destroyed yet; the message says until when, or what needs it."""


@dataclass(frozen=True, slots=True)
class Retokenised:
    """What a rotation of the token key did: `left` revisions are erased and stay as they are."""

    number: int
    done: int
    left: int


# --- sealing keys ------------------------------------------------------------------------------


async def rotate_sealing(log: Log, ring: KeyRing, at: datetime) -> int:
    """Make the next epoch and publish it, valid from `at`; return its number.

    The private key is on the ring before partners can know the public one. The epoch before
    stays open: what was sealed to it may still be on its way.
    """
    epoch = await asyncio.to_thread(ring.add, KeyKind.SEALING)
    await publish_keys(log, ring.load(), at)
    return epoch


@dataclass(frozen=True, slots=True)
class RolledOver:
    """What was done or could not be, as lines for the operator, and the keys that are no more."""

    lines: tuple[str, ...]
    destroyed: tuple[str, ...]


async def roll_over(log: Log, ring: KeyRing, at: datetime) -> RolledOver:
    """Do what is due at `at`: the next epoch a week before the last ends, old keys after theirs.

    Doing it twice is doing it once.
    """
    said: list[str] = []
    destroyed: list[str] = []
    published = await published_keys(log)
    if not published or max(one.valid_until for one in published.values()) - at < LEAD:
        said.append(f"made and published sealing-{await rotate_sealing(log, ring, at)}")
    for entry in ring.entries():
        due = published.get(entry.number or 0)
        if entry.kind != KeyKind.SEALING or due is None or at < due.valid_until + KEPT:
            continue
        try:
            await retire_sealing(log, ring, due.epoch, at)
            said.append(f"destroyed {entry.name}: its time is over")
            destroyed.append(entry.name)
        except KeyNotDueError as error:
            said.append(f"{entry.name} is kept: {error}")
    return RolledOver(tuple(said), tuple(destroyed))


async def retire_sealing(log: Log, ring: KeyRing, epoch: int, at: datetime) -> None:
    """Destroy the private key of an epoch; what it sealed opens with stored data keys only.

    Raises: KeyNotDueError while partners may seal to it, or something waits that nothing
    else opens; KeyFileError.
    """
    published = (await published_keys(log)).get(epoch)
    if published is not None and at < published.valid_until + KEPT:
        until = published.valid_until + KEPT
        raise KeyNotDueError(f"partners may have sealed to it; it is kept until {until:%Y-%m-%d}")
    if needing := await _needing(log, epoch):
        raise KeyNotDueError(f"{needing} can be opened by nothing else; settle them first")
    await asyncio.to_thread(ring.destroy, KeyKind.SEALING, epoch)


async def _needing(log: Log, epoch: int) -> str:
    """Say what still needs the key of an epoch; empty if nothing does. The erased needs none."""
    ledger = await ledger_in(log)
    stored: set[bytes] = set()
    quarantined: list[bytes] = []
    waiting: dict[bytes, Submitted] = {}
    async for records in read_to_end(log, (HELD, QUARANTINE, REPORT_KEYS)):
        for record in records:
            if record.topic == REPORT_KEYS:
                stored.add(record.key or b"")
            elif record.topic == HELD:
                _note(waiting, record.key or b"", _held(record))
            elif (
                (submission := _quarantined(record))
                and submission.key_epoch == epoch
                and not _is_erased(submission, ledger)
            ):
                quarantined.append(record_key(submission))
    held = sum(one.key_epoch == epoch for one in waiting.values())
    kept = sum(one not in stored for one in quarantined)  # last: topics come in no order
    parts = ((held, "held"), (kept, "quarantined"))
    return " and ".join(f"{count} {word} reports" for count, word in parts if count)


def _note(waiting: dict[bytes, Submitted], key: bytes, submission: Submitted | None) -> None:
    if submission is None:
        waiting.pop(key, None)
    else:
        waiting[key] = submission


def _held(record: Record) -> Submitted | None:
    event = None if record.value is None else decode(record.value, *ON_HELD)
    if not isinstance(event, ReportHeld | ReportWaiting):
        return None  # what waits there beside reports was sealed by nobody
    return _submission(decode(event.linked, ReportLinked).submission)


def _quarantined(record: Record) -> Submitted | None:
    return _submission(decode(record.value or b"", Quarantined).submission)


def _is_erased(submission: Submitted, ledger: Erasures) -> bool:
    return erased(ledger, submission.partner, submission.report_id)


def _submission(data: bytes) -> Submitted | None:
    """What cannot be decoded needs no key."""
    try:
        return decode(data, Submitted)
    except DecodeError:
        return None


# --- storage keys ------------------------------------------------------------------------------


async def rewrap(log: Log, keys: Keys, tell: Tell = lambda _done, _all: None) -> int:
    """Put every stored data key under the newest storage key; return how many records changed.

    A key that is shredded while this runs must not come back: whatever another wrote about a
    record meanwhile is written again after ours. Nor does one that the erasure ledger names, even
    if it should still be stored.
    """
    ledger = await ledger_in(log)
    records, ends = await _report_keys(log)
    stale = {key: wrapped for key, wrapped in records.items() if _is_stale(wrapped, keys)}
    written = 0
    for batch in _batches(list(stale.items())):
        await log.append([_under_newest(key, wrapped, keys, ledger) for key, wrapped in batch])
        written += len(batch)
        tell(written, len(stale))
    await log.append(await _foreign(log, stale, ends, keys))
    return written


async def _report_keys(log: Log) -> tuple[dict[bytes, ReportKeysWrapped], int]:
    """The stored keys as they stand, and the offset up to which that was read."""
    found: dict[bytes, ReportKeysWrapped] = {}
    end = 0
    async for records in read_to_end(log, (REPORT_KEYS,)):
        for record in records:
            end = record.offset + 1
            if record.value is None:
                found.pop(record.key or b"", None)
            else:
                found[record.key or b""] = decode(record.value, ReportKeysWrapped)
    return found, end


def _is_stale(wrapped: ReportKeysWrapped, keys: Keys) -> bool:
    return wrapped.storage_key != keys.storage_number


def _under_newest(key: bytes, wrapped: ReportKeysWrapped, keys: Keys, ledger: Erasures) -> Outgoing:
    left = left_of(wrapped, ledger)
    if left is None:
        return Outgoing(REPORT_KEYS, None, key=key)
    number = keys.storage_number
    secrets = keys.storage[left.storage_key], keys.storage[number]
    return Outgoing(REPORT_KEYS, encode(rewrap_data_keys(left, *secrets, number)), key=key)


async def _foreign(
    log: Log, stale: Mapping[bytes, ReportKeysWrapped], since: int, keys: Keys
) -> Sequence[Outgoing]:
    """What others wrote about records we rewrote, after we had read them."""
    ledger = await ledger_in(log)
    found: dict[bytes, Outgoing] = {}
    async for records in read_to_end(log, (REPORT_KEYS,)):
        for record in records:
            key = record.key or b""
            if record.offset < since or key not in stale:
                continue
            if record.value is None:
                found[key] = Outgoing(REPORT_KEYS, None, key=key)
                continue
            wrapped = decode(record.value, ReportKeysWrapped)
            if len(wrapped.keys) < len(stale[key].keys):
                found[key] = _under_newest(key, wrapped, keys, ledger)
    return list(found.values())


def _batches(items: Sequence[Stored]) -> Iterable[Sequence[Stored]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


# --- the token key -----------------------------------------------------------------------------


async def rotate_token(
    log: Log, ring: KeyRing, linker: StageRunner, tell: Tell = lambda _done, _all: None
) -> Retokenised:
    """Roll every record on to the next token key; anonymiser and linker must stand still.

    `linker` runs under the key in use and takes what is still on its way. Cut short, the
    next call goes on with the same coming key; roles refuse to start in between.
    Raises: MissingKeyError if the log was hashed under a later key than there is. To make
    another of that number would leave every record under the one that was lost.
    """
    keys = ring.load(rolling=True)
    reached = await _token_epoch(log)
    if reached > keys.token_epoch and not _is_rolling(ring):
        raise MissingKeyError(f"{KeyKind.TOKEN}-{reached}")
    coming = await asyncio.to_thread(ring.coming_token)
    if reached < coming[0]:  # else all was taken before the first record was hashed anew
        await _drain(linker)
    retokeniser = Retokeniser(keys, coming)
    partners = await _learn(log, retokeniser)
    total = retokeniser.left
    sink = log.sink(transactional_id=f"rivelin-{Linker.name}", group="", topics=())
    await sink.start()
    async for records in read_to_end(log, [submissions_of(one) for one in partners]):
        events = [event for one in records if (event := retokeniser.take(one)) is not None]
        await sink.commit([Outgoing(RESOLUTIONS, encode(one)) for one in events], {})
        tell(total - retokeniser.left, total)
    await sink.stop()
    settled = TokenKeySettled(token_epoch=coming[0], settled_at=to_millisecond(datetime.now(UTC)))
    await log.append([Outgoing(REGISTRY, encode(settled))])
    number = await asyncio.to_thread(ring.settle_token)
    return Retokenised(number, total - retokeniser.left, retokeniser.left)


def _is_rolling(ring: KeyRing) -> bool:
    try:
        ring.load()
    except UnfinishedRotationError:
        return True
    return False


async def _token_epoch(log: Log) -> int:
    """Return the newest token key that any record was hashed anew under; 0 if none was."""
    newest = 0
    async for records in read_to_end(log, (RESOLUTIONS,)):
        for record in records:
            event = None if record.value is None else decode(record.value, *RESOLUTION_CLASSES)
            if isinstance(event, RecordRetokenised):
                newest = max(newest, event.token_epoch)
    return newest


async def _drain(linker: StageRunner) -> None:
    try:
        await linker.start()
        while await linker.turn():
            pass
    finally:
        await linker.stop()


async def _learn(log: Log, retokeniser: Retokeniser) -> tuple[str, ...]:
    async for records in read_to_end(log, (RESOLUTIONS, REPORT_KEYS)):
        for record in records:
            retokeniser.learn(record)
    return (await registry_in(log)).partners()
