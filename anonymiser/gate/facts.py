"""Compare what the partner wrote with what a stage made of it, by the gate's own reckoning.

Whatever decides about sharing, and whatever of the submission leaves in plain
form, must be the partner's own word or the generalisation of it that is made
here once more. Nothing is shared with intake: the week, the district and the
ages are worked out anew, so that a stage that passes on an exact time, a whole
postcode or somebody else's role is noticed by what it should have said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from anonymiser.gate.carriers import chi_number, driver_number
from streams.restricted import PersonFacts
from streams.values import AgeBand, ChildAtEvent, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from streams.restricted import LinkedNode, Node, Report, ReportLinked

#: What must be the same, word for word.
SAME: Final = (
    "partner",
    "report_id",
    "revision",
    "immediate_risk",
    "service",
    "data_category",
    "gateway",
    "purpose",
    "handling",
    "grading",
    "facts",
)
_LONDON: Final = ZoneInfo("Europe/London")
_ADULT_YEARS: Final = 18
_DISTRICT: Final = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?")
_INWARD: Final = re.compile(r"[0-9][A-Z]{2}$")
_NO_FACTS: Final = PersonFacts()
_YEARS: Final = {
    AgeBand.AGE_0_4: range(5),
    AgeBand.AGE_5_10: range(5, 11),
    AgeBand.AGE_11_15: range(11, 16),
    AgeBand.AGE_16_17: range(16, _ADULT_YEARS),
    AgeBand.ADULT: range(_ADULT_YEARS, 200),
}


def difference(report: Report, linked: ReportLinked) -> str | None:
    """Name the first fact in which the opened submission and what became of it differ."""
    for path in SAME:
        if getattr(report, path) != getattr(linked, path):
            return path
    day = report.event_at.astimezone(_LONDON).date()
    if linked.event_week != "{}-W{:02}".format(*day.isocalendar()):
        return "event_week"
    if linked.district is not None and not _is_district(linked.district, report.place.postcode):
        return "district"
    return _node_difference(report, linked, day) or _tie_difference(report, linked)


def _is_district(district: str, postcode: str | None) -> bool:
    """Tell whether a text is the district of a postcode, of a whole one or of its beginning."""
    compact = re.sub(r"[^A-Z0-9]", "", (postcode or "").upper())
    outward = _INWARD.sub("", compact)
    known = outward if outward != compact and _DISTRICT.fullmatch(outward) else compact
    return _DISTRICT.fullmatch(district) is not None and known.startswith(district)


def _tie_difference(report: Report, linked: ReportLinked) -> str | None:
    numbers = {node.label: number for number, node in enumerate(report.nodes)}
    written = [(numbers.get(r.subject), numbers.get(r.object), r.kind) for r in report.relations]
    told = [(r.subject, r.object, r.kind) for r in linked.relations]
    return None if written == told else "relations"


def _node_difference(report: Report, linked: ReportLinked, day: date) -> str | None:
    if len(report.nodes) != len(linked.nodes):
        return "nodes"
    for number, (node, told) in enumerate(zip(report.nodes, linked.nodes, strict=True)):
        if told.node != number or not _is_same(node, told) or not _is_of_age(node, told, day):
            return "nodes"
    return None


def _is_same(node: Node, told: LinkedNode) -> bool:
    person = node.person or _NO_FACTS
    return (node.kind, node.protected, node.conflict, person.sex, person.role) == (
        told.kind,
        told.protected,
        told.conflict,
        told.sex,
        told.role,
    )


def _is_of_age(node: Node, told: LinkedNode, day: date) -> bool:
    """Tell whether an age band, and being a child or not, is borne out by something declared.

    Nothing claimed is always borne out: a stage may doubt what was written.
    """
    ages = set(_ages(node, day)) if node.kind is NodeKind.PERSON else set()
    band, child = told.age_band, told.child_at_event
    if band is not AgeBand.UNKNOWN and not any(age in _YEARS[band] for age in ages):
        return False
    is_child = {age < _ADULT_YEARS for age in ages}
    return child is ChildAtEvent.UNKNOWN or (child is ChildAtEvent.YES) in is_child


def _ages(node: Node, day: date) -> Iterator[int]:
    if node.person is not None and node.person.age is not None:
        yield node.person.age
    identity = node.identity
    if identity is None:
        return
    births = [identity.born_on] if identity.born_on is not None else []
    births += driver_number(identity.driver_number or "")[1]
    births += chi_number(identity.chi_number or "") + chi_number(identity.nhs_number or "")
    for born in births:
        years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
        yield max(0, years)
