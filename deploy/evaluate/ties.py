"""Reading a file of ties: who stands with whom, how strongly; the truth an evaluation holds."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from streams.errors import InvalidInputError
from streams.taxonomy import RELATIONS, Bond, Ends, RelationKind
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

WEIGHT_MAX: Final = 1_000
PHASE_MAX: Final = 9_999
Pair = tuple[str, str]

_NETWORK_BONDS: Final = frozenset({Bond.NETWORK, Bond.CONDITIONAL})
_TARGET_KINDS: Final[Mapping[Ends, NodeKind]] = {
    Ends.PERSON_PERSON: NodeKind.PERSON,
    Ends.PERSON_ORGANISATION: NodeKind.ORGANISATION,
    Ends.PERSON_PHONE: NodeKind.PHONE,
    Ends.PERSON_ADDRESS: NodeKind.ADDRESS,
    Ends.PERSON_OBJECT: NodeKind.VEHICLE,
}


@dataclass(frozen=True, slots=True)
class Tie:
    """One row: `weight` is the number of independent origins that tell of it.

    Rows of a lower `phase` are told before those of a higher one; None in a file without phases.
    """

    source: str
    target: str
    kind: RelationKind
    weight: int
    at: date | None
    phase: int | None = None


@dataclass(frozen=True, slots=True)
class TieFile:
    """The rows in file order, and what kind of thing each node is."""

    ties: tuple[Tie, ...]
    kinds: Mapping[str, NodeKind]

    @property
    def pairs(self) -> Mapping[Pair, int]:
        """Return the weight of each unordered pair that a network should hold.

        Rows of both directions add up; kin, friends, homes and schools join no network.
        """
        weights: Counter[Pair] = Counter()
        for tie in self.ties:
            if RELATIONS[tie.kind].bond in _NETWORK_BONDS:
                weights[pair(tie.source, tie.target)] += tie.weight
        return weights

    @property
    def nodes(self) -> tuple[str, ...]:
        """Return every node in the order in which the file first names it."""
        return tuple(dict.fromkeys(name for tie in self.ties for name in (tie.source, tie.target)))

    @property
    def phases(self) -> tuple[int, ...]:
        """Return the phases in order, none for a file without."""
        return tuple(sorted({tie.phase for tie in self.ties if tie.phase is not None}))

    @property
    def is_bipartite(self) -> bool:
        """Tell whether every row is a person's membership of an organisation."""
        return all(RELATIONS[tie.kind].ends is Ends.PERSON_ORGANISATION for tie in self.ties)


def pair(left: str, right: str) -> Pair:
    """Return the two names in one order, whichever way round the row told them."""
    return (left, right) if left <= right else (right, left)


def read_ties(
    path: Path, columns: Mapping[str, str], bipartite: tuple[str, str] | None = None
) -> TieFile:
    """Read a CSV file with a header line.

    `columns` maps a field (source, target, weight, kind, at, phase) to the name of its
    column; a field that is not in it has its own name. With `bipartite` the two
    columns named there hold persons and organisations. A row without a kind is
    a co-offence, a row without a weight has one origin. Where there is a column of phases every
    row has one.

    Raises: InvalidInputError naming line and field.
    """
    names = _column_names(columns, bipartite)
    default = RelationKind.MEMBER_OF if bipartite else RelationKind.CO_OFFENDER
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        _require(reader.fieldnames or (), names, columns, path.name)
        ties = tuple(_ties(reader, names, default))
    if not ties:
        raise InvalidInputError(f"{path.name} holds no ties")
    return TieFile(ties, _node_kinds(ties))


def _column_names(
    columns: Mapping[str, str], bipartite: tuple[str, str] | None
) -> Mapping[str, str]:
    fields = ("source", "target", "weight", "kind", "at", "phase")
    if unknown := sorted(set(columns) - set(fields)):
        raise InvalidInputError(
            f"--map knows {', '.join(fields)}; there is no field {', '.join(unknown)}"
        )
    names = {field: columns.get(field, field) for field in fields}
    if bipartite:
        names["source"], names["target"] = bipartite
    return names


def _require(
    found: Sequence[str], names: Mapping[str, str], given: Mapping[str, str], file: str
) -> None:
    present = set(found)
    for field in dict.fromkeys(("source", "target", *given)):
        if names[field] not in present:
            raise InvalidInputError(
                f"{file} has no column {names[field]!r} for {field}; "
                f"name it with --map {field}=COLUMN"
            )


def _ties(
    rows: csv.DictReader[str], names: Mapping[str, str], default: RelationKind
) -> Iterator[Tie]:
    with_phases = names["phase"] in (rows.fieldnames or ())
    for row in rows:
        where = f"line {rows.line_num}"
        source, target = (row.get(names[field]) or "" for field in ("source", "target"))
        if not source.strip() or not target.strip():
            raise InvalidInputError(f"{where}: source or target is empty")
        if source.strip() == target.strip():
            raise InvalidInputError(f"{where}: source and target are the same node")
        yield Tie(
            source.strip(),
            target.strip(),
            _kind(row.get(names["kind"]), default, where),
            _weight(row.get(names["weight"]), where),
            _day(row.get(names["at"]), where),
            _phase(row.get(names["phase"]), where) if with_phases else None,
        )


def _kind(text: str | None, default: RelationKind, where: str) -> RelationKind:
    if not text or not text.strip():
        return default
    code = text.strip().upper().replace("-", "_").replace(" ", "_")
    try:
        return RelationKind(code)
    except ValueError:
        raise InvalidInputError(f"{where}: kind is not in the taxonomy") from None


def _weight(text: str | None, where: str) -> int:
    if not text or not text.strip():
        return 1
    try:
        weight = int(text)
    except ValueError:
        raise InvalidInputError(f"{where}: weight is no whole number") from None
    if not 1 <= weight <= WEIGHT_MAX:
        raise InvalidInputError(f"{where}: weight must be from 1 to {WEIGHT_MAX}")
    return weight


def _phase(text: str | None, where: str) -> int:
    cleaned = (text or "").strip()
    if not (cleaned.isascii() and cleaned.isdecimal()) or int(cleaned) > PHASE_MAX:
        raise InvalidInputError(f"{where}: phase is no whole number from 0 to {PHASE_MAX}")
    return int(cleaned)


def _day(text: str | None, where: str) -> date | None:
    if not text or not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise InvalidInputError(f"{where}: at is no date (YYYY-MM-DD)") from None


def _node_kinds(ties: tuple[Tie, ...]) -> Mapping[str, NodeKind]:
    kinds = {tie.source: NodeKind.PERSON for tie in ties}
    for tie in ties:
        kind = _TARGET_KINDS[RELATIONS[tie.kind].ends]
        if kinds.setdefault(tie.target, kind) is not kind:
            raise InvalidInputError("a node is a person in one row and something else in another")
    return kinds
