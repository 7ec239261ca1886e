"""Intake as a stage, for the pipeline in memory; the Faust worker runs the same transform."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from anonymiser.intake.redrive import redriven, requested
from anonymiser.intake.transform import IntakeContext, transform
from anonymiser.tokens import Tokeniser
from streams.erasure import Erasures
from streams.registry import Registry
from streams.topics import ERASURES, REDRIVES, REGISTRY, submissions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anonymiser.keyring import Keys
    from streams.ports import Outgoing, Record
    from streams.sealing import Entropy

NAME: Final = "intake"


class IntakeStage:
    """Fills `streams.loop.Stage`. Which topics it reads is settled when it is made."""

    name = NAME
    state_topics: tuple[str, ...] = ()
    reference_topics: tuple[str, ...] = (REGISTRY, ERASURES)

    def __init__(
        self,
        keys: Keys,
        partners: Sequence[str],
        entropy: Entropy = os.urandom,
        find: Callable[[str, int], Record | None] | None = None,
    ) -> None:
        """Read nothing yet. `find` reads one submission at its place, for those done once more."""
        self.sources = tuple(submissions_of(partner) for partner in partners)
        if find is not None:
            self.sources = (*self.sources, REDRIVES)
        self._find = find
        self._registry = Registry()
        self._erasures = Erasures()
        self._context = IntakeContext(
            keys, self._registry, Tokeniser(keys), entropy, erasures=self._erasures
        )

    def learn(self, records: Sequence[Record]) -> None:
        """Take in who is a partner, with what standing, and what is erased."""
        self._registry.learn(record for record in records if record.topic == REGISTRY)
        self._erasures.learn(record for record in records if record.topic == ERASURES)

    def recover(self, records: Sequence[Record]) -> None:
        """Nothing: intake has no state of its own."""

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Transform each record by itself."""
        return [outgoing for record in records for outgoing in self._taken(record)]

    def _taken(self, record: Record) -> Sequence[Outgoing]:
        if record.topic != REDRIVES or self._find is None:
            return transform(record, self._context)
        request = requested(record)
        if request is None:
            return ()
        found = self._find(submissions_of(request.partner), request.offset)
        return redriven(request, found, self._context)
