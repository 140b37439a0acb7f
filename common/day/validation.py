"""What validation asked, what it ranked and what that earns, stated once by a competition
(competitions/<name>/day/validation.py); and what is derived of it: where right answers are lost, the rank of the right
one, queries to read, what plain orders of the same candidates score.

A rank counts from 1; 0: the right answer is not among the candidates; ``BEYOND``: it is, behind the list that is known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats
from common.day.record_diagnostics import AnswerRecord, ExampleQuery, RankCount, Stage
from common.day.record_schema import Scored
from common.learning.chain import Chain, Order, order_rows, score_rule
from common.learning.dataset import RankingDataset
from common.learning.listwise_softmax import find_starts
from common.learning.metrics import cluster_error, weighted_mean

Ranks = NDArray[np.int64]
MISSED, BEYOND = 0, -1
RANK_CLASSES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20), (21, 50), (51, 100))
EXAMPLES = 3  # of each kind
LOST = 200  # queries that can be read with their features
BLEND = "blend"
RANDOM = "Random order"


class Example(NamedTuple):
    """A query for a person to read: the user, the list that was handed in, and the right answer."""

    query: str
    context: str
    listed: Sequence[str]
    answer: str


class Candidates(NamedTuple):
    """What validation ranks. ``items``, a row a candidate, those of a query together: query (text, as the queries have
    it), item, what the competition adds, then a score a model; the list that is handed in is sorted by the last.
    ``data``: the labels and features of the same rows.
    """

    items: pl.DataFrame
    data: RankingDataset


@dataclass(frozen=True, kw_only=True)
class ValidationTable:
    """What validation asked, and how it was answered.

    ``queries``: one row per query: query and fold (text), score (what the query earns under the metric), ``weight``
    where queries do not count alike, ``cluster`` where some rise and fall together, then any number of slices (text).
    ``behind``: by query ``share_behind``, where lists are of many lengths, so that slices of short and of long ones can
    be compared.
    ``ranks``: of the right answers in the lists that are handed in, of which the first ``cutoff`` count; ``before``:
    (stage, queries) of what comes before ranking, from all queries on; ``example``: a query by its index in ``ranks``,
    in words; ``repeats``: how often each query stands there, ranked by as many fits: it counts as one.
    ``rivals``: ``score_rivals``; ``candidates``: None where there are none. Both are made when they are called, and
    hold no features before: a run of several fits has a table of each at once.
    """

    queries: pl.DataFrame
    behind: pl.Series | None = None
    cutoff: int
    ranks: Ranks
    before: Sequence[tuple[str, int]]
    example: Callable[[int], Example]
    repeats: int = 1
    rivals: Callable[[], Sequence[Scored]]
    candidates: Callable[[], Candidates] | None


def rank_answers(scores: NDArray[np.floating], data: RankingDataset) -> Ranks:
    """The rank of each query's one right row by falling ``scores`` (n,), ties against it.

    >>> data = RankingDataset(("x",), np.zeros((5, 1)), np.array([0, 1, 0, 1, 0]), np.array([3, 2]))
    >>> rank_answers(np.array([3.0, 2.0, 1.0, 5.0, 5.0]), data).tolist()  # the second is tied with another row
    [2, 2]
    """
    sizes = data.group_sizes
    if not len(sizes):
        return np.empty(0, np.int64)
    starts = find_starts(sizes)
    # The score to beat is the right row's; a query without one has none, and its rank is MISSED.
    best = np.maximum.reduceat(np.where(data.labels > 0, scores, -np.inf), starts)
    ahead = np.add.reduceat((scores >= np.repeat(best, sizes)).astype(np.int64), starts)
    return np.where(np.isfinite(best), ahead, MISSED)


def rank_by(values: NDArray[np.floating], rows: RankingDataset) -> Ranks:
    """The rank of each query's right row by falling ``values`` (n,), see ``order_rows``.

    >>> rows = RankingDataset(("x",), np.zeros((3, 1)), np.array([0, 1, 0]), np.array([3]))
    >>> rank_by(np.array([1.0, 1.0, np.nan]), rows).tolist()
    [2]
    """
    return rank_answers(order_rows(values, rows.query_numbers), rows)


def score_rivals(
    rows: RankingDataset, orders: Mapping[str, Order], earn: Callable[[Ranks], Floats], cutoff: int
) -> list[Scored]:
    """What plain orders of the same candidates score; first a random one.

    ``orders``: left out where there is no such feature. ``earn``: what each query earns by the rank of its right one, 0
    behind ``cutoff``.

    >>> rows = RankingDataset(("price",), np.array([[3], [2], [5], [9]]), np.array([0, 1, 1, 0]), np.array([2, 2]))
    >>> rivals = score_rivals(rows, {"cheapest": ("price", -1.0), "shown": None}, lambda ranks: (ranks == 1) / 1.0, 1)
    >>> [(rival.name, rival.score) for rival in rivals]
    [('Random order', 0.5), ('cheapest', 1.0), ('shown', 0.5)]
    """
    earned = {RANDOM: score_random(rows, earn, cutoff)}
    for name, order in orders.items():
        if order is None or order[0] in rows.names:
            earned[name] = earn(rank_answers(score_rule(rows, order), rows))
    queries = len(rows.group_sizes)
    return average_rivals(earned, np.ones(queries), np.arange(queries))


def score_random(rows: RankingDataset, earn: Callable[[Ranks], Floats], cutoff: int) -> Floats:
    """What each query earns by a random order, by its expected value; ``earn``, ``cutoff`` as in ``score_rivals``."""
    sizes, chance = rows.group_sizes, np.zeros(len(rows.group_sizes))
    listed = rank_answers(np.zeros(len(rows.labels)), rows) > 0
    for rank in range(1, cutoff + 1):
        chance += earn(np.where(listed & (sizes >= rank), rank, MISSED)) / np.maximum(sizes, 1)
    return chance


def list_rivals(chain: Chain, random: Floats, rules: Mapping[str, str]) -> list[Scored]:
    """What a ``random`` order scores, and those stages of the chain that are no model; ``rules``: what the report calls
    each.
    """
    earned = {title: chain.scores[name] for name, title in rules.items() if name in chain.scores}
    return average_rivals({RANDOM: random} | earned, chain.weights, chain.clusters)


def average_rivals(earned: Mapping[str, Floats], weights: Floats, clusters: NDArray[np.int64]) -> list[Scored]:
    """The scores of what each query ``earned``; those beyond the last value earn nothing."""
    padded = {name: np.pad(values, (0, len(weights) - len(values))) for name, values in earned.items()}
    return [
        Scored(name, weighted_mean(values, weights), cluster_error(values, weights, clusters))
        for name, values in padded.items()
        if weights.any()
    ]


def share_behind(ranks: Ranks, sizes: NDArray[np.int32]) -> Floats:
    """The share of a query's other candidates that stand behind the right one: half by chance, however long the list.
    NaN where the right one is not among them, or alone.

    >>> share_behind(np.array([1, 3, 0]), np.array([9, 5, 5])).tolist()
    [1.0, 0.5, nan]
    """
    known = (ranks > 0) & (sizes > 1)
    return np.where(known, (sizes - ranks) / np.maximum(sizes - 1, 1), np.nan)


def list_lost(candidates: Candidates, cutoff: int, counted: pl.Series) -> pl.DataFrame:
    """Some queries whose right one stands behind the first ``cutoff``, evenly of all: query, its rank, how many
    candidates, the right item and that which stands first; then each feature of the right one, and of the first one.

    A query whose right one is not among the candidates is not listed: nothing is known of it; nor is one that is not
    ``counted`` (by their names): flight's metric leaves out short sessions, whose options are candidates all the same.
    """
    items, data = candidates
    scores = items.to_series(-1).to_numpy()
    ranks, starts, owners = rank_answers(scores, data), find_starts(data.group_sizes), data.query_numbers
    lost = _spread(np.flatnonzero((ranks > cutoff) & items["query"][starts].is_in(counted.implode()).to_numpy()), LOST)
    marked = np.flatnonzero(data.labels > 0)
    right = np.zeros(len(starts), np.int64)
    right[owners[marked]] = marked
    right, first = right[lost], np.lexsort((-scores, owners))[starts[lost]]
    head = {
        "query": items["query"][first],
        "rank": ranks[lost],
        "candidates": data.group_sizes[lost],
        "right item": items["item"][right],
        "first item": items["item"][first],
    }
    sides = {"right": data.features[right], "first": data.features[first]}
    features = {f"{side}: {name}": rows[:, at] for side, rows in sides.items() for at, name in enumerate(data.names)}
    return pl.DataFrame(head | features, nan_to_null=True)


def _spread(chosen: Ranks, most: int) -> Ranks:
    """At most so many of some numbers, evenly spread over all."""
    return chosen[np.unique(np.linspace(0, len(chosen) - 1, most).round().astype(int))] if len(chosen) else chosen


def rows_of(sizes: NDArray[np.int32], query: int) -> slice:
    """The rows of a query by its number; rows stand query by query, ``sizes`` of each."""
    start = int(sizes[:query].sum())
    return slice(start, start + int(sizes[query]))


def is_within(ranks: Ranks, cutoff: int) -> NDArray[np.bool_]:
    """Which right answers are among the first ``cutoff``."""
    return (ranks > 0) & (ranks <= cutoff)


def count_within(ranks: Ranks, cutoff: int) -> int:
    """How many of them are."""
    return int(is_within(ranks, cutoff).sum())


def describe_answers(validation: ValidationTable, lost: int) -> AnswerRecord:
    """The part ``answers`` of a record's insight; ``lost``: the rows of ``list_lost``."""
    ranks, cutoff, before, repeats = validation.ranks, validation.cutoff, validation.before, validation.repeats
    missed = "not " + [stage for stage, _ in before if not stage.startswith("in the first")][-1]
    stages = [*before, (f"in the first {cutoff}" if cutoff > 1 else "first", count_within(ranks, cutoff))]
    stages += [("first", count_within(ranks, 1))] if cutoff > 1 else []
    funnel = build_funnel([(stage, count / repeats) for stage, count in stages])
    examples = pick_examples(ranks, cutoff, validation.example)
    return AnswerRecord(cutoff, missed, funnel, count_ranks(ranks, missed, repeats), examples, lost)


def build_funnel(stages: Sequence[tuple[str, float]]) -> list[Stage]:
    """One row per stage: its queries, their share of all, and how many are lost there.

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


def count_ranks(ranks: Ranks, missed: str, repeats: int = 1) -> list[RankCount]:
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


def pick_examples(ranks: Ranks, cutoff: int, describe: Callable[[int], Example]) -> list[ExampleQuery]:
    """Some queries that were answered right and some that were not, evenly spread over all of each kind."""
    right = is_within(ranks, cutoff)
    rows = []
    for kind, chosen in (("right", np.flatnonzero(right)), ("wrong", np.flatnonzero(~right))):
        if not len(chosen):
            continue
        for query in np.unique(chosen[np.linspace(0, len(chosen) - 1, EXAMPLES + 2).round().astype(int)[1:-1]]):
            (text, context, listed, answer), rank = describe(int(query)), int(ranks[query])
            known = rank if rank > 0 else None
            rows.append(ExampleQuery(kind, text, context, list(listed), answer, known, rank != MISSED))
    return rows
