"""Hand records to the broker until it has them, within a limit."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from producers.sdk.errors import NotAcknowledgedError
from streams.errors import BrokerUnreachableError, LogError, MissingTopicError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from producers.sdk.submission import Submission
    from streams.ports import Appended, Log, Outgoing

_FIRST_RETRY_SECONDS: Final = 0.2
_RETRY_SECONDS_MAX: Final = 2.0


async def deliver(
    log: Log,
    outgoing: Sequence[Outgoing],
    submissions: Sequence[Submission],
    patience: timedelta,
) -> Sequence[Appended]:
    """Append and wait for the acknowledgement; try again while `patience` lasts.

    A second try may write a record twice; the enclave counts it once.
    Raises: NotAcknowledgedError; MissingTopicError at once, for waiting makes no topic.
    """
    deadline = time.monotonic() + patience.total_seconds()
    pause = _FIRST_RETRY_SECONDS
    while True:
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), pause)):
                return await log.append(outgoing)
        except MissingTopicError:
            raise
        except (BrokerUnreachableError, LogError, TimeoutError) as error:
            if time.monotonic() + pause > deadline:
                raise _not_acknowledged(submissions, patience) from error
        await asyncio.sleep(pause)
        pause = min(2 * pause, _RETRY_SECONDS_MAX)


def _not_acknowledged(
    submissions: Sequence[Submission], patience: timedelta
) -> NotAcknowledgedError:
    notice = next((one.notice for one in submissions if one.notice), None)
    first, *others = submissions
    what = f"{len(submissions)} submissions" if others else _name(first)
    return NotAcknowledgedError(what, patience.total_seconds(), notice)


def _name(submission: Submission) -> str:
    if submission.what is not None:
        return submission.what
    if submission.revision is None:
        return f"the withdrawal of report {submission.report_id}"
    return f"report {submission.report_id} revision {submission.revision}"
