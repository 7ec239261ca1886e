"""The intruder who holds most of the network: who is tied to whom, and how.

He has seven in ten of the true ties, knows the sex of everybody in them and
who is a child, and the nominals whom the acquaintance knows too. He lays his
network over that of the view: first people whose surroundings are alike as
nobody else's are, then from neighbour to neighbour (Narayanan and Shmatikov,
De-anonymizing social networks, 2009), taking back nothing.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from deploy.evaluate.intruder.views import HOME
from streams.taxonomy import RELATIONS, RelationKind
from streams.values import NodeKind

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from deploy.evaluate.intruder.stories import Told
    from deploy.evaluate.intruder.views import Profile, View
    from producers.town.city import City, Resident

    Compatible = Callable[[UUID, int], bool]

KNOWN_TIES: Final = 0.7
#: A best match must stand out from the second by so many standard deviations.
_ECCENTRICITY: Final = 0.5
_ROUNDS_MAX: Final = 12
#: With fewer ties than this, surroundings are like those of very many others.
_SEED_TIES: Final = 4

Label: TypeAlias = tuple[str, bool]
N = TypeVar("N")
Surroundings: TypeAlias = Counter[tuple[Label, int]]
Around: TypeAlias = "Mapping[N, set[tuple[Label, N]]]"


@dataclass(slots=True)
class Graph(Generic[N]):
    """Labelled ties: kind, and whether it runs from here."""

    around: defaultdict[N, set[tuple[Label, N]]] = field(default_factory=lambda: defaultdict(set))

    def tie(self, one: N, kind: str, other: N) -> None:
        """Add a tie; one without direction looks the same from both ends."""
        symmetric = not isinstance(kind, RelationKind) or RELATIONS[kind].symmetric
        self.around[one].add(((str(kind), True), other))
        self.around[other].add(((str(kind), symmetric), one))


def seen_graph(view: View) -> Graph[UUID]:
    """Return who is tied to whom in a view; what shares a thing is tied by its kind."""
    graph: Graph[UUID] = Graph()
    for name, profile in view.profiles.items():
        if profile.kind is NodeKind.PERSON:
            for kind, is_from, other in profile.ties:
                if is_from and view.profiles[other].kind is NodeKind.PERSON:
                    graph.tie(name, kind, other)
        else:
            _tie_all(graph, profile)
    return graph


def _tie_all(graph: Graph[UUID], thing: Profile) -> None:
    users = sorted({other for _, _, other in thing.ties})
    kind = "same door" if any(kind in HOME for kind, _, _ in thing.ties) else "same thing"
    for at, one in enumerate(users):
        for other in users[at + 1 :]:
            graph.tie(one, kind, other)


def known_graph(told: Told, dice: random.Random) -> Graph[int]:
    """Return the part of the true network that the intruder holds, by resident."""
    graph: Graph[int] = Graph()
    for one, kind, other in sorted(_true_ties(told)):
        if dice.random() < KNOWN_TIES:
            graph.tie(one, kind, other)
    return graph


def _true_ties(told: Told) -> set[tuple[int, str, int]]:
    ties: set[tuple[int, str, int]] = set()
    for scene in told.scenes:
        person = {part.key: told.who[part.person] for part in scene.cast}
        doors: defaultdict[str, list[int]] = defaultdict(list)
        for claim in scene.claims:
            if claim.object in person:
                ties.add((person[claim.subject], claim.kind, person[claim.object]))
            else:
                doors[claim.object].append(person[claim.subject])
        for users in doors.values():
            ordered = sorted(users)
            ties |= {
                (one, "same door", other)
                for at, one in enumerate(ordered)
                for other in ordered[at + 1 :]
            }
    return ties


def network_claims(
    city: City, view: View, told: Told, anchors: Mapping[UUID, int], dice: random.Random
) -> dict[UUID, int]:
    """Lay the known network over the one that the view shows; claim whatever falls together."""
    seen, known = seen_graph(view), known_graph(told, dice)
    fit = _Fit(city, view)
    matched = _Matching(seen, known, fit.could_be)
    for name, number in anchors.items():
        matched.join(name, number)
    matched.seed()
    matched.spread()
    return {name: number for name, number in matched.number.items() if name not in anchors}


class _Fit:
    """Whether an id of the view can be a resident, by sex and by being a child or not."""

    def __init__(self, city: City, view: View) -> None:
        self._residents = city.residents
        self._profiles = view.profiles
        today = city.as_of.toordinal()
        self._grown = today - int(18 * 365.2425)
        self._long_grown = today - int(21 * 365.2425)

    def could_be(self, name: UUID, number: int) -> bool:
        profile, resident = self._profiles[name], self._residents[number]
        if profile.sex is not None and profile.sex is not resident.sex:
            return False
        return self._is_of_age(profile, resident)

    def _is_of_age(self, profile: Profile, resident: Resident) -> bool:
        """The reports go back three years: who was a child then may be grown by now."""
        if resident.born <= self._long_grown:
            return profile.after < self._long_grown
        return resident.born <= self._grown or profile.until > self._grown


class _Matching:
    """Pairs found so far, and what they say about those around them."""

    def __init__(self, seen: Graph[UUID], known: Graph[int], could_be: Compatible) -> None:
        self._seen = seen.around
        self._at = {name: at for at, name in enumerate(seen.around)}
        self._known = known.around
        self._could_be = could_be
        self.number: dict[UUID, int] = {}
        self._name: dict[int, UUID] = {}

    def join(self, name: UUID, number: int) -> None:
        """Hold two for the same person."""
        self.number[name] = number
        self._name[number] = name

    def seed(self) -> None:
        """Join those of many ties whose surroundings are alike as nobody else's are."""
        numbers = {one: _surroundings(self._known, one) for one in _large(self._known)}
        best: dict[int, list[UUID]] = defaultdict(list)
        for name in _large(self._seen):
            number = None if name in self.number else self._most_alike(name, numbers)
            if number is not None:
                best[number].append(name)
        for number, claimed in best.items():
            if len(claimed) == 1:
                self.join(claimed[0], number)

    def _most_alike(self, name: UUID, numbers: Mapping[int, Surroundings]) -> int | None:
        around = _surroundings(self._seen, name)
        free = (n for n in numbers if n not in self._name and self._could_be(name, n))
        return standing_out({number: _likeness(around, numbers[number]) for number in free})

    def spread(self) -> None:
        """Go from those joined to their neighbours until nothing more is found."""
        for _ in range(_ROUNDS_MAX):
            found = [
                (name, number) for name in self._near() if (number := self._match(name)) is not None
            ]
            claimed = Counter(number for _, number in found)
            fresh = [(name, number) for name, number in found if claimed[number] == 1]
            for name, number in fresh:
                self.join(name, number)
            if not fresh:
                return

    def _near(self) -> dict[UUID, None]:
        """Return the neighbours of those joined, in the order in which they were."""
        return {
            other: None
            for name in self.number
            for _, other in sorted(self._seen.get(name, ()), key=self._place)
            if other not in self.number
        }

    def _place(self, tie: tuple[Label, UUID]) -> int:
        return self._at[tie[1]]

    def _match(self, name: UUID) -> int | None:
        """Return the resident who shares the most joined neighbours, if one stands out."""
        scores: defaultdict[int, float] = defaultdict(float)
        for label, other in self._seen[name]:
            number = self.number.get(other)
            for mirrored, candidate in self._known.get(number, ()) if number is not None else ():
                if candidate in self._name or not self._could_be(name, candidate):
                    continue
                if self._mirrors(label, mirrored):
                    scores[candidate] += 1 / math.sqrt(len(self._known[candidate]))
        return standing_out(scores)

    @staticmethod
    def _mirrors(label: Label, mirrored: Label) -> bool:
        """A tie seen from one end and the same from the other; without direction both are true."""
        return label[0] == mirrored[0] and (label[1] != mirrored[1] or (label[1] and mirrored[1]))


def _large(graph: Around[N]) -> list[N]:
    return [one for one, ties in graph.items() if len(ties) >= _SEED_TIES]


def _surroundings(graph: Around[N], one: N) -> Surroundings:
    """Return the kinds of ties, each with how well tied (in powers of two) its other end is."""
    return Counter((label, len(graph[other]).bit_length()) for label, other in graph[one])


def standing_out(scores: Mapping[N, float]) -> N | None:
    """Return the best, if it stands out from the second by enough of the scores' deviation."""
    ordered = sorted(scores.items(), key=lambda one: -one[1])
    if not ordered or ordered[0][1] <= 0:
        return None
    if len(ordered) == 1:
        return ordered[0][0]
    values = [score for _, score in ordered]
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in values) / len(values))
    if deviation == 0 or (values[0] - values[1]) / deviation < _ECCENTRICITY:
        return None
    return ordered[0][0]


def _likeness(one: Surroundings, other: Surroundings) -> float:
    shared = sum((one & other).values())
    return shared / math.sqrt(one.total() * other.total())
