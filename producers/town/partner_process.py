"""One partner as a process of its own: it has its own reports, the public SDK and nothing else.

    python -m producers.town.partner_process PARTNER FILE BOOTSTRAP FINGERPRINT [BUNDLE]

FILE holds JSON Lines, one step each: `{"do": "submit", "report": {…}}` or
`{"do": "withdraw", "report_id": "…", "reason": "…"}`. BUNDLE is the folder with the partner's
certificate; without it the connection is plain text. Standard output gets one JSON line for each
step, `line` counting from 0: what the door found, or the receipt. Exit code 1 if a receipt never
came.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from producers.check import InvalidReportError
from producers.sdk import Credentials, Partner
from streams.errors import RivelinError
from streams.values import WithdrawalReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from producers.sdk.submission import Submission

RECEIPT_SECONDS: Final = 45.0


async def play(partner: Partner, steps: Sequence[Mapping[str, Any]]) -> bool:
    """Take every step in order, then tell what became of each; False if an answer never came."""
    sent: dict[int, Submission] = {}
    for line, step in enumerate(steps):
        try:
            sent[line] = await _take(partner, step)
        except InvalidReportError as error:
            problems = [{"code": p.code, "field": p.field} for p in error.problems]
            _tell(line, stopped=problems, notice=error.notice)
    answers = [await _answered(line, submission) for line, submission in sent.items()]
    return all(answers)


async def _take(partner: Partner, step: Mapping[str, Any]) -> Submission:
    if step["do"] == "withdraw":
        reason = WithdrawalReason(step["reason"])
        return await partner.withdraw(UUID(step["report_id"]), reason)
    return await partner.submit(step["report"])


async def _answered(line: int, submission: Submission) -> bool:
    try:
        receipt = await submission.receipt(RECEIPT_SECONDS)
    except RivelinError as error:
        _tell(line, missing=type(error).__name__)
        return False
    reasons = [{"code": reason.code, "field": reason.field} for reason in receipt.reasons]
    _tell(line, outcome=receipt.outcome, reasons=reasons, notice=submission.notice)
    return True


def _tell(line: int, **facts: object) -> None:
    sys.stdout.write(json.dumps({"line": line, **facts}) + "\n")
    sys.stdout.flush()


async def main(
    partner_id: str, file: str, bootstrap: str, fingerprint: str, bundle: str | None = None
) -> int:
    """Connect, play, and say by the exit code whether every answer came."""
    steps = [json.loads(line) for line in await asyncio.to_thread(_lines, file)]
    credentials = None if bundle is None else Credentials.in_folder(Path(bundle))
    async with Partner(partner_id, bootstrap, fingerprint, credentials=credentials) as partner:
        return 0 if await play(partner, steps) else 1


def _lines(file: str) -> list[str]:
    return Path(file).read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:6])))
