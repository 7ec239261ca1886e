"""The ids of an audience: a permutation that only the enclave can turn round."""

from __future__ import annotations

from uuid import UUID

from anonymiser.gate.audience import AudienceIds
from streams.values import Audience

POLICE = AudienceIds(Audience.POLICE, dict.fromkeys(Audience, bytes(range(32))))
HUB = AudienceIds(Audience.SAFEGUARDING, dict.fromkeys(Audience, bytes(range(32))))
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
    again = AudienceIds(Audience.POLICE, dict.fromkeys(Audience, bytes(range(32))))
    assert [again.entity(one) for one in SOME] == [POLICE.entity(one) for one in SOME]


def test_another_key_gives_other_ids():
    other = AudienceIds(Audience.POLICE, dict.fromkeys(Audience, bytes(32)))
    assert other.entity(SOME[3]) != POLICE.entity(SOME[3])


def test_the_enclave_turns_a_police_report_id_into_that_of_the_hub_and_back():
    police, hub = POLICE.report("loxley-council", SOME[9]), HUB.report("loxley-council", SOME[9])
    assert police != hub
    assert POLICE.report_at(HUB, police) == hub
    assert HUB.report_at(POLICE, hub) == police


def test_a_request_has_another_id_on_either_side_and_none_that_a_report_or_person_has():
    asked = SOME[11]
    there = POLICE.request_at(HUB, asked)
    assert there not in {asked, POLICE.report_at(HUB, asked), HUB.entity(asked)}
    assert HUB.request_at(POLICE, there) == asked


def test_what_goes_to_several_partners_has_an_id_of_its_own_for_each():
    ids = {HUB.given_to(partner, SOME[5]) for partner in ("loxley-council", "sheaf-health")}
    assert len({*ids, SOME[5], HUB.offered("loxley-council", SOME[5])}) == 4


def test_the_number_of_a_report_needs_the_keys_of_both_audiences():
    """Whoever has one audience's key alone cannot tell a report by its partner's id."""
    mixed = {Audience.POLICE: bytes(range(32)), Audience.SAFEGUARDING: bytes(32)}
    other = AudienceIds(Audience.POLICE, mixed)
    assert other.entity(SOME[3]) == POLICE.entity(SOME[3])
    assert other.report("loxley-council", SOME[3]) != POLICE.report("loxley-council", SOME[3])
