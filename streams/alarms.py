"""What a process that goes on working tells an operator: a code, and the place it is about.

A role carries its alarms in its progress file; `rivelin health` shows them, and each code stands
in docs/OPERATIONS.md with what it means and what to do.
"""

from __future__ import annotations

from enum import StrEnum


class Alarm(StrEnum):
    """The closed list. A place is a topic, a store or a count, never a person."""

    TOPIC_MISSING = "topic_missing"
    TOPIC_MADE_ANEW = "topic_made_anew"
    STORE_LOCKED = "store_locked"
    TRANSACTION_OPEN = "transaction_open"

    def at(self, place: str) -> str:
        """Return the alarm as it is told: `topic_missing partner.council.submissions`."""
        return f"{self.value} {place}"
