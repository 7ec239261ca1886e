"""Settings come from the environment, and tell where everything lives."""

from __future__ import annotations

import json
import os
import pwd
from datetime import UTC, datetime

import pytest

from deploy.certificates import NoCertificateError, UnknownPrincipalError
from deploy.pki import Pki
from deploy.processes import own_identity
from deploy.settings import InvalidSettingError, Settings
from deploy.supervisor import read_report
from streams.errors import BrokerUnreachableError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    for name in ("HOME", "BOOTSTRAP_SERVERS", "NAME", "PURPOSE", "REPLICATION_FACTOR", "PKI"):
        monkeypatch.delenv(f"RIVELIN_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_home_is_absolute_so_that_every_process_means_the_same(tmp_path, monkeypatch):
    assert Settings().home == tmp_path / ".rivelin"

    monkeypatch.setenv("RIVELIN_HOME", "elsewhere")

    assert Settings().home == tmp_path / "elsewhere"


def test_a_given_cluster_is_used_and_no_broker_managed(monkeypatch):
    monkeypatch.setenv("RIVELIN_BOOTSTRAP_SERVERS", "kafka-1:9092,kafka-2:9092")

    settings = Settings()

    assert settings.bootstrap == "kafka-1:9092,kafka-2:9092"
    assert not settings.manages_broker


def test_without_a_broker_the_remedy_is_told(tmp_path):
    with pytest.raises(BrokerUnreachableError, match="rivelin up"):
        _ = Settings().bootstrap


def test_the_managed_brokers_address_holds_while_its_keeper_lives():
    settings = Settings()
    settings.make_folders()
    told = {"bootstrap": "127.0.0.1:20001", "keeper": own_identity().as_dict()}

    settings.broker_file.write_text(json.dumps(told))
    assert settings.bootstrap == "127.0.0.1:20001"

    told["keeper"]["started_ticks"] = 1
    settings.broker_file.write_text(json.dumps(told))
    with pytest.raises(BrokerUnreachableError):
        _ = settings.bootstrap


def test_a_broker_is_entered_with_the_newest_certificate_of_a_principal():
    settings = Settings()
    settings.make_folders()
    told = {"bootstrap": "127.0.0.1:20001", "plain_text": False, "keeper": own_identity().as_dict()}
    settings.broker_file.write_text(json.dumps(told))
    pki, at = Pki(settings.pki_dir), datetime(2026, 11, 25, tzinfo=UTC)
    pki.create(at)
    pki.issue("linker", at)
    pki.issue("partner:loxley-homes", at)
    assert settings.access("linker").credentials.key == settings.pki_dir / "issued/linker.1/key.pem"

    pki.renew("linker", at)

    assert settings.access("linker").credentials.key.parent.name == "linker.2"
    assert settings.access("partner:loxley-homes").credentials.key.parent.name == "loxley-homes.1"


def test_without_a_certificate_the_command_that_makes_it_is_told(monkeypatch):
    monkeypatch.setenv("RIVELIN_BOOTSTRAP_SERVERS", "kafka-1:9092")

    with pytest.raises(NoCertificateError, match="rivelin pki issue gate"):
        Settings().access("gate")
    with pytest.raises(UnknownPrincipalError, match="administrator, keys"):
        Settings().access("nobody")


def test_a_cluster_is_entered_in_plain_text_only_where_a_setting_says_so(monkeypatch):
    monkeypatch.setenv("RIVELIN_BOOTSTRAP_SERVERS", "kafka-1:9092")
    monkeypatch.setenv("RIVELIN_PLAIN_TEXT", "1")

    assert Settings().access("gate").credentials is None


def test_certificates_may_lie_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("RIVELIN_PKI", "certificates")

    assert Settings().pki_dir == tmp_path / "certificates"


@pytest.mark.parametrize("told", ["", "[]", "null", "{}", '{"keeper": {"pid": null}}', "\x00"])
def test_a_file_that_tells_nothing_is_as_none(told):
    settings = Settings()
    settings.make_folders()
    settings.broker_file.write_text(told)
    settings.supervisor_file.write_text(told)

    with pytest.raises(BrokerUnreachableError):
        _ = settings.bootstrap
    assert read_report(settings) is None


def test_only_the_owner_may_look_into_the_home():
    settings = Settings()
    settings.make_folders()

    for folder in (settings.home, settings.keys_dir, settings.stores_dir, settings.kafka_dir):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_impossible_values_are_refused(monkeypatch):
    monkeypatch.setenv("RIVELIN_REPLICATION_FACTOR", "-73")

    with pytest.raises(InvalidSettingError, match="RIVELIN_REPLICATION_FACTOR") as told:
        Settings()

    assert "73" not in str(told.value)


def test_reports_wait_an_hour_for_others_on_a_cluster_and_hardly_on_a_broker_to_try_out(
    monkeypatch,
):
    assert Settings().release_seconds_max == 2
    monkeypatch.setenv("RIVELIN_BOOTSTRAP_SERVERS", "kafka.invalid:9092")
    assert Settings().release_seconds_max == 3_600
    assert (Settings().release.reports_min, Settings().release.partners_min) == (5, 3)


def test_how_long_reports_wait_can_be_chosen(monkeypatch):
    monkeypatch.setenv("RIVELIN_RELEASE__DELAY_SECONDS_MAX", "900")
    monkeypatch.setenv("RIVELIN_RELEASE__REPORTS_MIN", "8")
    assert Settings().release_seconds_max == 900
    assert Settings().release.reports_min == 8


@pytest.mark.parametrize(
    ("name", "value"), [("DELAY_SECONDS_MAX", "-1"), ("REPORTS_MIN", "0"), ("PARTNERS_MIN", "x")]
)
def test_a_release_policy_that_is_none_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(f"RIVELIN_RELEASE__{name}", value)
    with pytest.raises(InvalidSettingError, match=f"RIVELIN_RELEASE__{name}"):
        Settings()


def test_a_user_without_a_name_is_known_by_number(monkeypatch):
    def nameless(_):
        raise KeyError("getpwuid(): uid not found")

    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME", "RIVELIN_NAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nameless)

    assert Settings().name == f"uid-{os.getuid()}"
