"""`rivelin` as it is, started so that roles die at named places and live in another hour.

    python -m tests.crash.launcher up              the supervisor; it starts roles through here
    python -m tests.crash.launcher role linker     one role
    python -m tests.crash.launcher keys rotate sealing

Nothing in the product knows of this. The supervisor's back-off is cut short, since a role that a
test kills ten times a minute is not one that keeps failing.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from tests.crash import bugs
from tests.crash.failpoints import KEYS, Control, Points

CONTROL = "RIVELIN_CRASH_CONTROL"
_BACKOFF_SECONDS_MAX = 1.0


def main(arguments: list[str]) -> None:
    """Run the command, with what it starts coming back here."""
    if arguments[:1] == ["role"]:
        _prepare_role(arguments[1])
    elif arguments[:1] == [KEYS]:
        Points(Control(Path(os.environ[CONTROL])), KEYS).install()
    else:
        _prepare_supervisor()
    from deploy.cli import main as rivelin  # noqa: PLC0415 - after the wrapping

    sys.argv = ["rivelin", *arguments]
    rivelin()


def _prepare_supervisor() -> None:
    from deploy import supervisor, up  # noqa: PLC0415 - a role need not load it

    supervisor.BACKOFF_SECONDS_MAX = _BACKOFF_SECONDS_MAX
    role_spec = up.role_spec

    def through_here(*args, **facts):
        spec = role_spec(*args, **facts)
        module = spec.argv.index("-m") + 1
        argv = (*spec.argv[:module], "tests.crash.launcher", *spec.argv[module + 1 :])
        return replace(spec, argv=argv)

    up.role_spec = through_here


def _prepare_role(role: str) -> None:
    control = Control(Path(os.environ[CONTROL]))
    _live_in_another_hour(control, role)
    bugs.install()
    Points(control, role).install()


def _live_in_another_hour(control: Control, role: str) -> None:
    """Start again under libfaketime if the nemesis says so; waits keep to the true clock."""
    skew = control.skew / role
    if "FAKETIME" in os.environ or not skew.exists():
        return
    import libfaketime  # noqa: PLC0415 - it is in nobody's way but where it is wanted

    library = Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src"
    told = {
        "LD_PRELOAD": str(library / "libfaketime.so.1"),
        "FAKETIME": skew.read_text().strip(),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    argv = [sys.executable, "-m", "tests.crash.launcher", "role", role]
    os.execve(sys.executable, argv, os.environ | told)


if __name__ == "__main__":
    main(sys.argv[1:])
