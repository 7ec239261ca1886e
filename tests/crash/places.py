"""I1, I2, I5: each submission once at every place it passes, and in order."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from streams.restricted import (
    OriginatorApproved,
    OutcomeMissing,
    ReceiptDue,
    ReportAdmitted,
    ReportRetracted,
    RiskRaised,
    WithdrawalReceived,
)
from streams.shared import (
    FeedbackGiven,
)
from streams.topics import (
    ALARMS,
    DUTY,
    OUTGOING,
    POLICE,
    QUARANTINE,
    REDRIVES,
    REPORT_KEYS,
    RESOLUTIONS,
    SAFEGUARDING,
    TOKENISED,
    feedback_of,
    submissions_of,
)
from streams.values import (
    Audience,
    Outcome,
)
from tests.crash import ledger as ledgers
from tests.crash.fates import name_of
from tests.crash.findings import Key, Run, Violation, compared, explained, named
from tests.crash.outside import AudienceNames
from tests.crash.reading import Named
from tests.crash.story import (
    PARTNERS,
    Action,
)

#: The reason that marks an alarm from a backlog.
WAITS = "waits_in_backlog"

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    from tests.crash.fates import Fate, Fates, History
    from tests.crash.reading import Told


def check(run: Run, fates: Fates) -> Iterator[Violation]:
    """Go through every place, in the order in which a submission passes them."""
    yield from fates.violations
    yield from _ledger(run, fates)
    yield from _transport(run, fates)
    yield from _feedback(run, fates)
    yield from _safeguarding(run, fates)
    yield from _police(run, fates)
    yield from _beside(run, fates)
    yield from _said_lost(run)


def _ledger(run: Run, fates: Fates) -> Iterator[Violation]:
    """Acknowledged means there, at that offset; never sent means nowhere; no hole in the ledger."""
    numbers = sorted(run.entries)
    if numbers != list(range(len(numbers))):
        yield Violation("I1", "the ledger has a hole", "ledger", tuple(map(str, numbers[-1:])))
    at = {(fate.step.partner, fate.record.offset): fate for fate in fates.all()}
    present = Counter((fate.step.partner, fate.step.action, *fate.name) for fate in fates.all())
    sent = {
        name_of(step)
        for step in run.story.steps
        if (entry := run.entries.get(step.number)) is not None and entry.op != ledgers.FAIL
    }
    for step in run.story.steps:
        entry = run.entries.get(step.number)
        key = name_of(step)
        if entry is None or entry.op == ledgers.FAIL:
            if present[key] and key not in sent:
                where = submissions_of(step.partner)
                yield Violation("I2", "it was never sent", where, (named(key[2:]),))
        elif entry.op == ledgers.OK:
            fate = at.get((step.partner, entry.offset or 0))
            if fate is None or (fate.step.action, *fate.name) != key[1:]:
                place = f"{submissions_of(step.partner)}/{entry.offset}"
                yield Violation("I1", "lost: acknowledged and not there", place, (named(key[2:]),))


def _transport(run: Run, fates: Fates) -> Iterator[Violation]:
    """Between the stages each record is told once, in the partner's order."""
    tokenised, outgoing = _by_partner(run.topics[TOKENISED]), _by_partner(run.topics[OUTGOING])
    for partner, some in fates.by_partner.items():
        expected = [_after_intake(fate) for fate in some]
        yield from compared(run, f"{TOKENISED} of {partner}", expected, tokenised[partner])
        expected = [_after_linker(fate) for fate in some]
        yield from compared(run, f"{OUTGOING} of {partner}", expected, outgoing[partner])
    admitted = [
        (fate.step.partner, *fate.name)
        for fate in fates.all()
        if fate.admitted and fate.step.action is Action.SUBMIT
    ]
    actual = [
        ((one.event.partner, one.event.report_id, one.event.revision), one)
        for one in run.topics[RESOLUTIONS]
        if isinstance(one.event, ReportAdmitted)
    ]
    yield from compared(run, RESOLUTIONS, admitted, actual, ordered=False)


def _by_partner(records: Iterable[Told]) -> dict[str, list[tuple[Key, Told]]]:
    found: dict[str, list[tuple[Key, Told]]] = defaultdict(list)
    for record in records:
        event = record.event
        match event:
            case Named():
                key: Key = ("report", event.report_id, event.revision)
            case WithdrawalReceived() | ReportRetracted():
                key = ("withdrawal", event.report_id, None)
            case OriginatorApproved():
                key = ("approval", event.report_id, event.revision)
            case ReceiptDue():
                key = ("receipt", event.report_id, event.revision, event.outcome)
            case None:
                key = ("unreadable", record.name)
                found["nobody"].append((key, record))
                continue
            case _:
                continue
        found[event.partner].append((key, record))
    return found


def _after_intake(fate: Fate) -> Key:
    if not fate.passed_intake:
        return ("receipt", *fate.name, fate.outcome)
    kinds = {Action.SUBMIT: "report", Action.WITHDRAW: "withdrawal", Action.APPROVE: "approval"}
    return (kinds[fate.step.action], *fate.name)


def _after_linker(fate: Fate) -> Key:
    if not fate.admitted and fate.step.action is not Action.APPROVE:
        return ("receipt", *fate.name, fate.outcome)
    return _after_intake(fate)


def _feedback(run: Run, fates: Fates) -> Iterator[Violation]:
    for partner, some in fates.by_partner.items():
        topic = feedback_of(partner)
        expected = [(*fate.name, fate.outcome) for fate in some]
        actual = [
            ((one.event.report_id, one.event.revision, one.event.outcome), one)
            for one in run.topics[topic]
            if isinstance(one.event, FeedbackGiven)
        ]
        late = _late_small_cells(actual)
        actual = [pair for pair in actual if pair[1].offset not in late]
        yield from compared(run, topic, expected, actual)


def _late_small_cells(receipts: Sequence[tuple[Key, Told]]) -> set[int]:
    """Second receipts: the batch went, and police may not have the report: too few people."""
    seen: set[Key] = set()
    late: set[int] = set()
    for key, record in receipts:
        if key in seen and any(one.code == "small_cell" for one in record.event.reasons):
            late.add(record.offset)
        seen.add(key)
    return late


def _safeguarding(run: Run, fates: Fates) -> Iterator[Violation]:
    ids = AudienceNames(run, Audience.SAFEGUARDING)
    actual = ids.events(run.topics[SAFEGUARDING])
    for partner, some in fates.by_partner.items():
        expected: list[Key] = []
        for fate in some:
            if fate.is_shown:
                expected.append(("shared", *fate.name))
            elif fate.withdraws:
                expected.append(("withdrawn", fate.step.report_id))
        yield from compared(run, f"{SAFEGUARDING} of {partner}", expected, actual[partner])
    yield from _strangers(SAFEGUARDING, actual)


def _police(run: Run, fates: Fates) -> Iterator[Violation]:
    """A batch may be overtaken by a correction or a withdrawal: then the earlier never goes.

    The last revision goes once, unless it was withdrawn or too few people could be meant; an
    earlier one at most once and before it; a withdrawal is told exactly if something was shown.
    """
    ids = AudienceNames(run, Audience.POLICE)
    actual = ids.events(run.topics[POLICE])
    yield from _strangers(POLICE, actual)
    too_few = _too_few(run)
    for partner in PARTNERS:
        by_report: dict[UUID, list[tuple[Key, Told]]] = defaultdict(list)
        for key, record in actual[partner]:
            by_report[key[1]].append((key, record))
        reports = [one for owner, one in fates.histories if owner == partner]
        for report_id in {*reports, *by_report}:
            history = fates.histories[partner, report_id]
            found = _police_report(partner, report_id, history, by_report[report_id], too_few)
            for violation in found:
                yield explained(run, violation, [one for _, one in by_report[report_id]])


def _police_report(
    partner: str,
    report_id: UUID,
    history: History,
    actual: list[tuple[Key, Told]],
    too_few: set[Key],
) -> Iterator[Violation]:
    where = f"{POLICE} of {partner}"
    places = tuple(record.name for _, record in actual)
    for_police = [fate for fate in history.shown if Audience.POLICE in _audiences(fate, history)]
    allowed = [("shared", *fate.name) for fate in for_police]
    keys = [key for key, _ in actual]
    shared = [key for key in keys if key[0] == "shared"]
    for key, count in Counter(keys).items():
        if count > 1:
            yield Violation("I1", "twice", where, (named(key), *places))
        if key[0] == "shared" and key not in allowed:
            yield Violation("I1", "of nobody", where, (named(key), *places))
    if shared != sorted(shared, key=lambda key: key[2]):
        yield Violation("I5", "out of order", where, (str(report_id), *places))
    is_told = [key for key in keys if key[0] == "withdrawn"]
    if is_told and keys[-1][0] != "withdrawn":
        yield Violation("I5", "told after its withdrawal", where, (str(report_id), *places))
    if bool(is_told) != (history.withdrawn and bool(shared)):
        what = "a withdrawal of nothing" if is_told else "lost: a withdrawal"
        yield Violation("I1", what, where, (str(report_id), *places))
    if allowed and not history.withdrawn:
        last = allowed[-1]
        if last not in shared and last[1:] not in too_few:
            yield Violation("I1", "lost", where, (named(last), *places))


def _audiences(fate: Fate, history: History) -> tuple[Audience, ...]:
    """An approval shows what the report says that it approves."""
    return fate.step.audiences if fate.step.action is Action.SUBMIT else tuple(Audience)


def _too_few(run: Run) -> set[Key]:
    """The revisions that police may not have, as their partners were told."""
    return {
        (one.event.report_id, one.event.revision)
        for partner in PARTNERS
        for one in run.topics[feedback_of(partner)]
        if isinstance(one.event, FeedbackGiven)
        and any(reason.code == "small_cell" for reason in one.event.reasons)
    }


def _strangers(topic: str, actual: Mapping[str, list[tuple[Key, Told]]]) -> Iterator[Violation]:
    for key, record in actual.get("nobody", ()):
        yield Violation("I2", "nobody sent it", topic, (named(key), record.name))


def _said_lost(run: Run) -> Iterator[Violation]:
    """What the reconciler found: it mends a loss, and that there was one is a violation still."""
    for one in run.topics.get(ALARMS, ()):
        if isinstance(one.event, OutcomeMissing) and one.event.lost:
            place = f"{submissions_of(one.event.partner)}/{one.event.offset}"
            yield Violation("I1", "lost, says the reconciler", ALARMS, (place, one.name))
    for one in run.topics.get(REDRIVES, ()):
        yield Violation("I1", "done once more", REDRIVES, (one.name,))


def _is_early(raised: RiskRaised) -> bool:
    """One told from a backlog before its turn; that of its turn counts."""
    return any(reason.code == WAITS for reason in raised.reasons)


def _beside(run: Run, fates: Fates) -> Iterator[Violation]:
    """What a human must see, and the keys that open it later."""
    quarantined = [
        (fate.step.partner, fate.record.offset)
        for fate in fates.all()
        if fate.outcome is Outcome.QUARANTINED
    ]
    actual = [
        ((one.event.partner, one.event.offset) if one.event else ("unreadable",), one)
        for one in run.topics[QUARANTINE]
    ]
    yield from compared(run, QUARANTINE, quarantined, actual, ordered=False)
    urgent = [
        (fate.step.partner, fate.record.offset)
        for fate in fates.all()
        if fate.step.report is not None and fate.step.report.immediate_risk
    ]
    raised = [
        ((one.event.partner, one.event.offset), one)
        for one in run.topics[DUTY]
        if isinstance(one.event, RiskRaised) and not _is_early(one.event)
    ]
    yield from compared(run, DUTY, urgent, raised, ordered=False)
    wrapped = {
        (one.event.partner, one.event.report_id, one.event.revision)
        for one in run.topics[REPORT_KEYS]
        if one.event is not None
    }
    for fate in fates.all():
        if fate.passed_intake and fate.step.action is Action.SUBMIT:
            key = (fate.step.partner, *fate.name)
            if key not in wrapped:
                yield Violation("I1", "lost: its keys", REPORT_KEYS, (named(key),))
