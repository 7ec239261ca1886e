"""How an identifier can fail to have a canonical form; no error here ever holds the value."""

from __future__ import annotations

from streams.errors import InvalidInputError


class UnreadableIdentifierError(InvalidInputError):
    """The value of `field` is none of its kind; `rule` says what one looks like. Correct it."""

    code = "unreadable_identifier"

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field} cannot be read: {rule}")
        self.field = field
        self.rule = rule


class WrongCheckDigitError(UnreadableIdentifierError):
    """The digits or letters of `field` do not fit together: one of them is mistyped."""

    code = "wrong_check_digit"


class UnknownFieldError(InvalidInputError):
    """The table has no rule for a field of this name."""

    def __init__(self, field: str) -> None:
        super().__init__(f"there is no rule for a field named {field!r}")
        self.field = field


class FormatBrokenError(ValueError):
    """Within the rules: the value has another format; `rule` says which it should have."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class CheckDigitBrokenError(FormatBrokenError):
    """Within the rules: the format holds and the check digit does not."""
