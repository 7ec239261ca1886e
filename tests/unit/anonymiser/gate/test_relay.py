"""Doubts about children as the gate remembers them, in whatever order its topics are read."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID

import pytest

from anonymiser.gate.audience import AudienceIds
from anonymiser.gate.effects import Effect
from anonymiser.gate.relay import DoubtRelay, link_key, put
from streams.restricted import (
    AskedHolder,
    EnclaveMention,
    LinkDecided,
    PossibleLink,
    PossibleLinkClosed,
    QuestionAsked,
)
from streams.shared import PossibleLinkTold
from streams.topics import HELD, SAFEGUARDING, feedback_of
from streams.values import Audience, LinkClosed, LinkQuestion, LinkVerdict, NodeKind
from tests.invented_evidence import NO, Told, an_id, merged, split

AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
IDS = AudienceIds(Audience.SAFEGUARDING, dict.fromkeys(Audience, bytes(range(32))))


def inner(name):
    """The enclave's id of somebody whom safeguarding knows under the id of that name."""
    return IDS.entity_behind(an_id(name))


def doubt(left="kim", right="kit"):
    return PossibleLink(
        kind=NodeKind.PERSON,
        left_id=inner(left),
        right_id=inner(right),
        agreed=("born_on",),
        contradicted=("given_name",),
        noticed_at=AT,
    )


def decided(verdict=LinkVerdict.DIFFERENT):
    return LinkDecided(
        kind=NodeKind.PERSON,
        left_id=inner("kim"),
        right_id=inner("kit"),
        left_root=inner("kim"),
        right_root=inner("kit"),
        verdict=verdict,
        decided_by="Ida",
        decided_at=AT,
    )


def closed():
    return PossibleLinkClosed(
        kind=NodeKind.PERSON,
        left_id=inner("kim"),
        right_id=inner("kit"),
        reason=LinkClosed.GONE,
        closed_at=AT,
    )


def told(*, is_open=True):
    event = PossibleLinkTold(left_id=an_id("kim"), right_id=an_id("kit"), open=is_open)
    return Effect(SAFEGUARDING, event)


class Gate:
    """A relay as the gate runs it: what it writes it remembers."""

    def __init__(self):
        self.relay = DoubtRelay(IDS)
        self.written = []

    def take(self, event):
        return self._settle(list(self.relay.take(event)))

    def share(self, event):
        return self._settle([Effect(SAFEGUARDING, event)])[1:]

    def _settle(self, effects):
        for effect in effects:
            self.relay.remember(effect)
        self.written += effects
        due = list(self.relay.due(effects))
        return [*effects, *self._settle(due)] if due else effects


@pytest.fixture
def gate():
    return Gate()


def a_child(name, report="R1"):
    return Told(report).child(name).safeguarding()


def test_a_doubt_about_a_known_child_is_told_at_once_whichever_side_the_child_is(gate):
    gate.share(a_child("kit"))

    assert gate.take(doubt()) == [told()]


def test_a_doubt_about_nobody_known_waits_and_is_told_with_the_child(gate):
    (waits,) = gate.take(doubt())
    assert (waits.topic, waits.key) == (HELD, link_key(inner("kim"), inner("kit")))

    let_go = Effect(HELD, None, link_key(inner("kim"), inner("kit")))
    assert gate.share(a_child("kim")) == [told(), let_go]
    assert gate.share(a_child("kit", "R2")) == []


def test_grown_up_and_unknown_people_are_no_children(gate):
    gate.share(Told("R1").person("kim", child=NO).person("kit").safeguarding())

    assert [effect.topic for effect in gate.take(doubt())] == [HELD]


def test_the_same_doubt_again_is_told_no_second_time(gate):
    gate.take(doubt())
    assert gate.take(doubt()) == []
    gate.share(a_child("kim"))
    assert gate.take(doubt()) == []


@pytest.mark.parametrize("ends", [decided(), decided(LinkVerdict.SAME), closed()])
def test_what_was_told_is_taken_back_once(gate, ends):
    gate.share(a_child("kim"))
    gate.take(doubt())

    assert gate.take(ends) == [told(is_open=False)]
    assert gate.take(ends) == []


@pytest.mark.parametrize("ends", [decided(), closed()])
def test_what_still_waits_is_let_go_and_never_told(gate, ends):
    gate.take(doubt())
    (let_go,) = gate.take(ends)

    assert (let_go.topic, let_go.event) == (HELD, None)
    assert gate.share(a_child("kim")) == []


def test_unsure_ends_nothing(gate):
    gate.share(a_child("kim"))
    gate.take(doubt())

    assert gate.take(decided(LinkVerdict.UNSURE)) == []


def test_a_doubt_that_comes_up_again_is_told_again(gate):
    gate.share(a_child("kim"))
    for event in (doubt(), decided()):
        gate.take(event)

    assert gate.take(doubt()) == [told()]


def test_a_child_that_was_merged_with_a_side_makes_the_side_a_childs(gate):
    gate.take(doubt())
    gate.share(merged("kid", "kim"))

    assert gate.share(a_child("kid"))[0] == told()


def test_a_split_takes_the_merge_back(gate):
    gate.take(doubt())
    gate.share(merged("kid", "kim"))
    gate.share(split("kid", "kim"))

    assert gate.share(a_child("kid")) == []


def test_memory_is_the_same_in_whatever_order_the_two_topics_are_read(gate):
    gate.take(doubt())
    gate.take(doubt("kim", "kid"))
    gate.share(merged("ada", "kid"))
    gate.share(a_child("ada"))
    gate.take(doubt("bob", "cyd"))
    by_topic = [[one for one in gate.written if one.topic == t] for t in (HELD, SAFEGUARDING)]
    for order in permutations(by_topic):
        again = Gate()
        for effects in order:
            for effect in effects:
                again.relay.remember(effect)
        assert _memory(again) == _memory(gate)


def _memory(gate):
    relay = gate.relay
    return relay._told, relay._waiting, relay._children, relay._kept


# --- questions -----------------------------------------------------------------------


def test_each_holder_is_told_by_itself_and_nothing_of_another_or_of_decoys():
    holders = tuple(
        AskedHolder(
            question_id=UUID(int=n),
            mention=EnclaveMention(partner=partner, report_id=UUID(int=10 + n), node=n),
            decoy=n == 2,
        )
        for n, partner in enumerate(("loxley-council", "porter-housing", "sheaf-health"))
    )
    asked = QuestionAsked(
        kind=NodeKind.PERSON,
        left_id=inner("kim"),
        right_id=inner("kit"),
        question=LinkQuestion.NHS_NUMBER,
        holders=holders,
        asked_by="Ida",
        asked_at=AT,
    )
    effects = list(put(asked, AT))

    assert [one.topic for one in effects] == [
        feedback_of(one) for one in ("loxley-council", "porter-housing", "sheaf-health")
    ]
    for holder, effect in zip(holders, effects, strict=True):
        written = effect.outgoing().value
        assert effect.event.question_id == holder.question_id
        others = [one for one in holders if one is not holder]
        assert not [one for one in others if one.question_id.bytes in written]
        assert not [one for one in others if one.mention.report_id.bytes in written]
        assert inner("kim").bytes not in written
        assert b"Ida" not in written
    sizes = {len(effect.outgoing().value) for effect in effects}
    assert len(sizes) == 1


def test_random_histories_never_tell_a_doubt_twice_or_take_back_what_was_not_told():
    source, names = random.Random(8), ["kim", "kit", "kid", "mum"]
    for _ in range(200):
        gate, is_open, roots = Gate(), {}, list(names)
        for number in range(30):
            step = source.randrange(4)
            if step == 0:
                left, right = source.sample(names, 2)
                gate.take(doubt(left, right))
            elif step == 1:
                gate.share(a_child(source.choice(names), f"R{number}"))
            elif step == 2:
                gate.take(source.choice((decided(), closed())))
            elif len(roots) > 1:  # only what stands for itself is ever merged
                kept, absorbed = source.sample(roots, 2)
                roots.remove(absorbed)
                gate.share(merged(kept, absorbed))
        for effect in gate.written:
            if isinstance(effect.event, PossibleLinkTold):
                pair = (effect.event.left_id, effect.event.right_id)
                assert is_open.get(pair, False) is not effect.event.open
                is_open[pair] = effect.event.open
