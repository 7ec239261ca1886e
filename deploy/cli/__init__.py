"""The `rivelin` command: sub-commands, and the one place where errors become exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid input, 4 denied, 5 broker unreachable,
6 audit mismatch.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sqlite3
import sys
from importlib import import_module
from pathlib import Path

import typer

from deploy.cli.output import complain
from streams.errors import (
    AuditMismatchError,
    BrokerUnreachableError,
    DecodeError,
    DeniedError,
    InvalidInputError,
    RivelinError,
)

# Each offers `register(app)`. It imports what is heavy inside its commands, so that
# `rivelin --help` stays quick.
COMMAND_MODULES = (
    "deploy.cli.system",
    "deploy.cli.health",
    "deploy.cli.role",
    "deploy.cli.partner",
    "deploy.cli.population",
    "deploy.cli.report",
    "deploy.cli.submit",
    "deploy.cli.duty",
    "deploy.cli.links",
    "deploy.cli.holds",
    "deploy.cli.erase",
    "deploy.cli.reconcile",
    "deploy.cli.keys",
    "deploy.cli.pki",
    "deploy.cli.bench",
    "deploy.cli.simulate",
    "deploy.cli.evaluate",
    "deploy.cli.weights",
    "deploy.cli.staff",
    "deploy.cli.meters",
    "deploy.cli.network",
    "deploy.cli.nominal",
    "deploy.cli.grade",
    "deploy.cli.ocg",
    "deploy.cli.disruption",
    "deploy.cli.outcome",
    "deploy.cli.alert",
    "deploy.cli.provision",
    "deploy.cli.nrm",
    "deploy.cli.rules",
    "deploy.cli.lab",
    "deploy.cli.notice",
    "deploy.cli.message",
    "deploy.cli.bridge",
    "deploy.cli.replay",
    "deploy.cli.backup",
    "deploy.cli.demo",
)

EXIT_FAILURE = 1
EXIT_CODES: tuple[tuple[type[RivelinError], int], ...] = (
    (InvalidInputError, 3),
    (DecodeError, 3),
    (DeniedError, 4),
    (BrokerUnreachableError, 5),
    (AuditMismatchError, 6),
)


def build_app() -> typer.Typer:
    """Wire every command module into one application."""
    app = typer.Typer(
        name="rivelin",
        help="Carry intelligence from partner agencies without carrying identities.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name in COMMAND_MODULES:
        import_module(name).register(app)
    return app


def exit_code(error: RivelinError) -> int:
    """The documented exit code of an error's family."""
    return next((code for family, code in EXIT_CODES if isinstance(error, family)), EXIT_FAILURE)


def main() -> None:
    """Run the command line; a broken rule is told in one line, and so is a bug.

    A bug is told by class and place: its words and its trace could hold what a person typed.
    """
    _open_ears()
    # Of a broker that does not answer, or that lets somebody else decide first, we speak
    # ourselves; where a root handler is, it still hears.
    for name in ("aiokafka", "asyncio"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    try:
        build_app()()
    except RivelinError as error:
        complain(str(error))
        sys.exit(exit_code(error))
    except OSError as error:  # a full disk, a folder of somebody else: the world's, not a bug
        complain(_told(error))
        sys.exit(EXIT_FAILURE)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody is shown a trace
        complain(_told_of_bug(error))
        sys.exit(EXIT_FAILURE)


def _told_of_bug(error: Exception) -> str:
    if (fault := _store_fault(error)) is not None:
        return f"a store of this home cannot be read ({fault}): see `rivelin status`"
    from deploy.log_lines import describe  # noqa: PLC0415 - keeps --help quick

    frames = describe(error)["frames"]
    return f"an internal error, please report this line: {type(error).__name__} at {frames}"


def _store_fault(error: Exception) -> str | None:
    """Return SQLite's name of what is wrong with a file; its message could hold more than that."""
    cause = getattr(error, "orig", error)  # as SQLAlchemy hands it on
    if not isinstance(cause, sqlite3.Error):
        return None
    return getattr(cause, "sqlite_errorname", type(cause).__name__)


def _open_ears() -> None:
    """A terminal that lacks a letter gets its code, and one that was closed hears nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as we live
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _told(error: OSError) -> str:
    what = error.strerror or str(error)
    return what if error.filename is None else f"{error.filename}: {what}"
