"""The ids of an audience: a permutation that only the enclave can turn round."""

from __future__ import annotations

from uuid import UUID

from anonymiser.gate.audience import AudienceIds
from streams.values import Audience

POLICE = AudienceIds(Audience.POLICE, bytes(range(32)))
HUB = AudienceIds(Audience.SAFEGUARDING, bytes(range(32)))
SOME = [UUID(int=number) for number in range(500)]


def test_the_enclave_finds_the_person_behind_an_id():
    assert [POLICE.entity_behind(POLICE.entity(one)) for one in SOME] == SOME


def test_no_two_persons_get_one_id():
    assert len({POLICE.entity(one) for one in SOME}) == len(SOME)


def test_two_audiences_see_different_ids_even_under_one_key():
    assert not {POLICE.entity(one) for one in SOME} & {HUB.entity(one) for one in SOME}


def test_one_number_as_person_origin_and_report_gives_three_ids():
    one = SOME[7]
    ids = {POLICE.entity(one), POLICE.origin(one), POLICE.report("loxley-council", one)}
    assert len(ids) == 3


def test_the_partner_is_part_of_the_report():
    assert POLICE.report("loxley-council", SOME[1]) != POLICE.report("loxley-councils", SOME[1])


def test_ids_are_the_same_after_a_restart():
    again = AudienceIds(Audience.POLICE, bytes(range(32)))
    assert [again.entity(one) for one in SOME] == [POLICE.entity(one) for one in SOME]


def test_another_key_gives_other_ids():
    other = AudienceIds(Audience.POLICE, bytes(32))
    assert other.entity(SOME[3]) != POLICE.entity(SOME[3])
