"""`rivelin submit` and `rivelin withdraw`: a partner's own reports, through the public SDK."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import complain, say, show_json, show_table, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from deploy.settings import Settings
    from producers.check import Problem
    from producers.sdk import Partner, Receipt, Submission

EXIT_NO_RECEIPT = 1
EXIT_INVALID = 3
ROWS_MAX = 50
_WITHDRAWAL_WAIT_SECONDS = 30.0
_NOT_TAKEN = frozenset({"NOT_SENT", "REFUSED", "QUARANTINED"})

PartnerId = Annotated[str, typer.Option("--partner", help="The partner that reports.")]
File = Annotated[
    Path,
    typer.Argument(help="One report as JSON, a list of them, or JSON Lines; '-' reads stdin."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
Pin = Annotated[
    str | None,
    typer.Option(
        "--fingerprint",
        envvar="RIVELIN_FINGERPRINT",
        help="The fingerprint that onboarding printed; by default that of this home.",
    ),
]
Wait = Annotated[
    float | None,
    typer.Option("--wait", min=0, help="Wait so many seconds for the receipts; else only send."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(submit)
    app.command()(withdraw)


def submit(
    file: File,
    *,
    partner: PartnerId,
    wait: Wait = None,
    fingerprint: Pin = None,
    as_json: AsJson = False,
) -> None:
    """Check, seal and send reports, in their order; sending the same again counts once.

    A report with something to correct is not sent, the others are.
    Exit codes: 0 all sent (with --wait: and none refused or quarantined), 1 a receipt did not
    come in time, 3 something is to correct or was refused, 4 not onboarded, 5 the broker did not
    acknowledge.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick

    require_file(file)
    run = _Run(Settings(), partner, fingerprint)
    rows = asyncio.run(run.submit(file, wait))
    if not rows:
        complain("the file holds no report")
        raise typer.Exit(EXIT_INVALID)
    _answer(rows, as_json=as_json)
    raise typer.Exit(_exit_code(rows, waited=wait is not None))


def withdraw(  # noqa: PLR0913 - each is one option of the command
    report_id: Annotated[str, typer.Argument(help="The report's id, as the partner gave it.")],
    *,
    partner: PartnerId,
    reason: Annotated[
        str,
        typer.Option("--reason", help="ERROR, WRONG_PERSON, UNLAWFUL, SOURCE_AT_RISK or OTHER."),
    ],
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Wait so many seconds for the receipt.")
    ] = _WITHDRAWAL_WAIT_SECONDS,
    fingerprint: Pin = None,
    as_json: AsJson = False,
) -> None:
    """Take a report back, every revision of it.

    Exit codes: 0 withdrawn, 1 the receipt did not come in time, 3 id or reason are none or the
    withdrawal was refused, 4 not onboarded, 5 the broker did not acknowledge.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick
    from streams.values import WithdrawalReason  # noqa: PLC0415 - the same

    run = _Run(Settings(), partner, fingerprint)
    report, code = _report_id(report_id), _code(WithdrawalReason, reason, "--reason")
    rows = [asyncio.run(run.withdraw(report, code, wait))]
    _answer(rows, as_json=as_json)
    raise typer.Exit(_exit_code(rows, waited=True))


def _exit_code(rows: Sequence[dict[str, Any]], *, waited: bool) -> int:
    outcomes = {row["outcome"] for row in rows}
    if outcomes & _NOT_TAKEN:
        return EXIT_INVALID
    return EXIT_NO_RECEIPT if waited and "ACKNOWLEDGED" in outcomes else 0


class _Run:
    """One connection of the command line as a partner."""

    def __init__(self, settings: Settings, partner: str, pin: str | None) -> None:
        self._settings = settings
        self._partner = partner
        self._pin = pin

    async def submit(self, file: Path, wait: float | None) -> list[dict[str, Any]]:
        """Send a file, line by line; a row for every report."""
        from deploy.report_files import read_reports  # noqa: PLC0415 - keeps --help quick

        unsent: list[dict[str, Any]] = []
        numbers: list[int] = []

        def readable() -> Iterator[Any]:
            for item in read_reports(file):
                if item.problems:
                    unsent.append(_unsent(item.number, item.problems, None))
                else:
                    numbers.append(item.number)
                    yield item.data

        async with self._connected() as partner:
            sent = await self._send(partner, readable(), numbers)
            return sorted(unsent + await _answered(sent, wait), key=lambda row: int(row["report"]))

    async def _send(
        self, partner: Partner, reports: Iterator[Any], numbers: Sequence[int]
    ) -> list[tuple[int, Any]]:
        with _counting("sent") as tell:
            sending = partner.submit_many(reports, on_progress=tell)
            results = [result async for result in sending]
        return list(zip(numbers, results, strict=True))

    async def withdraw(self, report_id: UUID, reason: Any, wait: float) -> dict[str, Any]:  # noqa: ANN401 - a code
        """Send a withdrawal; one row."""
        async with self._connected() as partner:
            submission = await partner.withdraw(report_id, reason)
            (row,) = await _answered([(1, submission)], wait)
            return row

    def _connected(self) -> Partner:
        return connected_as(self._settings, self._partner, self._pin)


def connected_as(settings: Settings, partner: str, pin: str | None) -> Partner:
    """Return a partner's connection, pinned to the fingerprint given or else to this home's."""
    from producers.sdk import Partner  # noqa: PLC0415 - keeps --help quick

    access = settings.access(f"partner:{partner}")
    return Partner(
        partner, access.bootstrap, pin or _own_pin(settings), credentials=access.credentials
    )


def _own_pin(settings: Settings) -> str | None:
    from deploy.keys import fingerprint  # noqa: PLC0415 - keeps --help quick
    from streams.errors import RivelinError  # noqa: PLC0415 - the same

    try:
        return fingerprint(settings)
    except RivelinError:
        warn("no fingerprint is pinned: the first sealing key seen is trusted (--fingerprint)")
        return None


async def _answered(sent: Sequence[tuple[int, Any]], wait: float | None) -> list[dict[str, Any]]:
    deadline = time.monotonic() + (wait or 0)
    rows = []
    with _counting("answered") as tell:
        for done, (number, result) in enumerate(sent, start=1):
            rows.append(await _row(number, result, None if wait is None else deadline))
            tell(done)
    return rows


async def _row(number: int, result: Any, deadline: float | None) -> dict[str, Any]:  # noqa: ANN401 - Submission or Rejected
    from producers.sdk import Rejected  # noqa: PLC0415 - keeps --help quick

    if isinstance(result, Rejected):
        return _unsent(number, result.problems, result.notice)
    return _sent(number, result, await _receipt(result, deadline))


async def _receipt(submission: Submission, deadline: float | None) -> Receipt | None:
    from producers.sdk import NoReceiptError  # noqa: PLC0415 - keeps --help quick

    if deadline is None:
        return None
    try:
        return await submission.receipt(max(0.0, deadline - time.monotonic()))
    except NoReceiptError:
        return None


def _sent(number: int, submission: Submission, receipt: Receipt | None) -> dict[str, Any]:
    return {
        "report": number,
        "report_id": str(submission.report_id),
        "revision": submission.revision,
        "outcome": receipt.outcome.value if receipt else "ACKNOWLEDGED",
        "reasons": [{"code": one.code, "field": one.field} for one in receipt.reasons]
        if receipt
        else [],
        "notice": submission.notice or (receipt.notice if receipt else None),
    }


def _unsent(number: int, problems: Sequence[Problem], notice: str | None) -> dict[str, Any]:
    return {
        "report": number,
        "report_id": None,
        "revision": None,
        "outcome": "NOT_SENT",
        "reasons": [{"code": one.code, "field": one.field} for one in problems],
        "notice": notice,
    }


def _answer(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show_json(list(rows))
    else:
        _show_rows(rows)
    tell_notices({row["notice"] for row in rows})


def _show_rows(rows: Sequence[dict[str, Any]]) -> None:
    """A long batch shows its exceptions and the counts; `--json` has every row."""
    shown = rows if len(rows) <= ROWS_MAX else [row for row in rows if row["reasons"]][:ROWS_MAX]
    if shown:
        show_table(("report", "id", "revision", "outcome", "reasons"), map(_cells, shown))
    counts = Counter(row["outcome"] for row in rows)
    say(", ".join(f"{count} {outcome.lower()}" for outcome, count in sorted(counts.items())))


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    reasons = "; ".join(
        f"{one['field']}: {one['code']}" if one["field"] else one["code"] for one in row["reasons"]
    )
    return (row["report"], row["report_id"], row["revision"], row["outcome"], reasons)


@contextmanager
def _counting(what: str) -> Iterator[Callable[[int], None]]:
    """Count on a terminal, on stderr."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help quick

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(f"0 {what} …") as status:
        yield lambda count: status.update(f"{count} {what} …")


def tell_notices(notices: set[str | None]) -> None:
    """Say each notice once, on stderr."""
    for notice in notices - {None}:
        warn(str(notice))


def require_file(file: Path) -> None:
    """Raises: InvalidInputError."""
    from deploy.report_files import STDIN  # noqa: PLC0415 - keeps --help quick

    if file != STDIN and not file.is_file():
        raise refused("FILE", "there is no file of this name")


def _report_id(text: str) -> UUID:
    from uuid import UUID  # noqa: PLC0415 - keeps --help quick

    try:
        return UUID(text)
    except ValueError:
        raise refused("REPORT_ID", "write a UUID") from None


def _code(known: Any, text: str, option: str) -> Any:  # noqa: ANN401 - any closed list of codes
    try:
        return known(text.strip().upper().replace("-", "_"))
    except ValueError:
        raise refused(option, f"there are {', '.join(one.value for one in known)}") from None


def refused(where: str, remedy: str) -> Exception:
    """Return the error for an option that does not hold."""
    from streams.errors import InvalidInputError  # noqa: PLC0415 - keeps --help quick

    return InvalidInputError(f"{where}: {remedy}")
