"""The hub hears that a person comes into another age band, in the week of the birthday.

It is told as the last day of the ISO week begins, of everybody of that week together: no birthday
of the week is still to come, and the moment says no more than the week does. Told is only what
follows from a report that the hub has and that showed it an age band (small cells may have taken
it away). Where birth dates contradict each other nothing is told, contradicting ages are for
people; and what was told is taken back (band UNKNOWN) once nothing bears it out any longer, so
that nobody stays an adult by mistake.

A change tells a birthday within a week, which with sex and place can single a child out. So it is
told only where at least k people could still be meant by all that the hub was shown, and counts
from then on; otherwise it is withheld, and counted: the hub goes on taking the person for younger.

The gate compares what follows from the mentions with what it told, so a late report, a merge, a
split, a withdrawal and a start all come to the same. See `births` for what is kept.
"""

from __future__ import annotations

import heapq
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from anonymiser.gate.births import BEGINS, Turn, due_at, is_next, week_after, week_of
from anonymiser.gate.cells import SMALL_CELL
from anonymiser.gate.effects import Effect, Withheld, kept_back
from anonymiser.gate.relays import Relay
from streams.instants import london_day
from streams.restricted import MentionsNoted
from streams.shared import AgeBandChanged, ReportWithdrawn, SafeguardingReportShared
from streams.topics import SAFEGUARDING
from streams.values import AgeBand, Audience, NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from anonymiser.gate.mentions import Mentions
    from anonymiser.gate.state import Seen

_AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHILDREN: Final = frozenset(AgeBand) - {AgeBand.ADULT, AgeBand.UNKNOWN}


class AgeRelay(Relay):
    """Who comes into which band when, and what the hub was told of it. Ids are the enclave's."""

    def __init__(
        self, hub: Seen, mentions: Mentions, lets: Callable[[UUID, AgeBand, str], bool]
    ) -> None:
        """Start with no memory. `lets` asks the small cells about a safeguarding id."""
        self._hub = hub
        self._mentions = mentions
        self._lets = lets
        #: Who may have something to be told: a child by birth date once, or told of before.
        self._young: set[bytes] = set()
        self._unsettled: set[bytes] = set()
        self._told: dict[bytes, AgeBand] = {}
        self._shown: dict[bytes, int] = {}  # nodes of a report that were shown as children, as bits
        self._by_week: dict[str, set[bytes]] = {}
        self._weeks: list[str] = []
        #: What was told was due: no clock that is behind takes it back.
        self._since = _AT_ONCE
        #: Whose week has just come: what is withheld of them is counted, once.
        self._come: set[bytes] = set()

    # --- memory -----------------------------------------------------------------------

    def changed(self, persons: Iterable[bytes]) -> None:
        """Take note whose mentions changed."""
        self._unsettled.update(one for one in persons if one in self._young)

    def remember(self, effect: Effect) -> None:
        """Fold one of the gate's own records in."""
        match effect.event:
            case MentionsNoted(persons=persons):
                children = {one.entity_id.bytes for one in persons if one.week is not None}
                self._young |= children
                self._unsettled |= children
            case SafeguardingReportShared() as event:
                self._show(event)
            case ReportWithdrawn(report_id=report) if effect.topic == SAFEGUARDING:
                self._shown.pop(report.bytes, None)
            case AgeBandChanged(person_id=person, age_band=band):
                self._told[person.bytes] = band
                if band is not AgeBand.UNKNOWN:
                    self._since = max(self._since, due_at(effect.event.week))
                self._young.add(self._hub.ids.entity_behind(person).bytes)
            case _:
                return

    def _show(self, event: SafeguardingReportShared) -> None:
        children = [
            node
            for node in event.nodes
            if node.kind is NodeKind.PERSON and node.age_band in _CHILDREN
        ]
        self._shown.pop(event.report_id.bytes, None)
        if children:
            self._shown[event.report_id.bytes] = sum(1 << node.node for node in children)
        self.changed(self._hub.ids.entity_behind(node.entity_id).bytes for node in event.nodes)

    # --- telling ----------------------------------------------------------------------

    def due(self, effects: Sequence[Effect], at: datetime) -> Iterator[Effect]:  # noqa: ARG002 - see Relay
        """Tell what follows at once: the report was late, or bears out no longer what was told."""
        yield from self._settle(at)

    def due_at(self) -> datetime | None:
        """Return when the next week of changes is told."""
        if self._unsettled:
            return _AT_ONCE
        return due_at(self._weeks[0]) if self._weeks else None

    def tick(self, at: datetime) -> Iterator[Effect]:
        """Tell everybody's change of every week whose last day has begun."""
        while self._weeks and due_at(self._weeks[0]) <= at:
            come = self._by_week.pop(heapq.heappop(self._weeks))
            self._unsettled |= come
            self._come |= come
        yield from self._settle(at)

    def counts(self) -> Mapping[str, int]:
        """Return for how many weeks there is something to tell."""
        return {"age_weeks_waiting": len(self._weeks)}

    def _settle(self, at: datetime) -> Iterator[Effect]:
        """Tell of one person of each family: of the next once the cells know of that."""
        unsettled, self._unsettled = self._unsettled, set()
        now = max(at, self._since)
        found = ((self._of(UUID(bytes=one), now), one) for one in unsettled)
        events = [(event, one) for event, one in found if event is not None]
        families: set[int] = set()
        for event, one in sorted(events, key=lambda each: each[0].person_id.bytes):
            family = id(self._hub.shown.tied(event.person_id.bytes) or event)
            if family in families:
                self._unsettled.add(one)
            elif event.age_band is AgeBand.UNKNOWN or self._lets(
                event.person_id, event.age_band, event.week
            ):
                families.add(family)
                yield Effect(SAFEGUARDING, event)
            elif one in self._come:
                yield kept_back(Audience.SAFEGUARDING, Withheld.AGE_BAND, SMALL_CELL, at)
        self._come &= self._unsettled

    def _of(self, entity_id: UUID, at: datetime) -> AgeBandChanged | None:
        """Return what the hub is to be told of a person, and note when that will be more."""
        if not self._hub.has_entity(entity_id):
            return None
        come = [one for one in self._turns(entity_id) if self._has_come(one, entity_id, at)]
        person_id = self._hub.ids.entity(entity_id)
        known = self._told.get(person_id.bytes, AgeBand.UNKNOWN)
        band = come[-1].band if come else AgeBand.UNKNOWN
        if band is known:
            return None
        week = (come[-1].week if come else None) or week_of(london_day(at))
        return AgeBandChanged(person_id=person_id, age_band=band, week=week)

    def _has_come(self, turn: Turn, entity_id: UUID, at: datetime) -> bool:
        if turn.week is None or due_at(turn.week) <= at:
            return True
        if turn.week not in self._by_week:
            heapq.heappush(self._weeks, turn.week)
        self._by_week.setdefault(turn.week, set()).add(entity_id.bytes)
        return False

    def _turns(self, entity_id: UUID) -> list[Turn]:
        """Return the bands that a person comes into, youngest first; nothing in doubt."""
        turns: list[Turn] = []
        adult_in: list[str] = []
        is_shown = False
        for report, person in self._mentions.naming(entity_id):
            if person.contradicts:
                return []
            if person.turns is None:
                continue
            if person.week is None:
                adult_in.append(report.event_week)
                continue
            turns.append(Turn(person.turns, person.week))
            shown = self._shown.get(self._hub.ids.report(report.partner, report.report_id).bytes, 0)
            is_shown = is_shown or bool(shown >> person.node & 1)
        return _agreed(turns, adult_in) if is_shown else []


def _agreed(turns: Sequence[Turn], adult_in: Sequence[str]) -> list[Turn]:
    """Bring the birth dates of several reports together; nothing where they contradict.

    `adult_in` are weeks in which the person is said to have been an adult already.
    """
    found: list[Turn] = []
    for band in BEGINS:
        exact = {one.week for one in turns if one.band is band}
        weeks = sorted({week for one in turns if (week := week_after(one, band)) is not None})
        if not weeks:
            continue
        known = next(iter(exact), weeks[-1]) or weeks[-1]
        is_one = len(exact) <= 1 and known <= weeks[0] if exact else True
        if not is_one or not is_next(weeks[0], weeks[-1]):
            return []
        found.append(Turn(band, known))
    adult = found[-1].week if found else None
    if adult is not None and any(week < adult and not is_next(week, adult) for week in adult_in):
        return []
    return found
