"""The house rules of schemas, as functions that return what breaks them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from streams import codes
from streams.codec import full_name
from streams.hints import fields_of, inner_of, is_record, item_of
from streams.taxonomy import RelationKind
from streams.values import Activity, Theme

TAXONOMY = {RelationKind, Theme, Activity} | {
    kind for kind in vars(codes).values() if isinstance(kind, type) and issubclass(kind, StrEnum)
}
"""Code lists that grow by a version of the taxonomy, not of the schema: strings in Avro."""

ATTRIBUTES = {
    "record": {"type", "name", "doc", "fields"},
    "enum": {"type", "name", "doc", "symbols"},
    "fixed": {"type", "name", "doc", "size"},
    "array": {"type", "items"},
}
SCALARS = {"string", "bytes", "long", "boolean"}
EMPTY = {"array": [], "bytes": ""}
"""What a field that was added later may be in the records from before."""
LOGICAL = (
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "int", "logicalType": "date"},
)
AVRO_OF = {
    str: "string",
    bytes: "bytes",
    int: "long",
    bool: "boolean",
    datetime: LOGICAL[0],
    date: LOGICAL[1],
}


def broken_rules(definition):
    """Every breach in one schema file, as sentences."""
    top = {name: value for name, value in definition.items() if name != "schema_id"}
    return list(_breaches(top, "", (), {}))


def _breaches(schema, path, inside, known):
    if isinstance(schema, list):
        yield from _in_union(schema, path, inside, known)
    elif isinstance(schema, str):
        yield from _in_name(schema, path, inside, known)
    elif schema in LOGICAL:
        return
    elif schema.get("type") not in ATTRIBUTES:
        yield f"{path}: {schema.get('type')} is no type of ours"
    else:
        yield from _in_complex(schema, path, inside, known)


def _in_union(schema, path, inside, known):
    if len(schema) != 2 or schema[0] != "null" or schema[1] == "null":
        yield f"{path}: a union that is not null or one type"
    for branch in schema:
        if branch != "null":
            yield from _breaches(branch, path, inside, known)


def _in_name(name, path, inside, known):
    if name in inside:
        yield f"{path}: {name} contains itself"
    elif name not in SCALARS and name not in known:
        yield f"{path}: {name} is no type of ours"


def _in_complex(schema, path, inside, known):
    kind = schema["type"]
    if schema.keys() != ATTRIBUTES[kind]:
        yield f"{path}: {kind} with other attributes than ours"
    if kind == "array":
        yield from _in_array(schema, path, inside, known)
        return
    yield from _undocumented(schema, path or schema["name"])
    known[schema["name"]] = schema
    if kind == "fixed" and (schema["name"], schema["size"]) != ("rivelin.Uuid", 16):
        yield f"{path}: a fixed that is no UUID of 16 bytes"
    if kind == "record":
        yield from _in_record(schema, path, (*inside, schema["name"]), known)


def _in_array(schema, path, inside, known):
    items = known.get(schema["items"]) if isinstance(schema["items"], str) else schema["items"]
    if schema["items"] == "null" or (isinstance(items, dict) and items.get("fields") == []):
        yield f"{path}: an item that takes no byte, of which a record could claim any number"
    yield from _breaches(schema["items"], f"{path}[]", inside, known)


def _in_record(schema, path, inside, known):
    for field in schema["fields"]:
        where = f"{path}.{field['name']}"
        yield from _undocumented(field, where)
        if not _default_fits(field):
            yield f"{where}: null is the default of unions, empty that of what was added later"
        yield from _breaches(field["type"], where, inside, known)


def _default_fits(field):
    if isinstance(field["type"], list):
        return field.get("default", "none") is None
    kind = field["type"]["type"] if isinstance(field["type"], dict) else field["type"]
    return "default" not in field or field["default"] == EMPTY.get(kind)


def _undocumented(thing, where):
    doc = thing.get("doc", "")
    if not (doc[:1].isupper() and doc.endswith(".") and len(doc.split()) > 2):
        yield f"{where}: no sentence says what it means"


def differences(cls, definition):
    """Where a class and its schema say different things, as sentences."""
    return list(_differences(cls, definition, cls.__name__, {}))


def _differences(hint, schema, path, known):
    if isinstance(schema, str):
        schema = known.get(schema, schema)
    if inner := inner_of(hint):
        if not isinstance(schema, list):
            yield f"{path}: may be None, and its schema has no null"
            return
        yield from _differences(inner, schema[1], path, known)
    elif item := item_of(hint):
        if not isinstance(schema, dict) or schema["type"] != "array":
            yield f"{path}: is a tuple, and its schema no array"
            return
        yield from _differences(item, schema["items"], f"{path}[]", known)
    elif is_record(hint):
        yield from _record_differences(hint, schema, path, known)
    elif schema != _avro_of(hint, schema, known):
        yield f"{path}: {hint.__name__} is another type in the schema"


def _record_differences(cls, schema, path, known):
    if not isinstance(schema, dict) or schema.get("name") != full_name(cls):
        yield f"{path}: is a {cls.__name__}, and its schema is not"
        return
    known[schema["name"]] = schema
    fields = {field["name"]: field["type"] for field in schema["fields"]}
    hints = fields_of(cls)
    if list(fields) != list(hints):
        yield f"{path}: other fields, or in another order"
        return
    for name, hint in hints.items():
        yield from _differences(hint, fields[name], f"{path}.{name}", known)


def _avro_of(hint, schema, known):
    if hint in AVRO_OF:
        return AVRO_OF[hint]
    if hint in TAXONOMY:
        return "string"
    expected = (
        {"type": "fixed", "name": "rivelin.Uuid", "size": 16}
        if hint is UUID
        else {"type": "enum", "name": full_name(hint), "symbols": _codes(hint)}
    )
    if isinstance(schema, dict):
        known[schema["name"]] = schema
        expected["doc"] = schema["doc"]
    return expected


def _codes(hint):
    return [code.value for code in hint] if issubclass(hint, StrEnum) else None
