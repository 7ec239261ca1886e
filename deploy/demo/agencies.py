"""The partners of the town, each a process of its own with its own reports and the public SDK."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from deploy.processes import Child, ProcessSpec
from producers.town.reports import Step
from streams.json_form import to_json
from streams.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from deploy.demo.system import System
    from producers.town.reports import Submission
    from producers.town.town import Town

_PROBE_SECONDS: Final = 0.1
STOP_SECONDS_MAX: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a partner was told of one step: `stopped` at its own door, or an outcome.

    `notice` is what every answer to an immediate risk says.
    """

    step: Submission
    stopped: tuple[str, ...] = ()
    outcome: Outcome | None = None
    reasons: tuple[str, ...] = ()
    notice: str | None = None


class Agencies:
    """Starts the partners' processes, and reads what they tell."""

    def __init__(self, town: Town, folder: Path, logs: Path) -> None:
        """Write each partner's own reports into a folder of its own; `clear` removes them."""
        self._town = town
        self._folder = folder
        self._logs = logs
        self._children: dict[str, Child] = {}
        folder.mkdir(mode=0o700)
        for body in town.bodies:
            lines = (json.dumps(_form(step)) for step in town.of(body.partner))
            self._file(body.partner).write_text("\n".join(lines), encoding="utf-8")

    def start(self, system: System) -> None:
        """Start every partner."""
        for body in self._town.bodies:
            argv = (sys.executable, "-m", "producers.town.partner_process", body.partner)
            access = system.settings.access(f"partner:{body.partner}")
            bundle = () if access.credentials is None else (str(access.credentials.key.parent),)
            place = (str(self._file(body.partner)), access.bootstrap, system.fingerprint)
            call = (*argv, *place, *bundle)
            spec = ProcessSpec(f"partner-{body.partner}", call)
            self._children[body.partner] = Child.spawn(spec, self._log(body.partner))

    async def wait(self, progress: Callable[[int], None]) -> None:
        """Wait until every partner has every answer and has ended; `progress` is told the count."""
        while any(child.is_running for child in self._children.values()):
            progress(sum(1 for _ in self.answers()))
            await asyncio.sleep(_PROBE_SECONDS)
        progress(sum(1 for _ in self.answers()))
        self.stop()

    def stop(self) -> None:
        """End those that still run."""
        for child in self._children.values():
            child.stop_sync(STOP_SECONDS_MAX)
        self._children.clear()

    def clear(self) -> None:
        """Remove the partners' own files: they hold what only they may hold."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def answers(self) -> Iterator[Answer]:
        """Yield what the partners have been told so far."""
        for body in self._town.bodies:
            steps = self._town.of(body.partner)
            for told in _lines(self._log(body.partner)):
                yield _answer(steps[told["line"]], told)

    def _file(self, partner: str) -> Path:
        return self._folder / f"{partner}.jsonl"

    def _log(self, partner: str) -> Path:
        return self._logs / f"partner-{partner}.log"


def _form(step: Submission) -> dict[str, Any]:
    if step.step is Step.WITHDRAWAL:
        report_id = str(step.report.report_id)
        return {"do": "withdraw", "report_id": report_id, "reason": step.reason}
    return {"do": "submit", "report": to_json(step.report)}


def _lines(log: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON lines of a log that may hold warnings too, and end in the midst of a line."""
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    for line in text.splitlines():
        if line.startswith('{"line"') and line.endswith("}"):
            yield json.loads(line)


def _answer(step: Submission, told: Mapping[str, Any]) -> Answer:
    return Answer(
        step=step,
        stopped=tuple(problem["code"] for problem in told.get("stopped", ())),
        outcome=Outcome(told["outcome"]) if "outcome" in told else None,
        reasons=tuple(reason["code"] for reason in told.get("reasons", ())),
        notice=told.get("notice"),
    )
