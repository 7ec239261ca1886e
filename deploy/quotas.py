"""How fast a partner may write and read: the broker keeps the limit, so a flood slows itself.

The broker measures by certificate and lets whoever is above the limit wait. The
limit is that of everybody whom it does not know by name: a new partner, or a
new certificate, is held without a step that could be forgotten. The home's own
roles are named and free; one that is not named yet is slow and not unsafe.
Limits are the broker's own state, so they are set by who starts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiokafka.client import AIOKafkaClient

from deploy.pki import Pki
from streams.errors import RivelinError
from streams.kafka.connection import PATIENCE, answered, close, connect
from streams.kafka.requests import AlterQuotas, DescribeQuotas

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from deploy.pki import Issued
    from deploy.settings import Settings
    from streams.kafka.access import Access

Limits: TypeAlias = dict[str, float]
"""The broker's name of a quota to its value."""

#: For each certificate of a partner, and whoever is not known: about 400 reports a second,
#: twenty thousand times what a police force's area sends. A burst of ten seconds is let through.
PARTNER_LIMITS: Final[Limits] = {
    "producer_byte_rate": float(1 << 20),
    "consumer_byte_rate": float(8 << 20),
    "request_percentage": 50.0,  # of one of the broker's threads
}
_FREE: Final = float(1 << 40)
_UNLIMITED: Final[Limits] = dict.fromkeys(PARTNER_LIMITS, _FREE)
#: Whoever comes in plain text, which is asked for by name and has no partners apart.
_ANONYMOUS: Final = "ANONYMOUS"
_USER: Final = "user"
_ANY: Final = 2


class QuotasNotSetError(RivelinError):
    """The broker refused to set or to show limits; the message carries its error code."""


@dataclass(frozen=True, slots=True)
class Limited:
    """Whose limit it is; None stands for everybody without one of their own."""

    name: str | None


def wanted(
    entries: Iterable[Issued], at: datetime, partner_limits: Limits = PARTNER_LIMITS
) -> Mapping[Limited, Limits]:
    """Return the limits of all: this home's own live certificates have none."""
    own = (str(one.name) for one in entries if one.is_live(at) and not one.name.is_partners)
    free = {Limited(name): _UNLIMITED for name in (*own, _ANONYMOUS)}
    return {Limited(None): partner_limits, **free}


async def ensure_quotas(
    settings: Settings, principal: str, at: datetime, partner_limits: Limits = PARTNER_LIMITS
) -> int:
    """Bring the broker's limits to what is wanted; return how many differed.

    `principal` is one that the broker asks for no permission.
    Raises: BrokerUnreachableError, QuotasNotSetError.
    """
    asked = wanted(Pki(settings.pki_dir).issued(), at, partner_limits)
    return await _bring_about(settings.access(principal), asked)


async def _bring_about(access: Access, asked: Mapping[Limited, Limits]) -> int:
    client = await connect(lambda: _Client(access), access, PATIENCE)
    try:
        found = await _found(client)
        missing = {who: what for who, what in asked.items() if found.get(who) != what}
        if missing:
            await _alter(client, missing)
    finally:
        await close(client)
    return len(missing)


class _Client:
    """A bare client in the form in which `connect` and `close` take one."""

    def __init__(self, access: Access) -> None:
        self._client: Any = AIOKafkaClient(**access.options())

    async def start(self) -> None:
        """Connect."""
        await self._client.bootstrap()

    async def stop(self) -> None:
        """Disconnect."""
        await self._client.close()

    async def ask(self, request: Any, what: str) -> Any:  # noqa: ANN401 - aiokafka has no types
        """Send a request to whichever broker it is and return the answer."""
        node = self._client.get_random_node()
        return await answered(self._client.send(node, request), what)


async def _found(client: _Client) -> dict[Limited, Limits]:
    answer = await client.ask(DescribeQuotas([(_USER, _ANY, None, {})], True), "asking for limits")  # noqa: FBT003 - a field of the protocol
    _require(answer.error)
    return {
        Limited(entity[0][1]): {key: value for key, value, _ in values}
        for entity, values, _ in answer.entries or ()
    }


async def _alter(client: _Client, limits: Mapping[Limited, Limits]) -> None:
    entries: list[Any] = [
        (
            [(_USER, who.name, {})],
            [(key, value, False, {}) for key, value in what.items()],
            {},
        )
        for who, what in limits.items()
    ]
    answer = await client.ask(AlterQuotas(entries, False), "setting limits")  # noqa: FBT003 - a field of the protocol
    for error, *_ in answer.entries:
        _require(error)


def _require(error: int) -> None:
    if error:
        raise QuotasNotSetError(f"the broker refused to set limits: error {error}")
