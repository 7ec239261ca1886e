"""What crosses between police and the hub at the gate: grades, nominals, views, protection."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

from anonymiser.gate.audience import AudienceIds
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from streams.codes import DeadlineKind, HubView, Lever, OcgRole
from streams.hub import HubViewGiven, ProtectionDeclared, ProtectionEnded, RulesAdopted
from streams.ocg import DeadlinePassed, HubViewAsked, OcgMapped, ReportGraded, RoleConfirmed
from streams.parts import Grading, Handling
from streams.shared import (
    GradeRelayed,
    HubViewRelayed,
    HubViewWanted,
    ItemWithheld,
    NominalRelayed,
    PersonSplit,
    ProtectionRelayed,
)
from streams.taxonomy import RelationKind
from streams.topics import HUB_DECISIONS, OPERATIONS, POLICE, POLICE_DECISIONS, SAFEGUARDING
from streams.values import (
    Audience,
    ConditionCode,
    GradingScheme,
    HandlingCode,
    NodeKind,
)
from tests.enclave import (
    ARVID,
    NHS,
    Enclave,
    corrected,
    mention,
    person,
    report,
    seeded_ids,
    thing,
    tie,
)

AT = datetime(2026, 2, 1, tzinfo=UTC)
GRADE = Grading(scheme=GradingScheme.SCHEME_3X5X2, source="2", assessment="B")
HOME = {"address": "3 Nowhere Gardens", "postcode": "S99 9ZZ"}
LATER = 10**6
REQUEST, DECLARATION = UUID(int=5), UUID(int=6)


@pytest.fixture
async def enclave():
    return await Enclave().start()


def only_for(audience):
    return Handling(code=HandlingCode.C, recipients=(audience,), conditions=(ConditionCode.S1,))


def of_home(**changes):
    """A report of a person and the home."""
    nodes = (person("p", **ARVID), thing(NodeKind.ADDRESS, "home", **HOME))
    return report(*nodes, relations=(tie("p", RelationKind.LIVES_AT, "home"),), **changes)


def ids(enclave, audience):
    return AudienceIds(audience, enclave.keys.audience)


def home_of(enclave, told, topic):
    return next(n for n in enclave.shared(told, topic).nodes if n.kind is NodeKind.ADDRESS)


# --- grades -----------------------------------------------------------------------


async def graded(enclave, report_id, revision=1):
    event = ReportGraded(
        report_id=report_id,
        revision=revision,
        grading=GRADE,
        basis=(),
        decided_by="ana",
        decided_at=AT,
    )
    await enclave.write(POLICE_DECISIONS, event)
    await enclave.settle()


async def test_a_grade_reaches_both_audiences_each_under_its_own_report_id(enclave):
    told = report()
    await enclave.submit(told)
    await graded(enclave, enclave.shared(told).report_id)
    for topic in (POLICE, SAFEGUARDING):
        (grade,) = enclave.events(topic, GradeRelayed)
        assert grade.report_id == enclave.shared(told, topic).report_id
        assert (grade.revision, grade.grading) == (1, GRADE)
    assert enclave.shared(told).report_id != enclave.shared(told, SAFEGUARDING).report_id


async def test_a_grade_of_a_report_that_the_hub_may_not_have_stays_with_police(enclave):
    told = report(handling=only_for(Audience.POLICE))
    await enclave.submit(told)
    await graded(enclave, enclave.shared(told).report_id)
    assert len(enclave.events(POLICE, GradeRelayed)) == 1
    assert not enclave.events(SAFEGUARDING, GradeRelayed)


async def test_grades_of_reports_or_revisions_that_nobody_has_are_counted_and_go_nowhere(enclave):
    told = report()
    await enclave.submit(told)
    shared = enclave.shared(told).report_id
    await graded(enclave, uuid4())
    await graded(enclave, shared, revision=2)
    await enclave.withdraw(told)
    await graded(enclave, shared)
    assert not enclave.events(POLICE, GradeRelayed) + enclave.events(SAFEGUARDING, GradeRelayed)
    assert enclave.gate.counts()["grades_ignored"] == 3


async def test_a_grade_of_an_earlier_revision_is_told_and_says_so(enclave):
    told = report()
    await enclave.submit(told, corrected(told))
    await graded(enclave, enclave.shared(told).report_id, revision=1)
    assert [one.revision for one in enclave.events(SAFEGUARDING, GradeRelayed)] == [1]


# --- nominals ---------------------------------------------------------------------


def nominal_words(enclave):
    return [one.is_nominal for one in enclave.events(SAFEGUARDING, NominalRelayed)]


async def confirmed(enclave, person_id, *, seen=LATER, expires=date(2026, 6, 30)):
    ocg = UUID(int=77)
    mapped = OcgMapped(
        ocg_id=ocg,
        reference="OCG-77",
        network_id=None,
        members=(person_id,),
        areas=(),
        reasons=(),
        report_ids=(),
        seen=seen,
        decided_by="ana",
        decided_at=AT,
    )
    role = RoleConfirmed(
        ocg_id=ocg,
        person_id=person_id,
        role=OcgRole.PRINCIPAL,
        reasons=(),
        report_ids=(),
        expires_on=expires,
        seen=seen,
        decided_by="ana",
        decided_at=AT,
    )
    await enclave.write(POLICE_DECISIONS, mapped, role)
    await enclave.settle()
    return ocg


async def expired(enclave, ocg, person_id):
    event = DeadlinePassed(
        deadline_id=uuid4(),
        kind=DeadlineKind.ROLE_EXPIRED,
        subject_id=ocg,
        person_id=person_id,
        due_at=datetime(2026, 7, 1, tzinfo=UTC),
        passed_at=datetime(2026, 7, 1, tzinfo=UTC),
    )
    await enclave.write(POLICE_DECISIONS, event)
    await enclave.settle()


async def a_suspect(enclave):
    told = report(person(**ARVID, nhs_number=NHS))
    await enclave.submit(told)
    return told, enclave.shared(told).nodes[0].entity_id


async def test_a_confirmed_role_makes_a_nominal_until_it_expires(enclave):
    told, suspect = await a_suspect(enclave)
    ocg = await confirmed(enclave, suspect)
    (relayed,) = enclave.events(SAFEGUARDING, NominalRelayed)
    assert relayed.person_id == enclave.shared(told, SAFEGUARDING).nodes[0].entity_id
    await expired(enclave, ocg, suspect)
    assert nominal_words(enclave) == [True, False]


async def test_the_end_of_a_role_does_not_end_an_enrolment_nor_the_other_way_round(enclave):
    _, suspect = await a_suspect(enclave)
    await enclave.enrol(suspect)
    ocg = await confirmed(enclave, suspect)
    assert nominal_words(enclave) == [True]
    await enclave.discharge(suspect)
    assert nominal_words(enclave) == [True]
    await expired(enclave, ocg, suspect)
    assert nominal_words(enclave) == [True, False]


async def test_a_role_does_not_survive_a_split_and_is_confirmed_again(enclave):
    one, other = (
        report(person(**ARVID, nhs_number=NHS), partner=partner)
        for partner in ("loxley-council", "porter-housing")
    )
    await enclave.submit(one, other)
    suspect = enclave.shared(one).nodes[0].entity_id
    await confirmed(enclave, suspect, seen=2)
    await enclave.split(enclave.who(one), mention(other))
    assert nominal_words(enclave) == [True, False]
    await confirmed(enclave, suspect, seen=2)
    assert nominal_words(enclave) == [True, False]
    await confirmed(enclave, suspect)
    assert nominal_words(enclave) == [True, False, True]


def nominals(enclave, told):
    """Whether the person of a report is a nominal in the fold of police, and in that of the hub."""
    found = []
    views = ((OcgNetwork(), (POLICE, POLICE_DECISIONS)), (Safeguarding(), (SAFEGUARDING,)))
    for projection, topics in views:
        for record in (one for topic in topics for one in enclave.log.records(topic)):
            projection.apply(record)
        person_id = enclave.shared(told, topics[0]).nodes[0].entity_id
        found.append(projection.fold.standing(projection.fold.ledger.root(str(person_id))))
    return [one.is_nominal for one in found]


async def test_a_split_that_police_never_see_ends_nothing_for_the_hub(enclave):
    one = report(person(**ARVID, nhs_number=NHS), partner="loxley-council")
    other = report(
        person(**ARVID, nhs_number=NHS),
        partner="porter-housing",
        handling=only_for(Audience.SAFEGUARDING),
    )
    await enclave.submit(one, other)
    await enclave.enrol(enclave.shared(one).nodes[0].entity_id)
    await enclave.split(enclave.who(one), mention(other))
    assert not enclave.events(POLICE, PersonSplit)
    assert nominals(enclave, one) == [True, True]


@pytest.mark.parametrize("ends", ["enrolment", "role"])
async def test_of_two_who_are_one_both_audiences_mean_the_same(enclave, ends):
    """A discharge of either ends what came before it; the end of a role ends no enrolment."""
    number, name = report(person(nhs_number=NHS)), report(person(**ARVID))
    await enclave.submit(number, name)
    one, other = (enclave.shared(told).nodes[0].entity_id for told in (number, name))
    await enclave.enrol(one)
    if ends == "role":
        await expired(enclave, await confirmed(enclave, other), other)
    else:
        await enclave.discharge(other)
    await enclave.submit(report(person(**ARVID, nhs_number=NHS), partner="porter-housing"))
    assert nominals(enclave, number) == [ends == "role"] * 2


async def test_after_a_restart_nothing_is_told_again_and_standing_is_known(enclave):
    _, suspect = await a_suspect(enclave)
    ocg = await confirmed(enclave, suspect)
    await enclave.restart(ids=seeded_ids(9))
    await enclave.settle()
    await expired(enclave, ocg, suspect)
    assert nominal_words(enclave) == [True, False]


# --- the hub's view ---------------------------------------------------------------


async def asked(enclave, entity_id, request_id=REQUEST, lever=Lever.CLOSURE_ORDER):
    event = HubViewAsked(
        request_id=request_id,
        entity_id=entity_id,
        lever=lever,
        decided_by="ana",
        decided_at=AT,
    )
    await enclave.write(POLICE_DECISIONS, event)
    await enclave.settle()


async def given(enclave, request_id, view=HubView.IN_SCHOOL_HOURS):
    event = HubViewGiven(request_id=request_id, view=view, decided_by="lee", decided_at=AT)
    await enclave.write(HUB_DECISIONS, event)
    await enclave.settle()


def withheld(enclave):
    events = enclave.events(OPERATIONS, ItemWithheld)
    return [(one.recipient, one.what, one.reason) for one in events]


async def test_police_ask_about_a_home_and_get_the_view_under_their_own_ids(enclave):
    told = of_home()
    await enclave.submit(told)
    await asked(enclave, home_of(enclave, told, POLICE).entity_id)
    (wanted,) = enclave.events(SAFEGUARDING, HubViewWanted)
    assert wanted.entity_id == home_of(enclave, told, SAFEGUARDING).entity_id
    assert wanted.lever is Lever.CLOSURE_ORDER
    assert wanted.request_id != REQUEST
    await given(enclave, wanted.request_id)
    await given(enclave, wanted.request_id)
    assert enclave.events(POLICE, HubViewRelayed) == [
        HubViewRelayed(request_id=REQUEST, view=HubView.IN_SCHOOL_HOURS)
    ]


async def test_the_hub_may_change_its_view_and_a_view_nobody_asked_for_goes_nowhere(enclave):
    told = of_home()
    await enclave.submit(told)
    await given(enclave, uuid4())
    await asked(enclave, home_of(enclave, told, POLICE).entity_id)
    (wanted,) = enclave.events(SAFEGUARDING, HubViewWanted)
    await given(enclave, wanted.request_id)
    await given(enclave, wanted.request_id, HubView.NO_OBJECTION)
    views = [one.view for one in enclave.events(POLICE, HubViewRelayed)]
    assert views == [HubView.IN_SCHOOL_HOURS, HubView.NO_OBJECTION]


async def test_a_question_about_a_person_is_refused_and_counted(enclave):
    _, suspect = await a_suspect(enclave)
    await asked(enclave, suspect)
    assert not enclave.events(SAFEGUARDING, HubViewWanted)
    assert withheld(enclave) == [(Audience.SAFEGUARDING, "HUB_VIEW", "a_person")]


async def test_a_place_that_the_hub_may_not_have_is_asked_about_once_it_knows_it(enclave):
    told = of_home(handling=only_for(Audience.POLICE))
    await enclave.submit(told)
    await asked(enclave, home_of(enclave, told, POLICE).entity_id)
    assert not enclave.events(SAFEGUARDING, HubViewWanted)
    assert (Audience.SAFEGUARDING, "HUB_VIEW", "not_known_there") in withheld(enclave)
    again = of_home(partner="porter-housing")
    await enclave.submit(again)
    (wanted,) = enclave.events(SAFEGUARDING, HubViewWanted)
    assert wanted.entity_id == home_of(enclave, again, SAFEGUARDING).entity_id
    await enclave.restart(ids=seeded_ids(9))
    await enclave.submit(of_home(partner="sheaf-health"))
    assert len(enclave.events(SAFEGUARDING, HubViewWanted)) == 1


# --- protection -------------------------------------------------------------------


def declared(entity_id, declaration_id=DECLARATION):
    return ProtectionDeclared(
        declaration_id=declaration_id,
        entity_id=entity_id,
        until=date(2026, 12, 31),
        decided_by="lee",
        decided_at=AT,
    )


async def test_police_learn_that_a_child_is_protected_at_a_place_and_when_it_ends(enclave):
    told = of_home()
    await enclave.submit(told)
    declaration = declared(home_of(enclave, told, SAFEGUARDING).entity_id)
    ended = ProtectionEnded(
        declaration_id=declaration.declaration_id, decided_by="lee", decided_at=AT
    )
    await enclave.write(HUB_DECISIONS, declaration, ended)
    await enclave.settle()
    first, last = enclave.events(POLICE, ProtectionRelayed)
    assert first.entity_id == home_of(enclave, told, POLICE).entity_id
    assert (first.until, first.ended) == (declaration.until, False)
    assert last == replace(first, ended=True)
    assert first.declaration_id != declaration.declaration_id


async def test_a_protected_person_is_refused_and_counted(enclave):
    told = report()
    await enclave.submit(told)
    await enclave.write(
        HUB_DECISIONS, declared(enclave.shared(told, SAFEGUARDING).nodes[0].entity_id)
    )
    await enclave.settle()
    assert not enclave.events(POLICE, ProtectionRelayed)
    assert withheld(enclave) == [(Audience.POLICE, "PROTECTION", "a_person")]


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_place_protected_before_police_know_it_is_told_with_the_report(
    enclave, is_restarted
):
    told = of_home(handling=only_for(Audience.SAFEGUARDING))
    await enclave.submit(told)
    await enclave.write(HUB_DECISIONS, declared(home_of(enclave, told, SAFEGUARDING).entity_id))
    await enclave.settle()
    assert not enclave.events(POLICE, ProtectionRelayed)
    if is_restarted:
        await enclave.restart(ids=seeded_ids(9))
    again = of_home(partner="porter-housing")
    await enclave.submit(again)
    (relayed,) = enclave.events(POLICE, ProtectionRelayed)
    assert relayed.entity_id == home_of(enclave, again, POLICE).entity_id


# --- rules, and what does not concern the gate -------------------------------------


async def test_adopted_rules_get_one_place_among_the_evidence(enclave):
    rules = RulesAdopted(
        version=2, document="{}", reviewed_by="kit", decided_by="lee", decided_at=AT
    )
    await enclave.write(HUB_DECISIONS, rules)
    await enclave.settle()
    assert enclave.events(SAFEGUARDING, RulesAdopted) == [rules]
