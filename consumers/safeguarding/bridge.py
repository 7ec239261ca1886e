"""What the hub sees of notices, messages of holders and the bridge to police: fold, rows, looks.

Each topic has tables of its own, so that what was released here and what the gate told back are
joined when somebody looks, in whatever order the topics were read. Protections are in `hub`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import select

from consumers.network.look import find, find_entity
from consumers.network.reading import rows as rows_of
from consumers.network.tables import ENTITIES
from consumers.projection import POSITIONS, Rewrite
from consumers.safeguarding.bridge_tables import (
    MESSAGES,
    MESSAGES_DECIDED,
    NOTICES,
    NOTICES_TOLD,
    NOTICES_WITHDRAWN,
    VIEWS,
    VIEWS_WANTED,
)
from consumers.safeguarding.hub_tables import PROTECTIONS
from consumers.safeguarding.tables import ALERTS_TABLE
from streams.codec import decode
from streams.errors import DecodeError, InvalidInputError
from streams.hub import (
    HubViewGiven,
    NoticeReleased,
    NoticeWithdrawn,
    PreventionMessageDecided,
    PreventionMessageOffered,
    ProtectionDeclared,
    ProtectionEnded,
)
from streams.shared import HubViewWanted, NoticeTold
from streams.topics import SAFEGUARDING
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date
    from uuid import UUID

    from sqlalchemy import Connection, Table

    from streams.ports import Record

Facts: TypeAlias = dict[str, Any]

#: What the gate tells the hub on `safeguarding.intelligence`, beside evidence.
TOLD_EVENTS: Final[tuple[type[Any], ...]] = (NoticeTold, HubViewWanted)
#: What stands on `prevention.messages`.
OFFERED_EVENTS: Final[tuple[type[Any], ...]] = (PreventionMessageOffered,)
VAULT: Final = "no holder of these kinds reported the person: the vault is the way"
NUMBERS: Final = "The hub is told how many holders got a notice, never which."


class UnknownNoticeError(InvalidInputError):
    """No such notice was released, or it was withdrawn already. `rivelin notice list` shows all."""


class MessageDecidedError(InvalidInputError):
    """Somebody decided on this message already."""


class UnknownProtectionError(InvalidInputError):
    """No such protection was declared, or it ended. `rivelin bridge list` shows all."""


class NotAPlaceError(InvalidInputError):
    """A person is never declared protected: to name somebody to police is to tell who it is."""


# --- the fold -----------------------------------------------------------------------------


def rewrites_of(event: object) -> Iterator[Rewrite]:
    """Yield the rows of one event; told again it gives the same, of others nothing follows.

    The fold has no state but its rows: each event has a row of its own, under its own id.
    """
    if (row := _row_of(event)) is not None:
        table, facts = row
        key = {column.name: facts[column.name] for column in table.primary_key}
        yield Rewrite(table, key, (facts,))


def _row_of(event: object) -> tuple[Table, Facts] | None:
    match event:
        case NoticeReleased():
            return NOTICES, {
                "notice_id": str(event.notice_id),
                "alert_id": str(event.alert_id),
                "person_id": str(event.person_id),
                "recipients": json.dumps([one.value for one in event.recipients]),
                "wording": event.wording.value,
                "released_by": event.decided_by,
                "released_at": event.decided_at.isoformat(),
            }
        case NoticeWithdrawn():
            return NOTICES_WITHDRAWN, {
                "notice_id": str(event.notice_id),
                "withdrawn_by": event.decided_by,
                "withdrawn_at": event.decided_at.isoformat(),
            }
        case NoticeTold():
            return NOTICES_TOLD, {
                "notice_id": str(event.notice_id),
                "holders": event.holders,
                "stopped": json.dumps([one.value for one in event.stopped]),
            }
        case PreventionMessageOffered() | PreventionMessageDecided():
            return _message_row(event)
        case HubViewWanted() | HubViewGiven():
            return _view_row(event)
        case _:
            return None


def _message_row(
    event: PreventionMessageOffered | PreventionMessageDecided,
) -> tuple[Table, Facts]:
    if isinstance(event, PreventionMessageDecided):
        return MESSAGES_DECIDED, {
            "message_id": str(event.message_id),
            "released": event.released,
            "decided_by": event.decided_by,
            "decided_at": event.decided_at.isoformat(),
        }
    return MESSAGES, {
        "message_id": str(event.message_id),
        "person_id": str(event.person_id),
        "code": event.code.value,
        "sector": None if event.sector is None else event.sector.value,
        "offered_at": event.offered_at.isoformat(),
    }


def _view_row(event: HubViewWanted | HubViewGiven) -> tuple[Table, Facts]:
    if isinstance(event, HubViewWanted):
        return VIEWS_WANTED, {
            "request_id": str(event.request_id),
            "entity_id": str(event.entity_id),
            "lever": event.lever.value,
        }
    return VIEWS, {
        "request_id": str(event.request_id),
        "view": event.view.value,
        "given_by": event.decided_by,
        "given_at": event.decided_at.isoformat(),
    }


# --- looks --------------------------------------------------------------------------------


def alert_for_notice(connection: Connection, alert_id: str) -> Facts:
    """Return whom an alert is about, and as `seen` how much of the evidence that rests on."""
    query = select(ALERTS_TABLE.c.child_id).where(ALERTS_TABLE.c.alert_id == alert_id)
    (row,) = rows_of(connection, query)
    position = select(POSITIONS.c.position).where(POSITIONS.c.topic == SAFEGUARDING)
    return {
        "alert_id": alert_id,
        "person_id": find_entity(connection, row["child_id"]),
        "seen": connection.scalar(position) or 0,
    }


def notices(connection: Connection) -> list[Facts]:
    """Return every notice with what became of it, oldest first."""
    told = _by(connection, NOTICES_TOLD, "notice_id")
    withdrawn = _by(connection, NOTICES_WITHDRAWN, "notice_id")
    released = rows_of(connection, select(NOTICES).order_by(NOTICES.c.released_at))
    return [_notice(row, told, withdrawn) for row in released]


def _notice(row: Facts, told: Mapping[str, Facts], withdrawn: Mapping[str, Facts]) -> Facts:
    answer = told.get(row["notice_id"])
    stopped = [] if answer is None else json.loads(answer["stopped"])
    return {
        **row,
        "recipients": json.loads(row["recipients"]),
        "holders": None if answer is None else answer["holders"],
        "stopped": stopped,
        "means": _outcome(answer, stopped),
        "withdrawn_at": withdrawn.get(row["notice_id"], {}).get("withdrawn_at"),
    }


def _outcome(answer: Facts | None, stopped: Sequence[str]) -> str:
    if answer is None:
        return "on its way"
    if "NO_HOLDER" in stopped:
        return VAULT
    if not stopped:
        return "given"
    words = {
        "PROTECTED": "not given: a report protects the person",
        "CONFLICT": "not given: a report is about somebody's own staff",
        "PERSON_SPLIT": "not given: the person was parted since you looked; look, decide anew",
        "TAKEN_BACK": "taken back from whom it holds no longer for",
    }
    return "; ".join(words[one] for one in stopped)


def messages(connection: Connection, *, waiting: bool = False) -> list[Facts]:
    """Return messages of holders with what was decided, oldest first; `waiting`: only undecided."""
    decided = _by(connection, MESSAGES_DECIDED, "message_id")
    offered = rows_of(connection, select(MESSAGES).order_by(MESSAGES.c.offered_at))
    found = []
    for row in offered:
        decision = decided.get(row["message_id"])
        if decision is None or not waiting:
            state = "waits" if decision is None else _decision(decision)
            found.append({**row, "state": state, "decided_by": (decision or {}).get("decided_by")})
    return found


def _decision(decision: Facts) -> str:
    return "released" if decision["released"] else "declined"


def views(connection: Connection) -> list[Facts]:
    """Return what police asked about and the view that was given, the unanswered first."""
    given = _by(connection, VIEWS, "request_id")
    known = _by(connection, ENTITIES, "entity_id")
    wanted = rows_of(connection, select(VIEWS_WANTED).order_by(VIEWS_WANTED.c.request_id))
    found = [
        {
            **row,
            "kind": known.get(row["entity_id"], {}).get("kind"),
            "view": given.get(row["request_id"], {}).get("view"),
            "given_by": given.get(row["request_id"], {}).get("given_by"),
        }
        for row in wanted
    ]
    return sorted(found, key=lambda row: row["view"] is not None)


def protections(connection: Connection) -> list[Facts]:
    """Return the places and things of which police were told, those in force first."""
    found = rows_of(connection, select(PROTECTIONS).order_by(PROTECTIONS.c.until))
    return sorted(found, key=lambda row: bool(row["ended"]))


def place(connection: Connection, entity_id: str) -> Facts:
    """Return a place or thing by its id.

    Raises: NotAPlaceError.
    """
    (row,) = rows_of(connection, select(ENTITIES).where(ENTITIES.c.entity_id == entity_id))
    if row["kind"] == NodeKind.PERSON.value:
        raise NotAPlaceError("a person is never declared to police: only places and things are")
    return {"entity_id": row["entity_id"], "kind": row["kind"]}


def find_notice(connection: Connection, prefix: str) -> str:
    """Return the one notice whose id begins so. Raises: InvalidInputError."""
    return find(connection, NOTICES.c.notice_id, prefix, "notice")


def find_message(connection: Connection, prefix: str) -> str:
    """Return the one message whose id begins so. Raises: InvalidInputError."""
    return find(connection, MESSAGES.c.message_id, prefix, "message")


def find_request(connection: Connection, prefix: str) -> str:
    """Return the one question of police whose id begins so. Raises: InvalidInputError."""
    return find(connection, VIEWS_WANTED.c.request_id, prefix, "question")


def find_protection(connection: Connection, prefix: str) -> str:
    """Return the one declaration whose id begins so. Raises: InvalidInputError."""
    return find(connection, PROTECTIONS.c.declaration_id, prefix, "declaration")


def _by(connection: Connection, table: Table, key: str) -> Mapping[str, Facts]:
    return {row[key]: row for row in rows_of(connection, select(table))}


# --- deciding -----------------------------------------------------------------------------


def withdraw(records: Sequence[Record], event: NoticeWithdrawn) -> tuple[NoticeWithdrawn]:
    """Withdraw a notice that was released and not withdrawn.

    Raises: UnknownNoticeError.
    """
    stands = False
    for one in _decided(records, NoticeReleased, NoticeWithdrawn):
        if one.notice_id == event.notice_id:
            stands = isinstance(one, NoticeReleased)
    if not stands:
        raise UnknownNoticeError("no such notice stands; `rivelin notice list` shows all")
    return (event,)


def decide_message(
    records: Sequence[Record], event: PreventionMessageDecided
) -> tuple[PreventionMessageDecided]:
    """Decide on a message that nobody decided on.

    Raises: MessageDecidedError.
    """
    for one in _decided(records, PreventionMessageDecided):
        if one.message_id == event.message_id:
            raise MessageDecidedError("somebody decided on this message already")
    return (event,)


def declare(
    records: Sequence[Record], event: ProtectionDeclared, today: date
) -> tuple[ProtectionDeclared]:
    """Declare a place protected until a day that is not over; once, until that ended.

    Raises: InvalidInputError.
    """
    if event.until < today:
        raise InvalidInputError("--until: that day is over")
    for one in _in_force(records).values():
        if one.entity_id == event.entity_id and one.until >= today:
            raise InvalidInputError(
                f"it is declared already, until {one.until}: end that first"
                f" (`rivelin bridge end {str(one.declaration_id)[:8]}`)"
            )
    return (event,)


def end_protection(records: Sequence[Record], event: ProtectionEnded) -> tuple[ProtectionEnded]:
    """End a protection that was declared and did not end.

    Raises: UnknownProtectionError.
    """
    if event.declaration_id not in _in_force(records):
        raise UnknownProtectionError("no such protection is in force; `rivelin bridge list`")
    return (event,)


def _in_force(records: Sequence[Record]) -> dict[UUID, ProtectionDeclared]:
    found: dict[UUID, ProtectionDeclared] = {}
    for one in _decided(records, ProtectionDeclared, ProtectionEnded):
        if isinstance(one, ProtectionDeclared):
            found[one.declaration_id] = one
        else:
            found.pop(one.declaration_id, None)
    return found


def _decided(records: Sequence[Record], *classes: type[Any]) -> Iterator[Any]:
    """Yield the decisions of these kinds; what else stands on the topic is of no matter."""
    for record in records:
        try:
            yield decode(record.value or b"", *classes)
        except DecodeError:
            continue
