"""`rivelin up`, `down` and `status`: the whole system on this machine."""

from __future__ import annotations

import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import complain, progress, say, show_json, show_table, show_text, warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deploy.processes import Child
    from deploy.settings import Settings
    from deploy.supervisor import Report

DOWN_SECONDS_MAX = 12.0
_POLL_SECONDS = 0.05

_COLUMNS = ("process", "state", "lag", "pid", "MB", "restarts", "last exit", "for")

JsonOption = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Return once everything runs.")] = False,
    port: Annotated[
        int | None,
        typer.Option(help="The broker's port; a free one if not given.", min=1024, max=65535),
    ] = None,
    plain_text: Annotated[
        bool,
        typer.Option("--plain-text", help="No certificates, no permissions: anyone may do all."),
    ] = False,
) -> None:
    """Start the broker and every role, and keep them running.

    The broker lets in whoever shows a certificate of this home (`rivelin pki list`), each to
    what it needs and no more.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick

    settings = Settings()
    if detach:
        _up_detached(settings, port, plain_text=plain_text)
    else:
        _up_here(settings, port, plain_text=plain_text)


def _up_here(settings: Settings, port: int | None, *, plain_text: bool) -> None:
    from deploy.up import serve  # noqa: PLC0415 - keeps --help quick

    def announce() -> None:
        _show(settings)
        say("Everything runs. Ctrl-C stops it.")

    try:
        serve(settings, port=port, plain_text=plain_text, say=warn, announce=announce)
    except KeyboardInterrupt:  # before anything had been started
        sys.exit(128 + signal.SIGINT)
    say("Everything is stopped.")


def _up_detached(settings: Settings, port: int | None, *, plain_text: bool) -> None:
    from deploy.listeners import PLAIN_TEXT_NOTICE  # noqa: PLC0415 - keeps --help quick
    from deploy.up import (  # noqa: PLC0415 - the same
        STOP_SIGNALS,
        is_plain_text,
        leave,
        spawn_detached,
    )

    notice = is_plain_text(settings, asked=plain_text)
    _on(STOP_SIGNALS, leave)
    started = spawn_detached(settings, port, plain_text=plain_text)
    try:
        with progress("starting …"):
            code = _wait_until_ready(settings, started.child)
    except SystemExit:
        _on(STOP_SIGNALS, signal.SIG_IGN)  # a second Ctrl-C must not leave it running
        started.child.stop_sync(DOWN_SECONDS_MAX)
        raise
    if code is not None:
        complain("the start failed")
        say(started.last_words())
        sys.exit(code or 1)
    if notice:
        warn(PLAIN_TEXT_NOTICE)
    _show(settings)


def _on(numbers: Iterable[signal.Signals], handler: Any) -> None:  # noqa: ANN401 - as in signal
    for number in numbers:
        signal.signal(number, handler)


def _wait_until_ready(settings: Settings, child: Child) -> int | None:
    """Give None once everything runs, or the exit code of a failed start."""
    from deploy.supervisor import Phase, read_report  # noqa: PLC0415 - keeps --help quick

    while (code := child.wait_sync(_POLL_SECONDS)) is None:
        report = read_report(settings)
        if report and report.identity == child.identity and report.phase is Phase.READY:
            return None
    return code


def down() -> None:
    """Stop the roles, then the broker."""
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick
    from deploy.supervisor import read_report  # noqa: PLC0415 - the same

    settings = Settings()
    report = read_report(settings)
    if report is None:
        say(f"Nothing runs for {settings.home}.")
        return
    with progress("stopping …"):
        in_order = _stop(report)
    say("Everything is stopped." if in_order else "Everything is stopped, by force.")


def _stop(report: Report) -> bool:
    """Ask the supervisor to end; its children cannot outlive it, so insisting is safe."""
    supervisor = report.identity
    supervisor.signal(signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS_MAX
    while supervisor.is_alive and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return not supervisor.signal(signal.SIGKILL)


def status(*, as_json: JsonOption = False) -> None:
    """Show what runs, how far each role is, and where the logs are."""
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick

    settings = Settings()
    if as_json:
        show_json(facts(settings))
    else:
        _show(settings)


def facts(settings: Settings) -> dict[str, Any]:
    """What runs for this home, as plain values."""
    from deploy.supervisor import read_report  # noqa: PLC0415 - keeps --help quick

    report = read_report(settings)
    if report is None:
        return {"running": False, "home": str(settings.home), "processes": []}
    processes = [_with_progress(process, settings) for process in report.facts["processes"]]
    home = str(settings.home)
    told = {**report.facts, "processes": processes, **_waiting(settings), **_due(settings)}
    return {"running": True, "home": home, **told}


def _waiting(settings: Settings) -> dict[str, Any]:
    """How much waits for a human decision, and why that is not known; before the desk ran neither.

    The supervisor starts the desk whatever its store is like, so it must not end here.
    """
    from dataclasses import asdict  # noqa: PLC0415 - keeps --help quick

    from anonymiser.desk.rows_store import DamagedDeskStoreError  # noqa: PLC0415 - the same
    from anonymiser.desk.store import waiting_in  # noqa: PLC0415 - the same

    try:
        waiting = waiting_in(settings.stores_dir)
    except DamagedDeskStoreError as error:
        return {"waiting_for_people": None, "waiting_unknown": str(error)}
    return {"waiting_for_people": waiting and asdict(waiting), "waiting_unknown": None}


def _due(settings: Settings) -> dict[str, Any]:
    """Which certificates end soon or have ended, each with what to do."""
    from deploy.admission import due_certificates  # noqa: PLC0415 - keeps --help quick
    from deploy.pki import DamagedRegisterError  # noqa: PLC0415 - the same

    try:
        due = due_certificates(settings, datetime.now(UTC))
    except DamagedRegisterError as error:
        return {"certificates_due": [str(error)]}
    return {"certificates_due": [str(one) for one in due]}


def _with_progress(process: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Add what the process uses, and what it last said of its work, if it was this very process.

    On a full disk the supervisor cannot write down that a process has ended, so we look.
    """
    from deploy.progress import read_progress  # noqa: PLC0415 - keeps --help quick

    if process["pid"] and not _lives(process):
        process = {**process, "state": "ended", "pid": None}
    told = read_progress(settings, process["name"]) or {}
    own = told if process["pid"] and told.get("pid") == process["pid"] else {}
    return {
        **process,
        "memory_mb": _memory_mb(process["pid"]),
        "work": own.get("state"),
        "lag": own.get("lag"),
        "positions": own.get("positions"),
        "moved_at": own.get("moved_at"),
        "counts": own.get("counts", {}),
    }


def _lives(process: Mapping[str, Any]) -> bool:
    from deploy.processes import ProcessIdentity  # noqa: PLC0415 - keeps --help quick

    return ProcessIdentity.from_dict(process).is_alive


def _memory_mb(pid: int | None) -> int | None:
    """Resident memory; None for a process that does not run."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    kilobytes = (int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return next((value // 1024 for value in kilobytes), None)


def _batch_lines(counts: Mapping[str, int]) -> Iterator[str]:
    """Tell what waits to go to police together, and how often too few were together."""
    if "reports_waiting" not in counts:
        return
    yield (
        f"to police: reports that wait for their batch {counts['reports_waiting']}, of partners"
        f" {counts['partners_waiting']}; batches since the start: full {counts['batches_full']},"
        f" late {counts['batches_late']}"
    )


def _outcome_lines(counts: Mapping[str, int]) -> Iterator[str]:
    """No submission is without an outcome in silence."""
    if "outcomes_missing" not in counts:
        return
    missing = counts["outcomes_missing"]
    told = f"{missing} told of as missing (`rivelin reconcile`)" if missing else "none is missing"
    yield f"outcomes: {counts['outcomes_waiting']} on their way, {told}"


def _show(settings: Settings) -> None:
    known = facts(settings)
    if not known["running"]:
        show_text(f"Nothing runs for {settings.home}.")
        return
    show_text(f"broker {known['bootstrap']}   home {known['home']}   {known['phase']}")
    show_table(_COLUMNS, map(_row, known["processes"]))
    for process in known["processes"]:
        for line in (*_batch_lines(process["counts"]), *_outcome_lines(process["counts"])):
            show_text(line)
    for line in _waiting_lines(known["waiting_for_people"]):
        show_text(line)
    if known["waiting_unknown"]:
        show_text(f"waiting for people: not known; {known['waiting_unknown']}")
    for line in known["certificates_due"]:
        show_text(line)
    show_text(f"logs {settings.logs_dir}")


def _row(process: Mapping[str, Any]) -> tuple[object, ...]:
    age = datetime.now(UTC) - datetime.fromisoformat(process["since"])
    return (
        process["name"],
        process["work"] or process["state"],
        process["lag"],
        process["pid"],
        process["memory_mb"],
        process["restarts"],
        process["last_exit"],
        timedelta(seconds=int(age.total_seconds())),
    )


def _waiting_lines(waiting: Mapping[str, Any] | None) -> Iterable[str]:
    """Nothing waits for people in silence: what, how many, and since when the oldest."""
    if waiting is None:
        return
    links = f"possible links {waiting['links']}"
    if waiting["links"]:
        links += (
            f" ({waiting['links_touching_child']} touch a child,"
            f" {waiting['links_escalated']} overdue)"
        )
    for what, since in (
        (links, waiting["oldest_link"]),
        (f"held reports {waiting['holds']}", waiting["oldest_hold"]),
        (f"quarantined records {waiting['quarantined']}", waiting["oldest_quarantined"]),
    ):
        yield f"waiting for people: {what}{_since(since)}"


def _since(at: datetime | None) -> str:
    if at is None:
        return ""
    age = datetime.now(UTC) - at
    return f", the oldest for {timedelta(seconds=max(0, int(age.total_seconds())))}"
