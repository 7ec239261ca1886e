"""The police projection: candidate networks, their ties and the people in them."""

from consumers.ocg_network.projection import OcgNetwork

__all__ = ["OcgNetwork"]
