"""Faults planted in what a clean run left, so that it is known what the checker can see.

Each takes a run and a seeded generator, returns the run with one thing wrong and the ids of which
the checker must name one. The clean run stays as it is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from streams.restricted import ReportAdmitted
from streams.shared import (
    AlertRaised,
    AlertUpdated,
    FeedbackGiven,
    OperationRecorded,
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingReportShared,
)
from streams.topics import (
    ALERTS,
    DUTY,
    OPERATIONS,
    OUTGOING,
    POLICE,
    QUARANTINE,
    RESOLUTIONS,
    SAFEGUARDING,
    TOKENISED,
    feedback_of,
    submissions_of,
)
from streams.values import Audience, Operation
from tests.crash.ledger import FAIL
from tests.crash.outside import AudienceNames, people_at_safeguarding
from tests.crash.reading import OUTSIDE, forms_of
from tests.crash.story import CANARY, PARTNERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.crash.findings import Run
    from tests.crash.reading import Told

#: Where one record less, or one more, is a loss or a double.
PLACES = (
    *map(submissions_of, PARTNERS),
    *map(feedback_of, PARTNERS),
    TOKENISED,
    OUTGOING,
    RESOLUTIONS,
    QUARANTINE,
    DUTY,
    POLICE,
    SAFEGUARDING,
    ALERTS,
    OPERATIONS,
)
#: Where the order is a promise: a partner's records between the stages and what it is answered.
#: Police are told in batches, shuffled on purpose.
ORDERED = (TOKENISED, OUTGOING, SAFEGUARDING, *map(feedback_of, PARTNERS))


def lose(run: Run, chance: Random) -> tuple[Run, set[str]]:
    """Take one record away."""
    topic, index = _somewhere(run, chance, PLACES)
    records = list(run.topics[topic])
    gone = records.pop(index)
    return _with(run, topic, records), ids_of(gone) | _child_of(run, gone)


def double(run: Run, chance: Random) -> tuple[Run, set[str]]:
    """Write one record again, later: under another offset, as a second commit would."""
    topic, index = _somewhere(run, chance, PLACES)
    records = run.topics[topic]
    copy = replace(records[index], offset=records[-1].offset + 1, at=records[-1].at)
    return _with(run, topic, [*records, copy]), ids_of(copy)


def double_of(run: Run, topic: str) -> tuple[Run, set[str]]:
    """Write the first record of one topic again, at its end, nine seconds later."""
    records = list(run.topics[topic])
    copy = replace(
        records[0], offset=records[-1].offset + 1, at=records[-1].at + timedelta(seconds=9)
    )
    return _with(run, topic, [*records, copy]), ids_of(copy)


def leak(run: Run, chance: Random) -> tuple[Run, set[str]]:
    """Put an identifier into one record outside the enclave, in one of its forms."""
    topic, index = _somewhere(run, chance, tuple(sorted(OUTSIDE)))
    records = list(run.topics[topic])
    form = chance.choice(forms_of(CANARY))
    value = (records[index].value or b"") + form
    records[index] = replace(records[index], value=value)
    return _with(run, topic, records), {records[index].name}


def swap(run: Run, chance: Random) -> tuple[Run, set[str]]:
    """Let two records of one partner change places."""
    while True:
        topic, index = _somewhere(run, chance, ORDERED)
        records = list(run.topics[topic])
        other = _next_of_partner(run, records, index)
        if other is not None:
            break
    one, two = records[index], records[other]
    records[index] = replace(one, event=two.event, value=two.value)
    records[other] = replace(two, event=one.event, value=one.value)
    return _with(run, topic, records), ids_of(one) | ids_of(two)


FOUR: dict[str, Callable[[Run, Random], tuple[Run, set[str]]]] = {
    "loss": lose,
    "duplicate": double,
    "leak": leak,
    "reorder": swap,
}


# --- what else a checker must see: the run, the invariant, and what of it must be named -----------


def confuse(run: Run, _: Random) -> tuple[Run, str, set[str]]:
    """Give one person of a report the id of another, as a wrong link would."""
    records = list(run.topics[SAFEGUARDING])
    kind = SafeguardingReportShared
    shared = [n for n, one in enumerate(records) if isinstance(one.event, kind)]
    place, other = shared[0], shared[-1]
    event, foreign = records[place].event, records[other].event.nodes[0].entity_id
    nodes = (replace(event.nodes[0], entity_id=foreign), *event.nodes[1:])
    records[place] = replace(records[place], event=replace(event, nodes=nodes))
    return _with(run, SAFEGUARDING, records), "I4", {str(foreign)}


def falsify(run: Run, _: Random) -> tuple[Run, str, set[str]]:
    """Say another week than the report does."""
    records = list(run.topics[POLICE])
    place = next(n for n, one in enumerate(records) if isinstance(one.event, PoliceReportShared))
    event = replace(records[place].event, event_week="1999-W01")
    records[place] = replace(records[place], event=event)
    return _with(run, POLICE, records), "I4", {records[place].name, "event_week"}


def invent(run: Run, _: Random) -> tuple[Run, str, set[str]]:
    """Show police a report that nobody sent."""
    records = list(run.topics[POLICE])
    place = next(n for n, one in enumerate(records) if isinstance(one.event, PoliceReportShared))
    stranger = UUID(int=7)
    event = replace(records[place].event, report_id=stranger)
    records[place] = replace(records[place], event=event)
    return _with(run, POLICE, records), "I2", {str(stranger)}


def forget(run: Run, _: Random) -> tuple[Run, str, set[str]]:
    """Let the broker lose what it acknowledged at the end of a partner's topic."""
    topic = submissions_of(PARTNERS[0])
    gone = run.topics[topic][-1]
    return _with(run, topic, run.topics[topic][:-1]), "I1", {gone.name, "acknowledged"}


def never_sent(run: Run, _: Random) -> tuple[Run, str, set[str]]:
    """Let the ledger say that a report, which is everywhere, was never sent."""
    first = run.story.steps[0]
    entry = replace(run.entries[first.number], op=FAIL)
    entries = {**run.entries, first.number: entry}
    return replace(run, entries=entries), "I2", {str(first.report_id), "never sent"}


def drift(run: Run, _: Random) -> tuple[Run, str, set[str]]:
    """Let a live store differ from its replay."""
    return replace(run, replayed={"ocg-network": False}), "I6", {"ocg-network"}


def skip(run: Run, _: Random) -> tuple[Run, str, set[str]]:
    """Let an alert go from its first version to its third."""
    raised = run.topics[ALERTS][0]
    event = AlertUpdated(
        alert_id=raised.event.alert_id, version=3, supported=True, path=(), updated_at=raised.at
    )
    updated = replace(raised, offset=raised.offset + 10_000, event=event)
    records = [*run.topics[ALERTS], updated]
    return _with(run, ALERTS, records), "I7", {str(raised.event.alert_id), "dense"}


def lag(run: Run, _: Random) -> tuple[Run, str, set[str]]:
    """Let the gate's position lie before the last record."""
    positions = {"rivelin-gate": {OUTGOING: run.topics[OUTGOING][-1].offset}}
    return replace(run, positions=positions), "I9", {"rivelin-gate", OUTGOING}


def tire(run: Run, _: Random) -> tuple[Run, str, set[str]]:
    """Let something still wait when the time for it is over."""
    return replace(run, waiting=("linker lags by 3",)), "I9", {"linker lags by 3"}


def spill(run: Run, _: Random) -> tuple[Run, str, set[str]]:
    """Let a log file hold a canary."""
    return replace(run, leaking=("gate.log",)), "I3", {"gate.log"}


OTHERS: dict[str, Callable[[Run, Random], tuple[Run, str, set[str]]]] = {
    "one person has two ids": confuse,
    "another week": falsify,
    "a report of nobody": invent,
    "acknowledged and gone": forget,
    "never sent and there": never_sent,
    "a store that drifts": drift,
    "a version left out": skip,
    "a position before the end": lag,
    "not at rest": tire,
    "a canary in a log": spill,
}


# --- within ---------------------------------------------------------------------------------------


def ids_of(record: Told) -> set[str]:
    """Return every id under which a violation may name a record."""
    event = record.event
    found = {record.name}
    for name in ("report_id", "alert_id", "child_id"):
        if (value := getattr(event, name, None)) is not None:
            found.add(str(value))
    if isinstance(event, OperationRecorded):
        found.add(event.subject)
    offset = getattr(event, "offset", None)
    if offset is not None and getattr(event, "partner", None) is not None:
        found.add(f"{event.partner} {offset}")
    return found


def _child_of(run: Run, record: Told) -> set[str]:
    """A lost alert is named by rule and child, as the oracle does: nobody knows its id."""
    if not isinstance(record.event, AlertRaised):
        return set()
    people = people_at_safeguarding(run)
    return {f"{record.event.rule} {people[record.event.child_id]}"}


def _somewhere(run: Run, chance: Random, topics: tuple[str, ...]) -> tuple[str, int]:
    """A record that counts: each topic is as likely as another, so that none is forgotten."""
    while True:
        topic = chance.choice([one for one in topics if run.topics.get(one)])
        index = chance.randrange(len(run.topics[topic]))
        if _counts(topic, run.topics[topic][index]):
            return topic, index


def _counts(topic: str, record: Told) -> bool:
    """Whatever tells of doubts, batches and merges may be there or not."""
    event = record.event
    if topic in {TOKENISED, QUARANTINE, DUTY} or topic.endswith(".submissions"):
        return True
    if topic == OUTGOING:
        return type(event).__name__ in {"Named", "ReportRetracted", "ReceiptDue"}
    if topic == OPERATIONS:
        return isinstance(event, OperationRecorded) and (
            event.subject.startswith("record partner.") or event.operation is Operation.DISCLOSURE
        )
    kinds = (
        FeedbackGiven,
        ReportAdmitted,
        PoliceReportShared,
        SafeguardingReportShared,
        ReportWithdrawn,
        AlertRaised,
    )
    return isinstance(event, kinds)


def _next_of_partner(run: Run, records: list[Told], index: int) -> int | None:
    """The next record of the same partner that says something else."""
    owner = _owner(run, records[index])
    for place in range(index + 1, len(records)):
        other = records[place]
        if _counts(other.topic, other) and _owner(run, other) == owner:
            return place if ids_of(other) - {other.name} != ids_of(records[index]) else None
    return None


def _owner(run: Run, record: Told) -> str | None:
    if record.topic.startswith("partner."):
        return record.topic
    if record.topic == SAFEGUARDING:
        inside = AudienceNames(run, Audience.SAFEGUARDING).behind(record.event.report_id)
        return inside[0] if inside else None
    return getattr(record.event, "partner", None)


def _with(run: Run, topic: str, records: list[Told]) -> Run:
    return replace(run, topics={**run.topics, topic: records})
