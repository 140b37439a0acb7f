"""Votes learned on an earlier fold: what the channels say of its queries' targets, and of candidates drawn evenly."""

import dataclasses

import numpy as np
import torch

from common.engine.progress import say, track
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Bools, Int64s
from competitions.tencent.retrieval.channels import FORECAST
from competitions.tencent.retrieval.context import FoldContext, FoldInputs, SearchedContent, build_context
from competitions.tencent.retrieval.fusion import (
    DRAWN,
    QUERIES,
    WIDTHS,
    Evidence,
    Votes,
    choose_votes,
    even_votes,
    fit_weights,
    list_members,
    log_likelihoods,
)
from competitions.tencent.retrieval.histories import weigh_events
from competitions.tencent.retrieval.search import score_content, score_tables, weigh_evidence
from competitions.tencent.sequences import blocks
from competitions.tencent.split import target_columns

FEWEST = 30  # queries, below which nothing is learned
WIDTH_QUERIES = 300
BLOCK = 32


def learn_votes(
    inputs: FoldInputs, settings: FeatureSettings, channels: tuple[str, ...], keep: bool, seed: int
) -> Votes:
    """The votes of these ``channels`` and of the widths of their kernels; ``keep``: all of them, whatever recall says.

    ``inputs``: of an earlier fold, with even votes. Even ones come back where it has too few queries.
    """
    context = build_context(inputs, settings)
    place = np.full(len(inputs.fold.candidates.rows), -1)
    place[context.pool] = np.arange(len(context.pool))
    target = place[target_columns(inputs.fold)]
    queries = np.flatnonzero(target >= 0)
    names = [each.name for each in inputs.contents]
    if len(queries) < FEWEST:
        return even_votes(names, channels)
    rng = np.random.default_rng([seed, 17])
    queries = rng.permutation(queries)[:QUERIES]  # in no order: halves of them are judged by each other
    target = target[queries]
    drawn = np.sort(rng.choice(len(context.rows), min(DRAWN, len(context.rows)), replace=False))
    context = context.with_queries(context.queries.take(queries), context.action[queries])
    widths = {each.name: choose_width(context, each, target, drawn) for each in context.contents}
    context = dataclasses.replace(
        context, contents=tuple(dataclasses.replace(each, width=widths[each.name]) for each in context.contents)
    )
    evidence = collect_evidence(context, target, drawn)
    members = {
        name: tuple(part for part in parts if part in evidence.names)
        for name, parts in list_members(names, channels).items()
    }
    votes = choose_votes(evidence, members, widths, context.list_length, keep)
    say_votes(votes)
    return votes


def collect_evidence(context: FoldContext, target: Int64s, drawn: Int64s) -> Evidence:
    """What every channel says of each query's ``target`` and of the ``drawn`` candidates, positions in the pool."""
    names: tuple[str, ...] = ()
    parts = []
    with torch.inference_mode():
        for block in track(list(blocks(len(target), BLOCK)), "learning votes"):
            history = weigh_events(context.queries.take(block), context.settings.history)
            evidence = weigh_evidence(context, history, score_tables(context, block))
            names = tuple(evidence)
            columns = np.column_stack([target[block], np.broadcast_to(drawn, (len(block), len(drawn)))])
            said = (np.broadcast_to(each.numpy(), (len(block), len(context.rows))) for each in evidence.values())
            parts.append(np.stack([np.take_along_axis(each, columns, 1) for each in said], 2))
    return Evidence(names, np.concatenate(parts), find_possible(context, target, drawn), len(context.rows))


def find_possible(context: FoldContext, target: Int64s, drawn: Int64s) -> Bools:
    """Which of the target and the drawn candidates a query may get: not what it has seen, nor its target again."""
    row, column = context.seen.of(np.arange(len(target)))
    at = np.full(len(context.rows), -1)
    at[drawn] = np.arange(len(drawn))
    possible = np.ones((len(target), 1 + len(drawn)), bool)
    shown = at[column] >= 0
    possible[row[shown], 1 + at[column[shown]]] = False
    again = at[target] >= 0
    possible[np.flatnonzero(again), 1 + at[target[again]]] = False
    return possible


def choose_width(context: FoldContext, content: SearchedContent, target: Int64s, drawn: Int64s) -> float:
    """The width of the kernel under which the targets are likeliest, with the forecast beside it."""
    count = min(len(target), WIDTH_QUERIES)
    own, columns = target[:count], np.concatenate([target[:count], drawn])
    part = context.with_queries(context.queries.take(np.arange(count)), context.action[:count])
    history = weigh_events(part.queries, context.settings.history)
    forecast = np.log(context.rate[context.rows] + 1e-3)[columns]
    possible, best = find_possible(part, own, drawn), (-np.inf, WIDTHS[0])
    vectors = content.vectors[torch.from_numpy(context.rows[columns])].float()
    for width in WIDTHS:
        with torch.inference_mode():
            tried = dataclasses.replace(content, pool=vectors, width=width)
            near = score_content(context, tried, history).numpy()
        values = np.stack([near, np.broadcast_to(forecast, near.shape)], 2)
        each = np.arange(count)
        values = np.concatenate([values[each, each][:, None], values[:, count:]], 1)  # its own target, then the drawn
        evidence = Evidence((content.name, FORECAST), values, possible, len(context.rows))
        best = max(best, (float(log_likelihoods(evidence, fit_weights(evidence)).mean()), width))
    return best[1]


def say_votes(votes: Votes) -> None:
    """A line a channel, on the console."""
    for row in votes.rows:
        shares = ", ".join(f"{name} {value:.3f}" for name, value in row.items() if isinstance(value, float))
        say(f"  {row['channel']}: {'a vote' if row['vote'] == 'yes' else 'no vote'} ({shares})")
    say("  votes: " + ", ".join(f"{name} {weight:.2f}" for name, weight in votes.weights.items()))
