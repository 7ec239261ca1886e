"""`rivelin ocg`: OCGs as named people map, merge, split, archive and score them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import typer

from deploy.cli import ocg_show as show
from deploy.cli.asking import AsJson, AsOf, Name, PurposeCode, ask, asker, decide, police
from deploy.cli.codes import code_of
from deploy.cli.output import say, show_json, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from consumers.ocg_network.deciding import By
    from consumers.ocg_network.ocgs import OcgBook
    from deploy.authority import Act
    from deploy.settings import Settings
    from deploy.views import Asker
    from streams.codes import Factor

Ocg = Annotated[str, typer.Argument(help="An OCG: its reference, or the beginning of its id.")]
Person = Annotated[str, typer.Argument(help="A person: an id, or the beginning of one.")]
Reference = Annotated[
    str, typer.Option("--reference", help="A code such as SY-12; never a name, never used again.")
]
Why = Annotated[
    list[str],
    typer.Option("--why", help="A rationale code, such as INTELLIGENCE; may be repeated."),
]
Reports = Annotated[
    list[str] | None,
    typer.Option("--report", help="A report it rests on, id or beginning; may be repeated."),
]
Members = Annotated[
    str | None,
    typer.Option("--members", help="People by id, with commas; by default all adults who count."),
]
From = Annotated[str, typer.Option("--from", help="The earlier instant, 2026-01-01T00:00Z.")]
To = Annotated[str | None, typer.Option("--to", help="The later one; by default now.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="OCGs: a named human maps them; a candidate network is none.", no_args_is_help=True
    )
    looks: tuple[Callable[..., None], ...] = (
        *(ocg_list, ocg_show, ocg_history, ocg_trajectory, ocg_totals, ocg_explain, ocg_model),
    )
    decisions: tuple[Callable[..., None], ...] = (
        *(ocg_map, ocg_members, ocg_merge, ocg_split, ocg_archive, ocg_reactivate, ocg_score),
    )
    for command in (*looks, *decisions):
        group.command(command.__name__.removeprefix("ocg_"))(command)
    roles = typer.Typer(
        help="Roles that a named human confirmed; they expire.", no_args_is_help=True
    )
    for role_command in (role_confirm, role_renew, role_end, role_list):
        roles.command(role_command.__name__.removeprefix("role_"))(role_command)
    group.add_typer(roles, name="role")
    app.add_typer(group, name="ocg")


# --- looking ----------------------------------------------------------------------------------


def ocg_list(
    *,
    every: Annotated[bool, typer.Option("--all", help="Archived and absorbed ones too.")] = False,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show mapped OCGs, the highest risk on top."""
    from consumers.ocg_network.ocg_look import ocgs  # noqa: PLC0415 - keeps --help quick

    found = ask(police("ocg list", lambda one, _: ocgs(one)), name, purpose, as_of)
    known = [one for one in found if every or one["status"] == "MAPPED"]
    show_json(known) if as_json else show.ocgs(known)


def ocg_show(
    ocg: Ocg,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one OCG: members and roles, the candidate networks it overlaps, who is at its edge."""
    from consumers.ocg_network import ocg_look  # noqa: PLC0415 - keeps --help quick

    question = police("ocg show", ocg_look.ocg, ocg_look.find_ocg, ocg)
    found = ask(question, name, purpose, as_of)
    show_json(found) if as_json else show.ocg(found)


def ocg_history(
    ocg: Ocg,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show who decided what about an OCG, when, why, and whether its evidence is doubted now."""
    from consumers.ocg_network import ocg_look  # noqa: PLC0415 - keeps --help quick

    question = police("ocg history", ocg_look.history, ocg_look.find_ocg, ocg)
    found = ask(question, name, purpose, as_of)
    show_json(found) if as_json else show.history(found)


def ocg_trajectory(
    ocg: Ocg,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show how an OCG was scored over time, factor by factor."""
    from consumers.ocg_network import ocg_look  # noqa: PLC0415 - keeps --help quick

    question = police("ocg trajectory", ocg_look.scores, ocg_look.find_ocg, ocg)
    found = ask(question, name, purpose, as_of)
    show_json(found) if as_json else show.trajectory(found)


def ocg_totals(
    *,
    start: From,
    end: To = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Count mapped OCGs and their total risk at two instants, and the change in per cent.

    By the time at which people decided, which stands in the events.
    """
    found = _explained("ocg totals", start, end, name, purpose)
    if as_json:
        show_json({"from": found["from"], "to": found["to"], "percent": found["percent"]})
    else:
        show.totals(found)


def ocg_explain(
    *,
    start: From,
    end: To = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Say which OCG and which factor moved the total risk between two instants.

    The parts add up to the change exactly. Disruptions of the time stand beside it: what came
    before a change is not therefore its cause.
    """
    found = _explained("ocg explain", start, end, name, purpose)
    show_json(found) if as_json else show.explanation(found)


def _explained(
    subject: str, start: str, end: str | None, name: str | None, purpose: str | None
) -> Mapping[str, Any]:
    from consumers.ocg_network.explaining import explained  # noqa: PLC0415 - keeps --help quick
    from deploy.moments import instant  # noqa: PLC0415 - the same
    from deploy.views import now  # noqa: PLC0415 - the same

    since, until = instant(start), now() if end is None else instant(end)
    question = police(subject, lambda one, _: explained(one, since, until))
    found: Mapping[str, Any] = ask(question, name, purpose, None)
    return found


def ocg_model(*, version: int = 1, as_json: AsJson = False) -> None:
    """Show the scoring model: factors, what they mean, their weights and the scale."""
    from consumers.ocg_network.scoring import model_of  # noqa: PLC0415 - keeps --help quick

    found = show.model_facts(model_of(version))
    show_json(found) if as_json else show.model(found)


# --- deciding on OCGs ---------------------------------------------------------------------------


def ocg_map(  # noqa: PLR0913 - each is one option of the command
    network: Annotated[str, typer.Argument(help="The candidate network, id or beginning.")],
    *,
    reference: Reference,
    why: Why,
    members: Members = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Map an OCG from a candidate network: you say that these people are one.

    It needs three distinct adults; no child and nobody who is a victim only can be a member.
    """
    from consumers.network.look import find  # noqa: PLC0415 - keeps --help quick
    from consumers.network.tables import NETWORKS  # noqa: PLC0415 - the same
    from consumers.ocg_network.deciding import decide_map  # noqa: PLC0415 - the same
    from consumers.ocg_network.ocg_look import ground_for_mapping  # noqa: PLC0415 - the same

    typed = () if members is None else _named(members)
    question = police(
        "ocg map",
        lambda one, found: ground_for_mapping(one, found, typed),
        lambda one, prefix: find(one, NETWORKS.c.network_id, prefix, "network"),
        network,
    )
    told = ask(question, name, purpose, None)
    deciding = _Deciding(name, purpose, why, told["report_ids"])
    ocg_id = uuid4()
    deciding.on_ocg(
        f"ocg map {ocg_id}",
        lambda book, by: decide_map(
            book,
            told["ground"],
            by,
            ocg_id=ocg_id,
            reference=reference.strip().upper(),
            members=_ids(told["members"]),
            network_id=UUID(told["network_id"]),
            areas=told["areas"],
        ),
    )
    deciding.tell(
        {"ocg_id": str(ocg_id), "reference": reference, "members": told["members"]},
        f"{reference} is mapped with {len(told['members'])} members by {deciding.who.name}.",
        as_json=as_json,
    )
    for other, number in told["also_in"].items():
        warn(f"{number} of them are members of {other} too: is it the same OCG?")


def ocg_members(  # noqa: PLR0913 - each is one option of the command
    ocg: Ocg,
    *,
    why: Why,
    add: Annotated[str | None, typer.Option("--add", help="People to add, with commas.")] = None,
    remove: Annotated[
        str | None, typer.Option("--remove", help="People to take out, with commas.")
    ] = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Map an OCG again with other members; who is none any longer has no role either."""
    from consumers.ocg_network.deciding import decide_members  # noqa: PLC0415 - keeps --help quick

    coming, going = _listed(add), _listed(remove)
    told = _ground("ocg members", ocg, (*coming, *going), name, purpose)
    named = _ids(told["named"])
    deciding = _Deciding(name, purpose, why)
    deciding.on_ocg(
        f"ocg members {told['ocg_id']}",
        lambda book, by: decide_members(
            book,
            told["ground"],
            by,
            ocg_id=UUID(told["ocg_id"]),
            add=named[: len(coming)],
            remove=named[len(coming) :],
        ),
    )
    said = f"The members of {ocg} are set by {deciding.who.name}."
    deciding.tell({"ocg_id": told["ocg_id"]}, said, as_json=as_json)


def ocg_merge(  # noqa: PLR0913 - each is one option of the command
    kept: Ocg,
    absorbed: Annotated[str, typer.Argument(help="The OCG that it takes in, likewise.")],
    *,
    why: Why,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Make two OCGs one: members, roles and history of the second go to the first."""
    from consumers.ocg_network.deciding import decide_merge  # noqa: PLC0415 - keeps --help quick
    from consumers.ocg_network.ocg_look import find_ocg  # noqa: PLC0415 - the same

    question = police("ocg merge", lambda one, found: (found, find_ocg(one, absorbed)), find_ocg)
    one, other = ask(_typed(question, kept), name, purpose, None)
    deciding = _Deciding(name, purpose, why)
    deciding.on_ocg(
        f"ocg merge {one} {other}",
        lambda book, by: decide_merge(book, by, kept=UUID(one), absorbed=UUID(other)),
    )
    said = f"{absorbed} is one with {kept} now, by {deciding.who.name}. Score it anew."
    deciding.tell({"kept_id": one, "absorbed_id": other}, said, as_json=as_json)


def ocg_split(  # noqa: PLR0913 - each is one option of the command
    ocg: Ocg,
    *,
    reference: Reference,
    members: Annotated[str, typer.Option("--members", help="Who goes, by id, with commas.")],
    why: Why,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Make some members another OCG. Their roles end: confirm them there anew."""
    from consumers.ocg_network.deciding import decide_split  # noqa: PLC0415 - keeps --help quick

    told = _ground("ocg split", ocg, _listed(members), name, purpose)
    new = uuid4()
    deciding = _Deciding(name, purpose, why)
    deciding.on_ocg(
        f"ocg split {told['ocg_id']} {new}",
        lambda book, by: decide_split(
            book,
            told["ground"],
            by,
            ocg_id=UUID(told["ocg_id"]),
            new_ocg_id=new,
            new_reference=reference.strip().upper(),
            members=_ids(told["named"]),
        ),
    )
    said = f"{reference} is split off from {ocg} by {deciding.who.name}. Score both anew."
    deciding.tell({"ocg_id": told["ocg_id"], "new_ocg_id": str(new)}, said, as_json=as_json)


def ocg_archive(  # noqa: PLR0913 - each is one option of the command
    ocg: Ocg,
    *,
    reason: Annotated[
        str, typer.Option("--reason", help="DISMANTLED, NO_ACTIVITY, BELOW_THRESHOLD and others.")
    ],
    why: Why,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Map an OCG no longer; it can be reactivated."""
    from consumers.ocg_network.deciding import decide_archive  # noqa: PLC0415 - keeps --help quick
    from streams.codes import ArchiveReason  # noqa: PLC0415 - the same

    code = code_of(ArchiveReason, reason, "--reason")
    ocg_id = _found("ocg archive", ocg, name, purpose)
    deciding = _Deciding(name, purpose, why)
    deciding.on_ocg(
        f"ocg archive {ocg_id}",
        lambda book, by: decide_archive(book, by, ocg_id=UUID(ocg_id), reason=code),
    )
    said = f"{ocg} is archived by {deciding.who.name}."
    deciding.tell({"ocg_id": ocg_id}, said, as_json=as_json)


def ocg_reactivate(
    ocg: Ocg,
    *,
    why: Why,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Map an archived OCG again; roles that have not expired stand again."""
    from consumers.ocg_network.deciding import decide_reactivate  # noqa: PLC0415 - keeps it quick

    told = _ground("ocg reactivate", ocg, (), name, purpose)
    deciding = _Deciding(name, purpose, why)
    deciding.on_ocg(
        f"ocg reactivate {told['ocg_id']}",
        lambda book, by: decide_reactivate(book, told["ground"], by, ocg_id=UUID(told["ocg_id"])),
    )
    said = f"{ocg} is mapped again by {deciding.who.name}."
    deciding.tell({"ocg_id": told["ocg_id"]}, said, as_json=as_json)


def ocg_score(  # noqa: PLR0913 - each is one option of the command
    ocg: Ocg,
    *,
    harm: Annotated[str, typer.Option("--harm", help="PHYSICAL=3,PSYCHOLOGICAL=3,… each 0 to 4.")],
    likelihood: Annotated[
        str, typer.Option("--likelihood", help="VICTIM_VULNERABILITY=0,FREQUENCY=3,TREND=2")
    ],
    position: Annotated[str, typer.Option("--position", help="CAPACITY=2,CAPABILITY=1")],
    confidence: Annotated[int, typer.Option("--confidence", help="How sure you are, 0 to 4.")],
    why: Why,
    report: Reports = None,
    model: Annotated[int, typer.Option("--model", help="The version of the model.")] = 1,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Score a mapped OCG; `rivelin ocg model` says what each factor means.

    Only what you put in is kept, with the version of the model: totals are computed.
    """
    from consumers.ocg_network.deciding import decide_score  # noqa: PLC0415 - keeps --help quick

    parts = [_values(one, where) for one, where in ((harm, "--harm"), (likelihood, "--likelihood"))]
    beside = _values(position, "--position")
    ocg_id, reports = _found_with_reports("ocg score", ocg, report, name, purpose)
    score_id = uuid4()
    deciding = _Deciding(name, purpose, why, reports)
    deciding.on_score(
        f"ocg score {ocg_id}",
        lambda book, by: decide_score(
            book,
            by,
            score_id=score_id,
            ocg_id=UUID(ocg_id),
            model=model,
            harm=parts[0],
            likelihood=parts[1],
            position=beside,
            confidence=confidence,
        ),
    )
    told = {"ocg_id": ocg_id, "score_id": str(score_id)}
    said = f"{ocg} is scored by {deciding.who.name}; `rivelin ocg trajectory {ocg}` shows it."
    deciding.tell(told, said, as_json=as_json)


# --- roles ----------------------------------------------------------------------------------------


def role_confirm(  # noqa: PLR0913 - each is one option of the command
    ocg: Ocg,
    person: Person,
    *,
    role: Annotated[str, typer.Option("--role", help="PRINCIPAL, SIGNIFICANT or PERIPHERAL.")],
    why: Why,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Last day; by default six months, at most twelve from now."),
    ] = None,
    report: Reports = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Confirm a member's role until a day; the person is a nominal from now on."""
    from streams.codes import OcgRole  # noqa: PLC0415 - keeps --help quick

    code = code_of(OcgRole, role, "--role")
    _confirm("ocg role confirm", ocg, person, code, until, why, report, name, purpose, as_json)


def role_renew(  # noqa: PLR0913 - each is one option of the command
    ocg: Ocg,
    person: Person,
    *,
    why: Why,
    until: Annotated[
        str | None, typer.Option("--until", help="Last day; as of `ocg role confirm`.")
    ] = None,
    report: Reports = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Confirm again the role that a member holds."""
    _confirm("ocg role renew", ocg, person, None, until, why, report, name, purpose, as_json)


def _confirm(  # noqa: PLR0913, PLR0917 - two commands that differ in the role alone
    subject: str,
    ocg: str,
    person: str,
    role: Any,  # noqa: ANN401 - a code that is loaded when used
    until: str | None,
    why: Sequence[str],
    report: Sequence[str] | None,
    name: str | None,
    purpose: str | None,
    as_json: bool,  # noqa: FBT001 - see above
) -> None:
    from consumers.ocg_network.deciding import decide_role  # noqa: PLC0415 - keeps --help quick

    last_day = None if until is None else _day(until)
    told = _ground(subject, ocg, (person,), name, purpose, report or ())
    deciding = _Deciding(name, purpose, why, told["report_ids"])
    (event,) = deciding.on_role(
        f"{subject} {told['ocg_id']} {told['named'][0]}",
        lambda book, by: decide_role(
            book,
            told["ground"],
            by,
            ocg_id=UUID(told["ocg_id"]),
            person_id=UUID(told["named"][0]),
            role=role,
            last_day=last_day,
        ),
    )
    facts = {
        "ocg_id": told["ocg_id"],
        "person_id": told["named"][0],
        "role": event.role.value,
        "expires_on": event.expires_on.isoformat(),
    }
    said = f"{event.role} in {ocg} until {event.expires_on}, confirmed by {deciding.who.name}."
    deciding.tell(facts, said, as_json=as_json)


def role_end(  # noqa: PLR0913 - each is one option of the command
    ocg: Ocg,
    person: Person,
    *,
    reason: Annotated[
        str, typer.Option("--reason", help="LEFT, SENTENCED, FOUND_TO_BE_CHILD and others.")
    ],
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """End the role that a person holds in an OCG."""
    from consumers.ocg_network.deciding import decide_role_end  # noqa: PLC0415 - keeps --help quick
    from streams.codes import RoleEnd  # noqa: PLC0415 - the same

    code = code_of(RoleEnd, reason, "--reason")
    told = _ground("ocg role end", ocg, (person,), name, purpose)
    deciding = _Deciding(name, purpose, ())
    deciding.on_role(
        f"ocg role end {told['ocg_id']} {told['named'][0]}",
        lambda book, by: decide_role_end(
            book,
            told["ground"],
            by,
            ocg_id=UUID(told["ocg_id"]),
            person_id=UUID(told["named"][0]),
            reason=code,
        ),
    )
    facts = {"ocg_id": told["ocg_id"], "person_id": told["named"][0], "reason": code.value}
    deciding.tell(facts, f"The role in {ocg} is ended by {deciding.who.name}.", as_json=as_json)


def role_list(
    *,
    ocg: Annotated[str | None, typer.Option("--ocg", help="Of one OCG only.")] = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every confirmed role that stands, the one that expires next first."""
    from consumers.ocg_network.ocg_look import find_ocg, roles  # noqa: PLC0415 - keeps --help quick

    if ocg is None:
        question = police("ocg role list", lambda one, _: roles(one))
    else:
        question = police("ocg role list", roles, find_ocg, ocg)
    found = ask(question, name, purpose, as_of)
    show_json(found) if as_json else show.roles(found)


# --- looking first, then deciding ---------------------------------------------------------------


class _Deciding:
    """One decision of one person: who, why, on what; refused and recorded where no role allows."""

    def __init__(
        self,
        name: str | None,
        purpose: str | None,
        why: Sequence[str],
        report_ids: Sequence[str] = (),
    ) -> None:
        from streams.codes import Rationale  # noqa: PLC0415 - keeps --help quick

        self.settings: Settings
        self.who: Asker
        self.settings, self.who = asker(name, purpose)
        self._reasons = tuple(code_of(Rationale, one, "--why") for one in why)
        self._reports = _ids(report_ids)

    def on_ocg(self, subject: str, choose: Callable[[OcgBook, By], Any]) -> Any:  # noqa: ANN401 - the events of the decision
        from deploy.authority import Act  # noqa: PLC0415 - keeps --help quick

        return self._decide(Act.DECIDE_ON_OCG, subject, choose)

    def on_role(self, subject: str, choose: Callable[[OcgBook, By], Any]) -> Any:  # noqa: ANN401 - the same
        from deploy.authority import Act  # noqa: PLC0415 - keeps --help quick

        return self._decide(Act.CONFIRM_ROLE, subject, choose)

    def on_score(self, subject: str, choose: Callable[[OcgBook, By], Any]) -> Any:  # noqa: ANN401 - the same
        from deploy.authority import Act  # noqa: PLC0415 - keeps --help quick

        return self._decide(Act.SCORE_OCG, subject, choose)

    def tell(self, facts: Mapping[str, Any], words: str, *, as_json: bool) -> None:
        if as_json:
            show_json({**facts, "decided_by": self.who.name})
        else:
            say(words)

    def _decide(self, act: Act, subject: str, choose: Callable[[OcgBook, By], Any]) -> Any:  # noqa: ANN401 - the same
        from consumers.ocg_network.deciding import By  # noqa: PLC0415 - keeps --help quick
        from consumers.ocg_network.ocgs import book_of  # noqa: PLC0415 - the same
        from deploy.decisions import Decision  # noqa: PLC0415 - the same
        from streams.topics import POLICE_DECISIONS  # noqa: PLC0415 - the same

        def events(records: Sequence[Any], at: datetime) -> Any:  # noqa: ANN401 - see above
            by = By(self.who.name, at, self._reasons, self._reports)
            return choose(book_of(records), by)

        decision = Decision(act, subject, "police", POLICE_DECISIONS)
        return decide(self.settings, self.who, decision, events)


def _ground(  # noqa: PLR0913, PLR0917 - what is looked at, and who looks
    subject: str,
    ocg: str,
    typed: Sequence[str],
    name: str | None,
    purpose: str | None,
    reports: Sequence[str] = (),
) -> Mapping[str, Any]:
    from consumers.ocg_network.grade_look import find_report  # noqa: PLC0415 - keeps --help quick
    from consumers.ocg_network.ocg_look import find_ocg, ground_for_ocg  # noqa: PLC0415 - the same

    def read(connection: Any, ocg_id: str) -> Any:  # noqa: ANN401 - loaded when used
        known = [find_report(connection, one) for one in reports]
        return {**ground_for_ocg(connection, ocg_id, typed), "report_ids": known}

    found: Mapping[str, Any] = ask(police(subject, read, find_ocg, ocg), name, purpose, None)
    return found


def _found(subject: str, ocg: str, name: str | None, purpose: str | None) -> str:
    return str(_ground(subject, ocg, (), name, purpose)["ocg_id"])


def _found_with_reports(
    subject: str, ocg: str, reports: Sequence[str] | None, name: str | None, purpose: str | None
) -> tuple[str, Sequence[str]]:
    told = _ground(subject, ocg, (), name, purpose, reports or ())
    return str(told["ocg_id"]), told["report_ids"]


def _typed(question: Any, typed: str) -> Any:  # noqa: ANN401 - loaded when used
    from dataclasses import replace  # noqa: PLC0415 - keeps --help quick

    return replace(question, typed=typed)


def _listed(typed: str | None) -> tuple[str, ...]:
    return tuple(one.strip() for one in (typed or "").split(",") if one.strip())


def _named(typed: str) -> tuple[str, ...]:
    """Return who is named; nobody is not everybody."""
    from streams.errors import InvalidInputError  # noqa: PLC0415 - keeps --help quick

    if not (listed := _listed(typed)):
        raise InvalidInputError("--members: people by id, with commas; there is none")
    return listed


def _ids(texts: Sequence[str]) -> tuple[UUID, ...]:
    return tuple(map(UUID, texts))


def _day(typed: str) -> Any:  # noqa: ANN401 - a day; loaded when used
    from datetime import date  # noqa: PLC0415 - keeps --help quick

    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same

    try:
        return date.fromisoformat(typed)
    except ValueError:
        raise InvalidInputError("--until is a day such as 2027-03-31") from None


def _values(typed: str, where: str) -> Mapping[Factor, int]:
    """Read factors and values such as PHYSICAL=3,FINANCIAL=1.

    Raises: InvalidInputError.
    """
    from streams.codes import Factor  # noqa: PLC0415 - keeps --help quick
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same

    values: dict[Factor, int] = {}
    for one in _listed(typed):
        factor, given, value = one.partition("=")
        code = code_of(Factor, factor, where)
        if not given or not value.strip().isdecimal() or code in values:
            raise InvalidInputError(f"{where}: each factor once with a whole number: PHYSICAL=3")
        values[code] = int(value)
    return values
