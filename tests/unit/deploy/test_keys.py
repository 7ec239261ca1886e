from __future__ import annotations

from datetime import UTC, datetime

import pytest

from anonymiser import keyring
from deploy.keys import EPOCH, fingerprint, publish_keys
from deploy.settings import Settings
from streams.codec import decode
from streams.loop import read_to_end
from streams.memory import MemoryLog
from streams.restricted import SealingKeyPublished
from streams.sealing import UntrustedKeyError, verify_public_key
from streams.topics import PUBLIC_KEYS

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    settings = Settings(home=tmp_path / "home")
    keyring.create_missing(settings.keys_dir)
    return settings


async def published(log):
    return [
        decode(record.value, SealingKeyPublished)
        async for records in read_to_end(log, (PUBLIC_KEYS,))
        for record in records
    ]


async def test_the_first_epoch_is_published_once_and_signed_by_the_pinned_key(settings):
    log, keys = MemoryLog(), keyring.load(settings.keys_dir)

    assert await publish_keys(log, keys, NOW) == (1,)
    assert await publish_keys(log, keys, NOW + EPOCH) == ()

    (event,) = await published(log)
    assert (event.epoch, event.valid_from, event.valid_until) == (1, NOW, NOW + EPOCH)
    assert verify_public_key(event, fingerprint(settings)) == keys.sealing[1].public()


async def test_a_key_that_another_enclave_signed_is_not_the_pinned_one(settings):
    log = MemoryLog()
    await publish_keys(log, keyring.new_keys(), NOW)

    (event,) = await published(log)
    with pytest.raises(UntrustedKeyError):
        verify_public_key(event, fingerprint(settings))


async def test_new_keys_do_not_stand_in_for_those_that_partners_seal_to(settings):
    log = MemoryLog()
    await publish_keys(log, keyring.new_keys(), NOW)

    with pytest.raises(keyring.DamagedKeyError, match="sealing-1"):
        await publish_keys(log, keyring.load(settings.keys_dir), NOW)
    assert len(await published(log)) == 1


def test_without_a_signing_key_there_is_no_fingerprint_but_a_clear_word(tmp_path):
    settings = Settings(home=tmp_path / "nowhere")
    with pytest.raises(keyring.MissingKeyError, match="signing"):
        fingerprint(settings)
