"""The evaluation measures what came out of the product, under the names of the file."""

from __future__ import annotations

import pytest

from anonymiser.gate.stage import Gate
from anonymiser.intake.stage import IntakeStage
from consumers.network.measures import By
from deploy.evaluate.judge import Wanted
from deploy.evaluate.live import evaluate_on_kafka
from deploy.evaluate.network import evaluate_in_memory
from deploy.evaluate.structure import found_edges, graph_of, told_attack, told_measures
from deploy.evaluate.ties import Tie, TieFile, read_ties
from deploy.pipeline import AT_ONCE
from streams.errors import InvalidInputError
from streams.taxonomy import RelationKind
from streams.values import NodeKind
from tests.scenarios.test_evaluation import BlindLinker

CO = RelationKind.CO_OFFENDER


def written(tmp_path, text):
    path = tmp_path / "ties.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_of_a_membership_list_people_are_measured_by_what_they_share(shared_data):
    path = shared_data / "networks" / "revere" / "membership.csv"
    file = read_ties(path, {}, ("person", "organisation"))
    edges = [(tie.source, tie.target) for tie in file.ties]
    people = told_measures(file, edges)["projection"]
    order = ["Revere.Paul", "Urann.Thomas", "Warren.Joseph", "Peck.Samuel"]
    assert [one["node"] for one in people["betweenness"][:4]] == order
    assert told_attack(file, edges, By.BETWEENNESS)["removed"][:4] == order
    assert (people["nodes"], people["components"]) == (254, [254])


async def test_what_linking_left_apart_goes_by_its_own_id_and_before_the_names_of_the_file():
    ties = tuple(Tie("A", name, CO, 1, None) for name in "BC")
    file = TieFile(ties, dict.fromkeys("ABC", NodeKind.PERSON))
    found = await evaluate_in_memory(
        file, clean=True, wanted=Wanted(measures=True), stages=_blind_stages
    )
    names = [one["node"] for one in found.measures["degree"]]
    assert {"A", "B", "C"} < set(names)
    assert any(name.startswith("entity ") for name in names)
    graph = graph_of(file, found_edges([(1, 2)], [("A", 1), ("A", 1)]))
    assert graph.names == ("entity 2", "A")


def _blind_stages(keys, partners):
    return IntakeStage(keys, partners), BlindLinker(keys), Gate(keys, policy=AT_ONCE)


# --- phases -----------------------------------------------------------------------------------


async def test_after_each_phase_the_live_state_is_that_of_a_rebuild(tmp_path):
    text = "source,target,wave\nA,B,2\nB,C,2\nC,D,10\nE,F,2\nF,A,10\n"
    file = read_ties(written(tmp_path, text), {"phase": "wave"})
    found = await evaluate_in_memory(file, clean=True)
    assert [one["phase"] for one in found.phases] == [2, 10]
    states = [(one["people"], one["pairs"], one["largest"]) for one in found.phases]
    assert states == [(5, 3, 3), (6, 5, 6)]
    assert all(one["incremental_equals_rebuilt"] is True for one in found.phases)
    assert sum(one["reports"] for one in found.phases) == found.reports


async def test_a_file_without_phases_tells_none_and_nothing_that_was_not_asked_for(tmp_path):
    found = await evaluate_in_memory(read_ties(written(tmp_path, "source,target\nA,B\n"), {}))
    assert not {"phases", "measures", "attack", "removed"} & found.as_dict().keys()


@pytest.mark.parametrize("bad", ["", "one", "-1", "1.5", "10000", "²"])
def test_a_phase_that_is_no_whole_number_is_refused_with_its_line(tmp_path, bad):
    path = written(tmp_path, f"source,target,phase\nA,B,1\nB,C,{bad}\n")
    with pytest.raises(InvalidInputError, match=r"line 3: phase is no whole number"):
        read_ties(path, {})


def test_a_column_of_phases_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="no column 'wave' for phase"):
        read_ties(written(tmp_path, "source,target\nA,B\n"), {"phase": "wave"})


async def test_phases_are_not_told_through_a_broker(tmp_path):
    file = read_ties(written(tmp_path, "source,target,phase\nA,B,1\n"), {})
    with pytest.raises(InvalidInputError, match="told in memory"):
        await evaluate_on_kafka(file, seed=1, clean=True, progress=lambda *_: None)
