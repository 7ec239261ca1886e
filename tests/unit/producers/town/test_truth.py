"""The town's truth, against networkx and against cases small enough to see through."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import networkx as nx
import pytest

from producers.town.reports import Step
from producers.town.town import Town, build_town
from producers.town.truth import Exposure, truth_of
from streams.parts import CodedFact
from streams.taxonomy import CRIMINAL_ACTIVITIES, RELATIONS, Bond, RelationKind
from streams.values import Activity, AlertRule, Outcome, Role

SEEDS = range(15)


@pytest.fixture(scope="module", params=SEEDS)
def town(request):
    return build_town(request.param)


def graph_of(town, truth):
    """Networks a second way: networkx over the taxonomy's own bonds."""
    last = {}
    for step, outcome in zip(town.submissions, truth.outcomes, strict=True):
        key = step.partner, step.report.report_id
        if outcome is Outcome.WITHDRAWN:
            last.pop(key, None)
        elif outcome is Outcome.SHARED:
            last[key] = step
    graph = nx.Graph()
    for step in last.values():
        if any(node.protected for node in step.report.nodes):
            continue
        if step.report.handling.recipients and "POLICE" not in step.report.handling.recipients:
            continue
        if step.report.grading.assessment in {"E", "5"}:  # suspected false, in either scheme
            continue
        who = dict(step.who) | dict(step.what)
        is_criminal = any(fact.activity in CRIMINAL_ACTIVITIES for fact in step.report.facts)
        for tie in step.report.relations:
            bond = RELATIONS[tie.kind].bond
            if bond is Bond.NETWORK or (bond is Bond.CONDITIONAL and is_criminal):
                graph.add_edge(who[tie.subject], who[tie.object])
    return graph


def test_networks_are_the_components_that_networkx_finds(town):
    truth = truth_of(town)
    found = {
        frozenset(key for key in component if isinstance(key, int))
        for component in nx.connected_components(graph_of(town, truth))
    }
    assert truth.networks <= found
    for people in found - truth.networks:
        assert len([n for n in people if not town.people[n].is_child_on(town.as_of)]) < 3


def test_each_group_is_one_network_and_nothing_else_is(town):
    truth = truth_of(town)
    groups = {frozenset((*group.adults, *group.exploited)) for group in town.groups}
    assert truth.networks == groups


def test_outcomes_add_up_to_what_was_sent(town):
    truth = truth_of(town)
    sent = sum(step.counts for step in town.submissions)
    kinds = (Outcome.SHARED, Outcome.HELD, Outcome.REFUSED, Outcome.QUARANTINED, Outcome.DUPLICATE)
    assert sum(truth.count(town, kind) for kind in kinds) == sent


def test_every_kind_of_fault_comes_to_its_outcome(town):
    truth = truth_of(town)
    for step, outcome in zip(town.submissions, truth.outcomes, strict=True):
        if step.partner == "neepsend-mentors":
            assert outcome is Outcome.REFUSED
        if step.step is Step.STOPPED:
            assert outcome is None
    assert truth.count(town, Outcome.HELD) == 2
    assert truth.count(town, Outcome.DUPLICATE) == 3
    assert truth.count(town, Outcome.REFUSED) == 4


def test_decoys_are_exposed_to_nothing(town):
    truth = truth_of(town)
    exposed = {exposure.child for exposure in truth.exposures}
    for group in town.groups:
        for child in group.exploited:
            household = next(h for h in town.households if child in h.members)
            if household.shape == "foster care":
                assert not exposed & (set(household.members) - {child})
    in_networks = set().union(*truth.networks)
    named_in_error = [s for s in town.submissions if s.step is Step.WITHDRAWAL]
    assert named_in_error
    bystander = {number for _, number in named_in_error[0].who} - in_networks
    assert len(bystander) == 1


def test_true_siblings_of_exploited_children_are_exposed_where_somebody_said_so(town):
    truth = truth_of(town)
    tied = {e.child for e in truth.exposures if e.rule is AlertRule.CHILD_TIED_TO_NOMINAL}
    tied |= {number for group in town.groups for number in group.adults}
    by_kin = {e.child for e in truth.exposures if e.rule is AlertRule.SIBLING_OF_INVOLVED}
    for child in by_kin:
        assert any(frozenset((child, other)) in truth.siblings for other in tied)


def test_a_town_without_offences_expects_no_network_and_no_alert():
    truth = truth_of(Town.without_offences(11))
    assert not truth.networks
    assert not truth.exposures
    assert len(truth.persons) > 1000


# --- cases small enough to see through ---------------------------------------------------------


def only(town, *steps):
    return truth_of(replace(town, submissions=tuple(steps)))


def tied(town, left, right, kind=RelationKind.CO_OFFENDER, activity=Activity.SUPPLY):
    """One report of the town, rewritten to tie these two people."""
    like = next(
        s
        for s in town.submissions
        if s.story == "co-offenders"
        and s.step is Step.REPORT
        and s.partner != "neepsend-mentors"
        and s.report.handling.code == "P"
        and s.report.gateway != "PCSC_2022_PART2"
        and s.report.grading.assessment not in {"E", "5"}
        and not any(node.conflict for node in s.report.nodes)
    )
    relation = replace(like.report.relations[0], subject="p1", object="p2", kind=kind)
    fact = replace(like.report.facts[0], activity=activity)
    number = left * 1000 + right
    report = replace(
        like.report,
        report_id=type(like.report.report_id)(int=number + 1),
        relations=(relation,),
        facts=(CodedFact(theme=fact.theme, activity=activity, four_p=fact.four_p),),
    )
    return replace(like, report=report, who=(("p1", left), ("p2", right)), what=())


@pytest.fixture(scope="module")
def small():
    return build_town(1)


def adults(town, count):
    grown = [p.number for p in town.people if p.age_on(town.as_of) > 25]
    return grown[:count]


def children(town, count):
    young = [p.number for p in town.people if 5 < p.age_on(town.as_of) < 15]
    return young[:count]


def test_two_adults_are_no_network_and_three_are(small):
    a, b, c = adults(small, 3)
    assert not only(small, tied(small, a, b)).networks
    assert only(small, tied(small, a, b), tied(small, b, c)).networks == {frozenset((a, b, c))}


def test_a_child_counts_not_towards_three_but_belongs_to_the_network(small):
    (a, b, c), (child,) = adults(small, 3), children(small, 1)
    two = only(small, tied(small, a, b), tied(small, b, child, RelationKind.EXPLOITS))
    assert not two.networks
    three = only(
        small, tied(small, a, b), tied(small, b, c), tied(small, c, child, RelationKind.EXPLOITS)
    )
    assert three.networks == {frozenset((a, b, c, child))}
    assert Exposure(child, AlertRule.CHILD_TIED_TO_NOMINAL) in three.exposures


def test_associates_tie_only_beside_a_criminal_fact(small):
    a, b, c = adults(small, 3)
    for activity in Activity:
        steps = [
            tied(small, one, other, RelationKind.ASSOCIATE, activity)
            for one, other in combinations((a, b, c), 2)
        ]
        assert bool(only(small, *steps).networks) is (activity in CRIMINAL_ACTIVITIES)


def test_a_later_correction_replaces_what_was_said(small):
    a, b, c, d = adults(small, 4)
    first = tied(small, c, d)
    other = tied(small, b, c)
    corrected = replace(
        first,
        step=Step.CORRECTION,
        report=replace(other.report, report_id=first.report.report_id, revision=2, supersedes=1),
        who=other.who,
    )
    truth = only(small, tied(small, a, b), first, corrected)
    assert truth.networks == {frozenset((a, b, c))}


def test_a_child_that_uses_the_line_a_suspect_runs_is_tied_through_it(small):
    (a, b, c), (child,) = adults(small, 3), children(small, 1)
    line = (("t1", "line 0"),)

    def on_the_line(person, kind):
        step = tied(small, person, person, kind)
        relation = replace(step.report.relations[0], object="t1")
        nodes = tuple(node for node in step.report.nodes if node.label == "p1")
        report = replace(step.report, relations=(relation,), nodes=nodes)
        return replace(step, report=report, who=(("p1", person),), what=line)

    steps = [tied(small, a, b), tied(small, b, c), on_the_line(child, RelationKind.USES_LINE)]
    uses = Exposure(child, AlertRule.DEAL_LINE)  # who uses one needs no suspect for that
    assert only(small, *steps).exposures == {uses}
    runs = on_the_line(c, RelationKind.RUNS_LINE)
    tied_to = Exposure(child, AlertRule.CHILD_TIED_TO_NOMINAL)
    assert only(small, *steps, runs).exposures == {tied_to, uses}


def test_a_young_brother_of_a_suspect_is_exposed_and_a_grown_one_is_not(small):
    a, b, c, brother = adults(small, 4)
    (child,) = children(small, 1)
    network = [tied(small, a, b), tied(small, b, c)]
    young = only(small, *network, tied(small, c, child, RelationKind.SIBLING))
    assert young.exposures == {Exposure(child, AlertRule.SIBLING_OF_INVOLVED)}
    assert not only(small, *network, tied(small, c, brother, RelationKind.SIBLING)).exposures


def test_somebody_who_is_never_suspected_endangers_nobody(small):
    (a, b, c), (child,) = adults(small, 3), children(small, 1)
    exploits = tied(small, c, child, RelationKind.EXPLOITS)
    steps = [tied(small, a, b), tied(small, b, c), exploits]

    def as_witnesses(step):
        nodes = tuple(
            replace(node, person=replace(node.person, role=Role.WITNESS)) if node.person else node
            for node in step.report.nodes
        )
        return replace(step, report=replace(step.report, nodes=nodes))

    assert only(small, *steps).exposures
    assert not only(small, *map(as_witnesses, steps)).exposures
