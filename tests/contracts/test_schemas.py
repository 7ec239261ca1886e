"""Every event has a schema that keeps the house rules and says what its class says."""

from __future__ import annotations

import io
import json
import re
from copy import deepcopy

import avro.io
import avro.schema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import CATALOGUE, Catalogue, CatalogueError
from streams.codec import encode, full_name, schema_id
from streams.values import Sex
from tests.contracts.events import EVERY_EVENT, events
from tests.contracts.schema_rules import broken_rules, differences

ALL = list(CATALOGUE)
BY_CLASS = {cls: CATALOGUE.versions(full_name(cls))[-1] for cls in EVERY_EVENT}
ALERT = next(schema for schema in ALL if schema.path.name == "alert_raised.v1.avsc").definition


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema.path.name)
def test_every_schema_keeps_the_house_rules(schema):
    assert broken_rules(schema.definition) == []


def test_every_schema_belongs_to_an_event_and_every_event_has_one():
    assert {schema.name for schema in ALL} == {full_name(cls) for cls in EVERY_EVENT}


@pytest.mark.parametrize("cls", EVERY_EVENT)
def test_a_class_and_its_newest_schema_say_the_same(cls):
    assert differences(cls, BY_CLASS[cls].definition) == []


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema.path.name)
def test_a_schema_file_is_named_after_its_event_and_version(schema):
    words = re.sub(r"(?<!^)(?=[A-Z])", "_", schema.name.rpartition(".")[2]).lower()
    assert schema.path.name == f"{words}.v{schema.version}.avsc"


def test_a_name_means_the_same_in_every_newest_schema():
    meanings: dict[str, object] = {}
    for schema in BY_CLASS.values():
        for name, meaning in _definitions_in(schema.definition):
            assert meanings.setdefault(name, meaning) == meaning, name


def _definitions_in(schema, known=None):
    """Named types with the names inside them spelt out: where a type is defined is no matter."""
    known = {} if known is None else known
    if isinstance(schema, list):
        for branch in schema:
            yield from _definitions_in(branch, known)
    elif isinstance(schema, dict):
        for inner in (schema.get("items"), *(f["type"] for f in schema.get("fields", ()))):
            yield from _definitions_in(inner, known)
        if "name" in schema:
            known[schema["name"]] = _spelt_out(schema, known)
            yield schema["name"], known[schema["name"]]


def _spelt_out(schema, known):
    if isinstance(schema, str):
        return known.get(schema, schema)
    if isinstance(schema, list):
        return [_spelt_out(branch, known) for branch in schema]
    spelt = {key: value for key, value in schema.items() if key != "schema_id"}
    if "items" in spelt:
        spelt["items"] = _spelt_out(spelt["items"], known)
    if "fields" in spelt:
        spelt["fields"] = [f | {"type": _spelt_out(f["type"], known)} for f in spelt["fields"]]
    return spelt


# --- the rules find what breaks them ------------------------------------------


def _without_doc(alert):
    del alert["fields"][2]["doc"]


def _empty_doc(alert):
    alert["doc"] = "Alert."


def _wide_union(alert):
    alert["fields"][2]["type"] = ["null", "long", "string"]


def _null_last(alert):
    alert["fields"][2] |= {"type": ["long", "null"], "default": 1}


def _without_default(alert):
    alert["fields"][2]["type"] = ["null", "long"]


def _uuid_as_string(alert):
    alert["fields"][3]["type"] = {"type": "string", "logicalType": "uuid"}


def _short_uuid(alert):
    alert["fields"][0]["type"]["size"] = 8


def _map(alert):
    alert["fields"][2]["type"] = {"type": "map", "values": "long"}


def _decimal(alert):
    alert["fields"][2]["type"] = {"type": "bytes", "logicalType": "decimal", "precision": 9}


def _floating(alert):
    alert["fields"][2]["type"] = "double"


def _recursion(alert):
    alert["fields"][4]["type"]["items"] = "rivelin.shared.AlertRaised"


def _items_of_no_bytes(alert):
    alert["fields"][4]["type"]["items"] = "null"


def _empty_items(alert):
    alert["fields"][4]["type"]["items"]["fields"] = []


def _alias(alert):
    alert["aliases"] = ["Warning"]


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (_without_doc, ".rule_version: no sentence says what it means"),
        (_empty_doc, "rivelin.shared.AlertRaised: no sentence says what it means"),
        (_wide_union, ".rule_version: a union that is not null or one type"),
        (_null_last, ".rule_version: a union that is not null or one type"),
        (
            _without_default,
            ".rule_version: null is the default of unions, empty that of what was added later",
        ),
        (_uuid_as_string, ".child_id: string is no type of ours"),
        (_short_uuid, ".alert_id: a fixed that is no UUID of 16 bytes"),
        (_map, ".rule_version: map is no type of ours"),
        (_decimal, ".rule_version: bytes is no type of ours"),
        (_floating, ".rule_version: double is no type of ours"),
        (_recursion, ".path[]: rivelin.shared.AlertRaised contains itself"),
        (
            _items_of_no_bytes,
            ".path: an item that takes no byte, of which a record could claim any number",
        ),
        (
            _empty_items,
            ".path: an item that takes no byte, of which a record could claim any number",
        ),
        (_alias, ": record with other attributes than ours"),
    ],
)
def test_a_broken_rule_is_found(spoil, finding):
    spoilt = deepcopy(ALERT)
    spoil(spoilt)
    assert finding in broken_rules(spoilt)


def _rename(alert):
    alert["fields"][2]["name"] = "rules"


def _retype(alert):
    alert["fields"][2]["type"] = "string"


def _drop_symbol(alert):
    alert["fields"][1]["type"]["symbols"].pop()


def _make_nullable(alert):
    alert["fields"][5]["type"] = ["null", alert["fields"][5]["type"]]


@pytest.mark.parametrize("spoil", [_rename, _retype, _drop_symbol, _make_nullable])
def test_a_schema_that_says_something_else_than_its_class_is_found(spoil):
    alert = next(cls for cls in EVERY_EVENT if cls.__name__ == "AlertRaised")
    spoilt = deepcopy(ALERT)
    spoil(spoilt)
    assert differences(alert, spoilt)


# --- the catalogue --------------------------------------------------------------


def test_two_files_with_one_id_are_refused(tmp_path):
    text = json.dumps(ALERT)
    (tmp_path / "alert_raised.v1.avsc").write_text(text)
    (tmp_path / "alert_raised.v2.avsc").write_text(text)
    with pytest.raises(CatalogueError, match="one id"):
        list(Catalogue(tmp_path))


def test_a_misnamed_file_is_refused(tmp_path):
    (tmp_path / "alert.avsc").write_text(json.dumps(ALERT))
    with pytest.raises(CatalogueError, match=r"alert\.avsc"):
        list(Catalogue(tmp_path))


def test_one_version_in_two_files_is_refused(tmp_path):
    (tmp_path / "alert_raised.v1.avsc").write_text(json.dumps(ALERT))
    (tmp_path / "alert.v1.avsc").write_text(json.dumps(ALERT | {"schema_id": 999}))
    with pytest.raises(CatalogueError, match="taken"):
        Catalogue(tmp_path).versions("rivelin.shared.AlertRaised")


def test_ids_are_found_and_unknown_ones_are_not():
    assert CATALOGUE.find(511).name == "rivelin.shared.AlertRaised"
    assert CATALOGUE.find(0) is None
    assert CATALOGUE.versions("rivelin.shared.Nothing") == ()


# --- another implementation -------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_apaches_implementation_reads_our_records_and_spells_them_alike(data):
    cls = data.draw(st.sampled_from(EVERY_EVENT))
    record = encode(data.draw(events(cls)))
    schema = avro.schema.parse(json.dumps(BY_CLASS[cls].definition))

    value = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(io.BytesIO(record[5:])))
    spelt = io.BytesIO()
    avro.io.DatumWriter(schema).write(value, avro.io.BinaryEncoder(spelt))

    assert record[:5] == b"\0" + schema_id(cls).to_bytes(4, "big")
    assert spelt.getvalue() == record[5:]


def test_enum_symbols_are_the_values_of_the_code_list():
    node = CATALOGUE.versions("rivelin.shared.PoliceReportShared")[-1].definition
    assert list(Sex) == next(
        meaning["symbols"]
        for name, meaning in _definitions_in(node)
        if name == "rivelin.values.Sex"
    )
