"""What intake costs, alone on one core: no broker, no other stage, CPU time only.

Over the benchmark's own reports, sealed as partners seal them and without
narrative. A step is timed over all reports, several rounds, and the median
round counts: CPU time does not know of waiting, but neighbours on the machine
still cost cache.
"""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from anonymiser import keyring
from anonymiser.intake.generalise import district_of, general_age, iso_week
from anonymiser.intake.outcome import Arrival
from anonymiser.intake.transform import IntakeContext, take_in, transform
from anonymiser.tokens import Tokeniser
from deploy.bench.cases import entries, report
from streams.codec import decode, encode
from streams.content import faults, reading_of
from streams.errors import RivelinError
from streams.instants import london_day
from streams.ports import Record
from streams.registry import Registry
from streams.restricted import ReportSubmitted, ReportTokenised
from streams.sealing import open_submission, seal
from streams.topics import submissions_of
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date

    from anonymiser.intake.generalise import GeneralAge
    from anonymiser.keyring import Keys
    from streams.content import Reading
    from streams.restricted import Node, Report
    from streams.sealing import Opened

ROUNDS: Final = 5
FOUR_STEPS: Final = "canonicalise + tokenise + generalise + encode"
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
    with _own_heap():
        spent = {name: _timed(step, cases) for name, step in _steps(keys, context).items()}
    return {
        "reports": reports,
        "nodes_per_report": _each(cases, lambda case: len(case.tokenised.nodes)),
        "tokens_per_report": _each(cases, _tokens_in),
        "microseconds": {name: round(cost, 1) for name, cost in spent.items()},
        "reports_per_core_second": {
            FOUR_STEPS: round(_MICROSECONDS / spent[FOUR_STEPS]),
            "opened to encoded": round(_MICROSECONDS / spent["opened to encoded"]),
            "whole step": round(_MICROSECONDS / spent["whole step"]),
        },
    }


@contextmanager
def _own_heap() -> Iterator[None]:
    """Keep the collector from walking the cases, which no anonymiser would hold in memory."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _steps(keys: Keys, context: IntakeContext) -> Mapping[str, Callable[[Case], object]]:
    """The first ones are parts of `opened to encoded`, which is part of the whole step.

    What it has beside the four steps: the rules of content, the digest by which a
    duplicate is known, and the tokens sealed under each subject's own key.
    """
    sealing, tokens_of = keys.sealing[1], context.tokeniser.tokens_of
    return {
        "canonicalise": lambda case: [reading_of(node) for node in case.opened.report.nodes],
        "judge": lambda case: faults(case.opened.report, case.arrival.received_at, case.readings),
        "tokenise": lambda case: [
            tokens_of(node.kind, spelt)
            for node, (spelt, _) in zip(case.opened.report.nodes, case.readings, strict=True)
        ],
        "generalise": lambda case: _generalised(case.opened.report),
        "encode": lambda case: encode(case.tokenised),
        FOUR_STEPS: lambda case: _four_steps(case, context.tokeniser),
        "opened to encoded": lambda case: take_in(case.arrival, case.opened, context),
        "open (HPKE, decode)": lambda case: open_submission(case.submission, sealing),
        "whole step": lambda case: transform(case.record, context),
    }


def _four_steps(case: Case, tokeniser: Tokeniser) -> bytes:
    report = case.opened.report
    for node in report.nodes:
        tokeniser.tokens_of(node.kind, reading_of(node)[0])
    _generalised(report)
    return encode(case.tokenised)


def _generalised(report: Report) -> tuple[object, ...]:
    """Place, time and ages as coarse as they leave."""
    day = london_day(report.event_at)
    ages = [_age(node, day) for node in report.nodes if node.kind is NodeKind.PERSON]
    return district_of(report.place.postcode), iso_week(report.event_at), ages


def _age(node: Node, day: date) -> GeneralAge:
    born_on = node.identity.born_on if node.identity else None
    return general_age(born_on, node.person.age if node.person else None, day)


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
