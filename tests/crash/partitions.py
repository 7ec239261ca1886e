"""Bad networks: the way to the node stands still, goes half open, breaks, drags, or comes in bits.

    python -m tests.crash.partitions --cuts 30 [--seconds 5 15] [--json]

While records are appended and copied by the loop of linker and gate, through a proxy that the
node advertises. After each fault records must get through again, and in the end each stands in
the output once and in order.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.cluster import Cluster
from tests.crash.shown import hush, show
from tests.crash.trial import Plan, Trial
from tests.crash.zombies import is_sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.crash.proxy import Proxy
    from tests.crash.trial import Outcome

FAULTS = ("stand still", "half open", "deaf", "mute", "reset", "slice", "delay")
_SLICE_BYTES = 700
_DELAY_SECONDS = 0.05


def afflict(proxy: Proxy, fault: str) -> None:
    """Begin a fault; `proxy.heal` ends it."""
    match fault:
        case "stand still":
            proxy.stand_still()
        case "half open":
            proxy.be_half_open()
        case "deaf":
            proxy.be_half_open(mute=False)
        case "mute":
            proxy.be_half_open(deaf=False)
        case "reset":
            proxy.reset()
        case "slice":
            proxy.slice_bytes = _SLICE_BYTES
        case "delay":
            proxy.delay_seconds = _DELAY_SECONDS
        case _:
            raise ValueError(fault)


class Cuts(Trial):
    """A trial whose faults are those of a network."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        faults: Sequence[str],
        seconds: tuple[float, float],
        seed: int,
    ) -> None:
        super().__init__(cluster, "runner", folder, 1, Plan(kills=0, seed=seed, jitter=0.0))
        self.recoveries = {fault: [] for fault in faults}
        self._faults = list(faults)
        self._proxy = cluster.proxies[0]
        self._seconds = seconds
        self._luck = random.Random(f"cuts {seed}")

    async def torment(self) -> None:
        """Cut, wait, heal, and wait until records get through again."""
        self._luck.shuffle(self._faults)
        await self.until_it_moves()
        loop = asyncio.get_running_loop()
        for fault in self._faults:
            await asyncio.sleep(self._luck.uniform(0.3, 1.0))
            afflict(self._proxy, fault)
            await asyncio.sleep(self._luck.uniform(*self._seconds))
            self._proxy.heal()
            began = loop.time()
            if await self.until_it_moves():
                self.recoveries[fault].append(loop.time() - began)


async def run(cuts: int, seconds: tuple[float, float], seed: int) -> Outcome:
    """Cut so often, each kind of fault in turn."""
    faults = [FAULTS[number % len(FAULTS)] for number in range(cuts)]
    with tempfile.TemporaryDirectory(prefix="rivelin-cuts-") as home:
        cluster = await Cluster(Path(home, "node"), is_proxied=True).start()
        try:
            async with Cuts(cluster, Path(home), faults, seconds, seed) as trial:
                return await trial.outcome()
        finally:
            await cluster.stop()


def main(arguments: Sequence[str]) -> int:
    """Return 0 if nothing was lost or doubled and records got through after every cut."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.partitions")
    parser.add_argument("--cuts", type=int, default=30)
    parser.add_argument("--seconds", type=float, nargs=2, default=(5.0, 15.0))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    hush()
    outcome = asyncio.run(run(options.cuts, tuple(options.seconds), options.seed))
    show("a bad network", {"runner": outcome}, as_json=options.json, seed=options.seed)
    return 0 if is_sound(outcome) and not outcome.stood_still else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
