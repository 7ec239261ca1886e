"""The threshold laboratory over the hub's log: it reads, compares and tells; it sends nothing."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from consumers.audit.replay import Bound, within
from consumers.network.evidence import NetworkEvent
from consumers.safeguarding.deciding import READS, book_of
from consumers.safeguarding.lab import Trial, Window, compare
from consumers.safeguarding.lab_findings import RECENT, Findings, only_trial, raise_findings
from consumers.safeguarding.lab_report import report_of
from consumers.safeguarding.rules import InvalidRulesError, parse, standard
from deploy.authority import Act, allow
from deploy.decisions import Decision, decide_on
from deploy.views import now, record
from streams.codec import decode
from streams.errors import DecodeError, InvalidInputError
from streams.evidence import require_schema
from streams.hub import RulesAdopted
from streams.topics import HUB_DECISIONS, SAFEGUARDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from consumers.safeguarding.lab import Outcome
    from consumers.safeguarding.rules import Rules
    from deploy.views import Asker
    from streams.ports import Log, Record

    Progress = Callable[[int, int], None]

_DIGEST_CHARS: Final = 12
_EVIDENCE: Final[tuple[type[Any], ...]] = get_args(NetworkEvent)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Rules under trial over a window; `capacity` is how many alerts a day the hub can look at."""

    rules: Rules
    window: Window
    capacity: int | None = None

    @property
    def subject(self) -> str:
        """Return what goes on the record: ids and codes only."""
        return f"lab {self.rules.digest[:_DIGEST_CHARS]}"


def window_of(start: datetime, end: datetime) -> Window:
    """Return the window between two instants.

    Raises: InvalidInputError if it ends before it begins.
    """
    if start > end:
        raise InvalidInputError("--from lies after --to: the window would be empty")
    return Window(start, end)


async def run(log: Log, asker: Asker, one: Experiment, progress: Progress) -> Result:
    """Compare the rules under trial with those that are adopted at the end of the window.

    The look is on the record before anything is read.
    Raises: DeniedError (recorded).
    """
    await allow(log, asker.name, Act.RUN_LABORATORY, one.subject, now())
    await record(log, asker, one.subject)
    began = time.perf_counter()
    decisions = [item async for some in within(log, READS, Bound()) for item in some]
    adopted = adopted_at(decisions, one.window.end)
    outcome, events = await _replayed(log, adopted, one, progress)
    told = report_of(compare(outcome, one.window), book_of(decisions).lives, one.capacity)
    heads = {
        "from": one.window.start.isoformat(),
        "to": one.window.end.isoformat(),
        "adopted": {"version": adopted.version, "digest": adopted.digest},
        "trial": {"version": one.rules.version, "digest": one.rules.digest},
        "events": events,
    }
    seconds = round(time.perf_counter() - began, 1)
    return Result({**heads, **told, "seconds": seconds}, outcome)


@dataclass(frozen=True, slots=True)
class Result:
    """What may be shown, and what was found, which stays here."""

    report: dict[str, Any]
    outcome: Outcome


async def put_before_lead(log: Log, asker: Asker, one: Experiment, outcome: Outcome) -> int:
    """Give the hub lead what of the last 90 days the rules under trial alone flag.

    Returns how many findings are new; the same rules raise none of them again.
    Raises: DeniedError, SomebodyElseDecidesError, TooManyFindingsError.
    """

    def choose(records: Sequence[Record], at: datetime) -> Sequence[object]:
        alerts = only_trial(outcome, at - RECENT, one.window.end)
        return raise_findings(Findings.of(records), alerts, one.rules, asker.name, at)

    subject = f"{one.subject} raise findings"
    decision = Decision(Act.RUN_LABORATORY, subject, "safeguarding", HUB_DECISIONS)
    return len(await decide_on(log, asker, decision, choose))


def adopted_at(decisions: Sequence[Record], at: datetime) -> Rules:
    """Return the rules that were adopted last by an instant, the standard ones before the first."""
    rules = standard()
    for one in decisions:
        event = _adoption(one) if one.topic == HUB_DECISIONS and one.appended_at <= at else None
        if event is None or event.version <= rules.version:
            continue
        try:
            found = parse(event.document, f"rules {event.version}")
        except InvalidRulesError:
            continue  # the projection takes no notice of them either
        rules = found if found.version == event.version else rules
    return rules


def _adoption(one: Record) -> RulesAdopted | None:
    try:
        return decode(one.value or b"", RulesAdopted)
    except DecodeError:
        return None


async def _replayed(
    log: Log, adopted: Rules, one: Experiment, progress: Progress
) -> tuple[Outcome, int]:
    trial = Trial(adopted, one.rules)
    total = (await log.ends((SAFEGUARDING,)))[SAFEGUARDING]
    with _no_collector():
        async for records in within(log, (SAFEGUARDING,), Bound(until=one.window.end)):
            hear(trial, records)
            progress(records[-1].offset + 1, total)
    return trial.close(one.window.end), trial.events


def hear(trial: Trial, records: Sequence[Record]) -> None:
    """Give a trial the evidence among some records of the hub's topic.

    Raises: MissingSchemaError for a record that this installation is too old to read.
    """
    for one in records:
        try:
            event = decode(one.value or b"", *_EVIDENCE)
        except DecodeError:
            require_schema(one)
            continue  # rules, doubts and what cannot be read are no evidence
        trial.hear(event, one.offset, one.appended_at)


@contextmanager
def _no_collector() -> Iterator[None]:
    """The state holds no cycles; walking it again and again would cost a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
