"""`rivelin partner add`, `suspend` and `list`: who may report what, under which powers."""

from __future__ import annotations

import asyncio
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli import replies
from deploy.cli.output import progress, say, show_json, show_table, show_text, warn
from deploy.cli.pki import HAND_OVER

if TYPE_CHECKING:
    from deploy.settings import Settings
    from streams.registry import PartnerEntry
    from streams.shared import LawfulGateway, PartnerOnboarded, Service

Id = Annotated[str, typer.Argument(help="The partner's id: small letters, digits and hyphens.")]
Name = Annotated[str | None, typer.Option("--name", help="The body's name, for people.")]
Kind = Annotated[
    str | None,
    typer.Option(
        "--type",
        help="COUNCIL, HEALTH, SCHOOL, HOUSING, YOUTH_JUSTICE, PROBATION, FIRE, VOLUNTARY or"
        " POLICE.",
    ),
]
Services = Annotated[
    list[str] | None,
    typer.Option(
        "--service",
        help="NAME[:CATEGORY,…][:health]; repeat it for each service. ':health' marks a health or"
        " social care service. Without categories it may send PERSONAL.",
    ),
]
Agreement = Annotated[
    str | None, typer.Option("--agreement", help="The information sharing agreement's reference.")
]
Gateways = Annotated[
    list[str] | None,
    typer.Option(
        "--gateway", help="CODE=PURPOSE,…; repeat it for each legal gateway of the agreement."
    ),
]
Narrative = Annotated[
    bool, typer.Option("--narrative/--no-narrative", help="Whether narrative may be sent.")
]
Expires = Annotated[
    str | None, typer.Option("--expires", help="The agreement's last day, YYYY-MM-DD.")
]
FromFile = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="The registry entry as JSON, instead of the options above.",
        exists=True,
        dir_okay=False,
    ),
]
By = Annotated[str | None, typer.Option("--by", help="Who decides; by default who you are.")]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Do not wait until the anonymiser serves the partner.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Onboard, suspend and list partners; answer and approve as one.", no_args_is_help=True
    )
    group.command("add")(add)
    group.command("suspend")(suspend)
    group.command("list")(list_all)
    group.command("questions")(replies.questions)
    group.command("answer")(replies.answer)
    group.command("approve")(replies.approve)
    group.command("usage")(replies.usage)
    group.command("meters")(replies.meters)
    group.command("notices")(replies.notices)
    group.command("message")(replies.message)
    app.add_typer(group, name="partner")


def add(  # noqa: PLR0913 - each is one option of the command
    partner: Id,
    *,
    name: Name = None,
    kind: Kind = None,
    service: Services = None,
    agreement: Agreement = None,
    gateway: Gateways = None,
    narrative: Narrative = False,
    expires: Expires = None,
    from_file: FromFile = None,
    by: By = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Onboard a partner: write its registry entry, make its topics, print its settings.

    Adding a partner again replaces its entry and lifts a suspension.
    Exit codes: 0 done (and served, unless --no-wait), 1 not served in time, 3 an option does
    not hold (it is named), 5 no broker.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick

    settings = Settings()
    decided_by = by or settings.name
    if from_file is None:
        given = {"name": name, "type": kind, "service": service, "agreement": agreement,
                 "gateway": gateway, "expires": expires}  # fmt: skip
        entry = _from_options(partner, given, narrative=narrative, by=decided_by)
    else:
        entry = _from_json(partner, from_file, by=decided_by)
    facts = _onboard(settings, entry)
    _warn_of_the_law(entry)
    _answer(facts, as_json=as_json)
    if not no_wait:
        _wait(settings, partner)


def _warn_of_the_law(entry: PartnerOnboarded) -> None:
    """An agreement may list a power that the law does not give to such a body."""
    from anonymiser.gate.law import LAW_VERSION  # noqa: PLC0415 - keeps --help quick
    from anonymiser.gate.lawful import never_open  # noqa: PLC0415 - the same

    for gateway, purpose in never_open(entry):
        warn(
            f"{gateway.value} for {purpose.value} is open to no service of this {entry.type.value} "
            f"partner (law table {LAW_VERSION}): reports that name it will be refused"
        )


def suspend(
    partner: Id,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record; names nobody.")],
    by: By = None,
) -> None:
    """Refuse a partner's reports from now on; immediate risks still reach the duty officer.

    Exit codes: 0 done, 3 the reason does not hold, 4 no such partner, 5 no broker.
    """
    from deploy import registry  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    settings = Settings()
    asyncio.run(registry.suspend(settings, partner, reason, by or settings.name, _now()))
    say(f"{partner} is suspended. `rivelin partner add` lifts it.")


def list_all(*, as_json: AsJson = False) -> None:
    """List every partner that was ever onboarded, with its standing now."""
    from deploy import registry  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    found = asyncio.run(registry.read_registry(Settings()))
    entries = [entry for name in found.partners() if (entry := found.entry(name)) is not None]
    if as_json:
        show_json([_entry_facts(entry) for entry in entries])
        return
    if not entries:
        say("No partner is on board yet: `rivelin partner add`.")
        return
    columns = ("partner", "name", "type", "standing", "services", "gateways", "narrative", "until")
    show_table(columns, map(_entry_row, entries))


# --- an entry from options or a file -----------------------------------------------------------


def _from_options(
    partner: str, given: dict[str, Any], *, narrative: bool, by: str
) -> PartnerOnboarded:
    """Raises: InvalidInputError naming the option."""
    from streams.shared import PartnerOnboarded  # noqa: PLC0415 - keeps --help quick
    from streams.values import PartnerType  # noqa: PLC0415 - the same

    missing = [f"--{option}" for option, value in given.items() if not value]
    if missing:
        raise _refused(", ".join(missing), "missing (or give the whole entry by --from)")
    return PartnerOnboarded(
        partner=partner,
        name=given["name"],
        type=_code(PartnerType, given["type"], "--type"),
        services=tuple(map(_service, given["service"])),
        agreement=given["agreement"],
        gateways=tuple(map(_gateway, given["gateway"])),
        narrative_permitted=narrative,
        expires_at=_end_of(given["expires"]),
        decided_by=by,
        decided_at=_now(),
    )


def _service(text: str) -> Service:
    from streams.shared import Service  # noqa: PLC0415 - keeps --help quick
    from streams.values import DataCategory  # noqa: PLC0415 - the same

    name, *rest = text.split(":")
    health = rest[-1:] == ["health"]
    categories = rest[:-1] if health else rest
    if not name.strip() or len(categories) > 1:
        raise _refused("--service", "write NAME[:CATEGORY,…][:health]")
    codes = [code for code in "".join(categories).split(",") if code] or ["PERSONAL"]
    return Service(
        name=name,
        health_or_social_care=health,
        data_categories=tuple(_code(DataCategory, code, "--service") for code in codes),
    )


def _gateway(text: str) -> LawfulGateway:
    from streams.shared import LawfulGateway  # noqa: PLC0415 - keeps --help quick
    from streams.values import Gateway, Purpose  # noqa: PLC0415 - the same

    code, equals, purposes = text.partition("=")
    if not equals or not purposes:
        raise _refused("--gateway", "write CODE=PURPOSE,…")
    return LawfulGateway(
        gateway=_code(Gateway, code, "--gateway"),
        purposes=tuple(_code(Purpose, one, "--gateway") for one in purposes.split(",")),
    )


def _code(codes: Any, text: str, option: str) -> Any:  # noqa: ANN401 - any closed list of codes
    """Codes may be typed in small letters and with hyphens."""
    try:
        return codes(text.strip().upper().replace("-", "_"))
    except ValueError:
        known = ", ".join(code.value for code in codes)
        raise _refused(option, f"unknown code; there are {known}") from None


def _end_of(text: str) -> datetime:
    """The agreement holds through its last day, UTC."""
    try:
        last = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise _refused("--expires", "write YYYY-MM-DD") from None
    return last.replace(hour=23, minute=59, second=59)


def _from_json(partner: str, file: Path, *, by: str) -> PartnerOnboarded:
    """`partner`, `decided_by` and `decided_at` may be left out. Raises: InvalidInputError."""
    from streams.json_form import from_json, parse  # noqa: PLC0415 - keeps --help quick
    from streams.shared import PartnerOnboarded  # noqa: PLC0415 - the same

    data = parse(file.read_bytes())
    if isinstance(data, dict):
        decided = {"decided_by": by, "decided_at": _now().isoformat()}
        data = {"partner": partner, **decided, **data}
    entry = from_json(PartnerOnboarded, data)
    if entry.partner != partner:
        raise _refused("--from", "the file names another partner")
    return entry


def _refused(option: str, remedy: str) -> Exception:
    from streams.errors import InvalidInputError  # noqa: PLC0415 - keeps --help quick

    return InvalidInputError(f"{option}: {remedy}")


# --- what the partner's developer needs --------------------------------------------------------


def _onboard(settings: Settings, entry: PartnerOnboarded) -> dict[str, Any]:
    from deploy import registry  # noqa: PLC0415 - keeps --help quick
    from deploy.keys import fingerprint  # noqa: PLC0415 - the same
    from streams.topics import feedback_of, submissions_of  # noqa: PLC0415 - the same

    bootstrap, pinned = settings.bootstrap, fingerprint(settings)
    with progress(f"onboarding {entry.partner} …"):
        report = asyncio.run(registry.onboard(settings, [entry]))
    for drift in report.drift:
        warn(f"topic differs, left as it is: {drift}")
    return {
        "partner": entry.partner,
        "bootstrap_servers": bootstrap,
        "submissions_topic": submissions_of(entry.partner),
        "feedback_topic": feedback_of(entry.partner),
        "fingerprint": pinned,
        "certificate_files": _bundle(settings, entry.partner),
        "expires_at": entry.expires_at.isoformat(),
    }


def _bundle(settings: Settings, partner: str) -> str | None:
    """The folder to hand over; None where the broker lets everybody in, or others issue."""
    from deploy.certificates import (  # noqa: PLC0415 - keeps --help quick
        NoCertificateError,
        newest_bundle,
        partner_principal,
    )

    if settings.speaks_plain_text:
        return None
    try:
        return str(newest_bundle(settings.pki_dir, partner_principal(partner)))
    except NoCertificateError:
        return None


def _answer(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(facts)
        return
    told = {**facts, "certificate_files": facts["certificate_files"] or _NO_CERTIFICATE}
    told["agreement_ends"] = told.pop("expires_at")  # a certificate ends much earlier
    show_text("\n".join(f"{key.replace('_', ' '):<18} {value}" for key, value in told.items()))
    show_text(_snippet(facts))
    if facts["certificate_files"] is None:
        say("Hand these settings to the partner's developer; none of them is secret.")
    else:
        say(f"Hand these settings to the partner's developer; none of them is secret. {HAND_OVER}")
    say(f"Try it: {shlex.join(('rivelin', 'report', 'new', '--partner', facts['partner']))}")


_NO_CERTIFICATE = "none: this broker lets in whoever comes, or is entered by certificates of others"


def _snippet(facts: dict[str, Any]) -> str:
    words = {key: repr(value) for key, value in facts.items()}
    return (_SNIPPET_OPEN if facts["certificate_files"] is None else _SNIPPET).format(**words)


_SNIPPET_OPEN = """
    import json
    from producers.sdk import SyncPartner

    with SyncPartner(
        {partner},
        {bootstrap_servers},
        fingerprint={fingerprint},
    ) as partner:
        submission = partner.submit(json.load(open("report.json")))
        print(submission.receipt().outcome)
"""

_SNIPPET = """
    import json
    from pathlib import Path
    from producers.sdk import Credentials, SyncPartner

    with SyncPartner(
        {partner},
        {bootstrap_servers},
        fingerprint={fingerprint},
        credentials=Credentials.in_folder(Path({certificate_files})),
    ) as partner:
        submission = partner.submit(json.load(open("report.json")))
        print(submission.receipt().outcome)
"""


def _wait(settings: Settings, partner: str) -> None:
    from deploy import registry  # noqa: PLC0415 - keeps --help quick

    with progress(f"waiting until the anonymiser serves {partner} …"):
        missing = asyncio.run(registry.wait_until_served(settings, (partner,)))
    if missing:
        warn(_not_served(settings, partner))
        raise typer.Exit(1)
    say(f"The anonymiser serves {partner}.")


def _not_served(settings: Settings, partner: str) -> str:
    from deploy.registry import anonymiser_runs  # noqa: PLC0415 - keeps --help quick

    if anonymiser_runs(settings):
        return f"{partner} is onboarded; the anonymiser does not serve it yet (its log says why)"
    return (
        f"{partner} is onboarded; no anonymiser tells of itself in {settings.run_dir}. What is"
        " reported waits on the broker until one runs (`rivelin up`)."
    )


# --- listing -----------------------------------------------------------------------------------


def _entry_facts(entry: PartnerEntry) -> dict[str, Any]:
    from streams.json_form import to_json  # noqa: PLC0415 - keeps --help quick

    return {
        "partner": entry.partner,
        "name": entry.name,
        "type": entry.type,
        "standing": entry.standing(_now()),
        "services": [to_json(service) for service in entry.services],
        "agreement": entry.agreement,
        "gateways": [to_json(one) for one in entry.gateways],
        "narrative_permitted": entry.narrative_permitted,
        "expires_at": entry.expires_at.isoformat(),
    }


def _entry_row(entry: PartnerEntry) -> tuple[object, ...]:
    return (
        entry.partner,
        entry.name,
        entry.type,
        entry.standing(_now()),
        ", ".join(service.name for service in entry.services),
        ", ".join(one.gateway for one in entry.gateways),
        "yes" if entry.narrative_permitted else "no",
        f"{entry.expires_at:%Y-%m-%d}",
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
