"""Paths from a child to what puts it at risk: the reason of an alert, tie by tie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from streams.shared import PathStep
from streams.taxonomy import RELATIONS, Bond, RelationKind
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from consumers.network.fold import NetworkFold
    from consumers.network.ties import Tie

STEP_REPORTS_MAX: Final = 50
"""How many reports a step names (the first by id), so that an alert stays of bounded size."""

#: The subject of these has the care of the object; sharing one makes siblings.
#: A foster carer, an address, a surname, a school, a hostel never does.
PARENTAL: Final = frozenset({RelationKind.PARENT, RelationKind.KINSHIP_CARER})
_LINE_KINDS: Final = (RelationKind.USES_LINE, RelationKind.RUNS_LINE)


@dataclass(frozen=True, slots=True)
class Step:
    """One tie on a path, told as it stands (subject first), or away from the child if symmetric."""

    from_id: str
    kind: RelationKind
    to_id: str
    report_ids: tuple[str, ...]

    def as_event(self) -> PathStep:
        """Return the step as an alert carries it."""
        return PathStep(
            from_id=UUID(self.from_id),
            kind=self.kind,
            to_id=UUID(self.to_id),
            report_ids=tuple(UUID(report_id) for report_id in self.report_ids),
        )


Path = tuple[Step, ...]


def order_of(path: Path) -> tuple[int, tuple[tuple[str, str, str], ...]]:
    """Return what paths are chosen by: the shortest, then the smallest ids."""
    return len(path), tuple((step.from_id, step.to_id, step.kind.value) for step in path)


class Paths:
    """Looks for paths in a network fold; lives for one event, since it remembers what it found.

    `involved` are the ways from children to (suspected) nominals, where they are known already.
    """

    def __init__(self, fold: NetworkFold, involved: Mapping[str, Path] | None = None) -> None:
        self._fold = fold
        self._involved = involved
        self._hubs: dict[str, tuple[str, ...]] = {}
        self._known: dict[str, Path | None] = {}

    def to_nominal(self, child: str) -> Path | None:
        """Return how a child is tied to a (suspected) nominal other than itself.

        Directly, or through one phone line or organisation.
        """
        if child not in self._known:
            self._known[child] = self._directly(child) or self._through_hub(child)
        return self._known[child]

    def through_sibling(self, child: str) -> Path | None:
        """Return the shortest path from a child over a sibling to a (suspected) nominal."""
        return self._through(self.siblings(child))

    def through_friend(self, child: str) -> Path | None:
        """Return the shortest path from a child over a friend to a (suspected) nominal."""
        return self._through(self.friends(child))

    def through_household(self, child: str, *, beyond_siblings: bool) -> Path | None:
        """Return the shortest path over who has the care of a child by asserted kin ties.

        To a parent or kinship carer who is involved, or to somebody involved whom the same carer
        raises; with `beyond_siblings` only where the shared carer has not made siblings of them,
        since the rule of siblings says that.
        """
        ways: dict[str, Path] = {
            other: (step,) for other, step in self._steps(child, _is_cared_for_by(child))
        }
        if not beyond_siblings:
            ways = {**self._raised_with(child), **ways}
        return self._through(ways)

    def places(self, child: str) -> Path | None:
        """Return why an address at which a child lives, or is cuckooed, is a cuckooed one."""
        own = [(step,) for _, step in self._steps(child, _says(child, RelationKind.CUCKOOED_AT))]
        homes = self._steps(child, _says(child, RelationKind.LIVES_AT))
        found = [
            (step, onward)
            for home, step in homes
            for other, onward in self._steps(home, _is_of(RelationKind.CUCKOOED_AT))
            if other not in {child, home} and onward.to_id == home
        ]
        return min([*own, *found], key=order_of, default=None)

    def lines(self, child: str, minimum_origins: int) -> Path | None:
        """Return which deal line a child runs or uses, or who exploits it and runs one."""
        return min(self._lines(child, minimum_origins), key=order_of, default=None)

    def _lines(self, child: str, minimum: int) -> Iterator[Path]:
        for _, step in self._steps(child, _says(child, *_LINE_KINDS, minimum=minimum)):
            yield (step,)
        for other, step in self._steps(child, _is_exploited(child, minimum)):
            runs = _says(other, RelationKind.RUNS_LINE, minimum=minimum)
            for _, onward in self._steps(other, runs):
                yield (step, onward)

    def exploitation(self, person: str) -> Path | None:
        """Return where a person is cuckooed or by whom exploited."""
        fits = (_says(person, RelationKind.CUCKOOED_AT), _is_exploited(person, 1))
        found = [(step,) for one in fits for _, step in self._steps(person, one)]
        return min(found, key=order_of, default=None)

    def adult_associate(self, child: str) -> Path | None:
        """Return the first tie of a child to an adult whom it is said to associate with."""
        found = [
            (step,)
            for other, step in self._steps(child, _is_of(RelationKind.ASSOCIATE))
            if self.is_adult(other)
        ]
        return min(found, key=order_of, default=None)

    def _raised_with(self, child: str) -> Mapping[str, Path]:
        found: dict[str, list[Path]] = {}
        for carer, step in self._steps(child, _is_cared_for_by(child)):
            for other, onward in self._steps(carer, _is_carer(carer)):
                if other != child:
                    found.setdefault(other, []).append((step, onward))
        return {other: min(ways, key=order_of) for other, ways in found.items()}

    def involvement(self, person: str) -> Path | None:
        """Return why a person is involved: empty for a (suspected) nominal, a child's own path."""
        if self.is_of_concern(person):
            return ()
        return self._involvement_of_child(person) if self.is_child(person) else None

    def _involvement_of_child(self, child: str) -> Path | None:
        return self.to_nominal(child) if self._involved is None else self._involved.get(child)

    def siblings(self, child: str) -> Mapping[str, Path]:
        """Return the siblings of a child and the way to each; an asserted tie is the shorter."""
        found: dict[str, list[Path]] = {}
        for other, step in self._steps(child, _is_of(RelationKind.SIBLING)):
            found.setdefault(other, []).append((step,))
        for other, way in self._raised_with(child).items():
            found.setdefault(other, []).append(way)
        return {other: min(ways, key=order_of) for other, ways in found.items()}

    def friends(self, child: str) -> Mapping[str, Path]:
        """Return the friends of a child and the way to each."""
        return {other: (step,) for other, step in self._steps(child, _is_friend)}

    def is_child(self, person: str) -> bool:
        """Tell whether a person counts as a child."""
        standing = self._fold.standing(person)
        return standing is not None and standing.is_child

    def is_adult(self, person: str) -> bool:
        """Tell whether a live report mentions a person who does not count as a child."""
        standing = self._fold.standing(person)
        return standing is not None and standing.kind is NodeKind.PERSON and not standing.is_child

    def is_of_concern(self, person: str) -> bool:
        """Tell whether a person is a nominal or a suspected one."""
        standing = self._fold.standing(person)
        return standing is not None and standing.is_of_concern

    def _is_person(self, entity: str) -> bool:
        standing = self._fold.standing(entity)
        return standing is not None and standing.kind is NodeKind.PERSON

    def _directly(self, child: str) -> Path | None:
        found = (near for near in self._fold.links(child) if self.is_of_concern(near))
        nominal = min(found, default=None)
        return None if nominal is None else (self._network_step(child, nominal),)

    def _through_hub(self, child: str) -> Path | None:
        hubs = (near for near in self._fold.links(child) if not self._is_person(near))
        found = ((hub, self._nominal_at(hub, child)) for hub in hubs)
        through = min(((hub, nominal) for hub, nominal in found if nominal), default=None)
        if through is None:
            return None
        hub, nominal = through
        return (self._network_step(child, hub), self._network_step(hub, nominal))

    def _through(self, ways: Mapping[str, Path]) -> Path | None:
        found: list[Path] = []
        for other, way in ways.items():
            onward = self.involvement(other)
            if onward is not None:
                found.append(way + onward)
        return min(found, key=order_of, default=None)

    def _nominal_at(self, hub: str, child: str) -> str | None:
        """Return the smallest (suspected) nominal at a hub who is not the child itself."""
        return next((nominal for nominal in self._nominals_at(hub) if nominal != child), None)

    def _nominals_at(self, hub: str) -> tuple[str, ...]:
        if hub not in self._hubs:
            found = sorted(near for near in self._fold.links(hub) if self.is_of_concern(near))
            self._hubs[hub] = tuple(found[:2])  # if one is the child, the other is left
        return self._hubs[hub]

    def _network_step(self, here: str, there: str) -> Step:
        return min(
            (step for step in self._ties(here, there, lambda tie: bool(tie.network_origins))),
            key=lambda step: (step.kind.value, step.from_id),
        )

    def _steps(self, here: str, fits: Callable[[Tie], bool]) -> Iterator[tuple[str, Step]]:
        """Yield the other ends of ties that fit, one step each (the first kind by name)."""
        for other, pair in self._fold.near(here).items():
            found = [tie for tie in pair.ties if fits(tie) and tie.stands]
            if found:
                yield other, _step(min(found, key=lambda tie: tie.kind.value), here)

    def _ties(self, here: str, there: str, fits: Callable[[Tie], bool]) -> Iterator[Step]:
        pair = self._fold.pair(here, there)
        for tie in pair.ties if pair else ():
            if tie.stands and fits(tie):
                yield _step(tie, here)


def _step(tie: Tie, here: str) -> Step:
    from_id, to_id = tie.subject_id, tie.object_id
    if RELATIONS[tie.kind].symmetric and to_id == here:
        from_id, to_id = to_id, from_id
    return Step(from_id, tie.kind, to_id, tuple(tie.evidence[:STEP_REPORTS_MAX]))


def _is_of(kind: RelationKind) -> Callable[[Tie], bool]:
    return lambda tie: tie.kind is kind


def _says(subject: str, *kinds: RelationKind, minimum: int = 1) -> Callable[[Tie], bool]:
    """Tell of ties of these kinds that begin at an entity and have so many distinct origins."""
    return lambda tie: (
        tie.kind in kinds and tie.subject_id == subject and tie.origins.distinct >= minimum
    )


def _is_exploited(person: str, minimum: int) -> Callable[[Tie], bool]:
    return lambda tie: (
        tie.kind is RelationKind.EXPLOITS
        and tie.object_id == person
        and tie.origins.distinct >= minimum
    )


def _is_friend(tie: Tie) -> bool:
    return RELATIONS[tie.kind].bond is Bond.FRIEND


def _is_cared_for_by(child: str) -> Callable[[Tie], bool]:
    return lambda tie: tie.kind in PARENTAL and tie.object_id == child


def _is_carer(carer: str) -> Callable[[Tie], bool]:
    return lambda tie: tie.kind in PARENTAL and tie.subject_id == carer
