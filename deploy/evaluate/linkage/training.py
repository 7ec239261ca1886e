"""Training weights on a partner's own files: by counting where the truth is known, else by EM.

What is counted is how well fields agree between pairs of one person (m) and
of two (u); no value is kept. u comes from pairs drawn at random, m from the
true pairs, or, without a truth, from candidate pairs by expectation
maximisation: each pair counts by the probability that it is one person, which
the weights give, which the counts give, until nothing moves. Where the files
say nothing of a level, the standard weight stays.

Source: privacy.md section 2; Winkler, Using the EM Algorithm for Weight
Computation in the Fellegi-Sunter Model, 1988.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import combinations
from math import exp, log, log2
from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias

from anonymiser.keyring import new_keys
from anonymiser.linker.blocks import blocks_of
from anonymiser.linker.levels import DIFFERS, LEVELS, levels_of, pattern_of
from anonymiser.linker.match import LinkPolicy, Verdict, compare
from anonymiser.linker.packing import pack, profile
from anonymiser.linker.standard import WEIGHTS
from anonymiser.linker.weights import CENTIBITS, LevelWeight, LinkWeights, fitted
from anonymiser.tokens import Tokeniser
from streams.errors import InvalidInputError
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from anonymiser.linker.packing import Profile
    from deploy.evaluate.linkage.records import Person
    from deploy.evaluate.linkage.truth import Truth

Levels: TypeAlias = tuple[tuple[str, str], ...]
Counts: TypeAlias = "Mapping[tuple[str, str], float]"

RANDOM_PAIRS: Final = 300_000
TRUE_PAIRS_MAX: Final = 300_000
ROUNDS_MAX: Final = 200
RECORDS_MIN: Final = 50
PRECISION_MIN: Final = 0.999
"""Of the pairs that the threshold accepts in training, so many at least are right."""
CERTAINTY: Final = log2(0.99 / 0.01)
"""Bits beyond even odds that the threshold asks for, however well it did in training."""
ASKED_RIGHT_MIN: Final = 0.5
"""A human is not asked where less than every other question is worth it."""
DOUBT_MAX: Final = 4.0
"""Bits below even odds from which on no question is put: less than one chance in sixteen."""
_BLOCK_MAX: Final = 64
_SETTLED: Final = 1e-4
_NATURAL: Final = log(2) / CENTIBITS
_EVIDENCE_MAX: Final = 500.0
_SHARE_MAX: Final = 0.5
_ASK_ALWAYS: Final = -(10**6)


@dataclass(frozen=True, slots=True)
class Trained:
    """Weights and what they were counted on; `same` and `different` are the counts behind them."""

    weights: LinkWeights
    same: Counts
    different: Counts
    records: int
    pairs: float
    by_truth: bool

    def m(self, one: LevelWeight) -> float | None:
        """Return how often the level is found between descriptions of one person.

        None if no two descriptions have the field.
        """
        return _share_of(self.same, one)

    def u(self, one: LevelWeight) -> float | None:
        """Return how often it is found between those of two; None as for `m`."""
        return _share_of(self.different, one)

    @property
    def told(self) -> str:
        """How much was counted and how, in words that tell nothing of anybody."""
        how = "true pairs" if self.by_truth else "expected pairs (EM, no truth)"
        return f"{self.records} records, {self.pairs:.0f} {how}"


def _share_of(counts: Counts, one: LevelWeight) -> float | None:
    total = sum(count for (field, _), count in counts.items() if field == one.field)
    return counts.get((one.field, one.level), 0.0) / total if total else None


def train(
    people: Sequence[Person],
    truth: Truth | None,
    version: int,
    *,
    seed: int = 1,
    random_pairs: int = RANDOM_PAIRS,
) -> Trained:
    """Train on all these people; the same people and seed give the same weights.

    Raises: InvalidInputError if they are too few to tell anything.
    """
    if len(people) < RECORDS_MIN:
        raise InvalidInputError(f"{len(people)} records are too few to train on")
    described = _Described(people, seed)
    different = described.random_levels(random_pairs, truth)
    candidates = described.candidates()
    if truth is None:
        found = _expected(candidates, len(people), different, random_pairs)
    else:
        found = _known(candidates, described, truth, different)
    if found.pairs < 1:
        raise InvalidInputError("no two records are one person: nothing to train on")
    levels = _completed(fitted(found.same, found.different))
    judged = _Judged(described.profiles, candidates, found.right)
    weights = _with_thresholds(levels, version, judged, found.pairs)
    by_truth = truth is not None
    return Trained(weights, found.same, found.different, len(people), found.pairs, by_truth)


@dataclass(frozen=True, slots=True)
class _Found:
    """Of each candidate how probably it is one person, the counts, and how many pairs are true."""

    right: Sequence[float]
    same: Counts
    different: Counts
    pairs: float


def _known(
    candidates: Sequence[Pair], described: _Described, truth: Truth, different: Counts
) -> _Found:
    entity = described.entities(truth)
    right = [float(entity[pair.left] == entity[pair.right]) for pair in candidates]
    true_pairs = described.true_levels(entity)
    same = _counted((levels, 1.0) for levels in true_pairs)
    return _Found(right, same, different, len(true_pairs))


def _expected(candidates: Sequence[Pair], records: int, drawn: Counts, drawn_pairs: int) -> _Found:
    patterns = Counter(pair.levels for pair in candidates)
    mixture = _Mixture(patterns, records * (records - 1) / 2, drawn, drawn_pairs)
    posterior, guess = mixture.settled(records)
    right = [posterior[pair.levels] for pair in candidates]
    return _Found(right, guess.same, guess.different, sum(right))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records by their number, and how they agree."""

    left: int
    right: int
    levels: Levels


class _Described:
    """The records as tokens, and pairs of them."""

    def __init__(self, people: Sequence[Person], seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - a sample, not a key
        tokeniser = Tokeniser(new_keys(self._random.randbytes))
        kind = NodeKind.PERSON
        self._packed = [
            pack(tokeniser.tokens_of(kind, person.spelt), person.sex) for person in people
        ]
        self.profiles = [profile(kind, (packed,)) for packed in self._packed]
        self._people = people

    def entities(self, truth: Truth) -> list[str]:
        """Return the entity of each record; who is not in the truth is a person of its own."""
        return [truth.get(person.record, f"\0{person.record}") for person in self._people]

    def random_levels(self, count: int, truth: Truth | None) -> Counts:
        """Count how pairs of two people agree; without a truth nearly all random pairs are such."""
        numbers = range(len(self._people))
        entity = self.entities(truth or {})
        drawn = ((self._random.choice(numbers), self._random.choice(numbers)) for _ in range(count))
        return _counted(
            (self._levels(left, right), 1.0)
            for left, right in drawn
            if left != right and entity[left] != entity[right]
        )

    def true_levels(self, entity: Sequence[str]) -> list[Levels]:
        """Return how the true pairs agree, or a sample of very many."""
        members: defaultdict[str, list[int]] = defaultdict(list)
        for number, one in enumerate(entity):
            members[one].append(number)
        pairs = [pair for numbers in members.values() for pair in combinations(numbers, 2)]
        if len(pairs) > TRUE_PAIRS_MAX:
            pairs = self._random.sample(pairs, TRUE_PAIRS_MAX)
        return [self._levels(left, right) for left, right in pairs]

    def candidates(self) -> list[Pair]:
        """Return the pairs that the linker would look at, each once."""
        blocks: defaultdict[bytes, list[int]] = defaultdict(list)
        for number, packed in enumerate(self._packed):
            for block in blocks_of(NodeKind.PERSON, packed):
                blocks[block].append(number)
        found = {
            pair
            for numbers in blocks.values()
            if len(numbers) <= _BLOCK_MAX
            for pair in combinations(numbers, 2)
        }
        return [Pair(left, right, self._levels(left, right)) for left, right in sorted(found)]

    def _levels(self, left: int, right: int) -> Levels:
        one, other = self.profiles[left], self.profiles[right]
        return levels_of(pattern_of(one, other, one.chunks & other.chunks))


def _counted(pairs: Iterable[tuple[Levels, float]]) -> Counts:
    patterns: Counter[Levels] = Counter()
    for levels, share in pairs:
        patterns[levels] += share  # type: ignore[assignment]  # shares of pairs are counted too
    counts: defaultdict[tuple[str, str], float] = defaultdict(float)
    for levels, weight in patterns.items():
        for level in levels:
            counts[level] += weight
    return dict(counts)


def _completed(levels: tuple[LevelWeight, ...]) -> tuple[LevelWeight, ...]:
    """Add the standard weight of what was never seen; by field, the best level first."""
    seen = {(one.field, one.level) for one in levels}
    unseen = (one for one in WEIGHTS.levels if (one.field, one.level) not in seen)
    return tuple(sorted((*levels, *unseen), key=_place))


def _place(one: LevelWeight) -> tuple[int, int, str]:
    plain = one.level.partition(",")[0]
    levels = (*LEVELS.get(one.field, ()), DIFFERS, plain)
    fields = (*LEVELS, one.field)
    return fields.index(one.field), levels.index(plain), one.level


# --- without a truth -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Guess:
    """What one round of EM holds: how the true pairs agree, how the others, and their share."""

    same: Counts
    different: Counts
    share: float

    def posterior(self, patterns: Iterable[Levels]) -> dict[Levels, float]:
        """Return the probability that a pair that agrees so is one person."""
        odds = log(self.share / (1 - self.share))
        table = {
            (one.field, one.level): one.centibits * _NATURAL
            for one in fitted(self.same, self.different)
        }
        return {levels: _chance(levels, table, odds) for levels in patterns}


@dataclass(frozen=True, slots=True)
class _Mixture:
    """All pairs of records as a mixture of true ones and others.

    Pairs that are no candidates are taken for two people. `drawn` counts how
    `drawn_pairs` random pairs agree; the few true ones among them are taken off.
    """

    patterns: Mapping[Levels, int]
    all_pairs: float
    drawn: Counts
    drawn_pairs: int

    def settled(self, records: int) -> tuple[dict[Levels, float], _Guess]:
        """Start from standard weights and one true pair for every other record, till it settles."""
        odds = log(self.all_pairs / records * 2)
        table = {level: centibits * _NATURAL for level, centibits in WEIGHTS.table.items()}
        posterior = {levels: _chance(levels, table, -odds) for levels in self.patterns}
        guess = self._guess(posterior)
        for _ in range(ROUNDS_MAX):
            renewed = guess.posterior(self.patterns)
            moved = max(abs(renewed[levels] - posterior[levels]) for levels in renewed)
            posterior, guess = renewed, self._guess(renewed)
            if moved < _SETTLED:
                break
        return posterior, guess

    def _guess(self, posterior: Mapping[Levels, float]) -> _Guess:
        right = {levels: count * posterior[levels] for levels, count in self.patterns.items()}
        same = _counted(right.items())
        true_drawn = self.drawn_pairs / self.all_pairs
        different = {
            level: max(count - true_drawn * same.get(level, 0.0), 0.0)
            for level, count in self.drawn.items()
        }
        share = min(max(sum(right.values()), 1.0) / self.all_pairs, _SHARE_MAX)
        return _Guess(same, different, share)


def _chance(levels: Levels, table: Mapping[tuple[str, str], float], odds: float) -> float:
    evidence = odds + sum(table.get(level, 0.0) for level in levels)
    return 1 / (1 + exp(-max(-_EVIDENCE_MAX, min(_EVIDENCE_MAX, evidence))))


# --- thresholds ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Judged:
    """Candidate pairs, and of each how probably it is one person."""

    profiles: Sequence[Profile]
    candidates: Sequence[Pair]
    right: Sequence[float]

    def by(self, weights: LinkWeights) -> Iterator[tuple[Verdict, int, float]]:
        """Yield what may be accepted or asked at all, with its score."""
        policy, persons = LinkPolicy(weights=weights), weights.population
        for pair, share in zip(self.candidates, self.right, strict=True):
            left, right = self.profiles[pair.left], self.profiles[pair.right]
            found = compare(left, right, policy, persons=persons)
            if found.verdict in (Verdict.AGREEMENT, Verdict.POSSIBLE):
                yield found.verdict, found.score, share


def _with_thresholds(
    levels: tuple[LevelWeight, ...], version: int, judged: _Judged, pairs: float
) -> LinkWeights:
    """Set the thresholds where accepted pairs are right and questions are worth asking."""
    records = len(judged.profiles)
    all_pairs = records * (records - 1) / 2
    even = CENTIBITS * log2(max(all_pairs / pairs, 2.0))
    bare = replace(
        WEIGHTS,
        version=version,
        levels=levels,
        threshold=_ASK_ALWAYS,
        review_threshold=_ASK_ALWAYS,
        population=max(records, WEIGHTS.population_min),
    )
    found = list(judged.by(bare))
    accepted = [(score, share) for verdict, score, share in found if verdict is Verdict.AGREEMENT]
    threshold = max(_lowest(accepted, PRECISION_MIN), round(even + CENTIBITS * CERTAINTY))
    asked = [
        (score, share)
        for verdict, score, share in found
        if verdict is Verdict.POSSIBLE or score < threshold
    ]
    worth_asking = max(_lowest(asked, ASKED_RIGHT_MIN), round(even - CENTIBITS * DOUBT_MAX))
    review = min(worth_asking, threshold)
    return replace(bare, threshold=threshold, review_threshold=review)


def _lowest(scored: Sequence[tuple[int, float]], precision: float) -> int:
    """Return the lowest score from which on at least this share is right."""
    best = max((score for score, _ in scored), default=0) + 1
    right, found = 0.0, 0
    by_score: defaultdict[int, list[float]] = defaultdict(list)
    for score, share in scored:
        by_score[score].append(share)
    for score in sorted(by_score, reverse=True):
        right += sum(by_score[score])
        found += len(by_score[score])
        if right / found >= precision:
            best = score
    return best


# --- halves --------------------------------------------------------------------------------------


def half_of(entity: str) -> int:
    """Return 0 or 1: the last digit of an entity's name, or its letters, even or odd.

    All records of a person lie in one half.
    """
    last = entity[-1:]
    return int(last) % 2 if last.isdigit() and last.isascii() else sum(entity.encode()) % 2


def in_half(people: Iterable[Person], truth: Truth, half: int) -> list[Person]:
    """Return the people of one half; who is not in the truth goes by the record's own name."""
    return [person for person in people if half_of(truth.get(person.record, person.record)) == half]
