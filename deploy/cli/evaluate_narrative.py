"""`rivelin evaluate narrative`: what the redaction of free text leaves, and what it takes."""

from __future__ import annotations

import json
import zlib
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.output import counting, say, show_json, show_table, warn
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anonymiser.narrative.redact import Redactor
    from deploy.evaluate.narrative.measure import NarrativeEvaluation
    from deploy.evaluate.narrative.texts import Text


class Half(StrEnum):
    """Which texts to take, by a checksum of their ids: lists are fitted on the even ones only."""

    ALL = "all"
    EVEN = "even"
    ODD = "odd"


def narrative(  # noqa: PLR0913 - each is an option of the command
    texts: Annotated[
        Path | None,
        typer.Argument(
            dir_okay=False,
            help="JSON Lines: id, text, spans [{start, end, kind, declared, origin}].",
        ),
    ] = None,
    *,
    generate: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Tell N invented narratives; TEXTS, if named, is made."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed tells the same.", min=0)] = 1,
    half: Annotated[Half, typer.Option(help="Take half of the texts, by their ids.")] = Half.ALL,
    recogniser: Annotated[
        str | None,
        typer.Option("--spacy", metavar="MODEL", help="Let a model of spaCy add what it finds."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Redact texts whose identifiers are marked, and tell what was left and what was taken.

    Spans that are `declared` are given to the redactor as the report's own
    identities, the others it must find. Names of fields and kinds are mapped,
    as stderr tells. All figures are shares between 0 and 1; the time is CPU.

    Exit codes: 0 done, 1 a declared identifier leaked, 3 the file does not hold what it must.
    """
    from deploy.evaluate.narrative.measure import measure  # noqa: PLC0415 - keeps --help quick

    corpus = [text for text in _corpus(texts, generate, seed) if _is_in(text.id, half)]
    if not corpus:
        raise InvalidInputError("no text has an id of that half")
    _tell_kinds(corpus)
    with counting("texts") as progress:
        found = measure(corpus, _redactor(recogniser), lambda done: progress(done, len(corpus)))
    _answer(found, as_json=as_json)
    if found.declared.hits:
        raise typer.Exit(1)


def _corpus(path: Path | None, generate: int | None, seed: int) -> Sequence[Text]:
    from deploy.evaluate.narrative.texts import read_texts, text_of  # noqa: PLC0415 - the same

    if generate is not None:
        from deploy.evaluate.narrative.stories import stories  # noqa: PLC0415 - the same

        told = list(stories(generate, seed))
        if path is not None:
            if path.exists():
                raise InvalidInputError(
                    f"{path} is there already: stories are written to a new file"
                )
            lines = (json.dumps(story, ensure_ascii=False) + "\n" for story in told)
            path.write_text("".join(lines), encoding="utf-8")
        return [text_of(story, number) for number, story in enumerate(told, start=1)]
    if path is None:
        raise InvalidInputError("name a file of texts, or --generate some")
    if not path.exists():
        raise InvalidInputError(f"there is no file {path}")
    return read_texts(path)


def _is_in(name: str, half: Half) -> bool:
    return half is Half.ALL or zlib.crc32(name.encode()) % 2 == (half is Half.ODD)


def _redactor(model: str | None) -> Redactor:
    from anonymiser.narrative.redact import Redactor  # noqa: PLC0415 - keeps --help quick

    if model is None:
        return Redactor()
    from anonymiser.narrative.spacy_worker import SpacyRecogniser  # noqa: PLC0415 - optional

    return Redactor(SpacyRecogniser.load(model))


def _tell_kinds(corpus: Sequence[Text]) -> None:
    from deploy.evaluate.narrative.texts import Role, overlapping, role_of  # noqa: PLC0415

    kinds = {span.kind for text in corpus for span in text.spans}
    for role in Role:
        named = sorted(kind for kind in kinds if role_of(kind) is role)
        if named:
            say(f"{role.value}: {', '.join(named)}")
    unmasked = sum(not span.is_masked for text in corpus for span in text.spans)
    if unmasked:
        say(f"{unmasked} spans are marked as not to be masked: no leak if they stay")
    if count := overlapping(corpus):
        warn(f"{count} spans overlap another; each is judged by itself")


def _answer(found: NarrativeEvaluation, *, as_json: bool) -> None:
    figures = found.as_dict()
    if as_json:
        show_json(figures)
    else:
        show_table(("figure", "value"), _rows(figures))


def _rows(figures: dict[str, object]) -> Iterator[tuple[str, object]]:
    for name, figure in figures.items():
        title = name.replace("_", " ")
        if isinstance(figure, dict):
            yield from ((f"{title}: {part}", value) for part, value in figure.items())
        else:
            yield title, figure
