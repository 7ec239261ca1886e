"""A log line tells what happened and can hold no value."""

from __future__ import annotations

import errno
import json
import logging

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from deploy.log_lines import JsonLines, describe
from streams.errors import LogError

SECRET = "Visibly Invented"


def line_of(**fields):
    record = logging.LogRecord("rivelin", logging.ERROR, __file__, 1, "failed", None, None)
    record.__dict__.update(fields)
    return json.loads(JsonLines("gate").format(record))


def raised(error):
    try:
        raise error  # noqa: TRY301 - it must have been raised somewhere
    except Exception as caught:  # noqa: BLE001 - any error will do
        return caught


def test_a_line_is_one_object_with_role_event_and_facts():
    line = line_of(facts={"lag": 3})

    assert line["role"] == "gate"
    assert line["event"] == "failed"
    assert line["lag"] == 3


@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), OSError(5, SECRET)])
def test_the_words_of_a_foreign_error_are_not_told(error):
    caught = raised(error)

    assert SECRET not in json.dumps(describe(caught))
    assert SECRET not in json.dumps(line_of(exc_info=(type(caught), caught, None)))
    assert describe(caught)["error"] == type(error).__name__


def test_a_full_disk_is_named_by_its_code():
    assert describe(raised(OSError(errno.ENOSPC, SECRET)))["reason"] == "ENOSPC"

    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(OperationalError) as full:
            connection.exec_driver_sql("CREATE TABLE some (thing TEXT)")
    assert describe(full.value)["reason"] == "SQLITE_FULL"


def test_our_own_errors_say_which_rule_was_broken_and_where():
    facts = describe(raised(LogError("a rule")))

    assert facts["reason"] == "a rule"
    assert facts["frames"][-1].startswith("test_log_lines.py:")
