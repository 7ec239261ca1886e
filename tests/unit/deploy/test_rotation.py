from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from anonymiser import keyring
from anonymiser.intake.stage import IntakeStage
from anonymiser.keyring import FileKeyRing, KeyInUseError, KeyKind, NoSuchKeyError
from deploy.erasure import Decision, erase, plan_report
from deploy.keys import EPOCH, publish_keys, published_keys
from deploy.rotation import (
    KEPT,
    LEAD,
    KeyNotDueError,
    retire_sealing,
    rewrap,
    roll_over,
    rotate_sealing,
)
from producers.sdk.trust import TrustedKeys
from streams.codec import decode, encode
from streams.errors import InvalidInputError
from streams.loop import NO_WAIT, StageRunner, read_to_end
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.restricted import Quarantined, ReportKeysWrapped, ReportTokenised
from streams.sealing import UnsealError, fingerprint_of, open_submission, seal, unwrap_data_keys
from streams.topics import QUARANTINE, REGISTRY, REPORT_KEYS, TOKENISED, submissions_of
from streams.values import ErasureReason
from tests.enclave import PARTNERS, onboarded, report

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ring(tmp_path):
    ring = FileKeyRing(tmp_path / "keys")
    ring.create_missing()
    return ring


@pytest.fixture
def log():
    return MemoryLog()


async def trusted(log, ring):
    """What a partner that pinned the signing key takes for the keys to seal to."""
    signing = ring.load().signing.public_key().public_bytes_raw()
    keys = TrustedKeys(fingerprint_of(signing))
    for event in (await published_keys(log)).values():
        keys.apply(event)
    return keys


async def taken_in(log, ring, *reports):
    """Let intake under the ring's keys, as they are now, take reports that were sealed now."""
    keys = ring.load()
    await log.append(
        [Outgoing(REGISTRY, encode(onboarded(*one))) for one in PARTNERS.items()]
        + [
            Outgoing(
                submissions_of(one.partner),
                encode(seal(one, keys.sealing[max(keys.sealing)].public())),
            )
            for one in reports
        ]
    )
    runner = StageRunner(IntakeStage(keys, tuple(PARTNERS)), log)
    await runner.start()
    while await runner.turn(NO_WAIT):
        pass
    await runner.stop()


async def at_once(_seconds):
    """In memory nothing has to settle."""


async def stored(log):
    found = {}
    async for records in read_to_end(log, (REPORT_KEYS,)):
        for record in records:
            found[record.key] = record.value
    return found


# --- sealing keys ------------------------------------------------------------------------------


async def test_partners_follow_to_the_next_epoch_by_the_pinned_signature(log, ring):
    await publish_keys(log, ring.load(), NOW)
    assert (await trusted(log, ring)).current(NOW).epoch == 1

    assert await rotate_sealing(log, ring, NOW + MINUTE) == 2

    following = await trusted(log, ring)
    assert following.current(NOW + MINUTE).epoch == 2
    assert set(await published_keys(log)) == {1, 2}


async def test_a_role_that_runs_opens_what_is_sealed_to_an_epoch_made_after_its_start(log, ring):
    running = ring.load()
    await publish_keys(log, running, NOW)
    epoch = await rotate_sealing(log, ring, NOW)
    told = report()

    submission = seal(told, (await trusted(log, ring)).current(NOW))

    assert submission.key_epoch == epoch
    assert open_submission(submission, running.sealing[epoch]).report == told
    assert 7 not in running.sealing


async def test_the_next_epoch_comes_a_week_before_the_last_one_ends_and_only_once(log, ring):
    await publish_keys(log, ring.load(), NOW)
    due = NOW + EPOCH - LEAD + MINUTE

    assert not (await roll_over(log, ring, due - 2 * MINUTE)).lines
    (said,) = (await roll_over(log, ring, due)).lines
    assert "sealing-2" in said
    assert not (await roll_over(log, ring, due + MINUTE)).lines


async def test_over_a_year_partners_always_have_a_key_and_old_ones_are_destroyed(log, ring):
    await publish_keys(log, ring.load(), NOW)
    for day in range(365):
        at = NOW + timedelta(days=day)
        await roll_over(log, ring, at)
        assert (await trusted(log, ring)).current(at)

    numbers = [one.number for one in ring.entries() if one.kind == KeyKind.SEALING]
    assert len(numbers) <= 3
    assert 1 not in numbers


async def test_a_key_that_partners_may_still_have_sealed_to_is_kept(log, ring):
    await publish_keys(log, ring.load(), NOW)
    await rotate_sealing(log, ring, NOW)

    with pytest.raises(KeyNotDueError, match="2027-01-01"):
        await retire_sealing(log, ring, 1, NOW + EPOCH + KEPT - MINUTE)
    await retire_sealing(log, ring, 1, NOW + EPOCH + KEPT)

    assert list(ring.load().sealing) == [2]


async def test_a_quarantined_report_that_nothing_else_opens_keeps_its_key(log, ring):
    await publish_keys(log, ring.load(), NOW)
    submission = seal(report(), ring.load().sealing[1].public())
    kept = Quarantined(
        partner=submission.partner,
        offset=0,
        report_id=submission.report_id,
        revision=1,
        stage="intake",
        reasons=(),
        immediate_risk=False,
        submission=encode(submission),
        quarantined_at=NOW,
    )
    await log.append([Outgoing(QUARANTINE, encode(kept))])
    await rotate_sealing(log, ring, NOW)
    over = NOW + EPOCH + KEPT

    with pytest.raises(KeyNotDueError, match="1 quarantined"):
        await retire_sealing(log, ring, 1, over)
    rolled = await roll_over(log, ring, over)
    assert any("is kept" in line for line in rolled.lines)
    assert "sealing-1" not in rolled.destroyed
    assert 1 in ring.load().sealing

    plan = await plan_report(log, str(submission.report_id), None)
    decision = Decision(ErasureReason.SUBJECT_REQUEST, "Ida Invented", None, NOW)
    assert await erase(log, plan, decision, at_once) == 0
    assert "sealing-1" in (await roll_over(log, ring, over)).destroyed
    with pytest.raises(InvalidInputError, match="none is quarantined"):
        await plan_report(log, str(submission.report_id), None)


def test_the_key_in_use_is_never_destroyed_and_a_missing_one_is_named(ring):
    with pytest.raises(KeyInUseError, match="storage-1"):
        ring.destroy(KeyKind.STORAGE, 1)
    with pytest.raises(NoSuchKeyError, match="storage-4"):
        ring.destroy(KeyKind.STORAGE, 4)


def test_what_is_told_of_keys_shows_none(ring):
    keys = ring.load()
    told = repr(ring.entries()) + repr(ring) + repr(keys)
    assert keys.token.hex() not in told
    assert keys.token not in told.encode()
    assert {one.name for one in ring.entries()} >= {"sealing-1", "token-1", "signing"}
    assert all(one.in_use for one in ring.entries())


# --- storage keys ------------------------------------------------------------------------------


async def test_stored_keys_move_under_the_newest_and_open_the_same_reports(log, ring):
    first, second = report(), report()
    await taken_in(log, ring, first)
    ring.add(KeyKind.STORAGE)
    await taken_in(log, ring, second)
    before = await stored(log)

    assert await rewrap(log, ring.load()) == 1
    ring.destroy(KeyKind.STORAGE, 1)

    after, keys = await stored(log), ring.load()
    assert after.keys() == before.keys()
    for value in after.values():
        wrapped = decode(value, ReportKeysWrapped)
        assert wrapped.storage_key == 2
        assert unwrap_data_keys(wrapped, keys.storage[2])
    assert await rewrap(log, keys) == 0


async def test_a_key_shredded_while_others_move_does_not_come_back(log, ring):
    """The eraser writes between our reading and our writing; ours must not be the last word."""
    told = report()
    await taken_in(log, ring, told)
    (key,) = await stored(log)
    ring.add(KeyKind.STORAGE)

    class Racing:
        """The log, with an eraser that is faster."""

        def __init__(self, inner):
            self._inner = inner
            self._raced = False

        def __getattr__(self, name):
            return getattr(self._inner, name)

        async def append(self, outgoing):
            if not self._raced:
                self._raced = True
                await self._inner.append([Outgoing(REPORT_KEYS, None, key=key)])
            return await self._inner.append(outgoing)

    await rewrap(Racing(log), ring.load())
    assert (await stored(log))[key] is None


# --- the token key -----------------------------------------------------------------------------


def test_no_role_starts_while_a_rotation_of_the_token_key_is_unfinished(ring):
    number, secret = ring.coming_token()
    assert ring.coming_token() == (number, secret)

    with pytest.raises(keyring.UnfinishedRotationError, match="token-2"):
        ring.load()
    assert ring.load(rolling=True).token_epoch == 1

    assert ring.settle_token() == 2
    assert (ring.load().token_epoch, ring.load().token) == (2, secret)
    ring.destroy(KeyKind.TOKEN, 1)
    assert ring.load().token == secret


def test_a_token_key_is_not_added_like_others(ring):
    with pytest.raises(ValueError, match="coming"):
        ring.add(KeyKind.TOKEN)


def test_a_destroyed_key_is_gone_from_its_file_before_the_name_is(ring, monkeypatch):
    ring.add(KeyKind.STORAGE)
    path = ring.directory / "storage-1.key"
    before, seen = path.read_bytes(), []
    monkeypatch.setattr(type(path), "unlink", lambda self, **_: seen.append(self.read_bytes()))
    ring.destroy(KeyKind.STORAGE, 1)
    assert len(seen[0]) == len(before)
    assert before[-32:] not in seen[0]


def test_two_that_add_at_once_make_two_keys_or_one_error(ring):
    async def both():
        adds = [asyncio.to_thread(ring.add, KeyKind.STORAGE) for _ in range(4)]
        return await asyncio.gather(*adds, return_exceptions=True)

    made = [one for one in asyncio.run(both()) if isinstance(one, int)]
    assert len(set(made)) == len(made) >= 1
    assert not list(ring.directory.glob(".*"))


async def test_nothing_is_left_open_by_a_wrong_storage_key(log, ring):
    await taken_in(log, ring, report())
    (value,) = (await stored(log)).values()
    with pytest.raises(UnsealError):
        unwrap_data_keys(decode(value, ReportKeysWrapped), b"\0" * 32)


async def test_a_report_says_under_which_token_key_it_was_hashed(log, ring):
    ring.coming_token()
    ring.settle_token()
    await taken_in(log, ring, report())
    (record,) = [one async for batch in read_to_end(log, (TOKENISED,)) for one in batch]
    assert decode(record.value, ReportTokenised).token_epoch == 2


async def test_a_quarantined_report_whose_keys_are_stored_keeps_no_key_whichever_is_read_first(
    log, ring
):
    """Between topics there is no order, so the count is taken when both have been read."""
    await publish_keys(log, ring.load(), NOW)
    await rotate_sealing(log, ring, NOW)
    told = report()
    await taken_in(log, ring, told)
    (sealed,) = log.records(submissions_of(told.partner))
    kept = Quarantined(
        partner=told.partner,
        offset=0,
        report_id=told.report_id,
        revision=1,
        stage="gate",
        reasons=(),
        immediate_risk=False,
        submission=sealed.value,
        quarantined_at=NOW,
    )
    await log.append([Outgoing(QUARANTINE, encode(kept))])
    await rotate_sealing(log, ring, NOW)

    await retire_sealing(log, ring, 2, NOW + EPOCH + KEPT)

    assert list(ring.load().sealing) == [1, 3]
