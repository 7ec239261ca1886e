"""The anonymiser's process: Faust brings records, lanes commit what follows from them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from typing import TYPE_CHECKING, NoReturn

from anonymiser.forenames import read_lists
from anonymiser.intake.worker.fate import EXIT_FATAL, EXIT_RESTART, LOG, fatal, leave
from anonymiser.intake.worker.partners import PartnerTopics
from anonymiser.intake.worker.shell import Place, Shell, serve
from anonymiser.intake.worker.status import WAITING, Status, instant, write_status
from anonymiser.narrative.redact import Redactor
from streams.alarms import Alarm
from streams.kafka.connection import keep_quiet

if TYPE_CHECKING:
    from pathlib import Path

    from anonymiser.keyring import Keys
    from streams.kafka.access import Access

__all__ = ["EXIT_FATAL", "EXIT_RESTART", "run"]

_STATUS_SECONDS = 1.0


def run(  # noqa: PLR0913 - what a process is given
    *,
    access: Access,
    keys: Keys,
    status_file: Path,
    data_dir: Path,
    slot: str = "1",
    redactor: Redactor | None = None,
) -> NoReturn:
    """Serve the topics of all partners until SIGTERM; the process ends here.

    Exit codes: 0 told to end, 70 start anew, 75 start anew at once (a new
    partner). `data_dir` is for Faust; `slot` is unique and stable per replica.
    `redactor` is the one without a recogniser unless another is given.
    """
    for name in ("faust", "mode", "aiokafka"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("faust.app.base").addFilter(_is_news)
    keep_quiet()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Place(access=access, status_file=status_file, data_dir=data_dir, slot=slot)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        topics = loop.run_until_complete(_partners(place))
        serve(loop.run_until_complete(_shell(place, topics, keys, redactor or Redactor())), loop)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next start finds all in order
        fatal("starting", error)
    fatal("the app ended by itself")


def _is_news(line: logging.LogRecord) -> bool:
    """Faust says at every assignment that a sensor has no state; there is none to have."""
    return "Missing sensor state" not in line.getMessage()


async def _shell(place: Place, topics: PartnerTopics, keys: Keys, redactor: Redactor) -> Shell:
    read_lists()
    return Shell(place, topics, keys, redactor)


async def _partners(place: Place) -> PartnerTopics:
    """Wait, without Faust, until there is a partner to serve."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave, os.EX_OK)
    topics = PartnerTopics(place.access)
    await topics.start()
    if not topics.present:
        LOG.info("no partner yet: waiting on the register")
    waiting = asyncio.ensure_future(_tell_waiting(place, topics))
    await topics.wait_for_any()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    return topics


async def _tell_waiting(place: Place, topics: PartnerTopics) -> None:
    while True:
        missing = sorted(topics.wanted - topics.present)
        alarms = tuple(Alarm.TOPIC_MISSING.at(topic) for topic in missing)
        status = Status(
            slot=place.slot, state=WAITING, written_at=instant(time.time()), alarms=alarms
        )
        write_status(place.status_file, status)
        await asyncio.sleep(_STATUS_SECONDS)
