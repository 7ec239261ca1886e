"""The control: a gate that passes on what partners sent as they wrote it.

It lives here and nowhere else. What the search finds of it is all there is to find.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from streams.codec import decode
from streams.errors import DecodeError
from streams.json_form import to_json
from streams.ports import Outgoing
from streams.restricted import ReportSubmitted
from streams.sealing import UnsealError, open_submission
from streams.topics import POLICE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anonymiser.keyring import Keys
    from streams.ports import Record


class PassingGate:
    """Reads submissions, opens them, and tells police everything."""

    name = "passing-gate"
    state_topics: Sequence[str] = ()
    reference_topics: Sequence[str] = ()

    def __init__(self, keys: Keys, sources: Sequence[str]) -> None:
        self.sources = tuple(sources)
        self.passed = 0
        self._keys = keys

    def learn(self, records: Sequence[Record]) -> None:
        """Nothing to learn."""

    def recover(self, records: Sequence[Record]) -> None:
        """Nothing to remember."""

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Pass on whatever opens."""
        return [one for record in records for one in self._pass(record)]

    def _pass(self, record: Record) -> Sequence[Outgoing]:
        try:
            submission = decode(record.value or b"", ReportSubmitted)
            opened = open_submission(submission, self._keys.sealing[submission.key_epoch])
        except (DecodeError, UnsealError):
            return ()
        self.passed += 1
        told = json.dumps(to_json(opened.report), ensure_ascii=False)
        return (Outgoing(POLICE, told.encode()),)
