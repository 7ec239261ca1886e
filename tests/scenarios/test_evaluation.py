"""The evaluation finds whole networks whole, and its controls show that it would notice."""

from __future__ import annotations

import csv
import json

import pytest

from anonymiser.gate.stage import Gate, read
from anonymiser.intake.stage import IntakeStage
from anonymiser.linker.stage import Linker
from consumers.network.measures import By
from deploy.evaluate.judge import Wanted, documents_outside
from deploy.evaluate.mentions import tell
from deploy.evaluate.network import evaluate_in_memory, played
from deploy.evaluate.ties import Tie, TieFile, read_ties
from deploy.leaks import LeakSearch, identifiers_of
from streams.codec import decode, encode
from streams.json_form import to_json
from streams.ports import Outgoing
from streams.restricted import ReportLinked, ReportSubmitted
from streams.sealing import open_submission
from streams.shared import OperationRecorded
from streams.taxonomy import RelationKind
from streams.topics import OPERATIONS, OUTGOING
from streams.values import NodeKind, Operation, Purpose


def ring(people=12):
    """Everybody with the next, and every third with the one after."""
    steps = [(n, n + 1, 2) for n in range(people - 1)] + [(n, n + 2, 1) for n in range(0, 9, 3)]
    ties = tuple(Tie(f"N{a}", f"N{b}", RelationKind.CO_OFFENDER, w, None) for a, b, w in steps)
    return TieFile(ties, {f"N{n}": NodeKind.PERSON for n in range(people)})


class BlindLinker(Linker):
    """For tests alone: each mention is somebody new."""

    def __init__(self, keys):
        super().__init__(keys)
        self.state.candidates = lambda *_: []


class OpenDoor(Gate):
    """For tests alone: tells auditors everything it opens."""

    def step(self, records):
        opened = [self._told(record) for record in records if record.topic == OUTGOING]
        return [*super().step(records), *filter(None, opened)]

    def _told(self, record):
        event = read(record)
        if not isinstance(event, ReportLinked):
            return None
        submission = decode(event.submission, ReportSubmitted)
        report = open_submission(submission, self._sealing[submission.key_epoch]).report
        told = OperationRecorded(
            operation=Operation.DISCLOSURE,
            actor="open door",
            purpose=Purpose.AUDIT,
            subject=json.dumps(to_json(report), ensure_ascii=False),
            recipients=(),
            gateway=None,
            at=record.appended_at,
        )
        return Outgoing(OPERATIONS, encode(told))


def with_blind_linker(keys, partners):
    return IntakeStage(keys, partners), BlindLinker(keys), Gate(keys)


def with_open_door(keys, partners):
    return IntakeStage(keys, partners), Linker(keys), OpenDoor(keys)


async def test_clean_mentions_give_the_network_back_whole():
    found = await evaluate_in_memory(ring(), clean=True)
    assert (found.precision, found.recall, found.weight_errors) == (1.0, 1.0, 0)
    assert (found.nodes, found.ties) == (found.expected_nodes, found.expected_ties)
    assert (found.false_merges, found.leaks) == (0, 0)


async def test_mistakes_and_missing_identifiers_merge_nobody_and_leak_nothing():
    found = await evaluate_in_memory(ring(), seed=4)
    assert (found.false_merges, found.leaks) == (0, 0)
    assert found.recall > 0.8


async def test_a_linker_that_never_links_costs_recall():
    blind = await evaluate_in_memory(ring(), clean=True, stages=with_blind_linker)
    assert blind.recall < 0.5


async def test_a_door_that_lets_everything_out_is_found_to_leak_every_identifier():
    told = tell(ring(), 1, clean=False)
    async with played(told, lambda *_: None, with_open_door) as outcome:
        documents = await documents_outside(told, outcome)
    declared = {one.value: one for report in told.reports for one in identifiers_of(report)}
    unseen = [one for one in declared.values() if not leaks(one, documents)]
    assert [one.path for one in unseen if one.value in spelt(told)] == []


def leaks(identifier, documents):
    search = LeakSearch([identifier])
    return any(True for document in documents for _ in search.find(document))


def spelt(told):
    """Every identifier as its report spells it; other ways to write a date need not be found."""
    texts = [json.dumps(to_json(report), ensure_ascii=False) for report in told.reports]
    everything = "\n".join(texts)
    names = (one.value for report in told.reports for one in identifiers_of(report))
    return {name for name in names if name in everything}


REVERE = ["Revere.Paul", "Urann.Thomas", "Warren.Joseph", "Peck.Samuel"]


@pytest.mark.parametrize(
    ("name", "columns", "bipartite", "first"),
    [
        ("montagna/meetings.csv", {"weight": "count"}, None, ["N18", "N47", "N27"]),
        ("montagna/phone_calls.csv", {"weight": "count"}, None, ["N18", "N61", "N47"]),
        ("revere/membership.csv", {}, ("person", "organisation"), REVERE),
    ],
)
async def test_real_networks_come_back_whole_and_fall_as_published(
    shared_data, name, columns, bipartite, first
):
    path = shared_data / "networks" / name
    file = read_ties(path, columns, bipartite)
    wanted = Wanted(measures=True, attack=By.BETWEENNESS)
    found = await evaluate_in_memory(file, clean=True, wanted=wanted)
    assert (found.precision, found.recall, found.weight_errors) == (1.0, 1.0, 0)
    assert (found.ties, found.false_merges, found.leaks) == (len(file.pairs), 0, 0)
    measures = found.measures["projection"] if bipartite else found.measures
    assert [one["node"] for one in measures["betweenness"]][: len(first)] == first
    table = path.with_name(f"published_lcc_{path.stem}_sequential.csv")
    if table.exists():
        with table.open() as lines:
            published = [float(row["betweenness"]) for row in csv.DictReader(lines)]
        assert found.attack[: len(published)] == published
