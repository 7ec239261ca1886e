"""Who is one person: stories through real sealing, intake, linker and gate."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from anonymiser.linker.resolve import Resolver
from anonymiser.linker.stage import Linker
from streams.codec import decode, encode
from streams.ports import Outgoing
from streams.restricted import (
    MentionResolved,
    MergeDecided,
    ReportAdmitted,
    ReportKeysWrapped,
    SplitDecided,
)
from streams.sealing import seal
from streams.topics import OUTGOING, REPORT_KEYS, RESOLUTIONS, submissions_of
from streams.values import LinkBasis, NodeKind, Sex
from tests.enclave import (
    ARVID,
    NHS,
    OTHER_NHS,
    Enclave,
    corrected,
    mention,
    person,
    report,
    seeded_ids,
    thing,
)
from tests.linker_memory import remembered

HOME = {"address": "3 Nowhere Gardens", "postcode": "S99 9ZZ"}
TWIN = {"family_name": "Testmann", "born_on": date(2011, 5, 4), **HOME}


@pytest.fixture
async def enclave():
    return await Enclave().start()


async def same(enclave, one, other):
    first, second = report(person(**one)), report(person(**other), partner="porter-housing")
    await enclave.submit(first, second)
    return enclave.who(first) == enclave.who(second)


# --- one person ---------------------------------------------------------------


async def test_two_partners_that_mean_one_person_meet_in_one_id(enclave):
    assert await same(enclave, ARVID, ARVID)


async def test_a_typo_in_the_name_does_not_matter_when_the_nhs_number_is_the_same(enclave):
    right = {**ARVID, "nhs_number": NHS}
    wrong = {"given_name": "Avrdi", "family_name": "Tsetmann", "nhs_number": NHS}
    assert await same(enclave, right, wrong)


@pytest.mark.parametrize(
    "changed",
    [
        {"given_name": "Testmann", "family_name": "Arvid"},  # swapped
        {"given_name": "Avrid"},  # two letters exchanged
        {"given_name": "Arvvid"},  # one letter twice
        {"born_on": date(1994, 3, 18)},  # one digit
        {"family_name": "Testman"},  # sounds the same
        {"address": None, "postcode": None},  # moved away, not said whereto
        {"family_name": "Invented-Testmann"},  # a double name
    ],
)
async def test_one_human_mistake_does_not_part_a_person(enclave, changed):
    assert await same(enclave, ARVID, {**ARVID, **changed})


async def test_a_nickname_is_the_same_name(enclave):
    assert await same(enclave, {**ARVID, "given_name": "Robert"}, {**ARVID, "given_name": "Bob"})


async def test_a_number_that_ties_two_persons_makes_them_one(enclave):
    by_number = report(person(nhs_number=NHS))
    by_name = report(person(**ARVID))
    with_both = report(person(**ARVID, nhs_number=NHS), partner="porter-housing")
    await enclave.submit(by_number, by_name)
    assert enclave.who(by_number) != enclave.who(by_name)
    await enclave.submit(with_both)
    assert enclave.who(by_number) == enclave.who(by_name) == enclave.who(with_both)
    (merged,) = enclave.events(RESOLUTIONS, MergeDecided)
    assert merged.kept_id == enclave.who(by_number)


# --- two persons --------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"given_name": "Tomke"}, {"given_name": "Timke"}),
        ({"given_name": "Tom"}, {"given_name": "Tim"}),
        ({"given_name": "Lily"}, {"given_name": "Lola"}),
        ({"given_name": "Anna-Maria"}, {"given_name": "Anna-Lena"}),
        ({"given_name": "Daniel", "sex": Sex.MALE}, {"given_name": "Danielle", "sex": Sex.FEMALE}),
    ],
)
async def test_twins_of_one_house_stay_two(enclave, one, other):
    assert not await same(enclave, {**TWIN, **one}, {**TWIN, **other})
    assert not enclave.events(RESOLUTIONS, MergeDecided)


async def test_twins_who_differ_in_the_given_name_alone_are_a_question_for_a_human(enclave):
    await same(enclave, {**TWIN, "given_name": "Tom"}, {**TWIN, "given_name": "Tim"})
    (question,) = enclave.questions()
    assert question.contradicted == ("given_name",)
    assert {"family_name", "born_on", "address", "postcode"} <= set(question.agreed)


async def test_twins_in_one_report_stay_two_and_nobody_is_asked(enclave):
    both = report(
        person("a", **{**TWIN, "given_name": "Tomke"}),
        person("b", **{**TWIN, "given_name": "Timke"}),
    )
    await enclave.submit(both)
    assert enclave.who(both, 0) != enclave.who(both, 1)
    assert enclave.questions() == []


async def test_two_nodes_that_look_alike_in_one_report_stay_two(enclave):
    both = report(person("a", **ARVID), person("b", **ARVID))
    await enclave.submit(both)
    assert enclave.who(both, 0) != enclave.who(both, 1)


async def test_a_later_report_does_not_make_one_of_two_nodes_of_a_report(enclave):
    both = report(person("a", **ARVID), person("b", **ARVID))
    await enclave.submit(both, report(person(**ARVID), partner="porter-housing"))
    assert enclave.who(both, 0) != enclave.who(both, 1)


async def test_siblings_stay_two(enclave):
    elder = {**TWIN, "given_name": "Tomke", "phone": "07700 900123"}
    younger = {**elder, "given_name": "Imke", "born_on": date(2012, 5, 4)}
    assert not await same(enclave, elder, younger)


async def test_father_and_son_of_one_name_are_a_question(enclave):
    assert not await same(enclave, ARVID, {**ARVID, "born_on": date(2015, 8, 29)})
    (question,) = enclave.questions()
    assert question.contradicted == ("born_on",)


async def test_an_undated_mention_does_not_make_father_and_son_one(enclave):
    father, undated = report(person(**ARVID)), report(person(**{**ARVID, "born_on": None}))
    son = report(person(**{**ARVID, "born_on": date(2015, 8, 29)}))
    await enclave.submit(father, undated, son)
    assert enclave.who(undated) == enclave.who(father)  # nobody else of that name lives there yet
    assert enclave.who(son) != enclave.who(father)
    (question,) = enclave.questions()
    assert question.contradicted == ("born_on",)


async def test_a_grown_man_without_a_birth_date_is_not_the_child_of_that_name(enclave):
    """Only the child is known at that home; what is said of the father must not become his."""
    child = report(person(**{**ARVID, "born_on": date(2013, 8, 29)}))
    grown = report(person(age=40, **{**ARVID, "born_on": None}))
    await enclave.submit(child, grown)

    assert enclave.who(grown) != enclave.who(child)
    (asked,) = enclave.questions()
    assert asked.contradicted == ("child_at_event",)


async def test_who_grew_up_between_two_reports_is_still_the_same_person(enclave):
    undated = {**ARVID, "born_on": None, "email": "arvid@example.org"}
    then = datetime(2024, 1, 3, 12, 0, tzinfo=UTC)
    young = report(person(age=17, **undated), event_at=then, reported_at=then)
    grown = report(person(age=19, **undated))
    await enclave.submit(young, grown)

    assert enclave.who(grown) == enclave.who(young)


async def test_father_or_son_is_neither_while_nothing_says_which(enclave):
    father, son = report(person(**ARVID)), report(person(**{**ARVID, "born_on": date(2015, 8, 29)}))
    either = report(person(**{**ARVID, "born_on": None}), partner="porter-housing")
    await enclave.submit(father, son, either)
    assert len({enclave.who(one) for one in (father, son, either)}) == 3
    again = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(again)
    assert enclave.who(again) == enclave.who(father)
    assert enclave.who(either) not in (enclave.who(father), enclave.who(son))


async def test_two_nhs_numbers_are_two_persons_whatever_else_agrees(enclave):
    assert not await same(enclave, {**ARVID, "nhs_number": NHS}, {**ARVID, "nhs_number": OTHER_NHS})
    (question,) = enclave.questions()
    assert question.contradicted == ("nhs_number",)


async def test_another_persons_number_does_not_make_one_of_two_strangers(enclave):
    mother = {**ARVID, "nhs_number": NHS}
    baby = {
        "given_name": "Imke",
        "family_name": "Otherling",
        "born_on": date(2025, 12, 1),
        "nhs_number": NHS,
    }
    assert not await same(enclave, mother, baby)
    assert len(enclave.questions()) == 1


@pytest.mark.parametrize(
    "alone",
    [
        {"given_name": "Arvid", "family_name": "Testmann"},
        {"born_on": date(1994, 3, 17)},
        {"family_name": "Testmann", "born_on": date(1994, 3, 17)},
        {"given_name": "Arvid", "born_on": date(1994, 3, 17)},
        {**HOME},
        {"phone": "07700 900123"},
    ],
)
async def test_what_many_share_links_nobody(enclave, alone):
    assert not await same(enclave, alone, alone)


async def test_nobody_without_an_identity_is_anybody_else(enclave):
    assert not await same(enclave, {}, {})


# --- things -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (NodeKind.PHONE, {"phone": "07700 900123"}, {"phone": "+44 7700 900123"}),
        (NodeKind.ADDRESS, HOME, {"address": "3 nowhere gardens", "postcode": "s999zz"}),
        (NodeKind.VEHICLE, {"vehicle_mark": "AB12 CDE"}, {"vehicle_mark": "ab12cde"}),
        (NodeKind.HANDLE, {"handle": "@invented_one"}, {"handle": "@Invented_One"}),
    ],
)
async def test_a_thing_is_the_same_by_its_exact_token(enclave, kind, one, other):
    first, second = report(thing(kind, **one)), report(thing(kind, **other))
    await enclave.submit(first, second)
    assert enclave.who(first) == enclave.who(second)


async def test_a_postcode_alone_is_no_address(enclave):
    first = report(thing(NodeKind.ADDRESS, postcode="S99 9ZZ"))
    second = report(thing(NodeKind.ADDRESS, postcode="S99 9ZZ"))
    await enclave.submit(first, second)
    assert enclave.who(first) != enclave.who(second)


async def test_two_flats_of_one_street_address_stay_two(enclave):
    first = report(thing(NodeKind.ADDRESS, **HOME, uprn="100050000001"))
    second = report(thing(NodeKind.ADDRESS, **HOME, uprn="100050000002"))
    await enclave.submit(first, second)
    assert enclave.who(first) != enclave.who(second)


async def test_schools_of_one_name_and_two_postcodes_stay_two(enclave):
    name = "St Invented Primary"
    here, there, somewhere = (
        report(thing(NodeKind.ORGANISATION, organisation_name=name, **where))
        for where in ({"postcode": "S99 9ZZ"}, {"postcode": "S98 9ZZ"}, {})
    )
    await enclave.submit(here, there, somewhere)
    assert len({enclave.who(one) for one in (here, there, somewhere)}) == 3


# --- revisions ----------------------------------------------------------------


async def test_the_same_content_again_is_a_duplicate_and_changes_nothing(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told, told)
    assert enclave.outcomes(told) == ["SHARED", "DUPLICATE"]
    assert len(enclave.events(RESOLUTIONS, ReportAdmitted)) == 1


async def test_other_content_under_a_used_revision_is_refused(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told, corrected(told, person(), revision=1, supersedes=None))
    assert enclave.outcomes(told) == ["SHARED", "REFUSED"]
    assert enclave.feedback(told)[1].reasons[0].code == "revision_used"


async def test_a_revision_below_the_latest_is_refused(enclave):
    told = report(person(**ARVID), revision=3, supersedes=2)
    await enclave.submit(told, corrected(told, person(), revision=2, supersedes=1))
    assert enclave.feedback(told)[1].reasons[0].code == "revision_superseded"


async def test_a_correction_must_name_what_it_corrects(enclave):
    told = report(person(**ARVID))
    second = corrected(told, person(**ARVID))
    await enclave.submit(told, second, corrected(second, supersedes=1))
    assert enclave.feedback(told)[2].reasons[0].code == "supersedes_mismatch"


async def test_one_partners_report_id_is_not_anothers(enclave):
    mine = report(person(**ARVID))
    yours = corrected(mine, person(), revision=1, supersedes=None, partner="porter-housing")
    await enclave.submit(mine, yours)
    await enclave.withdraw(yours)
    assert enclave.outcomes(mine) == ["SHARED"]
    assert enclave.outcomes(yours) == ["SHARED", "WITHDRAWN"]
    assert enclave.who(mine)


async def test_a_corrected_node_keeps_its_person(enclave):
    told = report(person(given_name="Arvid", family_name="Testmann"))
    second = corrected(told, person(**{**ARVID, "given_name": "Arvid"}))
    await enclave.submit(told)
    before = enclave.who(told)
    await enclave.submit(second)
    assert enclave.who(second) == before
    assert enclave.events(RESOLUTIONS, MentionResolved)[-1].basis is LinkBasis.SAME_REPORT


async def test_a_correction_that_names_somebody_else_leaves_the_person(enclave):
    known = report(person(**ARVID), partner="porter-housing")
    told = report(person(**ARVID))
    other = {"given_name": "Imke", "family_name": "Otherling", "born_on": date(2001, 1, 9)}
    await enclave.submit(known, told, corrected(told, person(**other)))
    assert enclave.who(told) != enclave.who(known)


async def test_what_a_correction_took_back_links_nobody(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told, corrected(told, person(given_name="Somebody")))
    later = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(later)
    assert enclave.who(later) != enclave.who(told)


async def test_a_withdrawn_report_links_nobody_and_stays_withdrawn(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told)
    await enclave.withdraw(told)
    await enclave.withdraw(told)
    later = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(later, corrected(told))
    assert enclave.outcomes(told) == ["SHARED", "WITHDRAWN", "DUPLICATE", "REFUSED"]
    assert len(enclave.mentions()) == 1


async def test_nobody_withdraws_what_never_came(enclave):
    unknown = report()
    await enclave.withdraw(unknown)
    assert enclave.feedback(unknown)[0].reasons[0].code == "unknown_report"


# --- origins ------------------------------------------------------------------


async def test_reports_that_quote_one_reference_have_one_origin(enclave):
    reports = (
        report(origin_reference="INC-1"),
        report(origin_reference="INC-1", partner="porter-housing"),
        report(origin_reference="INC-2"),
        report(),
    )
    await enclave.submit(*reports)
    origins = [event.origin_id for event in enclave.events(RESOLUTIONS, ReportAdmitted)]
    assert origins[0] == origins[1]
    assert len(set(origins)) == 3


async def test_all_revisions_of_a_report_have_one_origin(enclave):
    told = report()
    await enclave.submit(told, corrected(told, person(given_name="Imke")))
    origins = {event.origin_id for event in enclave.events(RESOLUTIONS, ReportAdmitted)}
    assert len(origins) == 1


# --- splits -------------------------------------------------------------------


async def merged(enclave):
    """Two persons that a third report made one."""
    by_number, by_name = report(person(nhs_number=NHS)), report(person(**ARVID))
    await enclave.submit(by_number, by_name)
    ids = enclave.who(by_number), enclave.who(by_name)
    await enclave.submit(report(person(**ARVID, nhs_number=NHS), partner="porter-housing"))
    return by_number, by_name, ids


async def test_a_merge_is_undone_under_the_old_id(enclave):
    by_number, by_name, ids = await merged(enclave)
    await enclave.split(enclave.who(by_number), mention(by_name))
    (split,) = enclave.events(RESOLUTIONS, SplitDecided)
    assert (split.entity_id, split.new_entity_id) == ids
    assert (enclave.who(by_number), enclave.who(by_name)) == ids


async def test_another_split_than_the_merge_gets_a_new_id(enclave):
    by_number, by_name, ids = await merged(enclave)
    await enclave.split(enclave.who(by_name), mention(by_number))
    assert enclave.who(by_number) not in ids


async def test_what_a_human_parted_stays_parted(enclave):
    by_number, by_name, _ = await merged(enclave)
    await enclave.split(enclave.who(by_number), mention(by_name))
    await enclave.submit(report(person(**ARVID, nhs_number=NHS), partner="sheaf-health"))
    assert enclave.who(by_number) != enclave.who(by_name)


async def test_a_split_of_everything_or_of_nothing_is_none(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told)
    await enclave.split(enclave.who(told), mention(told))
    await enclave.split(enclave.who(told))
    await enclave.split(uuid4(), mention(told))
    assert enclave.events(RESOLUTIONS, SplitDecided) == []


# --- memory -------------------------------------------------------------------


async def story(enclave):
    """Steps that use every kind of decision; one submission or command each."""
    told = report(person(**ARVID), thing(NodeKind.PHONE, phone="07700 900123"))
    number = report(person(nhs_number=NHS), origin_reference="INC-1")
    both = report(person(**ARVID, nhs_number=NHS), partner="porter-housing")
    twin, other = (person(given_name=name, **TWIN) for name in ("Tomke", "Timke"))
    twins = report(twin), report(other)
    yield lambda: enclave.submit(told)
    yield lambda: enclave.submit(number)
    yield lambda: enclave.submit(both)
    yield lambda: enclave.split(enclave.who(number), mention(told))
    yield lambda: enclave.submit(twins[0])
    yield lambda: enclave.submit(twins[1])
    yield lambda: enclave.submit(corrected(told, person(**ARVID, phone="07700 900124")))
    yield lambda: enclave.withdraw(twins[0])
    yield lambda: enclave.submit(report(person(given_name="Timke", **TWIN)))


async def test_a_linker_that_starts_anew_after_any_record_knows_the_same():
    enclave = await Enclave().start()
    async for step in story(enclave):
        await step()
        before = remembered(enclave.linker)
        await enclave.restart(ids=enclave.linker._new_id)
        await enclave.settle()
        assert remembered(enclave.linker) == before


async def test_a_linker_that_was_killed_at_every_record_decides_as_one_that_was_not(monkeypatch):
    monkeypatch.setattr("tests.enclave._NUMBERS", iter(range(1, 1000)))
    steady, killed = await Enclave().start(), await Enclave().start()
    async for step in story(steady):
        await step()
    monkeypatch.setattr("tests.enclave._NUMBERS", iter(range(1, 1000)))
    async for step in story(killed):
        await step()
        await killed.restart(ids=killed.linker._new_id)
    assert remembered(killed.linker)["blocks"] == remembered(steady.linker)["blocks"]
    assert killed.mentions() == steady.mentions()
    assert len(killed.events(RESOLUTIONS)) == len(steady.events(RESOLUTIONS))


async def test_a_shredded_subject_stays_where_it_was_and_links_nobody(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told)
    before = enclave.who(told)
    await shred(enclave)
    later = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(later)
    assert enclave.who(told) == before
    assert enclave.who(later) != before


async def test_shredding_live_and_starting_anew_give_one_state(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told)
    await shred(enclave)
    await enclave.submit(report())
    live = remembered(enclave.linker)
    await enclave.restart(ids=seeded_ids(9))
    await enclave.settle()
    assert remembered(enclave.linker) == live


async def test_a_refused_submission_with_fewer_subjects_shreds_nobody(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told, corrected(told, person(), revision=1, supersedes=None))
    later = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(later)
    assert enclave.outcomes(told) == ["SHARED", "REFUSED"]
    assert enclave.who(later) == enclave.who(told)


async def test_a_report_whose_keys_are_gone_links_nobody(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told)
    (record,) = enclave.log.records(REPORT_KEYS)
    await enclave.log.append([Outgoing(REPORT_KEYS, None, record.key)])
    later = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(later)
    assert enclave.who(later) != enclave.who(told)
    live = remembered(enclave.linker)
    await enclave.restart(ids=seeded_ids(9))
    assert remembered(enclave.linker) == live


async def shred(enclave):
    """Rewrite the report's keys without that of its one subject, as the eraser does."""
    (record,) = enclave.log.records(REPORT_KEYS)
    wrapped = decode(record.value, ReportKeysWrapped)
    kept = replace(wrapped, keys=tuple(key for key in wrapped.keys if key.part == 0))
    assert len(kept.keys) < len(wrapped.keys)
    await enclave.log.append([Outgoing(REPORT_KEYS, encode(kept), record.key)])


# --- what must not happen -----------------------------------------------------


async def test_a_record_that_is_none_does_not_stop_the_next(enclave):
    await enclave.log.append([Outgoing("enclave.tokenised", b"\x00nonsense")])
    told = report()
    await enclave.submit(told)
    assert enclave.outcomes(told) == ["SHARED"]
    assert len(enclave.events("enclave.quarantine")) == 1


async def test_a_bug_costs_one_report_its_way_and_no_other(enclave, monkeypatch):
    told, later = report(person(**ARVID)), report(person(**ARVID))
    with monkeypatch.context() as broken:
        broken.setattr(Resolver, "_resolve", lambda *_: 1 / 0)
        await enclave.submit(told)
    await enclave.submit(later)
    assert enclave.outcomes(told) == ["QUARANTINED"]
    assert enclave.outcomes(later) == ["SHARED"]
    assert len(enclave.events("enclave.quarantine")) == 1


async def test_the_ids_do_not_come_from_what_is_known_of_a_person():
    first = await Enclave(linker=Linker(Enclave().keys, seeded_ids(1))).start()
    second = await Enclave(linker=Linker(Enclave().keys, seeded_ids(2))).start()
    told = report(person(**ARVID))
    for enclave in (first, second):
        await enclave.submit(told)
    assert first.who(told) != second.who(told)


async def test_no_decision_and_no_log_line_shows_an_identifier(enclave, caplog):
    sealed = seal(report(person(**ARVID, nhs_number=NHS)), enclave.keys.sealing[1].public())
    await enclave.write(submissions_of("loxley-council"), sealed)
    await enclave.settle()
    written = b"".join(record.value for record in enclave.log.records(RESOLUTIONS))
    written += b"".join(record.value for record in enclave.log.records(OUTGOING))
    assert not any(word in written for word in (b"Arvid", b"Testmann", NHS.encode()))
    assert "Arvid" not in caplog.text


# --- the control: a linker that never links -----------------------------------


class NeverLinks(Linker):
    """For tests alone: each mention is somebody new."""

    def __init__(self, keys, new_id):
        super().__init__(keys, new_id)
        self.state.candidates = lambda *_: []


async def test_the_stories_notice_a_linker_that_never_links():
    blind = await Enclave(linker=NeverLinks(Enclave().keys, seeded_ids())).start()
    assert not await same(blind, ARVID, ARVID)
