"""The whole way, beside what one would write instead: Splink and networkx, all anew each batch.

A town tells its reports a hundred at a time, with mistakes in 15 % of mentions. Ours is the whole
pipeline of the product in one process: sealed, opened, tokenised, linked, gated, folded, alerted.
Theirs, after each batch, links all mentions so far by Splink on plain text, builds the graph of
networkx anew, and looks for the exposed children in it; nobody seals, holds back or hides anything
there. To be fair to it, only linking by a trained model counts; training is told apart. Both are
measured at the same sizes of the log, in CPU seconds of this process, and both are judged by the
town's truth: children tied to a suspect, their siblings and their friends.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import networkx as nx

from deploy.bench.run import machine
from deploy.demo.findings import find
from deploy.evaluate.linkage.beside import PeerMissingError, Splink
from deploy.evaluate.linkage.records import Person
from deploy.evaluate.town.ground import ALL_KINDS
from deploy.evaluate.town.run import start
from producers.town.crowd import Size, build_crowd
from producers.town.reports import Step
from producers.town.truth import Exposure, outcome_of, truth_of
from streams.identifiers import read
from streams.taxonomy import CRIMINAL_ACTIVITIES, RELATIONS, Bond, RelationKind
from streams.values import AlertRule, Audience, GradingScheme, NodeKind, Outcome, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from deploy.evaluate.town.run import Run
    from producers.town.reports import Submission
    from producers.town.town import Town

    Say = Callable[[str], None]
    Graph: TypeAlias = nx.Graph[Any]

BATCH: Final = 100
MARKS: Final = (500, 1_000, 2_000, 5_000, 10_000, 20_000)
PEOPLE_PER_REPORT: Final = 2.5
THRESHOLD: Final = 0.95
STRICT: Final = 0.999
"""Match probabilities from which on a user would take two mentions for one person."""
_SEED: Final = 1
_BATCHES_TIMED: Final = 3
_JUDGED: Final = frozenset(
    {
        AlertRule.CHILD_TIED_TO_NOMINAL,
        AlertRule.SIBLING_OF_INVOLVED,
        AlertRule.FRIEND_OF_INVOLVED,
    }
)
_FIELDS: Final = frozenset(
    {"given_name", "middle_names", "family_name", "born_on", "address", "postcode"}
    | {"phone", "nhs_number", "upn", "pnc_id", "sex"}
)
_ADULT: Final = 18
_PEOPLE_MIN: Final = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of one batch, and who was found: of the children that must be, and beside."""

    seconds: float
    found: int
    right: int
    expected: int

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return {
            "seconds": round(self.seconds, 3),
            "recall": round(self.right / self.expected, 4) if self.expected else 1.0,
            "precision": round(self.right / self.found, 4) if self.found else 1.0,
        }


def measure_beside(reports: int, say: Say) -> dict[str, Any]:
    """Measure both at every mark up to so many reports.

    Without Splink only ours is measured, and the answer says so.
    """
    return asyncio.run(_measure(reports, say))


async def _measure(reports: int, say: Say) -> dict[str, Any]:
    size = Size(people=max(1_000, int(PEOPLE_PER_REPORT * reports)), reports=reports)
    town = build_crowd(_SEED, replace(size, with_cases=False), ground=ALL_KINDS).town
    marks = [*(mark for mark in MARKS if mark < reports), reports]
    run = await start(town)
    points: list[dict[str, Any]] = []
    done, splink_missing = 0, False
    try:
        for mark in marks:
            ours = await _ours(run, town, done, mark)
            done = mark
            try:
                theirs = _theirs(town.submissions[:mark], _expected(town, mark))
            except PeerMissingError as missing:
                if not splink_missing:
                    say(f"{missing}: only ours is measured")
                theirs, splink_missing = None, True
            points.append(_point(mark, ours, theirs))
            say(f"{mark} reports: {points[-1]}")
    finally:
        await run.pipeline.stop()
    return {**machine(), "batch": BATCH, "splink": not splink_missing, "points": points}


def _point(mark: int, ours: Cost, theirs: Theirs | None) -> dict[str, Any]:
    point: dict[str, Any] = {"reports": mark, "ours": ours.as_dict()}
    if theirs is not None:
        point["theirs"] = theirs.cost.as_dict() | {
            "link_seconds": round(theirs.link_seconds, 3),
            "graph_seconds": round(theirs.graph_seconds, 3),
            "train_seconds": round(theirs.train_seconds, 3),
            "strict": {name: theirs.strict.as_dict()[name] for name in ("recall", "precision")},
        }
        point["ratio"] = round(theirs.cost.seconds / ours.seconds, 1)
    return point


# --- ours -------------------------------------------------------------------------------------


async def _ours(run: Run, town: Town, done: int, mark: int) -> Cost:
    """Tell the reports up to the mark; the cost is that of the last batches, in the middle."""
    seconds: list[float] = []
    for start_at in range(done, mark, BATCH):
        part = replace(town, submissions=town.submissions[start_at : min(start_at + BATCH, mark)])
        began = time.process_time()
        await replace(run, town=part).tell(BATCH, lambda _done, _total: None)
        seconds.append(time.process_time() - began)
    last = sorted(seconds[-_BATCHES_TIMED:])
    expected = _expected(town, mark)
    told = replace(town, submissions=town.submissions[:mark])
    with run.pipeline.networks.snapshot() as police, run.pipeline.alerts.snapshot() as hub:
        views = {Audience.POLICE: police, Audience.SAFEGUARDING: hub}
        found = find(told, truth_of(told), run.keys, run.resolved, views).exposures
    return _judged(last[len(last) // 2], expected, {one for one in found if one.rule in _JUDGED})


def _expected(town: Town, mark: int) -> set[Exposure]:
    told = truth_of(replace(town, submissions=town.submissions[:mark]))
    return {one for one in told.exposures if one.rule in _JUDGED}


def _judged(seconds: float, expected: set[Exposure], found: set[Exposure]) -> Cost:
    must, have = ({one.child for one in some} for some in (expected, found))
    return Cost(seconds, len(have), len(have & must), len(must))


# --- theirs -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Theirs:
    """What a batch costs that links and builds everything anew, and what training cost before."""

    cost: Cost
    strict: Cost
    link_seconds: float
    graph_seconds: float
    train_seconds: float


def _theirs(steps: Sequence[Submission], expected: set[Exposure]) -> Theirs:
    known = _in_force(steps)
    people = list(_people(known))
    began = time.process_time()
    splink = Splink(people, _FIELDS)
    trained = time.process_time()
    clusters = splink.clusters(people, (THRESHOLD, STRICT))
    linked = time.process_time()
    found = _exposed(known, clusters[THRESHOLD])
    built = time.process_time()
    strictly = _exposed(known, clusters[STRICT])
    return Theirs(
        _judged(built - trained, expected, _in_town(found, known, clusters[THRESHOLD])),
        _judged(built - trained, expected, _in_town(strictly, known, clusters[STRICT])),
        link_seconds=linked - trained,
        graph_seconds=built - linked,
        train_seconds=trained - began,
    )


def _in_town(
    found: set[tuple[Any, AlertRule]], steps: Sequence[Submission], clusters: Mapping[str, Any]
) -> set[Exposure]:
    who = _behind(steps, clusters)
    return {Exposure(child, rule) for node, rule in found for child in who[node]}


def _in_force(steps: Iterable[Submission]) -> list[Submission]:
    """The last revision of what may be shared and was not withdrawn; theirs has no gate."""
    latest: dict[tuple[str, str], Submission] = {}
    for step in steps:
        key = (step.partner, str(step.report.report_id))
        if step.step is Step.WITHDRAWAL:
            latest.pop(key, None)
        elif outcome_of(step) is Outcome.SHARED:
            latest[key] = step
    return [step for step in latest.values() if not _is_suspected_false(step)]


def _is_suspected_false(step: Submission) -> bool:
    grading = step.report.grading
    return (grading.scheme, grading.assessment) in {
        (GradingScheme.SCHEME_3X5X2, "E"),
        (GradingScheme.SCHEME_5X5X5, "5"),
    }


def _name(step: Submission, label: str) -> str:
    return f"{step.partner} {step.report.report_id} {label}"


def _people(steps: Iterable[Submission]) -> Iterator[Person]:
    for step in steps:
        for node in step.report.nodes:
            if node.person is not None and node.identity is not None:
                spelt, _ = read(node.identity)
                yield Person(_name(step, node.label), tuple(spelt), node.person.sex)


def _behind(steps: Iterable[Submission], clusters: Mapping[str, Any]) -> dict[Any, set[int]]:
    who: dict[Any, set[int]] = {}
    for step in steps:
        for label, number in step.who:
            who.setdefault(clusters[_name(step, label)], set()).add(number)
    return who


def _exposed(
    steps: Sequence[Submission], clusters: Mapping[str, Any]
) -> set[tuple[Any, AlertRule]]:
    """Build both graphs and find who is tied to a suspect in a network, and their kin and friends.

    Written as one would with networkx; a thing is known by its identifier as it is spelt.
    """
    network: Graph = nx.Graph()
    kin: Graph = nx.Graph()
    friends: Graph = nx.Graph()
    children: dict[Any, tuple[str, bool]] = {}
    suspects: set[Any] = set()
    raised: dict[Any, set[Any]] = {}
    for step in steps:
        ids = _ids(step, clusters)
        _note_people(step, ids, children, suspects)
        criminal = any(fact.activity in CRIMINAL_ACTIVITIES for fact in step.report.facts)
        for tie in step.report.relations:
            one, other = ids[tie.subject], ids[tie.object]
            if tie.kind in {RelationKind.PARENT, RelationKind.KINSHIP_CARER}:
                raised.setdefault(one, set()).add(other)
            elif tie.kind is RelationKind.SIBLING:
                kin.add_edge(one, other)
            elif tie.kind is RelationKind.FRIEND:
                friends.add_edge(one, other)
            elif _is_network(tie.kind, is_criminal=criminal):
                network.add_edge(one, other)
    for siblings in raised.values():
        kin.add_edges_from((one, other) for one in siblings for other in siblings if one != other)
    return _found(network, kin, friends, _Known(children, suspects))


@dataclass(frozen=True, slots=True)
class _Known:
    ages: Mapping[Any, tuple[str, bool]]
    suspects: set[Any]

    def is_child(self, node: Any) -> bool:  # noqa: ANN401 - a node of a graph
        return self.ages.get(node, ("", False))[1]


def _found(network: Graph, kin: Graph, friends: Graph, known: _Known) -> set[tuple[Any, AlertRule]]:
    nominals: set[Any] = set()
    for component in nx.connected_components(network):
        grown = [one for one in component if one in known.ages and not known.is_child(one)]
        if len(grown) >= _PEOPLE_MIN:
            nominals.update(one for one in grown if one in known.suspects)
    tied = {
        child for child in network if known.is_child(child) and _is_tied(network, child, nominals)
    }
    found = {(child, AlertRule.CHILD_TIED_TO_NOMINAL) for child in tied}
    involved = nominals | tied
    for graph, rule in (
        (kin, AlertRule.SIBLING_OF_INVOLVED),
        (friends, AlertRule.FRIEND_OF_INVOLVED),
    ):
        for one in graph:
            if known.is_child(one) and any(other in involved for other in graph[one]):
                found.add((one, rule))
    return found


def _is_tied(network: Graph, child: Any, nominals: set[Any]) -> bool:  # noqa: ANN401 - a node
    for near in network[child]:
        if near in nominals:
            return True
        if isinstance(near, tuple) and any(one in nominals for one in network[near]):
            return True
    return False


def _is_network(kind: RelationKind, *, is_criminal: bool) -> bool:
    bond = RELATIONS[kind].bond
    return bond is Bond.NETWORK or (kind is RelationKind.ASSOCIATE and is_criminal)


def _ids(step: Submission, clusters: Mapping[str, Any]) -> dict[str, Any]:
    """Return for each node its cluster, or for a thing (a tuple) what it is known by."""
    ids: dict[str, Any] = {}
    for node in step.report.nodes:
        if node.kind is NodeKind.PERSON:
            ids[node.label] = clusters[_name(step, node.label)]
        else:
            spelt = read(node.identity)[0] if node.identity else ()
            ids[node.label] = (node.kind, *(one.form for one in spelt))
    return ids


def _note_people(
    step: Submission,
    ids: Mapping[str, Any],
    ages: dict[Any, tuple[str, bool]],
    suspects: set[Any],
) -> None:
    week = "{}-W{:02}".format(*step.report.event_at.isocalendar()[:2])
    for node in step.report.nodes:
        if node.person is None:
            continue
        one = ids[node.label]
        if node.person.age is not None:
            ages[one] = max(ages.get(one, ("", False)), (week, node.person.age < _ADULT))
        if node.person.role is Role.SUSPECT:
            suspects.add(one)


def as_markdown(figures: Mapping[str, Any]) -> str:
    """Return the figures as a table."""
    judged = ("recall", "precision")
    strict = tuple(f"{name} at {STRICT}" for name in judged)
    heads = ("reports", "ours s", "recall", "theirs s", *judged, *strict, "training s", "ratio")
    lines = ["|" + "|".join(heads) + "|", "|---" * len(heads) + "|"]
    for point in figures["points"]:
        ours, theirs = point["ours"], point.get("theirs", {})
        cells = (
            *(point["reports"], ours["seconds"], ours["recall"]),
            *(theirs.get(name, "-") for name in ("seconds", "recall", "precision")),
            *(theirs.get("strict", {}).get(name, "-") for name in ("recall", "precision")),
            *(theirs.get("train_seconds", "-"), point.get("ratio", "-")),
        )
        lines.append("|" + "|".join(map(str, cells)) + "|")
    if not figures["splink"]:
        lines.append("\nSplink is not installed (requirements/beside.txt): only ours was measured.")
    return "\n".join(lines)
