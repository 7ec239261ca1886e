"""Copies of the product's own modules, bound to simulated clients, clock and process end.

The text that runs is the product's: every module named in `LINKED` is compiled from its source
file as it stands. Only its imports are answered differently: `aiokafka`, `faust`, `time`, the end
of a process and the transform of intake are those of the simulation, and a linked module sees the
other linked ones. The product's modules themselves are not touched, and no copy is ever put where
an import could find it.

A patch replaces text in such a copy. It is how a planted bug comes into a simulated world, and
into no other.
"""

from __future__ import annotations

import builtins
import functools
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from deploy.simulate import clients, faust_app, machine
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The product's loops, and all that stands between them and a client of the broker.
LINKED: Final = (
    "streams.kafka.connection",
    "streams.kafka.source",
    "streams.kafka.appender",
    "streams.kafka.settled",
    "streams.kafka.sink",
    "streams.kafka.log",
    "streams.loop",
    "consumers.store",
    "consumers.worker",
    "anonymiser.intake.worker.lane",
    "anonymiser.intake.worker.shell",
)


class PatchFailedError(InvalidInputError):
    """A planted bug does not fit the product's text any more: mend the patch."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One replacement in a linked module; `old` stands in it exactly once."""

    module: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        """Return the text with the bug in it.

        Raises: PatchFailedError.
        """
        if text.count(self.old) != 1:
            raise PatchFailedError(
                f"{self.module}: {text.count(self.old)} places look like"
                f" {self.old.strip().splitlines()[0]!r}, one was to be there"
            )
        return text.replace(self.old, self.new)


class Product:
    """The linked modules of one world, by their full names."""

    def __init__(self, patches: Sequence[Patch] = ()) -> None:
        self._patches = tuple(patches)
        self._modules: dict[str, ModuleType] = {}
        self._answers: Mapping[str, Any] = {
            "aiokafka": clients,
            "faust": faust_app,
            "time": machine.time,
            "gc": machine.gc,
            "anonymiser.intake.worker.fate": machine,
            "anonymiser.intake.transform": machine,
            "anonymiser.intake.redrive": machine,
            "anonymiser.tokens": machine,
            "streams.kafka.sound_batches": machine,
            "streams.kafka": SimpleNamespace(),
            "streams.kafka.requests": clients,
        }
        strange = {patch.module for patch in patches} - set(LINKED)
        if strange:
            raise PatchFailedError(f"no linked module: {', '.join(sorted(strange))}")
        self.kafka_log = self.module("streams.kafka.log").KafkaLog
        self._answers["streams.kafka"].KafkaLog = self.kafka_log
        self._answers["streams.kafka"].Access = machine.Access
        for name in {patch.module: None for patch in patches}:
            self.module(name)

    def module(self, name: str) -> Any:  # noqa: ANN401 - a module made just now has no type
        """Return the copy of a module, made on first use."""
        if name not in self._modules:
            self._modules[name] = self._load(name)
        return self._modules[name]

    def _load(self, name: str) -> ModuleType:
        path, text = _source(name)
        for patch in self._patches:
            if patch.module == name:
                text = patch.apply(text)
        module = ModuleType(__name__)  # dataclasses look the name up: it has to be there
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        exec(_compiled(path, text), module.__dict__)  # noqa: S102 - the product's own text
        return module

    def _import(
        self,
        name: str,
        names: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        parts: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:  # noqa: ANN401 - whatever an import gives
        if name in self._answers:
            return self._answers[name]
        if name in LINKED and parts:
            return self.module(name)
        return builtins.__import__(name, names, locals_, parts or (), level)


@functools.cache
def _source(name: str) -> tuple[str, str]:
    package = import_module(name.partition(".")[0])
    assert package.__file__ is not None  # noqa: S101 - our packages are folders with an __init__
    path = Path(package.__file__).parent.joinpath(*name.split(".")[1:]).with_suffix(".py")
    return str(path), path.read_text()


@functools.cache
def _compiled(path: str, text: str) -> CodeType:
    return compile(text, path, "exec", dont_inherit=True)
