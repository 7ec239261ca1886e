"""The truth of an evaluation: which records are one person, and how pairs are counted."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING, Final, TypeAlias

from deploy.evaluate.linkage.columns import RECORD
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping
    from pathlib import Path

ENTITY: Final = "entity"
Truth: TypeAlias = "Mapping[str, str]"
"""Record to entity."""


def read_truth(path: Path, records: Iterable[str]) -> Truth:
    """Read a CSV file with the columns record and entity.

    Raises: InvalidInputError naming the line, or a record that is in no file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            truth = _read(csv.DictReader(lines, strict=True, skipinitialspace=True), path.name)
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path.name} is not UTF-8") from None
    except csv.Error as error:
        raise InvalidInputError(f"{path.name} is no CSV: {error}") from None
    if unknown := sorted(truth.keys() - set(records)):
        raise InvalidInputError(
            f"{path.name} tells of {len(unknown)} records that are in no file, {unknown[0]!r} first"
        )
    return truth


def _read(rows: csv.DictReader[str], file: str) -> dict[str, str]:
    names = rows.fieldnames or ()
    if missing := [name for name in (RECORD, ENTITY) if name not in names]:
        raise InvalidInputError(f"{file} has no column {missing[0]!r}; it holds record,entity")
    truth: dict[str, str] = {}
    for row in rows:
        record, entity = ((row[name] or "").strip() for name in (RECORD, ENTITY))
        if not record or not entity:
            raise InvalidInputError(f"{file}, line {rows.line_num}: record or entity is empty")
        if truth.setdefault(record, entity) != entity:
            raise InvalidInputError(f"{file}, line {rows.line_num}: the record has two entities")
    if not truth:
        raise InvalidInputError(f"{file} holds no records")
    return truth


def pairs_within(groups: Iterable[Hashable]) -> int:
    """Count the pairs of things that lie in one group, given the group of each thing."""
    return sum(count * (count - 1) // 2 for count in Counter(groups).values())


def pairs_between(left: Iterable[str], right: Iterable[str]) -> tuple[int, int]:
    """Of all pairs across two clusters count those of one entity, and all.

    Each cluster is given as the entity of each of its records.
    """
    here, there = Counter(left), Counter(right)
    same = sum(count * there[entity] for entity, count in here.items())
    return same, here.total() * there.total()
