"""Where a name comes from, roughly: so that linkage can be shown to be fair to all names.

Names do not tell who a person is; groups of names tell whether spellings of
one kind are linked worse than those of another.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

from streams.errors import InvalidInputError
from streams.identifiers.spelling import letters_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from deploy.evaluate.linkage.records import Person

UNKNOWN: Final = "unknown"
_GROUPS: Final = ("origin", "country", "locale")


def origins_of(people: Iterable[Person], surnames: Mapping[str, str]) -> Mapping[str, str]:
    """Return the origin of each record: what its file says, else its family name, else unknown."""
    return {person.record: person.origin or _by_surname(person, surnames) for person in people}


def _by_surname(person: Person, surnames: Mapping[str, str]) -> str:
    names = (one.form for one in person.spelt if one.field == "family_name" and one.form)
    return next((surnames[name] for name in names if name in surnames), UNKNOWN)


def read_surnames(paths: Iterable[Path]) -> Mapping[str, str]:
    """Read lists of family names by origin: columns surname and origin, country or locale.

    Of a name that stands in several lists the first is taken.
    Raises: InvalidInputError naming the file.
    """
    found: dict[str, str] = {}
    for path in paths:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            group = next((name for name in _GROUPS if name in (rows.fieldnames or ())), None)
            if group is None or "surname" not in (rows.fieldnames or ()):
                raise InvalidInputError(
                    f"{path.name} holds no columns surname and {', '.join(_GROUPS)}"
                )
            for row in rows:
                origin = (row[group] or UNKNOWN).rpartition("_")[2]  # en_GB is GB
                found.setdefault(letters_of(row["surname"] or ""), origin)
    return found
