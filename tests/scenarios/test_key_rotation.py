"""Another token key changes no person and nothing that left (privacy.md section 8, property 8)."""

from __future__ import annotations

from datetime import date

import pytest

from anonymiser.keyring import FileKeyRing, MissingKeyError
from anonymiser.linker.stage import Linker
from deploy.keys import require_token_key
from deploy.rotation import rotate_token
from streams.loop import StageRunner
from streams.restricted import RecordRetokenised
from streams.topics import POLICE, QUARANTINE, RESOLUTIONS, SAFEGUARDING
from streams.values import Sex
from tests.enclave import ARVID, NHS, Enclave, corrected, person, report, seeded_ids

BRIDA = {"given_name": "Brida", "family_name": "Testmann", "born_on": date(2011, 5, 2)}


@pytest.fixture
def ring(tmp_path):
    ring = FileKeyRing(tmp_path / "keys")
    ring.create_missing()
    return ring


@pytest.fixture
async def enclave(ring):
    enclave = Enclave(keys=ring.load())
    return await enclave.start()


def bytes_of(enclave):
    return {
        topic: [(one.offset, one.key, one.value) for one in enclave.log.records(topic)]
        for topic in (POLICE, SAFEGUARDING)
    }


async def rotated(enclave, ring):
    """Roll on to the next token key as the command does, and start every stage under it."""
    linker = StageRunner(Linker(ring.load(rolling=True), seeded_ids(8)), enclave.log)
    done = await rotate_token(enclave.log, ring, linker)
    enclave.keys = ring.load()
    await enclave.restart(ids=seeded_ids(9))
    return done


async def test_key_rotation_leaves_linkage_the_same_and_the_police_topic_byte_identical(
    enclave, ring
):
    first = report(person(**ARVID), person("b", **BRIDA), origin_reference="INC-77")
    second = report(person(nhs_number=NHS, **ARVID), partner="porter-housing")
    await enclave.submit(first, second)
    before, people = bytes_of(enclave), enclave.mentions()

    done = await rotated(enclave, ring)

    assert (done.number, done.done, done.left) == (2, 2, 0)
    assert bytes_of(enclave) == before
    assert enclave.mentions() == people
    assert len(enclave.events(RESOLUTIONS, RecordRetokenised)) == 2


async def test_what_comes_after_a_rotation_is_linked_with_what_came_before(enclave, ring):
    first = report(person(**ARVID), origin_reference="INC-77")
    await enclave.submit(first)
    await rotated(enclave, ring)

    again = report(person(**ARVID), partner="porter-housing", origin_reference="INC-77")
    other = report(person(**BRIDA))
    await enclave.submit(again, other)

    assert enclave.who(again) == enclave.who(first)
    assert enclave.who(other) != enclave.who(first)
    (one, two) = (enclave.shared(told).origin_id for told in (first, again))
    assert one == two


async def test_a_duplicate_and_a_correction_are_known_after_a_rotation(enclave, ring):
    told = report(person(sex=Sex.MALE, **ARVID))
    await enclave.submit(told)
    await rotated(enclave, ring)

    await enclave.submit(told)
    await enclave.submit(corrected(told, person(sex=Sex.MALE, given_name="Arwid")))

    assert enclave.outcomes(told)[:2] == ["SHARED", "DUPLICATE"]
    assert enclave.who(told) is not None
    assert len(set(enclave.mentions().values())) == 1


async def test_a_rotation_cut_short_goes_on_with_the_same_key(enclave, ring):
    await enclave.submit(report(person(**ARVID)), report(person(**BRIDA)))
    number, secret = ring.coming_token()

    done = await rotated(enclave, ring)

    assert (done.number, ring.load().token) == (number, secret)


async def test_a_rotation_cut_short_after_records_were_hashed_anew_goes_on(enclave, ring):
    first = report(person(**ARVID))
    await enclave.submit(first, report(person(**BRIDA)))

    def die(_done, _all):
        raise KeyboardInterrupt

    linker = StageRunner(Linker(ring.load(rolling=True), seeded_ids(8)), enclave.log)
    with pytest.raises(KeyboardInterrupt):
        await rotate_token(enclave.log, ring, linker, die)
    assert enclave.events(RESOLUTIONS, RecordRetokenised)

    assert (await rotated(enclave, ring)).number == 2
    again = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(again)
    assert enclave.who(again) == enclave.who(first)


async def test_a_lost_token_key_is_named_and_no_other_is_made_in_its_place(enclave, ring, tmp_path):
    await enclave.submit(report(person(**ARVID)))
    await rotated(enclave, ring)
    kept = sorted(one.name for one in (tmp_path / "keys").iterdir())
    (tmp_path / "keys" / "token-2.key").unlink()

    with pytest.raises(MissingKeyError, match="token-2"):
        await rotated(enclave, ring)

    kept.remove("token-2.key")
    assert sorted(one.name for one in (tmp_path / "keys").iterdir()) == kept


async def test_what_is_on_its_way_when_the_key_rotates_is_linked_first(enclave, ring):
    await enclave.submit(report(person(**ARVID)))
    late = report(person(**ARVID), partner="porter-housing")
    await enclave.take_in(late)

    done = await rotated(enclave, ring)
    await enclave.settle()

    assert done.done == 2
    assert len(set(enclave.mentions().values())) == 1


async def test_two_rotations_follow_one_another(enclave, ring):
    told = report(person(**ARVID))
    await enclave.submit(told)
    await rotated(enclave, ring)
    assert (await rotated(enclave, ring)).number == 3

    again = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(again)
    assert enclave.who(again) == enclave.who(told)


async def test_an_older_set_of_keys_put_back_is_refused_before_anything_is_hashed(enclave, ring):
    before = ring.load()
    await rotated(enclave, ring)

    await require_token_key(enclave.log, ring.load())
    with pytest.raises(MissingKeyError, match="token-2"):
        await require_token_key(enclave.log, before)


async def test_a_report_hashed_under_another_key_is_quarantined_under_its_own_name(enclave, ring):
    await enclave.submit(report(person(**ARVID)))
    old = enclave.keys
    await rotated(enclave, ring)
    enclave.keys = old  # the intake of a machine that was forgotten
    await enclave.restart(ids=seeded_ids(10), linker=Linker(ring.load(), seeded_ids(11)))
    late = report(person(**BRIDA))
    await enclave.submit(late)

    (kept,) = enclave.events(QUARANTINE)
    assert (kept.partner, kept.report_id) == (late.partner, late.report_id)
    assert [one.code for one in kept.reasons] == ["not_linked"]
    assert enclave.outcomes(late) == ["QUARANTINED"]
