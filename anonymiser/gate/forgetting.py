"""What was erased is forgotten here too: whom an erased report, or subject of one, named.

The records of it hold no identity, only the enclave's random ids and weeks of birthdays; the
ledger of erasures says that even that is over.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from anonymiser.gate.mentions import note
from anonymiser.gate.relays import Relay
from streams.restricted import ErasureRecorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from anonymiser.gate.effects import Effect
    from anonymiser.gate.mentions import Mentions

_AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Forgetting(Relay):
    """Erasures that the gate has yet to follow; those it has followed find nothing any more."""

    def __init__(self, mentions: Mentions) -> None:
        self._mentions = mentions
        self._waiting: list[ErasureRecorded] = []

    def learn(self, event: object) -> None:
        """Take an entry of the ledger in; certificates say nothing new."""
        if isinstance(event, ErasureRecorded) and self._follow(event) is not None:
            self._waiting.append(event)

    def due(self, effects: Sequence[Effect], at: datetime) -> Iterator[Effect]:  # noqa: ARG002 - see Relay
        """Forget at the next occasion."""
        return self.tick(at)

    def due_at(self) -> datetime | None:
        """Return at once while there is something to forget."""
        return _AT_ONCE if self._waiting else None

    def tick(self, at: datetime) -> Iterator[Effect]:  # noqa: ARG002 - see Relay
        """Forget; of several subjects of one report one at a time, for each rewrites its record."""
        waiting, self._waiting = self._waiting, []
        followed: set[tuple[str, UUID]] = set()
        for event in waiting:
            report = (event.partner, event.report_id)
            if report in followed:
                self._waiting.append(event)
            elif (effect := self._follow(event)) is not None:
                followed.add(report)
                yield effect

    def _follow(self, event: ErasureRecorded) -> Effect | None:
        known = self._mentions.of(event.partner, event.report_id)
        if known is None:
            return None
        is_whole = event.revision is None or event.subject is None
        if not is_whole and event.revision != known.revision:
            return None
        left = () if is_whole else tuple(p for p in known.persons if p.node != event.subject)
        return None if left == known.persons else note(replace(known, persons=left))
