"""The benchmark of linking measures the product: it fills, links, starts anew and rebuilds."""

from __future__ import annotations

import pytest

from deploy.bench import linking
from deploy.bench.show import linking_as_markdown


@pytest.fixture
def small(monkeypatch):
    for name, value in {"_INVENTED": 200, "_WARMED": 50, "_LINKED": 100, "_BATCH": 50}.items():
        monkeypatch.setattr(linking, name, value)
    monkeypatch.setattr(linking, "_REBUILT", 50)


def test_each_mark_has_its_figures_and_the_store_is_resumed(small):
    said = []
    figures = linking.measure_linking([300, 600], said.append)
    assert [one["persons"] for one in figures["curve"]] == [300, 600]
    assert all(one["cpu_us_per_record"] > one["of_which_codec_us"] for one in figures["curve"])
    assert figures["curve"][1]["store_mb"] >= figures["curve"][0]["store_mb"]
    assert figures["restart"]["persons"] == 600
    assert figures["rebuild"]["cpu_us_per_record"] > 0
    assert len(said) == 2


def test_filled_people_are_as_many_persons_and_some_are_known_again(small, tmp_path):
    bench = linking.Bench(tmp_path, lambda _: None)
    bench._fill(200)
    assert bench._linker.state.persons == 200
    for records in bench._batches(200):
        bench._step(records)
    assert 200 + 150 < bench._linker.state.persons < 400, "every tenth was there before"
    bench._linker.close(keep=False)


def test_the_figures_are_told_as_a_table(small):
    figures = linking.measure_linking([300], lambda _: None)
    machine = {"measured_at": "now", "python": "3", "load_average": 0}
    told = linking_as_markdown({**figures, **machine})
    assert "|persons|" in told
    assert "A start on the store of 300 persons" in told
