"""The numbers of the review desk, version 1; each is policy and may be argued about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPolicy:
    """How much is asked of reviewers, and how long anything may wait.

    `decisions_per_day` bounds what one reviewer decides on one London day:
    clerical review tires, and a tired reviewer says "same". Planted pairs
    count as well, or they could be told by it. `planted_per_hundred` open
    links are pairs of known truth, at least `planted_min` once there is
    anything to review. A question to a holder that got no answer within
    `answer_after` may be put again. `decoys_per_holder` records of
    the same partner that nobody doubts are asked about with each that is: so
    one question in five at most is about a doubt, whoever is asked. A partner
    that has not so many other records is not asked at all.
    """

    version: int = 1
    decisions_per_day: int = 40
    planted_per_hundred: int = 5
    planted_min: int = 2
    escalate_after: timedelta = timedelta(days=5)
    answer_after: timedelta = timedelta(days=14)
    decoys_per_holder: int = 4
