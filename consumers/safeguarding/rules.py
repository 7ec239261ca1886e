"""The safeguarding rules as data: a file that is read strictly, or refused with one clear error."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from consumers.safeguarding.clocks import HubClocks
from consumers.safeguarding.signs import week_number
from streams.codes import AlertSubject, ReferralRoute
from streams.errors import InvalidInputError
from streams.taxonomy import RelationKind
from streams.values import Activity, AlertRule, ChildAtEvent, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: A file beyond this is no rule file: it goes into one record of the log.
DOCUMENT_BYTES_MAX: Final = 256_000
VERSION_MAX: Final = 1_000_000
_STANDARD: Final = "rules_v1.json"
_FINGERPRINT_CHARS: Final = 8
_WORDS_MAX: Final = 200  # characters of a library's own message that are shown


class InvalidRulesError(InvalidInputError):
    """A rule file does not hold; the message names the place. The rules stay as they were."""


ModelT = TypeVar("ModelT", bound=BaseModel)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
RuleId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
ExampleName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9 ]{0,31}$")]


def _that_there_is(week: str) -> str:
    try:
        week_number(week)
    except ValueError:
        raise ValueError("its year has no week 53") from None
    return week


Week: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=r"^20[0-9]{2}-W(0[1-9]|[1-4][0-9]|5[0-3])$"),
    AfterValidator(_that_there_is),
]
Points: TypeAlias = Annotated[int, Field(ge=1, le=10)]
Origins: TypeAlias = Annotated[int, Field(ge=1, le=10)]
Weeks: TypeAlias = Annotated[int, Field(ge=1, le=104)]
Hours: TypeAlias = Annotated[int, Field(ge=1, le=8_760)]


# --- the examples beside a rule ---------------------------------------------------------


class ExamplePerson(_Part):
    """What a report of an example says of a person."""

    child: ChildAtEvent = ChildAtEvent.UNKNOWN
    role: Role = Role.OTHER


class ExampleStep(_Part):
    """Something that happens in an example: one of a report, a withdrawal, a nominal, a merge.

    `after_hours` counts from the beginning of the example; steps stand in order.
    """

    after_hours: Annotated[int, Field(ge=0, le=87_600)] = 0
    report: ExampleName | None = None
    revision: Annotated[int, Field(ge=1, le=99)] = 1
    origin: ExampleName | None = None
    week: Week = "2026-W40"
    district: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,2}[0-9]{1,2}$")] | None = None
    grade: Literal["A", "B", "C", "D", "E"] | None = None
    people: dict[ExampleName, ExamplePerson] = Field(default_factory=dict)
    ties: tuple[tuple[ExampleName, RelationKind, ExampleName], ...] = ()
    signs: tuple[Activity, ...] = ()
    withdraw: ExampleName | None = None
    nominal: ExampleName | None = None
    keep: ExampleName | None = None
    absorb: ExampleName | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> ExampleStep:
        chosen = (self.report, self.withdraw, self.nominal, self.keep)
        if sum(one is not None for one in chosen) != 1:
            raise ValueError("a step is one of report, withdraw, nominal, or keep with absorb")
        if (self.keep is None) != (self.absorb is None) or self.keep == self.absorb is not None:
            raise ValueError("keep and absorb are two different people")
        return self


class Example(_Part):
    """Given these steps, the rule alerts for exactly these people."""

    story: Text
    given: Annotated[tuple[ExampleStep, ...], Field(min_length=1, max_length=50)]
    asked_after_hours: Annotated[int, Field(ge=0, le=87_600)] | None = None
    expect: tuple[ExampleName, ...]


# --- the rules -------------------------------------------------------------------------------


class _Rule(_Part):
    """What every rule has. Each alert of it goes to a named person; none is a referral."""

    id: RuleId
    enabled: bool
    title: Text
    reason: Text
    source: Text
    never: Text
    about: Annotated[tuple[AlertSubject, ...], Field(min_length=1, max_length=2)]
    recipients: dict[AlertSubject, Annotated[tuple[ReferralRoute, ...], Field(min_length=1)]]
    examples: tuple[Example, ...] = ()

    @model_validator(mode="after")
    def _tells_whom(self) -> _Rule:
        if len(set(self.about)) != len(self.about) or set(self.about) != set(self.recipients):
            raise ValueError("recipients name each of `about`, and nobody else")
        return self


class _AboutChildren(_Rule):
    @model_validator(mode="after")
    def _is_about_children(self) -> _AboutChildren:
        if self.about != (AlertSubject.CHILD,):
            raise ValueError("a rule of this kind is about CHILD only")
        return self


class TieRule(_AboutChildren):
    """A child with a network tie to a nominal or suspected nominal, or both to one thing."""

    kind: Literal[AlertRule.CHILD_TIED_TO_NOMINAL]


class SiblingRule(_AboutChildren):
    """A child whose sibling is involved."""

    kind: Literal[AlertRule.SIBLING_OF_INVOLVED]


class FriendRule(_AboutChildren):
    """A child whose friend is involved."""

    kind: Literal[AlertRule.FRIEND_OF_INVOLVED]


class HouseholdRule(_AboutChildren):
    """A child of an involved parent or kinship carer, or of one who also raises somebody involved.

    `beyond_siblings`: only where the rule of siblings would not say the same.
    """

    kind: Literal[AlertRule.HOUSEHOLD_OF_INVOLVED]
    beyond_siblings: bool


class SignsRule(_AboutChildren):
    """Signs that add up: `weights` of those within `window_weeks` reach `threshold`.

    A sign of one origin counts once, one kind of sign at most `most_of_one_sign` times.
    `adult_associate` is the weight of an asserted tie (associate) to an adult, 0 for none.
    """

    kind: Literal[AlertRule.EARLY_SIGNS]
    weights: Annotated[dict[Activity, Points], Field(min_length=1)]
    adult_associate: Annotated[int, Field(ge=0, le=10)]
    threshold: Annotated[int, Field(ge=1, le=100)]
    window_weeks: Weeks
    minimum_origins: Origins
    most_of_one_sign: Annotated[int, Field(ge=1, le=10)]

    @model_validator(mode="after")
    def _can_be_reached(self) -> SignsRule:
        most = sum(self.weights.values()) * self.most_of_one_sign + self.adult_associate
        if self.threshold > most:
            raise ValueError(f"threshold {self.threshold} is never reached: signs add up to {most}")
        return self


class CuckooedRule(_AboutChildren):
    """A child who lives at a cuckooed address, is cuckooed there, or is named as there.

    `named_in_the_report`: a report that says an address is cuckooed and names the child too.
    """

    kind: Literal[AlertRule.CUCKOOED_ADDRESS]
    named_in_the_report: bool


class LineRule(_AboutChildren):
    """A child who uses or runs a deal line, or is exploited by who runs one."""

    kind: Literal[AlertRule.DEAL_LINE]
    minimum_origins: Origins


class AdultRule(_Rule):
    """An adult with needs (any of `needs` from enough origins) who is cuckooed or exploited."""

    kind: Literal[AlertRule.VULNERABLE_ADULT]
    needs: Annotated[tuple[Activity, ...], Field(min_length=1)]
    minimum_origins: Origins

    @model_validator(mode="after")
    def _is_about_adults(self) -> AdultRule:
        if self.about != (AlertSubject.ADULT,):
            raise ValueError("a rule of this kind is about ADULT only")
        return self


class SlaveryRule(_Rule):
    """At least `threshold` different indicators of modern slavery within a window."""

    kind: Literal[AlertRule.MODERN_SLAVERY]
    indicators: Annotated[tuple[Activity, ...], Field(min_length=1)]
    threshold: Annotated[int, Field(ge=1, le=20)]
    window_weeks: Weeks
    minimum_origins: Origins

    @model_validator(mode="after")
    def _can_be_reached(self) -> SlaveryRule:
        if self.threshold > len(set(self.indicators)):
            raise ValueError(
                f"threshold {self.threshold} is never reached:"
                f" there are {len(set(self.indicators))} indicators"
            )
        return self


class MissingRule(_AboutChildren):
    """A missing child where a candidate network was seen within `window_weeks`, before or after."""

    kind: Literal[AlertRule.MISSING_IN_AREA]
    window_weeks: Weeks


class UnansweredRule(_Rule):
    """A starting sign without an ending one within so many hours of its place in the log."""

    kind: Literal[AlertRule.UNANSWERED]
    starts: Annotated[tuple[Activity, ...], Field(min_length=1)]
    ends: Annotated[tuple[Activity, ...], Field(min_length=1)]
    hours: Hours

    @property
    def within(self) -> timedelta:
        """Return the time that an answer has."""
        return timedelta(hours=self.hours)

    @model_validator(mode="after")
    def _starts_end(self) -> UnansweredRule:
        if set(self.starts) & set(self.ends):
            raise ValueError("no sign both starts and ends the same matter")
        return self


Rule: TypeAlias = (
    TieRule
    | SiblingRule
    | FriendRule
    | HouseholdRule
    | SignsRule
    | CuckooedRule
    | LineRule
    | AdultRule
    | SlaveryRule
    | MissingRule
    | UnansweredRule
)


class LocalTargets(_Part):
    """Within how many hours of the log time of its evidence an alert is to be looked at.

    `triage_hours`: assessed, referred or closed by a named person. `claim_hours`: taken on; after
    that it goes to the hub lead's list. Local policy, not law; nights and week-ends count.
    """

    triage_hours: Hours = 4
    claim_hours: Hours = 4


class Rules(_Part):
    """A version of the rules, as one person wrote and another reviewed it."""

    version: Annotated[int, Field(ge=1, le=VERSION_MAX)]
    title: Text
    targets: LocalTargets = LocalTargets()
    rules: Annotated[
        tuple[Annotated[Rule, Field(discriminator="kind")], ...],
        Field(min_length=1, max_length=100),
    ]

    @model_validator(mode="after")
    def _ids_differ(self) -> Rules:
        ids = [rule.id for rule in self.rules]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"the id {twice[0]} stands there twice")
        return self

    @property
    def clocks(self) -> HubClocks:
        """Return the local targets as the clocks of the hub take them."""
        return HubClocks(
            version=self.version,
            triage=timedelta(hours=self.targets.triage_hours),
            claim=timedelta(hours=self.targets.claim_hours),
        )

    @property
    def enabled(self) -> tuple[Rule, ...]:
        """Return the rules that are on, in the order of the file."""
        return tuple(rule for rule in self.rules if rule.enabled)

    def rule(self, rule_id: str) -> Rule | None:
        """Return the rule of this id, on or off."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    @property
    def document(self) -> str:
        """Return the file as JSON, the same text for the same rules."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """Return a hash of the document: what a trial of these rules is known by."""
        return hashlib.sha256(self.document.encode()).hexdigest()


# --- reading -----------------------------------------------------------------------------


def parse(text: str, where: str = "the rule file") -> Rules:
    """Read a rule file.

    Raises: InvalidRulesError, which names the first place that does not hold.
    """
    return read_strictly(Rules, text, where)


def read_strictly(model: type[ModelT], text: str, where: str) -> ModelT:
    """Read a JSON document as a model, with no field twice and none that the model lacks.

    Raises: InvalidRulesError, which names the first place that does not hold.
    """
    if len(text.encode(errors="replace")) > DOCUMENT_BYTES_MAX:
        raise InvalidRulesError(f"{where}: more than {DOCUMENT_BYTES_MAX} bytes")
    try:
        json.loads(text, object_pairs_hook=_without_twins)
        return model.model_validate_json(text)
    except json.JSONDecodeError as error:
        raise InvalidRulesError(
            f"{where}: no JSON at line {error.lineno}, column {error.colno}"
        ) from None
    except _TwinError as error:
        raise InvalidRulesError(f"{where}: the field {error} stands there twice") from None
    except ValidationError as error:
        raise InvalidRulesError(f"{where}: {_told(error)}") from None
    except RecursionError:
        raise InvalidRulesError(f"{where}: nested too deeply") from None
    except ValueError:  # a number of thousands of digits
        raise InvalidRulesError(f"{where}: a number in it is too long") from None


@cache
def standard() -> Rules:
    """Return the rules that hold until the first were adopted."""
    file = resources.files("consumers.safeguarding").joinpath(_STANDARD)
    return parse(file.read_text("utf-8"), _STANDARD)


def differences(old: Rules, new: Rules) -> Iterator[tuple[str, str, str, str]]:
    """Yield rule id, field, old and new value of whatever differs; "" where there is none."""
    for name, value in old.targets.model_dump().items():
        if (other := getattr(new.targets, name)) != value:
            yield "targets", name, str(value), str(other)
    for rule_id in dict.fromkeys(rule.id for rule in (*old.rules, *new.rules)):
        before, after = _plain(old.rule(rule_id)), _plain(new.rule(rule_id))
        for name in dict.fromkeys((*before, *after)):
            left, right = before.get(name, ""), after.get(name, "")
            if left != right:
                yield rule_id, name, left, right


def _plain(rule: Rule | None) -> Mapping[str, str]:
    """Return each field as text, weights one by one."""
    if rule is None:
        return {}
    found: dict[str, str] = {}
    for name, value in rule.model_dump(mode="json", exclude={"id", "examples"}).items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, one in parts:
            found[f"{name}.{part}".rstrip(".")] = one if isinstance(one, str) else json.dumps(one)
    for number, example in enumerate(rule.examples, 1):
        found[f"example {number}"] = f"{example.story} [{_fingerprint(example)}]"
    return found


def _fingerprint(example: Example) -> str:
    """Return the beginning of a hash: two examples of one story may tell different reports."""
    return hashlib.sha256(example.model_dump_json().encode()).hexdigest()[:_FINGERPRINT_CHARS]


class _TwinError(Exception):
    """A field of a JSON object stands there twice: which of the two was reviewed?"""


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _TwinError(name[:_WORDS_MAX])
        seen.add(name)
    return dict(pairs)


def _told(error: ValidationError) -> str:
    """Say in one line which place does not hold, and how many more do not."""
    first, *more = error.errors(include_url=False, include_input=False)
    place = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in first["loc"])
    place += ".kind" if first["type"].startswith("union_tag") else ""
    words = _WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
    rest = f" (and {len(more)} more)" if more else ""
    return f"{place.lstrip('.') or 'the file'}: {words[:_WORDS_MAX]}{rest}"


_WORDS: Final[Mapping[str, str]] = {
    "extra_forbidden": "there is no such field",
    "missing": "the field is missing",
    "union_tag_invalid": "there is no such kind of rule",
    "union_tag_not_found": "the field is missing",
}
