"""Follows the register: whose topics there are to serve, and with what standing."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer

from streams.erasure import Erasures
from streams.kafka import KafkaLog
from streams.kafka.connection import PATIENCE, answered, close, connect
from streams.registry_worker import Follower, RegistryFollower
from streams.topics import ERASURES, REDRIVES, submissions_of

if TYPE_CHECKING:
    from streams.kafka.access import Access
    from streams.registry import Registry

_POLL: Final = timedelta(milliseconds=100)
_LOOK_SECONDS: Final = 1.0
_LIST_SECONDS: Final = 5.0


class PartnerTopics:
    """The register and, of the topics it calls for, those that are there and readable."""

    def __init__(self, access: Access) -> None:
        self._access = access
        log = KafkaLog(access, "rivelin-intake-registry")
        self._follower = RegistryFollower(log)
        self.erasures = Erasures()
        self._ledger = Follower(log, ERASURES, self.erasures.learn)
        self._lister: AIOKafkaConsumer | None = None
        self._listed_at = 0.0
        self.present: frozenset[str] = frozenset()
        #: What is served beside the partners' topics once there is one: requests to process a
        #: submission once more.
        self.beside: frozenset[str] = frozenset()

    @property
    def registry(self) -> Registry:
        """Kept fresh by `follow`."""
        return self._follower.registry

    @property
    def wanted(self) -> frozenset[str]:
        """The submissions topic of every partner ever onboarded.

        Of suspended ones too: their immediate risks still reach the duty officer.
        """
        return frozenset(map(submissions_of, self.registry.partners()))

    async def start(self) -> None:
        """Read the register and the erasure ledger to their ends.

        Raises: BrokerUnreachableError, MissingTopicError, DecodeError.
        """
        await self._ledger.start()
        await self._follower.start()
        self._lister = await connect(self._make_lister, self._access, PATIENCE)
        await self._look()

    async def wait_for_any(self) -> None:
        """Return as soon as there is a topic to serve."""
        await self.wait_for_more(frozenset())

    async def wait_for_more(self, served: frozenset[str]) -> None:
        """Keep register and ledger fresh; return once a topic is there that is not in `served`.

        Or was in it, went, and was made anew: its reader would not take it up again.
        """
        looked_at, there = 0.0, served
        while not self.present - there:
            changed = await self._follower.refresh(_POLL)
            await self._ledger.refresh()
            now = asyncio.get_running_loop().time()
            if changed or now - looked_at > _LOOK_SECONDS:
                looked_at = now
                await self._look()
            there &= self.present | self.beside  # what went is another topic when it comes back

    async def _look(self) -> None:
        """Ask which topics there are: at once if one is missed, else now and then.

        A topic that was deleted is missed from then on; its reader waits for it without a word.
        """
        now = asyncio.get_running_loop().time()
        is_due = self.wanted - self.present or now - self._listed_at >= _LIST_SECONDS
        if self._lister is not None and is_due:
            self._listed_at = now
            listed = await answered(self._lister.topics(), "listing topics")
            self.present = self.wanted & frozenset(listed)
            self.beside = frozenset({REDRIVES} & frozenset(listed))

    def _make_lister(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(**self._access.options(), client_id="rivelin-intake-list")

    async def stop(self) -> None:
        """Close the readers."""
        await self._follower.stop()
        await self._ledger.stop()
        await close(self._lister)
