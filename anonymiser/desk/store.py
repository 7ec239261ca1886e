"""What people at the desk look at, read from the rows of its store."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from anonymiser.desk.cases import Asked, Bar, Case, CaseState, Opinion, Side, in_order
from anonymiser.desk.entries import Hold, Quarantine, Review, Ruling, Waiting
from anonymiser.desk.planted import answered_at
from anonymiser.desk.questions import Holder
from anonymiser.desk.rows_store import DamagedDeskStoreError, DeskRows, NoDeskStoreError, store_path
from streams.errors import InvalidInputError
from streams.restricted import EnclaveMention
from streams.values import Answer, LinkClosed, LinkQuestion, LinkVerdict, NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

#: What was said before new evidence raised the link again counts no longer; both times are the
#: broker's. A planted pair was noticed by the desk's own clock, and is never raised again.
_COUNTS: Final = "(l.planted IS NOT NULL OR r.appended_at >= l.noticed_at)"
#: To be ended with a verdict: "unsure" leaves a link open for a second reviewer.
_DECIDED: Final = "EXISTS (SELECT 1 FROM reviews r WHERE r.link_id = l.link_id AND " + _COUNTS  # noqa: S608 - no value in it
_ON_BOTH_SIDES: Final = (
    "EXISTS (SELECT 1 FROM mentions m WHERE m.entity_id = l.left_root)"
    " AND EXISTS (SELECT 1 FROM mentions m WHERE m.entity_id = l.right_root)"
)
_REAL_OPEN: Final = (
    "l.planted IS NULL AND l.closed IS NULL AND l.left_root <> l.right_root"
    f" AND NOT {_DECIDED} AND r.verdict <> 'UNSURE') AND {_ON_BOTH_SIDES}"
)
#: Real or planted, as long as nobody has decided.
_SEEN_OPEN: Final = f"(({_REAL_OPEN}) OR (l.planted IS NOT NULL AND NOT {_DECIDED})))"
_PLANTED_OPEN: Final = (
    "l.planted IS NOT NULL"
    f" AND NOT {_DECIDED} AND r.verdict <> 'UNSURE' AND r.decided_by = :reviewer)"
)
#: A link that new evidence raised again waits anew.
_ESCALATED: Final = "e.link_id = l.link_id AND e.at >= l.noticed_at"
_TOUCHES_CHILD: Final = (
    "(json_extract(l.planted, '$.sides[0][2]') OR json_extract(l.planted, '$.sides[1][2]')"
    " OR EXISTS (SELECT 1 FROM mentions m WHERE m.is_child"
    " AND m.entity_id IN (l.left_root, l.right_root)))"
)
_OPEN_QUARANTINE: Final = (
    "NOT EXISTS (SELECT 1 FROM hold_decisions d WHERE d.quarantined_offset = q.offset)"
    " AND NOT EXISTS (SELECT 1 FROM reports p WHERE p.partner = q.partner"
    " AND p.report_id = q.report_id AND (p.is_withdrawn"
    " OR p.revision > q.revision OR (q.stage = 'intake' AND p.revision = q.revision)))"
)


class DeskStore(DeskRows):
    """What people at the desk look at."""

    # --- possible links --------------------------------------------------------------

    def queue(self, reviewer: str, limit: int, now: datetime) -> list[Case]:
        """Return what is open for a reviewer, the first `limit` in the order of the desk."""
        rows = self._all(
            f"SELECT l.link_id FROM links l LEFT JOIN escalations e ON {_ESCALATED}"  # noqa: S608 - no value in it
            f" WHERE ({_REAL_OPEN}) OR ({_PLANTED_OPEN})"
            f" ORDER BY e.at IS NULL, NOT coalesce({_TOUCHES_CHILD}, 0), l.noticed_at, l.link_id"
            " LIMIT :limit",
            {"reviewer": reviewer, "limit": limit},
        )
        return in_order([self.case(UUID(row["link_id"]), reviewer, now) for row in rows])

    def open_links(self, noticed_before: datetime) -> list[tuple[UUID, UUID, datetime]]:
        """Return open links, planted ones too, that nobody escalated yet: both ids, and since."""
        rows = self._all(
            "SELECT l.left_id, l.right_id, l.noticed_at FROM links l"  # noqa: S608 - no value in it
            " WHERE l.noticed_at <= :before"
            f" AND NOT EXISTS (SELECT 1 FROM escalations e WHERE {_ESCALATED})"
            f" AND {_SEEN_OPEN}"
            " ORDER BY l.noticed_at, l.link_id",
            {"before": noticed_before.isoformat()},
        )
        return [(UUID(row[0]), UUID(row[1]), _at(row[2])) for row in rows]

    def counts(self) -> tuple[int, int]:
        """Return how many real links are open, and how many planted ones nobody decided yet."""
        real = f"SELECT count(*) FROM links l WHERE {_REAL_OPEN}"  # noqa: S608 - no value in it
        planted = f"SELECT count(*) FROM links l WHERE l.planted IS NOT NULL AND NOT {_DECIDED})"  # noqa: S608 - no value in it
        return self._number(real), self._number(planted)

    def persons(self) -> int:
        """Return how many persons live reports mention; thresholds grow with them."""
        return self._number("SELECT count(DISTINCT entity_id) FROM mentions WHERE kind = 'PERSON'")

    def find(self, prefix: str) -> UUID:
        """Return the one link whose id begins with `prefix`.

        Raises: InvalidInputError; it does not repeat what was typed.
        """
        typed = prefix.strip().lower()
        is_id = bool(typed) and all(letter in "0123456789abcdef-" for letter in typed)
        rows = self._all("SELECT link_id FROM links WHERE link_id LIKE ? LIMIT 2", (f"{typed}%",))
        if not is_id or not rows:
            raise InvalidInputError("there is no possible link of this id; `rivelin links list`")
        if len(rows) > 1:
            raise InvalidInputError("several possible links begin like this: type more of the id")
        return UUID(rows[0]["link_id"])

    def case(self, link_id: UUID, reviewer: str, now: datetime) -> Case:
        """Return a link as it stands for a reviewer; a planted one is open until they decided."""
        row = self._one("SELECT * FROM links WHERE link_id = ?", (str(link_id),))
        if row is None:
            raise InvalidInputError("there is no possible link of this id")
        planted = json.loads(row["planted"]) if row["planted"] else None
        opinions = self._opinions(row, reviewer if planted else None)
        sides = self._sides(row, planted)
        escalated = self._one(
            "SELECT at FROM escalations WHERE link_id = ? AND at >= ?",
            (row["link_id"], row["noticed_at"]),
        )
        return Case(
            link_id=link_id,
            kind=NodeKind(row["kind"]),
            left_id=UUID(row["left_id"]),
            right_id=UUID(row["right_id"]),
            agreed=tuple(json.loads(row["agreed"])),
            contradicted=tuple(json.loads(row["contradicted"])),
            score_centibits=row["score"],
            weights_version=row["weights_version"],
            bars=tuple(Bar(*bar) for bar in json.loads(row["bars"])),
            noticed_at=_at(row["noticed_at"]),
            escalated_at=None if escalated is None else _at(escalated["at"]),
            sides=sides,
            state=_state(row, opinions, sides),
            opinions=opinions,
            asked=self._asked(row, planted, sides, now),
            planted=planted is not None,
            doubt=row["doubt"],
            taken_over=row["taken_over"],
        )

    def _opinions(self, row: sqlite3.Row, only: str | None) -> tuple[Opinion, ...]:
        """Return what was said since the link was noticed, or noticed again by new evidence.

        Of a planted pair what others decided is not told: to them it is decided, not to you.
        """
        rows = self._all(
            "SELECT r.verdict, r.decided_by, r.decided_at FROM reviews r"  # noqa: S608 - no value in it
            f" JOIN links l ON l.link_id = r.link_id WHERE l.link_id = :link AND {_COUNTS}"
            " AND (:only IS NULL OR r.decided_by = :only OR r.verdict = 'UNSURE')"
            " ORDER BY r.topic, r.offset",
            {"link": row["link_id"], "only": only},
        )
        return tuple(Opinion(LinkVerdict(row[0]), row[1], _at(row[2])) for row in rows)

    def _sides(self, row: sqlite3.Row, planted: Mapping[str, Any] | None) -> tuple[Side, Side]:
        if planted is not None:
            left, right = (Side(*one) for one in planted["sides"])
            return left, right
        return self._side(row["left_root"]), self._side(row["right_root"])

    def _side(self, entity: str) -> Side:
        row = self._one(
            "SELECT count(DISTINCT partner || ' ' || report_id), count(DISTINCT partner),"
            " coalesce(max(is_child), 0) FROM mentions WHERE entity_id = ?",
            (entity,),
        )
        return Side(row[0], row[1], bool(row[2])) if row is not None else Side(0, 0, False)  # noqa: FBT003 - no child

    # --- questions ---------------------------------------------------------------------

    def holders(
        self, link_id: UUID, decoys: int, choose: Callable[[int], int]
    ) -> tuple[tuple[Holder, ...], tuple[Holder, ...]]:
        """Return for each side a record of each partner, each with its `decoys`.

        `choose` gives a random number below the one it is given.
        """
        find = "SELECT left_root, right_root FROM links WHERE link_id = ?"
        row = self._one(find, (str(link_id),))
        roots = (str(row["left_root"]), str(row["right_root"])) if row is not None else ("", "")
        left, right = (
            tuple(
                Holder(mention, self._hidden_among(mention, roots, decoys, choose))
                for mention in self._records_of(root)
            )
            for root in roots
        )
        return left, right

    def _hidden_among(
        self,
        mention: EnclaveMention,
        roots: tuple[str, str],
        decoys: int,
        choose: Callable[[int], int],
    ) -> tuple[EnclaveMention, ...]:
        """Return the records that were asked about with this one before, and fresh ones.

        The same again, or the one record that is asked about twice would be the doubted one.
        """
        place = (mention.partner, str(mention.report_id), mention.node)
        known = [_mention(row) for row in self._all(_ASKED_BESIDE, (*place, *roots))]
        fresh = self._decoys(mention.partner, roots, decoys, choose)
        return tuple(dict.fromkeys([*known, *fresh]))[:decoys]

    def nobodys_holders(
        self, wanted: int, decoys: int, choose: Callable[[int], int]
    ) -> tuple[Holder, ...]:
        """Return `wanted` partners that are asked about decoys alone, as of a planted pair."""
        last = self._number("SELECT coalesce(max(rowid), 0) FROM mentions")
        found = []
        for _ in range(wanted if last else 0):
            row = self._one(
                "SELECT partner FROM mentions WHERE rowid > ? ORDER BY rowid LIMIT 1",
                (choose(last),),
            )
            if row is not None:
                mine = self._decoys(row["partner"], ("", ""), decoys + 1, choose)
                found.append(Holder(None, mine))
        return tuple(found)

    def _records_of(self, entity: str) -> tuple[EnclaveMention, ...]:
        """Return one record of each partner: the one that was asked about, else the latest.

        Another record of the same person would show the partner who it is that comes again.
        """
        one_each: dict[str, EnclaveMention] = {}
        for row in self._all(_ASKED_THEN_LATEST, (entity,)):
            one_each.setdefault(row["partner"], _mention(row))
        return tuple(one_each.values())

    def _decoys(
        self, partner: str, roots: tuple[str, str], count: int, choose: Callable[[int], int]
    ) -> tuple[EnclaveMention, ...]:
        """Return up to `count` records of a partner about other people, picked at random."""
        newest = "SELECT coalesce(max(offset), 0) FROM mentions WHERE partner = ?"
        last = self._number(newest, (partner,))
        found: dict[tuple[str, int], EnclaveMention] = {}
        for _ in range(count * _DECOY_TRIES):
            row = self._one(_ANYBODY_ELSE, (partner, choose(last + 1), *roots))
            if row is not None and len(found) < count:
                found[row["report_id"], row["node"]] = _mention(row)
        return tuple(found.values())

    def _asked(
        self,
        link: sqlite3.Row,
        planted: Mapping[str, Any] | None,
        sides: tuple[Side, Side],
        now: datetime,
    ) -> tuple[Asked, ...]:
        rows = self._all(
            "SELECT * FROM asked WHERE link_id = ? ORDER BY asked_at, topic, offset",
            (link["link_id"],),
        )
        groups: dict[tuple[str, str, str], list[sqlite3.Row]] = {}
        for row in rows:
            groups.setdefault((row["question"], row["asked_by"], row["asked_at"]), []).append(row)
        return tuple(
            Asked(
                LinkQuestion(question),
                by,
                _at(at),
                *self._answered(link, planted, sides, group, now),
            )
            for (question, by, at), group in groups.items()
        )

    def _answered(
        self,
        link: sqlite3.Row,
        planted: Mapping[str, Any] | None,
        sides: tuple[Side, Side],
        asked: Sequence[sqlite3.Row],
        now: datetime,
    ) -> tuple[tuple[int, int], tuple[tuple[Answer, ...], tuple[Answer, ...]]]:
        if planted is not None:
            return _planted_answers(link, planted, sides, asked[0], now)
        holders, answers = [0, 0], [[], []]  # type: tuple[list[int], list[list[Answer]]]
        for row in asked:
            side = int(row["side_id"] != link["left_id"])
            for holder in self._all(_ANSWERS, (row["topic"], row["offset"])):
                holders[side] += 1
                if holder["answer"] is not None:
                    answers[side].append(Answer(holder["answer"]))
        return (holders[0], holders[1]), (tuple(answers[0]), tuple(answers[1]))

    # --- reviewers ------------------------------------------------------------------------

    def decided_since(self, reviewer: str, since: datetime) -> int:
        """Return how many verdicts a reviewer gave from an instant on, planted pairs too."""
        return self._number(
            "SELECT count(*) FROM reviews WHERE decided_by = ? AND decided_at >= ?",
            (reviewer, since.isoformat()),
        )

    def reviews(self) -> list[Review]:
        """Return every verdict in the order of giving."""
        rows = self._all(
            "SELECT r.*, json_extract(l.planted, '$.truth') AS truth FROM reviews r"
            " LEFT JOIN links l ON l.link_id = r.link_id ORDER BY r.decided_at, r.topic, r.offset"
        )
        return [
            Review(
                link_id=UUID(row["link_id"]),
                decided_by=row["decided_by"],
                verdict=LinkVerdict(row["verdict"]),
                decided_at=_at(row["decided_at"]),
                over_budget=row["over_budget"],
                truth=None if row["truth"] is None else LinkVerdict(row["truth"]),
            )
            for row in rows
        ]

    # --- holds and quarantine ------------------------------------------------------------

    def holds(self) -> list[Hold]:
        """Return what the gate holds, the oldest first."""
        rows = self._all("SELECT * FROM holds ORDER BY held_at, partner, report_id")
        return [_hold(row) for row in rows]

    def rulings(self, partner: str, report_id: UUID) -> list[Ruling]:
        """Return what people said about a report that was held, in the order of saying."""
        rows = self._all(
            "SELECT * FROM hold_decisions WHERE partner = ? AND report_id = ?"
            " AND quarantined_offset IS NULL ORDER BY decided_at, topic, offset",
            (partner, str(report_id)),
        )
        return [
            Ruling(
                verdict=row["verdict"],
                reason=row["reason"],
                decided_by=row["decided_by"],
                decided_for=row["decided_for"],
                decided_at=_at(row["decided_at"]),
            )
            for row in rows
        ]

    def quarantined(self) -> list[Quarantine]:
        """Return quarantined records that nobody closed and no later revision replaced."""
        rows = self._all(
            f"SELECT q.* FROM quarantined q WHERE {_OPEN_QUARANTINE}"  # noqa: S608 - no value in it
            " ORDER BY q.immediate_risk DESC, q.offset"
        )
        return [_quarantine(row) for row in rows]

    def waiting(self) -> Waiting:
        """Return how much waits for a human, planted pairs too: a difference would tell of them."""
        links = self._one(
            f"SELECT count(*), sum(coalesce({_TOUCHES_CHILD}, 0)), min(l.noticed_at),"  # noqa: S608 - no value in it
            f" sum(EXISTS (SELECT 1 FROM escalations e WHERE {_ESCALATED}))"
            f" FROM links l WHERE {_SEEN_OPEN}"
        )
        holds = self._one("SELECT count(*), min(held_at) FROM holds")
        kept = self._one(
            f"SELECT count(*), min(q.quarantined_at) FROM quarantined q WHERE {_OPEN_QUARANTINE}"  # noqa: S608 - no value in it
        )
        assert links is not None and holds is not None and kept is not None  # noqa: PT018, S101 - a count is always a row
        return Waiting(
            links=links[0],
            links_touching_child=links[1] or 0,
            links_escalated=links[3] or 0,
            oldest_link=_maybe_at(links[2]),
            holds=holds[0],
            oldest_hold=_maybe_at(holds[1]),
            quarantined=kept[0],
            oldest_quarantined=_maybe_at(kept[1]),
        )


_DECOY_TRIES: Final = 20
#: The first record of a partner from a random place on that is of nobody in the link.
_ANYBODY_ELSE: Final = (
    "SELECT * FROM mentions WHERE partner = ? AND offset >= ? AND kind = 'PERSON'"
    " AND entity_id NOT IN (?, ?) ORDER BY offset LIMIT 1"
)
_ASKED_THEN_LATEST: Final = (
    "SELECT m.* FROM mentions m WHERE m.entity_id = ? ORDER BY m.partner,"
    " EXISTS (SELECT 1 FROM holders h WHERE h.partner = m.partner"
    " AND h.report_id = m.report_id AND h.node = m.node AND NOT h.decoy) DESC, m.offset DESC"
)
#: Decoys, still live and still of other people, of the events that asked about one record.
_ASKED_BESIDE: Final = (
    "SELECT DISTINCT d.partner, d.report_id, d.node FROM holders h"
    " JOIN holders d ON d.topic = h.topic AND d.offset = h.offset AND d.partner = h.partner"
    " JOIN mentions m ON m.partner = d.partner AND m.report_id = d.report_id AND m.node = d.node"
    " WHERE h.partner = ? AND h.report_id = ? AND h.node = ? AND NOT h.decoy AND d.decoy"
    " AND m.entity_id NOT IN (?, ?) ORDER BY d.offset, d.question_id"
)
#: The holders of one event, decoys not, each with its latest own answer.
_ANSWERS: Final = (
    "SELECT (SELECT a.answer FROM answers a WHERE a.question_id = h.question_id"
    " AND a.partner = h.partner ORDER BY a.offset DESC LIMIT 1) AS answer"
    " FROM holders h WHERE h.topic = ? AND h.offset = ? AND NOT h.decoy ORDER BY h.question_id"
)


_CLOSED: Final = {
    LinkClosed.MERGED.value: CaseState.UNITED,
    LinkClosed.UNSUPPORTED.value: CaseState.UNSUPPORTED,
    LinkClosed.GONE.value: CaseState.GONE,
}


def waiting_in(folder: Path) -> Waiting | None:
    """Return how much waits for people; None where no desk ever ran.

    Raises: DamagedDeskStoreError.
    """
    path = store_path(folder)
    try:
        store = DeskStore.look(path)
    except NoDeskStoreError:
        return None
    try:
        return store.waiting()
    except sqlite3.DatabaseError:  # what stands first in a file can be whole, and the rest not
        raise DamagedDeskStoreError(path) from None
    finally:
        store.close()


def _state(row: sqlite3.Row, opinions: Sequence[Opinion], sides: tuple[Side, Side]) -> CaseState:
    decided = [one.verdict for one in opinions if one.verdict is not LinkVerdict.UNSURE]
    if decided:
        return CaseState(decided[-1].value)
    if row["closed"] is not None:
        return _CLOSED[row["closed"]]
    if row["left_root"] == row["right_root"]:
        return CaseState.UNITED
    return CaseState.OPEN if all(side.reports for side in sides) else CaseState.GONE


def _planted_answers(
    link: sqlite3.Row,
    planted: Mapping[str, Any],
    sides: tuple[Side, Side],
    asked: sqlite3.Row,
    now: datetime,
) -> tuple[tuple[int, int], tuple[tuple[Answer, ...], tuple[Answer, ...]]]:
    holders = (sides[0].partners, sides[1].partners)
    told = planted["answers"].get(asked["question"], [Answer.UNKNOWN.value] * 2)
    if now < answered_at(UUID(link["link_id"]), _at(asked["asked_at"])):
        return holders, ((), ())
    left, right = ((Answer(one),) * many for one, many in zip(told, holders, strict=True))
    return holders, (left, right)


def _mention(row: sqlite3.Row) -> EnclaveMention:
    return EnclaveMention(
        partner=row["partner"], report_id=UUID(row["report_id"]), node=row["node"]
    )


def _hold(row: sqlite3.Row) -> Hold:
    return Hold(
        partner=row["partner"],
        report_id=UUID(row["report_id"]),
        revision=row["revision"],
        reasons=_reasons(row["reasons"]),
        held_at=_at(row["held_at"]),
    )


def _quarantine(row: sqlite3.Row) -> Quarantine:
    return Quarantine(
        offset=row["offset"],
        partner=row["partner"],
        report_id=None if row["report_id"] is None else UUID(row["report_id"]),
        revision=row["revision"],
        stage=row["stage"],
        reasons=_reasons(row["reasons"]),
        immediate_risk=bool(row["immediate_risk"]),
        size_bytes=row["bytes"],
        quarantined_at=_at(row["quarantined_at"]),
    )


def _reasons(text: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((code, path) for code, path in json.loads(text))


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe_at(text: str | None) -> datetime | None:
    return None if text is None else _at(text)
