"""The managed node starts, answers, refuses, and leaves nothing behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import UnknownTopicOrPartitionError

from deploy.broker import (
    LOOPBACK,
    BrokerStartError,
    DataFolderHeldError,
    LocalBroker,
    PortTakenError,
    answers,
)
from deploy.processes import identity_of
from deploy.settings import Settings
from streams.errors import BrokerUnreachableError


def eventually(check, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := check():
            return result
        time.sleep(0.05)
    return check()


async def test_a_started_node_answers_on_loopback(broker):
    assert broker.bootstrap.startswith(f"{LOOPBACK}:")
    assert await answers(broker.access("supervisor"))


def test_the_address_is_told_to_other_processes(broker):
    assert Settings(home=broker.settings.home).bootstrap == broker.bootstrap


async def test_topics_are_never_made_by_accident(access):
    producer = AIOKafkaProducer(**access.options(), request_timeout_ms=1_000)
    await producer.start()
    try:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.client._wait_on_metadata("nobody.made.this")
    finally:
        await producer.stop()


def test_stopping_leaves_no_process_and_no_address(settings):
    with LocalBroker(settings) as node:
        identity = node.child.identity
        assert identity.is_alive

    assert not identity.is_alive
    with pytest.raises(BrokerUnreachableError):
        _ = settings.bootstrap


def test_a_second_start_keeps_the_address_and_the_data(settings):
    with LocalBroker(settings) as first:
        address = first.bootstrap
    cluster = (settings.kafka_dir / "data" / "meta.properties").read_text()

    with LocalBroker(settings) as second:
        assert second.bootstrap == address
    assert (settings.kafka_dir / "data" / "meta.properties").read_text() == cluster


def test_another_port_may_be_asked_for_later(settings):
    with LocalBroker(settings):
        pass
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]

    with LocalBroker(settings, port=port) as moved:
        assert moved.bootstrap == f"{LOOPBACK}:{port}"


def test_a_port_in_use_is_refused(settings):
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(PortTakenError, match=str(port)):
            LocalBroker(settings, port=port)


def test_a_refused_start_does_not_hold_the_folder(settings):
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        with pytest.raises(PortTakenError):
            LocalBroker(settings, port=other.getsockname()[1])

    LocalBroker(settings).close()


def test_a_second_node_on_one_folder_is_refused(broker):
    with pytest.raises(DataFolderHeldError, match="already holds"):
        LocalBroker(broker.settings)


def test_a_node_that_dies_at_its_start_says_why(settings):
    node = LocalBroker(settings)
    try:
        (settings.kafka_dir / "data" / "meta.properties").write_text("version=1\nnode.id=7\n")
        with pytest.raises(BrokerStartError, match="ended at its start"):
            node.start()
    finally:
        node.close()


def test_data_survives_a_power_cut(settings):
    with LocalBroker(settings) as node:
        node.kill()
        node.start()
        assert node.child.is_running


HOLD_A_NODE = """
import sys, time
from pathlib import Path
from deploy.broker import LocalBroker
from deploy.settings import Settings
with LocalBroker(Settings(home=Path(sys.argv[1]))) as node:
    print(node.child.pid, flush=True)
    time.sleep(60)
"""


def test_killing_the_parent_kills_the_node_and_frees_its_folder(settings):
    parent = subprocess.Popen(
        [sys.executable, "-c", HOLD_A_NODE, settings.home], stdout=subprocess.PIPE, text=True
    )
    node = identity_of(int(parent.stdout.readline()))
    assert node.is_alive

    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    assert eventually(lambda: not node.is_alive)
    with pytest.raises(BrokerUnreachableError):
        _ = settings.bootstrap
    with LocalBroker(settings) as again:
        assert again.child.is_running
