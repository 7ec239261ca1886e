"""What intake costs, alone on one core: no broker, no other stage, CPU time only.

Over the benchmark's own reports, sealed as partners seal them and without
narrative. A step is timed over all reports, several rounds, and the median
round counts: CPU time does not know of waiting, but neighbours on the machine
still cost cache.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from anonymiser import keyring
from anonymiser.intake.outcome import Arrival
from anonymiser.intake.transform import IntakeContext, take_in, transform
from anonymiser.tokens import Tokeniser
from deploy.bench.cases import entries, report
from streams.codec import decode, encode
from streams.content import faults, reading_of
from streams.errors import RivelinError
from streams.ports import Record
from streams.registry import Registry
from streams.restricted import ReportSubmitted, ReportTokenised
from streams.sealing import open_submission, seal
from streams.topics import submissions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from anonymiser.keyring import Keys
    from streams.content import Reading
    from streams.sealing import Opened

ROUNDS: Final = 5
_MICROSECONDS: Final = 1_000_000


class RefusedByIntakeError(RivelinError):
    """Intake did not take one of the benchmark's reports: what was timed would mean nothing."""


@dataclass(frozen=True, slots=True)
class Case:
    """One report at each of the places where it is timed."""

    record: Record
    arrival: Arrival
    submission: ReportSubmitted
    opened: Opened
    readings: tuple[Reading, ...]
    tokenised: ReportTokenised


def measure_intake(reports: int, at: datetime) -> dict[str, Any]:
    """Time each step over so many reports; return microseconds a report, and reports a second."""
    keys = keyring.new_keys()
    context = _context(keys, at)
    cases = [_case(serial, at, keys, context) for serial in range(reports)]
    spent = {name: _timed(step, cases) for name, step in _steps(keys, context).items()}
    return {
        "reports": reports,
        "nodes_per_report": _each(cases, lambda case: len(case.tokenised.nodes)),
        "tokens_per_report": _each(cases, _tokens_in),
        "microseconds": {name: round(cost, 1) for name, cost in spent.items()},
        "reports_per_core_second": {
            "without HPKE": round(_MICROSECONDS / spent["opened to encoded"]),
            "whole step": round(_MICROSECONDS / spent["whole step"]),
        },
    }


def _steps(keys: Keys, context: IntakeContext) -> Mapping[str, Callable[[Case], object]]:
    """The first ones are parts of `opened to encoded`, which is part of the whole step."""
    sealing, tokens_of = keys.sealing[1], context.tokeniser.tokens_of
    return {
        "canonicalise": lambda case: [reading_of(node) for node in case.opened.report.nodes],
        "judge": lambda case: faults(case.opened.report, case.arrival.received_at, case.readings),
        "tokenise": lambda case: [
            tokens_of(node.kind, spelt)
            for node, (spelt, _) in zip(case.opened.report.nodes, case.readings, strict=True)
        ],
        "encode": lambda case: encode(case.tokenised),
        "opened to encoded": lambda case: take_in(case.arrival, case.opened, context),
        "open (HPKE, decode)": lambda case: open_submission(case.submission, sealing),
        "whole step": lambda case: transform(case.record, context),
    }


def _timed(step: Callable[[Case], object], cases: Sequence[Case]) -> float:
    """Microseconds of CPU for one report, by the median round."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for case in cases:
            step(case)
        rounds.append((time.process_time() - began) / len(cases))
    return median(rounds) * _MICROSECONDS


def _context(keys: Keys, at: datetime) -> IntakeContext:
    registry = Registry()
    for entry in entries(at - timedelta(days=1)):
        registry.apply(entry)
    return IntakeContext(keys, registry, Tokeniser(keys))


def _case(serial: int, at: datetime, keys: Keys, context: IntakeContext) -> Case:
    told = report(serial, at - timedelta(hours=1))
    submission = seal(told, keys.sealing[1].public())
    record = Record(submissions_of(told.partner), serial, at, None, encode(submission))
    arrival = Arrival(
        partner=told.partner, offset=serial, received_at=at, submission=record.value or b""
    )
    opened = open_submission(submission, keys.sealing[1])
    taken = take_in(arrival, opened, context)
    if not isinstance(taken, bytes):
        raise RefusedByIntakeError(f"report {serial} of the benchmark was refused")
    readings = tuple(map(reading_of, opened.report.nodes))
    return Case(record, arrival, submission, opened, readings, decode(taken, ReportTokenised))


def _tokens_in(case: Case) -> int:
    return sum(len(node.tokens) for node in case.tokenised.nodes)


def _each(cases: Sequence[Case], count: Callable[[Case], int]) -> float:
    return round(sum(map(count, cases)) / len(cases), 1)
