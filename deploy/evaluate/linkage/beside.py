"""The same records through Splink, on plain text: what the tokens cost, and what they do not.

Splink (Ministry of Justice) is the reference for probabilistic linkage. It
gets the canonical values that ours are hashed from, its own comparisons for
each kind of field, term frequencies, and is trained as its documentation
does: u by random sampling, m by expectation maximisation over two blockings.
It is no dependency: `requirements/beside.txt` holds what to install.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from deploy.evaluate.linkage.columns import SEX
from deploy.evaluate.linkage.households import Kind, households
from deploy.evaluate.linkage.score import PairCount, falsely_merged, share
from deploy.evaluate.linkage.truth import pairs_within
from streams.errors import RivelinError
from streams.values import Sex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deploy.evaluate.linkage.evaluation import Trial
    from deploy.evaluate.linkage.records import Person

THRESHOLDS: Final = (0.5, 0.95)
"""Match probabilities from which on two records are linked."""
_RECORD: Final = "unique_id"
_SEED: Final = 1
_PAIRS_MAX: Final = 2e6
_RULES_RECALL: Final = 0.7
_TRAININGS_MIN: Final = 2
#: Values that many share: two of them must agree to make a pair worth a look.
_BLOCKING: Final = ("given_name", "family_name", "born_on", "postcode", "email", "phone", "address")


class PeerMissingError(RivelinError):
    """The peer is not installed; requirements/beside.txt holds it with its hashes."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What another tool made of the same records, by match probability.

    `pairs` counts each linked pair, `clusters` the connected components of
    these; `household` is the share of invented households whose two people
    were taken for one, by the same model. `seconds` is the time to train and to predict.
    """

    name: str
    version: str
    pairs: dict[float, PairCount]
    clusters: dict[float, PairCount]
    household: dict[float, dict[Kind, float]]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "version": self.version,
            **{
                f"{kind}_{threshold}": _told(count)
                for kind, counts in (("pairs", self.pairs), ("clusters", self.clusters))
                for threshold, count in counts.items()
            },
            **{
                f"household_{threshold}": {kind.value: share(one) for kind, one in kinds.items()}
                for threshold, kinds in self.household.items()
            },
            "seconds": round(self.seconds, 2),
        }


def _told(count: PairCount) -> dict[str, float]:
    return {
        "precision": share(count.precision),
        "recall": share(count.recall),
        "f1": share(count.f1),
    }


def run_splink(trial: Trial, *, is_foreign: bool, households_each: int) -> Peer:
    """Train Splink on the records and link them; `is_foreign`: postcodes are not British.

    Raises: PeerMissingError if it is not installed.
    """
    splink, arrow = _modules()
    began = time.perf_counter()
    rows = [_row(person, trial.fields) for person in trial.people]
    columns = [name for name in rows[0] if name != _RECORD and _is_told(name, rows)]
    linker = _trained(splink, arrow, rows, columns, is_foreign=is_foreign)
    predicted = linker.inference.predict(threshold_match_probability=min(THRESHOLDS))
    edges = predicted.as_record_list()
    clusters = {one: _clusters(linker, predicted, one) for one in THRESHOLDS}
    seconds = time.perf_counter() - began
    entity = {
        person.record: trial.truth.get(person.record, f"\0{person.record}")
        for person in trial.people
    }
    true = pairs_within(entity.values())
    return Peer(
        name="splink",
        version=splink.__version__,
        pairs={one: _count_edges(edges, one, entity, true) for one in THRESHOLDS},
        clusters={one: _count_clusters(found, entity, true) for one, found in clusters.items()},
        household=_household(splink, arrow, linker, trial.fields, households_each),
        seconds=seconds,
    )


class Splink:
    """Splink with a model trained once, which then links any records of the same fields.

    Raises: PeerMissingError if it is not installed.
    """

    def __init__(self, people: Sequence[Person], fields: frozenset[str]) -> None:
        self._splink, self._arrow = _modules()
        self._fields = fields
        rows = [_row(person, fields) for person in people]
        columns = [name for name in rows[0] if name != _RECORD and _is_told(name, rows)]
        linker = _trained(self._splink, self._arrow, rows, columns, is_foreign=False)
        self._model = linker.misc.save_model_to_json()

    def clusters(
        self, people: Sequence[Person], thresholds: Sequence[float]
    ) -> dict[float, dict[str, Any]]:
        """Return the cluster of each record, by match probability from which on two are one."""
        rows = [_row(person, self._fields) for person in people]
        table = self._splink.DuckDBAPI().register(_table(self._arrow, rows))
        linker = self._splink.Linker(table, self._model, log_level="ERROR")
        predicted = linker.inference.predict(threshold_match_probability=min(thresholds))
        return {one: _clusters(linker, predicted, one) for one in thresholds}


def _modules() -> tuple[Any, Any]:
    try:
        return import_module("splink"), import_module("pyarrow")
    except ImportError:
        raise PeerMissingError(
            "splink is not installed; install requirements/beside.txt with --require-hashes"
        ) from None


def _household(
    splink: Any,  # noqa: ANN401 - a module that need not be there
    arrow: Any,  # noqa: ANN401 - the same
    linker: Any,  # noqa: ANN401 - a class of the module
    fields: frozenset[str],
    count: int,
) -> dict[float, dict[Kind, float]]:
    """Link households by the model that was trained on the records."""
    model = linker.misc.save_model_to_json()
    found: dict[float, dict[Kind, float]] = {one: {} for one in THRESHOLDS}
    for kind in Kind:
        homes = households(kind, fields, count)
        rows = [_row(person, fields) for person in homes.people]
        table = splink.DuckDBAPI().register(_table(arrow, rows))
        same = splink.Linker(table, model, log_level="ERROR")
        predicted = same.inference.predict(threshold_match_probability=min(THRESHOLDS))
        for threshold in THRESHOLDS:
            clusters = _clusters(same, predicted, threshold)
            found[threshold][kind] = falsely_merged(homes.pairs, clusters)
    return found


def _table(arrow: Any, rows: Sequence[dict[str, str | None]]) -> Any:  # noqa: ANN401 - a module's
    """A column that nobody fills is text all the same."""
    schema = arrow.schema([(name, arrow.string()) for name in rows[0]])
    return arrow.Table.from_pylist(list(rows), schema=schema)


def _is_told(column: str, rows: Sequence[dict[str, str | None]]) -> bool:
    return len({row[column] for row in rows} - {None}) > 1


def _row(person: Person, fields: frozenset[str]) -> dict[str, str | None]:
    """One record in canonical spelling; a day as ISO date, aliases left out."""
    told: dict[str, str | None] = {_RECORD: person.record}
    told |= dict.fromkeys(sorted(fields - {SEX, "known_as", "strong_id"}))
    if "strong_id" in fields:
        told["passport_number"] = None
    if SEX in fields:
        told[SEX] = None if person.sex is Sex.UNKNOWN else person.sex.value
    told |= {one.field: one.form for one in person.spelt if one.field in told}
    if day := told.get("born_on"):
        told["born_on"] = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return told


# --- the model -----------------------------------------------------------------------------------


def _trained(
    splink: Any,  # noqa: ANN401 - a module that need not be there
    arrow: Any,  # noqa: ANN401 - the same
    rows: Sequence[dict[str, str | None]],
    columns: Sequence[str],
    *,
    is_foreign: bool,
) -> Any:  # noqa: ANN401 - a class of the module
    pairs = [*combinations([name for name in _BLOCKING if name in columns], 2)]
    rules = [splink.block_on(*pair) for pair in pairs]
    rules += [splink.block_on(name) for name in _own_numbers(columns)]
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        comparisons=list(_comparisons(columns, is_foreign=is_foreign)),
        blocking_rules_to_generate_predictions=rules,
        retain_matching_columns=False,
    )
    database = splink.DuckDBAPI()
    table = database.register(_table(arrow, rows))
    linker = splink.Linker(table, settings, log_level="ERROR")
    certain = [splink.block_on(*three) for three in combinations(_names_of(columns), 3)]
    linker.training.estimate_probability_two_random_records_match(
        certain or rules, recall=_RULES_RECALL
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=_PAIRS_MAX, seed=_SEED)
    for rule in _training_rules(splink, columns):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    return linker


def _names_of(columns: Sequence[str]) -> list[str]:
    return [name for name in _BLOCKING if name in columns]


def _own_numbers(columns: Sequence[str]) -> list[str]:
    known = {"middle_names", "uprn", SEX, *_BLOCKING}
    return [name for name in columns if name not in known]


def _training_rules(splink: Any, columns: Sequence[str]) -> list[Any]:  # noqa: ANN401 - a module
    """Block by name, then by day of birth: each trains what the other holds fixed."""
    names = [name for name in ("given_name", "family_name") if name in columns]
    rules = [splink.block_on(*names)] if names else []
    others = [name for name in ("born_on", "postcode", "email") if name in columns]
    return rules + [splink.block_on(name) for name in others][: max(1, _TRAININGS_MIN - len(rules))]


def _comparisons(columns: Sequence[str], *, is_foreign: bool) -> Iterable[Any]:
    library = import_module("splink.comparison_library")
    for name in columns:
        yield _comparison(library, name, is_foreign=is_foreign)


def _comparison(library: Any, name: str, *, is_foreign: bool) -> Any:  # noqa: ANN401 - a module
    if name in ("given_name", "family_name", "middle_names"):
        compared = library.NameComparison(name)
    elif name == "born_on":
        return library.DateOfBirthComparison(name, input_is_string=True)
    elif name == "postcode" and not is_foreign:
        return library.PostcodeComparison(name)
    elif name == "email":
        compared = library.EmailComparison(name)
    elif name == "address":
        compared = library.JaroWinklerAtThresholds(name, [0.9, 0.7])
    elif name == SEX:
        return library.ExactMatch(name)
    else:
        compared = library.LevenshteinAtThresholds(name, [1, 2])
    return compared.configure(term_frequency_adjustments=True)


# --- what came out -------------------------------------------------------------------------------


def _clusters(linker: Any, predicted: Any, threshold: float) -> dict[str, Any]:  # noqa: ANN401 - the module's
    found = linker.clustering.cluster_pairwise_predictions_at_threshold(
        predicted, threshold_match_probability=threshold
    )
    return {row[_RECORD]: row["cluster_id"] for row in found.as_record_list()}


def _count_edges(
    edges: Iterable[dict[str, Any]], threshold: float, entity: dict[str, str], true: int
) -> PairCount:
    linked = [
        entity[edge[f"{_RECORD}_l"]] == entity[edge[f"{_RECORD}_r"]]
        for edge in edges
        if edge["match_probability"] >= threshold
    ]
    return PairCount(true=true, found=len(linked), right=sum(linked))


def _count_clusters(clusters: dict[str, Any], entity: dict[str, str], true: int) -> PairCount:
    both = Counter((cluster, entity[record]) for record, cluster in clusters.items())
    return PairCount(
        true=true,
        found=pairs_within(clusters.values()),
        right=sum(count * (count - 1) // 2 for count in both.values()),
    )
