"""`rivelin role`: what the supervisor starts; hidden, since nobody needs to type it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from typer import Typer


def register(app: Typer) -> None:
    """Add the command."""
    app.command(hidden=True)(role)


def role(name: Annotated[str, typer.Argument(help="Which role to run.")]) -> None:
    """Run one role in this process until it is told to end."""
    from deploy.roles import run_role  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    run_role(name, Settings())
