"""What is alive, ready or wrong: a table of facts, the verdicts and the exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deploy.certificates import newest_bundle
from deploy.cli.health import _exit_code, health
from deploy.health import (
    Disk,
    Facts,
    Level,
    Reason,
    RoleFacts,
    Thresholds,
    is_live,
    is_ready,
    judge,
    worst,
)
from deploy.health_facts import _certificates, roles
from deploy.metrics import exposition
from deploy.pki import Pki
from deploy.processes import own_identity
from deploy.settings import HealthSettings, Settings, WatchSettings

LIMITS = Thresholds(HealthSettings(), WatchSettings())
GATE = RoleFacts(name="gate", lives=True, state="running", silent_seconds=1.0, lag=0)
WELL = Facts(
    roles=(GATE,),
    broker_answers=True,
    disks=(Disk(place="home", free_bytes=50 << 30, size_bytes=100 << 30),),
    certificate_days={"gate": 60.0},
)


def role(**changes):
    return replace(WELL, roles=(replace(GATE, **changes),))


def disk(free, size=1000):
    return replace(WELL, disks=(Disk(place="stores", free_bytes=free, size_bytes=size),))


def certificate(days):
    return replace(WELL, certificate_days={"linker": days})


WARNING, CRITICAL, UNKNOWN = Level.WARNING, Level.CRITICAL, Level.UNKNOWN

#: Facts; level and reason of the one verdict; is it alive; is it ready.
TABLE = {
    "nothing runs": (replace(WELL, roles=()), CRITICAL, Reason.NOTHING_RUNS, False, False),
    "its process ended": (role(lives=False), CRITICAL, Reason.ROLE_GONE, False, False),
    "silent": (role(silent_seconds=31.0), CRITICAL, Reason.ROLE_SILENT, False, False),
    "of an earlier boot": (role(silent_seconds=-9.0), CRITICAL, Reason.ROLE_SILENT, False, False),
    "has told nothing yet": (
        role(state=None, silent_seconds=None, lag=None),
        WARNING,
        Reason.ROLE_STARTING,
        True,
        False,
    ),
    "rebuilds": (
        role(state="rebuilding", silent_seconds=200.0, lag=None),
        WARNING,
        Reason.ROLE_STARTING,
        True,
        False,
    ),
    "silent in its start": (
        role(state="rebuilding", silent_seconds=301.0, lag=None),
        CRITICAL,
        Reason.ROLE_SILENT,
        False,
        False,
    ),
    "catches up": (
        role(state="catching up", lag=5),
        WARNING,
        Reason.ROLE_CATCHING_UP,
        True,
        False,
    ),
    "without a broker": (role(lag=None), WARNING, Reason.LAG_UNKNOWN, True, False),
    "some wait": (role(lag=1_000), WARNING, Reason.LAG_HIGH, True, True),
    "very many wait": (role(lag=100_000), CRITICAL, Reason.LAG_HIGH, True, False),
    "hesitates": (role(lag=3, still_seconds=20.0), WARNING, Reason.ROLE_STANDS_STILL, True, True),
    "stands still": (
        role(lag=3, still_seconds=60.0),
        CRITICAL,
        Reason.ROLE_STANDS_STILL,
        True,
        False,
    ),
    "dies again and again": (role(deaths=3), WARNING, Reason.ROLE_RESTARTS, True, True),
    "raises an alarm": (
        role(alarms=("store_locked safeguarding",)),
        WARNING,
        Reason.ALARM,
        True,
        True,
    ),
    "a submission has no outcome": (
        role(name="reconciler", counts={"outcomes_missing": 1}),
        CRITICAL,
        Reason.OUTCOME_MISSING,
        True,
        False,
    ),
    "the broker is away": (
        replace(WELL, broker_answers=False),
        CRITICAL,
        Reason.BROKER_SILENT,
        True,
        False,
    ),
    "little space": (disk(100), WARNING, Reason.DISK_LOW, True, True),
    "hardly any space": (disk(30), CRITICAL, Reason.DISK_LOW, True, False),
    "a disk out of sight": (disk(None), UNKNOWN, Reason.DISK_UNKNOWN, True, True),
    "a certificate ends": (certificate(21.0), WARNING, Reason.CERTIFICATE_ENDS, True, True),
    "a certificate ends soon": (certificate(3.0), CRITICAL, Reason.CERTIFICATE_ENDS, True, False),
    "a certificate ended": (certificate(-1.0), CRITICAL, Reason.CERTIFICATE_ENDS, True, False),
    "a certificate is none": (
        certificate(None),
        UNKNOWN,
        Reason.CERTIFICATE_UNREADABLE,
        True,
        True,
    ),
    "evidence lies about": (
        replace(WELL, stores_set_aside=1),
        WARNING,
        Reason.STORE_SET_ASIDE,
        True,
        True,
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_is_wrong_is_told_with_its_level_and_reason(name):
    facts, level, reason, live, ready = TABLE[name]

    (verdict,) = judge(facts, LIMITS)

    assert (verdict.level, verdict.reason) == (level, reason)
    assert verdict.words
    assert (is_live([verdict]), is_ready([verdict])) == (live, ready)


def test_every_reason_is_in_the_table():
    assert {reason for _, _, reason, _, _ in TABLE.values()} == set(Reason)


@pytest.mark.parametrize(
    "facts",
    [
        WELL,
        role(silent_seconds=30.0),
        role(lag=999, still_seconds=19.9),
        role(lag=0, still_seconds=500.0),
        role(state="waiting for a partner", lag=None),
        role(restarts=50, deaths=2),
        disk(101),
        certificate(21.1),
        replace(WELL, broker_answers=None),
    ],
    ids=repr,
)
def test_below_the_bounds_all_is_well(facts):
    assert judge(facts, LIMITS) == ()
    assert worst([]) is Level.OK


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (role(counts={"outcomes_missing": 1}), "1 submission has had no outcome for too long"),
        (role(counts={"outcomes_missing": 2}), "2 submissions have had no outcome for too long"),
        (certificate(1.9), "ends in 1 day"),
        (certificate(2.9), "ends in 2 days"),
    ],
    ids=repr,
)
def test_one_is_told_as_one(facts, words):
    assert [one.words for one in judge(facts, LIMITS)] == [words]


def test_what_cannot_be_looked_at_is_not_known_and_no_warning(settings, monkeypatch, capsys):
    monkeypatch.setenv("RIVELIN_HOME", str(settings.home))
    settings.supervisor_file.mkdir()  # whoever reads it fails, as one who may not

    with pytest.raises(SystemExit) as ended:
        health(live=True)

    assert ended.value.code == UNKNOWN
    assert "supervisor.json" in capsys.readouterr().err


def test_the_thresholds_are_settings():
    strict = replace(LIMITS, health=HealthSettings(lag_records_warning=1, lag_records_critical=2))

    assert [one.level for one in judge(role(lag=2), strict)] == [CRITICAL]


def test_the_worst_stands_first_and_what_is_known_bad_before_what_is_unknown():
    facts = replace(disk(None), broker_answers=False, stores_set_aside=1)

    verdicts = judge(facts, LIMITS)

    assert [one.level for one in verdicts] == [CRITICAL, UNKNOWN, WARNING]
    assert worst(verdicts) is CRITICAL


@pytest.mark.parametrize(
    ("facts", "plain", "live", "ready"),
    [
        (WELL, 0, 0, 0),
        (role(lag=1_000), 1, 0, 0),
        (role(state="starting"), 1, 0, 2),
        (role(lag=100_000), 2, 0, 2),
        (role(lives=False), 2, 2, 2),
        (disk(None), 3, 0, 0),
    ],
)
def test_exit_codes_are_those_of_nagios_and_a_probe_fails_or_does_not(facts, plain, live, ready):
    verdicts = judge(facts, LIMITS)

    assert _exit_code(verdicts, live=False, ready=False, metrics=False) == plain
    assert _exit_code(verdicts, live=True, ready=False, metrics=False) == live
    assert _exit_code(verdicts, live=False, ready=True, metrics=False) == ready
    assert _exit_code(verdicts, live=False, ready=False, metrics=True) == 0


# --- facts from files ----------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path):
    settings = Settings(home=tmp_path / "home")
    settings.make_folders()
    return settings


def told(settings, name, **facts):
    (settings.run_dir / f"{name}.json").write_text(json.dumps({"role": name, **facts}))


def test_without_a_supervisor_a_role_is_what_its_own_file_and_process_say(settings):
    told(settings, "gate", pid=own_identity().pid, state="running", beat_at_seconds=0.0, lag=4)

    (gate,) = roles(settings, None)

    assert (gate.name, gate.lives, gate.state, gate.lag) == ("gate", True, "running", 4)
    assert gate.silent_seconds > 0


def test_a_role_that_is_asked_for_and_never_told_is_gone(settings):
    (gate,) = roles(settings, "gate")

    assert not gate.lives


def test_where_nothing_ever_ran_there_is_no_role(settings):
    assert list(roles(settings, None)) == []


def test_of_a_supervised_role_the_word_of_its_life_before_does_not_count(settings):
    me = own_identity().as_dict()
    kept = {"name": "gate", "restarts": 2, "deaths": 1, **me}
    state = {**me, "phase": "ready", "processes": [kept]}
    settings.supervisor_file.write_text(json.dumps(state))
    told(settings, "gate", pid=me["pid"] + 1, state="running", beat_at_seconds=1e9, lag=4)

    (gate,) = roles(settings, None)

    assert (gate.lives, gate.state, gate.lag) == (True, None, None)
    assert (gate.restarts, gate.deaths) == (2, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"pid": "x"}',
        "\x00",
        '{"pid": 1, "beat_at_seconds": "now"}',
        '{"pid": 1, "lag": "much"}',
        '{"pid": 1, "counts": 5}',
        '{"pid": 1, "alarms": null}',
    ],
)
def test_a_file_that_tells_nothing_is_no_error(settings, text):
    (settings.run_dir / "gate.json").write_text(text)

    assert not any(one.lives for one in roles(settings, "gate"))


@pytest.mark.parametrize("left_out", ["processes", "pid"])
def test_a_supervisors_file_without_its_facts_is_that_of_none(settings, left_out):
    facts = {**own_identity().as_dict(), "phase": "ready", "processes": []}
    del facts[left_out]
    settings.supervisor_file.write_text(json.dumps(facts))

    assert list(roles(settings, None)) == []


def test_the_days_of_own_certificates_and_of_partners_are_counted(settings):
    now = datetime.now(UTC)
    pki = Pki(settings.pki_dir)
    pki.create(now)
    pki.ensure(("linker", "partner:council"), now)
    (newest_bundle(settings.pki_dir, "linker") / "certificate.pem").chmod(0o600)
    (newest_bundle(settings.pki_dir, "linker") / "certificate.pem").write_text("no PEM")

    assert dict(_certificates(settings, "linker", now)) == {"linker": None}
    everything = dict(_certificates(settings, None, now))
    assert everything["linker"] is None
    assert 89 < everything["partner:council"] <= 90
    later = dict(_certificates(settings, None, now + timedelta(days=100)))
    assert later["partner:council"] < 0


# --- metrics -------------------------------------------------------------------------------------


def test_the_same_facts_are_prometheus_text():
    facts = replace(
        role(
            lag=12, counts={"reports_waiting": 3}, alarms=("topic_missing partner.a.submissions",)
        ),
        certificate_days={'odd"name\\': 1.5},
    )
    lines = exposition(facts, judge(facts, LIMITS)).splitlines()

    assert "rivelin_health_level 2" in lines
    assert 'rivelin_role_lag_records{role="gate"} 12' in lines
    assert 'rivelin_role_count{role="gate",count="reports_waiting"} 3' in lines
    assert f'rivelin_disk_free_bytes{{place="home"}} {50 << 30}' in lines
    assert r'rivelin_certificate_days_left{principal="odd\"name\\"} 1.500' in lines
    names = [line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")]
    helped = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert helped == list(dict.fromkeys(names))
