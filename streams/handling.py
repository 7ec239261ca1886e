"""How strict a handling code is, and what a product made of several reports inherits.

NONE is no permission. It means that the partner gave no code (partners need
not grade), and is never read as P, which permits lawful sharing onward: a
report without a code goes to the audiences that law and agreement allow, and
whoever reads it may use it there and may not pass it on. So the order is P,
NONE, C. Source: domain.md section 8, rules 13, 15 and 17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.parts import Handling
from streams.values import Audience, ConditionCode, HandlingCode

if TYPE_CHECKING:
    from collections.abc import Iterable

#: From the least to the most restrictive.
ORDER: Final = (HandlingCode.P, HandlingCode.NONE, HandlingCode.C)


def strictest(handlings: Iterable[Handling]) -> Handling:
    """Return what a product of reports so handled must be handled as.

    The strictest code; of those with code C every condition, and only the
    recipients that all of them name. No recipient left, or no input at all,
    means that nobody may have it: code C, no recipients.
    """
    inputs = tuple(handlings)
    codes = [one.code for one in inputs] or [HandlingCode.C]
    code = max(codes, key=ORDER.index)
    if code is not HandlingCode.C:
        return Handling(code=code)
    conditional = [one for one in inputs if one.code is HandlingCode.C]
    allowed = [set(one.recipients) for one in conditional]
    asked = {condition for one in conditional for condition in one.conditions}
    return Handling(
        code=code,
        recipients=tuple(a for a in Audience if allowed and all(a in one for one in allowed)),
        conditions=tuple(condition for condition in ConditionCode if condition in asked),
    )


def may_have(handling: Handling, audience: Audience) -> bool:
    """Tell whether an audience is among those a handling leaves open."""
    return handling.code is not HandlingCode.C or audience in handling.recipients
