"""Says so when the broker holds a writer back: whoever floods learns why everything takes so long.

The broker answers at once, tells for how long it will not listen, and aiokafka
leaves that unread: its writer would only seem slow.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from aiokafka.producer import sender

_LOG: Final = logging.getLogger("rivelin.writing")
#: One line for so long: a flood of lines about a flood helps nobody.
_LINE_SECONDS: Final = 10.0


class _Teller:
    """Keeps the lines apart in time."""

    def __init__(self) -> None:
        self._told_at = -_LINE_SECONDS

    def tell(self, milliseconds: int, now: float) -> None:
        """Log that a writer was held back, unless that was said a moment ago."""
        if milliseconds <= 0 or now - self._told_at < _LINE_SECONDS:
            return
        self._told_at = now
        _LOG.warning(
            "held back for %d ms by the broker: more is sent than this sender may; nothing is lost,"
            " it arrives later",
            milliseconds,
        )


_TELLER: Final = _Teller()


class _Telling(sender.SendProduceReqHandler):  # type: ignore[misc] # aiokafka has no types
    """The library's handler of an answer, which also reads how long it is held back."""

    def handle_response(self, response: Any) -> None:  # noqa: ANN401 - aiokafka has no types
        _TELLER.tell(response.throttle_time_ms, time.monotonic())
        super().handle_response(response)


def tell_when_held_back() -> None:
    """Have every writer of this process tell; harmless when done already."""
    sender.SendProduceReqHandler = _Telling
