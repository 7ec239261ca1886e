"""Which report and which person stand behind the ids that an audience was given."""

from __future__ import annotations

import hmac
from collections import defaultdict
from typing import TYPE_CHECKING
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from streams.shared import (
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingReportShared,
)
from streams.topics import (
    POLICE,
    SAFEGUARDING,
)
from streams.values import (
    Audience,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.crash.findings import Key, Run
    from tests.crash.reading import Told


TOPIC_OF = {Audience.POLICE: POLICE, Audience.SAFEGUARDING: SAFEGUARDING}


def _derived(key: bytes, what: str) -> bytes:
    info = f"rivelin/gate/{what}/1".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)


class AudienceNames:
    """The derivation of an audience's report ids, written anew from the ADR.

    HKDF gives the keys, HMAC a number, and one AES block the audience's id for it.
    """

    def __init__(self, run: Run, audience: Audience) -> None:
        keys = run.audience_keys
        both = keys[Audience.POLICE] + keys[Audience.SAFEGUARDING]
        numbers = _derived(both, "both/report-number")
        block = AES(_derived(keys[audience], f"{audience.value}/report"))
        cipher = Cipher(block, modes.ECB()).encryptor()
        self._known: dict[UUID, tuple[str, UUID]] = {}
        for step in run.story.steps:
            named_so = step.partner.encode() + b"\0" + step.report_id.bytes
            number = hmac.digest(numbers, named_so, "sha256")[:16]
            self._known[UUID(bytes=cipher.update(number))] = (step.partner, step.report_id)

    def behind(self, outside: UUID) -> tuple[str, UUID] | None:
        """Return partner and report id."""
        return self._known.get(outside)

    def outside_ids(self) -> dict[tuple[str, UUID], UUID]:
        """Return the audience's id of each report."""
        return {inside: outside for outside, inside in self._known.items()}

    def events(self, records: Iterable[Told]) -> dict[str, list[tuple[Key, Told]]]:
        """Return what was told of each partner's reports, in the order of the topic."""
        found: dict[str, list[tuple[Key, Told]]] = defaultdict(list)
        for record in records:
            event = record.event
            if event is None:
                found["nobody"].append((("unreadable",), record))
            if not isinstance(
                event, PoliceReportShared | SafeguardingReportShared | ReportWithdrawn
            ):
                continue
            inside = self.behind(event.report_id)
            if inside is None:
                found["nobody"].append(((event.report_id,), record))
                continue
            partner, report_id = inside
            if isinstance(event, ReportWithdrawn):
                found[partner].append((("withdrawn", report_id), record))
            else:
                found[partner].append((("shared", report_id, event.revision), record))
        return found


def people_at_safeguarding(run: Run) -> dict[UUID, int]:
    """Return the number of the person behind each id, as the records themselves tell."""
    names = AudienceNames(run, Audience.SAFEGUARDING)
    steps = {(one.partner, one.report_id): one for one in run.story.steps if one.report is not None}
    found: dict[UUID, int] = {}
    for record in run.topics[SAFEGUARDING]:
        if isinstance(record.event, SafeguardingReportShared):
            inside = names.behind(record.event.report_id)
            if inside in steps:
                for node in record.event.nodes:
                    found.setdefault(node.entity_id, steps[inside].people[node.node])
    return found
