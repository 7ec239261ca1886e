"""A submission is processed once more, as it lies on its partner's own topic.

Who asks names only the place, so nobody but the partner can put words into its mouth. What
follows commits together with the request's own position, so each request is done once. Doing it
is harmless whatever became of the first time: the linker links nobody twice, the gate shows a
revision once, a withdrawn or erased report stays so.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from anonymiser.intake.beside import fault_beside
from anonymiser.intake.transform import transform
from streams.codec import decode
from streams.errors import DecodeError
from streams.restricted import RedriveRequested

if TYPE_CHECKING:
    from anonymiser.intake.transform import IntakeContext
    from streams.ports import Outgoing, Record

_LOG: Final = logging.getLogger(__name__)


def redriven(
    request: RedriveRequested, submission: Record | None, context: IntakeContext
) -> tuple[Outgoing, ...]:
    """Return everything to write for a request, given what lies at the place that it names.

    Nothing where no submission lies: the reconciler's alarm about it stays open.
    """
    if submission is None:
        _LOG.error("no submission lies at %d of %s", request.offset, request.partner)
        return ()
    return transform(submission, context, fault_beside(submission.key, ()), request)


def requested(record: Record) -> RedriveRequested | None:
    """Read a request; None if it is none, which only a fault of our own could write."""
    try:
        return decode(record.value or b"", RedriveRequested)
    except DecodeError:
        _LOG.error("%s/%d cannot be read", record.topic, record.offset)
        return None
