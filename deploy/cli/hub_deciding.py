"""What the hub's commands that decide have in common: find the record, then decide on the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.cli.asking import ask, asker, decide, hub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from deploy.authority import Act
    from deploy.views import Asker

NOTE = "An alert is not a referral, and is never closed by the system: a named person decides."


def found_id(
    subject: str,
    find: Callable[[Any, str], str],
    typed: str,
    name: str | None,
    purpose: str | None,
) -> str:
    """Return the id of the record that was typed; the look goes on the record.

    Raises: InvalidInputError, DeniedError.
    """
    found: str = ask(hub(subject, lambda _, one: one, find, typed), name, purpose, None)
    return found


def decide_as_hub(
    act: Act,
    subject: str,
    make: Callable[[Any, Asker, datetime], object],
    name: str | None,
    purpose: str | None,
) -> tuple[Any, Asker]:
    """Decide on `safeguarding.decisions`; return the event that was written, and who decided.

    `make` gives the event from the book of the hub, who asks, and the time.
    Raises: DeniedError (recorded), and what stands against the event.
    """
    from consumers.safeguarding.deciding import READS, choose  # noqa: PLC0415 - keeps --help quick
    from deploy.decisions import Decision  # noqa: PLC0415 - the same
    from streams.topics import HUB_DECISIONS  # noqa: PLC0415 - the same

    settings, who = asker(name, purpose)
    decision = Decision(act, subject, "safeguarding", HUB_DECISIONS, READS)
    (event,) = decide(settings, who, decision, choose(lambda book, at: make(book, who, at)))
    return event, who


def said(event: Any) -> Mapping[str, Any]:  # noqa: ANN401 - any event of the hub
    """Return an event as plain values for `--json`, with its name."""
    from dataclasses import asdict  # noqa: PLC0415 - keeps --help quick

    return {"event": type(event).__name__, **asdict(event), "note": NOTE}
