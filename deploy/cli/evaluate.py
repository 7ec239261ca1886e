"""`rivelin evaluate`: measure the product by its own code, on files it has never seen."""

from __future__ import annotations

import typer

from deploy.cli.evaluate_alerts import alerts
from deploy.cli.evaluate_intruder import intruder
from deploy.cli.evaluate_linkage import generate, linkage
from deploy.cli.evaluate_narrative import narrative
from deploy.cli.evaluate_network import network
from deploy.cli.evaluate_town import safeguarding, town


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    evaluate = typer.Typer(
        help="Measure the product by its own code, on files it has never seen.",
        no_args_is_help=True,
    )
    evaluate.callback()(lambda: None)
    evaluate.command()(network)
    evaluate.command()(linkage)
    evaluate.command()(generate)
    evaluate.command()(narrative)
    evaluate.command()(intruder)
    evaluate.command()(alerts)
    evaluate.command()(safeguarding)
    evaluate.command()(town)
    app.add_typer(evaluate, name="evaluate")
