"""`rivelin alert`: safeguarding alerts, what people decide on them, and their clocks.

None of them is a referral, and none is closed by the system.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import typer

from deploy.cli.asking import (
    AsJson,
    AsOf,
    Id,
    Name,
    PurposeCode,
    ask,
    handling_line,
    hub,
    second,
    short,
)
from deploy.cli.codes import code_of
from deploy.cli.hub_deciding import NOTE, decide_as_hub, found_id, said
from deploy.cli.output import say, show_json, show_table, show_text, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

Mine = Annotated[bool, typer.Option("--mine", help="Only those that you have taken on.")]
State = Annotated[
    str | None,
    typer.Option(
        "--state", help="RAISED, CLAIMED, ASSESSED, REFERRED, ACCEPTED, DECLINED or CLOSED."
    ),
]
OfRule = Annotated[str | None, typer.Option("--rule", help="Only of this rule, by kind or id.")]
Overdue = Annotated[bool, typer.Option("--overdue", help="Only those with a clock run out.")]
Level = Annotated[int, typer.Option("--level", help="Level of need, 1 universal to 4 statutory.")]
Reasons = Annotated[
    list[str],
    typer.Option(
        "--reason",
        help="Why; give it again for more: EXPLOITATION_SUSPECTED, EXPLOITATION_KNOWN,"
        " SIBLING_INVOLVED, PEER_INVOLVED, MISSING, INJURY, DEBT_OR_THREAT, CARER_PROTECTS,"
        " SUPPORT_IN_PLACE, CONSENT_GIVEN, CONSENT_REFUSED, LACKS_CAPACITY, NOT_ENOUGH_KNOWN.",
    ),
]
Route = Annotated[
    str,
    typer.Option(
        "--route",
        help="CHILDRENS_SOCIAL_CARE, ADULT_SOCIAL_CARE, EARLY_HELP or NATIONAL_REFERRAL_MECHANISM"
        " (that only after `rivelin nrm prompt`).",
    ),
]
Refusal = Annotated[
    str,
    typer.Option(
        "--reason",
        help="BELOW_THRESHOLD, ALREADY_OPEN, NOT_ENOUGH_KNOWN, OTHER_AREA or NO_CONSENT.",
    ),
]
Closing = Annotated[
    str,
    typer.Option(
        "--reason",
        help="REFERRED, BELOW_THRESHOLD, SUPPORT_IN_PLACE, KNOWN_ALREADY, MISTAKEN or REASON_GONE.",
    ),
]
Seen = Annotated[
    int | None,
    typer.Option(
        "--seen",
        help="Version that you looked at, by default the one in view; refused if one is newer.",
    ),
]
ReferralId = Annotated[str, typer.Argument(help="A referral's id, or the beginning of one.")]
_WITHHELD = (
    "What was withheld from the hub is counted by item and reason where an auditor looks (`rivelin"
    " bridge withheld`); how many of it are of this alert is not known here."
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Safeguarding alerts; none of them is a referral.", no_args_is_help=True
    )
    group.command("list")(alert_list)
    group.command("show")(alert_show)
    group.command("queue")(alert_queue)
    group.command("escalated")(alert_escalated)
    group.command("clocks")(alert_clocks)
    group.command("rate")(alert_rate)
    group.command("claim")(alert_claim)
    group.command("assess")(alert_assess)
    group.command("refer")(alert_refer)
    group.command("accept")(alert_accept)
    group.command("decline")(alert_decline)
    group.command("close")(alert_close)
    app.add_typer(group, name="alert")


# --- looking ------------------------------------------------------------------------


def alert_list(  # noqa: PLR0913 - each is one option of the command
    *,
    mine: Mine = False,
    state: State = None,
    rule: OfRule = None,
    overdue: Overdue = False,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show alerts with owner and clocks; apart from them what is possible while a doubt is open.

    A filter leaves what is possible out: it has no state, and nobody has taken it on.
    """
    from consumers.safeguarding.hub_look import alerts, chosen  # noqa: PLC0415 - keeps --help quick
    from consumers.safeguarding.look import POSSIBLE, possible_alerts  # noqa: PLC0415 - the same

    wanted = _state(state)
    owner = _who(name, purpose) if mine else None
    at = _moment(as_of)

    def both(connection: Any, _: str) -> Any:  # noqa: ANN401 - loaded when used
        return alerts(connection, at), possible_alerts(connection)

    every, doubts = ask(hub("alert list", both), name, purpose, as_of)
    found = chosen(every, owner=owner, state=wanted, rule=rule, overdue=overdue)
    is_filtered = bool(mine or state or rule or overdue)
    possible = [] if is_filtered else doubts
    if as_json:
        show_json([*found, *possible])
        return
    _show_alerts(found)
    if is_filtered:
        say(f"{len(found)} of {len(every)} alerts; {len(doubts)} possible ones are not shown.")
    if possible:
        rows = map(_possible_row, possible)
        show_table(("state", "child", "may also be", "why"), rows, title="Possible")
        say(POSSIBLE)


def alert_show(
    alert_id: Id,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one alert: its reason tie by tie, its life, its clocks and what was decided."""
    from consumers.safeguarding.hub_look import alert  # noqa: PLC0415 - keeps --help quick
    from consumers.safeguarding.look import find_alert  # noqa: PLC0415 - the same

    read = partial(alert, at=_moment(as_of))
    found = ask(hub("alert show", read, find_alert, alert_id), name, purpose, as_of)
    if as_json:
        show_json({**found, "withheld": _WITHHELD})
    else:
        _show_alert(found)


def alert_queue(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show what waits for somebody to take it on, the soonest due first; a queue, no ranking."""
    _show_some("alert queue", "queue", name, purpose, as_of, as_json=as_json)


def alert_escalated(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show the hub lead's list: what nobody took on in time."""
    _show_some("alert escalated", "escalated", name, purpose, as_of, as_json=as_json)


def alert_clocks(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every clock that runs, in London time, the soonest due first."""
    from consumers.safeguarding.hub_look import clocks, rule_of_clocks  # noqa: PLC0415 - quick

    at = _moment(as_of)

    def both(connection: Any, _: str) -> Any:  # noqa: ANN401 - loaded when used
        return clocks(connection, at), rule_of_clocks(connection)

    found, rule = ask(hub("alert clocks", both), name, purpose, as_of)
    if as_json:
        show_json({"clocks": found, "rule": rule, "note": NOTE})
        return
    columns = ("alert", "clock", "due (London)", "time", "state", "owner")
    show_table(columns, map(_clock_row, found))
    say(rule)
    say(NOTE)


def alert_rate(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show by month how many children have a supported alert and how many were referred.

    Numbers below five are not shown: they could point at one child.
    """
    from consumers.safeguarding.hub_look import referral_rate  # noqa: PLC0415 - keeps --help quick

    question = hub("alert rate", lambda connection, _: referral_rate(connection))
    found = ask(question, name, purpose, as_of)
    if as_json:
        show_json({"months": found, "note": NOTE})
        return
    show_table(("month", "children", "referred", "rate"), map(_rate_row, found))
    say(NOTE)


def _show_some(  # noqa: PLR0913 - what every look needs
    subject: str,
    view: str,
    name: str | None,
    purpose: str | None,
    as_of: str | None,
    *,
    as_json: bool,
) -> None:
    from consumers.safeguarding import hub_look  # noqa: PLC0415 - keeps --help quick

    at = _moment(as_of)
    read: Callable[[Any, datetime], Any] = getattr(hub_look, view)
    found = ask(hub(subject, lambda connection, _: read(connection, at)), name, purpose, as_of)
    if as_json:
        show_json(found)
    else:
        _show_alerts(found)


# --- deciding -----------------------------------------------------------------------


def alert_claim(
    alert_id: Id, *, name: Name = None, purpose: PurposeCode = None, as_json: AsJson = False
) -> None:
    """Take an alert on, or over from somebody; of a closed one, to look at it again.

    Exit codes: 0 done, 3 it is yours already or there is none, 4 no role allows it.
    """
    from deploy.authority import Act  # noqa: PLC0415 - keeps --help quick
    from streams.hub import AlertClaimed  # noqa: PLC0415 - the same

    one = _alert_id("claim", alert_id, name, purpose)
    event, who = decide_as_hub(
        Act.CLAIM_ALERT,
        f"alert claim {one}",
        lambda _, who, at: AlertClaimed(alert_id=UUID(one), decided_by=who.name, decided_at=at),
        name,
        purpose,
    )
    _tell(event, f"{short(one)} is taken on by {who.name}.", as_json=as_json)


def alert_assess(  # noqa: PLR0913 - each is one option of the command
    alert_id: Id,
    *,
    level: Level,
    reason: Reasons,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Assess the level of need by the local continuum; a person's judgement with coded reasons.

    Exit codes: 0 done, 3 nobody has the alert, it is closed, or a code does not hold, 4 no role.
    """
    from consumers.safeguarding.continuum import (  # noqa: PLC0415 - keeps --help quick
        CONTINUUM_VERSION,
        name_of,
    )
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.codes import NeedReason  # noqa: PLC0415 - the same
    from streams.hub import ThresholdAssessed  # noqa: PLC0415 - the same

    reasons = tuple(dict.fromkeys(code_of(NeedReason, one, "--reason") for one in reason))
    one = _alert_id("assess", alert_id, name, purpose)
    event, who = decide_as_hub(
        Act.ASSESS_THRESHOLD,
        f"alert assess {one}",
        lambda _, who, at: ThresholdAssessed(
            alert_id=UUID(one),
            level=level,
            continuum=CONTINUUM_VERSION,
            reasons=reasons,
            decided_by=who.name,
            decided_at=at,
        ),
        name,
        purpose,
    )
    told = f"{short(one)} is assessed at level {level}, {name_of(level, event.continuum)},"
    _tell(event, f"{told} by {who.name}.", as_json=as_json)


def alert_refer(
    alert_id: Id,
    *,
    route: Route,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Refer: now it is a referral, by a named person; the decision is due in one working day.

    Exit codes: 0 done, 3 nobody has the alert, or a referral of it is open, 4 no role allows it.
    """
    from consumers.safeguarding.clocks import decision_due, in_london  # noqa: PLC0415 - quick
    from deploy.authority import Act  # noqa: PLC0415 - keeps --help quick
    from streams.codes import ReferralRoute  # noqa: PLC0415 - the same
    from streams.hub import ReferralMade  # noqa: PLC0415 - the same

    way = code_of(ReferralRoute, route, "--route")
    one = _alert_id("refer", alert_id, name, purpose)
    event, who = decide_as_hub(
        Act.REFER,
        f"alert refer {one}",
        lambda _, who, at: ReferralMade(
            referral_id=uuid4(),
            alert_id=UUID(one),
            route=way,
            decided_by=who.name,
            decided_at=at,
        ),
        name,
        purpose,
    )
    due = in_london(decision_due(event.decided_at))
    told = f"Referral {event.referral_id} to {way} made by {who.name}; its decision is due {due}."
    _tell(event, told, as_json=as_json)


def alert_accept(
    referral_id: ReferralId,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Accept a referral, as a social worker who did not make it.

    Exit codes: 0 done, 3 it was answered already or there is none, 4 no role, or it is your own.
    """
    from streams.hub import ReferralAccepted  # noqa: PLC0415 - keeps --help quick

    event, who = _answer(ReferralAccepted, "accept", referral_id, name, purpose)
    _tell(event, f"Referral {event.referral_id} is accepted by {who}.", as_json=as_json)


def alert_decline(
    referral_id: ReferralId,
    *,
    reason: Refusal,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Decline a referral with a reason, as a social worker who did not make it.

    Exit codes: 0 done, 3 it was answered already or there is none, 4 no role, or it is your own.
    """
    from streams.codes import ReferralRefusal  # noqa: PLC0415 - keeps --help quick
    from streams.hub import ReferralDeclined  # noqa: PLC0415 - the same

    why = code_of(ReferralRefusal, reason, "--reason")
    event, who = _answer(
        partial(ReferralDeclined, reason=why), "decline", referral_id, name, purpose
    )
    told = f"Referral {event.referral_id} is declined ({why}) by {who}; the alert stays."
    _tell(event, told, as_json=as_json)


def _answer(
    make: Callable[..., object], word: str, typed: str, name: str | None, purpose: str | None
) -> tuple[Any, str]:
    from consumers.safeguarding.hub_look import find_referral  # noqa: PLC0415 - keeps --help quick
    from deploy.authority import Act  # noqa: PLC0415 - the same

    one = found_id(f"alert {word}", find_referral, typed, name, purpose)
    event, who = decide_as_hub(
        Act.ANSWER_REFERRAL,
        f"alert {word} {one}",
        lambda _, who, at: make(referral_id=UUID(one), decided_by=who.name, decided_at=at),
        name,
        purpose,
    )
    return event, who.name


def alert_close(  # noqa: PLR0913 - each is one option of the command
    alert_id: Id,
    *,
    reason: Closing,
    seen: Seen = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Close an alert for a coded reason; new evidence after it asks to look again.

    Exit codes: 0 done, 3 a referral is open, the reason does not fit or there is a newer version,
    4 no role allows it.
    """
    from consumers.safeguarding.look import find_alert, version  # noqa: PLC0415 - quick help
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.codes import CloseReason  # noqa: PLC0415 - the same
    from streams.hub import AlertClosed  # noqa: PLC0415 - the same

    why = code_of(CloseReason, reason, "--reason")
    typed, in_view = ask(hub("alert close", version, find_alert, alert_id), name, purpose, None)
    one = UUID(typed)

    def make(_: Any, who: Any, at: datetime) -> object:  # noqa: ANN401 - loaded when used
        return AlertClosed(
            alert_id=one,
            reason=why,
            seen=in_view if seen is None else seen,
            decided_by=who.name,
            decided_at=at,
        )

    event, who = decide_as_hub(Act.CLOSE_ALERT, f"alert close {one}", make, name, purpose)
    told = f"{short(str(one))} is closed ({why}) by {who.name} as of version {event.seen}."
    _tell(event, told, as_json=as_json)


def _alert_id(word: str, typed: str, name: str | None, purpose: str | None) -> str:
    from consumers.safeguarding.look import find_alert  # noqa: PLC0415 - keeps --help quick

    return found_id(f"alert {word}", find_alert, typed, name, purpose)


def _tell(event: object, text: str, *, as_json: bool) -> None:
    if as_json:
        show_json(said(event))
    else:
        say(text)
        say(NOTE)


# --- how it is shown ----------------------------------------------------------------


def _show_alerts(found: Sequence[Mapping[str, Any]]) -> None:
    from consumers.safeguarding.look import NOT_A_REFERRAL  # noqa: PLC0415 - keeps --help quick

    columns = (
        "alert",
        "person",
        "age then, now",
        "why",
        "state",
        "owner",
        "triage",
        "decision",
        "evidence",
        "changed",
    )
    show_table(columns, map(_alert_row, found))
    say(NOT_A_REFERRAL)


def _alert_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        short(one["alert_id"]),
        short(one["child_id"]),
        _ages(one),
        one["means"],
        _state_text(one),
        one["owner"],
        _clock_text(one["triage"]),
        _clock_text(one["decision"]),
        "stands" if one["supported"] else "none left",
        second(one["updated_at"]),
    )


def _state_text(one: Mapping[str, Any]) -> str:
    marks = [one["state"]]
    if one["new_since_closed"]:
        marks.append("new since closed")
    if one["escalated_at"] is not None:
        marks.append("escalated")
    return ", ".join(marks)


def _clock_text(clock: Mapping[str, Any] | None) -> str | None:
    return None if clock is None else f"{clock['left']} ({clock['london']})"


def _ages(one: Mapping[str, Any]) -> str:
    told = (one["age_at_event"], one["age_now"])
    return ", ".join("unknown" if age is None else str(age).lower() for age in told)


def _clock_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        short(one["alert_id"]),
        one["clock"],
        one["london"],
        one["left"],
        one["state"],
        one["owner"],
    )


def _rate_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    rate = "" if one["rate"] is None else f"{one['rate']:.0%}"
    return (one["month"], one["children"], one["referred"], rate)


def _possible_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    others = " ".join(short(other) for other in one["may_also_be"])
    return ("possible", short(one["child_id"]), others, one["means"])


def _show_alert(found: Mapping[str, Any]) -> None:
    show_text(f"Alert {found['alert_id']}, version {found['version']}: {found['means']}")
    show_text(f"Person {found['child_id']}; age at the event and now: {_ages(found)}")
    for other in found["may_also_be"]:
        show_text(f"Possibly the same person as {other}: the review desk has not decided")
    show_text(f"Raised {second(found['raised_at'])}, changed {second(found['updated_at'])}")
    _show_life(found)
    show_text("Why:")
    for sentence in found["in_words"]:
        show_text(f"  {sentence}")
    for step in found["path"]:
        reports = " ".join(short(report) for report in step["report_ids"])
        show_text(f"  evidence of {step['kind']}: {reports}")
    _show_history(found)
    show_text(handling_line(found["handling"]))
    show_text(_WITHHELD)
    show_text(found["note"])


def _show_life(found: Mapping[str, Any]) -> None:
    owner = found["owner"] or "nobody yet"
    show_text(f"State {_state_text(found)}; taken on by {owner}")
    if found["level"] is not None:
        reasons = ", ".join(found["reasons"])
        show_text(f"Level of need {found['level']}, {found['level_name']} ({reasons})")
    for clock in (found["triage"], found["decision"]):
        if clock is not None:
            show_text(f"Clock of {clock['clock']}: due {clock['london']}, {clock['left']}")
    show_text(found["clock_rule"])
    for one in found["referrals"]:
        answer = "" if one["answered_by"] is None else f" by {one['answered_by']}"
        why = "" if one["reason"] is None else f" ({one['reason']})"
        told = f"Referral {one['referral_id']} to {one['route']}, made by {one['made_by']}"
        show_text(f"{told}: {one['state']}{why}{answer}")
    for one in found["offers"]:
        told = {None: "offered", True: "taken up", False: "not taken up"}[one["taken_up"]]
        show_text(f"Provision {one['kind']} in {one['area']}: {told}")
    if found["closed"] is not None:
        closed = found["closed"]
        show_text(
            f"Closed {second(closed['at'])} by {closed['by']} ({closed['reason']}),"
            f" having seen version {closed['seen_version']}"
        )
    if found["new_since_closed"]:
        warn("New evidence since it was closed: somebody should look again (`rivelin alert claim`)")


def _show_history(found: Mapping[str, Any]) -> None:
    if not found["history"]:
        return
    show_text("Decided:")
    for one in found["history"]:
        who = one["decided_by"] or "the scheduler"
        kind = one["facts"].get("kind")
        what = one["what"] if kind is None else f"{one['what']} {kind}"
        idle = "" if one["counted"] else " (changed nothing)"
        show_text(f"  {second(one['at'])} {what} by {who}{idle}")


# --- what was typed -----------------------------------------------------------------


def _moment(as_of: str | None) -> datetime:
    """Return the time by which clocks are shown: that of the look, or the instant looked back to.

    Of a position no instant is known here: its clocks are shown as of now.
    """
    from deploy.moments import instant  # noqa: PLC0415 - keeps --help quick
    from deploy.views import now  # noqa: PLC0415 - the same

    is_instant = as_of is not None and not as_of[:1].isalpha()
    return instant(as_of) if as_of is not None and is_instant else now()


def _who(name: str | None, purpose: str | None) -> str:
    from deploy.cli.asking import asker  # noqa: PLC0415 - one place decides who asks

    return asker(name, purpose)[1].name


def _state(typed: str | None) -> str | None:
    from consumers.safeguarding.lifecycle import AlertState  # noqa: PLC0415 - keeps --help quick

    return None if typed is None else code_of(AlertState, typed, "--state").value
