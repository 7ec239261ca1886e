"""A recogniser on top of spaCy: only where it is installed and a setting names its model.

spaCy is no dependency of Rivelin. It can only add to what goes; when it
raises, or takes too long, the narrative stays behind.
"""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from anonymiser.narrative.recogniser import RecogniserFailedError
from anonymiser.narrative.spans import Kind, Layer, Span
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SECONDS_MAX: Final = 5.0
_KINDS: Final = {
    "PERSON": Kind.PERSON,
    "PER": Kind.PERSON,
    "GPE": Kind.PLACE,
    "LOC": Kind.PLACE,
    "FAC": Kind.PLACE,
    "ORG": Kind.ORGANISATION,
    "NORP": Kind.WORD,
}


class SpacyRecogniser:
    """Fills `Recogniser`. One text at a time; a text past `seconds_max` is given up."""

    def __init__(self, pipeline: Callable[[str], Any], seconds_max: float = _SECONDS_MAX) -> None:
        self._pipeline = pipeline
        self._seconds_max = seconds_max
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recogniser")

    @classmethod
    def load(cls, model: str, seconds_max: float = _SECONDS_MAX) -> SpacyRecogniser:
        """Load a model that is installed; nothing is fetched.

        Raises: InvalidInputError if spaCy or the model is not there.
        """
        try:
            spacy = importlib.import_module("spacy")
            return cls(spacy.load(model), seconds_max)
        except (ImportError, OSError, ValueError) as error:
            raise InvalidInputError(f"spaCy has no model {model} here") from error

    def recognise(self, text: str) -> Sequence[Span]:
        """Return people, places, organisations and nationalities.

        Raises: RecogniserFailedError when time is up; a thread that is still
        busy with an earlier text counts as that.
        """
        task = self._thread.submit(self._pipeline, text)
        try:
            found = task.result(self._seconds_max)
        except TimeoutError as error:
            task.cancel()
            raise RecogniserFailedError("out of time") from error
        return tuple(
            Span(entity.start_char, entity.end_char, kind, Layer.RECOGNISER)
            for entity in found.ents
            if (kind := _KINDS.get(entity.label_)) is not None
        )
