"""Fusion weights learned on an earlier fold: the channels' scores of its targets, and of candidates beside them."""

import numpy as np
import torch

from common.arrays import Singles
from common.engine.progress import say, track
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.ids import CatalogueRows, number_rows
from competitions.tencent.retrieval.channel import Channel
from competitions.tencent.retrieval.fusion import (
    ChannelScores,
    Fusion,
    choose_channels,
    fit_weights,
    log_likelihoods,
)
from competitions.tencent.retrieval.registry import find_channel
from competitions.tencent.retrieval.search import Queries, Search, scale_part
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold

QUERIES = 1_000  # that are learned from
FIRST, DRAWN = 200, 250  # candidates that the even sum puts first, and those that stand for all others
FEWEST = 30  # queries, below which nothing is learned
WIDTH_QUERIES = 150
BLOCK = 32


def learn_fusion(
    corpus: Corpus, fold: Fold, tables: FoldTables, settings: FeatureSettings, keep: bool, seed: int
) -> Fusion:
    """The weights of the channels that have a table, and the widths of their kernels; ``keep``: of all, whatever they
    weigh.

    ``fold``: an earlier one; ``tables``: its own, with even weights, which come back where it has too few queries.
    """
    assert fold.target is not None
    target = number_rows(tables.pool, len(corpus.catalogue.oid))[fold.target]
    reachable = np.flatnonzero(target >= 0)
    if len(reachable) < FEWEST:
        return tables.fusion
    rng = np.random.default_rng([seed, 17])
    chosen = rng.permutation(reachable)[:QUERIES]  # in no order: halves of them are judged by each other
    queries, target = Queries.of(fold, corpus.train).take(chosen), target[chosen]
    channels = {name: find_channel(name) for name in tables.tables}
    widths = {
        name: choose_width(tables, settings, channel, queries, target, rng)
        for name, channel in channels.items()
        if channel.widths
    }
    scores = collect_scores(Search(tables.with_widths(widths), settings), queries, target, rng)
    members = {name: tuple(part for part in channels[name].parts if part in scores.names) for name in channels}
    fusion = choose_channels(scores, members, widths, tables.list_length, keep)
    say_fusion(fusion)
    return fusion


def collect_scores(search: Search, queries: Queries, target: Int64s, rng: np.random.Generator) -> ChannelScores:
    """What every channel, and every fused column of popularity, says of each query's ``target``, an index in the pool,
    of the candidates that the search puts first, and of a draw of the others.
    """
    names: tuple[str, ...] = ()
    values, stands_for = [], []
    popularity = search.tables.popularity
    with torch.inference_mode():
        for rows in track(list(blocks(len(target), BLOCK)), "learning fusion weights"):
            own = queries.take(rows)
            total, parts = search.popular[torch.from_numpy(popularity.slots.find(own.time))], {}
            seen = search.find_seen(own.histories)
            for channel, scores in search.score(search.block(own), seen):
                for name, each in scores.items():
                    parts[name] = scale_part(channel, name, each).numpy()
                    total.add_(torch.from_numpy(parts[name]), alpha=search.tables.fusion.weights.get(name, 0.0))
            total[torch.from_numpy(seen[0]), torch.from_numpy(seen[1])] = -torch.inf
            sampled, weight = sample_candidates(total.numpy(), target[rows], rng)
            names = (*parts, *popularity.fused)
            scored = [np.take_along_axis(each, sampled, 1) for each in parts.values()]
            popular = popularity.of(own.time, CatalogueRows(search.pool[sampled]), popularity.fused)
            values.append(np.concatenate([np.stack(scored, 2), popular], 2) if scored else popular)
            stands_for.append(weight)
    weights = np.concatenate(stands_for)
    possible = weights > 0
    return ChannelScores(names, np.concatenate(values), possible, np.where(possible, weights, 1.0), popularity.fused)


def sample_candidates(scores: Singles, target: Int64s, rng: np.random.Generator) -> tuple[Int64s, Singles]:
    """Indices in the pool [queries, candidates], the ``target`` first, and how many candidates each stands for: 0 for
    one that is seen (of score -inf) or the target again.
    """
    queries, pool = scores.shape
    first = min(FIRST, pool)
    top = np.argpartition(-scores, first - 1, 1)[:, :first]
    drawn = rng.integers(0, pool, (queries, min(DRAWN, pool)))
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
    tables: FoldTables,
    settings: FeatureSettings,
    channel: Channel,
    queries: Queries,
    target: Int64s,
    rng: np.random.Generator,
) -> float:
    """The width of a channel's kernel under which the targets are likeliest, beside what is popular."""
    count = min(len(target), WIDTH_QUERIES)
    part, own = queries.take(np.arange(count)), target[:count]
    best = (-np.inf, channel.widths[0])
    alone = tables.only(channel.name)
    state = rng.bit_generator.state
    for width in channel.widths:
        rng.bit_generator.state = state  # the same candidates for all widths
        scores = collect_scores(Search(alone.with_widths({channel.name: width}), settings), part, own, rng)
        best = max(best, (float(log_likelihoods(scores, fit_weights(scores)).mean()), width))
    return best[1]


def say_fusion(fusion: Fusion) -> None:
    """A line a channel, on the console."""
    for row in fusion.rows:
        shares = ", ".join(f"{name} {value:.3f}" for name, value in row.items() if isinstance(value, float))
        say(f"  {row['channel']}: {'used' if row['kept'] == 'yes' else 'not used'} ({shares})")
    say("  fusion weights: " + ", ".join(f"{name} {weight:.2f}" for name, weight in fusion.weights.items()))
