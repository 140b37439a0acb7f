"""The steps of the ranker: the lists of earlier folds, the fit on these, the answers to a fold's queries."""

from collections.abc import Sequence

import numpy as np

from common.engine.errors import UserError
from common.engine.progress import track
from competitions.tencent.config import FeatureSettings, FitSettings
from competitions.tencent.corpus import Bools, Floats, Int64s
from competitions.tencent.io.schema import TOP
from competitions.tencent.ranking.context import FoldContext, FoldInputs, build_context
from competitions.tencent.ranking.pair_features import pair_features
from competitions.tencent.ranking.ranker import LabelledLists, Ranker, fit_ranker
from competitions.tencent.ranking.retrieval import Pairs, retrieve
from competitions.tencent.ranking.top_k import FoldAnswers, TopK
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns

BLOCK = 32  # queries whose features are held at once
PART = 100_000  # queries
WAYS = ("ranker", "first search")  # to answer, the submitted one first


def list_candidates(inputs: FoldInputs, at: int, settings: FeatureSettings) -> LabelledLists | None:
    """The lists of an earlier fold's queries whose target was retrieved; None where none was."""
    fold = inputs.earlier[at]
    context = build_context(inputs, fold, inputs.forecasts[at], settings)
    features, targets = [], []
    names: tuple[str, ...] = ()
    target = target_columns(fold)
    for block in track(list(blocks(len(fold.users), BLOCK)), "describing candidates"):
        pairs = retrieve(context, block)
        block_features, names = pair_features(context, pairs)
        hit = find_hits(pairs, target[block])
        # A query whose target is not in its list has no positive: the softmax over the list would learn nothing.
        retrieved = hit.any(1)
        features.append(block_features[retrieved])
        targets.append(hit.argmax(1)[retrieved])
    if not sum(map(len, targets)):
        return None
    return LabelledLists(np.concatenate(features), np.concatenate(targets), names)


def find_hits(pairs: Pairs, target: Int64s) -> Bools:
    """Where a query's ``target`` [queries], a candidate or -1, stands in its list, bool [queries, retrieved]."""
    return np.asarray((pairs.candidate == target[:, None]) & np.isfinite(pairs.scores))


def join_lists(lists: Sequence[LabelledLists | None]) -> LabelledLists:
    """The lists of several folds."""
    parts = [each for each in lists if each is not None]
    if not parts:
        raise UserError(
            "No earlier fold has a query, or none whose target is retrieved: the log is too short for the ranker; take"
            ' the network instead: --set method="network".'
        )
    # A fold of fewer candidates than the length of a list has shorter lists: all are cut to the shortest.
    width = min(part.features.shape[1] for part in parts)
    kept = [part.target < width for part in parts]
    features = np.concatenate([part.features[rows, :width] for part, rows in zip(parts, kept, strict=True)])
    targets = np.concatenate([part.target[rows] for part, rows in zip(parts, kept, strict=True)])
    return LabelledLists(features, targets, parts[0].names)


def fit(lists: Sequence[LabelledLists | None], settings: FitSettings, seed: int) -> Ranker:
    """The ranker of all earlier folds' lists."""
    return fit_ranker(join_lists(lists), settings, seed)


def count_parts(fold: Fold) -> int:
    """The answer is a step for each part of so many queries, so that hours of work survive a kill."""
    return -(-len(fold.users) // PART)


def answer(inputs: FoldInputs, ranker: Ranker, settings: FeatureSettings, part: int) -> FoldAnswers:
    """The ten best candidates of one part's queries; features are held for one block of queries at a time."""
    fold = inputs.fold
    context = build_context(inputs, fold, inputs.forecasts[-1], settings)
    start, stop = part * PART, min((part + 1) * PART, len(fold.users))
    ranked, retrieved = TopK.empty(stop - start, TOP), TopK.empty(stop - start, TOP)
    target = None if fold.target is None else target_columns(fold)
    rank = np.zeros(stop - start, np.int64)
    for rows in track(list(blocks(stop - start, BLOCK)), "ranking"):
        pairs = retrieve(context, rows + start)
        retrieved.put(rows, pairs.candidate, pairs.scores)
        ranked.put(rows, pairs.candidate, score_pairs(ranker, context, pairs))
        if target is not None:
            hit = find_hits(pairs, target[rows + start])
            rank[rows] = np.where(hit.any(1), hit.argmax(1) + 1, 0)
    return FoldAnswers(dict(zip(WAYS, (ranked, retrieved), strict=True)), None if target is None else rank)


def score_pairs(ranker: Ranker, context: FoldContext, pairs: Pairs) -> Floats:
    """The ranker's scores [queries, retrieved]; -inf where retrieval's are, which are those of seen ads."""
    features, _ = pair_features(context, pairs)
    return np.where(np.isfinite(pairs.scores), ranker.score(features), np.float32(-np.inf))


def join_answers(parts: Sequence[FoldAnswers]) -> FoldAnswers:
    """The answers of all parts."""
    ranks = [part.retrieval_rank for part in parts if part.retrieval_rank is not None]
    ways = {name: TopK.join([part.ways[name] for part in parts]) for name in WAYS}
    return FoldAnswers(ways, np.concatenate(ranks) if ranks else None)
