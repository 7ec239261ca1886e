"""What all tests share: the real broker, the reference data, and a word on what was skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
skipped_for_data: list[str] = []


def pytest_collection_modifyitems(items) -> None:
    """Whatever asks for the broker is a `kafka` test; `-m "not kafka"` leaves it out."""
    for item in items:
        if "broker" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """A running node in a home of its own: `broker.access(principal)`, `broker.settings`."""
    from deploy.broker import LocalBroker  # noqa: PLC0415 - pure tests need not load it
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    with LocalBroker(Settings(home=tmp_path_factory.mktemp("home"))) as node:
        yield node


@pytest.fixture(scope="session")
def access(broker):
    """How to enter the running node as what may do everything."""
    return broker.access("supervisor")


@pytest.fixture
def shared_data(request) -> Path:
    """The folder `../shared/data`, read in place, never copied; without it the test is skipped."""
    folder = SHARED / "data"
    if not folder.is_dir():
        skipped_for_data.append(request.node.nodeid)
        pytest.skip("../shared/data is not beside this clone")
    return folder


def pytest_terminal_summary(terminalreporter) -> None:
    if not skipped_for_data:
        return
    terminalreporter.section("skipped for want of ../shared/data")
    for nodeid in skipped_for_data:
        terminalreporter.write_line(nodeid)


def pytest_sessionfinish(session) -> None:
    """In CI beside `../shared` nothing may be skipped for want of it."""
    if skipped_for_data and os.environ.get("CI") and SHARED.is_dir():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
