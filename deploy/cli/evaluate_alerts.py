"""`rivelin evaluate alerts`: what was begun and not ended in time, by the engine of the rules."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from deploy.cli.output import say, show_json, show_table, warn


def alerts(
    events: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="CSV with person_id, event_name, timestamp."
        ),
    ],
    persons: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV with person_id: who is known.")
    ],
    rules: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="JSON: violations by name, each with threshold_minutes, start, end.",
        ),
    ],
    *,
    continuing: Annotated[
        bool,
        typer.Option(
            "--continuing",
            help="Starts without an end between them are one violation: judge the first for all.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Tell which notifications are due: a violation began and did not end in time.

    A notification is due if and only if a starting event is logged and no ending event of the
    same violation (and person) arrives within the threshold. Events are placed by their
    timestamp, not by file or batch. Each starting event is judged on its own: a second one
    without an end between is due as well, at its own time; one end answers every start before
    it. --continuing takes such starts as one violation with one notification. An end in the same
    instant as the start, or exactly at the threshold, is in time; an end without a start, or one
    after the threshold, changes nothing. Two notifications of one violation and person at one
    instant are one.

    Judged up to the last event of the file: what has neither ended nor run out by then is
    pending. Events of unknown name begin and end nothing; persons who are not in PERSONS are
    judged like any other; both are counted and told.

    Exit codes: 0 done, 3 a file does not hold what it must (line and field are named).
    """
    from deploy.evaluate.alerts import (  # noqa: PLC0415 - keeps --help quick
        evaluate,
        read_events,
        read_persons,
        read_rules,
    )

    read = read_rules(rules)
    found = evaluate(read_events(events), read_persons(persons), read, continuing=continuing)
    if found.unknown_names:
        warn(
            f"{found.unknown_names} events have a name that no violation knows: they count as"
            " neither start nor end"
        )
    if found.unknown_persons:
        warn(
            f"{found.unknown_persons} events are about persons who are not in {persons.name}:"
            " they were judged all the same"
        )
    if as_json:
        show_json(found.as_dict())
        return
    rows = ((one.at.isoformat(), one.rule, one.person) for one in found.alerts)
    show_table(("due at", "violation", "person"), rows)
    say(f"{len(found.alerts)} due, {found.pending} pending, {found.events} events.")
