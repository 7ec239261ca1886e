"""A relay carries one kind of thing from zone to zone; the gate runs them all alike.

What a relay knows is a fold of what the gate itself wrote (`remember`) and of what people decided
(`know`), so it is the same after every start. What it writes goes into the transaction that
commits past its cause. Most relays compare what should stand with what was told, and tell the
difference: then it does not matter what came first, and nothing is told twice.
"""

from __future__ import annotations

# Methods that do nothing name their arguments for those that do something.
# ruff: noqa: ARG002
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from anonymiser.gate.effects import Effect
    from anonymiser.gate.inputs import Input
    from streams.ports import Record


class Relay:
    """One that does nothing; each real one says what it does of this."""

    def know(self, event: Input, record: Record) -> None:
        """Fold a decision of people in, each once, in order of its topic.

        It may come long before `take`, and after a start everything decided by then does.
        """

    def remember(self, effect: Effect) -> None:
        """Fold one of the gate's own records in, live or read back."""

    def take(self, event: Input, record: Record) -> Iterable[Effect]:
        """Yield what follows from one record of the gate's sources."""
        return ()

    def due(self, effects: Sequence[Effect], at: datetime) -> Iterable[Effect]:
        """Yield what follows from records that were just written and are remembered."""
        return ()

    def due_at(self) -> datetime | None:
        """Return when `tick` will have something to do; None while nothing waits."""
        return None

    def tick(self, at: datetime) -> Iterable[Effect]:
        """Yield what is due by now."""
        return ()

    def counts(self) -> Mapping[str, int]:
        """Return what it counts, by name, for the status."""
        return {}


class Relays:
    """All relays, as one. `known` says up to where each topic of decisions was folded."""

    def __init__(self, relays: Sequence[Relay]) -> None:
        self._relays = tuple(relays)
        self._known: dict[str, int] = {}

    def know(self, event: Input | None, record: Record) -> None:
        """Fold a decision in, whoever of the two readers of its topic brought it first."""
        if record.offset < self._known.get(record.topic, 0):
            return
        self._known[record.topic] = record.offset + 1
        if event is not None:
            for relay in self._relays:
                relay.know(event, record)

    def remember(self, effect: Effect) -> None:
        """Fold one of the gate's own records in."""
        for relay in self._relays:
            relay.remember(effect)

    def take(self, event: Input, record: Record) -> Iterator[Effect]:
        """Yield what follows from one record of the gate's sources."""
        for relay in self._relays:
            yield from relay.take(event, record)

    def due(self, effects: Sequence[Effect], at: datetime) -> list[Effect]:
        """Return what follows from records that were just written and are remembered."""
        return [one for relay in self._relays for one in relay.due(effects, at)]

    def due_at(self) -> datetime | None:
        """Return when the first of them wants to be called; None while nothing waits."""
        return min((at for one in self._relays if (at := one.due_at()) is not None), default=None)

    def ticks(self, at: datetime) -> Iterator[list[Effect]]:
        """Yield what is due, relay by relay: each reckons with what those before it wrote."""
        for relay in self._relays:
            yield list(relay.tick(at))

    def counts(self) -> Mapping[str, int]:
        """Return what they count."""
        return {name: count for one in self._relays for name, count in one.counts().items()}
