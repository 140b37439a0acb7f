"""What validation ranked, and what follows from that: where right answers are lost, at which ranks they stand, queries
to read, what plain orders of the same candidates score.

A rank counts from 1; 0: the right answer is not among the candidates; ``BEYOND``: it is, behind the list that is known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from msgspec import structs

from common.arrays import Floats, Ints
from common.day.record_schema import AnswerRecord, Example, RankCount, Scored, Stage
from common.learning.chain import Chain
from common.learning.dataset import RankingDataset
from common.learning.metrics import average, rank_answers

MISSED, BEYOND = 0, -1
RANK_CLASSES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20), (21, 50), (51, 100))
EXAMPLES = 3  # of each kind
MOST_VALUES = 10_000_000  # of features, that a run keeps beside its candidates: 40 MB
BLEND = "blend"
RANDOM = "Random order"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What validation ranked, in one frame of candidates beside the frame of queries (``Judged.queries``).

    ``candidates``, a row a candidate, those of a query together: query (text, as the queries have it), item, label (1:
    the right one), what the competition adds, then a score a model; the list that is handed in is sorted by the last.
    ``rows``: the features of the same rows.
    ``ranks``: of the right answers in the lists that are handed in, one each, of a query with several as many; none of
    the kind ``rows``, which has no lists. ``repeats``: how often each query stands there, ranked by as many fits: it
    counts as one. ``example``: a list by its index in ``ranks``, in words. ``stages``: (stage, right answers) of what
    comes before ``listed``, that the right answer is a candidate; ``cutoffs``: of the first so many the share is shown,
    and the last is the metric's. ``rivals``: see ``list_rivals``.
    """

    candidates: pl.DataFrame
    rows: RankingDataset
    ranks: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    repeats: int = 1
    example: Callable[[int], Example] = lambda _: Example("", "", [], "")
    stages: Sequence[tuple[str, int]] = ()
    listed: str = "among the candidates"
    cutoffs: Sequence[int] = (1,)
    rivals: Sequence[Scored]

    def take_features(self) -> pl.DataFrame:
        """The features (float32, NaN: missing) of the first candidates: of whole queries, at most ``MOST_VALUES``."""
        ends, names = np.cumsum(self.rows.group_sizes), list(self.rows.names)
        count = max(int(np.searchsorted(ends * len(names), MOST_VALUES, "right")), 1)
        return pl.DataFrame(self.rows.features[: ends[count - 1]], schema=names)


# --- right answers ---


def describe_answers(evidence: Evidence) -> AnswerRecord:
    """The part ``answers`` of a record's insight; empty where there are no lists."""
    if not len(evidence.ranks):
        return AnswerRecord()
    ranks, repeats, missed = evidence.ranks, evidence.repeats, f"not {evidence.listed}"
    within = {1: "first"} | {cutoff: f"in the first {cutoff}" for cutoff in evidence.cutoffs if cutoff > 1}
    stages = [*evidence.stages, (evidence.listed, int((ranks != MISSED).sum()))]
    stages += [(within[cutoff], count_within(ranks, cutoff)) for cutoff in sorted(within, reverse=True)]
    funnel = build_funnel([(stage, count / repeats) for stage, count in stages])
    counted = evidence.cutoffs[-1]
    examples = pick_examples(ranks, counted, evidence.example)
    return AnswerRecord(counted, missed, funnel, count_ranks(ranks, missed, repeats), examples)


def count_within(ranks: Ints, cutoff: int) -> int:
    """How many right answers are among the first ``cutoff``."""
    return int(((ranks > 0) & (ranks <= cutoff)).sum())


def build_funnel(stages: Sequence[tuple[str, float]]) -> list[Stage]:
    """One row per stage: its right answers, their share of all, and how many are lost there.

    A stage that a later one exceeds is no sieve (an answer that the log lacks can be retrieved): it loses none.

    >>> rows = build_funnel([("all queries", 10), ("in the log", 4), ("retrieved", 9), ("first", 2)])
    >>> [(row.stage, row.lost) for row in rows]
    [('all queries', 0), ('in the log', 0), ('retrieved', 1), ('first', 7)]
    """
    counts, whole = [count for _, count in stages], max(stages[0][1], 1)
    left, rows = counts[0], []
    for number, (name, count) in enumerate(stages):
        sieve = count >= max(counts[number:])
        rows.append(Stage(name, count, count / whole, left - count if sieve else 0))
        left = count if sieve else left
    return rows


def count_ranks(ranks: Ints, missed: str, repeats: int = 1) -> list[RankCount]:
    """How many right answers stand at each rank, in classes from the first on; then those that no list holds, if any,
    which are called ``missed``.
    """
    rows = [
        (str(low) if low == high else f"{low}-{high}", count_within(ranks, high) - count_within(ranks, low - 1))
        for low, high in RANK_CLASSES
    ]
    last = RANK_CLASSES[-1][1]
    rows.append((f"over {last}", int((ranks > last).sum())))
    while rows and not rows[-1][1]:  # classes that no list is long enough for
        rows.pop()
    rest = ((name, int((ranks == code).sum())) for name, code in (("further down", BEYOND), (missed, MISSED)))
    rows += [(name, count) for name, count in rest if count]
    return [RankCount(name, count / repeats, count / max(len(ranks), 1)) for name, count in rows]


def pick_examples(ranks: Ints, cutoff: int, describe: Callable[[int], Example]) -> list[Example]:
    """Some queries that were answered right and some that were not, evenly spread over all of each kind."""
    right = (ranks > 0) & (ranks <= cutoff)
    rows = []
    for kind, chosen in (("right", np.flatnonzero(right)), ("wrong", np.flatnonzero(~right))):
        inner = np.linspace(0, len(chosen) - 1, EXAMPLES + 2).round().astype(int)[1:-1]
        for query in np.unique(chosen[inner]) if len(chosen) else chosen:
            example, rank = describe(int(query)), int(ranks[query])
            known = rank if rank > 0 else None
            rows.append(structs.replace(example, kind=kind, rank=known, candidate=rank != MISSED))
    return rows


# --- how the lists compare with chance and with plain orders ---


def score_random(rows: RankingDataset, gains: Floats) -> Floats:
    """What each query earns by a random order of its candidates, by its expected value.

    ``gains``: what the right one earns at each rank that counts, (cutoff,) or (queries, cutoff).

    >>> rows = RankingDataset(("x",), np.zeros((5, 1)), np.array([0, 1, 0, 0, 0]), np.array([4, 1]))
    >>> score_random(rows, np.array([1.0, 0.5])).tolist()
    [0.375, 0.0]
    """
    sizes = rows.group_sizes[:, None]
    listed = rank_answers(np.zeros(len(rows.labels)), rows.labels, rows.group_sizes) > 0
    reached = listed[:, None] & (sizes > np.arange(gains.shape[-1]))
    return np.asarray((gains * reached / np.maximum(sizes, 1)).sum(1))


def list_rivals(chain: Chain, random: Floats, rules: Mapping[str, str]) -> list[Scored]:
    """What a ``random`` order scores, and those stages of the ``chain`` that are no model; ``rules``: what the report
    calls each. Queries beyond the last value have no candidates, and earn nothing.
    """
    weights = chain.weights
    earned = {RANDOM: random} | {title: chain.scores[name] for name, title in rules.items() if name in chain.scores}
    padded = {name: np.pad(values, (0, len(weights) - len(values))) for name, values in earned.items()}
    return [Scored(name, *average(values, weights, chain.clusters)) for name, values in padded.items() if weights.any()]
