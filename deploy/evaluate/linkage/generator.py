"""Inventing a file of people with a truth, as FEBRL does, in British shape and with families.

Originals are people of many name origins; some live with a twin, a sibling or
a parent of the same name. Each duplicate is an original written down again
with one to four mistakes: slips of the fingers and of the ear, letters read
wrongly by a machine, names swapped, shortened or transliterated otherwise,
halves of double names, day and month exchanged, a wrong digit, a value left
out, a move. Numbers are from test ranges only.

Source: the shape of the mistakes is that of FEBRL's generator (Christen and
Pudjijono, 2009); the rates are our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.evaluate.linkage.columns import RECORD
from deploy.evaluate.linkage.households import Kind, Maker
from deploy.evaluate.linkage.truth import ENTITY
from deploy.unprintable import write_csv
from producers.town.dice import Dice
from producers.town.errors import typo
from producers.town.names import nickname
from producers.town.places import Streets
from streams.errors import InvalidInputError
from streams.values import Sex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from deploy.evaluate.linkage.households import Inhabitant

#: How many duplicates an original has, and with which weight.
DUPLICATES: Final[Mapping[int, float]] = {0: 0.2, 1: 0.35, 2: 0.2, 3: 0.12, 4: 0.08, 5: 0.05}
#: How many mistakes a duplicate tries to make.
MISTAKES: Final[Mapping[int, float]] = {0: 0.25, 1: 0.35, 2: 0.22, 3: 0.12, 4: 0.06}
#: Who an original lives with.
COMPANY: Final[Mapping[Kind | None, float]] = {
    None: 0.90,
    Kind.TWIN: 0.02,
    Kind.SAME_INITIAL_TWIN: 0.01,
    Kind.SIBLING: 0.06,
    Kind.SAME_NAMED_PARENT: 0.01,
}
#: Share of records in which a value is not held at all.
NOT_HELD: Final[Mapping[str, float]] = {
    "nhs_number": 0.10,
    "upn": 0.60,
    "middle_names": 0.60,
    "phone": 0.50,
    "email": 0.70,
    "sex": 0.03,
    "date_of_birth": 0.02,
    "address": 0.03,
    "postcode": 0.03,
}
_BORN: Final = (1950, 2019)
_PUPILS_BORN_FROM: Final = "2008"
COLUMNS: Final = (
    *("given_name", "middle_names", "family_name", "date_of_birth", "sex", "address", "postcode"),
    *("phone", "email", "nhs_number", "upn", "origin"),
)

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Generated:
    """Rows in the order in which they come in, and the entity of each record."""

    rows: tuple[Mapping[str, str], ...]
    truth: Mapping[str, str]


def generate(people: int, seed: int = 1) -> Generated:
    """Invent so many originals and their duplicates; the same seed invents the same."""
    dice, maker = Dice(seed, "generated people"), Maker(seed, _BORN)
    clerk = _Clerk(Dice(seed, "generated mistakes"), Streets(Dice(seed, "generated moves")))
    told = [
        (f"P{number:06d}", row)
        for number, one in enumerate(_originals(people, maker, dice))
        for row in clerk.written(one, dice.weighted(DUPLICATES))
    ]
    shuffled = dice.shuffled(told)
    named = [(f"G{number:06d}", *one) for number, one in enumerate(shuffled, start=1)]
    rows = tuple({RECORD: record, **row} for record, _, row in named)
    return Generated(rows, {record: entity for record, entity, _ in named})


def write(generated: Generated, folder: Path) -> tuple[Path, Path]:
    """Write `records.csv` and `truth.csv`, and return their paths.

    Raises: InvalidInputError if one is there already; OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records, truth = folder / "records.csv", folder / "truth.csv"
    if there := [path for path in (records, truth) if path.exists()]:
        raise InvalidInputError(f"{there[0]} is there already")
    _write(records, (RECORD, *COLUMNS), generated.rows)
    pairs = ({RECORD: record, ENTITY: entity} for record, entity in generated.truth.items())
    _write(truth, (RECORD, ENTITY), pairs)
    return records, truth


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> None:
    write_csv(path, columns, ([row[column] for column in columns] for row in rows))


def _originals(people: int, maker: Maker, dice: Dice) -> Iterator[Inhabitant]:
    made = 0
    while made < people:
        kind = dice.weighted(COMPANY)
        together = (maker.person(),) if kind is None else maker.household(kind)
        yield from together[: people - made]
        made += len(together)


# --- mistakes ------------------------------------------------------------------------------------

#: What a machine reads for what is printed.
_MISREAD: Final = (
    *(("m", "rn"), ("rn", "m"), ("cl", "d"), ("d", "cl"), ("h", "b"), ("vv", "w"), ("w", "vv")),
    *(("li", "h"), ("e", "c"), ("u", "n"), ("i", "l"), ("0", "8"), ("1", "7"), ("5", "6")),
)
_HEARD: Final = (
    *(("ph", "f"), ("f", "ph"), ("ck", "k"), ("k", "c"), ("c", "k"), ("s", "z"), ("z", "s")),
    *(("y", "i"), ("ie", "y"), ("ee", "ea"), ("th", "t"), ("v", "w"), ("sh", "sch"), ("ou", "u")),
)
#: Spellings of one name in the Latin script; the first letter is written as the name's is.
_TRANSLITERATED: Final = (
    "mohammed muhammad mohamed mohammad muhammed",
    "ahmed ahmad ahmet",
    "hussain hussein husain hossain",
    "hassan hasan",
    "yusuf yousef youssef yousuf",
    "abdulrahman abdurrahman abdul-rahman",
    "zainab zaynab zeinab",
    "fatima fatimah fathima",
    "khadija khadijah khadra",
    "saleh salih",
    "nasser nasir naser",
    "yahya yehia",
    "fadumo faduma",
    "jama jamac",
    "sergiy serhii sergei",
    "oleksandr alexander",
    "kateryna katerina ekaterina",
    "yuliia julia yulia",
    "giorgos georgios",
    "xiao hsiao",
    "zhang chang",
)
_VARIANTS: Final = {
    name: tuple(other for other in names.split() if other != name)
    for names in _TRANSLITERATED
    for name in names.split()
}
_MONTHS: Final = 12
_DIGITS: Final = "0123456789"


class _Clerk:
    """Writes a person down, the second time and later with mistakes."""

    def __init__(self, dice: Dice, streets: Streets) -> None:
        self._dice = dice
        self._streets = streets

    def written(self, person: Inhabitant, duplicates: int) -> Iterator[Row]:
        """Yield the original and its duplicates."""
        right = _row(person)
        yield self._held(right)
        for _ in range(duplicates):
            yield self._held(self._mistaken(right))

    def _held(self, row: Row) -> Row:
        gone = {name for name, chance in NOT_HELD.items() if self._dice.chance(chance)}
        return {name: "" if name in gone else value for name, value in row.items()}

    def _mistaken(self, right: Row) -> Row:
        row = dict(right)
        for _ in range(self._dice.weighted(MISTAKES)):
            self._dice.weighted(_RATES)(self, row)
        return row

    def _slip(self, row: Row) -> None:
        field = self._dice.pick(
            ("given_name", "family_name", "given_name", "family_name", "address")
        )
        row[field] = typo(row[field], self._dice)

    def _misread(self, row: Row) -> None:
        self._replaced(row, self._dice.pick(("given_name", "family_name", "address")), _MISREAD)

    def _misheard(self, row: Row) -> None:
        self._replaced(row, self._dice.pick(("given_name", "family_name")), _HEARD)

    def _replaced(self, row: Row, field: str, pairs: Iterable[tuple[str, str]]) -> None:
        text = row[field]
        fit = [pair for pair in pairs if pair[0] in text[1:].lower()]
        if fit:
            old, new = self._dice.pick(fit)
            place = text.lower().index(old, 1)
            row[field] = text[:place] + new + text[place + len(old) :]

    def _swapped(self, row: Row) -> None:
        row["given_name"], row["family_name"] = row["family_name"], row["given_name"]

    def _shortened(self, row: Row) -> None:
        if short := nickname(row["given_name"], self._dice):
            row["given_name"] = short

    def _transliterated(self, row: Row) -> None:
        for field in ("given_name", "family_name"):
            if others := _VARIANTS.get(row[field].lower()):
                row[field] = self._dice.pick(others).title()

    def _halved(self, row: Row) -> None:
        for field in ("given_name", "family_name"):
            halves = row[field].replace("-", " ").split()
            if len(halves) > 1:
                row[field] = self._dice.pick(halves)

    def _doubled(self, row: Row) -> None:
        """Somebody married, or a clerk wrote the mother's name too."""
        row["family_name"] = f"{row['family_name']}-{self._dice.pick(_SECOND_NAMES)}"

    def _day_month(self, row: Row) -> None:
        year, _, rest = row["date_of_birth"].partition("-")
        month, _, day = rest.partition("-")
        if day and int(day) <= _MONTHS:
            row["date_of_birth"] = f"{year}-{day}-{month}"

    def _wrong_digit(self, row: Row) -> None:
        field = self._dice.pick(("date_of_birth", "date_of_birth", "phone", "postcode"))
        places = [place for place, letter in enumerate(row[field]) if letter.isdigit()]
        places = places[2:] if field == "date_of_birth" else places
        if places:
            place = self._dice.pick(places)
            digit = self._dice.pick(_DIGITS.replace(row[field][place], ""))
            row[field] = row[field][:place] + digit + row[field][place + 1 :]

    def _left_out(self, row: Row) -> None:
        row[self._dice.pick(("date_of_birth", "address", "postcode", "phone", "sex"))] = ""

    def _moved(self, row: Row) -> None:
        home = self._streets.new()
        row["address"], row["postcode"] = home.line, home.postcode

    def _mistyped_number(self, row: Row) -> None:
        """Two digits exchanged: the check digit says so, and the number is as good as missing."""
        text = row["nhs_number"]
        place = self._dice.between(3, len(text) - 2)
        row["nhs_number"] = text[:place] + text[place + 1] + text[place] + text[place + 2 :]


_SECOND_NAMES: Final = ("Testerby", "Inventley", "Fictley", "Sampleworth", "Mockridge")
_RATES: Final[Mapping[Callable[[_Clerk, Row], None], float]] = {
    _Clerk._slip: 26,  # noqa: SLF001 - a table of the class's own ways
    _Clerk._misheard: 9,  # noqa: SLF001 - the same
    _Clerk._misread: 7,  # noqa: SLF001 - the same
    _Clerk._swapped: 3,  # noqa: SLF001 - the same
    _Clerk._shortened: 8,  # noqa: SLF001 - the same
    _Clerk._transliterated: 8,  # noqa: SLF001 - the same
    _Clerk._halved: 4,  # noqa: SLF001 - the same
    _Clerk._doubled: 2,  # noqa: SLF001 - the same
    _Clerk._day_month: 5,  # noqa: SLF001 - the same
    _Clerk._wrong_digit: 10,  # noqa: SLF001 - the same
    _Clerk._left_out: 8,  # noqa: SLF001 - the same
    _Clerk._moved: 8,  # noqa: SLF001 - the same
    _Clerk._mistyped_number: 2,  # noqa: SLF001 - the same
}


def _row(person: Inhabitant) -> Row:
    told = person.identity
    born = told.born_on.isoformat() if told.born_on else ""
    row = {
        "given_name": told.given_name,
        "middle_names": told.middle_names,
        "family_name": told.family_name,
        "date_of_birth": born,
        "sex": {Sex.FEMALE: "F", Sex.MALE: "M"}.get(person.sex),
        "address": told.address,
        "postcode": told.postcode,
        "phone": told.phone,
        "email": told.email,
        "nhs_number": told.nhs_number,
        "upn": told.upn if born >= _PUPILS_BORN_FROM else None,
        "origin": person.origin,
    }
    return {name: value or "" for name, value in row.items()}
