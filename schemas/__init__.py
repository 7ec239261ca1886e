"""The catalogue of Avro schemas: one file per event version, never edited once released.

A file is named after the event and its version (`report_submitted.v1.avsc`)
and stands alone: every named type is defined where it is first used. Its
attribute `schema_id` is assigned by hand, unique and never used again; the
hundreds tell the zone: 1 partner, 2 registry and public keys, 3 enclave,
4 police, 5 safeguarding, 6 both audiences, 7 audit. A changed event is a new
file with the next version and an id of its own.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schemas.bounds import UnboundedSchemaError, check_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FILE_NAME: Final = re.compile(r"[a-z_]+\.v([1-9][0-9]*)\.avsc")


class CatalogueError(ValueError):
    """A schema file is misnamed, takes an id or a version that is taken, or sets no bounds.

    Mend the file.
    """


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of one event. `name` is the full Avro name (`rivelin.shared.AlertRaised`)."""

    path: Path
    id: int
    name: str
    version: int
    definition: dict[str, Any] = field(repr=False)


class Catalogue:
    """All schemas of one folder, read when first asked for and then kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __iter__(self) -> Iterator[Schema]:
        return iter(self._by_id.values())

    def find(self, schema_id: int) -> Schema | None:
        """Return the schema with this id, or None when there is none."""
        return self._by_id.get(schema_id)

    def versions(self, name: str) -> tuple[Schema, ...]:
        """Return every version of an event by its full name, oldest first."""
        return tuple(self._by_name.get(name, {}).values())

    @cached_property
    def _by_id(self) -> Mapping[int, Schema]:
        schemas = sorted(map(_load, self._folder.glob("*.avsc")), key=lambda schema: schema.id)
        by_id = {schema.id: schema for schema in schemas}
        if len(by_id) < len(schemas):
            raise CatalogueError("two schema files have one id")
        return by_id

    @cached_property
    def _by_name(self) -> Mapping[str, Mapping[int, Schema]]:
        by_name: dict[str, dict[int, Schema]] = {}
        for schema in sorted(self, key=lambda schema: schema.version):
            versions = by_name.setdefault(schema.name, {})
            if versions.setdefault(schema.version, schema) is not schema:
                raise CatalogueError(f"{schema.path.name}: this version is taken")
        return by_name


def _load(path: Path) -> Schema:
    named = _FILE_NAME.fullmatch(path.name)
    if named is None:
        raise CatalogueError(f"{path.name}: not named <event>.v<version>.avsc")
    definition = json.loads(path.read_text(encoding="utf-8"))
    try:
        check_bounds(definition)
    except UnboundedSchemaError as error:
        raise CatalogueError(f"{path.name}: {error}") from None
    return Schema(
        path=path,
        id=definition["schema_id"],
        name=definition["name"],
        version=int(named[1]),
        definition=definition,
    )


CATALOGUE: Final = Catalogue(Path(__file__).parent)
