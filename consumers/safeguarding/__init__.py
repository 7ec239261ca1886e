"""The safeguarding projection: children at risk through a network, and why."""

from consumers.safeguarding.projection import Safeguarding

__all__ = ["Safeguarding"]
