"""The type hints of events, read once per class; codec and JSON form are built from them."""

from __future__ import annotations

import dataclasses
from types import GenericAlias, NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeAlias, get_args, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

Hint: TypeAlias = Any
"""A class, `T | None` or `tuple[T, ...]`; events use no other types."""


_known: dict[type[Any], Mapping[str, Hint]] = {}


def fields_of(cls: type[Any]) -> Mapping[str, Hint]:
    """Return the type of every field of a dataclass, in the order of the fields."""
    fields = _known.get(cls)
    if fields is None:
        hints = get_type_hints(cls)
        fields = _known[cls] = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    return fields


def is_record(hint: Hint) -> bool:
    """Tell whether a hint is a dataclass, as events and their parts are."""
    return dataclasses.is_dataclass(hint)


def inner_of(hint: Hint) -> Hint | None:
    """Return T of `T | None`; None for every other hint."""
    if not isinstance(hint, UnionType):
        return None
    (inner,) = (part for part in get_args(hint) if part is not NoneType)
    return inner


def item_of(hint: Hint) -> Hint | None:
    """Return T of `tuple[T, ...]`; None for every other hint."""
    return get_args(hint)[0] if isinstance(hint, GenericAlias) else None
