"""Where right answers are lost: a funnel, the rank of the right one, models that err together, queries to read.

A rank counts from 1; 0: the right answer is not among the candidates; ``BEYOND``: it is, behind the list that is known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.learning.dataset import RankingDataset

Ranks = NDArray[np.int64]
Row = dict[str, Any]
MISSED, BEYOND = 0, -1
RANK_CLASSES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20), (21, 50), (51, 100))
EXAMPLES = 3  # of each kind
TRIED_ALONE = 60  # features


class Example(NamedTuple):
    """A query for a person to read: the user, the list that was handed in, and the right answer."""

    query: str
    context: str
    listed: Sequence[str]
    answer: str


@dataclass(frozen=True)
class Answers:
    """Where the right answer of each validation query stands.

    ``ranks``: in the list that is handed in. ``before``: (stage, queries) of what comes before ranking, from all
    queries on. ``models``: the ranks by each model alone. ``example``: a query by its number, in words.
    """

    ranks: Ranks
    before: Sequence[tuple[str, int]]
    example: Callable[[int], Example]
    models: Mapping[str, Ranks]


def rank_answers(scores: NDArray[np.floating], labels: NDArray[np.float32], sizes: NDArray[np.int32]) -> Ranks:
    """The rank of each query's one right row by falling score, ties against it; rows (n,) stand query by query.

    >>> scores, labels = np.array([3.0, 2.0, 1.0, 5.0, 5.0]), np.array([0, 1, 0, 1, 0], np.float32)
    >>> rank_answers(scores, labels, np.array([3, 2], np.int32)).tolist()  # the second is tied with another row
    [2, 2]
    """
    if not len(sizes):
        return np.empty(0, np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    # The score to beat is the right row's; a query without one has none, and its rank is MISSED.
    best = np.maximum.reduceat(np.where(labels > 0, scores, -np.inf), starts)
    ahead = np.add.reduceat((scores >= np.repeat(best, sizes)).astype(np.int64), starts)
    return np.where(np.isfinite(best), ahead, MISSED)


def rank_models(names: Sequence[str], scores: NDArray[np.floating], rows: RankingDataset) -> dict[str, Ranks]:
    """``rank_answers`` by each model: ``scores`` (rows, models), a column each of ``names``."""
    columns = zip(names, scores.T, strict=True)
    return {name: rank_answers(np.ascontiguousarray(one), rows.labels, rows.group_sizes) for name, one in columns}


def find_best_alone(
    parts: Sequence[RankingDataset], gains: Sequence[str], given: Sequence[str], earn: Callable[[Ranks], float]
) -> list[Row]:
    """The one feature by which alone a list earns most, of the scores ``given`` by an earlier stage and of the others.

    A row: feature, order, given, score. ``parts``: validation rows, one after the other; ``gains``: features by falling
    gain, of which the first are tried, rising and falling, a missing value last; ``earn``: the score of the ranks.

    >>> features = np.array([[9, 1], [5, 2], [3, 3], [8, 4]])
    >>> rows = RankingDataset(("price", "x"), features, np.array([0, 1, 1, 0]), np.array([2, 2]))
    >>> find_best_alone([rows], ["x", "price"], [], lambda ranks: float((ranks == 1).mean()))
    [{'feature': 'price', 'order': 'lowest first', 'given': False, 'score': 1.0}]
    """
    found: list[Row] = []
    for name in [name for name in gains if name in parts[0].names][:TRIED_ALONE]:
        column = parts[0].names.index(name)
        for sign, order in ((1.0, "highest first"), (-1.0, "lowest first")):
            sorted_by = [np.nan_to_num(sign * part.features[:, column], nan=-np.inf) for part in parts]
            pairs = zip(sorted_by, parts, strict=True)
            ranks = np.concatenate([rank_answers(by, part.labels, part.group_sizes) for by, part in pairs])
            found.append({"feature": name, "order": order, "given": name in given, "score": earn(ranks)})
    best = {row["given"]: row for row in sorted(found, key=lambda row: float(row["score"]))}
    return [best[kind] for kind in (True, False) if kind in best]


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


def describe_answers(answers: Answers, cutoff: int) -> Row:
    """The part ``answers`` of a record's insight, of lists whose first ``cutoff`` count."""
    ranks = answers.ranks
    stages = [*answers.before, (f"in the first {cutoff}" if cutoff > 1 else "first", count_within(ranks, cutoff))]
    stages += [("first", count_within(ranks, 1))] if cutoff > 1 else []
    return {
        "cutoff": cutoff,
        "funnel": build_funnel(stages),
        "ranks": count_ranks(ranks),
        "correlation": correlate_errors(answers.models),
        "examples": pick_examples(ranks, cutoff, answers.example),
    }


def build_funnel(stages: Sequence[tuple[str, int]]) -> list[Row]:
    """One row per stage: its queries, their share of all, and how many are lost there.

    A stage that a later one exceeds is no sieve (an answer that the log lacks can be retrieved): it loses none.

    >>> rows = build_funnel([("asked", 10), ("in the log", 4), ("retrieved", 9), ("first", 2)])
    >>> [(row["stage"], row["lost"]) for row in rows]
    [('asked', 0), ('in the log', 0), ('retrieved', 1), ('first', 7)]
    """
    counts, whole = [count for _, count in stages], max(stages[0][1], 1)
    left, rows = counts[0], []
    for number, (name, count) in enumerate(stages):
        sieve = count >= max(counts[number:])
        rows.append({"stage": name, "queries": count, "share": count / whole, "lost": left - count if sieve else 0})
        left = count if sieve else left
    return rows


def count_ranks(ranks: Ranks) -> list[Row]:
    """How many right answers stand at each rank, in classes from the first on; then those that no list holds."""
    rows = [
        (str(low) if low == high else f"{low}-{high}", count_within(ranks, high) - count_within(ranks, low - 1))
        for low, high in RANK_CLASSES
    ]
    last = RANK_CLASSES[-1][1]
    rows.append((f"over {last}", int((ranks > last).sum())))
    while rows and not rows[-1][1]:  # classes that no list is long enough for
        rows.pop()
    rows += [("further behind", int((ranks == BEYOND).sum()))] if (ranks == BEYOND).any() else []
    rows.append(("not among the candidates", int((ranks == MISSED).sum())))
    return [{"rank": name, "queries": count, "share": count / max(len(ranks), 1)} for name, count in rows]


def correlate_errors(models: Mapping[str, Ranks]) -> list[Row]:
    """Pearson's correlation over the queries of two models' errors, 1 - 1 / rank; one row per model.

    1: they miss the same queries, and mixing them gains nothing. Empty for fewer than two models.
    """
    errors = {name: np.where(ranks > 0, 1 - 1 / np.maximum(ranks, 1), 1.0) for name, ranks in models.items()}
    varying = {name: values for name, values in errors.items() if len(values) > 1 and values.std() > 0}
    if len(varying) < 2:
        return []
    table = np.corrcoef(np.stack(list(varying.values())))
    return [
        {"model": name} | {other: float(value) for other, value in zip(varying, row, strict=True)}
        for name, row in zip(varying, table, strict=True)
    ]


def pick_examples(ranks: Ranks, cutoff: int, describe: Callable[[int], Example]) -> list[Row]:
    """Some queries that were answered right and some that were not, evenly spread over all of each kind."""
    right = is_within(ranks, cutoff)
    rows = []
    for kind, chosen in (("right", np.flatnonzero(right)), ("wrong", np.flatnonzero(~right))):
        if not len(chosen):
            continue
        for query in np.unique(chosen[np.linspace(0, len(chosen) - 1, EXAMPLES + 2).round().astype(int)[1:-1]]):
            example, rank = describe(int(query)), int(ranks[query])
            row = {"kind": kind, "rank": rank if rank > 0 else None, **example._asdict()}
            rows.append(row | {"listed": list(example.listed), "candidate": rank != MISSED})
    return rows
