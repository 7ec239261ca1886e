"""Intake as a stage, for the pipeline in memory; the Faust worker runs the same transform."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from anonymiser.intake.transform import IntakeContext, transform
from anonymiser.tokens import Tokeniser
from streams.registry import Registry
from streams.topics import REGISTRY, submissions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anonymiser.keyring import Keys
    from streams.ports import Outgoing, Record
    from streams.sealing import Entropy

NAME: Final = "intake"


class IntakeStage:
    """Fills `streams.loop.Stage`. Which topics it reads is settled when it is made."""

    name = NAME
    state_topics: tuple[str, ...] = ()
    reference_topics: tuple[str, ...] = (REGISTRY,)

    def __init__(self, keys: Keys, partners: Sequence[str], entropy: Entropy = os.urandom) -> None:
        self.sources = tuple(submissions_of(partner) for partner in partners)
        self._registry = Registry()
        self._context = IntakeContext(keys, self._registry, Tokeniser(keys), entropy)

    def learn(self, records: Sequence[Record]) -> None:
        """Take in who is a partner and with what standing."""
        self._registry.learn(records)

    def recover(self, records: Sequence[Record]) -> None:
        """Nothing: intake has no state of its own."""

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Transform each record by itself."""
        return [outgoing for record in records for outgoing in transform(record, self._context)]
