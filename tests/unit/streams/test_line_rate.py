"""A library that repeats itself is cut short by message, and what was left out is counted."""

from __future__ import annotations

import logging

import pytest

from streams.line_rate import LineRate


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def written(clock):
    """What a logger of some library wrote in the end."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    handler.addFilter(LineRate(clock, exempt=("ours",)))
    for name in ("library", "ours"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    return lines


def test_an_outage_writes_one_line_an_interval_and_counts_the_rest(clock, written):
    logger = logging.getLogger("library.client")
    for n in range(1_000):
        logger.error("no connection, attempt %d", n)
    clock.seconds += 1

    logger.error("no connection, attempt %d", 1_000)

    assert written == [
        "no connection, attempt 0",
        "no connection, attempt 1000 (999 lines kept back)",
    ]


def test_one_message_does_not_hide_another_nor_one_logger_another(written):
    logging.getLogger("library.client").error("no connection")
    logging.getLogger("library.client").error("not authorised for %s", "a topic")
    logging.getLogger("library.group").error("no connection")

    assert len(written) == 3


def test_a_library_that_puts_the_number_into_the_text_is_held_too(clock, written):
    for n in range(10_000):
        logging.getLogger("library.client").error("attempt " + str(n))  # noqa: G003 - as some libraries do
    assert len(written) == 10

    clock.seconds += 1
    logging.getLogger("library.client").error("attempt 10001")
    assert len(written) == 11


def test_our_own_lines_are_never_held_back(written):
    for _ in range(50):
        logging.getLogger("ours.linker").error("the same")

    assert len(written) == 50


def test_a_line_that_one_filter_let_through_is_not_counted_by_the_next(clock):
    first, second = LineRate(clock), LineRate(clock)
    record = logging.LogRecord("library", logging.ERROR, __file__, 1, "gone", (), None)

    assert first.filter(record)
    assert second.filter(record)
    assert second.filter(logging.LogRecord("library", logging.ERROR, __file__, 1, "gone", (), None))
