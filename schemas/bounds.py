"""What no schema may hold, looked for when it is loaded: what lets a few bytes claim much.

A record that contains itself is as deep as its bytes like; an item that takes
no byte can be there fifty million times in five; a decimal in bytes costs the
square of its length; a map has no one order, a float no one spelling. Each is
measured against the Avro library in `tests/hostile/test_avro_traps.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEPTH_MAX: Final = 16
_SCALARS: Final = frozenset({"string", "bytes", "long", "int", "boolean"})
_LOGICAL: Final = frozenset({None, "timestamp-millis", "date"})

Type: TypeAlias = Any
"""A type as the JSON of a schema has it: a name, a list or an object."""


class UnboundedSchemaError(ValueError):
    """A schema with which a few bytes can claim much. The message names the place to mend."""


def check_bounds(definition: Mapping[str, Any]) -> None:
    """Refuse a schema whose records could not be bounded by their bytes.

    Raises: UnboundedSchemaError.
    """
    _bytes_min(definition, "", (), {})


def _bytes_min(schema: Type, path: str, inside: tuple[str, ...], known: dict[str, int]) -> int:
    """Return the least number of bytes that a value takes."""
    if len(inside) > DEPTH_MAX:
        raise UnboundedSchemaError(f"{path}: deeper than {DEPTH_MAX}")
    if isinstance(schema, list):
        return _of_union(schema, path, inside, known)
    if isinstance(schema, str):
        return _of_name(schema, path, inside, known)
    kind = schema.get("type")
    if kind in _SCALARS:
        return _of_scalar(schema, path)
    of_kind = _OF_KIND.get(kind)
    if of_kind is None:
        raise UnboundedSchemaError(f"{path}: {kind} is no type of ours")
    least = of_kind(schema, path, (*inside, schema.get("name", "[]")), known)
    if "name" in schema:
        known[schema["name"]] = least
    return least


def _of_union(schema: Type, path: str, inside: tuple[str, ...], known: dict[str, int]) -> int:
    if len(schema) != 2 or schema[0] != "null":  # noqa: PLR2004 - null and one type
        raise UnboundedSchemaError(f"{path}: a union that is not null or one type")
    _bytes_min(schema[1], path, inside, known)
    return 1


def _of_name(name: str, path: str, inside: tuple[str, ...], known: dict[str, int]) -> int:
    if name in inside:
        raise UnboundedSchemaError(f"{path}: {name} contains itself")
    if name in _SCALARS:
        return 1
    if name not in known:
        raise UnboundedSchemaError(f"{path}: {name} is no type of ours")
    return known[name]


def _of_scalar(schema: Type, path: str) -> int:
    if schema.get("logicalType") not in _LOGICAL:
        raise UnboundedSchemaError(f"{path}: {schema['logicalType']} is no type of ours")
    return 1


def _of_record(schema: Type, path: str, inside: tuple[str, ...], known: dict[str, int]) -> int:
    return sum(
        _bytes_min(field["type"], f"{path}.{field['name']}".lstrip("."), inside, known)
        for field in schema["fields"]
    )


def _of_array(schema: Type, path: str, inside: tuple[str, ...], known: dict[str, int]) -> int:
    if _bytes_min(schema["items"], f"{path}[]", inside, known) == 0:
        raise UnboundedSchemaError(f"{path}: an item that takes no byte")
    return 1


def _of_fixed(schema: Type, *_: object) -> int:
    return int(schema["size"])


def _of_enum(*_: object) -> int:
    return 1


_OF_KIND: Final[Mapping[str, Callable[..., int]]] = {
    "record": _of_record,
    "array": _of_array,
    "fixed": _of_fixed,
    "enum": _of_enum,
}
