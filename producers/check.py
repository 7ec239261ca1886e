"""What is wrong with a report, found before anything is sent; needs no network, clock or key.

A problem names the field by its path, the broken rule by a code and the
remedy in a sentence; it never holds a value. Sources: issue 3, Schemas and Bad
input; domain.md section 1 (grading) and section 2 (identifiers).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from producers.notice import notice_in
from streams.errors import InvalidInputError
from streams.hints import fields_of, inner_of, is_record, item_of
from streams.identifiers import UnreadableIdentifierError, canonical, declared, faults_of
from streams.json_form import MalformedInputError, from_json
from streams.restricted import Identity, Report
from streams.taxonomy import joins
from streams.topics import PARTNER_ID
from streams.values import GradingScheme, HandlingCode, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.json_form import Json
    from streams.parts import Grading, Handling, Reason
    from streams.restricted import Node, PersonFacts, Relation

NODES_MAX: Final = 50
LABEL_CHARS_MAX: Final = 100
TEXT_CHARS_MAX: Final = 500
NARRATIVE_CHARS_MAX: Final = 20_000
AGE_YEARS_MAX: Final = 120
#: Clocks of partner systems differ; a report from further ahead is mistyped.
CLOCK_SKEW_MAX: Final = timedelta(hours=24)

_LONG: Final = range(-(2**63), 2**63)
_GRADES: Final[Mapping[GradingScheme, tuple[str, str]]] = {
    GradingScheme.SCHEME_3X5X2: ("123", "ABCDE"),
    GradingScheme.SCHEME_5X5X5: ("ABCDE", "12345"),
}
_WHERE: Final = ("address", "postcode", "uprn")
_CONTACT: Final = ("phone", "email", "handle")
_PERSON: Final = (
    *("given_name", "middle_names", "family_name", "known_as", "born_on"),
    *("nhs_number", "upn", "uln", "pnc_id", "cro_number"),
    *("nino", "driver_number", "passport_number"),
)
#: What may identify which kind of node; a number in the wrong place links the wrong things.
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

_REMEDIES: Final[Mapping[str, str]] = {
    "not_json": "Write one JSON object (or one for each line).",
    "repeated_key": "A key stands twice in one object; keep one of them.",
    "not_an_object": "Write a JSON object here.",
    "not_a_list": "Write a list here.",
    "too_many_items": "Shorten the list.",
    "missing": "Fill this field in; it has no default.",
    "unknown_field": "No field has this name; `rivelin report new` prints all of them.",
    "unknown_code": "Use a code of this field's list; `rivelin report codes` prints them.",
    "wrong_type": "The value has another type than this field's.",
    "not_a_text": "Write text in quotes.",
    "not_a_whole_number": "Write a whole number without quotes.",
    "not_true_or_false": "Write true or false.",
    "not_a_uuid": "Write a UUID, such as one made by uuid4.",
    "not_a_date": "Write a date as YYYY-MM-DD.",
    "not_an_instant": "Write an instant as YYYY-MM-DDThh:mm:ssZ.",
    "without_time_zone": "Add Z (UTC) or an offset such as +01:00.",
    "not_base64": "Write base64.",
    "no_nodes": "Name at least one person or thing.",
    "too_many_nodes": f"A report holds up to {NODES_MAX} nodes; split it into several.",
    "duplicate_label": "Give every node a label of its own.",
    "missing_node": "Name the label of a node of this report.",
    "relation_to_itself": "A relation joins two different nodes.",
    "relation_does_not_fit": "This kind of relation does not join nodes of these kinds.",
    "ends_before_start": "The end lies before the start.",
    "no_facts": "Say what happened: at least one theme, activity and strand of the 4P plan.",
    "not_a_person": "Only a node of kind PERSON has sex, age and role.",
    "wrong_kind": "A node of this kind is not identified by this field; move it to a node that is.",
    "empty": "Leave the field out, or fill it in.",
    "too_long": "Shorten the text.",
    "implausible": "No person alive has this age; check the digits.",
    "born_in_future": "Nobody is born after the report about them; check the digits.",
    "event_after_report": "The event cannot come after the report about it.",
    "too_long_ago": "Nobody alive was there; check the year.",
    "in_future": "This lies in the future; check the clock and the time zone.",
    "not_graded": "Name the grading scheme, or leave source and assessment out.",
    "grade_missing": "A grading needs source and assessment, both from its scheme.",
    "not_in_scheme": "The scheme has no such grade: 3x5x2 is 1-3 and A-E, 5x5x5 is A-E and 1-5.",
    "recipients_missing": "Handling code C names who may see the report.",
    "conditions_missing": "Handling code C names its conditions: A1, A2, A3, S1 or S2.",
    "only_with_code_c": "Recipients and conditions belong to handling code C.",
    "bad_partner": "A partner id is 3 to 32 small letters, digits and hyphens, a letter first.",
    "too_large": "Shorten the narrative, or split the report into several.",
    "other_partner": "The report names another partner than the one that submits it.",
    "bad_revision": "Revisions count from 1.",
    "bad_supersedes": "A revision replaces an earlier one of the same report.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct. `field` is a path such as `nodes[2].identity.nhs_number`."""

    field: str | None
    code: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field or 'the report'}: {self.remedy}"


class InvalidReportError(InvalidInputError):
    """A report with something to correct first; nothing was sent. `problems` names each field."""

    def __init__(self, problems: Sequence[Problem], notice: str | None = None) -> None:
        told = "; ".join(map(str, problems))
        super().__init__(f"{told} {notice}" if notice else told)
        self.problems = tuple(problems)
        self.notice = notice


def check(report: Report, at: datetime | None = None) -> tuple[Problem, ...]:
    """Return everything to correct, in the order of the fields; nothing when it may be sent.

    `at` is now, where there is a clock; without it nothing is compared with today.
    """
    mistyped = tuple(_mistyped(Report, report, ""))
    if mistyped:
        return mistyped
    return (
        *_routing(report),
        *_times(report, at),
        *_place(report),
        *_nodes(report),
        *_relations(report),
        *_content(report),
    )


def read(data: Json, at: datetime | None = None) -> Report:
    """Return the report that a JSON object holds.

    Raises: InvalidReportError with every problem found.
    """
    problems: tuple[Problem, ...]
    try:
        report = from_json(Report, data)
    except MalformedInputError as malformed:
        problems = problems_of(malformed.problems)
    else:
        problems = check(report, at)
        if not problems:
            return report
    raise InvalidReportError(problems, notice_in(data))


def problems_of(reasons: Sequence[Reason]) -> tuple[Problem, ...]:
    """Put the remedy to each reason that reading JSON gave."""
    return tuple(problem(reason.code, reason.field) for reason in reasons)


def problem(code: str, field: str | None) -> Problem:
    """Put the remedy to a code."""
    return Problem(field, code, _REMEDIES.get(code, code.replace("_", " ").capitalize() + "."))


# --- types: a report made in Python may hold anything ------------------------------------------


def _mistyped(hint: Any, value: Any, path: str) -> Iterator[Problem]:  # noqa: ANN401 - any hint, any value
    if inner := inner_of(hint):
        if value is not None:
            yield from _mistyped(inner, value, path)
    elif item := item_of(hint):
        yield from _mistyped_items(item, value, path)
    elif not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        yield problem("wrong_type", path or None)
    elif hint is date and isinstance(value, datetime):
        yield problem("wrong_type", path)
    elif hint is int and value not in _LONG:
        yield problem("not_a_whole_number", path)
    elif hint is str and not _is_unicode(value):
        yield problem("not_a_text", path)
    elif hint is datetime and value.utcoffset() is None:
        yield problem("without_time_zone", path)
    elif is_record(hint):
        yield from _mistyped_fields(hint, value, path)


def _is_unicode(text: str) -> bool:
    """A lone surrogate is in no encoding."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _mistyped_items(item: Any, value: Any, path: str) -> Iterator[Problem]:  # noqa: ANN401 - any hint, any value
    if not isinstance(value, tuple):
        yield problem("wrong_type", path)
        return
    for index, one in enumerate(value):
        yield from _mistyped(item, one, f"{path}[{index}]")


def _mistyped_fields(cls: type[Any], value: object, path: str) -> Iterator[Problem]:
    for name, hint in fields_of(cls).items():
        yield from _mistyped(hint, getattr(value, name), f"{path}.{name}" if path else name)


# --- the report as a whole ---------------------------------------------------------------------


def _routing(report: Report) -> Iterator[Problem]:
    if report.revision < 1:
        yield problem("bad_revision", "revision")
    if report.supersedes is not None and not 1 <= report.supersedes < report.revision:
        yield problem("bad_supersedes", "supersedes")
    if not PARTNER_ID.fullmatch(report.partner):
        yield problem("bad_partner", "partner")
    yield from _text(report.service, "service")


def _times(report: Report, at: datetime | None) -> Iterator[Problem]:
    if report.event_at > report.reported_at:
        yield problem("event_after_report", "event_at")
    if report.reported_at.year - report.event_at.year > AGE_YEARS_MAX:
        yield problem("too_long_ago", "event_at")
    if at is not None and report.reported_at > at + CLOCK_SKEW_MAX:
        yield problem("in_future", "reported_at")


def _place(report: Report) -> Iterator[Problem]:
    yield from _text(report.place.description, "place.description")
    postcode = report.place.postcode
    if postcode is None:
        return
    try:
        canonical("postcode", postcode)
    except UnreadableIdentifierError as fault:
        yield _unreadable(fault, "place")


def _content(report: Report) -> Iterator[Problem]:
    if not report.facts:
        yield problem("no_facts", "facts")
    yield from _text(report.origin_reference, "origin_reference")
    yield from _grading(report.grading)
    yield from _handling(report.handling)
    yield from _text(report.narrative, "narrative", NARRATIVE_CHARS_MAX)


def _grading(grading: Grading) -> Iterator[Problem]:
    scheme = _GRADES.get(grading.scheme)
    for field, position in (("source", 0), ("assessment", 1)):
        grade: str | None = getattr(grading, field)
        path = f"grading.{field}"
        if scheme is None:
            if grade is not None:
                yield problem("not_graded", path)
        elif grade is None:
            yield problem("grade_missing", path)
        elif len(grade) != 1 or grade not in scheme[position]:
            yield problem("not_in_scheme", path)


def _handling(handling: Handling) -> Iterator[Problem]:
    for field in ("recipients", "conditions"):
        stated = bool(getattr(handling, field))
        if handling.code is HandlingCode.C and not stated:
            yield problem(f"{field}_missing", f"handling.{field}")
        if handling.code is not HandlingCode.C and stated:
            yield problem("only_with_code_c", f"handling.{field}")


def _text(text: str | None, path: str, chars_max: int = TEXT_CHARS_MAX) -> Iterator[Problem]:
    if text is None:
        return
    if not text.strip():
        yield problem("empty", path)
    if len(text) > chars_max:
        yield problem("too_long", path)


# --- nodes -------------------------------------------------------------------------------------


def _nodes(report: Report) -> Iterator[Problem]:
    if not report.nodes:
        yield problem("no_nodes", "nodes")
    if len(report.nodes) > NODES_MAX:
        yield problem("too_many_nodes", "nodes")
    seen: Counter[str] = Counter()
    for index, node in enumerate(report.nodes):
        path = f"nodes[{index}]"
        seen[node.label] += 1
        if seen[node.label] > 1:
            yield problem("duplicate_label", f"{path}.label")
        yield from _node(node, report.reported_at.date(), path)


def _node(node: Node, reported_on: date, path: str) -> Iterator[Problem]:
    yield from _text(node.label, f"{path}.label", LABEL_CHARS_MAX)
    yield from _text(node.reference, f"{path}.reference")
    if node.identity is not None:
        yield from _identity(node.identity, node.kind, reported_on, f"{path}.identity")
    if node.person is not None:
        yield from _person(node.person, node.kind, f"{path}.person")


def _person(person: PersonFacts, kind: NodeKind, path: str) -> Iterator[Problem]:
    if kind is not NodeKind.PERSON:
        yield problem("not_a_person", path)
    if person.age is not None and not 0 <= person.age <= AGE_YEARS_MAX:
        yield problem("implausible", f"{path}.age")


def _identity(
    identity: Identity, kind: NodeKind, reported_on: date, path: str
) -> Iterator[Problem]:
    stated = dict.fromkeys(field for field, _ in declared(identity))
    if not stated:
        yield problem("empty", path)
    for field in stated:
        if field not in IDENTIFIED_BY[kind]:
            yield problem("wrong_kind", f"{path}.{field}")
    for fault in faults_of(identity):
        yield _unreadable(fault, path)
    yield from _blank(identity, path)
    yield from _birth(identity.born_on, reported_on, f"{path}.born_on")


def _blank(identity: Identity, path: str) -> Iterator[Problem]:
    for field, value in declared(identity):
        if isinstance(value, str) and not value.strip():
            yield problem("empty", f"{path}.{field}")


def _birth(born_on: date | None, reported_on: date, path: str) -> Iterator[Problem]:
    if born_on is None or canonical("born_on", born_on) is None:
        return
    if born_on > reported_on:
        yield problem("born_in_future", path)
    elif reported_on.year - born_on.year > AGE_YEARS_MAX:
        yield problem("implausible", path)


def _unreadable(fault: UnreadableIdentifierError, path: str) -> Problem:
    rule = fault.rule[:1].upper() + fault.rule[1:]
    return Problem(f"{path}.{fault.field}", fault.code, f"{rule}.")


# --- relations ---------------------------------------------------------------------------------


def _relations(report: Report) -> Iterator[Problem]:
    kinds = {node.label: node.kind for node in report.nodes}
    for index, relation in enumerate(report.relations):
        yield from _relation(relation, kinds, f"relations[{index}]")


def _relation(relation: Relation, kinds: Mapping[str, NodeKind], path: str) -> Iterator[Problem]:
    if relation.since and relation.until and relation.since > relation.until:
        yield problem("ends_before_start", f"{path}.until")
    ends = {field: kinds.get(getattr(relation, field)) for field in ("subject", "object")}
    missing = [field for field, kind in ends.items() if kind is None]
    yield from (problem("missing_node", f"{path}.{field}") for field in missing)
    if missing:
        return
    if relation.subject == relation.object:
        yield problem("relation_to_itself", path)
    subject, target = ends["subject"], ends["object"]
    if subject and target and not joins(relation.kind, subject, target):
        yield problem("relation_does_not_fit", f"{path}.kind")
