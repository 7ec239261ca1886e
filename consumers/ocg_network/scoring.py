"""MoRiLE-style scores: the model as data, risk from inputs, and what moved it between two instants.

Risk = weighted sum of harm x weighted sum of likelihood. Confidence and organisational position
are told beside it and never multiplied in. The model is our own, versioned and configurable; no
official formula is public (domain.md section 3). Only OCGs are scored, never a person.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from streams.codes import Factor
from streams.errors import InvalidInputError, RivelinError
from streams.instants import london_day
from streams.roles import OcgStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from streams.codes import Impact, Lever

#: The newest model; scores that are given now are given under it.
MODEL_VERSION: Final = 1

Values: TypeAlias = "Mapping[Factor, int]"


class UnknownModelError(InvalidInputError):
    """No model of this version is installed. Install the release that brought it."""


class ModelFileError(RivelinError):
    """A model file does not say what a model must say; it is mended, or the release is broken."""


class UnknownFactorError(InvalidInputError):
    """The model has no such factor there; the message lists those it has."""


class MissingFactorError(InvalidInputError):
    """Every factor of the model gets a value: 0 says "none", silence says nothing."""


class ScoreOutOfRangeError(InvalidInputError):
    """A value lies outside the scale of the model."""


# --- the model ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Model:
    """Weights by factor; each value and the confidence are whole numbers from 0 to the maximum."""

    version: int
    name: str
    value_max: int
    confidence_max: int
    harm: Mapping[Factor, int]
    likelihood: Mapping[Factor, int]
    position: tuple[Factor, ...]
    means: Mapping[Factor, str]
    scale: tuple[str, ...]


def model_from(text: str) -> Model:
    """Read a model.

    Raises: ModelFileError for one with an unknown field, factor, or a factor in two places.
    """
    try:
        told = json.loads(text)
        _only_these_fields(told)
        entries = [*told["harm"], *told["likelihood"], *told["organisational_position"]]
        means = {Factor(one["factor"]): str(one["means"]) for one in entries}
        model = Model(
            version=int(told["version"]),
            name=str(told["name"]),
            value_max=int(told["value_max"]),
            confidence_max=int(told["confidence_max"]),
            harm=_weights(told["harm"]),
            likelihood=_weights(told["likelihood"]),
            position=tuple(Factor(one["factor"]) for one in told["organisational_position"]),
            means=means,
            scale=tuple(map(str, told["scale"])),
        )
    except (ValueError, KeyError, TypeError):
        raise ModelFileError("a scoring model cannot be read: its fields are not those") from None
    if len(means) != len(entries) or len(model.scale) != model.value_max + 1:
        raise ModelFileError("a scoring model names a factor twice, or not every value")
    return model


_FIELDS: Final = frozenset(
    {
        *("version", "name", "value_max", "confidence_max", "scale"),
        *("harm", "likelihood", "organisational_position"),
    }
)


def _only_these_fields(told: Mapping[str, Any]) -> None:
    if told.keys() != _FIELDS:
        raise ValueError


def _weights(entries: Sequence[Mapping[str, Any]]) -> Mapping[Factor, int]:
    weights = {Factor(one["factor"]): int(one["weight"]) for one in entries}
    if min(weights.values()) < 0:
        raise ValueError
    return weights


@cache
def model_of(version: int) -> Model:
    """Return a model by its version.

    Raises: UnknownModelError.
    """
    file = files(__package__).joinpath(f"scoring-{version}.json")
    if not file.is_file():
        raise UnknownModelError(f"no scoring model of version {version} is installed")
    return model_from(file.read_text(encoding="utf-8"))


# --- a score --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a named rater put in; what follows from it is computed when it is asked for."""

    model: int
    harm: Values
    likelihood: Values
    position: Values
    confidence: int
    decided_at: datetime
    decided_by: str = ""
    score_id: str = ""

    @property
    def total_harm(self) -> int:
        """Return the weighted sum of harm."""
        return _sum(self.harm, model_of(self.model).harm)

    @property
    def total_likelihood(self) -> int:
        """Return the weighted sum of likelihood."""
        return _sum(self.likelihood, model_of(self.model).likelihood)

    @property
    def risk(self) -> int:
        """Return harm x likelihood."""
        return self.total_harm * self.total_likelihood


def check(score: Score) -> None:
    """Let a score be given under its model, or say what is wrong with it.

    Raises: UnknownModelError, UnknownFactorError, MissingFactorError, ScoreOutOfRangeError.
    """
    model = model_of(score.model)
    _check_part("harm", score.harm, tuple(model.harm), model)
    _check_part("likelihood", score.likelihood, tuple(model.likelihood), model)
    _check_part("organisational position", score.position, model.position, model)
    if not 0 <= score.confidence <= model.confidence_max:
        raise ScoreOutOfRangeError(f"confidence is a whole number from 0 to {model.confidence_max}")


def _check_part(part: str, values: Values, factors: tuple[Factor, ...], model: Model) -> None:
    if unknown := values.keys() - set(factors):
        raise UnknownFactorError(
            f"{part}: {', '.join(sorted(unknown))} is no factor of it; there are"
            f" {', '.join(factors)}"
        )
    if missing := set(factors) - values.keys():
        raise MissingFactorError(f"{part}: {', '.join(sorted(missing))} has no value; 0 is none")
    for factor, value in values.items():
        if not 0 <= value <= model.value_max:
            raise ScoreOutOfRangeError(f"{factor} is a whole number from 0 to {model.value_max}")


def _sum(values: Values, weights: Mapping[Factor, int]) -> int:
    return sum(weights[factor] * value for factor, value in values.items())


# --- OCGs over time -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Life:
    """One OCG over time: when its status changed and what it was scored, by time of decision."""

    ocg_id: str
    reference: str
    statuses: tuple[tuple[datetime, OcgStatus], ...]
    scores: tuple[Score, ...]

    def status_at(self, at: datetime) -> OcgStatus | None:
        """Return the status at an instant; None before it was mapped."""
        return next((status for since, status in reversed(self.statuses) if since <= at), None)

    def score_at(self, at: datetime) -> Score | None:
        """Return the score that stood at an instant; None if nobody had scored it."""
        return next((score for score in reversed(self.scores) if score.decided_at <= at), None)

    def counted_at(self, at: datetime) -> Score | None:
        """Return the score that counts into the total: that of a mapped OCG."""
        return self.score_at(at) if self.status_at(at) is OcgStatus.MAPPED else None


@dataclass(frozen=True, slots=True)
class Totals:
    """Mapped OCGs and their total risk at an instant; `unscored` of them nobody has scored."""

    at: datetime
    mapped: int
    unscored: int
    risk: int


def totals(lives: Iterable[Life], at: datetime) -> Totals:
    """Count mapped OCGs and add up their risk, as the source reports them.

    By the time at which people decided, which stands in the events: the same in every replay.
    """
    scores = [life.score_at(at) for life in lives if life.status_at(at) is OcgStatus.MAPPED]
    known = [score.risk for score in scores if score is not None]
    return Totals(at, len(scores), len(scores) - len(known), sum(known))


def percent(before: float, after: float) -> float | None:
    """Return the change in per cent, to one decimal; None if there was nothing before."""
    return None if before == 0 else round((after - before) / before * 100, 1)


# --- change explained -----------------------------------------------------------------------


class Moved(StrEnum):
    """Why an OCG counts differently into the total at the end than at the start."""

    RATED_ANEW = "RATED_ANEW"
    FIRST_RATED = "FIRST_RATED"
    MAPPED_SINCE = "MAPPED_SINCE"
    REACTIVATED = "REACTIVATED"
    ARCHIVED = "ARCHIVED"
    ABSORBED = "ABSORBED"
    UNCHANGED = "UNCHANGED"


@dataclass(frozen=True, slots=True)
class Executed:
    """A disruption that was executed: set beside a change, never said to be its cause."""

    disruption_id: str
    ocg_id: str
    executed_on: date
    lever: Lever
    impact: Impact | None


@dataclass(frozen=True, slots=True)
class OcgChange:
    """What one OCG adds to the change: `whole` where it came or went, else by `factors`."""

    ocg_id: str
    reference: str
    moved: Moved
    before: int
    after: int
    whole: Fraction
    factors: Mapping[Factor, Fraction]
    position: Mapping[Factor, tuple[int | None, int | None]]
    confidence: tuple[int | None, int | None]
    disruptions: tuple[Executed, ...] = ()

    @property
    def change(self) -> int:
        """Return by how much the total changed with it."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Explanation:
    """The change of the total between two instants; the parts add up to it exactly."""

    start: Totals
    end: Totals
    ocgs: tuple[OcgChange, ...]
    factors: Mapping[Factor, Fraction] = field(default_factory=dict)

    @property
    def change(self) -> int:
        """Return by how much the total risk changed."""
        return self.end.risk - self.start.risk


def explain(
    lives: Iterable[Life], start: datetime, end: datetime, executed: Iterable[Executed] = ()
) -> Explanation:
    """Say which OCG and which factor moved the total between two instants.

    Raises: InvalidInputError if the end lies before the start.
    """
    if end < start:
        raise InvalidInputError("the end lies before the start")
    every = sorted(lives, key=lambda life: life.reference)
    between = [one for one in executed if london_day(start) <= one.executed_on <= london_day(end)]
    changes = tuple(
        _change(life, start, end, tuple(one for one in between if one.ocg_id == life.ocg_id))
        for life in every
        if life.status_at(end) is not None
    )
    factors: dict[Factor, Fraction] = {}
    for one in changes:
        for factor, moved in one.factors.items():
            factors[factor] = factors.get(factor, Fraction()) + moved
    return Explanation(totals(every, start), totals(every, end), changes, factors)


def shares(before: Score, after: Score) -> Mapping[Factor, Fraction]:
    """Say by how much each factor moved the risk from one score to another; it adds up exactly.

    The Shapley value: a factor's part, averaged over every order in which the factors could have
    moved. Risk is a product of two sums, so for a factor of harm it is its own weighted change
    times the mean of likelihood before and after, and the other way round.
    """
    old, new = model_of(before.model), model_of(after.model)
    mean_harm = Fraction(before.total_harm + after.total_harm, 2)
    mean_likelihood = Fraction(before.total_likelihood + after.total_likelihood, 2)
    harm = _moves((before.harm, old.harm), (after.harm, new.harm), mean_likelihood)
    likelihood = _moves(
        (before.likelihood, old.likelihood), (after.likelihood, new.likelihood), mean_harm
    )
    both = {**harm, **{factor: harm.get(factor, 0) + part for factor, part in likelihood.items()}}
    return {factor: part for factor, part in both.items() if part}


_Weighed: TypeAlias = "tuple[Values, Mapping[Factor, int]]"


def _moves(before: _Weighed, after: _Weighed, other: Fraction) -> dict[Factor, Fraction]:
    moves: dict[Factor, Fraction] = {}
    for (values, weights), sign in ((before, -1), (after, 1)):
        for factor, value in values.items():
            moves[factor] = moves.get(factor, Fraction()) + sign * weights[factor] * value * other
    return moves


def _change(
    life: Life, start: datetime, end: datetime, executed: tuple[Executed, ...]
) -> OcgChange:
    before, after = life.counted_at(start), life.counted_at(end)
    factors = shares(before, after) if before is not None and after is not None else {}
    old, new = (0 if one is None else one.risk for one in (before, after))
    return OcgChange(
        ocg_id=life.ocg_id,
        reference=life.reference,
        moved=_moved(life, start, end),
        before=old,
        after=new,
        whole=Fraction(new - old) - sum(factors.values(), Fraction()),
        factors=factors,
        position=_beside(life, start, end),
        confidence=(_confidence(life.score_at(start)), _confidence(life.score_at(end))),
        disruptions=executed,
    )


def _moved(life: Life, start: datetime, end: datetime) -> Moved:
    was, now = life.status_at(start), life.status_at(end)
    if now is not OcgStatus.MAPPED:
        left = Moved.ABSORBED if now is OcgStatus.ABSORBED else Moved.ARCHIVED
        return left if was in {OcgStatus.MAPPED, None} else Moved.UNCHANGED
    if was is not OcgStatus.MAPPED:
        return Moved.MAPPED_SINCE if was is None else Moved.REACTIVATED
    before, after = life.score_at(start), life.score_at(end)
    if before is after:
        return Moved.UNCHANGED
    return Moved.FIRST_RATED if before is None else Moved.RATED_ANEW


def _beside(
    life: Life, start: datetime, end: datetime
) -> Mapping[Factor, tuple[int | None, int | None]]:
    """Return organisational position before and after: beside the risk, never multiplied in."""
    before, after = life.score_at(start), life.score_at(end)
    known = {*(before.position if before else ()), *(after.position if after else ())}
    return {
        factor: (
            before.position.get(factor) if before else None,
            after.position.get(factor) if after else None,
        )
        for factor in sorted(known)
    }


def _confidence(score: Score | None) -> int | None:
    return None if score is None else score.confidence
