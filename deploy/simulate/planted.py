"""Planted bugs: named patches to the product's loops, kept as data beside the tests.

They are in no installed package. What they replace is the text of a linked copy (`link`) in a
simulated world; there is no other place where one could be applied.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import deploy
from deploy.simulate.link import Patch
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where a checkout keeps them.
PLANTED_FILE: Final = (
    Path(str(deploy.__file__)).parents[1] / "tests" / "simulation" / "planted.toml"
)


class NoPlantedBugsError(InvalidInputError):
    """There are none here: they come with the tests, not with the installed packages."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A bug: what it is, and the replacements that make it.

    `scenes` names those that run what is patched; empty for all. `seed` is one that shows it.
    """

    name: str
    why: str
    seed: int
    scenes: tuple[str, ...]
    patches: tuple[Patch, ...]


def read_planted(file: Path = PLANTED_FILE) -> tuple[Planted, ...]:
    """Read the bugs.

    Raises: NoPlantedBugsError.
    """
    if not file.is_file():
        raise NoPlantedBugsError(
            "planted bugs are kept with the tests, and there are none here: run this in a checkout"
        )
    found = tomllib.loads(file.read_text())
    return tuple(_planted(name, facts) for name, facts in found.items())


def _planted(name: str, facts: Mapping[str, Any]) -> Planted:
    return Planted(
        name=name,
        why=facts["why"],
        seed=facts["seed"],
        scenes=tuple(facts.get("scenes", ())),
        patches=tuple(Patch(**one) for one in facts["patches"]),
    )
