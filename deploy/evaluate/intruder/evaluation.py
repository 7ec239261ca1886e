"""`rivelin evaluate intruder`: a city's reports through the real stages, and who is recognised."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from anonymiser.gate.audience import AudienceIds
from anonymiser.gate.cells import K
from anonymiser.keyring import new_keys
from deploy.demo.findings import Resolved
from deploy.evaluate.intruder.acquaintance import anchored_claims, known_nominals
from deploy.evaluate.intruder.network import network_claims
from deploy.evaluate.intruder.register import GUESSES, Register, family_of
from deploy.evaluate.intruder.stories import tell
from deploy.evaluate.intruder.views import View, joined
from deploy.evaluate.intruder.who import truth_of
from deploy.pipeline import Pipeline
from producers.town.city import build_city, census
from streams.codec import decode, encode
from streams.loop import read_to_end
from streams.memory import LogicalClock, MemoryLog
from streams.ports import Outgoing
from streams.shared import FeedbackGiven, ReferencePopulationSet
from streams.topics import REGISTRY, feedback_of
from streams.values import Audience, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from anonymiser.keyring import Keys
    from deploy.evaluate.intruder.register import Member
    from deploy.evaluate.intruder.stories import Told
    from deploy.evaluate.intruder.views import Profile
    from deploy.evaluate.intruder.who import Truth
    from producers.town.city import City
    from streams.loop import Stage
    from streams.ports import Log

    MakeStages = Callable[[Keys, Sequence[str]], Sequence[Stage]]
    Progress = Callable[[int, int], None]

AS_OF: Final = date(2026, 9, 1)
PEOPLE: Final = 250_000
TARGETS: Final = 2_000
#: The share of households that the intruder with a part of the register has.
PARTIAL: Final = 0.3
_CHUNK: Final = 200
_WITHHELD: Final = frozenset({Outcome.HELD, Outcome.QUARANTINED})


@dataclass(frozen=True, slots=True)
class Hits:
    """What an intruder achieved: shares of the targets, and of his own claims."""

    correct: float
    precision: float
    claims: int

    @classmethod
    def of(cls, right: int, claims: int, targets: int) -> Hits:
        """Reckon the shares; who claims nothing is never right."""
        return cls(
            round(right / targets, 4) if targets else 0.0,
            round(right / claims, 4) if claims else 0.0,
            claims,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntruderEvaluation:
    """The figures, the worst view and guess for each intruder; `views` has each by itself.

    There, `joined` is the most that somebody could see who reads both topics; no zone does.
    """

    hits: Mapping[str, Hits]
    below_k_in: Mapping[str, int]
    utility: Mapping[str, float]
    views: Mapping[str, Mapping[str, Hits]]
    people: int
    targets: int
    reports: int
    seconds: float

    @property
    def below_k(self) -> int:
        """How many people, over all views, fewer than k residents could be."""
        return sum(self.below_k_in.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            **{name: _shares(hits) for name, hits in self.hits.items()},
            "below_k": self.below_k,
            "below_k_in": dict(self.below_k_in),
            "utility": dict(self.utility),
            "views": {
                view: {name: _shares(hits) for name, hits in found.items()}
                for view, found in self.views.items()
            },
            "people": self.people,
            "targets": self.targets,
            "reports": self.reports,
            "seconds": self.seconds,
        }


INTRUDERS: Final = ("full", "partial", "anchored", "graph")


def _shares(hits: Hits) -> dict[str, float | int]:
    return {"correct": hits.correct, "precision": hits.precision, "claims": hits.claims}


async def evaluate_intruder(
    *,
    people: int = PEOPLE,
    targets: int = TARGETS,
    seed: int = 1,
    progress: Progress | None = None,
    stages: MakeStages | None = None,
) -> IntruderEvaluation:
    """Let partners report, let every stage do its work, then attack what left.

    `stages` takes the place of the product's own in controls, which live under tests/.
    """
    began = time.perf_counter()
    city = build_city(seed, people, AS_OF)
    told = tell(city, seed, targets)
    keys, log = new_keys(), MemoryLog(LogicalClock(_latest(told)))
    await _play(city, told, keys, log, progress or _silent, stages)
    resolved = await Resolved.read(log)
    ids = {one: AudienceIds(one, keys.audience) for one in Audience}
    views = {one: await View.read(log, one) for one in Audience}
    truths = {one: truth_of(told, resolved, ids[one]) for one in Audience}
    found = {
        one.value.casefold(): attack(city, told, views[one], truths[one], seed) for one in Audience
    }
    hits = {name: _worst(one[name] for one in found.values()) for name in INTRUDERS}
    found["joined"] = attack(city, told, _joined(views, ids), truths[Audience.SAFEGUARDING], seed)
    return IntruderEvaluation(
        hits=hits,
        below_k_in={one.value.casefold(): below_k(city, view) for one, view in views.items()},
        utility=await _utility(told, log, views, ids),
        views=found,
        people=len(city.residents),
        targets=len(told.targets),
        reports=len(told.submissions),
        seconds=round(time.perf_counter() - began, 1),
    )


def _joined(views: Mapping[Audience, View], ids: Mapping[Audience, AudienceIds]) -> View:
    """Return the view of somebody who reads both topics and knows which ids are one person's."""
    police, hub = views[Audience.POLICE], views[Audience.SAFEGUARDING]
    inner = {name: ids[Audience.POLICE].entity_behind(name) for name in police.profiles}
    same = {name: hub.root(ids[Audience.SAFEGUARDING].entity(one)) for name, one in inner.items()}
    return joined(hub, police, same)


def _worst(hits: Iterable[Hits]) -> Hits:
    return max(hits, key=lambda one: (one.correct, one.precision))


def _silent(_done: int, _all: int) -> None:
    """Nobody watches."""


# --- the reports through the stages ------------------------------------------------------


async def _play(  # noqa: PLR0913, PLR0917 - all that a run consists of
    city: City,
    told: Told,
    keys: Keys,
    log: Log,
    progress: Progress,
    stages: MakeStages | None,
) -> None:
    now = _latest(told)
    population = ReferencePopulationSet(
        name="the city's own census",
        districts=census(city),
        decided_by="evaluation",
        decided_at=now,
    )
    await log.append([Outgoing(REGISTRY, encode(population))])
    entries = [body.entry(now, now + timedelta(days=365), by="evaluation") for body in told.bodies]
    chosen = stages(keys, [entry.partner for entry in entries]) if stages else None
    reports = [one.report for one in told.submissions]
    async with Pipeline(log, keys, entries, chosen) as pipeline:
        for start in range(0, len(reports), _CHUNK):
            await pipeline.send(reports[start : start + _CHUNK])
            await pipeline.settle()
            progress(min(start + _CHUNK, len(reports)), len(reports))


def _latest(told: Told) -> datetime:
    return max(one.report.reported_at for one in told.submissions) + timedelta(days=1)


async def _utility(
    told: Told, log: Log, views: Mapping[Audience, View], ids: Mapping[Audience, AudienceIds]
) -> dict[str, float]:
    outcome = await _outcomes(told, log)
    clean, noisy, placed, held = 0, 0, 0, Counter[bool]()
    for one in told.submissions:
        key = (one.partner, str(one.report.report_id))
        is_clean = key in told.clean
        clean, noisy = clean + is_clean, noisy + (not is_clean)
        held[is_clean] += outcome.get(key) in _WITHHELD
        copies = [
            view.placed[name]
            for audience, view in views.items()
            if (name := ids[audience].report(one.partner, one.report.report_id)) in view.placed
        ]
        placed += is_clean and bool(copies) and all(copies)
    return {
        "released_at_district": round(placed / max(1, clean), 4),
        "quarantined_clean": round(held[True] / max(1, clean), 4),
        "quarantined_noisy": round(held[False] / max(1, noisy), 4),
    }


async def _outcomes(told: Told, log: Log) -> dict[tuple[str, str], Outcome]:
    """Return the last receipt of each report."""
    found: dict[tuple[str, str], Outcome] = {}
    for body in told.bodies:
        async for records in read_to_end(log, (feedback_of(body.partner),)):
            for record in records:
                given = decode(record.value or b"", FeedbackGiven)
                found[body.partner, str(given.report_id)] = given.outcome
    return found


# --- the attacks ----------------------------------------------------------------------


def attack(city: City, told: Told, view: View, truth: Truth, seed: int) -> dict[str, Hits]:
    """Let each intruder at one view."""
    dice = random.Random(f"{seed}/intruder")  # noqa: S311 - an attack's luck, not a key
    known = dice.sample(range(len(city.households)), int(PARTIAL * len(city.households)))
    attacked = sorted(name for name in truth.targets if name in view.profiles)
    count = len(told.targets)
    anchors = known_nominals(view, truth, dice)
    full = register_hits(Register(city), view, truth, attacked, count)
    partial = register_hits(Register(city, sorted(known)), view, truth, attacked, count)
    return {
        "full": full,
        "partial": partial,
        "anchored": _scored(anchored_claims(city, view, anchors), truth, count),
        "graph": _scored(network_claims(city, view, told, anchors, dice), truth, count),
    }


def register_hits(
    register: Register, view: View, truth: Truth, attacked: Sequence[UUID], count: int
) -> Hits:
    """Try every way of guessing; the one that recognises most counts."""
    families = {name: family_of(view, name) for name in attacked}
    tried = []
    for guess in GUESSES:
        claims: dict[UUID, int] = {}
        for name in attacked:
            fitting = register.fitting(view.profiles[name], families[name], guess)
            first, second = next(fitting, None), next(fitting, None)
            if first is not None and second is None:
                claims[name] = first.number
        tried.append(_scored(claims, truth, count))
    return _worst(tried)


def _scored(claims: Mapping[UUID, int], truth: Truth, count: int) -> Hits:
    """Compare claims about targets with the truth; a target claimed under two ids counts once."""
    about = {name: who for name, who in claims.items() if name in truth.targets}
    right = {who for name, who in about.items() if truth.resident[name] == who}
    return Hits.of(len(right), len(about), count)


def below_k(city: City, view: View, k: int = K) -> int:
    """Count the people in a view whom somebody could be, and fewer than k, wherever met.

    Whom nobody could be is a mistaken link of two people; the intruder lets one
    relative after the other out of account until somebody fits.
    """
    register = Register(city)
    return sum(_is_below(register, view, name, k) for name, _ in view.people())


def _is_below(register: Register, view: View, name: UUID, k: int) -> bool:
    profile, family = view.profiles[name], family_of(view, name)
    places = register.districts(profile, GUESSES[0])
    together = [places] if not profile.districts else [(place,) for place in places]
    for family_seen in (family, *(family[:at] + family[at + 1 :] for at in range(len(family)))):
        counts = [_fitting(register, profile, family_seen, each, k) for each in together]
        if any(counts):
            return any(0 < count < k for count in counts)
    return False


def _fitting(
    register: Register, profile: Profile, family: Sequence[Member], places: Sequence[str], k: int
) -> int:
    """Count those who fit, up to k."""
    fitting = (
        one for place in places for one in register.fitting_in(place, profile, family, whole=False)
    )
    return sum(1 for _ in islice(fitting, k))
