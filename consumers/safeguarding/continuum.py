"""The local continuum of need: four levels by local names, as data beside this module.

A named person assesses the level; nothing here computes one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from streams.errors import InvalidInputError, RivelinError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.codes import NeedReason

#: The version that is assessed by today. To change names or meanings add a file and count on.
CONTINUUM_VERSION: Final = 1
LEVELS: Final = (1, 2, 3, 4)
#: At these a place of help may be offered; an alert assessed so and without an offer is listed.
BELOW_THRESHOLD: Final = (1, 2)
_FIELDS: Final = {"level", "name", "means"}


class BadContinuumError(RivelinError):
    """The file of the continuum of need does not hold: it has four levels, 1 to 4, each named."""


class BadLevelError(InvalidInputError):
    """A level of need is 1, 2, 3 or 4, by the continuum that is in use, and has a reason."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level by its local name."""

    level: int
    name: str
    means: str


@cache
def continuum(version: int = CONTINUUM_VERSION) -> Mapping[int, Level]:
    """Return the levels of a version.

    Raises: BadContinuumError if there is no such version, or its file does not hold.
    """
    file = files("consumers.safeguarding").joinpath(f"continuum-{version}.json")
    if not file.is_file():
        raise BadContinuumError(f"there is no version {version} of the continuum of need")
    return parse(json.loads(file.read_text(encoding="utf-8")))


def parse(document: Mapping[str, object]) -> Mapping[int, Level]:
    """Return the levels of a document.

    Raises: BadContinuumError for a missing or unknown field, and unless there are levels 1 to 4.
    """
    rows = document.get("levels")
    if not isinstance(rows, list) or any(set(row) != _FIELDS for row in rows):
        raise BadContinuumError("each level of the continuum has exactly level, name and means")
    found = {row["level"]: Level(row["level"], row["name"], row["means"]) for row in rows}
    if tuple(sorted(found)) != LEVELS or len(rows) != len(LEVELS):
        raise BadContinuumError("the continuum has the levels 1, 2, 3 and 4, each once")
    return found


def name_of(level: int | None, version: int | None) -> str | None:
    """Return the local name of a level that was assessed by a version; its number if unknown."""
    if level is None or version is None:
        return None
    try:
        return continuum(version)[level].name
    except BadContinuumError:
        return f"level {level}"


def against_level(level: int, reasons: Sequence[NeedReason]) -> BadLevelError | None:
    """Return what is wrong with an assessment, None if it holds."""
    if level not in LEVELS:
        return BadLevelError("a level of need is 1, 2, 3 or 4")
    if not reasons:
        return BadLevelError("an assessment gives at least one reason")
    return None
