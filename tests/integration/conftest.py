"""Everything in this folder needs a real broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.settings import Settings

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items) -> None:
    """`-m "not kafka"` leaves all of it out, also what starts a broker of its own."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.kafka)


@pytest.fixture
def settings(tmp_path) -> Settings:
    """A home in which nothing runs yet."""
    return Settings(home=tmp_path / "home")
