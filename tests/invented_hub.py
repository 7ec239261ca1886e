"""Builders of what the hub decides about invented alerts, and a hub whose clock a test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid5

from consumers.safeguarding import Safeguarding
from consumers.safeguarding.rounds import AlertVersion
from consumers.store import ProjectionStore
from consumers.worker import ProjectionRunner
from streams.codec import decode, encode
from streams.codes import (
    CloseReason,
    NeedReason,
    ProvisionKind,
    ReferralRefusal,
    ReferralRoute,
)
from streams.hub import (
    AlertClaimed,
    AlertClosed,
    ProvisionAnswered,
    ProvisionListed,
    ProvisionOffered,
    ReferralAccepted,
    ReferralDeclined,
    ReferralMade,
    ThresholdAssessed,
)
from streams.loop import NO_WAIT
from streams.memory import MemoryLog
from streams.ocg import DeadlinePassed
from streams.ports import Outgoing
from streams.taxonomy import RelationKind
from streams.topics import HUB_DECISIONS, SAFEGUARDING
from streams.values import PartnerType
from tests.invented_evidence import NAMESPACE, NO, Told

ANN, BEN, SUE = "Ann Invented", "Ben Invented", "Sue Invented"
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Wall:
    """A clock on the wall that a test sets; each reading of the log's moves it a millisecond."""

    def __init__(self, now=MONDAY):
        self.now = now

    def __call__(self):
        return self.now

    def forward(self, **duration):
        self.now += timedelta(**duration)


def hub_id(name):
    return uuid5(NAMESPACE, f"hub {name}")


def as_id(alert):
    return hub_id(alert) if isinstance(alert, str) else alert


def version(number, *, supported=True, at=MONDAY):
    """A version of an alert, as the machine finds it."""
    return AlertVersion(number, supported, at)


def _who(by, at):
    return {"decided_by": by, "decided_at": at}


def claimed(alert, by=ANN, at=MONDAY):
    return AlertClaimed(alert_id=as_id(alert), **_who(by, at))


def assessed(alert, level=3, by=ANN, at=MONDAY, *, reasons=(NeedReason.MISSING,), continuum=1):
    return ThresholdAssessed(
        alert_id=as_id(alert), level=level, continuum=continuum, reasons=reasons, **_who(by, at)
    )


def referred(name, alert, by=ANN, at=MONDAY, *, route=ReferralRoute.CHILDRENS_SOCIAL_CARE):
    return ReferralMade(
        referral_id=hub_id(name), alert_id=as_id(alert), route=route, **_who(by, at)
    )


def accepted(name, by=SUE, at=MONDAY):
    return ReferralAccepted(referral_id=hub_id(name), **_who(by, at))


def declined(name, by=SUE, at=MONDAY, reason=ReferralRefusal.NOT_ENOUGH_KNOWN):
    return ReferralDeclined(referral_id=hub_id(name), reason=reason, **_who(by, at))


def closed(alert, seen=1, by=ANN, at=MONDAY, reason=CloseReason.KNOWN_ALREADY):
    return AlertClosed(alert_id=as_id(alert), reason=reason, seen=seen, **_who(by, at))


def listed(name, places=2, by=ANN, at=MONDAY, area="S5"):
    return ProvisionListed(
        provision_id=hub_id(name),
        kind=ProvisionKind.MENTORING,
        sector=PartnerType.VOLUNTARY,
        area=area,
        places=places,
        **_who(by, at),
    )


def offered(name, provision, alert, by=ANN, at=MONDAY):
    return ProvisionOffered(
        offer_id=hub_id(name),
        provision_id=hub_id(provision),
        alert_id=as_id(alert),
        **_who(by, at),
    )


def answered(name, *, taken_up=True, by=ANN, at=MONDAY):
    return ProvisionAnswered(offer_id=hub_id(name), taken_up=taken_up, **_who(by, at))


def a_group(name="g"):
    """Three who offend together: suspected nominals."""
    people = [f"{name}-{one}" for one in ("ada", "bob", "cyd")]
    told = Told(f"{name}-group").tie(people[0], RelationKind.CO_OFFENDER, *people[1:])
    return told.suspect(people[0]).person(*people[1:], child=NO)


def a_child(name="g", child="kit", report="child"):
    """A child whom one of them exploits: an alert follows."""
    told = Told(f"{name}-{report}").tie(f"{name}-ada", RelationKind.EXPLOITS, f"{name}-{child}")
    return told.child(f"{name}-{child}")


class Hub:
    """The safeguarding projection over a log in memory; the clock is the wall's for both."""

    def __init__(self, wall=None, log=None, store=None):
        self.wall = wall or Wall()
        self.log = log or MemoryLog(self.wall)
        self.projection = Safeguarding()
        self.store = store or ProjectionStore.in_memory(self.projection)
        self.runner = ProjectionRunner(self.projection, self.store, self.log, clock=self.wall)
        self._started = False

    async def hear(self, *events):
        for event in events:
            topic = SAFEGUARDING if hasattr(event, "safeguarding") else HUB_DECISIONS
            value = encode(event.safeguarding() if topic == SAFEGUARDING else event)
            await self.log.append([Outgoing(topic, value)])
        return await self.read()

    async def read(self):
        if not self._started:
            await self.runner.start()
            self._started = True
        quiet = 0
        while quiet < 2:  # what a turn publishes only the next one reads
            quiet = 0 if await self.runner.turn(NO_WAIT) else quiet + 1
        return self

    def restarted(self):
        """Another process, on the same store and log."""
        return Hub(self.wall, self.log, self.store)

    def rebuilt(self):
        """Another process, on an empty store."""
        return Hub(self.wall, self.log)

    def alert_ids(self):
        return sorted(self.projection.hub.facts, key=str)

    def passed(self):
        """What was told as passed on the topic of decisions."""
        values = [record.value for record in self.log.records(HUB_DECISIONS)]
        return [decode(one, DeadlinePassed) for one in values if _is_passed(one)]

    def rows(self, table):
        with self.store.snapshot() as snapshot:
            return list(snapshot.rows(table))

    def look(self, view, *arguments):
        with self.store.snapshot() as snapshot:
            return view(snapshot.connection, *arguments)


def _is_passed(value):
    return value[:5] == encode(_SAMPLE)[:5]


_SAMPLE = DeadlinePassed(
    deadline_id=hub_id("sample"),
    kind="TRIAGE_DUE",
    subject_id=hub_id("sample"),
    person_id=None,
    due_at=MONDAY,
    passed_at=MONDAY,
)
