"""`rivelin partner questions`, `answer`, `approve`, `usage`, `meters`, `notices`, `message`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.codes import code_of
from deploy.cli.output import say, show_json, show_table
from deploy.cli.submit import Pin, connected_as

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from producers.sdk import Message, Notice, Partner, Question, Receipt
    from streams.shared import MeterFigures, MeterTold, UsageTold

EXIT_NO_RECEIPT = 1
EXIT_NOT_TAKEN = 3
SHORT = 8

PartnerId = Annotated[str, typer.Argument(help="The partner's id.")]
Text = Annotated[str, typer.Argument(help="The question's id, or the beginning of it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Wait so many seconds for the receipt.")]


def questions(partner: PartnerId, *, fingerprint: Pin = None, as_json: AsJson = False) -> None:
    """List the routine questions about this partner's own records that wait for an answer.

    Exit codes: 0 done, 4 not onboarded, 5 no broker.
    """
    from producers.sdk import ROUTINE  # noqa: PLC0415 - keeps --help quick

    found = _as_partner(partner, fingerprint, lambda client: client.questions())
    if as_json:
        show_json([_facts(one) for one in found])
        return
    if not found:
        say("No question waits.")
        return
    columns = ("question", "asked", "report", "about", "words")
    show_table(columns, map(_row, found))
    say(ROUTINE)


def answer(
    partner: PartnerId,
    question: Text,
    reply: Annotated[str, typer.Argument(help="YES, NO or UNKNOWN.")],
    *,
    fingerprint: Pin = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question from this partner's own record; nothing is decided by an answer.

    Exit codes: 0 the broker has it, 3 no such question or answer, 4 not onboarded, 5 no broker.
    """
    from streams.values import Answer  # noqa: PLC0415 - keeps --help quick

    said = code_of(Answer, reply, "REPLY")

    async def work(client: Partner) -> Question:
        one = _chosen(await client.questions(), question)
        await client.answer(one, said)
        return one

    one = _as_partner(partner, fingerprint, work)
    if as_json:
        show_json({"question_id": str(one.question_id), "answer": said.value})
    else:
        question = f"{one.question.value} about report {one.report_id}"
        say(f"{said.value} is recorded as the answer to {question}.")


def approve(  # noqa: PLR0913 - each is one option of the command
    partner: PartnerId,
    report_id: Annotated[str, typer.Argument(help="The report's id, as the partner gave it.")],
    *,
    revision: Annotated[int, typer.Option("--revision", min=1, help="Which revision.")] = 1,
    wait: Wait = 30.0,
    fingerprint: Pin = None,
    as_json: AsJson = False,
) -> None:
    """Allow a report of this partner under condition S2 to go on.

    Exit codes: 0 it went on or was answered, 1 no receipt in time, 3 the id is none or the report
    was not taken, 4 not onboarded, 5 no broker.
    """
    known = _uuid(report_id)

    async def work(client: Partner) -> Receipt:
        submission = await client.approve(known, revision)
        return await submission.receipt(wait)

    from producers.sdk import NoReceiptError  # noqa: PLC0415 - keeps --help quick

    try:
        receipt = _as_partner(partner, fingerprint, work)
    except NoReceiptError as error:
        say(str(error))
        raise typer.Exit(EXIT_NO_RECEIPT) from None
    reasons = [one.code for one in receipt.reasons]
    if as_json:
        show_json({"report_id": report_id, "outcome": receipt.outcome.value, "reasons": reasons})
    else:
        say(f"{known}: {receipt.outcome.value}{' (' + ', '.join(reasons) + ')' if reasons else ''}")


def usage(partner: PartnerId, *, fingerprint: Pin = None, as_json: AsJson = False) -> None:
    """Show how many of this partner's reports of each week were used, in bands.

    A week is told of two weeks after it ended. Which reports they were is never told, for that
    would tell about people. Exit codes: 0 done, 4 not onboarded, 5 no broker.
    """
    found = _as_partner(partner, fingerprint, lambda client: client.usage())
    if as_json:
        show_json([asdict(one) for one in found])
    elif found:
        show_table(("week", "shared", "used"), map(_usage_row, found))
    else:
        say("No week has been told of yet: the first comes two weeks after its end.")


def meters(partner: PartnerId, *, fingerprint: Pin = None, as_json: AsJson = False) -> None:
    """Show what became of this partner's reports by the end of each week, beside all others.

    Others are told together only, from five reports and three agencies on; a dash is too little to
    tell. Exit codes: 0 done, 4 not onboarded, 5 no broker.
    """
    found = _as_partner(partner, fingerprint, lambda client: client.meters())
    if as_json:
        show_json([asdict(one) for one in found])
    elif found:
        show_table(_METER_COLUMNS, [row for one in found for row in _meter_rows(one)])
    else:
        say("No week has been told of yet: meters are read once a day.")


def notices(partner: PartnerId, *, fingerprint: Pin = None, as_json: AsJson = False) -> None:
    """Show what the hub, and other holders of the same people, let this partner know.

    Each names a report of this partner's own. Exit codes: 0 done, 4 not onboarded, 5 no broker.
    """
    from producers.sdk import OWN_RECORD  # noqa: PLC0415 - keeps --help quick

    async def work(client: Partner) -> tuple[tuple[Notice, ...], tuple[Message, ...]]:
        return await client.notices(), await client.messages()

    given, said = _as_partner(partner, fingerprint, work)
    if as_json:
        show_json([*map(_notice_facts, given), *map(_message_facts, said)])
        return
    if not given and not said:
        say("There is no notice and no message.")
        return
    columns = ("given", "report", "about", "words")
    show_table(columns, [_told_row(one) for one in (*given, *said)])
    say(OWN_RECORD)


def message(  # noqa: PLR0913 - each is one argument or option of the command
    partner: PartnerId,
    report_id: Annotated[str, typer.Argument(help="The report's id, as the partner gave it.")],
    code: Annotated[str, typer.Argument(help="What is said, such as MEETING_PROPOSED.")],
    *,
    node: Annotated[int, typer.Option("--node", min=0, help="Which node, counted from 0.")] = 0,
    wait: Wait = 30.0,
    fingerprint: Pin = None,
    as_json: AsJson = False,
) -> None:
    """Say something, in a code, to the other holders of a person of this partner's own report.

    The hub reads it first and lets it go, or does not; police never read it. Whether there is
    another holder is not told. Exit codes: 0 the hub has it, 1 no receipt in time, 3 it was not
    taken, 4 not onboarded, 5 no broker.
    """
    from producers.sdk import NoReceiptError  # noqa: PLC0415 - keeps --help quick
    from streams.codes import PreventionCode  # noqa: PLC0415 - the same
    from streams.values import Outcome  # noqa: PLC0415 - the same

    known, said = _uuid(report_id), code_of(PreventionCode, code, "CODE")

    async def work(client: Partner) -> Receipt:
        return await (await client.message(known, said, node)).receipt(wait)

    try:
        receipt = _as_partner(partner, fingerprint, work)
    except NoReceiptError as error:
        say(str(error))
        raise typer.Exit(EXIT_NO_RECEIPT) from None
    reasons = [one.code for one in receipt.reasons]
    if as_json:
        facts = {"report_id": str(known), "code": said.value, "outcome": receipt.outcome.value}
        show_json({**facts, "reasons": reasons})
    elif receipt.outcome is Outcome.REFUSED:
        say(f"The message was not taken: {', '.join(reasons)}.")
    else:
        say("The hub has the message and decides whether the other holders get it.")
    if receipt.outcome is Outcome.REFUSED:
        raise typer.Exit(EXIT_NOT_TAKEN)


def _told_row(one: Notice | Message) -> tuple[object, ...]:
    given = f"{one.given_at:%Y-%m-%d %H:%M}Z"
    return given, one.report_id, f"nodes[{one.node}]", one.text


def _notice_facts(one: Notice) -> dict[str, Any]:
    return {
        "notice_id": str(one.notice_id),
        "report_id": str(one.report_id),
        "about": f"nodes[{one.node}]",
        "wording": one.wording.value,
        "corrected": None if one.corrected is None else one.corrected.value,
        "text": one.text,
        "given_at": one.given_at.isoformat(),
    }


def _message_facts(one: Message) -> dict[str, Any]:
    return {
        "message_id": str(one.message_id),
        "report_id": str(one.report_id),
        "about": f"nodes[{one.node}]",
        "code": one.code.value,
        "text": one.text,
        "given_at": one.given_at.isoformat(),
    }


_METER_COLUMNS = ("week", "whose", "reports", "old", "not looked at", "unlinked", "nothing came",
                  "half acted on within")  # fmt: skip


def _meter_rows(told: MeterTold) -> list[tuple[object, ...]]:
    both = (("own", told.own), ("all others", told.others))
    return [(told.week, whose, *_meter_cells(one)) for whose, one in both if one is not None]


def _meter_cells(one: MeterFigures) -> tuple[object, ...]:
    hours = one.hours_to_action_p50
    return (
        one.reports,
        one.old,
        one.untriaged,
        one.unlinked or "-",
        one.without_outcome or "-",
        "-" if hours is None else f"{hours} h",
    )


def _usage_row(told: UsageTold) -> tuple[str, str, str]:
    used = "too few to tell" if told.used is None else told.used.value
    return told.week, told.shared.value, used


def _as_partner(partner: str, pin: str | None, work: Callable[[Partner], Awaitable[Any]]) -> Any:  # noqa: ANN401 - whatever the work gives
    """Connect as a partner's own system would, and do the work."""
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick

    async def run() -> Any:  # noqa: ANN401 - see above
        async with connected_as(Settings(), partner, pin) as client:
            return await work(client)

    return asyncio.run(run())


def _chosen(waiting: tuple[Question, ...], typed: str) -> Question:
    from streams.errors import InvalidInputError  # noqa: PLC0415 - keeps --help quick

    text = typed.strip().lower()
    found = [one for one in waiting if text and str(one.question_id).startswith(text)]
    if len(found) != 1:
        what = "several questions begin like this" if found else "no such question waits"
        raise InvalidInputError(f"{what}; `rivelin partner questions` lists them")
    return found[0]


def _uuid(text: str) -> UUID:
    from uuid import UUID  # noqa: PLC0415 - keeps --help quick

    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same

    try:
        return UUID(text)
    except ValueError:
        raise InvalidInputError("REPORT_ID: write a UUID") from None


def _row(one: Question) -> tuple[object, ...]:
    facts = _facts(one)
    asked = f"{one.asked_at:%Y-%m-%d %H:%M}Z"
    return (facts["question_id"][:SHORT], asked, one.report_id, facts["about"], one.text)


def _facts(one: Question) -> dict[str, Any]:
    return {
        "question_id": str(one.question_id),
        "report_id": str(one.report_id),
        "about": f"nodes[{one.node}]",
        "question": one.question.value,
        "text": one.text,
        "asked_at": one.asked_at.isoformat(),
    }
