"""Running the redactor over a corpus and counting what it left and what it took.

A span leaks if a word of it is left, grammar and titles ("Mr") apart. A text that is
withheld leaks nothing; so that this cannot hide a weak redactor, the same
share is told as if none were withheld, and how many were. Over-redaction is
the share of the words outside every span that went.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from anonymiser.narrative import lists
from anonymiser.narrative.identities import Declared
from anonymiser.narrative.spans import Kind
from anonymiser.narrative.words import tokens_of
from deploy.evaluate.narrative.texts import Role, role_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from anonymiser.narrative.redact import Redaction, Redactor
    from deploy.evaluate.narrative.texts import Marked, Text

_DECIMALS: Final = 4
_P95: Final = 0.95


@dataclass(slots=True)
class _Share:
    """How many of how many."""

    hits: int = 0
    of: int = 0

    def add(self, *, hit: bool) -> None:
        self.hits += hit
        self.of += 1

    def share(self) -> float:
        return round(self.hits / self.of, _DECIMALS) if self.of else 0.0


def _shares() -> defaultdict[str, _Share]:
    return defaultdict(_Share)


@dataclass(slots=True)
class NarrativeEvaluation:
    """What one run found. `leak` counts a withheld text as leaking nothing."""

    texts: int = 0
    spans: int = 0
    leak: defaultdict[str, _Share] = field(default_factory=_shares)
    leak_unless_withheld: defaultdict[str, _Share] = field(default_factory=_shares)
    leak_whole: defaultdict[str, _Share] = field(default_factory=_shares)
    by_origin: defaultdict[str, _Share] = field(default_factory=_shares)
    declared: _Share = field(default_factory=_Share)
    undeclared_names: _Share = field(default_factory=_Share)
    text_leaks: _Share = field(default_factory=_Share)
    over: _Share = field(default_factory=_Share)
    kept: _Share = field(default_factory=_Share)
    withheld: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name; shares between 0 and 1."""
        ordered = sorted(self.milliseconds)
        return {
            "texts": self.texts,
            "spans": self.spans,
            "leak": _by_name(self.leak),
            "leak_by_origin": _by_name(self.by_origin),
            "leak_declared": self.declared.share(),
            "leak_undeclared_names": self.undeclared_names.share(),
            "leak_if_none_withheld": _by_name(self.leak_unless_withheld),
            "leak_whole_spans": _by_name(self.leak_whole),
            "texts_with_a_leak": self.text_leaks.share(),
            "over_redaction": self.over.share(),
            "masked_without_need": self.kept.share(),
            "quarantined_share": round(sum(self.withheld.values()) / max(1, self.texts), _DECIMALS),
            "quarantined": dict(sorted(self.withheld.items())),
            "spans_by_kind": {kind: share.of for kind, share in sorted(self.leak.items())},
            "ms_per_document": round(sum(ordered) / max(1, len(ordered)), 3),
            "ms_per_document_p95": round(ordered[int(len(ordered) * _P95)], 3) if ordered else 0.0,
        }


def measure(
    texts: Iterable[Text], redactor: Redactor, progress: Callable[[int], object] | None = None
) -> NarrativeEvaluation:
    """Redact every text, with its declared spans as identities, and count. CPU time only."""
    found = NarrativeEvaluation()
    for number, text in enumerate(texts, start=1):
        declared = tuple(_declared(text))
        started = time.process_time()
        redaction = redactor.redact(text.text, declared, len(declared))
        found.milliseconds.append(1_000 * (time.process_time() - started))
        _count(found, text, redaction)
        if progress is not None:
            progress(number)
    return found


def _declared(text: Text) -> Iterator[Declared]:
    """Yield the identities of a text: each value once, as its report would hold it."""
    given = list(text.identities)
    given += [
        (span.value or text.text[span.start : span.end], span.kind)
        for span in text.spans
        if span.is_declared
    ]
    for number, (value, kind) in enumerate(dict.fromkeys(given)):
        yield Declared(value, _kind(kind), number, role_of(kind) is Role.NAME)


def _kind(kind: str) -> Kind:
    return {
        Role.NAME: Kind.PERSON,
        Role.PLACE: Kind.ADDRESS,
        Role.NUMBER: Kind.IDENTIFIER,
    }.get(role_of(kind), Kind.WORD)


# --- counting ----------------------------------------------------------------------------------


def _count(found: NarrativeEvaluation, text: Text, redaction: Redaction) -> None:
    gone = _gone(len(text.text), redaction)
    is_withheld = redaction.withheld is not None
    found.texts += 1
    if redaction.withheld is not None:
        found.withheld[redaction.withheld.value] += 1
    leaks = [_leaks(text.text, span, gone) for span in text.spans if span.is_masked]
    found.text_leaks.add(hit=not is_withheld and any(leaks))
    for span in text.spans:
        found.spans += 1
        if span.is_masked:
            _count_span(found, text.text, span, gone, is_withheld=is_withheld)
    _count_words(found, text, gone)


def _gone(length: int, redaction: Redaction) -> bytearray:
    """Mark the characters that went; all of them where the layers did not even run."""
    gone = bytearray(length)
    if redaction.words == 0 and redaction.withheld is not None:
        return bytearray(b"\1" * length)
    for span in redaction.spans:
        gone[span.start : span.end] = b"\1" * (span.end - span.start)
    return gone


def _leaks(text: str, span: Marked, gone: bytearray) -> bool:
    return any(
        not all(gone[span.start + token.start : span.start + token.end])
        for token in tokens_of(text[span.start : span.end])
        if token.lower not in lists.TITLES
        and (token.lower not in lists.GRAMMAR or token.text[0].isupper())
    )


def _count_span(
    found: NarrativeEvaluation, text: str, span: Marked, gone: bytearray, *, is_withheld: bool
) -> None:
    is_left = _leaks(text, span, gone)
    leaks = is_left and not is_withheld
    found.leak[span.kind].add(hit=leaks)
    found.leak_unless_withheld[span.kind].add(hit=is_left)
    found.leak_whole[span.kind].add(hit=leaks and not any(gone[span.start : span.end]))
    if span.is_declared:
        found.declared.add(hit=leaks)
    elif role_of(span.kind) is Role.NAME:
        found.undeclared_names.add(hit=leaks)
        if span.origin is not None:
            found.by_origin[span.origin].add(hit=leaks)


def _count_words(found: NarrativeEvaluation, text: Text, gone: bytearray) -> None:
    marked = bytearray(len(text.text))
    for span in text.spans:
        value = b"\1" if span.is_masked else b"\2"
        for at in range(span.start, span.end):
            if marked[at] != 1:
                marked[at] = value[0]
    for token in tokens_of(text.text):
        where = marked[token.start : token.end]
        if 1 in where:
            continue
        counted = found.kept if any(where) else found.over
        counted.add(hit=any(gone[token.start : token.end]))


def _by_name(shares: Mapping[str, _Share]) -> dict[str, float]:
    return {name: share.share() for name, share in sorted(shares.items())}
