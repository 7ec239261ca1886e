"""`rivelin staff assign`, `revoke` and `list`: who may act in which role, and until when."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.codes import code_of
from deploy.cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from streams.shared import RoleAssigned

Who = Annotated[str, typer.Argument(help="The person's name, as they will give it with --as.")]
RoleCode = Annotated[
    str,
    typer.Option(
        "--role",
        help="ANALYST, LEAD_RESPONSIBLE_OFFICER, RATER, DISRUPTION_OFFICER, ASSESSOR,"
        " HUB_PRACTITIONER, HUB_LEAD, SOCIAL_WORKER, COORDINATOR or AUDITOR.",
    ),
]
AgencyName = Annotated[
    str | None,
    typer.Option(
        "--agency",
        help="A partner's id, or police, or hub: for whom they act; by default whose role it is.",
    ),
]
Level = Annotated[str, typer.Option("--level", help="STRATEGIC, TACTICAL or OPERATIONAL.")]
Until = Annotated[
    str | None, typer.Option("--until", help="Last day, YYYY-MM-DD; by default a year from now.")
]
By = Annotated[str | None, typer.Option("--by", help="Who assigns; by default who you are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
_TERM = timedelta(days=365)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="Who may act in which role, and until when.", no_args_is_help=True)
    group.command("assign")(assign)
    group.command("revoke")(revoke)
    group.command("list")(list_all)
    app.add_typer(group, name="staff")


def assign(  # noqa: PLR0913 - each is one option of the command
    person: Who,
    *,
    role: RoleCode,
    agency: AgencyName = None,
    level: Level = "OPERATIONAL",
    until: Until = None,
    by: By = None,
) -> None:
    """Let a person act in a role; assigned again, the later assignment replaces the earlier.

    Exit codes: 0 done, 3 an option does not hold (it is named), 5 no broker.
    """
    from deploy.registry import HOME_OF, assign_role  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same
    from deploy.views import now  # noqa: PLC0415 - the same
    from streams.codes import CommandLevel, StaffRole  # noqa: PLC0415 - the same
    from streams.shared import RoleAssigned  # noqa: PLC0415 - the same

    settings = Settings()
    at = now()
    code = code_of(StaffRole, role, "--role")
    event = RoleAssigned(
        name=person,
        role=code,
        agency=agency or HOME_OF.get(code, "police"),
        level=code_of(CommandLevel, level, "--level"),
        expires_at=_end_of(until) if until else at + _TERM,
        decided_by=by or settings.name,
        decided_at=at,
    )
    asyncio.run(assign_role(settings, event))
    say(f"{person} may act as {event.role} until {event.expires_at:%Y-%m-%d %H:%M}Z.")


def revoke(person: Who, *, role: RoleCode, by: By = None) -> None:
    """Take a role back from now on.

    Exit codes: 0 done, 3 the person does not hold it, 5 no broker.
    """
    from deploy.registry import revoke_role  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same
    from deploy.views import now  # noqa: PLC0415 - the same
    from streams.codes import StaffRole  # noqa: PLC0415 - the same
    from streams.shared import RoleRevoked  # noqa: PLC0415 - the same

    settings = Settings()
    event = RoleRevoked(
        name=person,
        role=code_of(StaffRole, role, "--role"),
        decided_by=by or settings.name,
        decided_at=now(),
    )
    asyncio.run(revoke_role(settings, event))
    say(f"{person} acts as {event.role} no longer.")


def list_all(*, as_json: AsJson = False) -> None:
    """Show every role that was assigned and not revoked, expired ones too."""
    from deploy.registry import read_registry  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    roles = [_facts(one) for one in asyncio.run(read_registry(Settings())).roles()]
    if as_json:
        show_json(roles)
        return
    columns = ("name", "role", "agency", "level", "until", "standing")
    show_table(columns, ([one[name] for name in columns] for one in roles))


def _facts(one: RoleAssigned) -> dict[str, Any]:
    stands = datetime.now(UTC) < one.expires_at
    return {
        "name": one.name,
        "role": one.role.value,
        "agency": one.agency,
        "level": one.level.value,
        "until": f"{one.expires_at:%Y-%m-%dT%H:%MZ}",
        "standing": "stands" if stands else "expired",
    }


def _end_of(day: str) -> datetime:
    """Return the end of a day in London.

    Raises: InvalidInputError.
    """
    from streams.errors import InvalidInputError  # noqa: PLC0415 - keeps --help quick
    from streams.roles import expiry_of  # noqa: PLC0415 - the same

    try:
        return expiry_of(date.fromisoformat(day)).astimezone(UTC)
    except (ValueError, OverflowError):  # no day, or one after which no calendar has another
        raise InvalidInputError("--until is a day such as 2027-03-31") from None
