"""Write down the fingerprints of new schemas; from then on an edit of their files fails a test.

Run it as `python -m tests.contracts.release` in the commit that releases
a schema. It adds what is new and never changes a line that is there. To
change an event, copy its newest file to the next version, give it an id that
was never used, and change the class.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from schemas import CATALOGUE

RELEASED = Path(__file__).with_name("released.json")


def fingerprint(definition):
    """SHA-256 over a schema with all its words; white space and the order of keys do not count."""
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def released():
    """Schema id, as a string, to file name and fingerprint."""
    return json.loads(RELEASED.read_text(encoding="utf-8")) if RELEASED.exists() else {}


def current(catalogue=CATALOGUE):
    """The same for the files as they are now."""
    return {
        str(schema.id): {"file": schema.path.name, "sha256": fingerprint(schema.definition)}
        for schema in catalogue
    }


if __name__ == "__main__":
    known = released()
    everything = current() | known
    ordered = dict(sorted(everything.items(), key=lambda entry: int(entry[0])))
    RELEASED.write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")
    print(f"{len(everything) - len(known)} schemas released")  # noqa: T201 - a command's answer
