"""Mutated records through the real intake transform, and what became of each.

`python -m tests.hostile.mutants --records 100000` (`make hostile`) tells the count of each reason,
the slowest record and the most memory, and ends with 1 if a record broke a bar of reliability.md,
section 3: nothing raised, no bug of ours behind a quarantine, taken in only if spelt the one way,
under 250 ms of CPU each, under 512 MB.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from random import Random
from uuid import UUID

from anonymiser.forenames import read_lists
from anonymiser.intake.transform import transform
from schemas import CATALOGUE
from streams import sealing
from streams.codec import decode, encode, schema_id
from streams.restricted import (
    ON_SUBMISSIONS,
    ApprovalSubmitted,
    Identity,
    Quarantined,
    ReceiptDue,
    Report,
    ReportSubmitted,
    SealedPart,
    WithdrawalSubmitted,
)
from streams.taxonomy import RelationKind
from streams.topics import QUARANTINE, REPORT_KEYS, TOKENISED
from streams.values import Outcome, WithdrawalReason
from tests.hostile.avro_traps import long, peak_mebibytes
from tests.invented_enclave import KEYS, arrived, context, onboarded, sealed
from tests.invented_reports import child, phone, report, sister, tie, unnamed

SECONDS_MAX = 0.25
MEBIBYTES_MAX = 512
SUBMISSIONS = ON_SUBMISSIONS
EDGES = bytes((0x00, 0x01, 0x02, 0x7F, 0x80, 0x81, 0xFE, 0xFF))
LIES = tuple(
    long(n) for n in (-1, 1, 63, 64, 1_000, 1_001, 262_144, 50_000_000, 2**63 - 1, -(2**63))
)
SIGNS = (
    *(
        "\0",
        "\x1b[2J",
        "\u202e",
        "\u2066",
        "\u200b",
        "\ufeff",
        "\ufdfa",
        "e\u0301" * 9,
        "\U0001f600",
    ),
    *(
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(1)",
        "\t",
        "\r\n",
        "{{7*7}}",
        "<script>",
        "%00",
        "../",
    ),
    *("1" * 400, "a." * 200, "mr " * 150, "jan " * 100, "\u0661" * 60, "x" * 20_000, " " * 400),
)
CONTEXT = context(onboarded(narrative_permitted=True))
PUBLIC = KEYS.sealing[1].public()


# --- what is mutated -----------------------------------------------------------------------------


def _report(random, **changes):
    """A report of one of four shapes, its id new."""
    shapes = (
        {},
        {"nodes": (unnamed(),), "relations": (), "narrative": None},
        {"nodes": (child(), phone()), "relations": (), "narrative": "He was seen. " * 20},
        {
            "nodes": (sister(), child()),
            "relations": (tie("child", RelationKind.SIBLING, "sister"),),
        },
    )
    urgent = {"immediate_risk": random.random() < 0.05}
    told = {"report_id": UUID(bytes=random.randbytes(16), version=4)}
    return report(**(random.choice(shapes) | urgent | told | changes))


class Corpus:
    """Records as partners write them, sealed once."""

    def __init__(self, random):
        self.submitted = [sealed(_report(random)) for _ in range(60)]
        partner = decode(self.submitted[0], ReportSubmitted).partner
        small = (
            WithdrawalSubmitted(
                report_id=UUID(int=1), partner=partner, reason=WithdrawalReason.ERROR
            ),
            ApprovalSubmitted(report_id=UUID(int=1), revision=1, partner=partner),
        )
        self.records = [*self.submitted, *map(encode, small)]


# --- the bytes of the record ---------------------------------------------------------------------


def flipped(data, random):
    at = random.randrange(1, len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def edged(data, random):
    at = random.randrange(1, len(data))
    return data[:at] + bytes([random.choice(EDGES)]) + data[at + 1 :]


def lying(data, random):
    """Put another number where one may stand: a length, a count, a branch."""
    at = random.randrange(1, len(data))
    return data[:at] + random.choice(LIES) + data[at + 1 :]


def cut(data, random):
    return data[: random.randrange(len(data))]


def spliced(data, random):
    one, other = random.randrange(len(data)), random.randrange(len(data))
    return data[:one] + data[other:]


def grown(data, random):
    at = random.randrange(1, len(data))
    return data[:at] + data[at : at + random.randint(1, 40)] * random.choice((2, 3, 50)) + data[at:]


def lengthened(data, random):
    """Spell the integer that ends here with empty groups more."""
    at = random.randrange(1, len(data))
    return (
        data[:at]
        + bytes([data[at] | 0x80])
        + b"\x80" * random.choice((0, 1, 9))
        + b"\0"
        + data[at + 1 :]
    )


def renamed(data, random):
    """Say that the body is another event's, known or not."""
    ids = [schema.id for schema in CATALOGUE]
    return data[:1] + random.choice([*ids, 0, 2**31, 2**32 - 1]).to_bytes(4, "big") + data[5:]


BYTES = (flipped, flipped, edged, lying, lying, cut, spliced, grown, lengthened, renamed)


def mangled(data, random):
    """One to three changes of the bytes."""
    for _ in range(random.randint(1, 3)):
        if len(data) > 6:
            data = random.choice(BYTES)(data, random)
    return data


def of_record(corpus, random):
    return mangled(random.choice(corpus.records), random)


def of_nothing(corpus, random):
    """Bytes that were never a record, with and without a frame."""
    ids = [schema_id(cls) for cls in SUBMISSIONS]
    frame = random.choice((b"", b"\0" + random.choice(ids).to_bytes(4, "big")))
    return frame + random.randbytes(random.choice((0, 1, 30, 500)))


# --- the clear facts and the sealed parts of a submission ----------------------------------------


def of_submission(corpus, random):
    """Parts and keys of one report in another, facts changed, parts doubled, dropped, moved."""
    one, other = (decode(data, ReportSubmitted) for data in random.sample(corpus.submitted, 2))
    parts = list(one.parts)
    match random.randrange(9):
        case 0:
            parts[random.randrange(len(parts))] = random.choice(other.parts)
        case 1:
            return encode(replace(one, sealed_keys=other.sealed_keys))
        case 2:
            random.shuffle(parts)
        case 3:
            parts += [parts[-1]] * random.choice((1, 150))
        case 4:
            parts = random.sample(parts, random.randrange(len(parts)))
        case 5:
            at = random.randrange(len(parts))
            parts[at] = replace(parts[at], ciphertext=mangled(parts[at].ciphertext, random))
        case 6:
            parts[0] = SealedPart(part=random.choice((-1, 1, 2**63 - 1)), ciphertext=b"")
        case 7:
            return encode(replace(one, sealed_keys=mangled(one.sealed_keys, random)))
        case _:
            return encode(replace(one, **_facts(other, random)))
    return encode(replace(one, parts=tuple(parts)))


def _facts(other, random):
    return random.choice(
        (
            {"report_id": other.report_id},
            {"revision": random.choice((0, -1, 2, 2**63 - 1))},
            {"supersedes": random.choice((0, 1, -(2**63)))},
            {"partner": random.choice(("", "somebody-else", *SIGNS[:12]))},
            {"content_schema": random.choice((0, 101, 2**62))},
            {"key_epoch": random.choice((0, 2, -1, 2**62))},
            {"immediate_risk": True},
            {"parts": ()},
        )
    )


# --- what is inside the seal: the partner chose that too -----------------------------------------


def seal_bodies(told, bodies):
    """Seal any bytes as the parts of a report, by the rules, padding or not."""
    routed = sealing._routed(told, PUBLIC.epoch, schema_id(Report))
    keys = {part: b"%032d" % part for part in bodies}
    parts = tuple(
        SealedPart(
            part=part, ciphertext=sealing.encrypt(keys[part], body, sealing._bound(routed, part))
        )
        for part, body in bodies.items()
    )
    packed, info = b"".join(keys.values()), sealing._info(routed, tuple(bodies))
    envelope = sealing._HPKE.encrypt(packed, PUBLIC.for_hpke(), info)
    return encode(replace(routed, sealed_keys=envelope, parts=parts))


def of_plaintext(corpus, random):
    """The bytes of one part mangled before they are sealed."""
    told = _report(random)
    bodies = sealing._split(told)
    part = random.choice(list(bodies))
    match random.randrange(4):
        case 0:
            padded = sealing._padded(part, bodies[part])
            bodies[part] = mangled(padded, random)
        case 1:
            bodies[part] = bodies[random.choice(list(bodies))]
        case 2:
            bodies[part] = b"\x01" + random.choice((b"", b"\xff" * 4, b"\0" * 4)) + bodies[part]
        case _:
            bodies[part] = mangled(bodies[part], random)
    return seal_bodies(told, bodies)


def of_content(corpus, random):
    """A well-spelt report that says what nobody should."""
    sign = random.choice(SIGNS)
    told = _report(random)
    node = told.nodes[0]
    names = ("given_name", "family_name", "address", "postcode", "phone", "email", "driver_number")
    who = Identity(**dict.fromkeys(random.sample(names, random.randint(1, 4)), sign[:500]))
    changes = random.choice(
        (
            {"nodes": (replace(node, identity=who), *told.nodes[1:])},
            {"nodes": (replace(node, identity=replace(who, known_as=(sign,) * 40)),)},
            {"nodes": (replace(node, label=sign), *told.nodes[1:]), "relations": ()},
            {"nodes": told.nodes * random.choice((3, 60)), "relations": ()},
            {"nodes": (replace(node, identity=Identity(born_on=date.max)),), "relations": ()},
            {
                "narrative": (sign * (1 + 20_000 // len(sign)))[
                    : random.choice((20, 20_000, 20_001))
                ]
            },
            {"narrative": "".join(random.choices(SIGNS, k=30))[:20_000]},
            {"service": sign},
            {"origin_reference": sign},
            {"place": replace(told.place, postcode=sign, description=sign)},
            {"event_at": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)},
            {
                "reported_at": datetime(1, 1, 1, tzinfo=UTC),
                "event_at": datetime(1, 1, 1, tzinfo=UTC),
            },
            {"revision": 2**63 - 1, "supersedes": 2**63 - 2},
            {"relations": told.relations * 400},
        )
    )
    try:
        return seal_bodies(replace(told, **changes), sealing._split(replace(told, **changes)))
    except sealing.codec.UnencodableError:
        return of_plaintext(corpus, random)


FAMILIES = (
    of_record,
    of_record,
    of_record,
    of_nothing,
    of_submission,
    of_submission,
    of_plaintext,
    of_content,
)


# --- what became of them -------------------------------------------------------------------------


@dataclass
class Tally:
    """What a run found. `broken` names the records that broke a bar, by number and rule."""

    seconds_max: float = SECONDS_MAX
    outcomes: Counter = field(default_factory=Counter)
    broken: list = field(default_factory=list)
    slowest_seconds: float = 0.0
    slowest: str = ""
    mebibytes: int = 0

    def note(self, name, outcome, seconds, fault):
        self.outcomes[outcome] += 1
        if seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest = seconds, name
        if fault:
            self.broken.append((name, fault))
        if seconds > self.seconds_max:
            self.broken.append((name, f"{seconds:.3f} s"))

    def as_json(self):
        return {
            "records": self.outcomes.total(),
            "outcomes": dict(self.outcomes.most_common()),
            "slowest_milliseconds": round(self.slowest_seconds * 1000, 1),
            "slowest": self.slowest,
            "mebibytes": self.mebibytes,
            "broken": self.broken[:20],
        }


def campaign(records, seed, seconds_max=SECONDS_MAX):
    """Send so many mutants through intake; a seed makes the same ones, but for the sealing."""
    random = Random(seed)
    corpus, tally = Corpus(random), Tally(seconds_max)
    read_lists()  # as the process does before it takes the first record
    for number in range(records):
        family = FAMILIES[number % len(FAMILIES)]
        data = family(corpus, random)
        began = time.thread_time()
        outgoing = transform(arrived(data, offset=number), CONTEXT)
        seconds = time.thread_time() - began
        tally.note(f"{family.__name__} {number}", *judged(data, outgoing, seconds))
    tally.mebibytes = peak_mebibytes()
    if tally.mebibytes > MEBIBYTES_MAX:
        tally.broken.append(("the whole run", f"{tally.mebibytes} MiB"))
    return tally


def judged(data, outgoing, seconds):
    """Return outcome and reason, how long it took, and the rule that was broken, if one was."""
    kept = [decode(one.value, Quarantined) for one in outgoing if one.topic == QUARANTINE]
    passed = [one for one in outgoing if one.topic == TOKENISED]
    receipts = [found for one in passed if (found := _receipt(one.value)) is not None]
    reasons = sorted({reason.code for receipt in receipts for reason in receipt.reasons})
    if "internal_error" in reasons:
        return "internal_error", seconds, "a bug behind a quarantine"
    if len(passed) != 1:
        return "no outcome", seconds, f"{len(passed)} outcomes"
    if not receipts:
        event = decode(data, *SUBMISSIONS)
        has_keys = any(one.topic == REPORT_KEYS for one in outgoing)
        fault = None if encode(event) == data else "taken in and spelt twice"
        if has_keys != isinstance(event, ReportSubmitted):
            fault = "keys without a report, or the other way round"
        return f"taken in: {type(event).__name__}", seconds, fault
    outcome = receipts[0].outcome
    is_kept = [one.submission == data for one in kept] == [True]
    fault = None if is_kept == (outcome is Outcome.QUARANTINED) else "not kept as it came"
    return f"{outcome.value.lower()}: {reasons[0]}", seconds, fault


def _receipt(value):
    if int.from_bytes(value[1:5], "big") != schema_id(ReceiptDue):
        return None
    return decode(value, ReceiptDue)


def main():
    """Run a campaign and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--seconds-max", type=float, default=SECONDS_MAX, help="CPU seconds a record, at most"
    )
    asked = parser.parse_args()
    tally = campaign(asked.records, asked.seed, asked.seconds_max)
    sys.stdout.write(json.dumps(tally.as_json(), indent=1) + "\n")
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
