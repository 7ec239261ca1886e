"""`rivelin pki`: what an administrator sees, and what an open door and a shut one do."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

import deploy.listeners
from deploy.acls import Grant, Permission, Resource, _Administration
from deploy.admission import due_certificates, renew_due
from deploy.broker import BROKER, prepare_node
from deploy.certificates import OWN_PRINCIPALS, SUPERVISOR, newest_bundle
from deploy.cli import build_app
from deploy.pki import Pki, ensure_own
from deploy.processes import own_identity
from deploy.settings import Settings
from deploy.supervisor import Supervisor
from deploy.topics import ensure_topics
from deploy.up import _renew_certificates, _start_node
from streams.errors import InvalidInputError
from streams.topics import SHARED_TOPICS, partner_topics
from tests.elsewhere import environment, let_in

PARTNER = "pki-homes"
NOW = datetime.now(UTC)


@pytest.fixture
def home(broker, monkeypatch):
    for name, value in environment(broker.settings).items():
        monkeypatch.setenv(name, value)
    asyncio.run(ensure_topics(broker.settings, (*SHARED_TOPICS, *partner_topics(PARTNER))))
    asyncio.run(let_in(broker.settings, PARTNER))
    return broker.settings


def run(*arguments, code=0):
    answer = CliRunner().invoke(build_app(), ["pki", *map(str, arguments)])
    if isinstance(answer.exception, Exception) and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    assert answer.exit_code == code, answer.output
    return answer.output


def standings():
    return {one["certificate"]: one["standing"] for one in json.loads(run("list", "--json"))}


def test_a_partners_certificate_is_renewed_handed_over_and_the_old_one_shut_out(home):
    first = max(name for name in standings() if name.startswith(f"partner:{PARTNER}."))

    told = run("renew", f"partner:{PARTNER}")

    second = home.access(f"partner:{PARTNER}").credentials.key.parent
    assert str(second) in told
    assert "key.pem is a secret" in told
    assert standings()[first] == "live", "the old one stays good beside it"
    assert f"Revoked: {first}" in run("revoke", first, "--reason", "superseded")
    assert standings()[first] == "revoked"
    assert "nothing changed" in run("revoke", first, "--reason", "superseded")


def test_a_second_first_certificate_is_refused_with_the_command_that_helps(home):
    with pytest.raises(InvalidInputError, match="rivelin pki renew linker"):
        run("issue", "linker")
    with pytest.raises(InvalidInputError, match="no such principal"):
        run("issue", "root")


def test_a_permission_that_nobody_asked_for_is_told_and_taken_away_when_told_to(home):
    foreign = Permission("User:stranger.1", Grant(Resource.TOPIC, "police.intelligence", "READ"))
    with _Administration(home.access(SUPERVISOR)) as administration:
        administration.make([foreign])
        administration.settle(frozenset([foreign]), frozenset())

    told = run("permissions", code=1)
    assert "extra    User:stranger.1 may READ topic police.intelligence" in told
    assert "--remove" in told
    assert json.loads(run("permissions", "--remove", "--json"))["removed"] == [str(foreign)]
    assert "as asked for" in run("permissions")


def test_an_administrator_changes_even_its_own_certificate(home):
    told = json.loads(run("renew", "administrator", "--json"))

    assert told["broker_knows"]
    assert "as asked for" in run("permissions")


def test_what_is_due_is_named_with_its_remedy_and_only_our_own_is_renewed(tmp_path):
    settings = Settings(home=tmp_path / "home")
    ensure_own(settings.pki_dir, NOW - timedelta(days=65))
    Pki(settings.pki_dir).issue(f"partner:{PARTNER}", NOW - timedelta(days=65))

    lines = [str(one) for one in due_certificates(settings, NOW)]
    assert len(lines) == len(OWN_PRINCIPALS) + 1
    assert any(f"rivelin pki renew partner:{PARTNER}" in line for line in lines)
    assert {one.name.principal for one in renew_due(settings, NOW)} == set(OWN_PRINCIPALS)
    (left,) = due_certificates(settings, NOW)
    assert left.name == f"partner:{PARTNER}.1"


def test_of_a_cluster_that_is_not_ours_super_users_are_renewed_by_hand(tmp_path):
    settings = Settings(home=tmp_path / "home", bootstrap_servers="kafka-1:9092")
    ensure_own(settings.pki_dir, NOW - timedelta(days=65))

    renewed = {one.name.principal for one in renew_due(settings, NOW)}

    assert set(OWN_PRINCIPALS) - renewed == {"node", "supervisor"}
    assert all("name it to the broker" in one.remedy for one in due_certificates(settings, NOW))


async def test_in_plain_text_nothing_is_renewed_and_the_broker_stays_as_it_was_asked_to_be(
    tmp_path,
):
    settings, said = Settings(home=tmp_path / "home"), []
    supervisor = Supervisor(settings)
    try:
        ensure_own(settings.pki_dir, NOW - timedelta(days=65))
        told = {"bootstrap": "127.0.0.1:1", "plain_text": True, "keeper": own_identity().as_dict()}
        settings.broker_file.write_text(json.dumps(told))

        await _renew_certificates(supervisor, None, said.append)

        assert said == []
        assert newest_bundle(settings.pki_dir, SUPERVISOR).name == "supervisor.1"
    finally:
        supervisor.close()


async def test_a_running_broker_is_started_anew_with_the_certificates_that_were_due(
    settings, monkeypatch
):
    ensure_own(settings.pki_dir, NOW - timedelta(days=65))
    supervisor, said = Supervisor(settings), []
    with monkeypatch.context() as meanwhile:  # as if it had run since then
        meanwhile.setattr(deploy.listeners, "ensure_own", lambda *_: ())
        node = prepare_node(settings)
    try:
        await _start_node(supervisor, node)
        before = {one["name"]: one["pid"] for one in supervisor.as_dict()["processes"]}
        shutil.rmtree(node.access.credentials.key.parent)  # of no use any more, as once it ended

        await _renew_certificates(supervisor, node, said.append)

        after = {one["name"]: one["pid"] for one in supervisor.as_dict()["processes"]}
        assert before[BROKER] != after[BROKER]
        assert settings.access(SUPERVISOR).credentials.key.parent.name == "supervisor.2"
        report = await ensure_topics(settings, SHARED_TOPICS, SUPERVISOR)
        assert report.created, "the new certificate is a super user's"
        assert len([line for line in said if "renewed" in line]) == len(OWN_PRINCIPALS)
        await _renew_certificates(supervisor, node, said.append)
        assert len(said) == len(OWN_PRINCIPALS), "nothing is due twice"
    finally:
        await supervisor.stop()
        supervisor.close()
        node.lock.release()
