"""A key that was erased is stored by nobody again: not by intake, a redrive, or a rotation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from anonymiser.keyring import FIRST, FileKeyRing, KeyKind, create_missing, new_keys
from deploy.erasure import (
    Cleaning,
    Decision,
    NotShreddedError,
    certify,
    erase,
    ledger_in,
    plan_report,
    plan_subject,
    states,
    stored_keys,
)
from deploy.keys import EPOCH, publish_keys
from deploy.rotation import rewrap
from streams.codec import encode
from streams.errors import InvalidInputError
from streams.handling import ConditionCode, HandlingCode
from streams.parts import Handling
from streams.ports import Outgoing
from streams.restricted import RedriveRequested
from streams.sealing import UnsealError, unwrap_data_keys
from streams.topics import ERASURES, REDRIVES, REPORT_KEYS, RESOLUTIONS
from streams.values import Audience, ErasureReason
from tests.enclave import Enclave, person, report, seeded_ids

AT = datetime(2026, 2, 1, tzinfo=UTC)
S2 = Handling(code=HandlingCode.C, recipients=tuple(Audience), conditions=(ConditionCode.S2,))
DECISION = Decision(ErasureReason.SUBJECT_REQUEST, "Ida Invented", None, AT)


KNOWN = person(
    given_name="Arvid", family_name="Testmann", born_on=date(1990, 5, 4), nhs_number="9434765919"
)


async def at_once(_seconds):
    """In memory nothing has to settle."""


def two(**changes):
    nodes = (
        person("a", given_name="Arvid", family_name="Testmann"),
        person("b", given_name="Berit", family_name="Testmann"),
    )
    return report(*nodes, **changes)


@pytest.fixture
async def enclave():
    return await Enclave().start()


async def erased_report(enclave, one):
    plan = await plan_report(enclave.log, str(one.report_id), None)
    return await erase(enclave.log, plan, DECISION, at_once)


async def parts(enclave):
    return {key.part for one in (await stored_keys(enclave.log)).values() for key in one.keys}


async def test_an_erased_report_has_no_stored_key_and_the_linker_forgets_who_it_was(enclave):
    one, other = two(), report()
    await enclave.submit(one, replace(one, revision=2, supersedes=1), other)
    assert await erased_report(enclave, one) == 2
    kept = (await stored_keys(enclave.log)).values()
    assert {wrapped.report_id for wrapped in kept} == {other.report_id}
    await enclave.submit(replace(two(), partner="porter-housing"))
    assert len(set(enclave.mentions().values())) == 5


@pytest.mark.parametrize("is_erased", [True, False])
async def test_what_is_erased_on_its_way_to_the_linker_links_nobody(enclave, is_erased):
    one, other = report(KNOWN), report(KNOWN, partner="porter-housing")
    await enclave.take_in(one)
    if is_erased:
        await erased_report(enclave, one)
    await enclave.settle()
    await enclave.submit(other)
    assert (enclave.who(one) == enclave.who(other)) is not is_erased


async def test_of_an_erased_subject_the_key_goes_and_the_rest_still_opens(enclave):
    one = two()
    await enclave.submit(one, replace(one, revision=2, supersedes=1))
    plan = await plan_report(enclave.log, str(one.report_id)[:30], one.partner)
    plan = await plan_subject(enclave.log, plan, 1, None)
    assert plan.subjects == ((1, 1), (2, 1))
    assert await erase(enclave.log, plan, DECISION, at_once) == 2
    assert await parts(enclave) == {0, 1}
    for wrapped in (await stored_keys(enclave.log)).values():
        assert unwrap_data_keys(wrapped, enclave.keys.storage[FIRST])


@pytest.mark.parametrize("whole", [True, False])
async def test_no_way_of_storing_a_key_brings_an_erased_one_back(enclave, whole):
    one = two()
    await enclave.submit(one)
    plan = await plan_report(enclave.log, str(one.report_id), None)
    plan = plan if whole else await plan_subject(enclave.log, plan, 0, None)
    before = await stored_keys(enclave.log)
    await erase(enclave.log, plan, DECISION, at_once)
    left = set() if whole else {0, 2}
    assert await parts(enclave) == left

    await enclave.submit(one, replace(one, revision=2, supersedes=1))  # sent again, and corrected
    request = RedriveRequested(
        partner=one.partner,
        offset=0,
        collected=True,
        quarantined_offset=None,
        requested_by="reconciler",
        requested_at=AT,
    )
    await enclave.write(REDRIVES, request)
    await enclave.settle()
    await enclave.restart(ids=seeded_ids(9))
    await enclave.submit(one)
    assert await parts(enclave) == left

    # A key that is there against the ledger, as after a faulty restore: no rotation keeps it.
    await enclave.log.append(
        [Outgoing(REPORT_KEYS, encode(wrapped), key=key) for key, wrapped in before.items()]
    )
    keys = replace(enclave.keys, storage={**enclave.keys.storage, 2: b"2" * 32})
    await rewrap(enclave.log, keys)
    assert await parts(enclave) == left
    outcomes = enclave.outcomes(one)
    assert outcomes == ["SHARED", *["REFUSED"] * 4]


async def test_what_is_stored_again_and_again_is_told_of(enclave):
    one = report()
    await enclave.submit(one)
    plan = await plan_report(enclave.log, str(one.report_id), None)
    ((key, wrapped),) = (await stored_keys(enclave.log)).items()

    async def meanwhile(_seconds):
        await enclave.log.append([Outgoing(REPORT_KEYS, encode(wrapped), key=key)])

    with pytest.raises(NotShreddedError):
        await erase(enclave.log, plan, DECISION, meanwhile)


async def test_what_is_stored_before_intake_knows_of_the_erasure_is_taken_away_too(enclave):
    one = report()
    await enclave.submit(one)
    plan = await plan_report(enclave.log, str(one.report_id), None)
    ((key, wrapped),) = (await stored_keys(enclave.log)).items()
    late = [Outgoing(REPORT_KEYS, encode(wrapped), key=key + b"another")]

    async def meanwhile(_seconds):
        if late:
            await enclave.log.append([late.pop()])

    await erase(enclave.log, plan, DECISION, meanwhile)
    assert await stored_keys(enclave.log) == {}


async def test_what_the_gate_holds_is_decided_about_first(enclave):
    held = report(handling=S2)
    await enclave.submit(held)
    with pytest.raises(InvalidInputError, match="still holds"):
        await plan_report(enclave.log, str(held.report_id), None)
    assert enclave.log.records(ERASURES) == ()


async def test_what_is_not_there_or_not_one_is_not_guessed(enclave):
    await enclave.submit(report(), report())
    for typed, said in (("ffff", "no key"), ("", "no key"), ("0000", "several")):
        with pytest.raises(InvalidInputError, match=said):
            await plan_report(enclave.log, typed, None)
    one = two()
    await enclave.submit(one)
    plan = await plan_report(enclave.log, str(one.report_id), None)
    for node, revision in ((7, None), (0, 9)):
        with pytest.raises(InvalidInputError, match="has no node"):
            await plan_subject(enclave.log, plan, node, revision)


async def test_a_subject_is_found_by_its_label_where_a_revision_numbers_it_otherwise(enclave):
    one = two()
    turned = replace(one, revision=2, supersedes=1, nodes=tuple(reversed(one.nodes)))
    await enclave.submit(one, turned)
    plan = await plan_report(enclave.log, str(one.report_id), None)
    assert (await plan_subject(enclave.log, plan, 0, 1)).subjects == ((1, 0), (2, 1))
    assert enclave.log.records(RESOLUTIONS)


async def test_in_a_revision_that_was_never_linked_every_subject_goes_with_the_one(enclave):
    """Intake stores keys before the linker refuses: nobody can tell which of them is the one."""
    one = two()
    refused = replace(one, revision=3, supersedes=None)
    await enclave.submit(one, refused)
    assert enclave.outcomes(one) == ["SHARED", "REFUSED"]
    plan = await plan_report(enclave.log, str(one.report_id), None)
    plan = await plan_subject(enclave.log, plan, 0, None)
    assert plan.subjects == ((1, 0), (3, 0), (3, 1))
    await erase(enclave.log, plan, DECISION, at_once)
    left = {
        (wrapped.revision, key.part)
        for wrapped in (await stored_keys(enclave.log)).values()
        for key in wrapped.keys
    }
    assert left == {(1, 0), (1, 2), (3, 0)}


# --- the certificate ------------------------------------------------------------------------


@pytest.fixture
async def certifying(tmp_path):
    """An enclave whose keys are files, published on its log."""
    create_missing(tmp_path / "keys")
    ring = FileKeyRing(tmp_path / "keys")
    enclave = await Enclave(keys=ring.load()).start()
    await publish_keys(enclave.log, ring.load(), AT - timedelta(days=1))
    one = report()
    await enclave.submit(one)
    await erased_report(enclave, one)
    return enclave, ring


def drop_old_bytes(enclave):
    """What compaction does."""
    slots = enclave.log._topics[REPORT_KEYS]
    last = {one.key: one.offset for one in slots if one is not None}
    for offset, one in enumerate(slots):
        if one is not None and last[one.key] != offset:
            slots[offset] = None


async def test_an_erasure_is_certified_only_when_nothing_opens_it(certifying):
    enclave, ring = certifying
    patience = Cleaning(enclave.log, at_once, rounds_max=1)
    (state,) = await states(enclave.log, ring)
    assert (state.stored, state.delivered) == (False, True)
    over = AT - timedelta(days=1) + EPOCH + timedelta(days=7)
    assert state.certifiable_at == over

    later = over + timedelta(days=1)
    (state,) = await certify(enclave.log, ring, "Ida", later, patience)
    assert state.certifiable_at is not None  # old bytes are there, and the sealing key
    drop_old_bytes(enclave)
    (state,) = await certify(enclave.log, ring, "Ida", later, patience)
    assert state.certifiable_at is not None  # the sealing key still is
    ring.add(KeyKind.SEALING)
    await publish_keys(enclave.log, ring.load(), later)
    ring.destroy(KeyKind.SEALING, FIRST)
    (state,) = await certify(enclave.log, ring, "Ida", AT + timedelta(days=1), patience)
    assert state.certifiable_at == AT + timedelta(days=8)  # transport is not over
    (state,) = await certify(enclave.log, ring, "Ida", later, patience)
    assert state.certifiable_at is None
    assert state.erasure.certified.certified_by == "Ida"
    assert len((await ledger_in(enclave.log)).entries()) == 1
    before = len(enclave.log.records(ERASURES))
    await certify(enclave.log, ring, "Ida", later, patience)
    assert len(enclave.log.records(ERASURES)) == before


async def test_the_broker_is_made_to_clean_by_writing_what_stands_once_more(certifying):
    enclave, _ = certifying
    waits = []

    async def compacting(seconds):
        waits.append(seconds)
        drop_old_bytes(enclave)

    assert await Cleaning(enclave.log, compacting).until_gone()
    assert len(waits) == 1
    assert await stored_keys(enclave.log) == {}


async def test_without_its_data_key_a_sealed_part_does_not_open(enclave):
    one = two()
    await enclave.submit(one)
    (wrapped,) = (await stored_keys(enclave.log)).values()
    with pytest.raises(UnsealError):
        unwrap_data_keys(wrapped, new_keys().storage[FIRST])
