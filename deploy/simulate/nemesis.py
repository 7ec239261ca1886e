"""What goes wrong, when, and how long everything takes: all of it drawn from one seed.

Each seed allows some kinds of fault and no others ("swarm testing"), and so many of them; a run
without any is among them. Faults fall on the steps that a process makes towards the outside: the
moment before a request leaves, after the broker did what it asked and before the answer is back,
before and after a commit of a database. Those around a transaction are hit more often than reads.
After the last fault everything heals, and the run goes on until all has settled.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from deploy.simulate.loop import Process

ItemT = TypeVar("ItemT")


class Fault(Enum):
    """One kind of thing that goes wrong."""

    KILL = "kill"  # SIGKILL of a process, at a step
    TERM = "term"  # SIGTERM: the process ends in order
    STALE = "stale"  # SIGSTOP; a replacement comes; SIGCONT
    BROKER = "broker"  # SIGKILL of the node, which comes back
    RESET = "reset"  # a connection breaks; the request was done, or was not
    HELD = "held"  # a request is held up until the client has asked again
    SLOW = "slow"  # nothing is answered for some seconds
    REFUSED = "refused"  # the broker cannot write one batch
    MARKERS = "markers"  # markers are written late
    TORN = "torn"  # a node that is killed loses prepared markers (ADR 0011)
    DOUBLE = "double"  # a second process is started beside the first
    REBALANCE = "rebalance"  # the group deals topics out again, and readers stray
    HANG = "hang"  # the reader of a group brings nothing any more


class Fate(Enum):
    """What becomes of one request."""

    FINE = "fine"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    BROKER_BEFORE = "broker killed before"
    BROKER_AFTER = "broker killed after"
    LOST = "lost"
    UNANSWERED = "done and unanswered"
    HELD = "held up"
    SLOW = "slow from here on"


_AT_REQUEST: Final = {
    Fault.KILL: (Fate.KILLED_BEFORE, Fate.KILLED_AFTER),
    Fault.BROKER: (Fate.BROKER_BEFORE, Fate.BROKER_AFTER, Fate.BROKER_AFTER),
    Fault.RESET: (Fate.LOST, Fate.UNANSWERED),
    Fault.HELD: (Fate.HELD,),
    Fault.SLOW: (Fate.SLOW,),
}
_FAULTS_MAX: Final = 7
_READS: Final = frozenset({"fetch", "first fetch", "probing fetch", "ends", "starts", "connect"})
_READ_SHARE: Final = 0.25
#: How much more often a request is hit that decides something.
_SHARES: Final = {
    **dict.fromkeys(_READS, _READ_SHARE),
    "first fetch": 1.5,
    "probing fetch": 10.0,  # on which it hangs whether something is lost
    "commit offsets": 2.0,
    "commit": 3.0,
}
#: What is held up comes through after the client asked for so many other things, or so late.
_HELD_REQUESTS_MAX: Final = 14
_HELD_SECONDS_MAX: Final = 24.0
#: Kafka looks for transactions that are overdue every ten seconds.
_OVERDUE_SECONDS_MAX: Final = 10.0


class Nemesis:
    """Draws faults and durations. `dice` is its alone: what others draw changes nothing here."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.left = dice.choice((0, *range(1, _FAULTS_MAX + 1)))
        #: Of the longest faults a run has one or two, or it would do little else than wait.
        self._waits_left = dice.choice((0, 0, 1, 1, 2))
        wanted = [fault for fault in Fault if dice.random() < 0.5]  # noqa: PLR2004 - one in two
        self.kinds = frozenset(wanted or (Fault.KILL,))
        self._request_kinds = [fault for fault in _AT_REQUEST if fault in self.kinds]
        self._timed_kinds = [
            fault
            for fault in (
                Fault.TERM,
                Fault.STALE,
                Fault.DOUBLE,
                Fault.HANG,
                Fault.REBALANCE,
                Fault.KILL,
            )
            if fault in self.kinds
        ]
        self._rate = dice.choice((0.01, 0.03, 0.1))
        self._slow_until = 0.0

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.left = 0
        self._slow_until = 0.0

    # --- requests ----------------------------------------------------------------------------

    def fate_of(self, process: Process | None, what: str) -> Fate:
        """Decide about one request of a process."""
        if not self.left or process is None or not self._request_kinds:
            return Fate.FINE
        rate = self._rate * _SHARES.get(what, 1.0)
        if self._dice.random() >= rate:
            return Fate.FINE
        fate = self._dice.choice(_AT_REQUEST[self._dice.choice(self._request_kinds)])
        if fate is Fate.HELD:
            if not self._waits_left or what in _READS:
                return Fate.FINE
            self._waits_left -= 1
        self.left -= 1
        return fate

    def held_until(self) -> tuple[int, float]:
        """After how many later requests, or seconds, it comes through all the same."""
        return self._dice.randint(1, _HELD_REQUESTS_MAX), _HELD_SECONDS_MAX

    def given_up_after(self, patience: float) -> float:
        """When the sender of what is held up learns that no answer will come.

        At its own time-out, or since the connection breaks on its side only.
        """
        return self._dice.choice((patience, self._dice.uniform(0.0, 0.5)))

    def latency(self, now: float) -> float:
        """How long a request takes to come to the broker and be done."""
        quick = 0.0002 + 0.002 * self._dice.random()
        return quick + self.slow_seconds(now)

    def slow_seconds(self, now: float) -> float:
        """For how long nothing is answered yet."""
        return max(0.0, self._slow_until - now)

    def slow_down(self, now: float) -> None:
        """Let nothing be answered for some seconds."""
        self._slow_until = now + self._dice.uniform(1.0, 5.0)

    def refuses(self, process: Process | None) -> bool:
        """Whether the broker cannot write a batch."""
        is_hit = (
            self.left > 0
            and process is not None
            and Fault.REFUSED in self.kinds
            and self._dice.random() < self._rate
        )
        self.left -= is_hit
        return is_hit

    def split(self, items: Sequence[ItemT]) -> Iterator[Sequence[ItemT]]:
        """Cut what goes to one topic into one batch or two."""
        cut = self._dice.randrange(len(items)) if self._dice.random() < 0.3 else 0  # noqa: PLR2004 - some
        if cut:
            yield items[:cut]
        yield items[cut:]

    # --- the broker --------------------------------------------------------------------------

    def marker_delay(self) -> float:
        """How long after a decision one marker is written."""
        if Fault.MARKERS in self.kinds and self.left and self._dice.random() < 0.2:  # noqa: PLR2004 - some
            return self._dice.uniform(0.1, 3.0)
        return 0.0005 + 0.004 * self._dice.random()

    def loses_markers(self) -> bool:
        """Whether a node that comes back takes a prepared transaction for finished."""
        return Fault.TORN in self.kinds and self._dice.random() < 0.5  # noqa: PLR2004 - as was seen

    def overdue_seconds(self) -> float:
        """How long after its time a transaction is found to be overdue."""
        return self._dice.uniform(0.0, _OVERDUE_SECONDS_MAX)

    def down_seconds(self) -> float:
        """How long a killed node is away."""
        return self._dice.choice((0.3, 1.0, 3.5))

    def loading_seconds(self) -> float:
        """How long coordinators load after a start."""
        return self._dice.choice((0.0, 0.1, 0.8))

    # --- processes ---------------------------------------------------------------------------

    def kills_now(self, process: Process | None) -> bool:
        """Whether a process dies at a step of its own, such as a commit of its database."""
        is_hit = (
            self.left > 0
            and process is not None
            and Fault.KILL in self.kinds
            and self._dice.random() < self._rate
        )
        self.left -= is_hit
        return is_hit

    def next_timed(self) -> tuple[float, Fault] | None:
        """Return after how many seconds what happens to some process; None when nothing will."""
        if not self.left or not self._timed_kinds:
            return None
        return self._dice.uniform(0.02, 0.6), self._dice.choice(self._timed_kinds)

    def take_one(self, fault: Fault) -> bool:
        """Use up one fault; False if none is left, or none of the long ones."""
        if not self.left:
            return False
        if fault in (Fault.STALE, Fault.HANG):
            if not self._waits_left:
                return False
            self._waits_left -= 1
        self.left -= 1
        return True

    def stopped_seconds(self, session: float) -> float:
        """How long a process is stopped; often until just after its replacement was started."""
        just_after = session + self._dice.uniform(0.0, 0.05)
        return self._dice.choice((0.4, 3.0, just_after, just_after, 14.0))

    def restart_seconds(self) -> float:
        """How long until a dead process is started again."""
        return self._dice.uniform(0.05, 0.4)

    def one_of(self, items: Sequence[ItemT]) -> ItemT:
        """Pick one."""
        return self._dice.choice(items)

    def chance(self, share: float) -> bool:
        """Whether something happens that happens so often."""
        return self._dice.random() < share

    def between(self, low: float, high: float) -> float:
        """Draw a duration."""
        return self._dice.uniform(low, high)

    def strays(self, fault: Fault, share: float) -> bool:
        """Whether something is done wrong that costs no fault of its own, where its kind may be."""
        return fault in self.kinds and self._dice.random() < share
