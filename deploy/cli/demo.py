"""`rivelin demo`: the whole mission on a real broker of its own, judged by the town's truth."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import show_json

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from deploy.demo.result import Result
    from producers.town.town import Town

DEFAULT_SEED = 1
FAST_HOUSEHOLDS = 60
STOP_SECONDS_MAX = 5.0
EXIT_NOT_AS_EXPECTED = 1
#: What would lead the demo's processes to another system than its own.
_OWN_SYSTEM = ("RIVELIN_BOOTSTRAP_SERVERS", "RIVELIN_HOME")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)


def demo(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Answer with the figures as one JSON document.")
    ] = False,
    seed: Annotated[
        int, typer.Option(help="Which town; the same seed, the same town.")
    ] = DEFAULT_SEED,
    fast: Annotated[bool, typer.Option("--fast", help="A smaller town with one group.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the home, to look into it afterwards.")
    ] = False,
) -> None:
    """Play the whole story on a real broker, and compare it with what must come out.

    Ends with code 1 if anything is not as it must be.
    """
    from producers.town.town import build_town  # noqa: PLC0415 - keeps --help quick

    for name in _OWN_SYSTEM:
        os.environ.pop(name, None)
    with _home(keep=keep) as home:
        town = build_town(seed, *((FAST_HOUSEHOLDS, 1) if fast else ()))
        result = _play(home, town, quiet=as_json, kept=str(home) if keep else None)
    if as_json:
        show_json(result.as_dict())
    if result.undoings():
        sys.exit(EXIT_NOT_AS_EXPECTED)


def _play(home: Path, town: Town, *, quiet: bool, kept: str | None) -> Result:
    from rich.console import Console  # noqa: PLC0415 - keeps --help quick

    from deploy.demo.play import play  # noqa: PLC0415 - the same
    from deploy.demo.screen import Screen  # noqa: PLC0415 - the same
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    screen = Screen(Console(quiet=quiet, highlight=False))
    result = asyncio.run(_unless_stopped(play(Settings(home=home), town, screen)))
    if isinstance(result, int):
        sys.exit(128 + result)
    screen.next_steps(kept)
    return result


async def _unless_stopped(playing: Coroutine[Any, Any, Result]) -> Result | int:
    """Let the play end in order on Ctrl-C or SIGTERM; then return the signal's number."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[int] = loop.create_future()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _tell, told, number)
    task = asyncio.create_task(playing)
    either: set[asyncio.Future[Any]] = {task, told}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not told.done():
        return task.result()
    while not task.done():  # a client that is being closed may swallow a cancellation
        task.cancel()
        await asyncio.wait({task}, timeout=STOP_SECONDS_MAX)
    return told.result()


def _tell(told: asyncio.Future[int], number: int) -> None:
    if not told.done():
        told.set_result(number)


@contextmanager
def _home(*, keep: bool) -> Iterator[Path]:
    """A folder of its own that goes when the demo does, unless it is to be kept."""
    if keep:
        yield Path(mkdtemp(prefix="rivelin-demo-"))
        return
    with TemporaryDirectory(prefix="rivelin-demo-") as folder:
        yield Path(folder)
