"""The independent checker: I1 to I9 from ledger and topics alone.

It folds each partner's topic by the rules of admission, written anew here, and so knows for every
record what must have become of it at each place. Then it compares: place by place, partner by
partner, name by name and in order. It shares no code with a stage; decoding and the derivation of
audience ids (spelt out in `outside`) are all it has in common with them.

I1  every record of a partner's topic has exactly one outcome, at every place it passes
I2  what was never sent is nowhere; what nobody knows of counts at most once
I3  no canary outside the enclave
I4  what left is what the report says, field by field, and a person is one person everywhere
I5  a partner's records keep their order; a report's revisions keep theirs
I6  a live store is what its replay gives
I7  alerts are the oracle's, once each, their versions dense
I8  one audit record for each submission and each disclosure
I9  nothing waits: positions at the ends, no batch, within the bound

What cannot be compared byte for byte: random ids (compared by a one-to-one map), nonces (inside
sealed parts), padding, the order and the moment in which a batch goes to police (shuffled on
purpose), and how coarse place, sex and age are (small cells count what went before): there the
checker demands that what is said is true or left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from streams.shared import (
    AlertRaised,
    AlertUpdated,
    OperationRecorded,
    PoliceReportShared,
    SafeguardingReportShared,
)
from streams.topics import (
    ALERTS,
    HELD,
    OPERATIONS,
)
from streams.values import (
    AlertRule,
    Audience,
    Operation,
)
from tests.crash.contents import Contents
from tests.crash.fates import Fates
from tests.crash.findings import Key, Run, Violation, compare, compared, explained, named
from tests.crash.outside import TOPIC_OF, people_at_safeguarding
from tests.crash.places import check as check_places
from tests.crash.reading import OUTSIDE, forms_of, leaks_in
from tests.crash.story import (
    BROTHER,
    CANARY,
    CHILD,
    FAMILY,
    PEOPLE_PER_CASE,
    RING,
    STEPS_PER_CASE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from tests.crash.reading import Told


def check(run: Run) -> list[Violation]:
    """Return every violation, the gravest invariant first."""
    fates = Fates(run)
    found = [
        *check_places(run, fates),
        *_leaks(run),
        *Contents(run, fates).check(),
        *_stores(run),
        *_alerts(run, fates),
        *_audit(run, fates),
        *_rest(run),
    ]
    return sorted(found, key=lambda one: (one.invariant, one.where, one.what))


_FORMS = forms_of(CANARY)


def _leaks(run: Run) -> Iterator[Violation]:
    for topic in sorted(OUTSIDE):
        for record in run.topics.get(topic, ()):
            for data in (record.value, record.key):
                if data and next(leaks_in(data, _FORMS), None):
                    yield Violation("I3", "an identifier leaked", topic, (record.name,))
    for name in run.leaking:
        yield Violation("I3", "an identifier leaked", "a file", (name,))


def _stores(run: Run) -> Iterator[Violation]:
    for name, equal in run.replayed.items():
        if not equal:
            yield Violation("I6", "the live store is not its replay", name, ())


def _alerts(run: Run, fates: Fates) -> Iterator[Violation]:
    """The oracle: whoever uses a child raises an alert for the child, and then for its brother."""
    people = people_at_safeguarding(run)
    expected = list(_oracle(fates))
    raised = [one for one in run.topics[ALERTS] if isinstance(one.event, AlertRaised)]
    actual = [((one.event.rule, people.get(one.event.child_id)), one) for one in raised]
    for found in compare(ALERTS, expected, actual, ordered=False):
        copies = [one for key, one in actual if named(key) == found.records[0]]
        renamed = replace(found, invariant="I7")
        yield explained(run, renamed, copies) if found.what == "twice" else renamed
    versions: dict[UUID, list[Told]] = defaultdict(list)
    for one in run.topics[ALERTS]:
        if one.event is not None:
            versions[one.event.alert_id].append(one)
    for alert_id, records in versions.items():
        told = [one.event.version if isinstance(one.event, AlertUpdated) else 1 for one in records]
        if told != list(range(1, len(told) + 1)):
            names = (str(alert_id), *(one.name for one in records))
            found = Violation("I7", f"versions are not dense: {told}", ALERTS, names)
            yield explained(run, found, records)


def _oracle(fates: Fates) -> Iterator[Key]:
    told: dict[int, set[int]] = defaultdict(set)
    for fate in fates.all():
        case, place = divmod(fate.step.number, STEPS_PER_CASE)
        if fate.is_shown:
            told[case].add(place)
    for case, places in told.items():
        if RING in places:
            yield (AlertRule.CHILD_TIED_TO_NOMINAL, case * PEOPLE_PER_CASE + CHILD)
            if FAMILY in places:
                yield (AlertRule.SIBLING_OF_INVOLVED, case * PEOPLE_PER_CASE + BROTHER)


def _audit(run: Run, fates: Fates) -> Iterator[Violation]:
    """One row for each submission; and one for each report that was disclosed to somebody."""
    rows = [one for one in run.topics[OPERATIONS] if isinstance(one.event, OperationRecorded)]
    collected = [
        ((one.event.subject,), one)
        for one in rows
        if one.event.operation in {Operation.COLLECTION, Operation.ALTERATION}
        and one.event.subject.startswith("record partner.")
    ]
    expected = [(f"record {fate.record.name}",) for fate in fates.all()]
    for found in compared(run, OPERATIONS, expected, collected, ordered=False):
        yield replace(found, invariant="I8")
    for audience in Audience:
        topic = TOPIC_OF[audience]
        shared = [
            (f"report {one.event.report_id}",)
            for one in run.topics[topic]
            if isinstance(one.event, PoliceReportShared | SafeguardingReportShared)
        ]
        disclosed = [
            ((one.event.subject,), one)
            for one in rows
            if one.event.operation is Operation.DISCLOSURE and one.event.recipients == (audience,)
        ]
        for found in compare(f"{OPERATIONS}: {topic}", shared, disclosed, ordered=False):
            yield replace(found, invariant="I8")


def _rest(run: Run) -> Iterator[Violation]:
    for what in run.waiting:
        yield Violation("I9", "not at rest within the bound", what, ())
    for group, positions in run.positions.items():
        for topic, position in positions.items():
            records = run.topics.get(topic, ())
            last = records[-1].offset if records else -1
            if position <= last:
                yield Violation("I9", "lag", f"{group} on {topic}", (f"{topic}/{position}",))
    standing: dict[bytes, Told] = {}
    for record in run.topics.get(HELD, ()):
        if record.key is not None and record.key.startswith((b"batch:", b"merge:")):
            standing[record.key] = record
    waits = tuple(one.name for one in standing.values() if not one.is_tombstone)
    if waits:
        yield Violation("I9", "a batch never went", HELD, waits)
