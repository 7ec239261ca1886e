"""Laws of the linker's memory: a fold of the log, wherever it was cut and whatever was kept."""

from __future__ import annotations

import asyncio
import random
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymiser.linker.stage import Linker
from anonymiser.linker.store import LinkStore
from streams.loop import StageRunner
from streams.ports import Outgoing
from streams.restricted import LinkReviewed
from streams.topics import REPORT_KEYS, REVIEW_COMMANDS
from streams.values import LinkVerdict, NodeKind
from tests.enclave import (
    NHS,
    OTHER_NHS,
    PARTNERS,
    Enclave,
    corrected,
    mention,
    person,
    report,
    seeded_ids,
    thing,
)
from tests.linker_memory import remembered

AT = datetime(2026, 2, 1, tzinfo=UTC)
_HOME = {"address": "3 Nowhere Gardens", "postcode": "S99 9ZZ"}
_NAMES = st.sampled_from(["Tomke", "Timke", "Arvid", "Arvvid"])
_IDENTITIES = st.fixed_dictionaries(
    {"given_name": _NAMES, "family_name": st.just("Testmann")},
    optional={
        "born_on": st.sampled_from([date(2011, 5, 4), date(2011, 5, 7), date(1994, 3, 17)]),
        "nhs_number": st.sampled_from([NHS, OTHER_NHS]),
        "address": st.just(_HOME["address"]),
        "postcode": st.just(_HOME["postcode"]),
    },
)
_PICK = st.integers(0, 10**6)
_STEPS = st.one_of(
    st.tuples(st.just("submit"), _IDENTITIES, st.sampled_from(sorted(PARTNERS))),
    st.tuples(st.just("submit"), _IDENTITIES, st.sampled_from(sorted(PARTNERS))),
    st.tuples(st.just("correct"), _IDENTITIES, _PICK),
    st.tuples(st.just("withdraw"), _PICK),
    st.tuples(st.just("split"), _PICK),
    st.tuples(st.just("review"), st.sampled_from(LinkVerdict), _PICK, _PICK),
    st.tuples(st.just("shred"), _PICK),
)
_WHAT_NEXT = st.sampled_from(["go on", "go on", "keep", "stop", "kill"])


class Story:
    """Takes steps in an enclave whose linker is kept, stopped and killed in between."""

    def __init__(self, folder):
        self.path = folder / "linker.sqlite"
        self.enclave = Enclave(linker=self._linker(seeded_ids()))
        self.reports = []
        self.ids = []
        self._number = 0

    def _linker(self, ids):
        store = LinkStore.open(self.path, "laws", datetime.now(UTC), spacing=3600.0)
        return Linker(Enclave().keys, ids, store=store)

    async def take(self, step):
        match step:
            case ("submit", identity, partner):
                self._number += 1
                told = report(
                    person(**identity),
                    thing(NodeKind.PHONE, phone="07700 900123"),
                    partner=partner,
                    report_id=UUID(int=self._number),
                )
                self.reports.append(told)
                await self.enclave.submit(told)
            case ("correct", identity, pick) if self.reports:
                place = pick % len(self.reports)
                self.reports[place] = corrected(self.reports[place], person(**identity))
                await self.enclave.submit(self.reports[place])
            case ("withdraw", pick) if self.reports:
                await self.enclave.withdraw(self.reports[pick % len(self.reports)])
            case ("split", pick) if self.reports:
                told = self.reports[pick % len(self.reports)]
                key = (told.partner, told.report_id, 0)
                if key in self.enclave.mentions():
                    await self.enclave.split(self.enclave.mentions()[key], mention(told))
            case ("review", verdict, one, other):
                await self._review(verdict, one, other)
            case ("shred", pick):
                records = self.enclave.log.records(REPORT_KEYS)
                if records:
                    key = records[pick % len(records)].key
                    await self.enclave.log.append([Outgoing(REPORT_KEYS, None, key)])
        self.ids = sorted({*self.ids, *self.enclave.mentions().values()})

    async def _review(self, verdict, one, other):
        if not self.ids:
            return
        left, right = self.ids[one % len(self.ids)], self.ids[other % len(self.ids)]
        event = LinkReviewed(
            kind=NodeKind.PERSON,
            left_id=left,
            right_id=right,
            verdict=verdict,
            decided_by="reviewer-1",
            decided_at=AT,
        )
        await self.enclave.write(REVIEW_COMMANDS, event)
        await self.enclave.settle()

    async def then(self, what):
        if what == "keep":
            self.enclave.linker._keep(at_once=True)
        elif what in ("stop", "kill"):
            self.enclave.linker.close(keep=what == "stop")
            self.enclave.linker = self._linker(self.enclave.linker._new_id)
            await self.enclave._start()

    async def live(self):
        """What the linker knows once it has seen every key that is gone."""
        await self.enclave._stages[1]._refresh()
        return remembered(self.enclave.linker)

    async def of_the_log(self, interleaving):
        """What a linker makes of the same log, read in another interleaving of its topics."""
        anew = Linker(self.enclave.keys, seeded_ids())
        runner = StageRunner(anew, Interleaved(self.enclave.log, interleaving))
        await runner._recover()
        anew._settle()
        return remembered(anew)


class Interleaved:
    """A log whose reader hands the topics out in an order of its own; each in order."""

    def __init__(self, log, seed):
        self._log = log
        self._random = random.Random(seed)

    def __getattr__(self, name):
        return getattr(self._log, name)

    def source(self):
        return Shuffling(self._log.source(), self._random)


class Shuffling:
    def __init__(self, source, dice):
        self._source = source
        self._random = dice

    def __getattr__(self, name):
        return getattr(self._source, name)

    async def poll(self, limit, wait):
        records = list(await self._source.poll(limit, wait))
        queues = {}
        for record in records:
            queues.setdefault(record.topic, []).append(record)
        mixed = []
        while queues:
            topic = self._random.choice(sorted(queues))
            mixed.append(queues[topic].pop(0))
            if not queues[topic]:
                del queues[topic]
        return mixed


def played(steps, whats, check):
    async def play():
        with tempfile.TemporaryDirectory() as folder:
            story = Story(Path(folder))
            await story.enclave.start()
            for step, what in zip(steps, whats, strict=True):
                await story.take(step)
                await story.then(what)
            await check(story)
            story.enclave.linker.close(keep=False)

    asyncio.run(play())


_LAWS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@_LAWS
@given(st.lists(st.tuples(_STEPS, _WHAT_NEXT), min_size=1, max_size=12), st.integers(0, 99))
def test_live_memory_is_what_the_log_makes_wherever_the_linker_was_cut(story, interleaving):
    async def check(played_story):
        live = await played_story.live()
        assert live == await played_story.of_the_log(interleaving)

    steps, whats = zip(*story, strict=True)
    played(steps, whats, check)


@_LAWS
@given(st.lists(st.tuples(_STEPS, _WHAT_NEXT), min_size=1, max_size=10))
def test_a_linker_that_is_stopped_and_killed_decides_as_one_that_is_not(story):
    steps, whats = zip(*story, strict=True)
    decided = []

    async def check(played_story):
        decided.append(played_story.enclave.mentions())

    played(steps, whats, check)
    played(steps, ["go on"] * len(steps), check)
    assert len(decided[0]) == len(decided[1])
    assert _partition(decided[0]) == _partition(decided[1])


def _partition(mentions):
    """Who is with whom, whatever the ids are."""
    groups = {}
    for key, entity in mentions.items():
        groups.setdefault(entity, set()).add(key)
    return sorted(sorted(map(str, group)) for group in groups.values())
