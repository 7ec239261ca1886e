"""By which submission the reason of an alert is complete: from there on the time to it counts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from producers.town.truth import exposures_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from producers.town.reports import Submission
    from producers.town.town import Town
    from producers.town.truth import Exposure, Truth


def completed_by(town: Town, truth: Truth) -> Mapping[Exposure, int]:
    """Return for each exposure the place of the first submission after which it holds.

    Found by taking in one submission after the other, among those that have somebody or
    something in common; a school, which many attend, joins nobody.
    """
    wanted: defaultdict[int, set[Exposure]] = defaultdict(set)
    for exposure in truth.exposures:
        wanted[exposure.child].add(exposure)
    found: dict[Exposure, int] = {}
    for places in _together(town.submissions):
        children = {n for place in places for _, n in town.submissions[place].who} & wanted.keys()
        due = {one for child in children for one in wanted[child]}
        if due:
            found.update(_swept(town, truth, places, due))
    return found


def _swept(
    town: Town, truth: Truth, places: Sequence[int], due: set[Exposure]
) -> Iterator[tuple[Exposure, int]]:
    for count, place in enumerate(places, start=1):
        told = places[:count]
        steps = [town.submissions[one] for one in told]
        now = exposures_of(town, steps, [truth.outcomes[one] for one in told])
        for exposure in due & now:
            due.discard(exposure)
            yield exposure, place
        if not due:
            return


def _together(steps: Sequence[Submission]) -> Iterator[list[int]]:
    """Yield the places of submissions that hang together, in their order."""
    leader: dict[str, str] = {}

    def root(key: str) -> str:
        while (above := leader.setdefault(key, key)) != key:
            leader[key] = leader[above]
            key = leader[key]
        return key

    for step in steps:
        first, *rest = _keys(step)
        for key in rest:
            leader[root(key)] = root(first)
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for place, step in enumerate(steps):
        groups[root(_keys(step)[0])].append(place)
    yield from groups.values()


def _keys(step: Submission) -> list[str]:
    people = [f"person {number}" for _, number in step.who]
    return people + [key for _, key in step.what if not key.startswith("school ")]
