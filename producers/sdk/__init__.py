"""What a partner's developer connects in an afternoon.

    from producers.sdk import Partner

    async with Partner("loxley-homes", "broker:9092", fingerprint="…") as partner:
        submission = await partner.submit(report)
        print((await submission.receipt()).outcome)

`SyncPartner` is the same for code without asyncio. `producers.check.check` finds what to
correct without a connection.
"""

from producers.check import InvalidReportError, Problem
from producers.notice import NOTICE_999
from producers.sdk.errors import NoReceiptError, NotAcknowledgedError, NotOnboardedError
from producers.sdk.notices import OWN_RECORD, Message, Notice
from producers.sdk.partner import Partner
from producers.sdk.questions import ROUTINE, Question
from producers.sdk.receipts import Receipt
from producers.sdk.submission import Rejected, Submission
from producers.sdk.sync import SyncPartner, SyncSubmission
from producers.sdk.trust import NoSealingKeyError
from streams.kafka import Credentials
from streams.sealing import UntrustedKeyError

__all__ = [
    "NOTICE_999",
    "OWN_RECORD",
    "ROUTINE",
    "Credentials",
    "InvalidReportError",
    "Message",
    "NoReceiptError",
    "NoSealingKeyError",
    "NotAcknowledgedError",
    "NotOnboardedError",
    "Notice",
    "Partner",
    "Problem",
    "Question",
    "Receipt",
    "Rejected",
    "Submission",
    "SyncPartner",
    "SyncSubmission",
    "UntrustedKeyError",
]
