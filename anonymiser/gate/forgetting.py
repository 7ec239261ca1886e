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
    from streams.restricted import MentionsNoted, NotedPerson

_AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Forgetting(Relay):
    """Erasures that the gate has yet to follow; those it has followed find nothing any more."""

    def __init__(self, mentions: Mentions) -> None:
        self._mentions = mentions
        self._waiting: dict[tuple[str, UUID], list[ErasureRecorded]] = {}

    def learn(self, event: object) -> None:
        """Take an entry of the ledger in; certificates say nothing new."""
        if isinstance(event, ErasureRecorded):
            report = (event.partner, event.report_id)
            if self._mentions.of(*report) is not None:
                self._waiting.setdefault(report, []).append(event)

    def due_at(self) -> datetime | None:
        """Return at once while there is something to forget."""
        return _AT_ONCE if self._waiting else None

    def tick(self, at: datetime) -> Iterator[Effect]:  # noqa: ARG002 - see Relay
        """Forget."""
        waiting, self._waiting = self._waiting, {}
        for report, erasures in waiting.items():
            known = self._mentions.of(*report)
            left = () if known is None else tuple(_left(known, erasures))
            if known is not None and left != known.persons:
                yield note(replace(known, persons=left))


def _left(known: MentionsNoted, erasures: Sequence[ErasureRecorded]) -> Iterator[NotedPerson]:
    """Yield the persons of the latest revision of whom nothing is erased."""
    gone = {one.subject for one in erasures if one.revision == known.revision}
    is_whole = any(one.revision is None or one.subject is None for one in erasures)
    yield from (one for one in known.persons if not is_whole and one.node not in gone)
