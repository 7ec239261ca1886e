"""What a recogniser of names must offer to be plugged in; it can only add to what goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from streams.errors import RivelinError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anonymiser.narrative.spans import Span


class RecogniserFailedError(RivelinError):
    """A recogniser raised or ran out of time: the narrative stays behind."""


class Recogniser(Protocol):
    """Finds people, places and organisations by how a sentence is built."""

    def recognise(self, text: str) -> Sequence[Span]:
        """Return what is found in a readable text, by its positions.

        Raises: RecogniserFailedError, or anything else; the text then stays behind.
        """
        ...
