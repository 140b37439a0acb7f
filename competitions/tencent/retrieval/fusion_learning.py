"""Fusion weights learned on an earlier fold: the channels' scores of its targets, and of candidates drawn evenly."""

from collections.abc import Mapping

import numpy as np
import torch

from common.engine.progress import say, track
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Bools, Corpus, Int64s
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.retrieval.channel import Channel, Table
from competitions.tencent.retrieval.fusion import (
    FORECAST,
    ChannelScores,
    Fusion,
    choose_channels,
    fit_weights,
    log_likelihoods,
)
from competitions.tencent.retrieval.registry import find_channel
from competitions.tencent.retrieval.search import Queries, Search
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns
from competitions.tencent.top_k import number_columns

QUERIES, DRAWN = 1_000, 1_500  # queries that are learned from, candidates that stand for all
FEWEST = 30  # queries, below which nothing is learned
WIDTH_QUERIES = 300
BLOCK = 32


def learn_fusion(
    corpus: Corpus, fold: Fold, tables: FoldTables, settings: FeatureSettings, keep: bool, seed: int
) -> Fusion:
    """The weights of the channels that have a table, and the widths of their kernels; ``keep``: of all, whatever they
    weigh.

    ``fold``: an earlier one; ``tables``: its own, with even weights, which come back where it has too few queries.
    """
    pool = tables.pool
    target = number_columns(pool.chosen, len(fold.candidates))[target_columns(fold)]
    reachable = np.flatnonzero(target >= 0)
    if len(reachable) < FEWEST:
        return tables.fusion
    rng = np.random.default_rng([seed, 17])
    chosen = rng.permutation(reachable)[:QUERIES]  # in no order: halves of them are judged by each other
    target = target[chosen]
    drawn = np.sort(rng.choice(len(pool.rows), min(DRAWN, len(pool.rows)), replace=False))
    queries = Queries(fold.queries(corpus.train), fold.condition).take(chosen)
    channels = {name: find_channel(name) for name in tables.tables}
    search = Search(tables, settings)
    widths = {
        name: choose_width(search, channel, tables.tables[name], queries, target, drawn)
        for name, channel in channels.items()
        if channel.widths
    }
    scores = collect_scores(Search(tables.with_widths(widths), settings), queries, target, drawn)
    fusion = choose_channels(scores, list_members(channels, scores), widths, tables.list_length, keep)
    say_fusion(fusion)
    return fusion


def list_members(channels: Mapping[str, Channel], scores: ChannelScores) -> dict[str, tuple[str, ...]]:
    """The parts of each channel that there are scores of."""
    return {name: tuple(part for part in channel.parts if part in scores.names) for name, channel in channels.items()}


def collect_scores(search: Search, queries: Queries, target: Int64s, drawn: Int64s) -> ChannelScores:
    """What every channel says of each query's ``target`` and of the ``drawn`` candidates, positions in the pool."""
    names: tuple[str, ...] = ()
    parts = []
    with torch.inference_mode():
        for rows in track(list(blocks(len(target), BLOCK)), "learning fusion weights"):
            own = queries.take(rows)
            scored = search.score_all(search.block(own), search.find_seen(own.histories))
            names = tuple(scored)
            columns = np.column_stack([target[rows], np.broadcast_to(drawn, (len(rows), len(drawn)))])
            whole = (np.broadcast_to(each.numpy(), (len(rows), len(search.rows))) for each in scored.values())
            parts.append(np.stack([np.take_along_axis(each, columns, 1) for each in whole], 2))
    return ChannelScores(names, np.concatenate(parts), find_possible(search, queries, target, drawn), len(search.rows))


def find_possible(search: Search, queries: Queries, target: Int64s, drawn: Int64s) -> Bools:
    """Which of the target and the drawn candidates a query may get: not what it has seen, nor its target again."""
    row, column = search.find_seen(queries.histories)
    at = number_columns(drawn, len(search.rows))
    possible = np.ones((len(target), 1 + len(drawn)), bool)
    shown = at[column] >= 0
    possible[row[shown], 1 + at[column[shown]]] = False
    again = at[target] >= 0
    possible[np.flatnonzero(again), 1 + at[target[again]]] = False
    return possible


def choose_width(
    search: Search, channel: Channel, table: Table, queries: Queries, target: Int64s, drawn: Int64s
) -> float:
    """The width of a channel's kernel under which the targets are likeliest, with the forecast beside it."""
    count = min(len(target), WIDTH_QUERIES)
    own, columns = target[:count], np.concatenate([target[:count], drawn])
    part = queries.take(np.arange(count))
    block, possible = search.block(part), find_possible(search, part, own, drawn)
    forecast = search.always[FORECAST].numpy()[columns]
    best = (-np.inf, channel.widths[0])
    for width in channel.widths:
        with torch.inference_mode():
            (near,) = table.prepare(search.rows[columns], width)(block).values()
        values = np.stack([near, np.broadcast_to(forecast, near.shape)], 2)
        each = np.arange(count)
        values = np.concatenate([values[each, each][:, None], values[:, count:]], 1)  # its own target, then the drawn
        scores = ChannelScores((channel.name, FORECAST), values, possible, len(search.rows))
        best = max(best, (float(log_likelihoods(scores, fit_weights(scores)).mean()), width))
    return best[1]


def say_fusion(fusion: Fusion) -> None:
    """A line a channel, on the console."""
    for row in fusion.rows:
        shares = ", ".join(f"{name} {value:.3f}" for name, value in row.items() if isinstance(value, float))
        say(f"  {row['channel']}: {'used' if row['kept'] == 'yes' else 'not used'} ({shares})")
    say("  fusion weights: " + ", ".join(f"{name} {weight:.2f}" for name, weight in fusion.weights.items()))
