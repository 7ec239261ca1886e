"""Stories about children at risk through a network, as the safeguarding hub sees them."""

from __future__ import annotations

import pytest

from consumers.safeguarding import Safeguarding
from consumers.safeguarding.alerts import alert_id_of
from consumers.safeguarding.look import NOT_A_REFERRAL, alert, find_alert
from consumers.safeguarding.tables import VERSIONS
from streams.shared import AlertRaised, AlertUpdated
from streams.taxonomy import RelationKind
from streams.values import AlertRule, Role
from tests.invented_evidence import (
    NO,
    Desk,
    Told,
    an_id,
    grade,
    key,
    merged,
    relayed,
    split,
    withdrawn,
)

CO = RelationKind.CO_OFFENDER
EXPLOITS = RelationKind.EXPLOITS
MEMBER = RelationKind.MEMBER_OF
USES = RelationKind.USES_LINE
RUNS = RelationKind.RUNS_LINE
SIBLING = RelationKind.SIBLING
PARENT = RelationKind.PARENT
KINSHIP = RelationKind.KINSHIP_CARER
FOSTER = RelationKind.FOSTER_CARER
FRIEND = RelationKind.FRIEND
LIVES = RelationKind.LIVES_AT
ATTENDS = RelationKind.ATTENDS

TIED = AlertRule.CHILD_TIED_TO_NOMINAL
BROTHER = AlertRule.SIBLING_OF_INVOLVED
MATE = AlertRule.FRIEND_OF_INVOLVED


@pytest.fixture
def desk():
    return Desk(Safeguarding())


def the_network(name="N1"):
    """Three people, one of them suspected."""
    told = Told(name).tie("ada", CO, "bob", "cyd").tie("bob", CO, "cyd")
    return told.suspect("ada").person("bob", "cyd", child=NO).safeguarding()


def involved(name="I1", **facts):
    """Kit, a child, exploited by the suspected one."""
    return Told(name, **facts).tie("ada", EXPLOITS, "kit").child("kit").safeguarding()


def told(name, *, children, **facts):
    return Told(name, **facts).child(*children)


def alerts(desk):
    """Which of the three rules of this page hold for each child."""
    book = desk.projection.book.alerts
    pages = {TIED, BROTHER, MATE}
    return {(rule, child) for (rule, child), one in book.items() if one.supported and rule in pages}


def path_of(desk, rule, child):
    path = desk.projection.book.alerts[rule, key(child)].path
    return [(step.from_id, step.kind, step.to_id) for step in path]


# --- a child tied to a nominal ----------------------------------------------------------


async def test_a_child_tied_to_a_suspected_nominal_raises_one_alert_with_its_reason(desk):
    await desk.hear(the_network(), involved())
    (raised,) = desk.published()
    assert isinstance(raised, AlertRaised)
    assert (raised.rule, raised.child_id) == (TIED, an_id("kit"))
    (step,) = raised.path
    assert (step.from_id, step.kind, step.to_id) == (an_id("ada"), EXPLOITS, an_id("kit"))
    assert step.report_ids == (an_id("I1"),)
    assert raised.alert_id == alert_id_of(TIED, key("kit"))


async def test_an_alert_carries_the_log_time_of_the_report_that_caused_it(desk):
    await desk.hear(the_network(), involved())
    (raised,) = desk.published()
    cause = desk.log.records("safeguarding.intelligence")[-1]
    assert raised.raised_at == cause.appended_at


async def test_a_child_reported_before_the_network_exists_alerts_when_the_network_forms(desk):
    first = Told("I1").tie("ada", EXPLOITS, "kit").child("kit").suspect("ada")
    await desk.hear(first.safeguarding())
    assert desk.published() == []
    await desk.hear(Told("N1").tie("ada", CO, "bob").safeguarding())
    assert desk.published() == []
    await desk.hear(Told("N2").tie("bob", CO, "cyd").safeguarding())
    assert alerts(desk) == {(TIED, key("kit"))}


async def test_a_tie_to_somebody_who_is_no_suspect_raises_nothing(desk):
    await desk.hear(the_network())
    await desk.hear(told("I1", children=["kit"]).tie("bob", CO, "kit").safeguarding())
    assert alerts(desk) == set()


@pytest.mark.parametrize("role", [Role.VICTIM, Role.WITNESS, Role.CARER, Role.OTHER])
async def test_victims_witnesses_and_carers_are_no_suspected_nominals(desk, role):
    others = Told("N1").tie("ada", CO, "bob", "cyd").person("ada", child=NO, role=role)
    await desk.hear(others.safeguarding(), involved())
    assert alerts(desk) == set()


async def test_a_child_tied_to_an_enrolled_nominal_needs_no_network(desk):
    await desk.hear(involved())
    assert alerts(desk) == set()
    await desk.hear(relayed("ada"))
    assert alerts(desk) == {(TIED, key("kit"))}
    await desk.hear(relayed("ada", is_nominal=False))
    assert alerts(desk) == set()


@pytest.mark.parametrize(("first", "second"), [(USES, RUNS), (MEMBER, MEMBER)])
async def test_one_line_or_organisation_between_child_and_nominal_is_tie_enough(
    desk, first, second
):
    await desk.hear(the_network())
    shared = told("I1", children=["kit"]).tie("kit", first, "it").tie("ada", second, "it")
    await desk.hear(shared.safeguarding())
    assert alerts(desk) == {(TIED, key("kit"))}
    assert path_of(desk, TIED, "kit") == [
        (key("kit"), first, key("it")),
        (key("ada"), second, key("it")),
    ]


async def test_two_people_or_two_lines_between_are_too_far(desk):
    await desk.hear(the_network())
    far = told("I1", children=["kit", "lou"]).tie("bob", CO, "kit")
    far.tie("lou", USES, "line").tie("bob", USES, "line")
    await desk.hear(far.safeguarding())
    assert alerts(desk) == set()


async def test_a_direct_tie_is_the_reason_where_there_are_both(desk):
    await desk.hear(the_network())
    shared = told("I1", children=["kit"]).tie("kit", USES, "line").tie("ada", USES, "line")
    await desk.hear(shared.safeguarding(), involved("I2"))
    assert path_of(desk, TIED, "kit") == [(key("ada"), EXPLOITS, key("kit"))]


@pytest.mark.parametrize("kind", [LIVES, ATTENDS])
async def test_one_address_or_school_is_no_tie(desk, kind):
    await desk.hear(the_network())
    together = told("I1", children=["kit"]).tie("kit", kind, "it").tie("ada", kind, "it")
    await desk.hear(together.safeguarding())
    assert alerts(desk) == set()


async def test_kin_of_a_nominal_by_blood_alone_are_not_tied_to_it(desk):
    await desk.hear(the_network())
    await desk.hear(told("I1", children=["kit"]).tie("ada", PARENT, "kit").safeguarding())
    assert alerts(desk) == set()


async def test_a_report_suspected_false_raises_nothing(desk):
    await desk.hear(the_network(), involved(grading=grade("E")))
    assert alerts(desk) == set()


async def test_a_child_nominal_is_not_the_reason_for_its_own_alert(desk):
    await desk.hear(told("I1", children=["kit"]).tie("kit", USES, "line").safeguarding())
    await desk.hear(relayed("kit"))
    assert alerts(desk) == set()


# --- siblings ------------------------------------------------------------------------------


async def test_a_sibling_of_an_involved_child_alerts(desk):
    await desk.hear(the_network(), involved())
    await desk.hear(told("F1", children=["sib"]).tie("sib", SIBLING, "kit").safeguarding())
    assert (BROTHER, key("sib")) in alerts(desk)
    assert path_of(desk, BROTHER, "sib") == [
        (key("sib"), SIBLING, key("kit")),
        (key("ada"), EXPLOITS, key("kit")),
    ]


async def test_a_sibling_of_a_nominal_alerts(desk):
    await desk.hear(the_network())
    await desk.hear(told("F1", children=["sib"]).tie("ada", SIBLING, "sib").safeguarding())
    assert alerts(desk) == {(BROTHER, key("sib"))}


@pytest.mark.parametrize("first", [PARENT, KINSHIP])
@pytest.mark.parametrize("second", [PARENT, KINSHIP])
async def test_a_shared_parent_or_kinship_carer_makes_siblings(desk, first, second):
    await desk.hear(the_network(), involved())
    family = told("F1", children=["sib"]).tie("mum", first, "kit").tie("mum", second, "sib")
    await desk.hear(family.safeguarding())
    assert (BROTHER, key("sib")) in alerts(desk)
    assert path_of(desk, BROTHER, "sib")[:2] == [
        (key("mum"), second, key("sib")),
        (key("mum"), first, key("kit")),
    ]


async def test_the_order_of_family_and_network_does_not_matter(desk):
    family = told("F1", children=["sib"]).tie("mum", PARENT, "kit").tie("mum", PARENT, "sib")
    await desk.hear(family.safeguarding(), involved(), the_network())
    assert alerts(desk) == {(TIED, key("kit")), (BROTHER, key("sib"))}


@pytest.mark.parametrize(
    ("kind", "thing"), [(LIVES, "address"), (LIVES, "hostel"), (ATTENDS, "school")]
)
async def test_an_address_a_hostel_or_a_school_never_makes_kin(desk, kind, thing):
    await desk.hear(the_network(), involved())
    together = told("F1", children=["sib"]).tie("kit", kind, thing).tie("sib", kind, thing)
    await desk.hear(together.safeguarding())
    assert alerts(desk) == {(TIED, key("kit"))}


async def test_a_foster_carer_never_makes_kin(desk):
    await desk.hear(the_network(), involved())
    home = told("F1", children=["sib"]).tie("pat", FOSTER, "kit").tie("pat", FOSTER, "sib")
    await desk.hear(home.safeguarding())
    mixed = told("F2", children=["lou"]).tie("pat", FOSTER, "kit").tie("pat", PARENT, "lou")
    await desk.hear(mixed.safeguarding())
    assert alerts(desk) == {(TIED, key("kit"))}


async def test_being_the_parent_of_each_other_is_not_being_siblings(desk):
    await desk.hear(the_network())
    line = told("F1", children=["kit"]).tie("ada", PARENT, "mum").tie("mum", PARENT, "kit")
    await desk.hear(line.safeguarding())
    assert alerts(desk) == set()


async def test_a_grown_up_sibling_raises_nothing(desk):
    await desk.hear(the_network(), involved())
    grown = Told("F1").tie("sib", SIBLING, "kit").person("sib", child=NO)
    await desk.hear(grown.safeguarding())
    assert alerts(desk) == {(TIED, key("kit"))}


# --- friends --------------------------------------------------------------------------------


async def test_a_friend_of_an_involved_child_and_of_a_nominal_alerts(desk):
    await desk.hear(the_network(), involved())
    await desk.hear(told("F1", children=["pal"]).tie("kit", FRIEND, "pal").safeguarding())
    await desk.hear(told("F2", children=["mo"]).tie("mo", FRIEND, "ada").safeguarding())
    assert alerts(desk) == {(TIED, key("kit")), (MATE, key("pal")), (MATE, key("mo"))}


async def test_a_friend_of_a_friend_or_of_a_sibling_raises_nothing(desk):
    await desk.hear(the_network(), involved())
    chain = told("F1", children=["sib", "pal", "far"]).tie("sib", SIBLING, "kit")
    chain.tie("sib", FRIEND, "pal").tie("pal", FRIEND, "far")
    await desk.hear(chain.safeguarding())
    assert alerts(desk) == {(TIED, key("kit")), (BROTHER, key("sib"))}


# --- what changes later -------------------------------------------------------------------


async def test_new_evidence_makes_a_new_version_and_no_second_alert(desk):
    await desk.hear(the_network(), involved(), involved("I2"))
    raised, updated = desk.published()
    assert isinstance(updated, AlertUpdated)
    assert updated.alert_id == raised.alert_id
    assert (updated.version, updated.supported) == (2, True)
    assert set(updated.path[0].report_ids) == {an_id("I1"), an_id("I2")}


async def test_a_report_about_other_people_changes_no_alert(desk):
    await desk.hear(the_network(), involved())
    before = desk.published()
    await desk.hear(Told("X1").tie("eve", CO, "fay", "gus").suspect("eve").safeguarding())
    await desk.hear(Told("X2").tie("bob", CO, "eve").safeguarding())
    assert desk.published() == before


async def test_a_withdrawal_leaves_the_alert_open_and_unsupported(desk):
    await desk.hear(the_network(), involved(), withdrawn("I1"))
    updated = desk.published()[-1]
    assert (updated.version, updated.supported, updated.path) == (2, False, ())
    await desk.hear(involved("I2"))
    again = desk.published()[-1]
    assert (again.version, again.supported) == (3, True)
    assert len(desk.rows(VERSIONS)) == 3


async def test_an_alert_loses_its_support_when_the_network_falls_apart(desk):
    await desk.hear(the_network(), involved())
    await desk.hear(told("F1", children=["sib"]).tie("sib", SIBLING, "kit").safeguarding())
    assert len(alerts(desk)) == 2
    await desk.hear(Told("N1", revision=2).tie("ada", CO, "bob").safeguarding())
    assert alerts(desk) == set()


async def test_a_correction_that_names_another_child_moves_the_alert(desk):
    await desk.hear(the_network(), involved())
    other = Told("I1", revision=2).tie("ada", EXPLOITS, "lou").child("lou")
    await desk.hear(other.safeguarding())
    assert alerts(desk) == {(TIED, key("lou"))}


async def test_a_child_that_grew_up_keeps_an_alert_without_support(desk):
    await desk.hear(the_network(), involved(week="2026-W10"))
    await desk.hear(Told("A1", week="2026-W30").person("kit", child=NO).safeguarding())
    assert alerts(desk) == set()
    assert desk.published()[-1].supported is False


async def test_a_merge_carries_alerts_over_and_its_undoing_brings_them_back(desk):
    child = Told("I1").tie("ada", EXPLOITS, "kit").child("kit")
    other = told("S1", children=["kim"]).tie("kim", ATTENDS, "school")
    await desk.hear(the_network(), child.safeguarding(), other.safeguarding())
    await desk.hear(merged("kim", "kit"))
    assert alerts(desk) == {(TIED, key("kim"))}
    await desk.hear(split("kim", "kit", child.mention("kit")))
    assert alerts(desk) == {(TIED, key("kit"))}


async def test_a_nominal_that_is_split_is_none_until_confirmed_again(desk):
    exploited = Told("I1").tie("ada", EXPLOITS, "kit").child("kit")
    await desk.hear(exploited.safeguarding(), relayed("ada"))
    assert alerts(desk) == {(TIED, key("kit"))}
    elsewhere = Told("X1").person("ada")
    await desk.hear(elsewhere.safeguarding(), split("ada", "eve", elsewhere.mention("ada")))
    assert alerts(desk) == set()
    await desk.hear(relayed("ada"))
    assert alerts(desk) == {(TIED, key("kit"))}


async def test_families_without_any_offence_raise_nothing(desk):
    for number in range(60):
        names = [f"{role} {number}" for role in ("mum", "dad", "one", "two")]
        family = told(f"F{number}", children=names[2:]).tie(names[0], PARENT, *names[2:])
        family.tie(names[1], PARENT, *names[2:]).tie(names[2], SIBLING, names[3])
        family.tie(names[2], ATTENDS, "school").tie(names[2], FRIEND, f"one {(number + 1) % 60}")
        await desk.hear(family.safeguarding())
    assert desk.published() == []


# --- what is shown -----------------------------------------------------------------------------


async def test_an_alert_is_told_in_words_and_says_it_is_not_a_referral(desk):
    await desk.hear(the_network(), involved())
    await desk.hear(told("F1", children=["sib"]).tie("mum", PARENT, "sib", "kit").safeguarding())
    identity = str(alert_id_of(BROTHER, key("sib")))
    with desk.store.snapshot() as snapshot:
        assert find_alert(snapshot.connection, identity[:8].upper()) == identity
        shown = alert(snapshot.connection, identity)
    short = {name: key(name)[:8] for name in ("mum", "sib", "kit", "ada")}
    assert shown["in_words"] == [
        f"{short['mum']} is a parent of {short['sib']} (1 report).",
        f"{short['mum']} is a parent of {short['kit']} (1 report).",
        f"{short['ada']} is reported as exploiting {short['kit']} (1 report).",
        f"{short['ada']} is a suspected nominal.",
    ]
    assert shown["note"] == NOT_A_REFERRAL
    assert "not a referral" in NOT_A_REFERRAL
