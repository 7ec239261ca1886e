"""What is wrong with a report, found before anything is sent; needs no network, clock or key.

The rules are those of `streams.content`, which intake applies again; here each
gets its remedy in a sentence. A problem names the field by its path and the
broken rule by a code; it never holds a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from producers.notice import notice_in
from streams.content import IDENTITIES_BYTES_MAX, NODES_MAX, faults
from streams.errors import InvalidInputError
from streams.hints import fields_of, inner_of, is_record, item_of
from streams.json_form import MalformedInputError, from_json
from streams.restricted import Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.content import Fault
    from streams.json_form import Json
    from streams.parts import Reason

_LONG: Final = range(-(2**63), 2**63)
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
    "too_much_identity": (
        f"Names, numbers and addresses hold up to {IDENTITIES_BYTES_MAX:,} bytes together;"
        " split the report into several."
    ),
    "too_many_nodes": f"A report holds up to {NODES_MAX} nodes; split it into several.",
    "duplicate_label": "Give every node a label of its own.",
    "missing_node": "Name the label of a node of this report.",
    "relation_to_itself": "A relation joins two different nodes.",
    "relation_does_not_fit": "This kind of relation does not join nodes of these kinds.",
    "ends_before_start": "The end lies before the start.",
    "no_facts": "Say what happened: at least one theme, activity and strand of the 4P plan.",
    "not_a_person": "Only a node of kind PERSON has sex, age and role.",
    "wrong_kind": "A node of this kind is not identified by this field; move it to a node that is.",
    "disagrees_with_family_name": (
        "The number spells another family name than the report gives: correct one of them, or add"
        " the name on the licence to `known_as`."
    ),
    "disagrees_with_birth_date": (
        "The number spells another birth date than the report gives: correct one, or leave one out."
    ),
    "disagrees_with_sex": (
        "The number spells another sex than the report gives: correct one, or leave one out."
    ),
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
    "conditions_missing": "Handling code C names recipients and conditions (A1, A2, A3, S1, S2).",
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
    return mistyped or tuple(map(_problem_of, faults(report, at)))


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


def _problem_of(fault: Fault) -> Problem:
    """The remedy for an identifier is the rule of its field."""
    if fault.rule is None:
        return problem(fault.code, fault.field)
    return Problem(fault.field, fault.code, f"{fault.rule[:1].upper()}{fault.rule[1:]}.")


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
