"""The linker and its store: what is folded at a start, and when the store is not to be trusted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from anonymiser.linker.stage import Linker, TokenEpochError
from anonymiser.linker.store import LinkStore
from streams.codec import decode, encode
from streams.loop import StageRunner
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.restricted import RecordRetokenised, ReportKeysWrapped, ReportTokenised
from streams.sealing import seal
from streams.topics import REPORT_KEYS, RESOLUTIONS, TOKENISED, feedback_of, submissions_of
from tests.enclave import ARVID, NHS, Enclave, corrected, person, report, seeded_ids
from tests.linker_memory import remembered

_SELDOM = 3600.0


class CountingLinker(Linker):
    """Counts what it folds at a start."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.read = {RESOLUTIONS: 0, REPORT_KEYS: 0}

    def recover(self, records):
        for record in records:
            self.read[record.topic] += 1
        super().recover(records)


class Kept(Enclave):
    """An enclave whose linker keeps its memory in a file."""

    def __init__(self, path, log=None):
        super().__init__(log=log)
        self.path = path
        self.linker.close(keep=False)
        self.linker = self._new(seeded_ids())

    def _new(self, ids):
        store = LinkStore.open(self.path, "tests", datetime.now(UTC), spacing=_SELDOM)
        return CountingLinker(self.keys, ids, store=store)

    def keep(self):
        self.linker._keep(at_once=True)

    async def begin_anew(self, *, keep):
        """End the linker, in order or killed, and start it again on its file."""
        self.linker.close(keep=keep)
        ids = self.linker._new_id
        self.linker = self._new(ids)
        await self._start()

    def rebuilt(self):
        """A second memory, of the log alone."""
        return Linker(self.keys, seeded_ids())


async def of_the_log(enclave):
    """What a linker without a store makes of the same log."""
    anew = Linker(enclave.keys, seeded_ids())
    runner = StageRunner(anew, enclave.log)
    await runner._recover()
    await runner._start_reference()
    anew._settle()
    return remembered(anew)


@pytest.fixture
async def enclave(tmp_path):
    return await Kept(tmp_path / "linker.sqlite").start()


async def told(enclave, count=3):
    reports = [report(person(**ARVID)) for _ in range(count)]
    await enclave.submit(*reports)
    return reports


async def test_after_an_orderly_stop_nothing_is_folded_but_the_last_decision_looked_at(enclave):
    await told(enclave)
    before = remembered(enclave.linker)
    await enclave.begin_anew(keep=True)
    assert enclave.linker.read[RESOLUTIONS] == 1
    assert remembered(enclave.linker) == before == await of_the_log(enclave)


async def test_after_a_kill_only_the_tail_behind_the_store_is_folded(enclave):
    await told(enclave, 5)
    enclave.keep()
    await told(enclave, 1)
    before = remembered(enclave.linker)
    await enclave.begin_anew(keep=False)
    assert enclave.linker.read[RESOLUTIONS] == 1 + 2  # the last one kept, one report, one mention
    assert remembered(enclave.linker) == before == await of_the_log(enclave)


async def test_it_goes_on_linking_as_if_nothing_had_happened(enclave):
    (first, *_) = await told(enclave)
    await enclave.begin_anew(keep=True)
    later = report(person(**ARVID), partner="porter-housing")
    await enclave.submit(later)
    assert enclave.who(later) == enclave.who(first)


async def test_a_key_that_lies_before_the_tail_is_found(enclave):
    """The keys of a report are known long before it comes, when the linker was far behind."""
    await told(enclave, 1)
    waiting = [report(person(**{**ARVID, "given_name": "Imke"})) for _ in range(3)]
    intake, linker = enclave._stages[0], enclave._stages[1]
    key = enclave.keys.sealing[1].public()
    for one in waiting:
        await enclave.write(submissions_of(one.partner), seal(one, key))
    while await intake.turn():
        pass
    await linker._refresh()  # it knows the keys of all three, and keeps that
    enclave.keep()
    enclave.keep()
    await enclave.settle()
    before = remembered(enclave.linker)
    await enclave.begin_anew(keep=False)
    assert remembered(enclave.linker) == before == await of_the_log(enclave)


async def test_a_store_of_another_log_is_made_anew(enclave, tmp_path, caplog):
    await told(enclave)
    enclave.linker.close(keep=True)
    other = await Kept(tmp_path / "other.sqlite", MemoryLog()).start()
    elsewhere = [report(person(nhs_number=NHS)) for _ in range(4)]
    await other.submit(*elsewhere)
    other.linker.close(keep=False)
    other.path = enclave.path
    other.linker = other._new(seeded_ids())
    await other._start()
    assert remembered(other.linker) == await of_the_log(other)
    assert "another log" in caplog.text


async def test_a_store_that_is_ahead_of_its_log_is_made_anew(enclave):
    await told(enclave, 5)
    enclave.linker.close(keep=True)
    shorter = Kept.__new__(Kept)
    Enclave.__init__(shorter, log=MemoryLog())
    shorter.path, shorter.linker = enclave.path, None
    shorter.linker = shorter._new(seeded_ids())
    await shorter.start()
    assert remembered(shorter.linker) == await of_the_log(shorter)
    assert remembered(shorter.linker)["reports"] == []


async def test_what_another_linker_wrote_meanwhile_is_not_missed(enclave, tmp_path):
    """A fenced linker's store names the last decision of its own, never the log's end."""
    await told(enclave, 2)
    old = enclave.linker
    second = Kept(tmp_path / "second.sqlite", enclave.log)
    second.partners = enclave.partners
    await second._start()
    (last,) = [report(person(**ARVID), partner="porter-housing")]
    await second.submit(last)
    old.keep({})
    old.close(keep=True)
    second.linker.close(keep=True)
    enclave.linker = enclave._new(seeded_ids(5))
    await enclave._start()
    assert remembered(enclave.linker) == await of_the_log(enclave)
    assert enclave.linker.read[RESOLUTIONS] == 1 + 2


async def shred(enclave, place=0):
    record = enclave.log.records(REPORT_KEYS)[place]
    await enclave.log.append([Outgoing(REPORT_KEYS, None, record.key)])


async def test_a_key_that_was_deleted_while_the_linker_was_away_takes_the_tokens_with_it(enclave):
    await told(enclave, 1)
    enclave.keep()
    packed = remembered(enclave.linker)["spellings"][0][1]
    assert packed[:40] in enclave.path.read_bytes()
    enclave.linker.close(keep=True)
    await shred(enclave)
    enclave.linker = enclave._new(seeded_ids(4))
    await enclave._start()
    assert remembered(enclave.linker)["spellings"][0][1] == b""
    enclave.keep()
    assert packed[:40] not in everything(enclave)
    assert packed[8:16] not in everything(enclave)


async def test_a_key_that_is_deleted_under_a_running_linker_takes_the_tokens_from_the_file(enclave):
    await told(enclave, 1)
    enclave.keep()
    packed = remembered(enclave.linker)["spellings"][0][1]
    await shred(enclave)
    runner = enclave._stages[1]
    await runner._refresh()  # as an idle role does once a second
    runner._stored.keep({})
    assert packed[8:16] not in everything(enclave)
    assert remembered(enclave.linker)["blocks"] == []


async def test_a_report_that_is_corrected_leaves_nothing_of_what_it_said(enclave):
    (first,) = await told(enclave, 1)
    enclave.keep()
    packed = remembered(enclave.linker)["spellings"][0][1]
    await enclave.submit(corrected(first, person(given_name="Somebody")))
    enclave.keep()
    for start in range(8, len(packed), 8):
        assert packed[start : start + 8] not in everything(enclave)


async def test_wrapped_keys_are_no_part_of_the_store(enclave):
    await told(enclave, 1)
    enclave.keep()
    (record,) = enclave.log.records(REPORT_KEYS)
    for key in decode(record.value, ReportKeysWrapped).keys:
        assert key.wrapped not in everything(enclave)
    assert encode(decode(record.value, ReportKeysWrapped)) == record.value


def everything(enclave):
    return b"".join(one.read_bytes() for one in enclave.path.parent.iterdir())


async def test_tokens_of_another_key_are_compared_with_nobody(enclave):
    (first,) = await told(enclave, 1)
    (record,) = enclave.log.records(TOKENISED)
    other = replace(decode(record.value, ReportTokenised), report_id=UUID(int=99), token_epoch=2)
    before = remembered(enclave.linker)
    await enclave.write(TOKENISED, other)
    await enclave.settle()
    assert remembered(enclave.linker) == before
    assert len(enclave.events("enclave.quarantine")) == 1
    (receipt,) = [
        one for one in enclave.events(feedback_of(first.partner)) if one.report_id == UUID(int=99)
    ]
    assert [reason.code for reason in receipt.reasons] == ["token_epoch"]


async def test_a_linker_whose_records_are_under_two_keys_refuses_to_start(enclave):
    (first, _) = await told(enclave, 2)
    event = RecordRetokenised(
        partner=first.partner,
        report_id=first.report_id,
        revision=1,
        token_epoch=2,
        content_digest=b"other",
        origin_token=None,
        subjects=(),
    )
    enclave.linker.close(keep=True)
    await enclave.write(RESOLUTIONS, event)
    enclave.linker = enclave._new(seeded_ids(8))
    with pytest.raises(TokenEpochError, match="rotate token"):
        await enclave._start()
