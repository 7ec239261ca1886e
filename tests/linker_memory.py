"""What a linker knows, in a form that can be compared: by content, not by row numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anonymiser.linker.state import LinkerState

_TABLES = {
    "reports": "SELECT name, latest, is_withdrawn, own_origin, week FROM report",
    "revisions": "SELECT r.name, v.revision, v.digest, v.origin FROM revision v"
    " JOIN report r ON r.number = v.report",
    "ties": "SELECT r.name, subject, object, kind FROM tie t JOIN report r ON r.number = t.report",
    "origins": "SELECT token, id FROM origin",
    "entities": "SELECT id, number, kind, mentions FROM entity",
    "mentions": "SELECT r.name, m.node, e.id, m.label, m.sex, m.week, s.packed, s.entity = m.entity"
    " FROM mention m JOIN report r ON r.number = m.report JOIN entity e ON e.number = m.entity"
    " JOIN spelling s ON s.number = m.spelling",
    "spellings": "SELECT e.id, packed, s.mentions, generation FROM spelling s"
    " JOIN entity e ON e.number = s.entity",
    "blocks": "SELECT key, entity FROM block",
    "seen": "SELECT entity, week, mentions FROM seen",
    "partings": "SELECT left_id, right_id, reason FROM parting",
    "questions": "SELECT left_id, right_id, doubt FROM question",
    "merges": "SELECT absorbed, kept, number FROM merge",
    "order of merges": "SELECT group_concat(hex(absorbed)) FROM"
    " (SELECT absorbed FROM merge ORDER BY place)",
    "moved": "SELECT absorbed, r.name, node FROM moved d JOIN report r ON r.number = d.report",
    "sealings": "SELECT name, parts FROM sealing WHERE parts <> '0'",
}


def remembered(linker):
    """Every table of the linker's state, as sets of rows."""
    return remembered_by(linker.state)


def remembered_by(state: LinkerState):
    return {
        name: sorted(state.store.execute(query).fetchall(), key=repr)
        for name, query in _TABLES.items()
    }
