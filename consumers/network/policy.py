"""The numbers of the network that are policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Policy:
    """What makes a candidate network.

    `minimum_weight`: distinct origins from which two entities count as tied.
    `minimum_people`: persons from which a component is a candidate network;
    neither children count nor those whom reports call a victim and none a suspect.
    """

    version: int
    minimum_weight: int
    minimum_people: int


#: Policy version 1 (ARCHITECTURE.md, "Words that decide outcomes").
POLICY: Final = Policy(version=1, minimum_weight=1, minimum_people=3)
