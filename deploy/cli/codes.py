"""What a person types for a code of a closed list."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from streams.errors import InvalidInputError

Code = TypeVar("Code", bound=StrEnum)


def code_of(known: type[Code], typed: str, where: str) -> Code:
    """Return the code that was typed, in whatever case, with hyphens or underscores.

    Raises: InvalidInputError that lists the codes and repeats nothing of what was typed.
    """
    try:
        return known(typed.strip().upper().replace("-", "_"))
    except ValueError:
        codes = ", ".join(one.value for one in known)
        raise InvalidInputError(f"{where}: there are {codes}") from None
