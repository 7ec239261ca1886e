"""The catalogue of levers: who holds which, under which law, and against what it can be used.

It is data beside this module, by version. A version is never edited once it is in use.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from streams.codes import Agency, Lever
from streams.errors import RivelinError
from streams.values import FourP, NodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

CATALOGUE_VERSION: Final = 1
_FIELDS: Final = frozenset(
    {
        *("lever", "agency", "also_held_by", "four_p", "civil", "law", "targets"),
        *("takes_the_home", "notes", "source"),
    }
)


class BadCatalogueError(RivelinError):
    """The lever catalogue does not hold: a field is missing or unknown, or a lever stands twice."""


class TargetKind(StrEnum):
    """What a lever can be used against. GROUP: the OCG as a whole, without one target."""

    PERSON = "PERSON"
    ADDRESS = "ADDRESS"
    VEHICLE = "VEHICLE"
    ACCOUNT = "ACCOUNT"
    BUSINESS = "BUSINESS"
    GROUP = "GROUP"


#: What an entity is as a target; a phone or a handle is none: no lever of the catalogue takes one.
TARGET_OF: Final[Mapping[NodeKind, TargetKind]] = {
    NodeKind.PERSON: TargetKind.PERSON,
    NodeKind.ADDRESS: TargetKind.ADDRESS,
    NodeKind.VEHICLE: TargetKind.VEHICLE,
    NodeKind.ACCOUNT: TargetKind.ACCOUNT,
    NodeKind.ORGANISATION: TargetKind.BUSINESS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """The act and the section that give the power."""

    act: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """One lever. `takes_the_home`: whoever lives at the target may lose it."""

    lever: Lever
    agency: Agency
    also_held_by: tuple[Agency, ...]
    four_p: FourP
    civil: bool
    law: Law
    targets: tuple[TargetKind, ...]
    takes_the_home: bool
    notes: str
    source: str

    @property
    def holders(self) -> tuple[Agency, ...]:
        """Return every agency that may use it, its usual holder first."""
        return (self.agency, *self.also_held_by)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """One version of the list."""

    version: int
    reviewed_on: str
    entries: Mapping[Lever, CatalogueEntry]


@cache
def catalogue(version: int = CATALOGUE_VERSION) -> Catalogue:
    """Return a version of the catalogue.

    Raises: BadCatalogueError.
    """
    place = files(__package__).joinpath(f"levers-{version}.json")
    if not place.is_file():
        raise BadCatalogueError(f"there is no lever catalogue of version {version}")
    return read_catalogue(place.read_text(encoding="utf-8"))


def read_catalogue(text: str) -> Catalogue:
    """Read a catalogue from its JSON text.

    Raises: BadCatalogueError naming what does not hold.
    """
    try:
        document = json.loads(text)
        entries = [_entry(one) for one in document["levers"]]
        version, reviewed_on = int(document["version"]), str(document["reviewed_on"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadCatalogueError(f"the lever catalogue does not hold: {error}") from None
    by_lever = {entry.lever: entry for entry in entries}
    if len(by_lever) < len(entries):
        raise BadCatalogueError("a lever stands twice in the catalogue")
    return Catalogue(version=version, reviewed_on=reviewed_on, entries=by_lever)


def _entry(form: Mapping[str, Any]) -> CatalogueEntry:
    if set(form) != _FIELDS:
        odd = ", ".join(sorted(_FIELDS ^ set(form)))
        raise BadCatalogueError(f"fields of a lever that are missing or unknown: {odd}")
    return CatalogueEntry(
        lever=Lever(form["lever"]),
        agency=Agency(form["agency"]),
        also_held_by=tuple(Agency(one) for one in form["also_held_by"]),
        four_p=FourP(form["four_p"]),
        civil=bool(form["civil"]),
        law=Law(**form["law"]),
        targets=tuple(TargetKind(one) for one in form["targets"]),
        takes_the_home=bool(form["takes_the_home"]),
        notes=form["notes"],
        source=form["source"],
    )
