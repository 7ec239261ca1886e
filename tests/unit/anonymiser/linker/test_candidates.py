"""Whom a description finds: a key that too many share finds nobody, until they are fewer."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from anonymiser.linker.match import LinkPolicy, pack
from anonymiser.linker.state import LinkerState
from streams.restricted import FieldToken, MentionResolved, ReportAdmitted, ReportRetracted
from streams.values import LinkBasis, NodeKind, Sex, WithdrawalReason

AT = datetime(2026, 2, 1, tzinfo=UTC)
PARTNER = "ashdale-council"
NAMED = pack(
    [
        FieldToken(field="given_name.sound", token=b"given name".ljust(16)),
        FieldToken(field="family_name.sound", token=b"family name".ljust(16)),
    ],
    Sex.UNKNOWN,
)


@pytest.fixture
def state():
    return LinkerState(LinkPolicy(block_entities_max=2))


def add(state, number, packed=NAMED):
    admitted = ReportAdmitted(
        partner=PARTNER,
        report_id=UUID(int=number),
        revision=1,
        content_digest=bytes(32),
        origin_token=None,
        origin_id=UUID(int=number),
        admitted_at=AT,
    )
    state.admit(admitted)
    resolved = MentionResolved(
        partner=PARTNER,
        report_id=admitted.report_id,
        revision=1,
        node=0,
        kind=NodeKind.PERSON,
        sex=Sex.UNKNOWN,
        entity_id=UUID(int=number),
        basis=LinkBasis.NEW,
        agreed=(),
        label_token=bytes(16),
        sealed_tokens=b"",
    )
    return state.resolve(resolved, packed).entity


def withdraw(state, number):
    state.retract(
        ReportRetracted(
            partner=PARTNER,
            report_id=UUID(int=number),
            reason=WithdrawalReason.WRONG_PERSON,
            retracted_at=AT,
        )
    )


def found(state):
    return state.candidates(NodeKind.PERSON, NAMED)


def test_a_key_of_few_finds_all_of_them(state):
    assert found(state) == []
    both = [add(state, 1), add(state, 2)]
    assert found(state) == both


def test_a_key_of_too_many_finds_nobody_however_often_it_is_looked_up(state):
    for number in (1, 2, 3):
        add(state, number)
    assert [found(state), found(state)] == [[], []]


def test_a_key_finds_again_once_somebody_has_left_it(state):
    kept = [add(state, 1), add(state, 2)]
    add(state, 3)
    assert found(state) == []
    withdraw(state, 3)
    assert found(state) == kept


def test_a_store_begun_anew_knows_of_no_key_of_too_many(state):
    for number in (1, 2, 3):
        add(state, number)
    assert found(state) == []
    state.forget("a test")
    alone = add(state, 4)
    assert found(state) == [alone]


def test_profiles_read_in_one_go_are_those_read_one_by_one(state):
    numbers = [add(state, 1), add(state, 2, b""), add(state, 3)]
    together = LinkerState(LinkPolicy(), state.store).profiles_of(numbers, NodeKind.PERSON)
    assert together == {one: state.profile_of(one, NodeKind.PERSON) for one in numbers}
