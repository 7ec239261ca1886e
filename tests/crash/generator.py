"""The load: every partner with the real SDK, each step at its time whatever became of the others.

    python -m tests.crash.generator FOLDER

FOLDER holds `plan.json`; it writes `ledger.jsonl` there, and goes on past the planned steps while
the file `go-on` is there. Exit code 0 once every step has an answer. Killed and started again it
goes on with the steps that the ledger has not; of those without an answer nobody knows.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.keys import fingerprint
from deploy.settings import Settings
from producers.check import InvalidReportError
from producers.sdk import Partner
from streams.codec import decode
from streams.errors import BrokerUnreachableError, RivelinError
from streams.kafka import KafkaLog
from streams.ports import Outgoing
from streams.restricted import (
    AnswerSubmitted,
    ApprovalSubmitted,
    ReportSubmitted,
    WithdrawalSubmitted,
)
from streams.values import WithdrawalReason
from tests.crash.ledger import FAIL, INFO, INVOKE, OK, Ledger, read
from tests.crash.rehearsal import spoilt
from tests.crash.story import PARTNERS, Action, Flaw, Step, Story

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

LEDGER = "ledger.jsonl"
PLAN = "plan.json"
GO_ON = "go-on"
#: Longer than any outage that the nemesis makes, a full disk included.
PATIENCE = timedelta(seconds=90)
_AGAIN_SECONDS = 1.0


class Spoiling:
    """A partner's log on which some reports get a wrong byte on their way."""

    def __init__(self, log: KafkaLog, ids: frozenset[UUID]) -> None:
        self._log = log
        self._ids = ids

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, outgoing: Sequence[Outgoing]) -> Any:
        """Append, spoilt where it is wanted."""
        return await self._log.append([self._spoil(one) for one in outgoing])

    def _spoil(self, one: Outgoing) -> Outgoing:
        kinds = (ReportSubmitted, WithdrawalSubmitted, ApprovalSubmitted, AnswerSubmitted)
        event = decode(one.value or b"", *kinds)
        if event.report_id not in self._ids:
            return one
        return Outgoing(one.topic, spoilt(one.value or b""), one.key)


class Generator:
    """Takes the steps of a story."""

    def __init__(self, story: Story, ledger: Ledger) -> None:
        self._story = story
        self._ledger = ledger
        self._partners: dict[str, Partner] = {}
        self._settled: defaultdict[tuple[str, UUID], list[asyncio.Event]] = defaultdict(list)
        self._open = AsyncExitStack()

    async def connect(self, settings: Settings) -> None:
        """Let every partner in."""
        ids = frozenset(one.report_id for one in self._story.steps if one.flaw is Flaw.SPOILT)
        for name in PARTNERS:
            access = settings.access(f"partner:{name}")
            while name not in self._partners:
                log = Spoiling(KafkaLog(access, f"partner-{name}", PATIENCE), ids)
                partner = Partner(
                    name,
                    access.bootstrap,
                    fingerprint(settings),
                    credentials=access.credentials,
                    patience=PATIENCE,
                    log=log,
                )
                try:
                    self._partners[name] = await self._open.enter_async_context(partner)
                except BrokerUnreachableError:  # a partner's system tries until it is let in
                    await asyncio.sleep(_AGAIN_SECONDS)

    async def run(
        self, known: Collection[int], planned: int, per_second: float, go_on: Path
    ) -> int:
        """Take steps at the rate; return how many. An answer that is late delays no other step.

        Not those that are `known` to the ledger; what a crash passed over is due at once.
        """
        first = max(known, default=-1) + 1
        began, tasks = time.monotonic() - first / per_second, []
        for step in self._story.steps:
            if step.number in known:
                continue
            if step.number >= planned and not go_on.exists():  # noqa: ASYNC240 - one look
                break
            ahead = began + step.number / per_second - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            tasks.append(asyncio.create_task(self._take(step)))
        await asyncio.gather(*tasks)
        return len(tasks)

    async def close(self) -> None:
        """Disconnect every partner."""
        await self._open.aclose()
        await self._ledger.close()

    async def _take(self, step: Step) -> None:
        """A partner corrects only what it has sent: it waits for its own earlier answers."""
        about = self._settled[step.partner, step.report_id]
        earlier, mine = list(about), asyncio.Event()
        about.append(mine)
        for one in earlier:
            await one.wait()
        await self._ledger.append(INVOKE, step.number)
        try:
            sent = await self._do(step)
        except InvalidReportError:
            await self._ledger.append(FAIL, step.number)
        except (RivelinError, OSError) as error:
            await self._ledger.append(INFO, step.number, error=type(error).__name__)
        else:
            await self._ledger.append(OK, step.number, offset=sent.offset)
        mine.set()

    async def _do(self, step: Step) -> Any:
        partner = self._partners[step.partner]
        match step.action:
            case Action.WITHDRAW:
                return await partner.withdraw(step.report_id, WithdrawalReason.ERROR)
            case Action.APPROVE:
                return await partner.approve(step.report_id, step.revision or 1)
            case _:
                assert step.report is not None
                return await partner.submit(step.report)


async def main(folder: Path) -> None:
    """Read the plan, take its steps."""
    plan = json.loads((folder / PLAN).read_text())
    story = Story(plan["seed"], plan["steps_max"], datetime.fromisoformat(plan["base"]))
    known = read(folder / LEDGER)
    generator = Generator(story, Ledger(folder / LEDGER))
    await generator.connect(Settings())
    count = await generator.run(known, plan["steps"], plan["per_second"], folder / GO_ON)
    await generator.close()
    sys.stdout.write(f"{count} steps\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
