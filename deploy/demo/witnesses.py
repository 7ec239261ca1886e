"""Everything outside the enclave as documents to search: records, logs, stores.

A record is searched twice: as bytes, and decoded without its ciphertext as text, since only in a
text a short word is a word. What the enclave alone may read is left out.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from deploy.backup.records import classes_of
from deploy.leaks import Document
from streams.codec import decode
from streams.errors import DecodeError
from streams.json_form import to_json
from streams.topics import SHARED_TOPICS, partner_topics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.ports import Record

ENCLAVE: Final = "enclave."
#: Ciphertext and keys in JSON are random letters, in which any short word turns up.
_UNREADABLE: Final = ("sealed_keys", "parts", "public_key", "signing_key", "signature")


def is_outside(topic: str) -> bool:
    """Tell whether somebody outside the enclave reads the topic; all read its public keys."""
    return not topic.startswith(ENCLAVE) or topic == "enclave.public-keys"


@cache
def _events() -> tuple[type[Any], ...]:
    """Return the class of every event that may lie outside the enclave."""
    specs = (*SHARED_TOPICS, *partner_topics("every-partner"))
    classes = (one for spec in specs if is_outside(spec.name) for one in classes_of(spec))
    return tuple(dict.fromkeys(classes))


def records_outside(record: Record) -> Iterator[Document]:
    """Yield what a record shows, if it lies outside the enclave."""
    if not is_outside(record.topic):
        return
    name = f"{record.topic} {record.offset}"
    yield Document(name, (record.key or b"") + b"\n" + (record.value or b""))
    if record.value is not None and (text := _text_of(record.value)):
        yield Document(f"{name} decoded", text, is_text=True)


def _text_of(value: bytes) -> bytes:
    try:
        form = to_json(decode(value, *_events()))
    except DecodeError:
        return b""
    readable = {name: part for name, part in form.items() if name not in _UNREADABLE}
    return json.dumps(readable, ensure_ascii=False).encode()


def files_in(folder: Path) -> Iterator[Document]:
    """Yield every file below a folder; what runs replaces some while we look."""
    for path in sorted(folder.rglob("*")):
        data = _bytes_of(path)
        if data is not None:
            yield Document(str(path.relative_to(folder)), data)


def _bytes_of(path: Path) -> bytes | None:
    with suppress(FileNotFoundError, IsADirectoryError):
        return path.read_bytes()
    return None
