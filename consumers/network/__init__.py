"""The pure network fold that the police and the safeguarding projection share."""

from consumers.network.evidence import NetworkEvent
from consumers.network.fold import NetworkFold
from consumers.network.policy import POLICY, Policy

__all__ = ["POLICY", "NetworkEvent", "NetworkFold", "Policy"]
