"""The drill: a town is backed up while it reports, its home is lost, and everything goes on.

Nothing lost, nothing twice, alerts equal, erased stays erased, and the replay of the restored
system is the state that it had. Then what can be wrong, each in one line and nothing in place.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from deploy.backup.cut import spec_of
from deploy.backup.manifest import topic_path
from deploy.backup.records import classes_of, read_records
from deploy.cli import main
from deploy.settings import Settings
from streams.codec import decode
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.restricted import ReportKeysWrapped
from streams.shared import AlertRaised, FeedbackGiven, PoliceReportShared
from streams.topics import (
    ALERTS,
    ERASURES,
    POLICE,
    REPORT_KEYS,
    RESOLUTIONS,
    SAFEGUARDING,
    feedback_of,
    submissions_of,
)
from streams.values import Outcome
from tests.integration.test_full_disk import small_disk
from tests.integration.test_partner_commands import START_SECONDS_MAX, Terminal
from tests.integration.test_review_desk_live import report
from tests.leaks.canaries import Maker

HOMES, SCHOOL = "loxley-homes", "porter-youth"
PARTNERS = (HOMES, SCHOOL)
if TYPE_CHECKING:
    from pathlib import Path

#: Evidence: must come back record by record, with offset, time, key, value and headers.
EVIDENCE = (POLICE, SAFEGUARDING, ALERTS, RESOLUTIONS, "registry.events", "audit.operations",
            "enclave.public-keys", *(submissions_of(one) for one in PARTNERS),
            *(feedback_of(one) for one in PARTNERS))  # fmt: skip


class Home(Terminal):
    """A home that is backed up, lost and restored; what is kept apart lies beside it."""

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home / "home")

    def onboard(self, partner, kind):
        self.run(
            "partner", "add", partner, "--name", partner, "--type", kind, "--agreement", "ISA-1",
            "--service", "tenancy-enforcement:PERSONAL", "--expires", "2099-12-31",
            "--gateway", "CDA_1998_S115=DISRUPT_ORGANISED_CRIME",
        )  # fmt: skip

    def send(self, *reports, code=0):
        """Send reports of one partner; return their outcomes."""
        file = self.home / f"{uuid.uuid4().hex}.json"
        file.write_text(json.dumps(list(reports)))
        rows = self.json("submit", file, "--partner", reports[0]["partner"], "--wait", 60,
                         code=code)  # fmt: skip
        return [row["outcome"] for row in rows]

    def records(self, *topics):
        """Every committed record of some topics: offset, time, key and value."""

        async def read():
            log = KafkaLog(self.settings.access("supervisor"), client_id="test-drill")
            try:
                return [one async for some in read_to_end(log, topics) for one in some]
            finally:
                await log.stop()

        return asyncio.run(read())

    def events(self, topic):
        classes = classes_of(spec_of(topic))
        return [decode(one.value, *classes) for one in self.records(topic) if one.value]

    def until(self, look):
        deadline = time.monotonic() + 60
        while not (found := look()):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return found


def scene(partner, number):
    """A network of three, and a child whom one of them exploits: an alert follows."""
    names = Maker(1_000 + number)
    people = [
        {
            "label": f"p{one}",
            "kind": "PERSON",
            "person": {"sex": "MALE", "age": 14 if one == 3 else 30, "role": "SUSPECT"},
            "identity": {
                "given_name": names.word(),
                "family_name": names.word(),
                "born_on": names.day(date(2012 if one == 3 else 1970 + number, 1, 1)).isoformat(),
            },
        }
        for one in range(4)
    ]
    people[3]["person"]["role"] = "VICTIM"
    ties = [
        {"subject": "p0", "object": "p1", "kind": "CO_OFFENDER"},
        {"subject": "p1", "object": "p2", "kind": "CO_OFFENDER"},
        {"subject": "p0", "object": "p3", "kind": "EXPLOITS"},
    ]
    return report(partner, "x", nodes=people, relations=ties)


@dataclass
class Drill:
    """What was there before the loss, and what came after it."""

    home: Home
    sent: list = field(default_factory=list)
    outcomes: Counter = field(default_factory=Counter)
    erased: str = ""
    erased_again: list = field(default_factory=list)
    backup: Path | None = None
    apart: Path | None = None

    def send(self, partner, numbers):
        reports = [scene(partner, number) for number in numbers]
        self.sent += reports
        self.outcomes.update(self.home.send(*reports))

    def kept(self, topic):
        """What the backup holds of a topic."""
        return [one.as_record(topic) for one in read_records(self.backup / topic_path(topic))]


@pytest.fixture(scope="module")
def drill(tmp_path_factory):
    """Back up in the midst of it, erase, lose the home, restore, start, go on."""
    home = Home(tmp_path_factory.mktemp("drill"))
    drill = Drill(home, apart=home.home / "apart")
    drill.apart.mkdir()
    try:
        home.run("up", "--detach", seconds=START_SECONDS_MAX)
        home.onboard(HOMES, "housing")
        home.onboard(SCHOOL, "council")
        _before_the_loss(drill)
        home.run("down")
        shutil.rmtree(home.home / "home")
        _restore(drill)
        home.run("up", "--detach", seconds=START_SECONDS_MAX)
        _after(drill)
        yield drill
    finally:
        home.run("down")


def _before_the_loss(drill):
    home, apart = drill.home, drill.apart
    drill.send(HOMES, range(4))
    home.until(lambda: len(home.events(ALERTS)) >= 4)
    drill.backup = home.home / "backup"
    beside = threading.Thread(target=drill.send, args=(SCHOOL, range(4, 24)))
    beside.start()
    home.until(lambda: len(home.records(submissions_of(SCHOOL))) >= 3)
    home.run("backup", drill.backup)
    beside.join()
    home.run("keys", "recovery", apart / "public", "--first", apart / "first",
             "--second", apart / "second")  # fmt: skip
    home.run("keys", "export", apart / "keys", "--to", apart / "public")
    drill.erased = drill.sent[0]["report_id"]
    why = ("--reason", "SUBJECT_REQUEST", "--as", "Ida Keeper", "--yes")
    home.run("erase", "subject", drill.erased, 0, *why)
    home.run("erase", "export", apart / "ledger")


def _restore(drill):
    drill.home.run("restore", drill.backup, *with_keys(drill.apart), "--ledger",
                   drill.apart / "ledger")  # fmt: skip
    drill.home.run("verify", drill.backup)


def with_keys(apart):
    shares = ("--share", apart / "first", "--share", apart / "second")
    return ("--keys", apart / "keys", *shares)


def _after(drill):
    """Partners send again what they sent after the backup; then somebody reports anew."""
    home = drill.home
    for partner in PARTNERS:
        again = [one for one in drill.sent
                 if one["partner"] == partner and one["report_id"] != drill.erased]  # fmt: skip
        drill.outcomes.update(home.send(*again))
    drill.erased_again = home.send(drill.sent[0], code=3)
    drill.send(HOMES, (24,))
    home.until(lambda: len({one.child_id for one in home.events(ALERTS)
                            if isinstance(one, AlertRaised)}) >= len(drill.sent))  # fmt: skip


@pytest.mark.parametrize("topic", EVIDENCE)
def test_every_record_is_back_at_its_offset_with_its_time(drill, topic):
    kept = drill.kept(topic)
    assert drill.home.records(topic)[: len(kept)] == kept


def test_the_backup_was_taken_while_reports_came_in(drill):
    kept = drill.kept(submissions_of(SCHOOL))
    assert 3 <= len(kept) <= 20
    assert len(drill.kept(submissions_of(HOMES))) == 4


def test_nothing_is_lost_and_nothing_twice(drill):
    """Every report went to police once, whatever was done before and after the loss."""
    shared = Counter(
        one.report_id for one in drill.home.events(POLICE) if isinstance(one, PoliceReportShared)
    )
    assert len(shared) == len(drill.sent) == 25
    assert set(shared.values()) == {1}
    for partner in PARTNERS:
        given = [one for one in drill.home.events(feedback_of(partner))
                 if isinstance(one, FeedbackGiven) and one.outcome is Outcome.SHARED]  # fmt: skip
        mine = {one["report_id"] for one in drill.sent if one["partner"] == partner}
        assert Counter(str(one.report_id) for one in given) == dict.fromkeys(mine, 1)


def test_alerts_are_as_they_were_and_each_new_child_has_one(drill):
    raised = [one for one in drill.home.events(ALERTS) if isinstance(one, AlertRaised)]
    assert len({one.alert_id for one in raised}) == len(raised)
    assert len({one.child_id for one in raised}) == len(drill.sent)


def test_the_replay_of_the_restored_system_is_its_state(drill):
    assert all(one["equal"] for one in drill.home.json("replay"))


def test_what_was_erased_after_the_backup_stays_erased(drill):
    """The backup has the key, the restored log never had it, and nobody stores it again."""

    def parts(records):
        found = [decode(one.value, ReportKeysWrapped) for one in records if one.value]
        return [{key.part for key in one.keys} for one in found
                if str(one.report_id) == drill.erased]  # fmt: skip

    assert {1, 2, 3, 4} <= parts(drill.kept(REPORT_KEYS))[0]
    left = parts(drill.home.records(REPORT_KEYS))
    assert left
    assert all(1 not in one and {0, 2, 3, 4} <= one for one in left)
    assert drill.kept(ERASURES) == []
    assert drill.erased_again == ["REFUSED"]
    (entry,) = drill.home.events(ERASURES)
    assert str(entry.report_id) == drill.erased


def test_no_key_lies_in_the_backup_in_the_clear(drill):
    secrets = [path.read_bytes()[-32:] for path in (drill.home.home / "home/keys").glob("*.key")]
    assert len(secrets) >= 6
    for folder in (drill.backup, drill.apart):
        for path in folder.rglob("*"):
            data = path.read_bytes() if path.is_file() else b""
            for secret in secrets:
                for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
                    assert form not in data, path.name
    modes = {path.stat().st_mode & 0o077 for path in drill.backup.rglob("*")}
    assert modes == {0}


# --- what can be wrong ---------------------------------------------------------------------------


class Elsewhere(Home):
    """Another place for a restore; types commands in this very process, which is quicker."""

    def run(self, *arguments, code=0, seconds=0):
        out, err, ended = io.StringIO(), io.StringIO(), 0
        typed = ["rivelin", *map(str, arguments)]
        with (
            mock.patch.dict(os.environ, {"RIVELIN_HOME": str(self.home / "home")}),
            mock.patch.object(sys, "argv", typed),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                ended = end.code or 0
        assert ended == code, (typed, ended, out.getvalue(), err.getvalue())
        return subprocess.CompletedProcess(typed, ended, out.getvalue(), err.getvalue())

    def refuses(self, words, *arguments, code=3):
        done = self.run(*arguments, code=code)
        line = done.stderr.strip()
        assert words in line, line
        assert "Traceback" not in line
        assert line.startswith("rivelin: ")
        assert "\n" not in line
        assert not (self.home / "home").exists() or not any((self.home / "home").iterdir())
        assert [one.name for one in self.home.iterdir() if one.name.startswith(".")] == []


@pytest.fixture
def place(tmp_path):
    return Elsewhere(tmp_path)


@pytest.fixture
def copy(drill, tmp_path):
    """A copy of the backup, to be spoilt."""
    shutil.copytree(drill.backup, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_backup_that_is_cut_short_or_changed_is_not_restored(drill, place, copy):
    path = copy / topic_path(POLICE)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    place.refuses("police.intelligence.avro is cut short", "restore", copy,
                  *with_keys(drill.apart))  # fmt: skip
    path.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    place.refuses("police.intelligence.avro was changed", "restore", copy, *with_keys(drill.apart))
    place.refuses("police.intelligence.avro was changed", "verify", copy)


def test_the_keys_of_another_installation_are_refused(drill, place, tmp_path):
    other = Elsewhere(tmp_path / "other")
    other.home.mkdir()
    other.run("keys", "create")
    other.run("keys", "export", other.home / "keys", "--to", drill.apart / "public")
    shares = ("--share", drill.apart / "first", "--share", drill.apart / "second")
    place.refuses("they open nothing of it", "restore", drill.backup, "--keys",
                  other.home / "keys", *shares, code=4)  # fmt: skip


def test_one_person_alone_opens_nothing(drill, place):
    alone = ("--keys", drill.apart / "keys", "--share", drill.apart / "first")
    place.refuses("give it twice", "restore", drill.backup, *alone)
    place.refuses("number 1 and number 2", "restore", drill.backup, *alone,
                  "--share", drill.apart / "first")  # fmt: skip


def test_a_home_that_is_in_use_is_left_alone(drill, place):
    here = Elsewhere(drill.home.home)
    running = here.run("restore", drill.backup, *with_keys(drill.apart), code=1)
    assert "`rivelin down` first" in running.stderr
    (place.home / "home").mkdir()
    (place.home / "home" / "letter").write_text("mine")
    done = place.run("restore", drill.backup, *with_keys(drill.apart), code=3)
    assert "is not empty" in done.stderr
    assert (place.home / "home" / "letter").read_text() == "mine"
    occupied = here.run("backup", drill.backup, code=3)
    assert "is not empty" in occupied.stderr


def test_a_full_disk_leaves_nothing_behind(drill, tmp_path):
    with small_disk(tmp_path / "small", "1m") as small:
        place = Elsewhere(small)
        place.refuses("MB are needed", "restore", drill.backup, *with_keys(drill.apart), code=1)
        (small / "filler").write_bytes(bytes(900_000))
        done = Elsewhere(drill.home.home).run("backup", small / "backup", code=1)
        assert "No space left on device" in done.stderr
        assert done.stderr.count("\n") == 1
        assert [one.name for one in small.iterdir()] == ["filler"]
