"""Weights of linking as files and in the register: a version for everybody, decided by somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from anonymiser.linker.levels import DIFFERS, LEVELS
from anonymiser.linker.standard import WEIGHTS
from anonymiser.linker.weights import WEIGHT_MAX
from anonymiser.linker.weights import published as weights_of
from deploy.registry import TEXT_CHARS_MAX, read_registry, write
from streams.errors import InvalidInputError, RivelinError
from streams.json_form import MalformedInputError, from_json, parse
from streams.shared import LinkWeightsPublished, PublishedWeight

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anonymiser.linker.weights import LinkWeights
    from deploy.settings import Settings

UNPUBLISHED: Final = 0
_WEIGHT_MAX: Final = 2 * WEIGHT_MAX
THRESHOLD_MAX: Final = 10_000
"""A hundred bits: more evidence than there are people."""


class VersionTakenError(RivelinError):
    """Somebody published at the same moment; look at `rivelin weights list` and publish again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """What `rivelin weights train --out` writes and `publish` reads; evidence in centibits."""

    weights: tuple[PublishedWeight, ...]
    threshold_centibits: int
    review_threshold_centibits: int
    population: int
    trained_on: str

    @classmethod
    def of(cls, weights: LinkWeights, trained_on: str) -> WeightsFile:
        """Return weights as a file holds them."""
        return cls(
            weights=tuple(
                PublishedWeight(field=one.field, level=one.level, centibits=one.centibits)
                for one in weights.levels
            ),
            threshold_centibits=weights.threshold,
            review_threshold_centibits=weights.review_threshold,
            population=weights.population,
            trained_on=trained_on,
        )

    def for_trial(self) -> LinkWeights:
        """Return the weights as linking uses them, as version 0: they are not published."""
        return weights_of(self.event(UNPUBLISHED, "nobody", datetime.min.replace(tzinfo=UTC)))

    def event(self, version: int, by: str, at: datetime) -> LinkWeightsPublished:
        """Return what publishing these writes."""
        return LinkWeightsPublished(
            version=version,
            weights=self.weights,
            threshold_centibits=self.threshold_centibits,
            review_threshold_centibits=self.review_threshold_centibits,
            population=self.population,
            trained_on=self.trained_on,
            decided_by=by,
            decided_at=at,
        )


def read_weights_file(path: Path) -> WeightsFile:
    """Read and check a file of weights.

    Raises: InvalidInputError naming what does not hold.
    """
    try:
        file = from_json(WeightsFile, parse(path.read_bytes()))
    except MalformedInputError as error:
        raise InvalidInputError(f"{path.name}: {error}") from None
    problem = next(_problems(file), None)
    if problem is not None:
        raise InvalidInputError(f"{path.name}: {problem}")
    return file


def _problems(file: WeightsFile) -> Iterator[str]:
    named = [(one.field, one.level) for one in file.weights]
    if unknown := [one for one in named if not _is_level(*one)]:
        yield f"there is no level {unknown[0][1]!r} of {unknown[0][0]!r}"
    if len(set(named)) < len(named):
        yield "a level stands twice"
    if missing := sorted({(one.field, one.level) for one in WEIGHTS.levels} - set(named)):
        yield f"the level {missing[0][1]!r} of {missing[0][0]!r} has no weight"
    if any(abs(one.centibits) > _WEIGHT_MAX for one in file.weights):
        yield f"a weight is beyond {_WEIGHT_MAX} centibits"
    if not 0 < file.threshold_centibits <= THRESHOLD_MAX:
        yield f"threshold_centibits lies between 1 and {THRESHOLD_MAX}"
    if file.review_threshold_centibits > file.threshold_centibits:
        yield "review_threshold_centibits is at most threshold_centibits"
    if file.population < 1:
        yield "population is at least 1"
    if not file.trained_on.strip() or len(file.trained_on) > TEXT_CHARS_MAX:
        yield f"trained_on has 1 to {TEXT_CHARS_MAX} characters"


def _is_level(field: str, level: str) -> bool:
    """A level may say more behind a comma: "near, other name"."""
    plain = level.partition(",")[0]
    is_known = field in LEVELS and plain in (*LEVELS[field], DIFFERS)
    return is_known or (field, level) in WEIGHTS.table


async def published(settings: Settings) -> tuple[LinkWeightsPublished, ...]:
    """Return every version in the register, in order.

    Raises: BrokerUnreachableError, MissingTopicError if the system was never started.
    """
    return (await read_registry(settings)).weight_versions()


async def publish(
    settings: Settings, file: WeightsFile, by: str, at: datetime
) -> LinkWeightsPublished:
    """Write the next version; the linker weighs new reports by it from when it reads it.

    Raises: BrokerUnreachableError, VersionTakenError.
    """
    versions = [WEIGHTS.version, *(one.version for one in await published(settings))]
    event = file.event(max(versions) + 1, by, at)
    await write(settings, (event,))
    if event not in await published(settings):
        raise VersionTakenError(f"version {event.version} was published by somebody else just now")
    return event
