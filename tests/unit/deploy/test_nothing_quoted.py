"""Whatever nobody catches, and whatever a library logs, reaches stderr without the value in it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PLANTED = "Visibly Inventsson"

BEGIN = f"""
import asyncio, logging, os, sys, threading, warnings
from deploy.log_lines import tell_error, write_json_lines
SECRET = {PLANTED!r}
write_json_lines("gate")
class Holder:
    def __repr__(self): return SECRET
    def __del__(self): raise ValueError(SECRET)
async def fail(*_): raise ValueError(SECRET)
"""

PROVOKED = {
    "in the main thread": "raise ValueError(SECRET)",
    "in a chain of errors": """
try:
    raise KeyError(SECRET)
except KeyError as error:
    raise RuntimeError(SECRET) from error
""",
    "in a thread": """
def work(): raise ValueError(SECRET)
thread = threading.Thread(target=work, name=SECRET); thread.start(); thread.join()
""",
    "in a destructor": "holder = Holder(); del holder",
    "in a task that nobody awaits": """
async def main():
    task = asyncio.create_task(fail(SECRET), name=SECRET)
    await asyncio.sleep(0.01)
    del task
asyncio.run(main())
""",
    "in a callback of the loop": """
def callback(value): raise ValueError(value)
async def main():
    asyncio.get_running_loop().call_soon(callback, SECRET)
    await asyncio.sleep(0.01)
asyncio.run(main())
""",
    "in a future": """
async def main():
    future = asyncio.get_running_loop().create_future()
    future.set_exception(ValueError(SECRET))
    del future
asyncio.run(main())
""",
    "in a warning": "warnings.warn(SECRET, RuntimeWarning)",
    "as an argument of a library's line": """
logging.getLogger("mode.services").error("Crashed reason=%r", ValueError(SECRET))
logging.getLogger("aiokafka.consumer").warning("got %s and %r", Holder, [SECRET])
logging.getLogger("faust.app").warning("got %(what)s", {"what": b"Visibly Inventsson"})
""",
    "with a library's line": """
try:
    raise ValueError(SECRET)
except ValueError:
    logging.getLogger("mode.services").exception("Crashed")
""",
    "in a library's second line": 'logging.getLogger("asyncio").error("never\\n" + SECRET)',
    "in a line that cannot be formatted": """
logging.getLogger("aiokafka").error("%d of %s", SECRET, SECRET, SECRET)
logging.getLogger("aiokafka").error("%d records", Holder())
""",
    "below what is written": """
logging.getLogger("aiokafka").debug("record %s", SECRET)
logging.getLogger("aiokafka").info("record %s", SECRET)
""",
    "told by a role": """
try:
    raise OSError(28, SECRET)
except OSError as error:
    tell_error("failed", error)
""",
}

#: Provoked, and rightly not written at all.
SILENT = {"below what is written"}


@pytest.mark.parametrize("name", PROVOKED)
def test_what_goes_wrong_is_told_in_json_and_quotes_nothing(name):
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + PROVOKED[name]],
        capture_output=True,
        text=True,
        check=False,
    )

    assert PLANTED not in done.stdout + done.stderr
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert bool(lines) == (name not in SILENT)
    assert {line["role"] for line in lines} <= {"gate"}


def test_a_role_that_dies_of_a_bug_says_where():
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + PROVOKED["in the main thread"]],
        capture_output=True,
        text=True,
        check=False,
    )

    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["event"], line["error"], line["level"]) == ("uncaught", "ValueError", "error")
    assert line["frames"]
    assert done.returncode == 1
