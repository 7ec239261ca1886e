"""What a report must hold to be taken in: one set of rules for the partner's check and for intake.

A partner runs them before sealing, intake runs them again on what it opened
and trusts nothing: the same code at both ends, so that a report which passes
at the partner's is refused by no rule of this page. Pure: the time is handed
in. A fault names the field by its path, the broken rule by a code and, for an
identifier, what one looks like; it never holds a value.

Source: issue 3, Schemas and Bad input; domain.md section 1 (grading), section
2 (identifiers) and section 8, rules 1 to 4, 9, 13 and 14.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from streams.grades import GRADES
from streams.identifiers import (
    UnreadableIdentifierError,
    canonical,
    carried_by,
    declared,
    disagreements,
    district,
    read,
)
from streams.instants import london_day
from streams.parts import Reason
from streams.restricted import Report
from streams.taxonomy import joins
from streams.topics import PARTNER_ID
from streams.values import (
    Audience,
    ConditionCode,
    HandlingCode,
    NodeKind,
    Sex,
)
from streams.writing import sparse_writer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from streams.identifiers import Spelt
    from streams.parts import Grading, Handling
    from streams.restricted import Identity, Node, PersonFacts, Place, Relation

NODES_MAX: Final = 50
RELATIONS_MAX: Final = 500
FACTS_MAX: Final = 50
KNOWN_AS_MAX: Final = 20
#: All identities of a report together, in UTF-8: a sign of three bytes may fold to eighteen
#: letters. Every stage that looks for a report's own names in its words pays by this; fifty
#: people with names, birth date, numbers and address have 10,000.
IDENTITIES_BYTES_MAX: Final = 20_000
FAULTS_MAX: Final = 100
LABEL_CHARS_MAX: Final = 100
TEXT_CHARS_MAX: Final = 500
NARRATIVE_CHARS_MAX: Final = 20_000
AGE_YEARS_MAX: Final = 120
#: How far ahead of the reader's clock an event may lie: clocks differ by minutes.
EVENT_AHEAD_MAX: Final = timedelta(minutes=15)
#: And the writing of the report: some systems keep the day alone and write its last minute.
REPORT_AHEAD_MAX: Final = timedelta(hours=24)

_CONTENT: Final = sparse_writer_of(Report)
_WHERE: Final = ("address", "postcode", "uprn", "usrn")
_CONTACT: Final = ("phone", "email", "handle")
_PERSON: Final = (
    *("given_name", "middle_names", "family_name", "known_as", "born_on"),
    *("nhs_number", "upn", "uln", "pnc_id", "cro_number"),
    *("nino", "driver_number", "passport_number"),
    *("chi_number", "police_urn"),
)
IDENTIFIED_BY: Final[Mapping[NodeKind, frozenset[str]]] = {
    NodeKind.PERSON: frozenset((*_PERSON, *_WHERE, *_CONTACT)),
    NodeKind.ADDRESS: frozenset(_WHERE),
    NodeKind.PHONE: frozenset(("phone", "imei")),
    NodeKind.VEHICLE: frozenset(("vehicle_mark",)),
    NodeKind.ACCOUNT: frozenset(("account_number", "sort_code")),
    NodeKind.HANDLE: frozenset(("handle", "email")),
    NodeKind.ORGANISATION: frozenset(
        ("organisation_name", "organisation_number", *_WHERE, *_CONTACT)
    ),
}
"""What may identify which kind of node; a number in the wrong place links the wrong things."""

Reading: TypeAlias = "tuple[tuple[Spelt, ...], tuple[UnreadableIdentifierError, ...]]"
"""An identity as `streams.identifiers.read` gives it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing its partner can mend. `rule` says what an identifier of the field looks like."""

    code: str
    field: str
    rule: str | None = None

    def reason(self) -> Reason:
        """Return what a receipt carries."""
        return Reason(code=self.code, field=self.field)


def faults(
    report: Report, at: datetime | None = None, readings: Sequence[Reading] | None = None
) -> tuple[Fault, ...]:
    """Return what must be corrected first, in the order of the fields; nothing if all holds.

    `at` is now (the partner's clock, or the log's append time); without it nothing
    is compared with today. `readings` are the nodes' identities where they have been
    read already (`readings_of`). At most `FAULTS_MAX` are told at once; of a report
    with more in it than it may hold, that alone, for nothing in it is read.
    """
    known = readings_of(report) if readings is None else readings
    return tuple(islice(_faults(report, at, known), FAULTS_MAX))


def content_of(report: Report) -> bytes:
    """Return the bytes by which two submissions of one revision are told to be the same.

    They do not depend on the version of the schema: a partner's next SDK, or the
    enclave's, gives the same bytes for the same report.
    """
    return _CONTENT(report)


def readings_of(report: Report) -> tuple[Reading, ...]:
    """Read the identity of every node; nothing of a report that holds more than it may."""
    return () if any(_beyond_bounds(report)) else tuple(map(reading_of, report.nodes))


def reading_of(node: Node) -> Reading:
    """Read a node's identity; nothing where it has none."""
    return read(node.identity) if node.identity is not None else ((), ())


def _faults(report: Report, at: datetime | None, readings: Sequence[Reading]) -> Iterator[Fault]:
    if not readings and (beyond := tuple(_beyond_bounds(report))):
        yield from beyond  # what has been read is within its bounds
        return
    yield from _routing(report)
    yield from _times(report, at)
    yield from _place(report.place)
    yield from _nodes(report, readings)
    yield from _relations(report)
    yield from _content(report)


# --- how much a report may hold ----------------------------------------------------------------


def _beyond_bounds(report: Report) -> Iterator[Fault]:
    """Count before anything is read: what a report costs is bounded by this, not by its bytes."""
    yield from _count(len(report.nodes), NODES_MAX, "nodes", "too_many_nodes")
    for number, node in enumerate(report.nodes):
        if node.identity is not None:
            path = f"nodes[{number}].identity.known_as"
            yield from _count(len(node.identity.known_as), KNOWN_AS_MAX, path)
    spelt = sum(map(_identity_bytes, report.nodes))
    yield from _count(spelt, IDENTITIES_BYTES_MAX, "nodes", "too_much_identity")
    yield from _count(len(report.relations), RELATIONS_MAX, "relations")
    yield from _count(len(report.facts), FACTS_MAX, "facts")
    handling = report.handling
    yield from _count(len(handling.recipients), len(Audience), "handling.recipients")
    yield from _count(len(handling.conditions), len(ConditionCode), "handling.conditions")


def _identity_bytes(node: Node) -> int:
    if node.identity is None:
        return 0
    values = (value for _, value in declared(node.identity))
    return sum(len(value.encode()) for value in values if isinstance(value, str))


# --- the report as a whole ---------------------------------------------------------------------


def _routing(report: Report) -> Iterator[Fault]:
    if report.revision < 1:
        yield Fault("bad_revision", "revision")
    if report.supersedes is not None and not 1 <= report.supersedes < report.revision:
        yield Fault("bad_supersedes", "supersedes")
    if not PARTNER_ID.fullmatch(report.partner):
        yield Fault("bad_partner", "partner")
    yield from _text(report.service, "service")


def _times(report: Report, at: datetime | None) -> Iterator[Fault]:
    if at is not None and report.reported_at > at + REPORT_AHEAD_MAX:
        yield Fault("in_future", "reported_at")  # and so may the event: one slip, told once
    elif at is not None and report.event_at > at + EVENT_AHEAD_MAX:
        yield Fault("in_future", "event_at")
    elif report.event_at > report.reported_at:
        yield Fault("event_after_report", "event_at")
    if (at or report.reported_at).year - report.event_at.year > AGE_YEARS_MAX:
        yield Fault("too_long_ago", "event_at")


def _place(place: Place) -> Iterator[Fault]:
    yield from _text(place.description, "place.description")
    if place.postcode is None:
        return
    try:
        district(place.postcode)
    except UnreadableIdentifierError as fault:
        yield Fault(fault.code, "place.postcode", fault.rule)


def _content(report: Report) -> Iterator[Fault]:
    if not report.facts:
        yield Fault("no_facts", "facts")
    yield from _text(report.origin_reference, "origin_reference")
    yield from _grading(report.grading)
    yield from _handling(report.handling)
    yield from _text(report.narrative, "narrative", NARRATIVE_CHARS_MAX)


def _grading(grading: Grading) -> Iterator[Fault]:
    scheme = GRADES.get(grading.scheme)
    grades = (("grading.source", grading.source), ("grading.assessment", grading.assessment))
    for position, (path, grade) in enumerate(grades):
        if scheme is None:
            if grade is not None:
                yield Fault("not_graded", path)
        elif grade is None:
            yield Fault("grade_missing", path)
        elif grade not in tuple(scheme[position]):
            yield Fault("not_in_scheme", path)


def _handling(handling: Handling) -> Iterator[Fault]:
    stated = (
        ("handling.recipients", bool(handling.recipients)),
        ("handling.conditions", bool(handling.conditions)),
    )
    for path, is_stated in stated:
        if handling.code is HandlingCode.C and not is_stated:
            yield Fault("conditions_missing", path)
        if handling.code is not HandlingCode.C and is_stated:
            yield Fault("only_with_code_c", path)


# --- nodes -------------------------------------------------------------------------------------


def _nodes(report: Report, readings: Sequence[Reading]) -> Iterator[Fault]:
    if not report.nodes:
        yield Fault("no_nodes", "nodes")
    reported_on = london_day(report.reported_at)
    seen: Counter[str] = Counter()
    for number, (node, reading) in enumerate(zip(report.nodes, readings, strict=True)):
        path = f"nodes[{number}]"
        seen[node.label] += 1
        if seen[node.label] > 1:
            yield Fault("duplicate_label", f"{path}.label")
        yield from _node(node, reading, reported_on, path)


def _node(node: Node, reading: Reading, reported_on: date, path: str) -> Iterator[Fault]:
    yield from _text(node.label, f"{path}.label", LABEL_CHARS_MAX)
    yield from _text(node.reference, f"{path}.reference")
    if node.identity is not None:
        yield from _identity(node, reading, f"{path}.identity")
        for fault in reading[1]:
            yield Fault(fault.code, f"{path}.identity.{fault.field}", fault.rule)
        yield from _carried(node, node.identity, reading[0], f"{path}.identity")
        yield from _birth(node.identity.born_on, reported_on, f"{path}.identity.born_on")
    if node.person is not None:
        yield from _person(node.person, node.kind, f"{path}.person")


def _identity(node: Node, reading: Reading, path: str) -> Iterator[Fault]:
    spelt, unreadable = reading
    if not spelt and not unreadable:
        yield Fault("empty", path)
    allowed, blank = IDENTIFIED_BY[node.kind], _blank(spelt)
    for field in dict.fromkeys([one.told_in for one in spelt] + [one.field for one in unreadable]):
        if field not in allowed:
            yield Fault("wrong_kind", f"{path}.{field}")
        if field in blank:
            yield Fault("empty", f"{path}.{field}")


def _blank(spelt: Sequence[Spelt]) -> frozenset[str]:
    """What is left blank reads as a placeholder; an error is more use to its partner."""
    return frozenset(
        one.told_in
        for one in spelt
        if one.form is None and isinstance(one.value, str) and not one.value.strip()
    )


def _carried(node: Node, identity: Identity, spelt: Sequence[Spelt], path: str) -> Iterator[Fault]:
    """A number that spells out a name, birth date or sex agrees with what stands beside it."""
    sex = node.person.sex if node.person is not None else Sex.UNKNOWN
    for one in spelt:
        carried = carried_by(one.field, one.form) if one.form is not None else None
        if carried is not None:
            for what in disagreements(identity, carried, sex):
                yield Fault(f"disagrees_with_{what}", f"{path}.{one.told_in}")


def _birth(born_on: date | None, reported_on: date, path: str) -> Iterator[Fault]:
    if born_on is None or canonical("born_on", born_on) is None:
        return
    if born_on > reported_on:
        yield Fault("born_in_future", path)
    elif reported_on.year - born_on.year > AGE_YEARS_MAX:
        yield Fault("implausible", path)


def _person(person: PersonFacts, kind: NodeKind, path: str) -> Iterator[Fault]:
    if kind is not NodeKind.PERSON:
        yield Fault("not_a_person", path)
    if person.age is not None and not 0 <= person.age <= AGE_YEARS_MAX:
        yield Fault("implausible", f"{path}.age")


# --- relations ---------------------------------------------------------------------------------


def _relations(report: Report) -> Iterator[Fault]:
    kinds = {node.label: node.kind for node in report.nodes}
    for number, relation in enumerate(report.relations):
        yield from _relation(relation, kinds, f"relations[{number}]")


def _relation(relation: Relation, kinds: Mapping[str, NodeKind], path: str) -> Iterator[Fault]:
    if relation.since and relation.until and relation.since > relation.until:
        yield Fault("ends_before_start", f"{path}.until")
    subject, target = kinds.get(relation.subject), kinds.get(relation.object)
    if subject is None:
        yield Fault("missing_node", f"{path}.subject")
    if target is None:
        yield Fault("missing_node", f"{path}.object")
    if subject is None or target is None:
        return
    if relation.subject == relation.object:
        yield Fault("relation_to_itself", path)
    if not joins(relation.kind, subject, target):
        yield Fault("relation_does_not_fit", f"{path}.kind")


# --- lengths -----------------------------------------------------------------------------------


def _text(text: str | None, path: str, chars_max: int = TEXT_CHARS_MAX) -> Iterator[Fault]:
    if text is None:
        return
    if not text.strip():
        yield Fault("empty", path)
    if len(text) > chars_max:
        yield Fault("too_long", path)


def _count(items: int, items_max: int, path: str, code: str = "too_many_items") -> Iterator[Fault]:
    if items > items_max:
        yield Fault(code, path)
