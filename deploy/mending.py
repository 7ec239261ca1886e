"""The keeper of a node ends what the node left open when it was killed (docs/adr/0011)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from streams.errors import RivelinError
from streams.kafka.open_transactions import end_abandoned

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.settings import Settings

#: A writer that finds such a transaction waits for 25 s (streams/kafka/settled.py).
LOOK_SECONDS: Final = 2.0


async def keep_mending(settings: Settings, say: Callable[[str], None]) -> None:
    """Look every other second until cancelled, since the node may be started anew at any time.

    What cannot be ended is told once; `rivelin health` goes on telling it. So is what else goes
    wrong with a look: no error ends the looking.
    """
    told: frozenset[str] = frozenset()
    wrong: str | None = None
    while True:
        try:
            told, wrong = await mend(settings, say, told), None
        except RivelinError:  # no broker at the moment: others tell it
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look may do better
            if wrong != type(error).__name__:
                wrong = type(error).__name__
                say(f"open transactions were not looked for: {wrong}")
        await asyncio.sleep(LOOK_SECONDS)


async def mend(
    settings: Settings, say: Callable[[str], None], told: frozenset[str] = frozenset()
) -> frozenset[str]:
    """Look once; return what cannot be ended, which is told unless it was `told` before.

    Raises: LogError, BrokerUnreachableError.
    """
    mended = await end_abandoned(settings.access("supervisor"))
    for ended in mended.ended:
        say(f"mended: {ended}")
    undecided = frozenset(f"{one.topic}-{one.partition}" for one in mended.undecided)
    for name in sorted(undecided - told):
        say(f"ALARM: {name} holds a transaction that nobody ends (docs/OPERATIONS.md)")
    return undecided
