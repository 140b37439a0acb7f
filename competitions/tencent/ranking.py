"""The ranker: the lists of earlier folds, a small network fitted on these, the answers to a fold's queries.

The network goes from the features of a pair to a score, by the softmax over a query's candidates. Without a hidden
layer it is the conditional logit (McFadden 1974); one layer lets features act together.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from common.engine.errors import UserError
from common.engine.progress import track
from competitions.tencent.config import FeatureSettings, FitSettings
from competitions.tencent.corpus import Bools, Floats, Int64s
from competitions.tencent.features.pair_features import describe, stack_columns, take_candidates
from competitions.tencent.ids import CandidateIndices
from competitions.tencent.io.schema import TOP
from competitions.tencent.retrieval.context import FoldContext, FoldInputs, Pairs, build_context
from competitions.tencent.retrieval.search import retrieve
from competitions.tencent.retrieval.top_k import FoldAnswers, TopK
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns

T = TypeVar("T")

BLOCK = 32  # queries whose features are held at once
PART = 50_000  # queries
WAYS = ("ranker", "first search")  # to answer, the submitted one first
KEPT = 200  # candidates of a longer list that get all features
CUT_EPOCHS, CUT_RATE = 4, 1e-2
CLIP = 8.0  # standard deviations
MEASURED = 64  # queries whose features are read at once


@dataclass(frozen=True)
class LabelledLists:
    """Queries whose target was retrieved: ``features`` float32 [queries, candidates, columns], ``target`` int64
    [queries], its index among the candidates; ``names`` of the columns, of which the first ``cheap`` take little time.
    """

    features: Floats
    target: Int64s
    names: tuple[str, ...]
    cheap: int = 0


@dataclass(frozen=True)
class Ranker:
    """``centre`` and ``scale`` [columns] standardise the features; ``weights`` by name; ``losses`` by epoch. ``cut``: a
    logit of the first columns, by which the ``KEPT`` candidates are chosen that get the others; None: all get them.
    """

    names: tuple[str, ...]
    centre: Floats
    scale: Floats
    weights: dict[str, np.ndarray]
    hidden: int
    losses: tuple[float, ...]
    cut: "Ranker | None" = None

    @torch.inference_mode()
    def score(self, features: Floats) -> Floats:
        """float32 [queries, candidates, columns] -> scores [queries, candidates]."""
        network = build(len(self.names), self.hidden)
        network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in self.weights.items()})
        return np.asarray(network(self.standardise(features)).squeeze(-1).numpy())

    def summarise(self) -> dict[str, Any]:
        """How the fit went."""
        parameters = sum(int(value.size) for value in self.weights.values())
        return {"losses": list(self.losses), "parameters": parameters}

    def standardise(self, features: Floats) -> Tensor:
        """As the network takes them."""
        scaled = features - self.centre
        scaled /= self.scale
        return torch.from_numpy(np.clip(scaled, -CLIP, CLIP, out=scaled))


def build(columns: int, hidden: int) -> nn.Sequential:
    """A linear layer, or two."""
    if not hidden:
        return nn.Sequential(nn.Linear(columns, 1))
    return nn.Sequential(nn.Linear(columns, hidden), nn.SiLU(), nn.Linear(hidden, 1))


def measure_columns(features: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation (never 0) of each column, float32; sums are of float64, a block of queries at a time:
    those of float32 lose the digits of a column that lies far from 0.
    """
    pairs = features.shape[0] * features.shape[1]
    blocks = [features[start : start + MEASURED] for start in range(0, len(features), MEASURED)]
    centre = np.sum([block.sum((0, 1), dtype=np.float64) for block in blocks], 0) / pairs
    variance = np.sum([np.square(block - centre).sum((0, 1)) for block in blocks], 0) / pairs
    return centre.astype(np.float32), (np.sqrt(variance) + 1e-6).astype(np.float32)


def fit_ranker(lists: LabelledLists, settings: FitSettings, seed: int) -> Ranker:
    """Adam, its rate falling to 0 by a cosine."""
    # Measured on the lists to learn from alone; a fold's own are scaled by the same numbers.
    centre, scale = measure_columns(lists.features)
    torch.manual_seed(seed)
    network = build(len(centre), settings.hidden)
    ranker = Ranker(lists.names, centre, scale, {}, settings.hidden, ())
    optimizer = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=settings.decay)
    steps = settings.epochs * -(-len(lists.target) // settings.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for _ in range(settings.epochs):
        order, total = torch.randperm(len(lists.target)).numpy(), 0.0
        for start in range(0, len(order), settings.batch):
            rows = np.sort(order[start : start + settings.batch])
            scores = network(ranker.standardise(lists.features[rows])).squeeze(-1)
            loss = functional.cross_entropy(scores, torch.from_numpy(lists.target[rows]))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        losses.append(total / len(order))
    weights = {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}
    return Ranker(lists.names, centre, scale, weights, settings.hidden, tuple(losses))


def each_block(work: Callable[[Int64s], T], queries: int, label: str) -> Iterator[T]:
    """What ``work`` makes of each block of queries, in their order; as many blocks side by side as torch has threads.

    Each block then has one thread: numpy, whose part is the larger, has no more, and what a block gives must not depend
    on how many there are. Both let others work during their loops.
    """
    workers = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            yield from track(pool.map(work, blocks(queries, BLOCK)), label, -(-queries // BLOCK))
    finally:
        torch.set_num_threads(workers)


def list_candidates(inputs: FoldInputs, settings: FeatureSettings) -> LabelledLists | None:
    """The lists of an earlier fold's queries whose target was retrieved; None where none was."""
    fold = inputs.fold
    context = build_context(inputs, settings)
    target = target_columns(fold)
    parts = list(
        each_block(lambda rows: list_block(context, rows, target[rows]), len(fold.users), "describing candidates")
    )
    if not sum(len(part.target) for part in parts):
        return None
    features, targets = (np.concatenate([getattr(part, name) for part in parts]) for name in ("features", "target"))
    return LabelledLists(features, targets, parts[0].names, parts[0].cheap)


def list_block(context: FoldContext, rows: Int64s, target: Int64s) -> LabelledLists:
    """The lists of some queries with this ``target`` [queries], a candidate or -1, without those that have it not."""
    pairs = retrieve(context, rows)
    cheap = describe(context, pairs, dear=False)
    columns = cheap | describe(context, pairs, dear=True)
    features, hit = stack_columns(columns, pairs), find_hits(pairs, target)
    # A query whose target is not in its list has no positive: the softmax over the list would learn nothing.
    retrieved = hit.any(1)
    return LabelledLists(features[retrieved], hit.argmax(1)[retrieved], tuple(columns), len(cheap))


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
    return LabelledLists(features, targets, parts[0].names, parts[0].cheap)


def fit(lists: Sequence[LabelledLists | None], settings: FitSettings, seed: int) -> Ranker:
    """The ranker of all earlier folds' lists; with a cut where they are long."""
    joined = join_lists(lists)
    ranker = fit_ranker(joined, settings, seed)
    if joined.features.shape[1] <= KEPT or not 0 < joined.cheap < len(joined.names):
        return ranker
    cheap = LabelledLists(joined.features[:, :, : joined.cheap], joined.target, joined.names[: joined.cheap])
    logit = msgspec.structs.replace(settings, hidden=0, epochs=CUT_EPOCHS, rate=CUT_RATE)
    return dataclasses.replace(ranker, cut=fit_ranker(cheap, logit, seed))


def count_parts(fold: Fold) -> int:
    """The answer is a step for each part of so many queries, so that hours of work survive a kill."""
    return -(-len(fold.users) // PART)


def answer(inputs: FoldInputs, ranker: Ranker, settings: FeatureSettings, part: int) -> FoldAnswers:
    """The ten best candidates of one part's queries."""
    fold = take_queries(inputs.fold, slice(part * PART, (part + 1) * PART))
    context = build_context(dataclasses.replace(inputs, fold=fold), settings)
    return answer_queries(context, ranker, None if fold.target is None else target_columns(fold))


def answer_queries(context: FoldContext, ranker: Ranker, target: Int64s | None) -> FoldAnswers:
    """The ten best candidates of the queries of ``context``, of ``target`` [queries], a candidate or -1; None: of one
    that nobody knows. Features are held for one block of queries at a time.
    """
    queries = len(context.queries)
    ranked, retrieved = TopK.empty(queries, TOP), TopK.empty(queries, TOP)
    rank = np.zeros(queries, np.int64)

    def answer_block(rows: Int64s) -> None:
        pairs = retrieve(context, rows)
        retrieved.put(rows, CandidateIndices(pairs.candidate[:, :TOP]), pairs.scores[:, :TOP])
        ranked.put(rows, pairs.candidate, score_pairs(ranker, context, pairs))
        if target is not None:
            hit = find_hits(pairs, target[rows])
            rank[rows] = np.where(hit.any(1), hit.argmax(1) + 1, 0)

    for _ in each_block(answer_block, queries, "ranking"):
        pass
    return FoldAnswers(dict(zip(WAYS, (ranked, retrieved), strict=True)), None if target is None else rank)


def take_queries(fold: Fold, rows: slice | Int64s) -> Fold:
    """The fold with these of its queries alone: what is found of each query is found of these."""
    names = ("users", "query_ends", "condition", "target", "unseen", "target_action")
    given = {name: getattr(fold, name) for name in names}
    own: dict[str, Any] = {name: None if column is None else column[rows] for name, column in given.items()}
    return dataclasses.replace(fold, **own)


def score_pairs(ranker: Ranker, context: FoldContext, pairs: Pairs) -> Floats:
    """The ranker's scores [queries, retrieved]; -inf where retrieval's are, which are those of seen ads, and for those
    that the cut leaves out.
    """
    possible, cheap = np.isfinite(pairs.scores), stack_columns(describe(context, pairs, dear=False), pairs)
    if ranker.cut is None or possible.shape[1] <= KEPT:
        dear = stack_columns(describe(context, pairs, dear=True), pairs)
        return np.where(possible, ranker.score(np.concatenate([cheap, dear], 2)), np.float32(-np.inf))
    first = np.where(possible, ranker.cut.score(cheap), np.float32(-np.inf))
    kept = np.sort(np.argpartition(-first, KEPT - 1, 1)[:, :KEPT], 1)
    fewer = take_candidates(pairs, kept)
    dear = stack_columns(describe(context, fewer, dear=True), fewer)
    features = np.concatenate([np.take_along_axis(cheap, kept[:, :, None], 1), dear], 2)
    scores = np.full(possible.shape, -np.inf, np.float32)
    np.put_along_axis(scores, kept, ranker.score(features), 1)
    return np.where(possible, scores, np.float32(-np.inf))


def join_answers(parts: Sequence[FoldAnswers]) -> FoldAnswers:
    """The answers of all parts."""
    ranks = [part.retrieval_rank for part in parts if part.retrieval_rank is not None]
    ways = {name: TopK.join([part.ways[name] for part in parts]) for name in WAYS}
    return FoldAnswers(ways, np.concatenate(ranks) if ranks else None)
