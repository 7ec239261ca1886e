"""Nodes for the tests: one or three, in plain text, if wanted behind a proxy each.

    python -m tests.crash.cluster --kills 30 [--json]

kills three nodes one at a time, half of the times the one that leads the output, while records
are appended and copied by our own loops: nothing acknowledged is lost, nothing copied twice.

Built of the parts of the managed broker, so that what is tested is what `rivelin up` starts; only
what makes a cluster of nodes is added to the properties. Three nodes on one machine prove that
SIGKILL of one of them loses nothing; of a power cut they prove nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import TopicPartition

from deploy.broker import (
    LOOPBACK,
    STOP_SECONDS_MAX,
    Node,
    NodeFolder,
    Ports,
    choose_ports,
    prepare_runtime,
    wait_ready,
)
from deploy.listeners import CLIENTS, PLAIN_TEXT
from streams.kafka.access import Access
from streams.kafka.open_transactions import end_abandoned
from tests.crash.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deploy.broker import Runtime
    from deploy.listeners import Security
    from deploy.processes import Child
    from streams.kafka.open_transactions import Mended
    from tests.crash.proxy import Frame

_CLUSTER_ID = "cml2ZWxpbi1jcmFzaC10ZQ"
_REPLICATED = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
}
_SETTLE_SECONDS = 60.0


@dataclass(frozen=True)
class _Folder(NodeFolder):
    """A node's folder whose properties end with some of our own; the last word of a key counts."""

    added: Mapping[str, str] = field(default_factory=dict)

    def write_properties(self, name: str, ports: Ports, security: Security, data: str) -> None:
        super().write_properties(name, ports, security, data)
        lines = (f"{key}={value}\n" for key, value in self.added.items())
        with (self.path / name).open("a") as file:
            file.writelines(lines)

    def format(self, runtime: Runtime, ports: Ports) -> None:
        """Format for the one cluster that all nodes belong to."""
        self.write_configuration(ports, PLAIN_TEXT)
        tool = ("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", "server.properties")
        argv = runtime.command(runtime.archive.flags_to_use(), self.logs, *tool)
        subprocess.run(argv, cwd=self.path, capture_output=True, timeout=60, check=True)


class Cluster:
    """One or three nodes that can be killed and started again, each on its own."""

    def __init__(
        self,
        home: Path,
        count: int = 1,
        *,
        is_proxied: bool = False,
        hold: Callable[[Frame], float] | None = None,
        added: Mapping[str, str] | None = None,
    ) -> None:
        self.proxies: list[Proxy] = []
        self.nodes: list[Node] = []
        self.children: list[Child] = []
        self.kills = 0
        self._home = home
        self._ports = [choose_ports(None, None) for _ in range(count)]
        self._is_proxied = is_proxied
        self._hold = hold
        self._added = dict(added or {})

    @property
    def access(self) -> Access:
        """How clients enter it, through the proxies if there are any."""
        return Access(",".join(f"{LOOPBACK}:{port}" for port in self._advertised()))

    async def start(self) -> Self:
        """Start every node and wait until each knows all."""
        if self._is_proxied:
            proxies = (Proxy(ports.clients, hold=self._hold) for ports in self._ports)
            self.proxies = [await proxy.start() for proxy in proxies]
        runtime = await asyncio.to_thread(prepare_runtime)
        self.nodes = [self._prepare(runtime, index) for index in range(len(self._ports))]
        self.children = [node.spawn() for node in self.nodes]
        both = zip(self.nodes, self.children, strict=True)
        await asyncio.gather(*[wait_ready(node, child) for node, child in both])
        await self.is_whole()
        return self

    async def stop(self) -> None:
        """End every node, then the proxies."""
        for child in self.children:
            child.kill_sync()
        for node in self.nodes:
            node.lock.release()
        for proxy in self.proxies:
            await proxy.stop()

    def kill(self, index: int = 0) -> None:
        """End one node as a power cut would end it, but for its disk."""
        self.children[index].kill_sync()
        self.kills += 1

    async def restart(self, index: int = 0, *, is_mended: bool = True) -> Mended | None:
        """Start it again, wait until it serves, and do what its keeper does then."""
        self.children[index] = self.nodes[index].spawn()
        await wait_ready(self.nodes[index], self.children[index])
        await self.is_whole()
        return await end_abandoned(self.access) if is_mended else None

    async def end(self, index: int = 0) -> None:
        """End one node in order."""
        await asyncio.to_thread(self.children[index].stop_sync, STOP_SECONDS_MAX)

    async def make_topics(self, *names: str) -> None:
        """Make topics as the product has them: one partition, log-append time, all in sync."""
        configs = {
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(min(2, len(self.nodes))),
        }
        admin = AIOKafkaAdminClient(**self.access.options())
        await admin.start()
        topics = [NewTopic(name, 1, len(self.nodes), topic_configs=configs) for name in names]
        await admin.create_topics(topics)
        await admin.close()
        await self.is_whole()

    async def leader_of(self, topic: str) -> int:
        """Return the index of the node that leads the topic's partition now."""
        cluster = await self._metadata()
        return (cluster.leader_for_partition(TopicPartition(topic, 0)) or 0) - 1

    async def is_whole(self) -> None:
        """Wait until every node serves and every replica is in sync again."""
        async with asyncio.timeout(_SETTLE_SECONDS):
            while not _is_whole(await self._metadata(), len(self.nodes)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def _metadata(self):
        client = AIOKafkaClient(**self.access.options())
        try:
            await client.bootstrap()
            return await client.fetch_all_metadata()
        finally:
            await client.close()

    def _prepare(self, runtime: Runtime, index: int) -> Node:
        path = self._home / f"node-{index + 1}"
        (path / "logs").mkdir(parents=True, exist_ok=True)
        folder = _Folder(path, path / "logs", self._properties(index))
        (path / "ports.json").write_text(json.dumps(vars(self._ports[index])))
        if not folder.data.exists():
            folder.format(runtime, self._ports[index])
        return Node.prepare(folder, runtime, PLAIN_TEXT, port=self._ports[index].clients)

    def _properties(self, index: int) -> Mapping[str, str]:
        numbered = enumerate(self._ports, start=1)
        return {
            **(_REPLICATED if len(self._ports) > 1 else {}),
            "node.id": str(index + 1),
            "controller.quorum.voters": ",".join(
                f"{number}@{LOOPBACK}:{ports.controller}" for number, ports in numbered
            ),
            "advertised.listeners": f"{CLIENTS}://{LOOPBACK}:{self._advertised()[index]}",
            **self._added,
        }

    def _advertised(self) -> list[int]:
        if self._is_proxied:
            return [proxy.port for proxy in self.proxies]
        return [ports.clients for ports in self._ports]


def _is_whole(cluster, count: int) -> bool:
    partitions = [one for topic in cluster._partitions.values() for one in topic.values()]
    return len(cluster.brokers()) == count and all(
        one.leader > 0 and len(one.isr) == len(one.replicas) for one in partitions
    )


def main(arguments: Sequence[str]) -> int:
    """Return 0 if three nodes, killed one at a time, lost and doubled nothing."""
    from tests.crash.shown import hush, show  # noqa: PLC0415 - trials are made of clusters
    from tests.crash.zombies import is_sound  # noqa: PLC0415 - the same

    parser = argparse.ArgumentParser(prog="python -m tests.crash.cluster")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--ways", nargs="*", default=["runner", "lane"], help="kills are shared")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    hush()
    share = max(1, options.kills // len(options.ways))
    outcomes = asyncio.run(_kill_nodes(options.ways, share, options.seed))
    show("three nodes", outcomes, as_json=options.json, seed=options.seed)
    enough = sum(one.broker_kills for one in outcomes.values()) >= options.kills
    return 0 if enough and all(map(is_sound, outcomes.values())) else 1


async def _kill_nodes(ways: Sequence[str], kills: int, seed: int):
    from tests.crash.trial import Plan  # noqa: PLC0415 - trials are made of clusters
    from tests.crash.zombies import stand_still  # noqa: PLC0415 - the same

    plan = Plan(kills=0, broker_kills=kills, seed=seed, records_min=0)
    with tempfile.TemporaryDirectory(prefix="rivelin-cluster-") as home:
        cluster = await Cluster(Path(home, "nodes"), 3).start()
        try:
            return {way: await stand_still(cluster, way, Path(home), plan) for way in ways}
        finally:
            await cluster.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
