"""Requests of Kafka's protocol that aiokafka 0.14 does not know, in the form its clients send.

Layouts are those of Kafka's message definitions (KIP-664 for transactions that hang, KIP-447 for
positions that are still undecided). Each is spoken in one version, which Kafka 4 knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Float64,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: Every structure of a flexible version ends with fields that may be left out; we send none.
NO_TAGS: Final[dict[int, bytes]] = {}
_TEXT: Final = CompactString("utf-8")
_TAGS: Final = ("tags", TaggedFields)
_PARTITIONS: Final = CompactArray(("topic", _TEXT), ("partitions", CompactArray(Int32)), _TAGS)


def _request(
    name: str, key: int, version: int, asks: tuple[Any, ...], answers: tuple[Any, ...]
) -> Callable[..., Any]:
    """Make a request as aiokafka's clients want it: a builder, a structure, and its answer."""
    numbers = {"API_KEY": key, "API_VERSION": version}
    response = type(f"{name}Response", (Response,), {**numbers, "SCHEMA": Schema(*answers, _TAGS)})
    body = {"FLEXIBLE_VERSION": True, "RESPONSE_TYPE": response, "SCHEMA": Schema(*asks, _TAGS)}
    structure = type(f"{name}Request", (RequestStruct,), {**numbers, **body})

    class Builder(Request[structure]):  # type: ignore[misc] # aiokafka has no types
        API_KEY = key

        def __init__(self, *values: object) -> None:
            self._values = values

        def build(self, request_struct_class: Callable[..., Any]) -> Any:  # noqa: ANN401 - aiokafka has no types
            return request_struct_class(*self._values, NO_TAGS)

    Builder.__name__ = name
    return Builder


#: Committed positions; with `stable` those that a transaction still holds are refused (error 88).
FetchPositions: Final = _request(
    "FetchPositions",
    9,
    7,
    (("group", _TEXT), ("topics", _PARTITIONS), ("stable", Boolean)),
    (
        ("throttle_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", _TEXT),
                        ("error", Int16),
                        _TAGS,
                    ),
                ),
                _TAGS,
            ),
        ),
        ("error", Int16),
    ),
)

#: Who writes to partitions, and where a transaction that is open in one began; to their leader.
DescribeProducers: Final = _request(
    "DescribeProducers",
    61,
    0,
    (("topics", _PARTITIONS),),
    (
        ("throttle_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("error", Int16),
                        ("message", _TEXT),
                        (
                            "producers",
                            CompactArray(
                                ("producer_id", Int64),
                                ("epoch", Int32),
                                ("last_sequence", Int32),
                                ("last_timestamp", Int64),
                                ("coordinator_epoch", Int32),
                                ("open_since_offset", Int64),
                                _TAGS,
                            ),
                        ),
                        _TAGS,
                    ),
                ),
                _TAGS,
            ),
        ),
    ),
)

#: Ends a transaction in partitions, without its coordinator; to their leader, as a super user.
WriteMarkers: Final = _request(
    "WriteMarkers",
    27,
    1,
    (
        (
            "markers",
            CompactArray(
                ("producer_id", Int64),
                ("epoch", Int16),
                ("is_commit", Boolean),
                ("topics", _PARTITIONS),
                ("coordinator_epoch", Int32),
                _TAGS,
            ),
        ),
    ),
    (
        (
            "markers",
            CompactArray(
                ("producer_id", Int64),
                (
                    "topics",
                    CompactArray(
                        ("topic", _TEXT),
                        ("partitions", CompactArray(("partition", Int32), ("error", Int16), _TAGS)),
                        _TAGS,
                    ),
                ),
                _TAGS,
            ),
        ),
    ),
)

_ENTITY: Final = CompactArray(("type", _TEXT), ("name", _TEXT), _TAGS)

#: Limits of clients as they are set; to any broker, by whom it asks for no permission (KIP-546).
DescribeQuotas: Final = _request(
    "DescribeQuotas",
    48,
    1,
    (
        (
            "components",
            CompactArray(("type", _TEXT), ("match_type", Int8), ("match", _TEXT), _TAGS),
        ),
        ("strict", Boolean),
    ),
    (
        ("throttle_ms", Int32),
        ("error", Int16),
        ("message", _TEXT),
        (
            "entries",
            CompactArray(
                ("entity", _ENTITY),
                ("values", CompactArray(("key", _TEXT), ("value", Float64), _TAGS)),
                _TAGS,
            ),
        ),
    ),
)

#: Sets limits of clients (KIP-546).
AlterQuotas: Final = _request(
    "AlterQuotas",
    49,
    1,
    (
        (
            "entries",
            CompactArray(
                ("entity", _ENTITY),
                (
                    "operations",
                    CompactArray(("key", _TEXT), ("value", Float64), ("remove", Boolean), _TAGS),
                ),
                _TAGS,
            ),
        ),
        ("validate_only", Boolean),
    ),
    (
        ("throttle_ms", Int32),
        (
            "entries",
            CompactArray(("error", Int16), ("message", _TEXT), ("entity", _ENTITY), _TAGS),
        ),
    ),
)
