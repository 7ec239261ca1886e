"""A submission on its way, and what it is answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from producers.sdk.errors import NoReceiptError

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from producers.check import Problem
    from producers.sdk.receipts import Receipt

RECEIPT_WAIT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A report of a batch that was not sent; `index` counts the batch from 0."""

    index: int
    problems: tuple[Problem, ...]
    notice: str | None


class Submission:
    """One thing sent and acknowledged by the broker; its receipt comes by itself."""

    def __init__(
        self, report_id: UUID, revision: int | None, notice: str | None, what: str | None = None
    ) -> None:
        """Take note of what is sent; `what` names it where it is neither report nor withdrawal."""
        self.what = what
        self.report_id = report_id
        self.revision = revision
        self.notice = notice
        self.offset: int | None = None
        self.receipts: list[Receipt] = []
        self._news = asyncio.Event()

    def __repr__(self) -> str:
        return f"Submission({self.report_id}, revision={self.revision})"

    @property
    def last(self) -> Receipt | None:
        """The latest receipt, None before the first."""
        return self.receipts[-1] if self.receipts else None

    async def receipt(self, wait: timedelta | float = RECEIPT_WAIT) -> Receipt:
        """Return the first receipt, waiting for it. A number is in seconds.

        Raises: NoReceiptError.
        """
        await self._until(lambda: bool(self.receipts), wait)
        return self.receipts[0]

    async def outcome(self, wait: timedelta | float = RECEIPT_WAIT) -> Receipt:
        """Return the final receipt: that of a held report comes when it is released.

        Raises: NoReceiptError.
        """
        await self._until(lambda: self.last is not None and self.last.is_final, wait)
        return self.receipts[-1]

    def answer(self, receipt: Receipt) -> None:
        """Take a receipt in (the client calls this)."""
        self.receipts.append(receipt)
        self._news.set()

    async def _until(self, satisfied: Callable[[], bool], wait: timedelta | float) -> None:
        seconds = wait.total_seconds() if isinstance(wait, timedelta) else wait
        try:
            async with asyncio.timeout(seconds):
                while not satisfied():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise NoReceiptError(seconds, self.notice) from None
