"""Plain rungs of the ladder: what is popular, which ad stands near which, an ad's content against the history's."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.linalg import solve
from torch import Tensor
from torch.nn import functional

from common.arrays import Singles
from common.engine.errors import UserError
from common.engine.progress import track
from common.learning.als import factorise, find_users
from common.retrieval.settings import FactorSettings
from competitions.tencent.corpus import CatalogueRows, Corpus, Int64s, number_rows
from competitions.tencent.features import popularity
from competitions.tencent.features.popularity import FLOOR, cut_batches, sort_log
from competitions.tencent.io.schema import TOP
from competitions.tencent.retrieval import sparse_history as sparse
from competitions.tencent.retrieval.channel import RECENT, weigh_events
from competitions.tencent.retrieval.content import BETA, Content
from competitions.tencent.retrieval.content import FLOOR as LEAST_SUM
from competitions.tencent.retrieval.counts import WHOLE, fit_all_counts
from competitions.tencent.retrieval.sparse_history import EVENT_WEIGHTS, attribute_matrix, weight_histories
from competitions.tencent.sequences import Histories, blocks
from competitions.tencent.split import Fold
from competitions.tencent.top_k import TopK, find_seen

# The keys of the rungs.
POPULARITY, AROUND, TRANSITIONS, COUNTS, ALS = "popularity", "popularity-now", "transitions", "counts", "als"
LINEAR, LANGUAGE, NEAREST, KERNEL = "linear", "language-model", "early-fusion", "kernel"
CONTENT_RULES = (LANGUAGE, NEAREST, KERNEL)
# Conan and Qwen2 of an ad's text. 81 is of its text too, but was finetuned on ads that the same people click.
TEXT_EMBEDDINGS = ("emb_82_", "emb_83_")
# Where these differ from the ranker's tables: each was chosen for the rung alone.
COUNT_SETTINGS = replace(WHOLE, reach=20, top=1_000, from_attributes=0.0)
TRANSITION_SETTINGS = replace(
    COUNT_SETTINGS,
    reach=2,
    backward=0.0,
    source_power=0.0,
    target_power=0.0,
    concavity=1.0,
    history=2,
    to_attributes=0.0,
)
FACTORS = FactorSettings(size=64, ridge=1.0, alpha=5.0, rounds=10)
EVENTS = 100  # of a history, the last
CLICKED = 5.0  # a click, in events that were shown only, in the mean of a history
BITS = {"int8": 8, "int4": 4}  # of a number of the kernel's vectors
LANGUAGE_BETA = 3.0  # the kernel's width, chosen on Beauty's second-last items
BLOCK = 8  # queries whose kernels are held at once: events x candidates each
# Of ``fit_regression``.
MOST_ITEMS = 20_000  # a matrix of items x items is inverted: n^3 steps
REACH = 60  # events between those of a pair, at most
PAST, FUTURE = 0.5, 0.2  # what an event counts for each step between it and the position
RIDGE = 100.0
FADE = 0.65  # what an event of a query counts for each event behind it
Score = Callable[[Int64s], Tensor]  # indices of a fold's queries -> float32 [queries, candidates]


@torch.inference_mode()
def rank_all(score: Score, queries: Histories, candidates: CatalogueRows, top: int, query_block: int = 512) -> TopK:
    """The best of all ``candidates``, ascending: ``score`` (indices of queries) gives [block, candidates]; what a query
    has seen never wins.
    """
    best = TopK.empty(len(queries), top)
    size = max(int(queries.sequences.item.max(initial=0)), int(candidates.max(initial=0))) + 1
    position_of_row = number_rows(candidates, size)
    for block in track(list(blocks(len(queries), query_block)), "retrieving"):
        scores = score(block)
        if not bool(torch.isfinite(scores).all()):  # a ranking of NaNs would look like a perfect one
            raise UserError(
                "The model's scores are not finite, nothing can be ranked: training diverged. Lower its learning rate."
            )
        query, position = (torch.from_numpy(part) for part in find_seen(queries.take(block), position_of_row))
        scores[query, position] = -torch.inf
        ranked = scores.topk(min(top, scores.shape[1]), 1)
        best.put(block, CatalogueRows(candidates[ranked.indices.numpy()]), ranked.values.float().numpy())
    return best


def answer_by_rule(corpus: Corpus, contents: Sequence[Content], fold: Fold, key: str, seed: int) -> TopK:
    """The answer of the rung of this ``key``. ``contents``: of which a content rule goes by one at least."""
    if key in CONTENT_RULES:
        content = stack_content([one for one in contents if goes_by(key, one.name)])
        score = fit_content_rule(content, corpus, fold, key)
    else:
        score = fit_rule(corpus, fold, key, seed)
    return rank_all(score, fold.queries(corpus.train), fold.candidates, TOP)


def stack_content(contents: Sequence[Content]) -> Tensor:
    """All embeddings side by side, each of length 1, the whole of length 1; zero for an ad without any."""
    parts = [torch.from_numpy(np.asarray(each.vectors, np.float32)) for each in contents]
    return functional.normalize(torch.cat(parts, 1), dim=1)


def goes_by(key: str, embedding: str) -> bool:
    """Whether a content rule goes by the embedding of this name: a language model's alone, or all."""
    return key != LANGUAGE or embedding.startswith(TEXT_EMBEDDINGS)


def fit_rule(corpus: Corpus, fold: Fold, key: str, seed: int) -> Score:
    """A rule without content, for the candidates of a fold."""
    catalogue, ads, rows = corpus.catalogue, len(corpus.catalogue.oid), fold.candidates
    history, queries = fold.history(corpus.train), fold.queries(corpus.train)
    if key == POPULARITY:
        popular = torch.from_numpy(count_events(history, ads)[rows])
        return lambda block: popular.repeat(len(block), 1)
    if key == AROUND:
        return count_around(corpus, fold)
    if key == ALS:
        items = factorise(weight_histories(history, ads, EVENT_WEIGHTS), FACTORS, seed)
        return lambda block: torch.from_numpy(
            find_users(weight_histories(queries.take(block), ads, EVENT_WEIGHTS), items, FACTORS) @ items[rows].T
        )
    if key == LINEAR:
        known, coefficients = fit_regression(history, ads)
        return lambda block: torch.from_numpy(score_regression(known, coefficients, queries.take(block), ads)[:, rows])
    settings = {COUNTS: COUNT_SETTINGS, TRANSITIONS: TRANSITION_SETTINGS}[key]
    (counts,) = fit_all_counts(history, catalogue, attribute_matrix(catalogue), (settings,), np.arange(ads))
    score = counts.prepare_sums(rows)
    return lambda block: torch.from_numpy(score(queries.take(block)))


def count_events(history: Histories, rows: int) -> Singles:
    """The events of every row of a catalogue of so many ``rows``, float32."""
    return np.bincount(history.sequences.item[history.events()], minlength=rows).astype(np.float32)


def count_around(corpus: Corpus, fold: Fold) -> Score:
    """The candidates' events within a day of a query's time, before it and behind it; others' events, since seen ads
    are no answer. What is popular *now* is most of what a rule can know: the whole log counts ads that ran out weeks
    ago.
    """
    log, batches = (
        sort_log(fold.history(corpus.train), fold.candidates, (popularity.EVENTS,)),
        cut_batches(fold.query_times),
    )
    windows = [log.count_windows(batch.moment) for batch in batches]
    around = [np.sum([counts[window] for window in popularity.AROUND], 0) for counts in windows]
    counts, at = torch.from_numpy(np.stack(around).astype(np.float32)), np.zeros(len(fold.users), np.int64)
    for moment, batch in enumerate(batches):
        at[batch.rows] = moment
    return lambda block: counts[torch.from_numpy(at[block])]


def fit_content_rule(content: Tensor, corpus: Corpus, fold: Fold, key: str) -> Score:
    """A rule on the vectors of ads, float32 [rows of the catalogue, dimensions], of length 1 or 0."""
    queries, rows = fold.queries(corpus.train), fold.candidates
    if key == LANGUAGE:
        return lambda block: score_interests(content, queries.take(block), rows, LANGUAGE_BETA)
    if key == NEAREST:
        return lambda block: score_mean(content, queries.take(block), rows)
    count = count_around(corpus, fold)
    return lambda block: score_interests(content, queries.take(block), rows) + count(block).add_(FLOOR).log_()


def score_mean(content: Tensor, queries: Histories, rows: Int64s) -> Tensor:
    """The cosine of each candidate and the mean of a history: an event weighs ``RECENT`` for each event behind it, a
    click ``CLICKED`` times as much. 0 where either has no content.
    """
    past = weigh_events(queries, EVENTS)
    weights = RECENT**past.recency * np.where(past.clicked, CLICKED, 1.0) * past.mask
    seen = content[torch.from_numpy(past.item)]
    mean = torch.einsum("qe,qed->qd", torch.from_numpy(weights.astype(np.float32)), seen)
    return functional.normalize(mean, dim=1) @ content[torch.from_numpy(rows)].T


def score_interests(content: Tensor, queries: Histories, rows: Int64s, beta: float = BETA) -> Tensor:
    """The kernel over the whole history, of which ``score_kernel`` is the quick form, in blocks of queries."""
    parts, candidates = [], content[torch.from_numpy(rows)]
    for block in blocks(len(queries), BLOCK):
        past = weigh_events(queries.take(block), EVENTS)
        history = content[torch.from_numpy(past.item.reshape(-1))]
        near = torch.exp((history @ candidates.T - 1) * beta).view(len(past.item), -1, len(candidates))
        parts.append(torch.log(torch.bmm(past.weights[:, :1], near)[:, 0] + LEAST_SUM))
    return torch.cat(parts)


def answer_in_bits(corpus: Corpus, contents: Sequence[Content], fold: Fold, bits: int) -> tuple[TopK, dict[str, float]]:
    """The answer by vectors of so many ``bits`` a number, and further columns of the rung's row: MiB of the vectors, of
    float32 too, and the share of float32's ten ads that these ten hold.
    """
    content = stack_content(contents)
    values, scale = round_off(content.numpy(), 2 ** (bits - 1) - 1)
    exact, top = (
        rank_all(fit_content_rule(vectors, corpus, fold, KERNEL), fold.queries(corpus.train), fold.candidates, TOP)
        for vectors in (content, torch.from_numpy(values * scale))
    )
    held = (exact.rows[:, :, None] == top.rows[:, None]).any(2)[exact.rows > 0]
    full = content.numel() * 4 / 2**20
    return top, {
        "vectors MiB": full * bits / 32 + scale.nbytes / 2**20,
        "vectors MiB in float32": full,
        "share of float32's ten": float(held.mean()),
    }


def round_off(vectors: NDArray[np.float32], largest: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Vectors [vectors, dimensions] as whole numbers from -``largest`` to ``largest``, at most 127, and the scale
    [vectors, 1] by which each is to be multiplied: no part is off by more than half of it.

    >>> round_off(np.float32([[0.65, -1.0]]), 7)[0].tolist()
    [[5, -7]]
    """
    scale = np.maximum(np.abs(vectors).max(1, keepdims=True), np.float32(1e-12)) / np.float32(largest)
    return (vectors / scale).round().astype(np.int8), scale


def fit_regression(histories: Histories, rows: int) -> tuple[Int64s, Singles]:
    """A model from past to future in closed form, SLIT without its users (Choi et al. 2021, "Session-aware linear
    item-item models for session-based recommendation"): the ads with events, int64 [n], of a catalogue of so many
    ``rows``; what each adds to the score of each, float32 [n, n].

    At every position of every history, S is the past (each ad before it) and T the future (each ad behind it), weighted
    by their distance. B minimises |T - S B|^2 + ridge |B|^2, which gives B = (S'S + ridge I)^-1 S'T. S and T, with one
    row for each position, are never built: pairs of events give S'S and S'T directly.
    """
    log = sparse.flatten_log(histories, EVENT_WEIGHTS)
    ads = np.unique(log.item).astype(np.int64)
    log = sparse.number_items(log, number_rows(ads, rows))
    past, follows = multiply_positions(log, len(ads), PAST, FUTURE)
    system = past.toarray() + RIDGE * np.eye(len(ads), dtype=np.float32)
    return ads, solve(system, follows.toarray(), assume_a="pos", overwrite_a=True, overwrite_b=True)


def multiply_positions(log: sparse.Log, rows: int, past: float, future: float) -> tuple[sparse.Sparse, sparse.Sparse]:
    """S'S and S'T, csr float32 [rows, rows], from pairs of events at most ``REACH`` events apart.

    With decays p and f of past and future, an event at position b that r more events follow, and one g events before
    it: S'S gains p^g * sum over the r positions behind b of p^2t = p^g (1 - p^2r) / (1 - p^2), and
    S'T gains the sum over the g positions between the two of p^t f^(g - 1 - t).
    """
    events = np.arange(len(log.item))
    lasting = (1 - past ** (2.0 * (log.offsets[log.owner + 1] - 1 - events))) / (1 - past**2)
    gram = _add_up(log, events, events, lasting * 0.5, rows)  # half, for the transpose is added
    follows = sp.csr_array((rows, rows), dtype=np.float32)
    for gap in range(1, REACH + 1):
        before, after = log.neighbours(events, gap)
        if not len(before):
            break
        gram = gram + _add_up(log, before, after, past**gap * lasting[after], rows)
        between = sum(past**step * future ** (gap - 1 - step) for step in range(gap))
        follows = follows + _add_up(log, before, after, np.full(len(before), between), rows)
    return sp.csr_array(gram + gram.T), follows


def _add_up(log: sparse.Log, before: Int64s, after: Int64s, decay: np.ndarray, rows: int) -> sparse.Sparse:
    weight = decay * log.weight[before] * log.weight[after]
    cells = (log.item[before], log.item[after])
    return sp.coo_array((weight.astype(np.float32), cells), (rows, rows)).tocsr()


def score_regression(ads: Int64s, coefficients: Singles, queries: Histories, rows: int) -> Singles:
    """The scores of every row of a catalogue of so many ``rows``, float32 [queries, rows]; see ``fit_regression``."""
    scores = np.zeros((len(queries), rows), np.float32)
    scores[:, ads] = weight_histories(queries, rows, EVENT_WEIGHTS, FADE)[:, ads] @ coefficients
    return scores
