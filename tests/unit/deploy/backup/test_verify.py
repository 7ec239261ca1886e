"""A backup proves itself from its files alone, and any change of them is named in one line."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.backup.cut import spec_of
from deploy.backup.erasures import ledger_of
from deploy.backup.errors import DamagedBackupError, StrangeLedgerError
from deploy.backup.folder import BackupLog
from deploy.backup.manifest import Manifest, TopicEntry, entry_of, topic_path, write_manifest
from deploy.backup.proof import replay_hashes
from deploy.backup.records import Kept, RecordFile, classes_of, is_readable, read_records
from deploy.backup.verify import verify_backup
from streams.codec import decode, encode
from streams.loop import read_to_end
from streams.restricted import ErasureRecorded, ReportKeysWrapped
from streams.topics import (
    ERASURES,
    POLICE,
    REPORT_KEYS,
    SAFEGUARDING,
    SHARED_TOPICS,
    partner_topics,
    submissions_of,
)
from streams.values import ErasureReason
from tests.enclave import PARTNERS, Enclave, person, report

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FIRST = "loxley-council"


def milliseconds(at):
    return round(at.timestamp() * 1000)


class Written:
    """A backup of what an enclave over the log in memory has done."""

    def __init__(self, folder, log) -> None:
        self.folder = folder
        self.topics = {}
        (folder / "topics").mkdir()
        names = [spec.name for spec in SHARED_TOPICS]
        names += [spec.name for one in PARTNERS for spec in partner_topics(one)]
        for name in names:
            kept = [Kept(r.offset, milliseconds(r.appended_at), r.key, r.value)
                    for r in log.records(name)]  # fmt: skip
            self.write(name, kept, len(log._topics[name]))
        self.replay = {}
        self.sign()

    def write(self, name, kept, end):
        path = self.folder / topic_path(name)
        with path.open("wb") as file:
            records = RecordFile(file)
            for one in kept:
                records.add(one)
            records.end()
        facts, classes = entry_of(path), classes_of(spec_of(name))
        self.topics[name] = TopicEntry(
            sha256=facts.sha256, bytes=facts.bytes, records=len(kept), start=0, end=end,
            unreadable=sum(not is_readable(one, classes) for one in kept),
        )  # fmt: skip

    def kept(self, name):
        return list(read_records(self.folder / topic_path(name)))

    def manifest(self, **changes):
        facts = {
            "program": "rivelin", "made_at": AT, "files": {}, "topics": self.topics,
            "signer": KEY.public_key().public_bytes_raw().hex(),
            "positions": {"rivelin-gate": {"enclave.outgoing": 3}}, "replay": self.replay,
        }  # fmt: skip
        return Manifest(**(facts | changes))

    def sign(self, **changes):
        write_manifest(self.folder, self.manifest(**changes), KEY)

    async def prove(self):
        ends = {name: entry.end for name, entry in self.topics.items()}
        self.replay = await replay_hashes(BackupLog(self.folder, self.manifest()), ends)
        self.sign()


async def played():
    enclave = await Enclave().start()
    for number in range(6):
        one = person(given_name=f"Arvid{number}", family_name="Testmann", nhs_number=None)
        await enclave.submit(report(one))
    return enclave.log


@pytest.fixture(scope="module")
def log():
    return asyncio.run(played())


@pytest.fixture
async def backup(tmp_path, log):
    written = Written(tmp_path, log)
    await written.prove()
    return written


async def test_a_whole_backup_verifies_and_folds_to_what_the_log_does(backup, log):
    manifest = await verify_backup(backup.folder)
    ends = {name: entry.end for name, entry in backup.topics.items()}
    assert manifest.replay == await replay_hashes(log, ends)
    assert manifest.topics[POLICE].records > 5
    assert manifest.topics[POLICE].gaps > 0


async def test_records_read_through_the_backup_as_from_the_log(backup, log):
    files = BackupLog(backup.folder, backup.manifest())
    for topics in ((POLICE, SAFEGUARDING), (submissions_of(FIRST),)):
        for limit in (1, 3, 500):
            found = [one async for some in read_to_end(files, topics, limit) for one in some]
            wanted = [one for topic in topics for one in log.records(topic)]
            assert found == wanted


async def refused(backup, words):
    with pytest.raises(DamagedBackupError, match=words) as told:
        await verify_backup(backup.folder)
    assert "\n" not in str(told.value)


async def test_every_changed_byte_of_every_file_is_noticed(backup):
    source = random.Random(3)
    for path in sorted(backup.folder.rglob("*")):
        if not path.is_file():
            continue
        before = path.read_bytes()
        place = source.randrange(len(before))
        path.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
        with pytest.raises(DamagedBackupError) as told:
            await verify_backup(backup.folder)
        assert "\n" not in str(told.value)
        path.write_bytes(before)
    await verify_backup(backup.folder)


async def test_a_file_cut_short_missing_or_too_many_is_named(backup):
    path = backup.folder / topic_path(POLICE)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    await refused(backup, "police.intelligence.avro is cut short")
    path.unlink()
    await refused(backup, "police.intelligence.avro is missing")
    path.write_bytes(whole)
    (backup.folder / "topics" / "more.avro").write_bytes(b"")
    await refused(backup, "does not name topics/more.avro")


@pytest.mark.parametrize("target", ["nowhere", ".."])
async def test_a_link_that_nobody_put_there_is_named(backup, target):
    (backup.folder / "topics" / "more").symlink_to(target)
    await refused(backup, "does not name topics/more")


async def test_a_folder_that_is_no_backup_is_told(tmp_path):
    with pytest.raises(DamagedBackupError, match="no backup"):
        await verify_backup(tmp_path)


async def test_a_missing_submission_is_noticed_although_all_was_signed_anew(backup):
    name = submissions_of(FIRST)
    kept, end = backup.kept(name), backup.topics[name].end
    for without in (0, 2, len(kept) - 1):
        backup.write(name, kept[:without] + kept[without + 1 :], end)
        backup.sign()
        await refused(backup, "stands where|missing")


async def test_records_out_of_order_or_beyond_the_end_are_noticed(backup):
    kept, end = backup.kept(POLICE), backup.topics[POLICE].end
    backup.write(POLICE, [kept[1], kept[0], *kept[2:]], end)
    backup.sign()
    await refused(backup, "offset 0 stands where")
    backup.write(POLICE, kept, kept[-1].offset)
    backup.sign()
    await refused(backup, "police.intelligence")


async def test_another_state_than_recorded_is_noticed(backup):
    kept, end = backup.kept(POLICE), backup.topics[POLICE].end
    backup.write(POLICE, kept[:-1], end)
    backup.sign()
    await refused(backup, "replay of ocg_network gives another state")


async def test_an_event_that_reads_no_longer_is_noticed(backup):
    kept, end = backup.kept(SAFEGUARDING), backup.topics[SAFEGUARDING].end
    spoilt = Kept(kept[0].offset, kept[0].timestamp, None, b"\x00junk")
    counted = backup.topics[SAFEGUARDING].unreadable
    backup.write(SAFEGUARDING, [spoilt, *kept[1:]], end)
    facts = backup.topics[SAFEGUARDING].model_copy(update={"unreadable": counted})
    backup.topics[SAFEGUARDING] = facts
    backup.sign()
    await refused(backup, "1 records cannot be read, 0 when")


async def test_a_manifest_of_somebody_else_or_changed_is_refused(backup):
    path = backup.folder / "manifest.json"
    told = json.loads(path.read_text())
    told["positions"]["rivelin-gate"]["enclave.outgoing"] = 0
    path.write_text(json.dumps(told))
    await refused(backup, "signature")
    backup.sign()
    fingerprint = backup.manifest().fingerprint
    await verify_backup(backup.folder, fingerprint)
    with pytest.raises(DamagedBackupError, match="signed by"):
        await verify_backup(backup.folder, "00" * 32)


@pytest.mark.parametrize("name", ["../outside/x", "/etc/x", "x"])
async def test_a_manifest_never_leads_out_of_its_folder(backup, name):
    backup.sign(files={name: {"sha256": "0" * 64, "bytes": 1}})
    await refused(backup, "outside its folder")


@pytest.mark.parametrize("name", ["files/keys/token-1.key", "files/kafka/x", "keys/token-1.key"])
async def test_a_manifest_names_no_file_that_a_restore_would_take_for_another(backup, name):
    backup.sign(files={name: {"sha256": "0" * 64, "bytes": 1}})
    await refused(backup, "no backup of ours")


# --- the erasure ledger ------------------------------------------------------------------------


def erasure(wrapped, subject=None):
    return ErasureRecorded(
        partner=wrapped.partner, report_id=wrapped.report_id, subject=subject,
        revision=None if subject is None else wrapped.revision,
        reason=ErasureReason.SUBJECT_REQUEST, decided_by="Ida", confirmed_by=None, decided_at=AT,
    )  # fmt: skip


async def test_the_ledger_takes_keys_out_before_anything_is_written(backup):
    kept = [one for one in backup.kept(REPORT_KEYS) if one.value]
    whole, subject, other = (decode(one.value, ReportKeysWrapped) for one in kept[:3])
    ledger = ledger_of(
        backup.folder, backup.manifest(), (erasure(whole), erasure(subject, subject=0))
    )
    assert ledger.left_of(REPORT_KEYS, kept[0]) is None
    left = decode(ledger.left_of(REPORT_KEYS, kept[1]).value, ReportKeysWrapped)
    assert [key.part for key in left.keys] == [0]
    assert [key.part for key in subject.keys] == [0, 1]
    assert ledger.left_of(REPORT_KEYS, kept[2]) is kept[2]
    assert other.keys
    assert ledger.left_of(POLICE, kept[0]) is kept[0]
    appended = list(ledger.appended(ERASURES, 4, AT))
    assert [one.offset for one in appended] == [4, 5]
    assert list(ledger.appended(POLICE, 4, AT)) == []


async def test_an_older_ledger_adds_nothing_and_another_installations_is_refused(backup):
    wrapped = [decode(one.value, ReportKeysWrapped) for one in backup.kept(REPORT_KEYS)]
    inside = [erasure(one) for one in wrapped[:2]]
    backup.write(ERASURES, [Kept(n, 5, None, encode(one)) for n, one in enumerate(inside)], 2)
    manifest = backup.manifest()
    for known in ((), inside[:1], inside):
        ledger = ledger_of(backup.folder, manifest, known)
        assert ledger.later == ()
        assert ledger.erasures.is_whole(wrapped[1].partner, wrapped[1].report_id)
    newer = ledger_of(backup.folder, manifest, (*inside, erasure(wrapped[2])))
    assert newer.later == (erasure(wrapped[2]),)
    with pytest.raises(StrangeLedgerError):
        ledger_of(backup.folder, manifest, (erasure(wrapped[3]),))
