"""Who gets to see what: stories through real sealing, intake, linker and gate."""

from __future__ import annotations

import base64
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from urllib.parse import quote
from uuid import UUID

import pytest

from anonymiser.gate import stage
from anonymiser.gate.batch import AT_ONCE
from anonymiser.gate.release import for_police, for_safeguarding
from anonymiser.gate.stage import Gate
from streams.codec import decode, encode
from streams.errors import DecodeError
from streams.parts import Grading, Handling
from streams.ports import Outgoing
from streams.restricted import Identity, ReportHeld, ReportLinked
from streams.shared import (
    ItemWithheld,
    NominalRelayed,
    OperationRecorded,
    PartnerSuspended,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingReportShared,
)
from streams.taxonomy import RelationKind
from streams.topics import HELD, OPERATIONS, OUTGOING, POLICE, QUARANTINE, REGISTRY, SAFEGUARDING
from streams.values import (
    AgeBand,
    Audience,
    ChildAtEvent,
    ConditionCode,
    DataCategory,
    Gateway,
    GradingScheme,
    HandlingCode,
    NodeKind,
    Operation,
    Outcome,
    PartnerType,
    Purpose,
    Role,
    Sex,
)
from tests.enclave import (
    ARVID,
    NHS,
    PARTNERS,
    Enclave,
    corrected,
    mention,
    onboarded,
    person,
    report,
    seeded_ids,
    thing,
    tie,
)
from tests.small_cells import GROWN, F, M, facts_of

S2 = Handling(code=HandlingCode.C, recipients=tuple(Audience), conditions=(ConditionCode.S2,))


def code_c(*recipients, conditions=(ConditionCode.A3,)):
    return Handling(code=HandlingCode.C, recipients=recipients, conditions=conditions)


@pytest.fixture
async def enclave():
    return await Enclave().start()


def nothing_left(enclave):
    return not enclave.log.records(POLICE) and not enclave.log.records(SAFEGUARDING)


# --- what each audience gets --------------------------------------------------


async def test_a_report_reaches_both_audiences_under_ids_that_do_not_meet(enclave):
    told = report(person("a", **ARVID), origin_reference="INC-1")
    await enclave.submit(told)
    (police,), (hub,) = enclave.events(POLICE), enclave.events(SAFEGUARDING)
    ids = {police.report_id, police.origin_id, police.nodes[0].entity_id, told.report_id}
    ids |= {hub.report_id, hub.origin_id, hub.nodes[0].entity_id, enclave.who(told)}
    assert len(ids) == 8
    assert enclave.outcomes(told) == ["SHARED"]


async def test_police_get_no_kin_friend_carer_or_school_tie(enclave):
    told = report(
        person("suspect", **ARVID),
        person("brother", given_name="Imke", family_name="Testmann", role=Role.OTHER),
        person("friend", given_name="Otto", role=Role.OTHER),
        person("mate", given_name="Enno", role=Role.SUSPECT),
        thing(NodeKind.ORGANISATION, "school", organisation_name="St Invented Primary"),
        thing(NodeKind.ADDRESS, "flat", address="3 Nowhere Gardens", postcode="S99 9ZZ"),
        relations=(
            tie("suspect", RelationKind.SIBLING, "brother"),
            tie("brother", RelationKind.FRIEND, "friend"),
            tie("friend", RelationKind.LIVES_AT, "flat"),
            tie("brother", RelationKind.ATTENDS, "school"),
            tie("suspect", RelationKind.CO_OFFENDER, "mate"),
        ),
    )
    await enclave.submit(told)
    (police,), (hub,) = enclave.events(POLICE), enclave.events(SAFEGUARDING)
    assert [relation.kind for relation in police.relations] == [
        RelationKind.LIVES_AT,
        RelationKind.CO_OFFENDER,
    ]
    assert [node.node for node in police.nodes] == [0, 2, 3, 5]
    assert len(hub.relations) == 5
    assert len(hub.nodes) == 6


async def test_who_stands_in_a_report_only_as_kin_does_not_reach_police(enclave):
    told = report(
        person("suspect", **ARVID),
        person("brother", given_name="Imke", role=Role.OTHER),
        relations=(tie("suspect", RelationKind.SIBLING, "brother"),),
    )
    await enclave.submit(told)
    (police,) = enclave.events(POLICE)
    assert [node.node for node in police.nodes] == [0]


async def test_of_age_police_learn_only_child_or_not():
    allowed = {field.name for field in fields(PoliceReportShared)}
    assert not allowed & {"age", "age_band", "service", "partner", "data_category", "source"}


async def test_one_report_id_used_by_two_partners_is_two_reports(enclave):
    mine = report(person(**ARVID))
    await enclave.submit(mine, replace(mine, partner="porter-housing"))
    assert len({event.report_id for event in enclave.events(POLICE)}) == 2


async def test_two_reports_that_differ_only_in_their_partner_look_alike(enclave):
    """What an audience gets tells nothing of who reported, not by its size either."""
    mine = report(person(**ARVID))
    await enclave.submit(mine, report(person(**ARVID), partner="porter-housing"))
    one, other = enclave.events(POLICE)
    blank = UUID(int=0)
    assert replace(one, report_id=blank, origin_id=blank) == replace(
        other, report_id=blank, origin_id=blank
    )
    assert len({len(record.value) for record in enclave.log.records(POLICE)}) == 1


async def test_no_record_that_leaves_has_a_key(enclave):
    await enclave.submit(report(person(**ARVID)))
    for topic in (POLICE, SAFEGUARDING, OPERATIONS):
        assert {record.key for record in enclave.log.records(topic)} == {None}


# --- law ----------------------------------------------------------------------


async def refused(enclave, **changes):
    told = report(**changes)
    await enclave.submit(told)
    assert enclave.outcomes(told) == ["REFUSED"]
    assert nothing_left(enclave)
    return [reason.code for reason in enclave.feedback(told)[0].reasons]


async def test_without_a_gateway_for_the_purpose_nothing_goes_and_the_open_ones_are_told(enclave):
    codes = await refused(enclave, gateway=Gateway.COMMON_LAW, purpose=Purpose.SAFEGUARD_CHILDREN)
    assert codes == [
        "gateway_not_agreed",
        "alternative_CA_2004_S11",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"data_category": DataCategory.PATIENT},
        {"data_category": DataCategory.SOCIAL_CARE},
        {"service": "social-care"},
        {"partner": "sheaf-health"},
    ],
)
async def test_part_2_of_the_2022_act_is_shut_for_health_and_social_care(enclave, changes):
    codes = await refused(
        enclave,
        gateway=Gateway.PCSC_2022_PART2,
        purpose=Purpose.PREVENT_SERIOUS_VIOLENCE,
        **changes,
    )
    assert codes == ["pcsc_2022_section_16", "alternative_CDA_1998_S115"]


async def test_part_2_of_the_2022_act_is_open_for_others(enclave):
    told = report(gateway=Gateway.PCSC_2022_PART2, purpose=Purpose.PREVENT_SERIOUS_VIOLENCE)
    await enclave.submit(told)
    assert enclave.outcomes(told) == ["SHARED"]


async def test_a_category_the_service_may_not_send_is_refused(enclave):
    service = onboarded("loxley-council", PartnerType.COUNCIL).services[0]
    narrow = replace(service, data_categories=(DataCategory.HOUSING,))
    entry = onboarded("loxley-council", PartnerType.COUNCIL, services=(narrow,))
    await enclave.write(REGISTRY, entry)
    assert await refused(enclave) == ["data_category_not_agreed"]


async def test_what_a_partner_sent_before_it_was_suspended_goes_no_further(enclave):
    told = report(person(**ARVID), handling=S2)
    await enclave.submit(told)
    suspended = PartnerSuspended(
        partner=told.partner,
        reason="AUDIT",
        decided_by="registrar",
        decided_at=datetime(2026, 1, 6, tzinfo=UTC),
    )
    await enclave.write(REGISTRY, suspended)
    await enclave.approve(told)
    assert enclave.outcomes(told) == ["HELD", "REFUSED"]
    assert enclave.feedback(told)[1].reasons[0].code == "partner_suspended"
    assert nothing_left(enclave)


# --- handling -----------------------------------------------------------------


@pytest.mark.parametrize(
    "handling", [code_c(), code_c(Audience.POLICE, conditions=()), code_c(conditions=())]
)
async def test_code_c_without_recipients_or_conditions_goes_to_nobody(enclave, handling):
    assert set(await refused(enclave, handling=handling)) == {"conditions_missing"}


@pytest.mark.parametrize("audience", list(Audience))
async def test_code_c_goes_to_the_named_recipient_alone(enclave, audience):
    told = report(handling=code_c(audience))
    await enclave.submit(told)
    assert bool(enclave.log.records(POLICE)) is (audience is Audience.POLICE)
    assert bool(enclave.log.records(SAFEGUARDING)) is (audience is Audience.SAFEGUARDING)
    (disclosed,) = [
        event
        for event in enclave.events(OPERATIONS, OperationRecorded)
        if event.operation is Operation.DISCLOSURE
    ]
    (withheld,) = enclave.events(OPERATIONS, ItemWithheld)
    assert withheld.recipient is not audience
    assert (withheld.what, withheld.reason) == ("REPORT", "recipient_not_lawful")
    assert disclosed.recipients == (audience,)
    assert disclosed.gateway is told.gateway


async def test_a_protected_subject_keeps_the_report_from_police(enclave):
    told = report(person("a", **ARVID), person("b", protected=True, given_name="Imke"))
    await enclave.submit(told)
    assert not enclave.log.records(POLICE)
    assert len(enclave.events(SAFEGUARDING)) == 1


async def test_a_protected_subject_for_police_alone_goes_nowhere(enclave):
    told = report(person(protected=True, given_name="Imke"), handling=code_c(Audience.POLICE))
    await enclave.submit(told)
    assert enclave.feedback(told)[0].reasons[0].code == "protected_subject"
    assert nothing_left(enclave)


async def test_s2_waits_for_the_originator_and_then_goes(enclave):
    told = report(person(**ARVID), handling=S2)
    await enclave.submit(told)
    assert enclave.outcomes(told) == ["HELD"]
    assert nothing_left(enclave)
    await enclave.approve(told)
    assert enclave.outcomes(told) == ["HELD", "SHARED"]
    assert len(enclave.events(POLICE)) == len(enclave.events(SAFEGUARDING)) == 1
    key = f"{told.partner}/{told.report_id}".encode()
    held = [record.value for record in enclave.log.records(HELD) if record.key == key]
    assert held[-1] is None


async def test_a_held_report_survives_a_restart(enclave):
    told = report(person(**ARVID), handling=S2)
    await enclave.submit(told)
    await enclave.restart(ids=seeded_ids(9))
    await enclave.approve(told)
    assert enclave.outcomes(told) == ["HELD", "SHARED"]


async def test_approving_twice_or_another_revision_changes_nothing(enclave):
    told = report(person(**ARVID), handling=S2)
    await enclave.submit(told)
    await enclave.approve(told, revision=2)
    assert enclave.outcomes(told) == ["HELD"]
    await enclave.approve(told)
    await enclave.approve(told)
    assert enclave.outcomes(told) == ["HELD", "SHARED"]
    assert len(enclave.events(POLICE)) == 1


async def test_a_conflict_of_interest_waits_whatever_the_originator_says(enclave):
    told = report(person(conflict=True, **ARVID), handling=S2)
    await enclave.submit(told)
    await enclave.approve(told)
    assert enclave.outcomes(told) == ["HELD", "HELD"]
    assert [reason.code for reason in enclave.feedback(told)[1].reasons] == ["conflict_of_interest"]
    assert nothing_left(enclave)


async def test_a_withdrawn_report_is_held_no_longer(enclave):
    told = report(person(**ARVID), handling=S2)
    await enclave.submit(told)
    await enclave.withdraw(told)
    await enclave.approve(told)
    assert enclave.outcomes(told) == ["HELD", "WITHDRAWN"]
    assert nothing_left(enclave)


async def test_a_held_report_goes_out_under_the_persons_as_they_are_then(enclave):
    by_number = report(person(nhs_number=NHS))
    held = report(person(**ARVID), handling=S2)
    both = report(person(**ARVID, nhs_number=NHS), partner="porter-housing")
    await enclave.submit(by_number, held, both)
    await enclave.approve(held)
    people = {
        node.entity_id
        for event in enclave.events(POLICE, PoliceReportShared)
        for node in event.nodes
    }
    assert len(people) == 1
    assert enclave.events(POLICE, PersonsMerged) == []  # they never knew the other id


async def test_a_held_mention_that_was_parted_goes_out_as_somebody_else(enclave):
    held = report(person(**ARVID), handling=S2)
    other = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(held, other)
    await enclave.split(enclave.who(held), mention(held))
    await enclave.approve(held)
    people = {event.nodes[0].entity_id for event in enclave.events(POLICE)}
    assert len(people) == 2


# --- small cells ----------------------------------------------------------------


@pytest.fixture
async def hamlet(enclave):
    """A register whose whole reference population are four people."""
    await enclave.write(REGISTRY, facts_of(("S99", 2, (F, GROWN), (M, GROWN))))
    return enclave


async def test_where_too_few_live_only_the_hub_is_told_and_in_the_plainest_form(hamlet):
    told = report(person(sex=Sex.MALE, **ARVID))
    await hamlet.submit(told)
    assert not hamlet.log.records(POLICE)
    (hub,) = hamlet.events(SAFEGUARDING)
    (node,) = hub.nodes
    assert (node.sex, node.age_band, hub.district, hub.police_area) == (
        Sex.UNKNOWN,
        AgeBand.UNKNOWN,
        None,
        None,
    )
    (given,) = hamlet.feedback(told)
    assert given.outcome is Outcome.SHARED
    assert [reason.code for reason in given.reasons] == ["small_cell"]


async def test_where_too_few_live_a_child_is_still_a_child_to_the_hub(hamlet):
    await hamlet.submit(report(person(given_name="Otto", born_on=date(2015, 3, 1))))
    assert hamlet.events(SAFEGUARDING)[0].nodes[0].child_at_event is ChildAtEvent.YES


async def test_what_is_for_police_alone_is_held_where_too_few_live(hamlet):
    told = report(person(sex=Sex.MALE, **ARVID), handling=code_c(Audience.POLICE))
    await hamlet.submit(told)
    assert hamlet.outcomes(told) == ["HELD"]
    assert nothing_left(hamlet)


async def test_without_a_reference_population_no_place_leaves(enclave):
    await enclave.submit(report(person(**ARVID)))
    assert {event.district for event in enclave.events(POLICE)} == {None}


# --- words ------------------------------------------------------------------------


async def worded(narrative, *, permitted=True):
    entry = onboarded("don-telling", PartnerType.COUNCIL, narrative_permitted=permitted)
    enclave = await Enclave().start(extra=[entry])
    told = report(person(**ARVID), partner="don-telling", narrative=narrative)
    await enclave.submit(told)
    return enclave, told


async def test_redacted_words_leave_where_the_agreement_lets_them():
    enclave, told = await worded("Arvid was seen at the flat with two phones.")
    texts = {event.narrative for topic in (POLICE, SAFEGUARDING) for event in enclave.events(topic)}
    assert texts == {"[PERSON-0] was seen at the flat with two phones."}
    assert enclave.feedback(told)[0].reasons == ()


async def test_words_do_not_leave_without_an_agreement():
    enclave, _ = await worded("Arvid was seen at the flat.", permitted=False)
    assert {event.narrative for event in enclave.events(POLICE)} == {None}


def redacted_as(text):
    """A stage before the gate that says this is the redacted text."""

    class Redacting(Gate):
        def step(self, records):
            return super().step([_reworded(record, text) for record in records])

    return Redacting(Enclave().keys, policy=AT_ONCE)


def _reworded(record, text):
    try:
        linked = decode(record.value, ReportLinked)
    except DecodeError:
        return record
    return replace(record, value=encode(replace(linked, redacted=text)))


async def reworded(text):
    entry = onboarded("don-telling", PartnerType.COUNCIL, narrative_permitted=True)
    enclave = await Enclave(gate=redacted_as(text)).start(extra=[entry])
    told = report(person(**ARVID), partner="don-telling", narrative="Arvid was seen.")
    await enclave.submit(told)
    return enclave, told


@pytest.mark.parametrize(
    "text",
    ["then arvid came", "testmann was there", "at 3 nowhere gardens", "seen by arv1d testmann"],
)
async def test_a_declared_value_in_redacted_words_stops_the_report(text):
    enclave, told = await reworded(text)
    assert enclave.outcomes(told) == ["QUARANTINED"]
    assert nothing_left(enclave)


@pytest.mark.parametrize(
    "text", ["then Gerhardine came", "on 07700 900123", "by \u0410nna", "a\u200bb", "aged 14"]
)
async def test_words_that_may_name_somebody_stay_behind_and_the_facts_go_on(text):
    enclave, told = await reworded(text)
    (given,) = enclave.feedback(told)
    assert given.outcome is Outcome.SHARED
    assert [reason.code for reason in given.reasons] == ["narrative_withheld_residue"]
    assert {event.narrative for event in enclave.events(POLICE)} == {None}


# --- corrections and withdrawals ----------------------------------------------


async def test_a_correction_keeps_the_id_of_the_report(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told, corrected(told, person(**ARVID, nhs_number=NHS)))
    first, second = enclave.events(POLICE)
    assert first.report_id == second.report_id
    assert (first.revision, second.revision) == (1, 2)


async def test_a_refused_correction_leaves_the_earlier_revision(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told, corrected(told, handling=code_c()))
    assert enclave.outcomes(told) == ["SHARED", "REFUSED"]
    assert len(enclave.events(POLICE)) == 1


async def test_a_correction_that_police_may_not_have_takes_the_earlier_one_back(enclave):
    told = report(person(**ARVID))
    await enclave.submit(told, corrected(told, person(**ARVID, protected=True)))
    shared, withdrawn = enclave.events(POLICE)
    assert withdrawn == ReportWithdrawn(report_id=shared.report_id)
    assert [event.revision for event in enclave.events(SAFEGUARDING)] == [1, 2]


async def test_a_withdrawal_reaches_those_who_have_the_report(enclave):
    told = report(handling=code_c(Audience.SAFEGUARDING))
    await enclave.submit(told)
    await enclave.withdraw(told)
    assert not enclave.log.records(POLICE)
    assert isinstance(enclave.events(SAFEGUARDING)[-1], ReportWithdrawn)
    assert enclave.outcomes(told) == ["SHARED", "WITHDRAWN"]


# --- merges and splits --------------------------------------------------------


async def test_a_merge_reaches_each_audience_under_its_own_ids(enclave):
    number, name = report(person(nhs_number=NHS)), report(person(**ARVID))
    await enclave.submit(number, name)
    await enclave.submit(report(person(**ARVID, nhs_number=NHS), partner="porter-housing"))
    for topic in (POLICE, SAFEGUARDING):
        first, second, merged, third = enclave.events(topic)
        assert merged.kept_id == first.nodes[0].entity_id == third.nodes[0].entity_id
        assert merged.absorbed_id == second.nodes[0].entity_id


async def test_an_undone_merge_is_undone_for_each_audience(enclave):
    number, name = report(person(nhs_number=NHS)), report(person(**ARVID))
    await enclave.submit(number, name)
    await enclave.submit(report(person(**ARVID, nhs_number=NHS), partner="porter-housing"))
    await enclave.split(enclave.who(number), mention(name))
    for topic in (POLICE, SAFEGUARDING):
        merged, split = enclave.events(topic, PersonsMerged, PersonSplit)
        assert (split.entity_id, split.new_entity_id) == (merged.kept_id, merged.absorbed_id)
        assert [one.report_id for one in split.mentions] == [enclave.events(topic)[1].report_id]


async def test_an_undone_merge_is_undone_where_its_mentions_are_withdrawn_meanwhile(enclave):
    number, name = report(person(nhs_number=NHS)), report(person(**ARVID))
    hidden = {"handling": code_c(Audience.SAFEGUARDING)}
    unseen = report(person(**ARVID), partner="sheaf-health", **hidden)
    await enclave.submit(number, name, unseen)
    await enclave.submit(report(person(**ARVID, nhs_number=NHS), partner="porter-housing"))
    await enclave.withdraw(name)
    await enclave.split(enclave.who(number), mention(unseen))
    merged, split = enclave.events(POLICE, PersonsMerged, PersonSplit)
    assert (split.new_entity_id, split.mentions) == (merged.absorbed_id, ())


async def test_police_do_not_hear_of_merges_and_splits_among_people_they_do_not_know(enclave):
    hidden = {"handling": code_c(Audience.SAFEGUARDING)}
    number, name = report(person(nhs_number=NHS), **hidden), report(person(**ARVID), **hidden)
    await enclave.submit(number, name)
    await enclave.submit(report(person(**ARVID, nhs_number=NHS), **hidden))
    await enclave.split(enclave.who(number), mention(name))
    assert not enclave.log.records(POLICE)
    assert len(enclave.events(SAFEGUARDING, PersonsMerged, PersonSplit)) == 2


async def test_a_split_names_to_police_only_mentions_they_were_shown(enclave):
    hidden = report(person(**ARVID), handling=code_c(Audience.SAFEGUARDING))
    shown, other = report(person(**ARVID)), report(person(**ARVID), partner="porter-housing")
    await enclave.submit(other, hidden, shown)
    await enclave.split(enclave.who(shown), mention(hidden), mention(shown))
    (police,), (hub,) = (
        enclave.events(POLICE, PersonSplit),
        enclave.events(SAFEGUARDING, PersonSplit),
    )
    assert (len(police.mentions), len(hub.mentions)) == (1, 2)


async def test_a_gate_that_starts_anew_still_knows_what_each_audience_has(enclave):
    number, name = report(person(nhs_number=NHS)), report(person(**ARVID))
    await enclave.submit(number, name)
    await enclave.restart(ids=seeded_ids(9))
    await enclave.submit(report(person(**ARVID, nhs_number=NHS)))
    await enclave.restart(ids=seeded_ids(10))
    await enclave.withdraw(name)
    assert len(enclave.events(POLICE, PersonsMerged)) == 1
    assert len(enclave.events(POLICE, ReportWithdrawn)) == 1


# --- nominals -----------------------------------------------------------------


async def test_a_nominal_reaches_safeguarding_under_its_own_id(enclave):
    await enclave.submit(report(person(**ARVID)))
    (police,), (hub,) = enclave.events(POLICE), enclave.events(SAFEGUARDING)
    await enclave.enrol(police.nodes[0].entity_id)
    await enclave.discharge(police.nodes[0].entity_id)
    person_id = hub.nodes[0].entity_id
    assert enclave.events(SAFEGUARDING, NominalRelayed) == [
        NominalRelayed(person_id=person_id, is_nominal=True),
        NominalRelayed(person_id=person_id, is_nominal=False),
    ]


async def test_a_nominal_police_never_were_shown_is_not_relayed(enclave):
    await enclave.submit(report(person(**ARVID)))
    (hub,) = enclave.events(SAFEGUARDING)
    await enclave.enrol(hub.nodes[0].entity_id)
    assert enclave.events(SAFEGUARDING, NominalRelayed) == []


async def test_a_nominal_named_by_an_absorbed_id_is_relayed_as_the_kept_one(enclave):
    number = report(person(nhs_number=NHS))
    name = report(person(**ARVID), handling=code_c(Audience.POLICE))
    await enclave.submit(number, name)
    await enclave.submit(report(person(**ARVID, nhs_number=NHS)))
    absorbed = enclave.events(POLICE, PersonsMerged)[0].absorbed_id
    await enclave.enrol(absorbed)
    (relayed,) = enclave.events(SAFEGUARDING, NominalRelayed)
    known = enclave.events(SAFEGUARDING, SafeguardingReportShared)[0].nodes[0].entity_id
    assert relayed.person_id == known


async def two_nominals_in_one(enclave):
    number, name = report(person(nhs_number=NHS)), report(person(**ARVID))
    await enclave.submit(number, name)
    await enclave.submit(report(person(**ARVID, nhs_number=NHS), partner="porter-housing"))
    return number, name


async def test_a_nominal_does_not_survive_a_split(enclave):
    number, name = await two_nominals_in_one(enclave)
    await enclave.enrol(enclave.events(POLICE)[1].nodes[0].entity_id)
    await enclave.split(enclave.who(number), mention(name))
    relayed = enclave.events(SAFEGUARDING, NominalRelayed)
    assert [event.is_nominal for event in relayed] == [True, False]


async def test_a_decision_from_before_a_split_is_void_when_it_comes_after(enclave):
    number, name = await two_nominals_in_one(enclave)
    absorbed = enclave.events(POLICE)[1].nodes[0].entity_id
    looked = (await enclave.log.ends([POLICE]))[POLICE]
    await enclave.split(enclave.who(number), mention(name))
    await enclave.enrol(absorbed, seen=looked)
    assert enclave.events(SAFEGUARDING, NominalRelayed) == []
    await enclave.enrol(absorbed, seen=looked + 1)
    assert len(enclave.events(SAFEGUARDING, NominalRelayed)) == 1


# --- the controls: a transform that leaks is stopped, a clean one is not ------

SECRET = {
    "given_name": "Arvid",
    "family_name": "Testmannsen",
    "born_on": date(1994, 3, 17),
    "nhs_number": NHS,
    "phone": "07700 900123",
    "address": "3 Nowhere Gardens",
    "postcode": "S99 9ZZ",
    "email": "arvid@example.invalid",
}
SPELT = ("Arvid", "Testmannsen", "1994-03-17", NHS, "07700 900123", "3 Nowhere Gardens", "S99 9ZZ")
SPELLINGS = {
    "raw": str,
    "upper case": str.upper,
    "reversed": lambda text: text[::-1],
    "spaced": " ".join,
    "dashed": lambda text: "-".join(text.replace(" ", "")),
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, one byte on": lambda text: base64.b64encode(b"." + text.encode()).decode(),
    "base64, two bytes on": lambda text: base64.urlsafe_b64encode(b".." + text.encode()).decode(),
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "url": quote,
}


def leaky(monkeypatch, leak):
    """Let a transform put something of the submission into what leaves."""
    monkeypatch.setitem(
        stage._BUILD, Audience.POLICE, lambda linked, ids: leak(for_police(linked, ids), linked)
    )
    monkeypatch.setitem(
        stage._BUILD,
        Audience.SAFEGUARDING,
        lambda linked, ids: leak(for_safeguarding(linked, ids), linked),
    )


async def stopped(enclave, told):
    await enclave.submit(told)
    assert enclave.outcomes(told) == ["QUARANTINED"]
    (reason,) = enclave.feedback(told)[0].reasons
    assert reason.code == "residual_identifier"
    assert nothing_left(enclave)
    assert len(enclave.events(QUARANTINE)) == 1
    return reason.field


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("text", SPELT)
async def test_a_leaked_value_is_stopped_however_it_is_spelt(enclave, monkeypatch, text, spelling):
    leak = SPELLINGS[spelling](text)
    leaky(monkeypatch, lambda event, _: replace(event, district=leak))
    await stopped(enclave, report(person(**SECRET)))


@pytest.mark.parametrize(
    "place",
    [
        lambda event, text: replace(event, event_week=text),
        lambda event, text: replace(event, event_week=f"2026-W01 {text}"),
        lambda event, text: replace(event, grading=Grading(source=text)),
        lambda event, text: replace(event, grading=replace(event.grading, assessment=text)),
        lambda event, text: replace(event, report_id=padded(text)),
        lambda event, text: replace(
            event, nodes=(replace(event.nodes[0], entity_id=padded(text)), *event.nodes[1:])
        ),
    ],
)
@pytest.mark.parametrize("text", ["Arvid", "Testmannsen", NHS])
async def test_a_leaked_value_is_stopped_wherever_it_stands(enclave, monkeypatch, text, place):
    leaky(monkeypatch, lambda event, _: place(event, text))
    await stopped(enclave, report(person(**SECRET)))


def padded(text):
    return UUID(bytes=text.encode().ljust(16, b"\0")[:16])


@pytest.mark.parametrize(
    ("field", "leak"),
    [
        ("partner", lambda told: told.partner),
        ("nodes[0].label", lambda told: told.nodes[0].label),
        ("nodes[0].reference", lambda told: told.nodes[0].reference),
        ("origin_reference", lambda told: told.origin_reference),
        ("place.description", lambda told: told.place.description[:12]),
        ("service", lambda told: told.service),
        ("narrative", lambda told: "overheard"),
        ("report_id", lambda told: str(told.report_id)),
    ],
)
async def test_a_leaked_word_of_the_source_is_stopped(enclave, monkeypatch, field, leak):
    base = report(
        replace(person("cousin-of-b", **ARVID), reference="LOX-4471-Q"),
        origin_reference="INC-2026-118",
        narrative="It was overheard at the bus stop.",
    )
    told = replace(base, place=replace(base.place, description="behind the chapel"))
    leaky(monkeypatch, lambda event, _: replace(event, district=leak(told)))
    assert await stopped(enclave, told) == field


@pytest.mark.parametrize("name", ["entity_id", "origin_id", "report_id"])
async def test_an_id_of_the_enclave_or_the_partner_is_stopped(enclave, monkeypatch, name):
    def leak(event, linked):
        inner = linked.nodes[0].entity_id if name == "entity_id" else getattr(linked, name)
        return replace(event, report_id=inner)

    leaky(monkeypatch, leak)
    await stopped(enclave, report(person(**SECRET)))


async def test_a_leak_towards_one_audience_stops_the_report_for_both(enclave, monkeypatch):
    monkeypatch.setitem(
        stage._BUILD,
        Audience.SAFEGUARDING,
        lambda linked, ids: replace(for_safeguarding(linked, ids), district="Arvid"),
    )
    await stopped(enclave, report(person(**SECRET)))


async def test_a_leak_from_an_earlier_stage_is_stopped(enclave):
    """The gate alone, with a linker that lets an identifier through."""
    told = report(person(**SECRET), partner="porter-housing")
    await enclave.submit(report(person(**SECRET)), told)
    linked = enclave.events(OUTGOING)[1]
    leaking = replace(linked, revision=linked.revision, district="Testma")
    gate = Gate(enclave.keys, policy=AT_ONCE)
    gate.learn(enclave.log.records(REGISTRY))
    written = gate.step([replace(enclave.log.records(OUTGOING)[1], value=encode(leaking))])
    assert not {one.topic for one in written} & {POLICE, SAFEGUARDING}
    assert QUARANTINE in {one.topic for one in written}


async def test_raw_bytes_of_a_partner_never_pass_the_gate(enclave):
    """With linker and intake out of the way: whatever stands on the gate's input."""
    for record in enclave.log.records(REGISTRY):
        enclave.gate.learn([record])
    told = report(person(**SECRET))
    for raw in (encode(told), encode(Identity(given_name="Arvid")), b"Arvid", b""):
        await enclave.log.append([Outgoing(OUTGOING, raw)])
    await enclave.settle()
    assert nothing_left(enclave)
    assert len(enclave.events(QUARANTINE)) == 4


async def test_reports_about_people_with_short_and_common_words_for_names_pass(enclave):
    """Names that are also codes, ids that could contain a name by chance: no false alarm."""
    kinds = list(RelationKind)
    for number in range(60):
        told = report(
            person("supply", given_name="Bo", family_name="Li"),
            person("friend", given_name="Ed", known_as=("W1",), family_name="Al"),
            person("S99", given_name="Sibling", family_name="Drugs"),
            relations=(
                tie("supply", kinds[number % 2], "friend")
                if number % 3
                else tie("supply", RelationKind.FRIEND, "S99"),
            ),
            grading=Grading(scheme=GradingScheme.SCHEME_3X5X2, source="2", assessment="B"),
        )
        await enclave.submit(told)
        assert enclave.outcomes(told) == ["SHARED"]


# --- fail closed --------------------------------------------------------------


async def test_a_bug_in_the_gate_forwards_nothing_and_loses_nothing(enclave, monkeypatch):
    leaky(monkeypatch, lambda *_: 1 / 0)
    told = report(person(**ARVID))
    await enclave.submit(told)
    assert enclave.feedback(told)[0].reasons[0].code == "internal_error"
    assert nothing_left(enclave)
    (kept,) = enclave.events(QUARANTINE)
    assert kept.submission == enclave.events(OUTGOING)[0].submission


async def test_a_fact_changed_on_the_way_is_noticed(enclave):
    """A stage that drops the handling code or the protection cannot widen the circle."""
    told = report(person(**ARVID, protected=True), handling=code_c(Audience.SAFEGUARDING))
    await enclave.submit(told)
    linked = enclave.events(OUTGOING)[0]
    for changed in (
        replace(linked, handling=Handling()),
        replace(linked, nodes=(replace(linked.nodes[0], protected=False),)),
        replace(linked, gateway=Gateway.CA_2004_S10),
        replace(linked, partner="porter-housing"),
    ):
        gate = Gate(enclave.keys, policy=AT_ONCE)
        gate.learn(enclave.log.records(REGISTRY))
        written = gate.step([replace(enclave.log.records(OUTGOING)[0], value=encode(changed))])
        assert not {one.topic for one in written} & {POLICE, SAFEGUARDING}


async def test_equal_input_gives_equal_bytes(enclave):
    told = report(person(**ARVID))
    held = report(person(**ARVID), handling=S2)
    await enclave.submit(told, held, corrected(told, person(nhs_number=NHS)))
    await enclave.withdraw(told)
    outputs = []
    for batch in (1, 100):
        gate = Gate(enclave.keys, policy=AT_ONCE)
        gate.learn(enclave.log.records(REGISTRY))
        records = enclave.log.records(OUTGOING)
        outputs.append(
            [
                one
                for start in range(0, len(records), batch)
                for one in gate.step(records[start : start + batch])
            ]
        )
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 8


async def test_every_report_has_an_outcome_and_an_entry_in_the_audit(enclave):
    told, bad, held = report(), report(gateway=Gateway.CA_2004_S10), report(handling=S2)
    await enclave.submit(told, bad, held)
    assert [enclave.outcomes(one) for one in (told, bad, held)] == [
        ["SHARED"],
        ["REFUSED"],
        ["HELD"],
    ]
    kinds = [event.operation for event in enclave.events(OPERATIONS)]
    assert kinds.count(Operation.COLLECTION) == 3
    assert kinds.count(Operation.DISCLOSURE) == 2
    assert len(enclave.events(HELD, ReportHeld)) == 1
    rows = enclave.events(OPERATIONS)
    subjects = " ".join(event.subject for event in rows)
    assert not any(str(one.report_id) in subjects for one in (told, bad, held))
    disclosed = " ".join(one.subject for one in rows if one.operation is Operation.DISCLOSURE)
    assert not any(partner in disclosed for partner in PARTNERS)


async def test_a_correction_is_an_alteration_and_a_merge_a_combination(enclave):
    one = report()
    await enclave.submit(one)
    await enclave.submit(replace(one, revision=2, supersedes=1))
    kinds = [event.operation for event in enclave.events(OPERATIONS)]
    assert kinds.count(Operation.COLLECTION) == 2
    assert kinds.count(Operation.ALTERATION) == 1
