"""`rivelin pki issue | renew | revoke | list | permissions`: who is let in, and to what."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.codes import code_of
from deploy.cli.output import say, show_json, show_table, show_text, warn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.acls import PermissionsReport
    from deploy.pki import Issued, Pki
    from deploy.settings import Settings

Principal = Annotated[
    str,
    typer.Argument(
        help="A role such as linker, or partner:<id>; `rivelin pki list` shows those there are."
    ),
]
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host", help="A name or address at which a node serves, beside loopback; repeat it."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]

_COLUMNS = ("certificate", "standing", "issued", "until", "hosts", "files")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    pki = typer.Typer(
        help="Issue, renew and revoke the certificates that the broker lets in, and see what each"
        " may do."
    )
    for command in (issue, renew, revoke, show_list, permissions):
        pki.command("list" if command is show_list else None)(command)
    app.add_typer(pki, name="pki", no_args_is_help=True)


def issue(principal: Principal, *, host: Hosts = None, as_json: AsJson = False) -> None:
    """Issue a principal's first certificate, or its next one after the last was revoked or ended.

    Good for 90 days. `rivelin up` issues those of roles and `rivelin partner add` those of
    partners by themselves. Exit codes: 0 done, 3 no such principal, or it has one that is good,
    4 no authority here.
    """
    settings, pki = _opened()
    pki.create(_now())
    _answer(settings, pki, pki.issue(principal, _now(), tuple(host or ())), as_json=as_json)


def renew(principal: Principal, *, host: Hosts = None, as_json: AsJson = False) -> None:
    """Issue the next certificate of a principal; the one before stays good beside it.

    So its holder can change over when it suits; then revoke the old one, or let it end.
    Roles of this home are renewed by themselves 30 days before the end. Exit codes: as `issue`.
    """
    settings, pki = _opened()
    hosts = None if host is None else tuple(host)
    _answer(settings, pki, pki.renew(principal, _now(), hosts), as_json=as_json)


def revoke(
    certificate: Annotated[
        str,
        typer.Argument(help="One certificate (linker.1, partner:council.2), or all of a principal"),
    ],
    *,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            help="key-compromise, superseded, affiliation-changed or cessation-of-operation.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Shut a certificate out for ever, on open connections too, and remove its files from here.

    Exit codes: 0 done, 3 no such certificate or reason, 5 it is revoked in
    the register, but the broker cannot be reached; the next `rivelin up` tells it.
    """
    from deploy.admission import shut_out  # noqa: PLC0415 - keeps --help quick
    from deploy.certificates import SUPER_USERS  # noqa: PLC0415 - the same
    from deploy.pki import RevocationReason  # noqa: PLC0415 - the same

    why = code_of(RevocationReason, reason, "--reason")
    settings, _ = _opened()
    shut = asyncio.run(shut_out(settings, certificate, why, _now()))
    if as_json:
        show_json([_facts(one, None) for one in shut.revoked])
    elif shut.revoked:
        say(f"Revoked: {_names(shut.revoked)}.")
    else:
        say(f"{certificate} was revoked before; nothing changed.")
    if shut.revoked and shut.report is None:
        warn("The broker speaks plain text: it lets everybody in, whoever was revoked.")
    if any(one.name.principal in SUPER_USERS for one in shut.revoked):
        warn("The broker asks this one for no permission until it is started anew: do that now.")


def show_list(*, as_json: AsJson = False) -> None:
    """Show every certificate that was issued, its standing, and where its files lie."""
    _, pki = _opened()
    now = _now()
    entries = sorted(pki.issued(), key=lambda one: one.name)
    if as_json:
        show_json([_facts(one, pki) for one in entries])
    elif entries:
        show_table(_COLUMNS, (_row(one, pki, now) for one in entries))
    else:
        say("No certificate was issued yet: `rivelin up` makes the first ones.")


def permissions(
    *,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take away what nobody asked for.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the broker's permissions to what the table of topics asks for; tell what differs.

    `rivelin up` and everything that changes a certificate does the same by itself.
    Exit codes: 0 as asked for, 1 something lies there that nobody asked for, 4 no authority
    here, 5 no broker.
    """
    from deploy.acls import ensure_permissions  # noqa: PLC0415 - keeps --help quick
    from deploy.admission import ADMINISTRATOR, keeps_certificates  # noqa: PLC0415 - the same
    from streams.errors import DeniedError  # noqa: PLC0415 - the same

    settings, _ = _opened()
    if not keeps_certificates(settings):
        raise DeniedError("permissions are settled where the broker's certificates are issued")
    report = asyncio.run(ensure_permissions(settings, ADMINISTRATOR, _now(), prune=remove))
    if as_json:
        show_json(_report_facts(report))
    else:
        _tell(report)
    if report.drift:
        raise typer.Exit(1)


# --- within -------------------------------------------------------------------------------------


def _opened() -> tuple[Settings, Pki]:
    from deploy.pki import Pki  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    settings = Settings()
    return settings, Pki(settings.pki_dir)


def _answer(settings: Settings, pki: Pki, issued: Issued, *, as_json: bool) -> None:
    """Tell where the files lie, and have the broker know of them if one runs."""
    from deploy.admission import permitting, set_permissions  # noqa: PLC0415 - keeps --help quick
    from deploy.certificates import NODE, SUPER_USERS  # noqa: PLC0415 - the same
    from streams.errors import BrokerUnreachableError  # noqa: PLC0415 - the same

    try:
        principal = permitting({issued.name.principal})
        drift = asyncio.run(set_permissions(settings, principal, _now()))
        is_known = True
    except BrokerUnreachableError:
        drift, is_known = (), False
    if as_json:
        show_json({**_facts(issued, pki), "broker_knows": is_known})
    else:
        _tell_issued(issued, pki)
    for line in drift:
        warn(line)
    if not is_known:
        warn("No broker runs that could be told; the next `rivelin up` tells it.")
    if issued.name.principal in SUPER_USERS:
        what = "shows it" if issued.name.principal == NODE else "lets it in"
        warn(f"The broker {what} once it is started anew.")


def _tell_issued(issued: Issued, pki: Pki) -> None:
    show_text(f"certificate  {issued.name}")
    show_text(f"until        {issued.expires_at:%Y-%m-%d}")
    show_text(f"fingerprint  {issued.fingerprint}")
    show_text(f"files        {pki.folder_of(issued.name)}")
    if issued.name.is_partners:
        say(HAND_OVER)


HAND_OVER = (
    "The three certificate files go by a way that only the partner can read: key.pem is a secret."
)


def _tell(report: PermissionsReport) -> None:
    for one in report.made:
        show_text(f"made     {one}")
    for one in report.removed:
        show_text(f"removed  {one}")
    for one in report.drift:
        show_text(f"extra    {one}")
    if report.drift:
        warn("Nobody asked for the extra ones; `rivelin pki permissions --remove` takes them away.")
    elif not (report.made or report.removed):
        say("The broker's permissions are as asked for.")


def _report_facts(report: PermissionsReport) -> dict[str, list[str]]:
    return {
        "made": list(map(str, report.made)),
        "removed": list(map(str, report.removed)),
        "extra": list(map(str, report.drift)),
    }


def _facts(one: Issued, pki: Pki | None) -> dict[str, Any]:
    return {
        "certificate": str(one.name),
        "standing": one.standing(_now()),
        **one.as_dict(),
        "files": None if pki is None else _files(one, pki),
    }


def _files(one: Issued, pki: Pki) -> str | None:
    folder = pki.folder_of(one.name)
    return str(folder) if folder.is_dir() else None


def _row(one: Issued, pki: Pki, now: datetime) -> tuple[object, ...]:
    standing = one.standing(now)
    return (
        one.name,
        f"{standing}: {one.reason}" if one.reason else standing,
        f"{one.issued_at:%Y-%m-%d}",
        f"{one.expires_at:%Y-%m-%d}",
        ", ".join(one.hosts),
        _files(one, pki),
    )


def _names(entries: Iterable[Issued]) -> str:
    return ", ".join(str(one.name) for one in entries)


def _now() -> datetime:
    return datetime.now(UTC)
