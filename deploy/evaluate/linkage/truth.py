"""The truth of an evaluation: which records are one person, and how pairs are counted."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING, Final, TypeAlias

from deploy.evaluate.linkage.columns import RECORDS, delimiter_of, plain
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from pathlib import Path

ENTITY: Final = "entity"
ENTITIES: Final = (ENTITY, "entity_id", "cluster", "cluster_id", "person", "person_id")
Truth: TypeAlias = "Mapping[str, str]"
"""Record to entity."""


def read_truth(path: Path, records: Iterable[str]) -> Truth:
    """Read a CSV file with the columns record and entity, or obvious names of these.

    Raises: InvalidInputError naming the line, or a record that is in no file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, delimiter=delimiter_of(lines), strict=True)
            truth = _read(rows, path.name)
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path.name} is not UTF-8") from None
    except csv.Error as error:
        raise InvalidInputError(f"{path.name} is no CSV: {error}") from None
    if unknown := sorted(truth.keys() - set(records)):
        more = f", nor are {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise InvalidInputError(f"{path.name}: record {unknown[0]!r} is in no file{more}")
    return truth


def _read(rows: csv.DictReader[str], file: str) -> dict[str, str]:
    columns = [_column(rows.fieldnames or (), names, file) for names in (RECORDS, ENTITIES)]
    truth: dict[str, str] = {}
    for row in rows:
        record, entity = ((row[name] or "").strip() for name in columns)
        if not record or not entity:
            raise InvalidInputError(f"{file}, line {rows.line_num}: record or entity is empty")
        if truth.setdefault(record, entity) != entity:
            raise InvalidInputError(f"{file}, line {rows.line_num}: the record has two entities")
    if not truth:
        raise InvalidInputError(f"{file} holds no records")
    return truth


def _column(header: Sequence[str], names: Sequence[str], file: str) -> str:
    known = {plain(column): column for column in header}
    found = next((known[name] for name in names if name in known), None)
    if found is None:
        raise InvalidInputError(f"{file} has no column {names[0]!r}; a truth has record,entity")
    return found


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
