"""How much the channels of retrieval count for: a conditional logit over the candidates of earlier queries.

Each channel says of each candidate how much speaks for it, and each column of its popularity; a fusion weight is what
that counts for in the sum. The weights are those under which the targets of earlier queries are likeliest among all
candidates (McFadden 1974). A channel never speaks against an ad; what is popular may, for only so can the sum say that
what was popular a day ago, and is no longer, is over. Of all candidates those that the even sum puts first are taken as
they are, and of the others a draw stands for all (a query's own, each for as many as were left out). A channel of
hardly any weight leaves, and is not computed again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from common.arrays import Floats, Singles
from common.engine.progress import say
from common.learning.conditional_logit import fit_choices
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Bools, Corpus, Int64s
from competitions.tencent.features.popularity import POPULAR
from competitions.tencent.fold_tables import FoldTables, Fusion
from competitions.tencent.retrieval.channel import Channel, Columns, Queries
from competitions.tencent.retrieval.content import BETA
from competitions.tencent.retrieval.registry import find_channel
from competitions.tencent.retrieval.search import Moment, Search, take_queries
from competitions.tencent.split import Fold
from competitions.tencent.top_k import find_seen

QUERIES = 3_000  # that are learned from: fifty weights of 1,000 say .07 nats a query less of those to come
FIRST, DRAWN = 200, 100  # candidates that the even sum puts first, and those that stand for all others
FEWEST = 30  # queries, below which nothing is learned
WIDTH_QUERIES = 150
RIDGE = 1e-3
CONSTANT = 1e-5  # a standard deviation that is none
LEAST_WEIGHT = 0.1  # nats that a standard deviation of a channel's scores moves: of less it leaves. None of four real
# logs has one between .04 and .12; at .05 a detail of the search decided on fits of minutes.
Members = dict[str, tuple[str, ...]]  # the parts of each channel


def weigh_evenly(names: Iterable[str]) -> Fusion:
    """One for each channel of these ``names``, for a log without earlier queries, and to learn from."""
    channels = {name: find_channel(name) for name in names}
    parts = [part for channel in channels.values() for part in channel.parts]
    widths = {name: BETA for name, channel in channels.items() if channel.widths}
    return Fusion(dict.fromkeys([*parts, *POPULAR], 1.0), widths, tuple(channels))


@dataclass(frozen=True)
class ChannelScores:
    """What is said of earlier queries' candidates. ``values`` float32 [queries, candidates, names]: the target first;
    ``stands_for`` float32 [queries, candidates]: how many candidates each stands for, 0 for one that was seen before.
    ``popular``: the names that are columns of popularity and no channel's, the last ones.
    """

    names: tuple[str, ...]
    values: Singles
    stands_for: Singles
    popular: tuple[str, ...] = ()

    def take(self, names: Sequence[str]) -> "ChannelScores":
        """Those of some names."""
        return replace(self, names=tuple(names), values=self.values[:, :, [self.names.index(name) for name in names]])

    def deviations(self) -> Singles:
        """The standard deviation of each column's distance to the target."""
        return np.asarray((self.values - self.values[:, :1]).std((0, 1)))

    def find_within(self, weights: Singles, length: int) -> Bools:
        """Whether each target would be in a list of this length: candidates that stand for many count for as many.

        >>> values, stands_for = np.float32([[[2], [3], [1]]]), np.float32([[1, 100, 100]])
        >>> scores = ChannelScores(("counts",), values, stands_for)
        >>> [bool(scores.find_within(np.ones(1), length)[0]) for length in (100, 101)]
        [False, True]
        """
        scores = self.values @ weights
        ahead = ((scores[:, 1:] > scores[:, :1]) * self.stands_for[:, 1:]).sum(1)
        return np.asarray(ahead < length)


def fit_weights(scores: ChannelScores, what: str = "fusion weights", start: Singles | None = None) -> Singles:
    """The weights of the likeliest targets, with a small ridge: none below 0 but those of ``popular`` columns; 0 for a
    column that does not vary. ``start``: weights to begin with.
    """
    deviations = scores.deviations()
    # Of a column without variation every weight is as likely; divided by nothing, it would decide where the column
    # does vary: "unseen" in the organiser's fold alone, say.
    scale: Singles = np.where(deviations > CONSTANT, deviations, np.float32(np.inf))
    possible = scores.stands_for > 0
    rows = ((scores.values - scores.values[:, :1]) / scale)[possible]
    labels = np.zeros(possible.shape, np.float32)
    labels[:, 0] = 1
    # A candidate that stands for n counts n times in the sum over all.
    bounds = [(None if name in scores.popular else 0.0, None) for name in scores.names]
    sizes, offset = possible.sum(1).astype(np.int32), np.log(scores.stands_for[possible])
    near = None if start is None else (start * deviations).astype(np.float64)
    weights = fit_choices(rows, sizes, labels[possible], RIDGE, what, bounds, offset, near)
    return np.asarray(weights / scale, np.float32)


def log_likelihoods(scores: ChannelScores, weights: Singles) -> Singles:
    """Of each query's target, in nats."""
    utility = np.where(scores.stands_for > 0, scores.values @ weights, -np.inf)
    highest = utility.max(1)
    total = (scores.stands_for * np.exp(utility - highest[:, None])).sum(1)
    return np.asarray(utility[:, 0] - highest - np.log(total))


def choose_channels(
    scores: ChannelScores, members: Members, widths: dict[str, float], length: int, keep: bool
) -> Fusion:
    """The weights of the channels that weigh anything beside the others; ``keep``: of all. Noted of each channel: what
    it weighs, and the recall of a list of this ``length`` by it and what is popular alone, by the same weights.
    """
    first = fit_weights(scores)
    nats = dict(zip(scores.names, first * scores.deviations(), strict=True))
    weight = {name: max(float(nats[part]) for part in parts) for name, parts in members.items()}
    kept = [name for name in members if keep or weight[name] >= LEAST_WEIGHT]
    gone = {part for name, parts in members.items() if name not in kept for part in parts}
    left = [name for name in scores.names if name not in gone]
    beside = first[np.isin(scores.names, left)]
    weights = fit_weights(scores.take(left), start=beside) if gone else first

    def measure_recall(own: Sequence[str]) -> float:
        alone = np.where(np.isin(scores.names, [*own, *scores.popular]), first, np.float32(0.0))
        return float(scores.find_within(alone, length).mean())

    return Fusion(
        weights={
            name: each
            for name, each in zip(left, weights.tolist(), strict=True)
            if each or (keep and name not in scores.popular)
        },
        widths={name: width for name, width in widths.items() if name in kept},
        channels=tuple(kept),
        rows=tuple(
            {
                "channel": name,
                "weight x deviation": weight[name],
                "recall alone": measure_recall(parts),
                "recall with all": measure_recall(scores.names),
                "kept": "yes" if name in kept else "no",
            }
            for name, parts in members.items()
        ),
    )


def learn_fusion(
    corpus: Corpus, fold: Fold, tables: FoldTables, settings: FeatureSettings, keep: bool, seed: int
) -> Fusion:
    """The weights of the channels that have a table, and the widths of their kernels; ``keep``: of all, whatever they
    weigh.

    ``fold``: an earlier one; ``tables``: its own, with even weights, which come back where too few of its queries have
    their target in the pool.
    """
    assert fold.target is not None
    chosen = np.random.default_rng([seed, 17]).permutation(len(fold.users))[:QUERIES]
    queries, target = take_queries(corpus, fold, settings.history, chosen), fold.target[chosen]
    channels = {name: find_channel(name) for name in tables.tables}
    widths = {
        name: choose_width(tables, settings, channel, queries, target, seed)
        for name, channel in channels.items()
        if channel.widths
    }
    scores = collect_scores(tables.with_widths(widths), settings, queries, target, seed)
    if scores is None or len(scores.values) < FEWEST:
        return tables.fusion
    members = {name: tuple(part for part in channels[name].parts if part in scores.names) for name in channels}
    fusion = choose_channels(scores, members, widths, tables.list_length, keep)
    say_fusion(fusion)
    return fusion


def collect_scores(
    tables: FoldTables, settings: FeatureSettings, queries: Queries, target: Int64s, seed: int
) -> ChannelScores | None:
    """What every channel, and every fused column of popularity, says of each query's ``target``, a row of the
    catalogue, of the candidates that the search puts first, and of a draw of the others; without the queries whose
    target is not in the pool, None where that leaves none.
    """
    draws = np.random.default_rng([seed, 19]).random((len(queries), DRAWN))

    def collect_block(moment: Moment, rows: Int64s) -> ChannelScores | None:
        rows = rows[moment.pool.index[target[rows]] >= 0]
        own = queries.take(rows)
        return _collect_block(moment, own, target[rows], draws[rows]) if len(rows) else None

    parts = Search(tables, settings).each_block(queries, collect_block, "learning fusion weights")
    kept = [part for part in parts if part is not None]
    if not kept:
        return None
    values, stands_for = (np.concatenate([getattr(part, name) for part in kept]) for name in ("values", "stands_for"))
    return replace(kept[0], values=values, stands_for=stands_for)


@torch.inference_mode()
def _collect_block(moment: Moment, queries: Queries, target: Int64s, draws: Floats) -> ChannelScores:
    """Of some queries of a moment."""
    parts, total = Columns(), moment.popular.repeat(len(queries), 1)
    for _, name, column in moment.score(queries):
        parts[name] = column
        total.add_(torch.from_numpy(column), alpha=moment.tables.fusion.weights.get(name, 0.0))
    seen = find_seen(queries.histories, moment.pool.index)
    total[torch.from_numpy(seen[0]), torch.from_numpy(seen[1])] = -torch.inf
    sampled, weight = draw_sample(total.numpy(), moment.pool.index[target].astype(np.int64), draws)
    scored = [np.take_along_axis(each, sampled, 1) for each in parts.values()]
    values = np.stack([*scored, *(column[sampled] for column in moment.columns.values())], 2)
    return ChannelScores((*parts, *moment.columns), values, weight, tuple(moment.columns))


def draw_sample(scores: Singles, target: Int64s, draws: Floats) -> tuple[Int64s, Singles]:
    """Indices in the pool [queries, candidates], the ``target`` first, and how many candidates each stands for: 0 for
    one that is seen (of score -inf) or the target again. ``draws`` [queries, drawn]: even ones of [0, 1).

    >>> scores = np.arange(10_000.0, dtype=np.float32)[None]  # of one query; the pool's last ad is the best
    >>> sampled, weight = draw_sample(scores, np.array([3]), np.random.default_rng(0).random((1, 250)))
    >>> int(sampled[0, 0]), sorted(sampled[0, 1:201].tolist()) == [*range(9_800, 10_000)]  # then the first 200
    (3, True)
    >>> weight[0, :201].tolist() == [1.0] * 201, round(float(weight[0, 201:].sum()))  # the draw stands for all others
    (True, 9800)
    """
    queries, pool = scores.shape
    first = min(FIRST, pool)
    top = np.argpartition(-scores, first - 1, 1)[:, :first]
    drawn = (draws[:, : min(draws.shape[1], pool)] * pool).astype(np.int64)
    in_top = np.zeros(scores.shape, bool)
    np.put_along_axis(in_top, top, True, 1)
    others = ~np.take_along_axis(in_top, drawn, 1)
    # The others' draw, less what fell among the first, stands for all of them.
    share = (pool - first) / np.maximum(others.sum(1, keepdims=True), 1)
    sampled = np.concatenate([target[:, None], top, drawn], 1)
    weight = np.concatenate([np.ones((queries, 1)), np.ones(top.shape), others * share], 1)
    seen = ~np.isfinite(np.take_along_axis(scores, sampled[:, 1:], 1))
    weight[:, 1:][seen | (sampled[:, 1:] == target[:, None])] = 0
    return sampled, weight.astype(np.float32)


def choose_width(
    tables: FoldTables, settings: FeatureSettings, channel: Channel, queries: Queries, target: Int64s, seed: int
) -> float:
    """The width of a channel's kernel under which the targets are likeliest, beside what is popular."""
    own = np.arange(min(len(target), WIDTH_QUERIES))
    best = (-np.inf, BETA)
    alone = replace(tables, tables={channel.name: tables.tables[channel.name]})
    for width in channel.widths:  # the same candidates for all
        tried = alone.with_widths({channel.name: width})
        scores = collect_scores(tried, settings, queries.take(own), target[own], seed)
        if scores is not None:
            weights = fit_weights(scores, f"the width of {channel.name}")
            best = max(best, (float(log_likelihoods(scores, weights).mean()), width))
    return best[1]


def say_fusion(fusion: Fusion) -> None:
    """A line a channel, on the console."""
    for row in fusion.rows:
        shares = ", ".join(f"{name} {value:.3f}" for name, value in row.items() if isinstance(value, float))
        say(f"  {row['channel']}: {'used' if row['kept'] == 'yes' else 'not used'} ({shares})")
    say("  fusion weights: " + ", ".join(f"{name} {weight:.2f}" for name, weight in fusion.weights.items()))
