"""The key step of a start: make the first keys, and tell partners what to seal to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from anonymiser import keyring
from anonymiser.keyring import DamagedKeyError, FileKeyRing, KeyKind, MissingKeyError
from deploy.registry import registry_in
from streams.codec import decode, encode
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.ports import Outgoing
from streams.restricted import SealingKeyPublished
from streams.sealing import fingerprint_of, sign_public_key
from streams.topics import PUBLIC_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymiser.keyring import KeyRing, Keys
    from deploy.settings import Settings
    from streams.ports import Log

#: How long partners seal to one key; the enclave keeps the private half 7 days more (ADR-0005).
EPOCH: Final = timedelta(days=30)


def key_ring(settings: Settings) -> KeyRing:
    """Return the installation's key ring; files by default, and today always."""
    return FileKeyRing(settings.keys_dir)


def require_sound(settings: Settings) -> None:
    """Look at the keys there are, before anything is started; none at all may be a first start.

    Raises: KeyFileError.
    """
    ring = key_ring(settings)
    if not ring.is_empty():
        ring.load()


async def ensure_keys(settings: Settings) -> tuple[str, ...]:
    """Make the first keys, publish the sealing key that is not yet; return what was made.

    Doing it twice is doing it once. A log whose partners seal to another key than ours is not
    taken for a new one: the keys were lost, and new ones could open and link nothing of it.
    Raises: KeyFileError, BrokerUnreachableError, MissingTopicError.
    """
    log = KafkaLog(settings.access("keys"), client_id="rivelin-keys")
    try:
        ring = key_ring(settings)
        published = await published_keys(log)
        if published and ring.is_empty():
            raise MissingKeyError(f"sealing-{max(published)}")
        made = await asyncio.to_thread(ring.create_missing)
        await require_token_key(log, ring.load())
        await publish_keys(log, ring.load(), datetime.now(UTC).replace(microsecond=0))
        return made
    finally:
        await log.stop()


async def require_token_key(log: Log, keys: Keys) -> None:
    """Refuse an older set of keys than the one that the records of this log lie under.

    Raises: MissingKeyError, naming the token key that has to be restored.
    """
    settled = (await registry_in(log)).token_epoch
    if settled > keys.token_epoch:
        raise MissingKeyError(f"{KeyKind.TOKEN}-{settled}")


def fingerprint(settings: Settings) -> str:
    """Return what partners pin: the fingerprint of the key that signs sealing keys.

    Raises: KeyFileError.
    """
    signing = keyring.load_signing_key(settings.keys_dir)
    return fingerprint_of(signing.public_key().public_bytes_raw())


async def publish_keys(log: Log, keys: Keys, at: datetime) -> tuple[int, ...]:
    """Publish every epoch that the topic lacks, valid from `at`; return the epochs.

    One that is there stands as it is: partners may have sealed to it already.
    Raises: DamagedKeyError if it is another than ours.
    """
    published = await published_keys(log)
    for epoch in sorted(published.keys() & keys.sealing.keys()):
        if published[epoch].public_key != keys.sealing[epoch].public().public_key:
            raise DamagedKeyError(f"sealing-{epoch}")
    missing = [epoch for epoch in sorted(keys.sealing) if epoch not in published]
    await log.append([_announcement(keys, epoch, at) for epoch in missing])
    return tuple(missing)


async def published_keys(log: Log) -> Mapping[int, SealingKeyPublished]:
    """Return by epoch what partners seal to or have sealed to, as it was announced."""
    found: dict[int, SealingKeyPublished] = {}
    async for records in read_to_end(log, (PUBLIC_KEYS,)):
        for record in records:
            if record.value is not None:
                event = decode(record.value, SealingKeyPublished)
                found[event.epoch] = event
    return found


def _announcement(keys: Keys, epoch: int, at: datetime) -> Outgoing:
    key = keys.sealing[epoch].public()
    event = sign_public_key(key, at, at + EPOCH, keys.signing)
    return Outgoing(PUBLIC_KEYS, encode(event), key=str(epoch).encode())
