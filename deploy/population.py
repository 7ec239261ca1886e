"""The file of a reference population: read strictly, written for an example.

A CSV with a header line and the columns `district` (postcode district, S5),
`police_area` (the police force area it lies in), `sex` (FEMALE, MALE, OTHER),
`age_band` (AGE_0_4, AGE_5_10, AGE_11_15, AGE_16_17, ADULT) and `count`; and,
where the tables tell with whom people live, `household`: the others behind the
same door, each as SEX:BAND with spaces between ("FEMALE:ADULT MALE:AGE_5_10"),
empty for those who live alone or of whom the tables do not tell. The rows of
one district, sex and band add up.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from deploy.unprintable import write_csv
from producers import examples
from streams.errors import InvalidInputError
from streams.shared import (
    DistrictPopulation,
    HouseholdCount,
    Housemate,
    PopulationCell,
    ReferencePopulationSet,
)
from streams.spelling import COLLECTION_ITEMS_MAX
from streams.values import AgeBand, Sex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

REQUIRED: Final = ("district", "police_area", "sex", "age_band", "count")
HOUSEHOLD: Final = "household"
_DISTRICT: Final = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]?")
_DIGITS_MAX: Final = 9
_AREA_CHARS_MAX: Final = 60


def read_population(path: Path) -> tuple[DistrictPopulation, ...]:
    """Read a file of counts.

    Raises: InvalidInputError naming the line and column of the first thing that does not hold.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _population(csv.DictReader(file, strict=True))
    except UnicodeDecodeError:
        raise InvalidInputError("the file is not UTF-8 text") from None
    except csv.Error as error:
        raise InvalidInputError(f"the file is no CSV: {error}") from None


def example_population(decided_by: str, decided_at: datetime) -> ReferencePopulationSet:
    """Return the census of an invented city, as `rivelin population example` writes it.

    Its districts are Sheffield's and its people are nobody: the demo counts its small cells there.
    """
    with resources.as_file(resources.files(examples) / "population.csv") as path:
        districts = read_population(path)
    return ReferencePopulationSet(
        name="an invented city", districts=districts, decided_by=decided_by, decided_at=decided_at
    )


def write_population(path: Path, districts: Iterable[DistrictPopulation]) -> int:
    """Write the counts without households; return how many rows."""
    rows = (
        (one.district, one.police_area, cell.sex.value, cell.age_band.value, cell.count)
        for one in districts
        for cell in one.cells
    )
    return write_csv(path, REQUIRED, rows)


Others = tuple[tuple[Sex, AgeBand], ...]


@dataclass(slots=True)
class _District:
    """The rows of one district so far."""

    police_area: str
    cells: defaultdict[tuple[Sex, AgeBand], Counter[Others]] = field(
        default_factory=lambda: defaultdict(Counter)
    )


def _population(rows: csv.DictReader[str]) -> tuple[DistrictPopulation, ...]:
    _check_header(rows.fieldnames)
    found: dict[str, _District] = {}
    for row in rows:
        _add(found, row, rows.line_num)
    if not found:
        raise InvalidInputError("the file holds no row but its header")
    if len(found) > COLLECTION_ITEMS_MAX:
        raise InvalidInputError(f"the file holds more than {COLLECTION_ITEMS_MAX:,} districts")
    return tuple(
        DistrictPopulation(
            district=name, police_area=one.police_area, cells=tuple(_cells(one.cells))
        )
        for name, one in sorted(found.items())
    )


def _check_header(names: Iterable[str] | None) -> None:
    columns = list(names or ())
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise InvalidInputError(f"line 1: no column {', '.join(missing)}")
    unknown = [name for name in columns if name not in {*REQUIRED, HOUSEHOLD}]
    if unknown:
        raise InvalidInputError(f"line 1: unknown column {', '.join(map(repr, unknown))}")
    if len(columns) != len(set(columns)):
        raise InvalidInputError("line 1: a column stands there twice")


def _add(found: dict[str, _District], row: Mapping[Any, Any], line: int) -> None:
    if None in row or None in row.values():
        raise _refused(line, "row", "has more or fewer fields than the header")
    name = row["district"].strip().upper()
    if not _DISTRICT.fullmatch(name):
        raise _refused(line, "district", "write a postcode district, such as S5")
    area = row["police_area"].strip()
    if not 0 < len(area) <= _AREA_CHARS_MAX or not area.isprintable():
        raise _refused(line, "police_area", f"write a name of up to {_AREA_CHARS_MAX} characters")
    district = found.setdefault(name, _District(area))
    if district.police_area != area:
        raise _refused(line, "police_area", "an earlier row puts the district elsewhere")
    look = (_sex(row["sex"], line, "sex"), _band(row["age_band"], line, "age_band"))
    others = _others(row.get(HOUSEHOLD, ""), line)
    if others in district.cells[look]:
        raise _refused(line, "row", "an earlier row counts the same people")
    district.cells[look][others] = _count(row["count"], line)


def _refused(line: int, column: str, remedy: str) -> InvalidInputError:
    return InvalidInputError(f"line {line}: {column}: {remedy}")


def _sex(text: str, line: int, column: str) -> Sex:
    known = (Sex.FEMALE, Sex.MALE, Sex.OTHER)
    code = text.strip().upper()
    if code not in {one.value for one in known}:
        raise _refused(line, column, f"unknown; write {', '.join(known)}")
    return Sex(code)


def _band(text: str, line: int, column: str) -> AgeBand:
    known = [one for one in AgeBand if one is not AgeBand.UNKNOWN]
    code = text.strip().upper()
    if code not in {one.value for one in known}:
        raise _refused(line, column, f"unknown; write {', '.join(known)}")
    return AgeBand(code)


def _count(text: str, line: int) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        raise _refused(line, "count", "write a whole number, 0 or more")
    return int(digits)


def _others(text: str, line: int) -> Others:
    return tuple(sorted(_mate(one, line) for one in text.split()))


def _mate(text: str, line: int) -> tuple[Sex, AgeBand]:
    sex, colon, band = text.partition(":")
    if not colon:
        raise _refused(line, HOUSEHOLD, "write SEX:BAND for each of the others")
    return _sex(sex, line, HOUSEHOLD), _band(band, line, HOUSEHOLD)


def _cells(cells: Mapping[tuple[Sex, AgeBand], Counter[Others]]) -> Iterator[PopulationCell]:
    for (sex, band), counts in sorted(cells.items()):
        households = sorted(
            ((others, count) for others, count in counts.items() if others and count),
            key=lambda one: (-one[1], one[0]),
        )
        yield PopulationCell(
            sex=sex,
            age_band=band,
            count=counts.total(),
            households=tuple(
                HouseholdCount(others=_mates(others), count=count)
                for others, count in households[:COLLECTION_ITEMS_MAX]
            ),
        )


def _mates(others: Others) -> tuple[Housemate, ...]:
    return tuple(Housemate(sex=sex, age_band=band) for sex, band in others)
