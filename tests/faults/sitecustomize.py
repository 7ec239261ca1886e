"""Put on the path of a running system: one role lives in another hour, all else in the true one.

`SHIFTED_CLOCK` names a file that holds a role and a shift (`gate +2h`); it is read at each start.
Waits keep to the true clock, as they do on a machine whose clock is off.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def _shift() -> None:
    if "FAKETIME" in os.environ or "SHIFTED_CLOCK" not in os.environ:
        return
    role, shift = Path(os.environ["SHIFTED_CLOCK"]).read_text().split()
    if sys.orig_argv[-2:] != ["role", role]:
        return
    import libfaketime  # noqa: PLC0415 - it is in nobody's way but where it is wanted

    library = Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src"
    shifted = {
        "LD_PRELOAD": str(library / "libfaketime.so.1"),
        "FAKETIME": shift,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    os.execve(sys.executable, sys.orig_argv, {**os.environ, **shifted})


_shift()
