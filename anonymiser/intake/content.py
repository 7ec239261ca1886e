"""What an opened report must hold to be taken in; every reason is one its partner can mend.

The same rules run at the partner's before sealing; intake cannot know that
they did, and trusts nothing. Codes are those that the partner's own check
uses. Source: issue 3, Bad input; domain.md section 1 (grading).
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.intake.generalise import london_day
from streams.identifiers import UnreadableIdentifierError, canonical
from streams.parts import Reason
from streams.taxonomy import joins
from streams.values import GradingScheme, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from streams.identifiers import Spelt
    from streams.parts import Grading
    from streams.restricted import Node, PersonFacts, Relation, Report

    Readings = Sequence[tuple[tuple[Spelt, ...], tuple[UnreadableIdentifierError, ...]]]

# --- content limits ---
NODES_MAX: Final = 50
RELATIONS_MAX: Final = 500
FACTS_MAX: Final = 50
KNOWN_AS_MAX: Final = 20
REASONS_MAX: Final = 100
LABEL_CHARS_MAX: Final = 100
TEXT_CHARS_MAX: Final = 500
NARRATIVE_CHARS_MAX: Final = 20_000
AGE_YEARS_MAX: Final = 120
#: How far a partner's clock may run before the broker's.
CLOCK_SKEW_MAX: Final = timedelta(minutes=15)

_GRADES: Final[Mapping[GradingScheme, tuple[str, str]]] = {
    GradingScheme.SCHEME_3X5X2: ("123", "ABCDE"),
    GradingScheme.SCHEME_5X5X5: ("ABCDE", "12345"),
}


def faults(report: Report, readings: Readings, received_at: datetime) -> tuple[Reason, ...]:
    """Return what the partner must correct, in the order of the fields; nothing if all holds.

    `readings` are the identities of the nodes, read; `received_at` is the log-append time.
    """
    found = (
        *_routing(report),
        *_times(report, received_at),
        *_nodes(report, readings, london_day(received_at)),
        *_relations(report),
        *_content(report),
    )
    return found[:REASONS_MAX]


def _routing(report: Report) -> Iterator[Reason]:
    if report.revision < 1:
        yield Reason(code="bad_revision", field="revision")
    if report.supersedes is not None and not 1 <= report.supersedes < report.revision:
        yield Reason(code="bad_supersedes", field="supersedes")


def _times(report: Report, received_at: datetime) -> Iterator[Reason]:
    if report.event_at > received_at + CLOCK_SKEW_MAX:
        yield Reason(code="in_future", field="event_at")
    if received_at.year - report.event_at.year > AGE_YEARS_MAX:
        yield Reason(code="too_long_ago", field="event_at")


def _content(report: Report) -> Iterator[Reason]:
    yield from _place(report)
    if not report.facts:
        yield Reason(code="no_facts", field="facts")
    yield from _count(len(report.facts), FACTS_MAX, "facts")
    yield from _length(report.origin_reference, "origin_reference")
    yield from _grading(report.grading)
    yield from _length(report.narrative, "narrative", NARRATIVE_CHARS_MAX)


def _place(report: Report) -> Iterator[Reason]:
    yield from _length(report.place.description, "place.description")
    if report.place.postcode is None:
        return
    try:
        canonical("postcode", report.place.postcode)
    except UnreadableIdentifierError as fault:
        yield Reason(code=fault.code, field="place.postcode")


def _grading(grading: Grading) -> Iterator[Reason]:
    scheme = _GRADES.get(grading.scheme)
    grades = (("grading.source", grading.source), ("grading.assessment", grading.assessment))
    for position, (path, grade) in enumerate(grades):
        if scheme is None:
            if grade is not None:
                yield Reason(code="not_graded", field=path)
        elif grade is None:
            yield Reason(code="grade_missing", field=path)
        elif grade not in tuple(scheme[position]):
            yield Reason(code="not_in_scheme", field=path)


# --- nodes -------------------------------------------------------------------------------------


def _nodes(report: Report, readings: Readings, received_on: date) -> Iterator[Reason]:
    if not report.nodes:
        yield Reason(code="no_nodes", field="nodes")
    yield from _count(len(report.nodes), NODES_MAX, "nodes", "too_many_nodes")
    seen: Counter[str] = Counter()
    for number, (node, (_, unreadable)) in enumerate(zip(report.nodes, readings, strict=True)):
        path = f"nodes[{number}]"
        seen[node.label] += 1
        if seen[node.label] > 1:
            yield Reason(code="duplicate_label", field=f"{path}.label")
        for fault in unreadable:
            yield Reason(code=fault.code, field=f"{path}.identity.{fault.field}")
        yield from _node(node, received_on, path)


def _node(node: Node, received_on: date, path: str) -> Iterator[Reason]:
    yield from _length(node.label, f"{path}.label", LABEL_CHARS_MAX)
    yield from _length(node.reference, f"{path}.reference")
    if node.person is not None:
        yield from _person(node.person, node.kind, f"{path}.person")
    if node.identity is None:
        return
    yield from _count(len(node.identity.known_as), KNOWN_AS_MAX, f"{path}.identity.known_as")
    yield from _birth(node.identity.born_on, received_on, f"{path}.identity.born_on")


def _birth(born_on: date | None, received_on: date, path: str) -> Iterator[Reason]:
    if born_on is None or canonical("born_on", born_on) is None:
        return
    if born_on > received_on:
        yield Reason(code="born_in_future", field=path)
    elif received_on.year - born_on.year > AGE_YEARS_MAX:
        yield Reason(code="implausible", field=path)


def _person(person: PersonFacts, kind: NodeKind, path: str) -> Iterator[Reason]:
    if kind is not NodeKind.PERSON:
        yield Reason(code="not_a_person", field=path)
    if person.age is not None and not 0 <= person.age <= AGE_YEARS_MAX:
        yield Reason(code="implausible", field=f"{path}.age")


# --- relations ---------------------------------------------------------------------------------


def _relations(report: Report) -> Iterator[Reason]:
    yield from _count(len(report.relations), RELATIONS_MAX, "relations")
    kinds = {node.label: node.kind for node in report.nodes}
    for number, relation in enumerate(report.relations):
        yield from _relation(relation, kinds, f"relations[{number}]")


def _relation(relation: Relation, kinds: Mapping[str, NodeKind], path: str) -> Iterator[Reason]:
    if relation.since and relation.until and relation.since > relation.until:
        yield Reason(code="ends_before_start", field=f"{path}.until")
    subject, target = kinds.get(relation.subject), kinds.get(relation.object)
    if subject is None:
        yield Reason(code="missing_node", field=f"{path}.subject")
    if target is None:
        yield Reason(code="missing_node", field=f"{path}.object")
    if subject is None or target is None:
        return
    if relation.subject == relation.object:
        yield Reason(code="relation_to_itself", field=path)
    if not joins(relation.kind, subject, target):
        yield Reason(code="relation_does_not_fit", field=f"{path}.kind")


# --- lengths -----------------------------------------------------------------------------------


def _length(text: str | None, path: str, chars_max: int = TEXT_CHARS_MAX) -> Iterator[Reason]:
    if text is not None and len(text) > chars_max:
        yield Reason(code="too_long", field=path)


def _count(items: int, items_max: int, path: str, code: str = "too_many_items") -> Iterator[Reason]:
    if items > items_max:
        yield Reason(code=code, field=path)
