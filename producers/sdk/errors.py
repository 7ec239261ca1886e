"""What can go wrong between a partner and the enclave, each with its remedy."""

from __future__ import annotations

from streams.errors import BrokerUnreachableError, DeniedError, RivelinError


class NotOnboardedError(DeniedError):
    """The broker has no topics for this partner: ask the administrator to add it."""


class NotAcknowledgedError(BrokerUnreachableError):
    """The broker did not confirm in time. Send the same again: it is counted once."""

    def __init__(self, what: str, seconds: float, notice: str | None) -> None:
        told = (
            f"the broker did not acknowledge {what} within {seconds:.0f} s; it may or may not"
            " have arrived, and sending the same again is safe"
        )
        super().__init__(f"{told}. {notice}" if notice else told)
        self.notice = notice


class NoReceiptError(RivelinError):
    """No receipt came in time. The submission is safe with the broker; ask again later."""

    def __init__(self, seconds: float, notice: str | None) -> None:
        told = (
            f"no receipt within {seconds:g} s; the submission lies safe on the broker and the"
            " receipt will come"
        )
        super().__init__(f"{told}. {notice}" if notice else told)
        self.notice = notice
