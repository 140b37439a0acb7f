"""The columns of ``pair_block``: an article against the user's past and context."""

from collections.abc import Mapping

import numpy as np

from common.time_units import HOUR_MS
from competitions.news.arrays import lookup_rows, mean_by_row, normalise_rows, take_known
from competitions.news.lookups import (
    LIFT_CONTEXTS,
    Catalogue,
    Columns,
    ContextClicks,
    FeatureTables,
    ItemClicks,
    Pairs,
    Queries,
    UnitVectors,
)
from competitions.news.next_click import ALL_CLICKS, CONTEXT_CLICKS, HOUR, RARE, STEPS, NextClicks
from competitions.news.retrieval.lists import Histories, cut_rows, pack_pairs, work_side_by_side

CHUNK_ROWS = 4_000  # 4 MB a gather of 250-wide vectors: more leave the processor's cache, and take three times as long


def pair_columns(queries: Queries, pairs: Pairs, tables: FeatureTables) -> Columns:
    """The columns of ``pair_block``."""
    columns = taste_columns(queries, pairs, tables.catalogue)
    columns |= lift_columns(queries, pairs, tables.clicks, tables.contexts)
    columns |= next_columns(queries, pairs, tables.next_clicks)
    return columns | cosine_columns(queries.histories, pairs, tables.content) if tables.content else columns


def taste_columns(queries: Queries, pairs: Pairs, catalogue: Catalogue) -> Columns:
    """The article's category, length and age against those that the user read."""
    histories, height = queries.histories, len(queries.histories.times)
    article, read = lookup_rows(catalogue.items, pairs.items), lookup_rows(catalogue.items, histories.items)
    category = take_known(catalogue.category, article)
    last = np.full(height, -1)
    last[histories.rows[histories.back == 0]] = read[histories.back == 0]
    last_category = take_known(catalogue.category, last)[pairs.rows]
    known, rows = read >= 0, histories.rows
    habit, group = np.unique(pack_pairs(rows[known], catalogue.category[read[known]]), return_inverse=True)
    own = lookup_rows(habit, pack_pairs(pairs.rows, take_known(catalogue.category, article, missing=-1)))
    own[article < 0] = -1
    recent = np.bincount(group, 0.8 ** histories.back[known], len(habit))
    mean_words = mean_by_row(rows, take_known(catalogue.words, read), height)
    same = np.where(np.isnan(category - last_category), np.nan, category == last_category)
    last_created = take_known(catalogue.created, last)[pairs.rows]
    return {
        "pair_same_category": same,
        "pair_category_share": take_known(np.bincount(group, minlength=len(habit)), own) / histories.sizes[pairs.rows],
        "pair_category_recent": take_known(recent, own),
        "pair_words_difference": take_known(catalogue.words, article) - mean_words[pairs.rows],
        "pair_created_difference_hours": (take_known(catalogue.created, article) - last_created) / HOUR_MS,
    }


def lift_columns(queries: Queries, pairs: Pairs, clicks: ItemClicks, contexts: Mapping[str, ContextClicks]) -> Columns:
    """How much more often than everybody the users of one context (a device, a region) click the article: a log ratio.

    log of (clicks on the article in the context + 1) / (expected + 1), where expected is (clicks on the article + 10) *
    (clicks in the context + 10) / all clicks. The smoothing pulls articles with few clicks towards the same value.
    """
    whole = take_known(clicks.clicks, lookup_rows(clicks.items, pairs.items), missing=0)
    total, columns = max(int(clicks.clicks.sum()), 1), {}
    for name in LIFT_CONTEXTS:
        counts, value = contexts[name], queries.context[name]
        here = take_known(counts.clicks, lookup_rows(counts.values, value), missing=0)[pairs.rows]
        together = lookup_rows(counts.pairs, pack_pairs(value[pairs.rows], pairs.items))
        expected = (whole + 10) * (here + 10) / total
        both = take_known(counts.pair_clicks, together, missing=0)
        columns[f"pair_{name}_lift"] = np.log((both + 1) / (expected + 1))
    return columns


def next_columns(queries: Queries, pairs: Pairs, clicks: NextClicks) -> Columns:
    """How likely the article is the next click of the session, from coarse to fine shares.

    ``pair_next_region`` and ``_referrer``: how much more often users like this one go on to it than all do.
    """
    histories, rows = queries.histories, pairs.rows
    times, last = histories.times, np.full(len(histories.times), -1, np.int64)
    last[histories.rows[histories.back == 0]] = histories.items[histories.back == 0]

    candidates = rows, pairs.items
    everybody = np.zeros(len(times), np.int64), times, candidates
    every = clicks.clicks.near(*everybody, np.full(len(rows), RARE), ALL_CLICKS)
    columns, likely = {"pair_next_all": every}, every.copy()
    for name, table in clicks.contexts.items():
        groups = queries.context[name].astype(np.int64) + 1
        lift = table.near(groups, times, candidates, every, CONTEXT_CLICKS, HOUR) / every
        columns[f"pair_next_{name}"] = lift
        likely *= lift
    after = last, times, candidates
    columns["pair_next_step"] = clicks.steps.near(*after, every, STEPS)
    columns["pair_next_step_context"] = clicks.steps.near(*after, likely, STEPS)
    columns["pair_next_last_step"] = clicks.last_steps.near(*after, columns["pair_next_step"], STEPS)
    return columns


def cosine_columns(histories: Histories, pairs: Pairs, given: UnitVectors) -> Columns:
    """Cosine of the article with the last click, and with the decayed mean of the last five; NaN without a vector."""
    unit, missing, height = given.vectors, len(given.items), len(histories.times)
    recent = histories.back < 5
    rows, back = histories.rows[recent], histories.back[recent]
    clicked = lookup_rows(given.items, histories.items[recent], missing)
    last, mean = np.full(height, missing), np.zeros((height, unit.shape[1]), np.float32)
    last[rows[back == 0]] = clicked[back == 0]
    for step in range(5):
        at = back == step
        mean[rows[at]] += np.float32(0.7**step) * unit[clicked[at]]
    mean = normalise_rows(mean)
    article = lookup_rows(given.items, pairs.items, missing)
    cosines = {f"pair_content_{kind}": np.empty(len(article), np.float32) for kind in ("last", "mean")}

    def compare(first: int, end: int) -> None:
        part = slice(first, end)
        own, of = unit[article[part]], pairs.rows[part]
        for column, table, others in zip(cosines.values(), (unit, mean), (last[of], of), strict=True):
            column[part] = np.einsum("ij,ij->i", own, table[others])
            column[part][article[part] == missing] = np.nan

    work_side_by_side(compare, cut_rows(len(article), CHUNK_ROWS), "pair_content")
    return cosines
