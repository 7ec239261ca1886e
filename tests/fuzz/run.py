"""Fuzz one target: `python -m tests.fuzz.run submission --seconds 600` (`make fuzz` runs all four).

Whatever reaches a new branch is kept in the corpus, which lies outside the
repository (`RIVELIN_FUZZ_CORPUS`, else `~/.cache/rivelin-fuzz`); small seeds
are beside this file. An input that breaks a promise, takes over two seconds or
512 MB ends the run with an error and is kept beside the corpus.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import atheris

PACKAGES = ["streams", "schemas", "anonymiser", "tests.fuzz"]
SEEDS = Path(__file__).parent / "seeds"
INPUT_BYTES_MAX = {
    "submission": 4_096,
    "sealed_part": 4_096,
    "narrative": 2_048,
    "identifier": 600,
    "planted": 64,
}
NAMES = tuple(INPUT_BYTES_MAX)
MEBIBYTES_MAX = 512
INPUT_SECONDS_MAX = 2


def corpus_of(name: str) -> Path:
    """Return the folder of a target's corpus, made if it is not there."""
    home = os.environ.get("RIVELIN_FUZZ_CORPUS") or Path.home() / ".cache" / "rivelin-fuzz"
    folder = Path(home) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def arguments(name: str, folder: Path, limit: str, seed: int) -> list[str]:
    """Return what the fuzzer is told."""
    found, seeds = folder.parent / f"{name}-found-", SEEDS / name
    return [
        f"fuzz-{name}",
        limit,
        f"-seed={seed}",
        f"-max_len={INPUT_BYTES_MAX[name]}",
        f"-timeout={INPUT_SECONDS_MAX}",
        f"-rss_limit_mb={MEBIBYTES_MAX}",
        f"-artifact_prefix={found}",
        "-print_final_stats=1",
        str(folder),
        *([str(seeds)] if seeds.is_dir() else []),
    ]


def main() -> None:
    """Fuzz until time or runs are over; never returns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    limit = f"-runs={asked.runs}" if asked.runs else f"-max_total_time={asked.seconds or 600}"
    with atheris.instrument_imports(include=PACKAGES):
        from tests.fuzz.targets import TARGETS, prepare  # noqa: PLC0415 - instrumented on import
    prepare()
    folder = corpus_of(asked.target)
    atheris.Setup(arguments(asked.target, folder, limit, asked.seed), TARGETS[asked.target])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
