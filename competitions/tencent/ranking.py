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

from common.arrays import Singles
from common.engine.errors import UserError
from common.engine.progress import track
from competitions.tencent.config import FeatureSettings, FitSettings
from competitions.tencent.corpus import Bools, Corpus, Int64s
from competitions.tencent.features.pair_features import describe, stack_columns, take_candidates
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.ids import CandidateIndices
from competitions.tencent.io.schema import TOP
from competitions.tencent.retrieval.search import Candidates, Queries, Search
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns
from competitions.tencent.top_k import FoldAnswers, TopK

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

    features: Singles
    target: Int64s
    names: tuple[str, ...]
    cheap: int = 0


@dataclass(frozen=True)
class Ranker:
    """``centre`` and ``scale`` [columns] standardise the features; ``weights`` by name; ``losses`` by epoch. ``cut``: a
    logit of the first columns, by which the ``KEPT`` candidates are chosen that get the others; None: all get them.
    """

    names: tuple[str, ...]
    centre: Singles
    scale: Singles
    weights: dict[str, np.ndarray]
    hidden: int
    losses: tuple[float, ...]
    cut: "Ranker | None" = None

    @torch.inference_mode()
    def score(self, features: Singles) -> Singles:
        """float32 [queries, candidates, columns] -> scores [queries, candidates]."""
        network = build(len(self.names), self.hidden)
        network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in self.weights.items()})
        return np.asarray(network(self.standardise(features)).squeeze(-1).numpy())

    def summarise(self) -> dict[str, Any]:
        """How the fit went."""
        parameters = sum(int(value.size) for value in self.weights.values())
        return {"losses": list(self.losses), "parameters": parameters}

    def standardise(self, features: Singles) -> Tensor:
        """As the network takes them."""
        scaled = features - self.centre
        scaled /= self.scale
        return torch.from_numpy(np.clip(scaled, -CLIP, CLIP, out=scaled))


def build(columns: int, hidden: int) -> nn.Sequential:
    """A linear layer, or two."""
    if not hidden:
        return nn.Sequential(nn.Linear(columns, 1))
    return nn.Sequential(nn.Linear(columns, hidden), nn.SiLU(), nn.Linear(hidden, 1))


def measure_columns(features: Singles) -> tuple[Singles, Singles]:
    """Mean and standard deviation (never 0) of each column, float32; sums are of float64, a block of queries at a time:
    those of float32 lose the digits of a column that lies far from 0.

    >>> centre, scale = measure_columns(np.float32([[[1, 7], [3, 7]]]))  # one query, two candidates, two columns
    >>> centre.tolist(), scale.round(3).tolist()
    ([2.0, 7.0], [1.0, 0.0])
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


def list_candidates(corpus: Corpus, fold: Fold, tables: FoldTables, settings: FeatureSettings) -> LabelledLists | None:
    """The lists of an earlier fold's queries whose target was retrieved; None where none was."""
    search, queries, target = Search(tables, settings), take_queries(corpus, fold), target_columns(fold)
    parts = list(
        each_block(
            lambda rows: list_block(search, queries.take(rows), target[rows]), len(queries), "describing candidates"
        )
    )
    if not sum(len(part.target) for part in parts):
        return None
    features, targets = (np.concatenate([getattr(part, name) for part in parts]) for name in ("features", "target"))
    return LabelledLists(features, targets, parts[0].names, parts[0].cheap)


def take_queries(corpus: Corpus, fold: Fold, rows: slice = slice(None)) -> Queries:
    """The queries of a fold, some or all."""
    histories = fold.queries(corpus.test if fold.target is None else corpus.train)
    return Queries(histories, fold.condition).take(np.arange(len(histories))[rows])


def list_block(search: Search, queries: Queries, target: Int64s) -> LabelledLists:
    """The lists of some queries with this ``target`` [queries], a candidate or -1, without those that have it not."""
    candidates, blocks = search.retrieve(queries), search.settings.blocks
    cheap = describe(search.tables, candidates, blocks, expensive=False)
    columns = cheap | describe(search.tables, candidates, blocks, expensive=True)
    features, hit = stack_columns(columns, candidates), find_hits(candidates, target)
    # A query whose target is not in its list has no positive: the softmax over the list would learn nothing.
    retrieved = hit.any(1)
    return LabelledLists(features[retrieved], hit.argmax(1)[retrieved], tuple(columns), len(cheap))


def find_hits(candidates: Candidates, target: Int64s) -> Bools:
    """Where a query's ``target`` [queries], a candidate or -1, stands in its list, bool [queries, retrieved]."""
    return np.asarray((candidates.candidate == target[:, None]) & np.isfinite(candidates.scores))


def join_lists(lists: Sequence[LabelledLists | None]) -> LabelledLists:
    """The lists of several folds."""
    parts = [each for each in lists if each is not None]
    if not parts:
        raise UserError(
            "No earlier fold has a query, or none whose target is retrieved: the log is too short to train a"
            " ranker. Set split.earlier or split.earlier_queries higher, or take a longer log."
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


def answer(
    corpus: Corpus, fold: Fold, tables: FoldTables, ranker: Ranker, settings: FeatureSettings, part: int
) -> FoldAnswers:
    """The ten best candidates of one part's queries."""
    rows = slice(part * PART, (part + 1) * PART)
    target = None if fold.target is None else target_columns(fold)[rows]
    return answer_queries(Search(tables, settings), take_queries(corpus, fold, rows), ranker, target)


def answer_queries(search: Search, queries: Queries, ranker: Ranker, target: Int64s | None) -> FoldAnswers:
    """The ten best candidates of ``queries``, of ``target`` [queries], a candidate or -1; None: of one that nobody
    knows. Features are held for one block of queries at a time.
    """
    ranked, retrieved = TopK.empty(len(queries), TOP), TopK.empty(len(queries), TOP)
    rank = np.zeros(len(queries), np.int64)

    def answer_block(rows: Int64s) -> None:
        candidates = search.retrieve(queries.take(rows))
        retrieved.put(rows, CandidateIndices(candidates.candidate[:, :TOP]), candidates.scores[:, :TOP])
        ranked.put(rows, candidates.candidate, score_candidates(ranker, search, candidates))
        if target is not None:
            hit = find_hits(candidates, target[rows])
            rank[rows] = np.where(hit.any(1), hit.argmax(1) + 1, 0)

    for _ in each_block(answer_block, len(queries), "ranking"):
        pass
    return FoldAnswers(dict(zip(WAYS, (ranked, retrieved), strict=True)), None if target is None else rank)


def score_candidates(ranker: Ranker, search: Search, candidates: Candidates) -> Singles:
    """The ranker's scores [queries, retrieved]; -inf where retrieval's are, which are those of seen ads, and for those
    that the cut leaves out.
    """

    def describe_block(part: Candidates, *, expensive: bool) -> Singles:
        return stack_columns(describe(search.tables, part, search.settings.blocks, expensive=expensive), part)

    possible, cheap = np.isfinite(candidates.scores), describe_block(candidates, expensive=False)
    if ranker.cut is None or possible.shape[1] <= KEPT:
        features = np.concatenate([cheap, describe_block(candidates, expensive=True)], 2)
        return np.where(possible, ranker.score(features), np.float32(-np.inf))
    first = np.where(possible, ranker.cut.score(cheap), np.float32(-np.inf))
    kept = np.sort(np.argpartition(-first, KEPT - 1, 1)[:, :KEPT], 1)
    expensive = describe_block(take_candidates(candidates, kept), expensive=True)
    features = np.concatenate([np.take_along_axis(cheap, kept[:, :, None], 1), expensive], 2)
    scores = np.full(possible.shape, -np.inf, np.float32)
    np.put_along_axis(scores, kept, ranker.score(features), 1)
    return np.where(possible, scores, np.float32(-np.inf))


def join_answers(parts: Sequence[FoldAnswers]) -> FoldAnswers:
    """The answers of all parts."""
    ranks = [part.retrieval_rank for part in parts if part.retrieval_rank is not None]
    ways = {name: TopK.join([part.ways[name] for part in parts]) for name in WAYS}
    return FoldAnswers(ways, np.concatenate(ranks) if ranks else None)
