"""Every event of the topics table, and a Hypothesis strategy that makes any of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from hypothesis import strategies as st

from streams import disruptions, hub, ocg, restricted, shared
from streams.hints import fields_of, inner_of, is_record, item_of
from streams.topics import SHARED_TOPICS, partner_topics

NAMES = {
    name for spec in (*SHARED_TOPICS, *partner_topics("example-partner")) for name in spec.events
}
MODULES = (shared, ocg, disruptions, hub, restricted)
ON_TOPICS = tuple(
    next(getattr(module, name) for module in MODULES if name in vars(module))
    for name in sorted(NAMES)
)
SEALED_CONTENT = (restricted.Report, restricted.Identity)
EVERY_EVENT = ON_TOPICS + SEALED_CONTENT

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGS = st.integers(-(2**63), 2**63 - 1)
_INSTANTS = st.integers(-62_135_596_800_000, 253_402_300_799_999).map(
    lambda milliseconds: _EPOCH + timedelta(milliseconds=milliseconds)
)
_SCALARS = {
    str: st.text(max_size=12),
    int: st.one_of(st.integers(-3, 3), _LONGS),
    bool: st.booleans(),
    bytes: st.binary(max_size=40),
    UUID: st.uuids(),
    date: st.dates(),
    datetime: _INSTANTS,
}


def events(cls=None):
    """Events of one class, or of any."""
    return _values(cls) if cls else st.sampled_from(EVERY_EVENT).flatmap(_values)


def _values(hint):
    if inner := inner_of(hint):
        return st.none() | _values(inner)
    if item := item_of(hint):
        return st.lists(_values(item), max_size=3).map(tuple)
    if is_record(hint):
        fields = {name: st.deferred(lambda h=h: _values(h)) for name, h in fields_of(hint).items()}
        return st.builds(hint, **fields)
    return st.sampled_from(hint) if issubclass(hint, StrEnum) else _SCALARS[hint]
