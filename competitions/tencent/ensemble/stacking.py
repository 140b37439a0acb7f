"""The open mode of the ranker: boosted trees over its lists, the network's scores among their inputs.

For local use: the competition bans ensembles. Trees (LightGBM's LambdaMART) see every column of the ranker, its score
and the network's of each candidate found. They are fitted on one half of the hold-out's queries and judged on the
other, both ways round; the host's queries are ordered by trees of all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import lightgbm as lgb
import numpy as np

from common.engine.progress import track
from competitions.tencent.config import FeatureSettings, StackSettings
from competitions.tencent.corpus import Int64s
from competitions.tencent.inference.retrieval import TopK
from competitions.tencent.inference.stages import EncodedQueries, encode_fold
from competitions.tencent.io.schema import TOP
from competitions.tencent.model.sparse_history import Floats
from competitions.tencent.ranking.ranker import Ranker
from competitions.tencent.ranking.scoring import describe_block, score_found
from competitions.tencent.ranking.stages import RankerInputs, prepare_fold
from competitions.tencent.sequences import blocks
from competitions.tencent.split import target_columns
from competitions.tencent.training.inputs import ModelInputs, NetworkSettings
from competitions.tencent.training.trainer import Trained

QUERY_BLOCK = 256
NETWORK_SHARE = 0.3  # of the network's score in the column that adds it to the ranker's
TRUNCATION = 20  # places of a list that LambdaMART swaps


@dataclass(frozen=True)
class OpenInputs:
    """What both models of a fold are made of: the lists and the ``ranker``, the network ``trained``."""

    lists: RankerInputs
    ranker: Ranker
    network: ModelInputs
    trained: Trained


class OpenLists(NamedTuple):
    """Of queries: ``columns`` int64 [queries, found] of the candidates, ``scores`` float32 [queries, found] of the
    ranker, standardised, -inf for what was seen, ``features`` float32 [queries, found, inputs of the trees].
    """

    columns: Int64s
    scores: Floats
    features: Floats

    def take(self, rows: Int64s) -> "OpenLists":
        """Those of some queries."""
        return OpenLists(self.columns[rows], self.scores[rows], self.features[rows])


@dataclass(frozen=True)
class Stacked:
    """The answer of the open mode, and the ``trees`` of all queries as LightGBM's text."""

    top: TopK
    trees: str


def describe_lists(inputs: OpenInputs, features: FeatureSettings, network: NetworkSettings) -> Iterator[OpenLists]:
    """The lists of a fold's queries, a block at a time."""
    given, fold = inputs.lists, inputs.lists.fold
    ready = prepare_fold(given, fold, given.forecasts[-1], features)
    encoded = encode_fold(inputs.network, inputs.trained, network)
    for block in track(list(blocks(len(fold.users), QUERY_BLOCK)), "describing lists"):
        columns, found, described, _ = describe_block(ready, block)
        ranked = standardise_found(score_found(inputs.ranker, found, described))
        other = standardise_found(score_network(encoded, block, columns, found))
        yield OpenLists(columns, ranked, np.concatenate([described, stack_scores(ranked, other)], 2))


def score_network(encoded: EncodedQueries, block: Int64s, columns: Int64s, found: Floats) -> Floats:
    """The network's scores of the candidates at ``columns``, -inf where ``found`` is."""
    scores = np.take_along_axis(encoded.score(block).cpu().numpy(), columns, 1)
    return np.where(np.isfinite(found), scores, np.float32(-np.inf))


def standardise_found(scores: Floats) -> Floats:
    """Mean 0 and deviation 1 over the candidates of each query that may be answered; -inf stays."""
    finite = np.isfinite(scores)
    known, count = np.where(finite, scores, 0.0), np.maximum(finite.sum(1, keepdims=True), 1)
    mean = known.sum(1, keepdims=True) / count
    spread = np.sqrt((np.where(finite, known - mean, 0.0) ** 2).sum(1, keepdims=True) / count)
    return np.where(finite, (scores - mean) / np.maximum(spread, 1e-9), -np.inf).astype(np.float32)


def stack_scores(ranked: Floats, other: Floats) -> Floats:
    """Both models' standardised scores, their places in the list, and their sum, float32 [queries, found, 5]."""
    known = np.isfinite(ranked)
    first, second = (np.where(known, scores, -10.0) for scores in (ranked, other))
    places = [np.argsort(np.argsort(-scores, 1, kind="stable"), 1) for scores in (first, second)]
    return np.stack([first, second, *places, first + NETWORK_SHARE * second], 2).astype(np.float32)


def fit_and_answer(
    inputs: OpenInputs, features: FeatureSettings, network: NetworkSettings, settings: StackSettings
) -> Stacked:
    """Trees of each half of the hold-out's queries answer the other half; those of all are kept."""
    lists = join_lists(list(describe_lists(inputs, features, network)))
    target = find_targets(lists, target_columns(inputs.lists.fold))
    half, top = np.arange(len(target)) % 2, TopK.empty(len(target), TOP)
    for judged in (0, 1):
        rows = np.flatnonzero(half == judged)
        trees = fit_trees(lists, target, np.flatnonzero(half != judged), settings)
        top.put(rows, lists.columns[rows], score_lists(trees, lists.take(rows)))
    return Stacked(top, fit_trees(lists, target, np.arange(len(target)), settings))


def answer(inputs: OpenInputs, features: FeatureSettings, network: NetworkSettings, trees: str) -> Stacked:
    """The host's queries, by the ``trees`` of the hold-out."""
    top, start = TopK.empty(len(inputs.lists.fold.users), TOP), 0
    for lists in describe_lists(inputs, features, network):
        rows = np.arange(start, start + len(lists.columns))
        top.put(rows, lists.columns, score_lists(trees, lists))
        start += len(rows)
    return Stacked(top, trees)


def join_lists(parts: Sequence[OpenLists]) -> OpenLists:
    """The lists of several blocks."""
    columns, scores, features = ([part[at] for part in parts] for at in range(3))
    return OpenLists(np.concatenate(columns), np.concatenate(scores), np.concatenate(features))


def find_targets(lists: OpenLists, target: Int64s) -> Int64s:
    """The place of each query's target in its list, -1 where it is not there. ``target``: columns, or -1."""
    hit = (lists.columns == target[:, None]) & np.isfinite(lists.scores)
    return np.where(hit.any(1), hit.argmax(1), -1)


def fit_trees(lists: OpenLists, target: Int64s, rows: Int64s, settings: StackSettings) -> str:
    """Trees of those of the queries ``rows`` whose target is in the list; "" where none is."""
    rows = rows[target[rows] >= 0]
    if not len(rows):
        return ""
    known = np.isfinite(lists.scores[rows])
    label = np.arange(lists.columns.shape[1]) == target[rows][:, None]
    data = lgb.Dataset(lists.features[rows][known], label[known].astype(np.float32), group=known.sum(1))
    return lgb.train(list_parameters(settings), data, settings.rounds).model_to_string()


def list_parameters(settings: StackSettings) -> dict[str, object]:
    """As LightGBM names them."""
    return {
        "objective": "lambdarank",
        "lambdarank_truncation_level": TRUNCATION,
        "learning_rate": settings.rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.least,
        "lambda_l2": settings.l2,
        "feature_fraction": 0.5,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
        "seed": 0,
    }


def score_lists(trees: str, lists: OpenLists) -> Floats:
    """What the trees say, float32 [queries, found], -inf for what was seen; the ranker's scores without trees."""
    if not trees:
        return lists.scores
    queries, found, inputs = lists.features.shape
    predicted = np.asarray(lgb.Booster(model_str=trees).predict(lists.features.reshape(-1, inputs)), np.float32)
    return np.where(np.isfinite(lists.scores), predicted.reshape(queries, found), np.float32(-np.inf))
