"""Reading files of people: each row one record, each value as the product itself reads it.

Evaluation files are dirty by design. A value that the product would send back
to the partner (a wrong check digit, no date) counts as missing, and is counted.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from deploy.evaluate.linkage.columns import (
    ORIGIN,
    RECORD,
    SEX,
    STRONG_ID,
    delimiter_of,
    read_header,
)
from streams.errors import InvalidInputError
from streams.identifiers import Spelt, read
from streams.identifiers.spelling import alnum_of, stands_for_unknown
from streams.restricted import Identity
from streams.values import Sex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from deploy.evaluate.linkage.columns import Reading

#: The field of the product in whose place an identifier without check rules stands.
_IN_PLACE_OF_STRONG_ID: Final = "passport_number"
#: A column is taken for British postcodes if this share of its values are.
_BRITISH_SHARE: Final = 0.5
_SEXES: Final = {
    **dict.fromkeys(("f", "female", "w", "woman", "girl", "2"), Sex.FEMALE),
    **dict.fromkeys(("m", "male", "man", "boy", "1"), Sex.MALE),
}
_DATES: Final = (
    *("%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%Y"),
    *("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"),
)

Row = Mapping[str, str]
"""Field (or `record`, `origin`) to what stands there, outer blanks cut off."""


@dataclass(frozen=True, slots=True)
class Person:
    """One record as the linker gets it. `origin` is what a column says of its names, or empty."""

    record: str
    spelt: tuple[Spelt, ...] = field(repr=False)
    sex: Sex = Sex.UNKNOWN
    origin: str = ""


@dataclass(frozen=True, slots=True)
class RecordFile:
    """The people of all files in order, how each file was read, and what could not be."""

    people: tuple[Person, ...]
    fields: frozenset[str]
    readings: Mapping[str, Reading]
    unreadable: Mapping[str, int]
    foreign_postcodes: bool = False


def read_records(
    paths: Sequence[Path],
    mapped: Mapping[str, str],
    use: Iterable[str] = (),
    origin: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RecordFile:
    """Read the files; `use` keeps these fields only, `origin` names a column about names.

    Raises: InvalidInputError naming file and column, or line.
    """
    readings: dict[str, Reading] = {}
    rows: list[Row] = []
    for path in paths:
        reading, found = _read_file(path, mapped, origin)
        readings[str(path)] = reading
        rows += found
    _require_columns(mapped, readings)
    wanted = _wanted(readings, use)
    _require_distinct(rows)
    reader = _Reader(wanted, rows)
    people = tuple(_counted(map(reader.person, rows), len(rows), progress))
    return RecordFile(people, wanted, readings, reader.unreadable, reader.is_foreign)


def _read_file(
    path: Path, mapped: Mapping[str, str], origin: str | None
) -> tuple[Reading, list[Row]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.reader(lines, delimiter=delimiter_of(lines), strict=True)
            return _read_lines(rows, mapped, origin, path.name)
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path.name} is not UTF-8") from None
    except csv.Error as error:
        raise InvalidInputError(f"{path.name} is no CSV: {error}") from None


def _read_lines(
    lines: Iterator[list[str]], mapped: Mapping[str, str], origin: str | None, file: str
) -> tuple[Reading, list[Row]]:
    header = [name.strip() for name in next(lines, [])]
    if not header:
        raise InvalidInputError(f"{file} is empty")
    reading = read_header(header, mapped, file)
    if origin is not None and origin not in header:
        raise InvalidInputError(f"{file} has no column {origin!r}")
    names = {**reading.columns, RECORD: (reading.record,)}
    if origin is not None:
        names[ORIGIN] = (origin,)
    places = {name: tuple(map(header.index, columns)) for name, columns in names.items()}
    rows = [
        _row(cells, places, f"{file}, row {number}")
        for number, cells in enumerate(lines, start=2)
        if cells
    ]
    if not rows:
        raise InvalidInputError(f"{file} holds no records")
    return reading, rows


def _row(cells: Sequence[str], places: Mapping[str, tuple[int, ...]], where: str) -> Row:
    if max(max(columns) for columns in places.values()) >= len(cells):
        raise InvalidInputError(f"{where}: has fewer cells than the header")
    row = {name: _joined(cells, columns) for name, columns in places.items()}
    if not row[RECORD]:
        raise InvalidInputError(f"{where}: the record has no id")
    return row


def _joined(cells: Sequence[str], columns: tuple[int, ...]) -> str:
    if len(columns) == 1:
        return cells[columns[0]].strip()
    return ", ".join(filter(None, (cells[column].strip() for column in columns)))


def _require_columns(mapped: Mapping[str, str], readings: Mapping[str, Reading]) -> None:
    for name, column in mapped.items():
        if name == RECORD:
            continue
        if not any(name in reading.columns for reading in readings.values()):
            raise InvalidInputError(f"no file has a column {column!r} for {name}")
        wanted = {column, *(part.strip() for part in column.split("+"))}
        held = {one for reading in readings.values() for one in reading.columns.get(name, ())}
        if not held <= wanted:
            raise InvalidInputError(f"no file has a column {column!r} for {name}")


def _wanted(readings: Mapping[str, Reading], use: Iterable[str]) -> frozenset[str]:
    there = frozenset(name for reading in readings.values() for name in reading.columns)
    asked = frozenset(use) or there
    if missing := sorted(asked - there):
        raise InvalidInputError(
            f"no column for {', '.join(missing)}; name it with --map {missing[0]}=COLUMN"
        )
    if not asked:
        raise InvalidInputError("no column is a field of a person; name them with --map")
    return asked


def _require_distinct(rows: Iterable[Row]) -> None:
    counts = Counter(row[RECORD] for row in rows)
    twice = [record for record, count in counts.items() if count > 1]
    if twice:
        raise InvalidInputError(f"record {twice[0]!r} stands {counts[twice[0]]} times")


def _counted(
    people: Iterable[Person], total: int, progress: Callable[[int, int], None] | None
) -> Iterator[Person]:
    for done, person in enumerate(people, start=1):
        if progress is not None and not done % 100:
            progress(done, total)
        yield person


# --- values --------------------------------------------------------------------------------------


class _Reader:
    """Turns rows into people, and counts by field what could not be read."""

    def __init__(self, wanted: frozenset[str], rows: Sequence[Row]) -> None:
        self.unreadable: Counter[str] = Counter()
        self.is_foreign = "postcode" in wanted and not _are_british(rows)
        self._wanted = wanted

    def person(self, row: Row) -> Person:
        told = {name: row[name] for name in row.keys() & self._wanted if row[name]}
        as_it_is = tuple(self._as_they_are(told))
        sex = self._sex(told.pop(SEX, ""))
        spelt, faults = read(self._identity(told))
        self.unreadable.update(fault.field for fault in faults)
        return Person(row[RECORD], (*spelt, *as_it_is), sex, row.get(ORIGIN, ""))

    def _as_they_are(self, told: dict[str, str]) -> Iterator[Spelt]:
        """What no rule of the product can judge is hashed as it is."""
        if strong := told.pop(STRONG_ID, ""):
            yield _unruled(_IN_PLACE_OF_STRONG_ID, strong)
        if self.is_foreign and (code := told.pop("postcode", "")):
            yield _unruled("postcode", code)

    def _identity(self, told: dict[str, str]) -> Identity:
        day = self._day(told.pop("born_on", ""))
        others = tuple(filter(None, map(str.strip, told.pop("known_as", "").split(";"))))
        return Identity(**told, known_as=others, born_on=day)

    def _day(self, text: str) -> date | None:
        if not text or stands_for_unknown(text):
            return None
        day = day_of(text)
        self.unreadable["born_on"] += day is None
        return day

    def _sex(self, text: str) -> Sex:
        return _SEXES.get(text.lower(), Sex.UNKNOWN)


def spelt_of(identity: Identity, strong_id: str = "") -> tuple[Spelt, ...]:
    """Return what can be read of an identity, and an identifier without check rules as it is."""
    strong = (_unruled(_IN_PLACE_OF_STRONG_ID, strong_id),) if strong_id else ()
    return (*read(identity)[0], *strong)


def _unruled(name: str, text: str) -> Spelt:
    is_value = not stands_for_unknown(text)
    return Spelt(field=name, value=text, form=alnum_of(text).upper() if is_value else None)


def day_of(text: str) -> date | None:
    """Return the date that stands there; British order where only the order tells."""
    for pattern in _DATES:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def _are_british(rows: Iterable[Row]) -> bool:
    """Whether a column of postcodes is one; another country's codes are hashed as they are."""
    codes = [row["postcode"] for row in rows if row.get("postcode")]
    spelt = sum(1 for code in codes if not read(Identity(postcode=code))[1])
    return spelt >= _BRITISH_SHARE * len(codes)
