"""The broker's jars: a committed lock names them, and only bytes that match its hashes run."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from streams.errors import RivelinError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LOCK_FILE = Path(__file__).with_name("jars.lock")

# `kafka-clients` is named because an older one is resolved otherwise.
ROOTS = (
    "org.apache.kafka:kafka_2.13:4.3.1",
    "org.apache.kafka:kafka-clients:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",
)
DOWNLOADS_AT_ONCE = 8
TIMEOUT_SECONDS = 60


class JarMismatchError(RivelinError):
    """A jar's bytes are not those of the lock. Delete the file named and start again."""


class JarUnavailableError(RivelinError):
    """A jar is neither in the cache nor to be had. Connect once, or copy the cache folder."""


@dataclass(frozen=True)
class Jar:
    """One line of the lock: Maven coordinates and the SHA-256 of the bytes."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Artifact and version make it unique among the jars of one lock."""
        return f"{self.artifact}-{self.version}.jar"


def cache_dir() -> Path:
    """Per user, so that a second clone starts at once."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rivelin"


def read_lock(path: Path = LOCK_FILE) -> tuple[Jar, ...]:
    """The jars in the order of the lock, which is the order of the class path."""
    lines = path.read_text().splitlines()
    return tuple(_parse(line) for line in lines if line and not line.startswith("#"))


def _parse(line: str) -> Jar:
    coordinates, sha256 = line.split()
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, sha256)


@dataclass
class JarStore:
    """A folder of verified jars.

    A jar is hashed when its size or time differ from when it was last found right;
    otherwise the start would hash 45 MB each time.
    """

    folder: Path
    fetch: Callable[[Jar, Path], Path] = field(default_factory=lambda: fetch_jar)

    @property
    def _seen_file(self) -> Path:
        return self.folder / "verified.json"

    def paths(self, jars: Iterable[Jar]) -> tuple[Path, ...]:
        """Local paths of all jars, fetched where missing and verified.

        Raises: JarMismatchError, JarUnavailableError.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = self._read_seen()
        # A scratch folder of its own: two clones may start for the first time together.
        with TemporaryDirectory(dir=self.folder) as scratch:
            verify = partial(self._verified, seen=seen, scratch=Path(scratch))
            with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
                found = tuple(pool.map(verify, jars))
        self._write_seen({path.name: stamp for path, stamp in found})
        return tuple(path for path, _ in found)

    def has_all(self, jars: Iterable[Jar]) -> bool:
        """Whether nothing needs fetching."""
        return all((self.folder / jar.file_name).exists() for jar in jars)

    def _verified(self, jar: Jar, seen: dict[str, str], scratch: Path) -> tuple[Path, str]:
        path = self.folder / jar.file_name
        if not path.exists():
            self._bring(jar, path, scratch)
        stamp = _stamp(path, jar)
        if seen.get(path.name) != stamp:
            _check(path, jar)
        return path, stamp

    def _bring(self, jar: Jar, path: Path, scratch: Path) -> None:
        """Only verified bytes ever get the final name, and they get it at once."""
        fetched = self.fetch(jar, scratch)
        _check(fetched, jar)
        fetched.replace(path)

    def _read_seen(self) -> dict[str, str]:
        try:
            return dict(json.loads(self._seen_file.read_text()))
        except (FileNotFoundError, ValueError):
            return {}

    def _write_seen(self, seen: dict[str, str]) -> None:
        draft = self._seen_file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(seen))
        draft.replace(self._seen_file)


def _stamp(path: Path, jar: Jar) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns} {jar.sha256}"


def _check(path: Path, jar: Jar) -> None:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != jar.sha256:
        raise JarMismatchError(f"{path} has SHA-256 {digest}, the lock says {jar.sha256}")


def fetch_jar(jar: Jar, scratch: Path) -> Path:
    """Fetch one jar by its coordinates, without following its dependencies: the lock has them."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - slow, and needed once per user

    context = MavenContext(repo_cache=scratch, timeout=TIMEOUT_SECONDS)
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        return Path(artifact.resolve())
    except (OSError, RuntimeError) as error:
        raise JarUnavailableError(f"cannot fetch {jar.file_name}: {error}") from error


def resolve_lock(scratch: Path) -> tuple[Jar, ...]:
    """Resolve the roots anew; for `python -m deploy.jars`, when a version changes."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - the same

    context = MavenContext(repo_cache=scratch, timeout=TIMEOUT_SECONDS)
    named = [context.create_dependency(root) for root in ROOTS]
    inputs, others = context.resolver.resolve(named)
    jars = (
        Jar(
            group=found.groupId,
            artifact=found.artifactId,
            version=found.version,
            sha256=hashlib.sha256(Path(found.artifact.resolve()).read_bytes()).hexdigest(),
        )
        for found in [*inputs, *others]
    )
    return tuple(sorted(jars, key=lambda jar: (jar.group, jar.artifact)))


def write_lock(path: Path = LOCK_FILE) -> None:
    """Write the lock: coordinates and hashes, no address."""
    jars = resolve_lock(cache_dir() / "resolve")
    head = "# Made by `python -m deploy.jars`: group:artifact:version and the SHA-256 of the jar.\n"
    lines = (f"{jar.group}:{jar.artifact}:{jar.version} {jar.sha256}\n" for jar in jars)
    path.write_text(head + "".join(lines))


if __name__ == "__main__":
    write_lock()
