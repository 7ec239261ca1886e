"""A cut that counts is consistent, however the system moves on between two looks.

The world takes random steps before each answer: partners submit, a stage writes to two topics,
commits by markers one after the other, and only then its position shows. What Kafka does so.
"""

from __future__ import annotations

import random

import pytest

from deploy.backup.cut import Cut, _try, take_cut
from streams.topics import POLICE, SAFEGUARDING, submissions_of

INPUT = submissions_of("loxley-homes")
GROUP = "rivelin-gate"


class World:
    """One stage that takes one submission into two topics in each transaction."""

    def __init__(self, seed, pace) -> None:
        self._random = random.Random(seed)
        self._pace = pace
        self.submitted = 0
        self.position = 0
        self.written = {POLICE: 0, SAFEGUARDING: 0}
        self.committed = {POLICE: 0, SAFEGUARDING: 0}
        self.offsets_pending = False
        self._plan = []

    def move(self):
        """Let some time pass."""
        for _ in range(self._random.choice(self._pace)):
            if self._random.random() < 0.3:
                self.submitted += 1
            elif self._plan:
                self._plan.pop(0)()
            elif self.position < self.submitted:
                self._begin()

    def _begin(self):
        topics = [POLICE, SAFEGUARDING]
        self._random.shuffle(topics)
        self._plan = [lambda one=one: self._write(one) for one in topics]
        self._plan.append(self._send_offsets)
        markers = [lambda one=one: self._mark(one) for one in topics] + [self._move_position]
        self._random.shuffle(markers)
        self._plan += markers

    def _write(self, topic):
        self.written[topic] += 1

    def _send_offsets(self):
        self.offsets_pending = True

    def _mark(self, topic):
        self.written[topic] += 1  # the marker
        self.committed[topic] = self.written[topic]

    def _move_position(self):
        self.position += 1
        self.offsets_pending = False

    # --- what the backup asks

    async def ends(self, *, committed):
        self.move()
        seen = self.committed if committed else self.written
        return {**seen, INPUT: self.submitted}

    async def read_on(self, ends):
        self.move()

    def positions(self):
        self.move()
        return None if self.offsets_pending else {GROUP: {INPUT: self.position}}


def is_consistent(cut: Cut) -> bool:
    """Each submission taken is two offsets in either topic; none was taken that is not there."""
    taken = cut.positions[GROUP][INPUT]
    return cut.ends[POLICE] == cut.ends[SAFEGUARDING] == 2 * taken and taken <= cut.ends[INPUT]


@pytest.mark.parametrize("pace", [(0, 0, 1), (0, 1, 2), (0, 0, 0, 9)])
async def test_every_cut_that_counts_is_consistent(pace):
    taken = 0
    for seed in range(400):
        world = World(seed, pace)
        for _ in range(10):
            cut = await _try(world, world, world)
            if cut is not None:
                assert is_consistent(cut), (seed, pace)
                taken += 1
    assert taken > 40


async def test_the_control_looking_once_is_not_enough():
    """Without the second look many a cut loses a report or has it twice."""
    wrong = 0
    for seed in range(400):
        world = World(seed, (0, 1, 2))
        for _ in range(10):
            positions = world.positions()
            ends = await world.ends(committed=True)
            wrong += positions is not None and not is_consistent(Cut(ends, positions))
    assert wrong > 100


async def test_a_system_that_never_rests_gives_no_cut():
    world = World(1, (40,))
    assert await take_cut(world, world, world, 0.2) is None
