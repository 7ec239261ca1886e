"""The JSON form of events: what partners write in files and what screens print.

Keys are the Avro field names. UUIDs, dates (`2026-11-17`) and instants
(`2026-11-17T21:40:00Z`, with an offset or Z) are ISO strings, bytes are
base64, codes are their names. A field may be left out if it has a default
or may be null; a key that is no field is refused. Reading reports every
problem at once, each by its path and never by its value.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

from streams.errors import InvalidInputError
from streams.hints import Hint, fields_of, inner_of, is_record, item_of
from streams.instants import to_millisecond
from streams.parts import Reason

ITEMS_MAX: Final = 1_000
PROBLEMS_MAX: Final = 100
_LONG: Final = range(-(2**63), 2**63)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?"
)
_KEY_SHOWN: Final = re.compile(r"[a-z_]{1,40}")  # as our fields are spelt, and no name of a person

Value = TypeVar("Value")
Json: TypeAlias = Any
"""What the standard `json` module reads and writes."""


class MalformedInputError(InvalidInputError):
    """Input that is not the JSON form of what was asked for.

    `problems` holds a code and a path each, at most `PROBLEMS_MAX` of them;
    mend the named fields. The whole object is to blame where the path is None.
    """

    def __init__(self, problems: Sequence[Reason]) -> None:
        self.problems = tuple(problems[:PROBLEMS_MAX])
        super().__init__("; ".join(map(_say, self.problems)))


class _Refusal(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, code: str) -> None:
        self.code = code


def _say(problem: Reason) -> str:
    words = problem.code.replace("_", " ")
    return words if problem.field is None else f"{problem.field}: {words}"


# --- values to JSON -----------------------------------------------------------


def to_json(value: object) -> dict[str, Json]:
    """Return the JSON form of an event or a part of one, every field written out."""
    return {name: _plain(getattr(value, name)) for name in fields_of(type(value))}


def _plain(value: Json) -> Json:
    match value:
        case StrEnum() | UUID():
            return str(value)
        case datetime():
            return _format_instant(value)
        case date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return to_json(value) if dataclasses.is_dataclass(value) else value


def _format_instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- JSON to values -----------------------------------------------------------


def parse(text: str | bytes) -> Json:
    """Read JSON text, refusing what has two readings: a key given twice, NaN.

    Raises: MalformedInputError with the code `not_json` or `repeated_key`.
    """
    try:
        return json.loads(text, object_pairs_hook=_unrepeated, parse_constant=_no_constant)
    except _Refusal as refusal:
        code = refusal.code
    except (ValueError, RecursionError):
        code = "not_json"
    raise MalformedInputError([Reason(code=code)])


def _unrepeated(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise _Refusal("repeated_key")
    return unique


def _no_constant(_: str) -> Json:
    raise _Refusal("not_json")


def from_json(cls: type[Value], data: Json) -> Value:
    """Return the value whose JSON form `data` is; an instant is cut to the millisecond.

    Raises: MalformedInputError with every problem found.
    """
    problems: list[Reason] = []
    value: Value = _read(cls, data, "", problems)
    if problems:
        raise MalformedInputError(problems)
    return value


def _read(hint: Hint, data: Json, path: str, problems: list[Reason]) -> Json:
    """Return the value; what is returned after a problem was noted is of no use."""
    if inner := inner_of(hint):
        return None if data is None else _read(inner, data, path, problems)
    try:
        if item := item_of(hint):
            return _read_items(item, data, path, problems)
        if is_record(hint):
            return _read_record(hint, data, path, problems)
        return _read_code(hint, data) if issubclass(hint, StrEnum) else _SCALARS[hint](data)
    except _Refusal as refusal:
        problems.append(Reason(code=refusal.code, field=path or None))
        return None


def _read_items(item: Hint, data: Json, path: str, problems: list[Reason]) -> Json:
    if not isinstance(data, list):
        raise _Refusal("not_a_list")
    if len(data) > ITEMS_MAX:
        raise _Refusal("too_many_items")
    return tuple(
        _read(item, value, f"{path}[{index}]", problems) for index, value in enumerate(data)
    )


def _read_record(cls: type[Any], data: Json, path: str, problems: list[Reason]) -> Json:
    if not isinstance(data, Mapping):
        raise _Refusal("not_an_object")
    before = len(problems)
    hints = fields_of(cls)
    _refuse_unknown(data, hints, path, problems)
    values = {
        name: _read(hints[name], data[name], _below(path, name), problems)
        for name in hints
        if name in data
    }
    values |= _left_out(cls, data, path, problems)
    return cls(**values) if len(problems) == before else None


def _refuse_unknown(
    data: Mapping[str, Json], hints: Mapping[str, Hint], path: str, problems: list[Reason]
) -> None:
    """A key that does not look like a field name is not repeated: it may be a person's name."""
    for key in data:
        if key not in hints:
            shown = key if _KEY_SHOWN.fullmatch(key) else "?"
            problems.append(Reason(code="unknown_field", field=_below(path, shown)))


def _left_out(
    cls: type[Any], data: Mapping[str, Json], path: str, problems: list[Reason]
) -> dict[str, Json]:
    """Values of fields that are not there and need not be: null where that is allowed."""
    values: dict[str, Json] = {}
    hints = fields_of(cls)
    for field in dataclasses.fields(cls):
        if field.name in data or field.default is not dataclasses.MISSING:
            continue
        if inner_of(hints[field.name]):
            values[field.name] = None
        else:
            problems.append(Reason(code="missing", field=_below(path, field.name)))
    return values


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


# --- one JSON scalar to one value ----------------------------------------------


def _read_code(codes: type[StrEnum], data: Json) -> StrEnum:
    try:
        return codes(_text(data))
    except ValueError:
        raise _Refusal("unknown_code") from None


def _text(data: Json) -> str:
    if not isinstance(data, str):
        raise _Refusal("not_a_text")
    try:
        data.encode("utf-8")
    except UnicodeEncodeError:
        raise _Refusal("not_a_text") from None
    return data


def _whole_number(data: Json) -> int:
    if not isinstance(data, int) or isinstance(data, bool) or data not in _LONG:
        raise _Refusal("not_a_whole_number")
    return data


def _truth(data: Json) -> bool:
    if not isinstance(data, bool):
        raise _Refusal("not_true_or_false")
    return data


def _uuid(data: Json) -> UUID:
    if not isinstance(data, str) or not _UUID.fullmatch(data):
        raise _Refusal("not_a_uuid")
    return UUID(data)


def _date(data: Json) -> date:
    try:
        if isinstance(data, str) and _DATE.fullmatch(data):
            return date.fromisoformat(data)
    except ValueError:
        pass
    raise _Refusal("not_a_date")


def _instant(data: Json) -> datetime:
    shape = _INSTANT.fullmatch(data) if isinstance(data, str) else None
    if shape is None:
        raise _Refusal("not_an_instant")
    if shape["zone"] is None:
        raise _Refusal("without_time_zone")
    try:
        return to_millisecond(datetime.fromisoformat(data))
    except (ValueError, OverflowError):
        raise _Refusal("not_an_instant") from None


def _bytes(data: Json) -> bytes:
    try:
        decoded = base64.b64decode(_text(data), validate=True)
    except (binascii.Error, ValueError):
        raise _Refusal("not_base64") from None
    if base64.b64encode(decoded).decode("ascii") != data:
        raise _Refusal("not_base64")
    return decoded


_SCALARS: Final[Mapping[Hint, Callable[[Json], Json]]] = {
    str: _text,
    int: _whole_number,
    bool: _truth,
    UUID: _uuid,
    date: _date,
    datetime: _instant,
    bytes: _bytes,
}
