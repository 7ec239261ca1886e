"""Write the seeds: one small input of each shape. Run once for a new version of an event."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from streams import sealing
from streams.codec import encode
from streams.restricted import ApprovalSubmitted, WithdrawalSubmitted
from streams.values import WithdrawalReason
from tests.fuzz.targets import FIELDS, TOLD
from tests.invented_enclave import sealed

VALUES = {
    "given_name": "Testina",
    "nhs_number": "943 476 5919",
    "driver_number": "MORGA657054SM9IJ",
    "phone": "07700 900123",
    "postcode": "S99 9ZZ",
    "account_number": "GB82 WEST 1234 5698 7654 32",
    "pnc_id": "2014/1234567A",
    "address": "Flat 2, 7 Mill St.",
}
NARRATIVES = (
    "Testina Inventsson was handed a second phone outside Nowhere Gardens.",
    "T-e-s-t-i-n-a met the man at 7pm on 3rd May 2026 by bus 52; ring 07700 900123.",
    "Her handle is snap: testy.inv and mail test at example dot org, AB12 CDE.",
)


def seeds():
    """Yield target, name and bytes."""
    bodies = sealing._split(TOLD)
    yield "submission", "report", sealed(TOLD)
    gone = WithdrawalSubmitted(
        report_id=UUID(int=1), partner=TOLD.partner, reason=WithdrawalReason.ERROR
    )
    yield "submission", "withdrawal", encode(gone)
    approved = ApprovalSubmitted(report_id=UUID(int=1), revision=1, partner=TOLD.partner)
    yield "submission", "approval", encode(approved)
    for name, spell in (("bare", lambda _, body: body), ("padded", sealing._padded)):
        first, second = spell(0, bodies[0]), spell(1, bodies[1])
        yield "sealed_part", name, len(first).to_bytes(2, "big") + first + second
    for number, text in enumerate(NARRATIVES):
        yield "narrative", str(number), text.encode()
    for field, value in VALUES.items():
        yield "identifier", field, bytes([FIELDS.index(field)]) + value.encode()


def main():
    for target, name, data in seeds():
        folder = Path(__file__).parent / "seeds" / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
