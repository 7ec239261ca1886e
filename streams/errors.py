"""The one family of errors; each is named for the rule that was broken."""

from __future__ import annotations


class RivelinError(Exception):
    """Any rule of Rivelin that was broken. Messages never hold an identifier."""


class InvalidInputError(RivelinError):
    """What a person or a partner handed in does not hold; the message names the field."""


class DeniedError(RivelinError):
    """The asker may not do this: no purpose, no permission, no agreement."""


class BrokerUnreachableError(RivelinError):
    """No broker answers at the configured address. Start one with `rivelin up`."""


class NotLetInError(DeniedError):
    """Broker and client do not accept each other's certificates; the message says what mends it."""


class AuditMismatchError(RivelinError):
    """A replay gave another state than the live store. The message names table and key."""


class DecodeError(RivelinError):
    """Bytes that are no record of ours. `code` is the reason a receipt carries."""

    code = "undecodable"


class BadFrameError(DecodeError):
    """The Confluent frame (zero byte, four bytes of schema id) is missing or cut short."""

    code = "bad_frame"


class UnknownSchemaError(DecodeError):
    """The schema id is not in the catalogue, or not one that this topic carries."""

    code = "unknown_schema"


class TruncatedError(DecodeError):
    """The record ends before its schema does."""

    code = "truncated"


class TrailingBytesError(DecodeError):
    """Bytes are left over after the last field."""

    code = "trailing_bytes"


class NotCanonicalError(DecodeError):
    """Decoding and encoding again gives other bytes; a second spelling could hide something."""

    code = "not_canonical"


class TooLargeError(DecodeError):
    """The record, or a collection in it, is above its limit."""

    code = "too_large"


class BadValueError(DecodeError):
    """A value is of the right Avro type and still outside its domain (an unknown code, say)."""

    code = "bad_value"


class LogError(RivelinError):
    """The log did not do what was asked. Fatal: the process exits and starts anew."""


class NotPermittedError(LogError, DeniedError):
    """The broker knows who asks and does not permit it; `rivelin pki list` shows the standing."""


class FencedError(LogError):
    """Another process took over this transactional id; this one must end."""


class CommitFailedError(LogError):
    """A transaction failed or its outcome is unknown; the sink is dead, so is the process."""


class MissingTopicError(LogError):
    """A topic does not exist. Make it with `rivelin up` or the admin step, then start again."""


class RetentionGapError(LogError):
    """Records were deleted before they were read: restore them, or decide what was lost."""


class LogTruncatedError(LogError):
    """A position lies beyond the end: the topic was made anew, or the broker lost records."""


class OpenTransactionError(LogError):
    """A transaction is open for longer than any may be: its writer is gone, its end forgotten.

    Readers stop before it, and nobody writes behind it. The keeper of a managed node ends it as
    it was decided; elsewhere see docs/OPERATIONS.md.
    """


class MissingSchemaError(LogError):
    """A record of our own evidence has a schema that is not in the catalogue.

    Update this installation, or put the released file back; nothing is skipped meanwhile.
    """


class LostPositionsError(LogError):
    """A stage has written before and yet no position of it is known: it would do all again.

    Restore the offsets of its group (docs/OPERATIONS.md) before it may start.
    """
