"""`rivelin demo`: the whole mission on a real broker of its own, judged by the story's truth."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from deploy.cli.output import say, show_json, warn

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from deploy.demo.fortify_result import Result as FortifyResult
    from deploy.demo.result import Result
    from producers.town.town import Town

#: What a play comes to.
Played = TypeVar("Played")
TOWN = "town"
FORTIFY = "fortify"
DEFAULT_SEED = 1
FAST_HOUSEHOLDS = 60
STOP_SECONDS_MAX = 5.0
EXIT_NOT_AS_EXPECTED = 1
#: What would lead the demo's processes to another system than its own.
_OWN_SYSTEM = ("RIVELIN_BOOTSTRAP_SERVERS", "RIVELIN_HOME")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)


def demo(  # noqa: PLR0913 - each is one option of the command
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
    story: Annotated[
        str,
        typer.Option(
            help="town: reports become networks and alerts. fortify: nine bodies, nineteen OCGs,"
            " a year of decisions, and what came of it."
        ),
    ] = TOWN,
    without: Annotated[
        str | None,
        typer.Option(
            help="Of the fortify story: fold the log once more without the last event of this name,"
            " and count again; by default OcgArchived."
        ),
    ] = None,
) -> None:
    """Play a whole story on a real broker, and compare it with what must come out.

    Ends with code 1 if anything is not as it must be.
    """
    _require_story(story, fast=fast, without=without)
    for name in _OWN_SYSTEM:
        os.environ.pop(name, None)
    with _home(keep=keep) as home:
        kept = str(home) if keep else None
        if story == FORTIFY:
            result: Result | FortifyResult = _play_fortify(home, seed, without, quiet=as_json)
            if kept is not None:
                say(f"The home is kept in {kept}.")
        else:
            result = _play_town(home, seed, fast=fast, quiet=as_json, kept=kept)
    if as_json:
        show_json(result.as_dict())
        for wrong in result.undoings():
            warn(f"not as it must be: {wrong}")
    if result.undoings():
        sys.exit(EXIT_NOT_AS_EXPECTED)


def _require_story(story: str, *, fast: bool, without: str | None) -> None:
    from streams.errors import InvalidInputError  # noqa: PLC0415 - keeps --help quick

    if story not in {TOWN, FORTIFY}:
        raise InvalidInputError(f"--story: there are {TOWN} and {FORTIFY}")
    if story == FORTIFY and fast:
        raise InvalidInputError("--fast is of the story of the town")
    if story == TOWN and without is not None:
        raise InvalidInputError(f"--without is of --story {FORTIFY}")
    if without is not None:
        from deploy.demo.fortify_result import require_event  # noqa: PLC0415 - keeps --help quick

        require_event(without)


def _play_fortify(home: Path, seed: int, without: str | None, *, quiet: bool) -> FortifyResult:
    from rich.console import Console  # noqa: PLC0415 - keeps --help quick

    from deploy.demo.fortify import ARCHIVE, play  # noqa: PLC0415 - the same
    from deploy.demo.fortify_screen import FortifyScreen  # noqa: PLC0415 - the same
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    screen = FortifyScreen(Console(quiet=quiet, highlight=False))
    playing = play(Settings(home=home), seed, screen, without or ARCHIVE)
    return _result_of(asyncio.run(_unless_stopped(playing)))


def _play_town(home: Path, seed: int, *, fast: bool, quiet: bool, kept: str | None) -> Result:
    from producers.town.town import build_town  # noqa: PLC0415 - keeps --help quick

    town = build_town(seed, *((FAST_HOUSEHOLDS, 1) if fast else ()))
    return _play(home, town, quiet=quiet, kept=kept)


def _play(home: Path, town: Town, *, quiet: bool, kept: str | None) -> Result:
    from rich.console import Console  # noqa: PLC0415 - keeps --help quick

    from deploy.demo.play import play  # noqa: PLC0415 - the same
    from deploy.demo.screen import Screen  # noqa: PLC0415 - the same
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    screen = Screen(Console(quiet=quiet, highlight=False))
    result = _result_of(asyncio.run(_unless_stopped(play(Settings(home=home), town, screen))))
    screen.next_steps(kept)
    return result


def _result_of(found: Played | int) -> Played:
    """Return what a play came to; one that was stopped ends the command by its signal."""
    if isinstance(found, int):
        sys.exit(128 + found)
    return found


async def _unless_stopped(playing: Coroutine[Any, Any, Played]) -> Played | int:
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
