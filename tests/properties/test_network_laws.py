"""Laws of the network fold alone: live, batched, restored and replayed states are one.

And an oracle that knows nothing of the fold: it keeps the events as they were told, and works
out from all of them, with networkx, who is tied to whom and how everybody stands.
"""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

import networkx as nx
import pytest

from consumers.network import NetworkFold
from consumers.network.identity import Change
from consumers.network.rows import restore, take_rewrites
from consumers.network.tables import (
    ENTITIES,
    HISTORY,
    NAMES,
    NETWORK_TABLES,
    NETWORKS,
    PAIRS,
    TIES,
)
from streams.shared import (
    AgeBandChanged,
    GradeRelayed,
    Mention,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingReportShared,
)
from streams.taxonomy import CRIMINAL_ACTIVITIES
from streams.values import AgeBand, ChildAtEvent, GradingScheme, NodeKind, Role, Theme
from tests.invented_evidence import (
    History,
    Told,
    grade,
    key,
    merged,
    police_events,
    safeguarding_events,
    split,
    withdrawn,
)

EVENTS = 90
SEEN = (ENTITIES, TIES, PAIRS, NETWORKS)


class Kept:
    """Rows in memory, replaced as a store replaces them."""

    def __init__(self) -> None:
        self._rows = {table: {} for table in NETWORK_TABLES}

    def take(self, fold: NetworkFold) -> Kept:
        for rewrite in take_rewrites(fold):
            rows = self._rows[rewrite.table]
            names = [column.name for column in rewrite.table.primary_key.columns]
            for found in [k for k, row in rows.items() if rewrite.key.items() <= row.items()]:
                del rows[found]
            rows.update({tuple(row[name] for name in names): row for row in rewrite.rows})
        return self

    def read(self, table):
        return [row for _, row in sorted(self._rows[table].items())]

    def all(self, tables=NETWORK_TABLES):
        return {table.name: self.read(table) for table in tables}

    def fold(self) -> NetworkFold:
        fold = NetworkFold()
        restore(fold, self.read)
        return fold


def picture(fold: NetworkFold):
    """Everything that can be asked of a fold."""
    entities = sorted(fold.entity_ids())
    return {
        "standings": {one: fold.standing(one) for one in entities},
        "links": {one: list(fold.links(one)) for one in entities},
        "reports": {one: list(fold.reports_of(one)) for one in entities},
        "bands": {one: fold.age_band(one) for one in entities},
        "pairs": sorted(fold.network_pairs()),
        "near": {
            one: {far: told(pair) for far, pair in fold.near(one).items()} for one in entities
        },
        "members": {one: members(fold, one) for one in entities},
        "evidence": fold.ledger.reports,
    }


def told(pair):
    ties = sorted(
        (
            *tie.key,
            list(tie.evidence),
            tie.weight,
            tie.network_origins.distinct,
            tie.first_week,
            tie.last_week,
        )
        for tie in pair.ties
    )
    return pair.weight, pair.tentative, pair.doubted, ties


def members(fold, entity):
    component = fold.component(entity)
    if component is None:
        return None
    names = (component.published, sorted(component.awake), sorted(component.carried))
    return (*names, sorted(component.members))


def history_of(name: str) -> list:
    """A random history of one audience; among few people everybody meets, among many few do."""
    audience, people, seed = name.split()
    events = {"police": police_events, "hub": safeguarding_events}[audience]
    return events(History(int(seed), int(people)).run(EVENTS))


HISTORIES = ("hub 40 0", "hub 40 1", "hub 15 2", "hub 90 3", "police 15 4", "police 40 5")


@pytest.fixture(params=HISTORIES)
def events(request):
    return history_of(request.param)


def test_live_restored_and_replayed_states_are_equal_after_every_event(events):
    live, kept = NetworkFold(), Kept()
    restarted, its_rows = NetworkFold(), Kept()
    for at, event in enumerate(events):
        live.apply(event, at)
        kept.take(live)
        restarted.apply(event, at)
        restarted = its_rows.take(restarted).fold()  # it starts anew after every event
        assert its_rows.all() == kept.all()
        assert picture(restarted) == picture(live)
        assert not take_rewrites(restarted), "starting again changes nothing"
    replayed = NetworkFold()
    for at, event in enumerate(events):
        replayed.apply(event, at)
    assert Kept().take(replayed).all() == kept.all(), "all in one batch"


def test_an_event_that_is_told_again_changes_nothing(events):
    live, kept = NetworkFold(), Kept()
    for at, event in enumerate(events):
        live.apply(event, at)
        before = kept.take(live).all()
        live.apply(event, at)
        assert kept.take(live).all() == before


def test_an_oracle_agrees_on_components_standings_and_weights_after_every_event(events):
    live, oracle = NetworkFold(), Oracle()
    for at, event in enumerate(events):
        live.apply(event, at)
        oracle.hear(event)
        assert standings(live) == oracle.standings()
        assert networks(live) == oracle.networks()
        assert {(low, high): weight for low, high, weight in live.network_pairs()} == (
            oracle.weights()
        )


def standings(fold):
    return {
        one: (
            stands.kind,
            stands.is_child,
            stands.is_suspect,
            stands.is_victim,
            stands.is_deal_line,
            stands.is_cuckooed,
        )
        for one in fold.entity_ids()
        if (stands := fold.standing(one))
    }


def networks(fold):
    found = defaultdict(set)
    for one in fold.entity_ids():
        if (network := fold.standing(one).network) is not None:
            found[network].add(one)
    return set(map(frozenset, found.values()))


# --- undoing ----------------------------------------------------------------------------


def a_state(seed, people=30):
    fold, kept = NetworkFold(), Kept()
    events = safeguarding_events(History(seed, people).run(80))
    for at, event in enumerate(events):
        fold.apply(event, at)
    return fold, kept.take(fold), len(events)


@pytest.mark.parametrize("seed", range(8))
def test_withdrawing_a_report_restores_all_that_is_seen_as_it_was(seed):
    fold, kept, at = a_state(seed)
    before = kept.all(SEEN)
    history = History(1_000 + seed, 30)
    for number in range(8):
        told_now = history._fill(Told(f"passing {number}", **history._frame()))
        fold.apply(told_now.safeguarding(), at)
        kept.take(fold)
        fold.apply(withdrawn(told_now.name), at + 1)
        assert kept.take(fold).all(SEEN) == before
        at += 2


@pytest.mark.parametrize("seed", range(8))
def test_undoing_a_merge_restores_all_that_is_seen_as_it_was(seed):
    fold, kept, at = a_state(seed)
    chooser = History(seed)._random
    names = [name for name in map("person {}".format, range(30)) if fold.standing(key(name))]
    for _ in range(8):
        before = kept.all(SEEN)
        kept_one, absorbed = chooser.sample(names, 2)
        mentions = tuple(mentions_of(fold, absorbed))
        fold.apply(merged(kept_one, absorbed), at)
        kept.take(fold)
        fold.apply(split(kept_one, absorbed, *mentions), at + 1)
        assert kept.take(fold).all(SEEN) == before
        at += 2


#: In the last one a part that leaves wakes an older name than that of the whole.
@pytest.mark.parametrize("seed", [*range(8), 5_124])
def test_a_grade_that_is_taken_back_restores_all_that_is_seen_as_it_was(seed):
    fold, kept, at = a_state(seed)
    chooser = History(seed)._random
    for _ in range(12):
        before = kept.all(SEEN)
        evidence = fold.ledger.reports[chooser.choice(sorted(fold.ledger.reports))]
        for grading in (grade("E"), evidence.shape.grading):
            event = GradeRelayed(
                report_id=evidence.report_id, revision=evidence.revision, grading=grading
            )
            fold.apply(event, at)
            kept.take(fold)
            at += 1
        assert kept.all(SEEN) == before


def mentions_of(fold, name):
    for report_id in dict.fromkeys(fold.reports_of(key(name))):
        evidence = fold.ledger.reports[report_id]
        for node, entity in zip(evidence.shape.nodes, evidence.entities, strict=True):
            if entity == key(name):
                yield Mention(report_id=UUID(report_id), node=node.number)


# --- identity -----------------------------------------------------------------------------


def test_every_candidate_network_has_one_name_and_its_history_adds_up(events):
    fold, kept = NetworkFold(), Kept()
    for at, event in enumerate(events):
        fold.apply(event, at)
        kept.take(fold)
        shown = {row["network_id"]: row["people"] for row in kept.read(NETWORKS)}
        awake = {row["network_id"]: row["people"] for row in kept.read(NAMES) if row["people"]}
        assert shown == awake
        assert shown == last_told(kept.read(HISTORY))


def last_told(moments):
    """How many are in each network if one reads its history alone."""
    people = {}
    for row in sorted(moments, key=lambda row: (row["offset"], row["number"])):
        people[row["network_id"]] = row["people"]
        if row["change"] == Change.ABSORBED:
            people.pop(row["other_id"], None)
    return {network: count for network, count in people.items() if count}


def test_no_network_is_renamed_while_most_of_it_goes_on(events):
    fold = NetworkFold()
    before: dict[str, set[str]] = {}
    for at, event in enumerate(events):
        fold.apply(event, at)
        after = persons_by_network(fold)
        if not isinstance(event, PersonsMerged | PersonSplit):
            for network, people in before.items():
                held = max(after.values(), key=lambda now: len(now & people), default=set())
                if 2 * len(held & people) > len(people):
                    assert network in after or absorbed(fold, network, held, before)
        before = after


def persons_by_network(fold):
    found = defaultdict(set)
    for one in fold.entity_ids():
        standing = fold.standing(one)
        is_person = standing.kind is NodeKind.PERSON and not standing.is_child
        if standing.network and is_person and not standing.is_only_victim:
            found[standing.network].add(one)
    return dict(found)


def absorbed(fold, network, held, before):
    """Whether those who were in the network are in one that was there as well."""
    now = fold.standing(min(held)).network
    return now in before and not fold.name(network).people


# --- the oracle ----------------------------------------------------------------------------


class Oracle:
    """The reports that stand, and who each mention is; everything else is worked out anew."""

    TIES = frozenset({"CO_OFFENDER", "MEMBER_OF", "EXPLOITS", "RUNS_LINE", "USES_LINE"})

    def __init__(self) -> None:
        self.reports, self.who = {}, {}
        self.gone, self.became, self.waiting = set(), {}, {}
        self.grades, self.ages = {}, []

    def hear(self, event) -> None:
        match event:
            case ReportWithdrawn():
                self.gone.add(event.report_id)
                self.reports.pop(event.report_id, None)
            case GradeRelayed():
                self.grades[event.report_id, event.revision] = event.grading
            case AgeBandChanged():
                self.ages.append(event)
            case PersonsMerged():
                self._merge(self.now(event.kept_id), self.now(event.absorbed_id))
            case PersonSplit():
                self._split(event)
            case _:
                self._report(event)

    def _report(self, event) -> None:
        known = self.reports.get(event.report_id)
        if event.report_id in self.gone or (known and known.revision >= event.revision):
            return
        self.reports[event.report_id] = event
        for node in event.nodes:
            waited = self.waiting.pop((event.report_id, node.node), node.entity_id)
            self.who[event.report_id, node.node] = self.now(waited)
        for place in [place for place in self.waiting if place[0] == event.report_id]:
            del self.waiting[place]

    def _merge(self, kept, other) -> None:
        if kept != other:
            self.became[other] = kept
            self.who = {place: kept if one == other else one for place, one in self.who.items()}

    def _split(self, event) -> None:
        if event.entity_id == event.new_entity_id:
            return
        self.became.pop(event.new_entity_id, None)
        for mention in event.mentions:
            place = (mention.report_id, mention.node)
            if mention.report_id in self.reports:
                if place in self.who:
                    self.who[place] = event.new_entity_id
            elif mention.report_id not in self.gone:
                self.waiting[place] = event.new_entity_id

    def now(self, one):
        while one in self.became:
            one = self.became[one]
        return one

    def is_false(self, report) -> bool:
        own = self.grades.get((report.report_id, report.revision), report.grading)
        return (own.scheme, own.assessment) == (GradingScheme.SCHEME_3X5X2, "E")

    def mentions(self):
        for report in self.reports.values():
            for node in report.nodes:
                yield report, node, str(self.who[report.report_id, node.node])

    def standings(self):
        by_one = defaultdict(list)
        for report, node, one in self.mentions():
            by_one[one].append((report, node))
        return {one: self._standing(one, told_of) for one, told_of in by_one.items()}

    def _standing(self, one, told_of):
        kinds = {node.kind for _, node in told_of}
        kind = NodeKind.PERSON if NodeKind.PERSON in kinds else min(kinds)
        sure = [(report, node) for report, node in told_of if not self.is_false(report)]
        roles = {node.role for _, node in sure}
        objects = {
            tie.kind for report, node in sure for tie in report.relations if tie.object == node.node
        }
        return (
            kind,
            self._is_child(one, told_of, sure),
            Role.SUSPECT in roles,
            Role.VICTIM in roles,
            kind is NodeKind.PHONE and bool(objects & {"RUNS_LINE", "USES_LINE"}),
            kind is NodeKind.ADDRESS and "CUCKOOED_AT" in objects,
        )

    def _is_child(self, one, told_of, sure) -> bool:
        said = [
            (report.event_week, node.child_at_event is ChildAtEvent.YES)
            for report, node in told_of
            if node.child_at_event is not ChildAtEvent.UNKNOWN
        ]
        said += [
            (age.week, age.age_band is not AgeBand.ADULT)
            for age in self.ages
            if str(self.now(age.person_id)) == one and age.age_band is not AgeBand.UNKNOWN
        ]
        return max(said)[1] if said else any(self._seems(*mention) for mention in sure)

    def _seems(self, report, node) -> bool:
        cared = {"PARENT", "KINSHIP_CARER", "FOSTER_CARER"}
        exploited = any(f.theme is Theme.CHILD_CRIMINAL_EXPLOITATION for f in report.facts)
        return node.child_at_event is ChildAtEvent.UNKNOWN and (
            any(tie.object == node.node and tie.kind in cared for tie in report.relations)
            or any(tie.subject == node.node and tie.kind == "ATTENDS" for tie in report.relations)
            or (exploited and node.role is Role.VICTIM)
        )

    def weights(self):
        origins = defaultdict(set)
        for report in self.reports.values():
            criminal = any(fact.activity in CRIMINAL_ACTIVITIES for fact in report.facts)
            for tie in report.relations:
                ends = [str(self.who[report.report_id, n]) for n in (tie.subject, tie.object)]
                counts = tie.kind in self.TIES or (tie.kind == "ASSOCIATE" and criminal)
                if counts and ends[0] != ends[1] and not self.is_false(report):
                    origins[tuple(sorted(ends))].add(report.origin_id)
        return {pair: len(told_by) for pair, told_by in origins.items()}

    def networks(self):
        stands = self.standings()
        counting = {
            one
            for one, (kind, child, suspect, victim, _, _) in stands.items()
            if kind is NodeKind.PERSON and not child and (suspect or not victim)
        }
        groups = nx.connected_components(nx.Graph(list(self.weights())))
        return {frozenset(group) for group in groups if len(group & counting) >= 3}


def test_the_oracle_hears_what_the_fold_hears():
    """A guard for the oracle itself: a history without any of these would prove little."""
    events = [event for name in HISTORIES for event in history_of(name)]
    kinds = {type(event) for event in events}
    assert kinds == {
        PoliceReportShared,
        SafeguardingReportShared,
        ReportWithdrawn,
        GradeRelayed,
        AgeBandChanged,
        PersonsMerged,
        PersonSplit,
    }
