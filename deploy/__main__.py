"""`python -m deploy` is `rivelin`: the supervisor starts roles so, whatever is on the path."""

from __future__ import annotations

from deploy.cli import main

if __name__ == "__main__":
    main()
