"""Ports, the lock on the data folder, and the configuration of the managed node."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from deploy.broker import (
    LOOPBACK,
    DataFolderHeldError,
    FolderLock,
    NodeFolder,
    Ports,
    PortTakenError,
    _new_cluster_id,
    answers,
    choose_ports,
    is_free,
)
from deploy.listeners import PLAIN_TEXT, Security
from streams.kafka import Access


@pytest.fixture
def taken_port():
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        yield other.getsockname()[1]


def test_free_ports_lie_below_those_given_to_outgoing_connections():
    ports = choose_ports(None, None)

    assert 20_000 <= ports.clients < 32_000
    assert 20_000 <= ports.controller < 32_000
    assert ports.clients != ports.controller


def test_the_last_ports_are_taken_again():
    last = choose_ports(None, None)

    assert choose_ports(last, None) == last


def test_a_last_port_that_is_in_use_now_is_replaced(taken_port):
    last = Ports(clients=taken_port, controller=choose_ports(None, None).controller)

    chosen = choose_ports(last, None)

    assert chosen.clients != taken_port
    assert chosen.controller == last.controller


def test_a_requested_port_is_taken_or_refused_but_never_replaced(taken_port):
    free = choose_ports(None, None).clients

    assert choose_ports(None, free).clients == free
    with pytest.raises(PortTakenError, match=f"port {taken_port}"):
        choose_ports(None, taken_port)


def test_the_controller_never_gets_the_port_of_the_clients():
    last = choose_ports(None, None)

    chosen = choose_ports(last, last.controller)

    assert chosen.clients == last.controller
    assert chosen.controller != chosen.clients


def test_a_port_where_somebody_listens_is_not_free(taken_port):
    assert not is_free(taken_port)


def test_a_folder_is_held_by_one_and_free_after_release(tmp_path):
    first = FolderLock.take(tmp_path)
    with pytest.raises(DataFolderHeldError, match=f"process {os.getpid()}"):
        FolderLock.take(tmp_path)

    first.release()

    FolderLock.take(tmp_path).release()


def test_the_node_holds_the_folder_even_when_its_starter_has_let_go(tmp_path):
    lock = FolderLock.take(tmp_path)
    node = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock.descriptor,)
    )
    lock.release()
    with pytest.raises(DataFolderHeldError):
        FolderLock.take(tmp_path)

    node.communicate(b"\n")

    FolderLock.take(tmp_path).release()


def written(folder, security):
    NodeFolder(folder, folder).write_configuration(Ports(20_001, 20_002), security)
    lines = (folder / "server.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_the_configuration_listens_on_loopback_only_and_holds_no_path(tmp_path):
    properties = written(tmp_path, Security.of_home(tmp_path / "pki"))

    assert properties["listeners"] == "CLIENTS://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert properties["auto.create.topics.enable"] == "false"
    assert properties["log.dirs"] == "data"
    assert str(tmp_path) not in (tmp_path / "server.properties").read_text()
    assert NodeFolder(tmp_path, tmp_path).remembered_ports() == Ports(20_001, 20_002)


def test_every_listener_asks_for_a_certificate_and_every_request_for_a_permission(tmp_path):
    properties = written(tmp_path, Security.of_home(tmp_path / "pki"))

    assert properties["listener.security.protocol.map"] == "CONTROLLER:SSL,CLIENTS:SSL"
    assert properties["ssl.client.auth"] == "required"
    assert properties["ssl.enabled.protocols"] == "TLSv1.3"
    assert properties["authorizer.class.name"].endswith(".StandardAuthorizer")
    assert properties["allow.everyone.if.no.acl.found"] == "false"
    assert properties["super.users"] == "User:node.1;User:supervisor.1"


def test_the_nodes_key_is_for_its_owner_only_and_goes_when_plain_text_is_asked_for(tmp_path):
    security = Security.of_home(tmp_path / "pki")
    written(tmp_path, security)
    assert (tmp_path / "node.pem").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" not in repr(security)

    properties = written(tmp_path, PLAIN_TEXT)

    assert not (tmp_path / "node.pem").exists()
    assert properties["listener.security.protocol.map"] == "CONTROLLER:PLAINTEXT,CLIENTS:PLAINTEXT"
    assert "authorizer.class.name" not in properties


def test_spoilt_memory_of_ports_is_no_memory(tmp_path):
    folder = NodeFolder(tmp_path, tmp_path)
    assert folder.remembered_ports() is None

    (tmp_path / "ports.json").write_text("{")

    assert folder.remembered_ports() is None


def test_a_cluster_id_never_looks_like_an_option():
    ids = {_new_cluster_id() for _ in range(500)}

    assert len(ids) == 500
    assert all(len(text) == 22 and not text.startswith("-") for text in ids)


async def test_a_port_behind_which_nobody_speaks_kafka_does_not_answer():
    assert not await answers(Access("127.0.0.1:1"))
    assert not await answers(Access("no address at all"))
