"""The lever catalogue holds every lever with its holder, law and targets; a broken one is told."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from consumers.ocg_network.levers import BadCatalogueError, TargetKind, catalogue, read_catalogue
from streams.codes import Lever

TEXT = files("consumers.ocg_network").joinpath("levers-1.json").read_text(encoding="utf-8")


def test_every_lever_stands_in_the_catalogue_with_a_law_and_a_target():
    entries = catalogue().entries
    assert set(entries) == set(Lever)
    for entry in entries.values():
        assert entry.law.act
        assert entry.law.section
        assert entry.targets
        assert entry.source
        assert len(set(entry.holders)) == len(entry.holders)


def test_what_may_be_used_at_a_place_is_never_offered_without_naming_the_place():
    """So that the hub's view cannot be passed by: the one lever for a group says so itself."""
    groups = [one for one in catalogue().entries.values() if TargetKind.GROUP in one.targets]
    assert [one.lever for one in groups] == [Lever.ENFORCEMENT]
    assert "against the address" in groups[0].notes


def broken(change):
    document = json.loads(TEXT)
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        broken(lambda d: d["levers"][0].pop("law")),
        broken(lambda d: d["levers"][0].update(colour="red")),
        broken(lambda d: d["levers"][0].update(lever="WITCHCRAFT")),
        broken(lambda d: d["levers"][0].update(targets=["CHILD"])),
        broken(lambda d: d["levers"].append(d["levers"][0])),
        broken(lambda d: d.pop("version")),
    ],
)
def test_a_catalogue_that_does_not_hold_is_refused_by_name(text):
    with pytest.raises(BadCatalogueError, match=r"catalogue|lever"):
        read_catalogue(text)


def test_a_version_that_is_not_there_is_told():
    with pytest.raises(BadCatalogueError, match="version 99"):
        catalogue(99)
