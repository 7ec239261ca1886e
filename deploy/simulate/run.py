"""Running many seeds, in two processes, and planted bugs over them until each is caught."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from deploy.simulate.link import Patch, Product
from deploy.simulate.scenes import GateScene, IntakeScene, LinkerScene, ProjectionScene
from deploy.simulate.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deploy.simulate.planted import Planted

#: A seed plays one of them; the shares follow what a run of each costs.
SCENES: Final[tuple[type[Any], ...]] = (
    LinkerScene,
    GateScene,
    IntakeScene,
    LinkerScene,
    GateScene,
    ProjectionScene,
)
PROCESSES: Final = 2
_CHUNK: Final = 100
#: So long a planted bug may live.
MUTANT_SEEDS_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed after which something does not hold."""

    seed: int
    scene: str
    violations: tuple[str, ...]


@dataclass(slots=True)
class Outcome:
    """What became of some seeds. `kills` counts SIGKILLs, of processes and of the broker."""

    seeds: int = 0
    kills: int = 0
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Count another outcome in."""
        self.seeds += other.seeds
        self.kills += other.kills
        self.failures = sorted([*self.failures, *other.failures], key=lambda one: one.seed)

    @property
    def violations(self) -> int:
        """How many things did not hold, over all seeds."""
        return sum(len(one.violations) for one in self.failures)


@dataclass(frozen=True, slots=True)
class Caught:
    """How a planted bug fared: the first seed that shows it, None if none did."""

    name: str
    seed: int | None
    seconds: float
    violation: str | None


def scene_of(seed: int) -> Any:  # noqa: ANN401 - one of the scenes
    """Return the scene that a seed plays."""
    return SCENES[seed % len(SCENES)]


def play(seed: int, product: Product | None = None, *, traced: bool = False) -> World:
    """Run one seed to its end, and return the world as it then is."""
    world = World(seed, scene_of(seed)(), product or _product(), traced=traced)
    world.run()
    return world


def run_seeds(seeds: range, tell: Callable[[int, int], None] = lambda _, __: None) -> Outcome:
    """Run seeds in two processes; `tell` hears how many of how many are done."""
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    total = Outcome()
    if len(chunks) == 1:
        return run_chunk(chunks[0])
    with _pool() as pool:
        for done in as_completed([pool.submit(run_chunk, chunk) for chunk in chunks]):
            total.add(done.result())
            tell(total.seeds, len(seeds))
    return total


def run_chunk(seeds: range) -> Outcome:
    """Run seeds one after the other, in this process."""
    outcome = Outcome()
    for seed in seeds:
        world = play(seed)
        outcome.seeds += 1
        outcome.kills += world.kills
        if world.violations:
            failure = Failure(seed, world.scene.name, tuple(world.violations))
            outcome.failures.append(failure)
    return outcome


def hunt_all(
    planted: Sequence[Planted], tell: Callable[[int, int], None] = lambda _, __: None
) -> list[Caught]:
    """Run every planted bug until it is caught, in two processes; in the order of the list."""
    with _pool() as pool:
        hunts = [pool.submit(hunt, one) for one in planted]
        for count, _ in enumerate(as_completed(hunts), start=1):
            tell(count, len(hunts))
    return [one.result() for one in hunts]


def hunt(planted: Planted, seeds: range = range(MUTANT_SEEDS_MAX)) -> Caught:
    """Run seeds with a bug planted until one shows it.

    Raises: PatchFailedError if the bug does not fit the product's text any more.
    """
    began = time.perf_counter()
    product = Product(planted.patches)
    for seed in _seeds_for(planted, seeds):
        world = play(seed, product)
        if world.violations:
            seconds = round(time.perf_counter() - began, 1)
            return Caught(planted.name, seed, seconds, world.violations[0])
    return Caught(planted.name, None, round(time.perf_counter() - began, 1), None)


def _pool() -> ProcessPoolExecutor:
    """Two workers, which Ctrl-C ends at once and without a word."""
    return ProcessPoolExecutor(
        PROCESSES, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL)
    )


def _seeds_for(planted: Planted, seeds: range) -> Iterator[int]:
    """Leave out seeds whose scene does not run a line of what is patched."""
    for seed in seeds:
        if not planted.scenes or scene_of(seed).name in planted.scenes:
            yield seed


@cache
def _product() -> Product:
    return Product()


__all__ = ["Caught", "Failure", "Outcome", "Patch", "hunt", "hunt_all", "play", "run_seeds"]
