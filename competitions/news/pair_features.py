"""The columns of ``pair_block``: an article against the user's past and context."""

import numpy as np

from common.arrays import lookup_rows, mean_by_row, normalise_rows, take_known
from common.retrieval.lists import Histories, cut_rows, pack_pairs, work_side_by_side
from common.time_units import HOUR_MS
from competitions.news.lookups import (
    Catalogue,
    Columns,
    FeatureTables,
    Pairs,
    Queries,
    UnitVectors,
)
from competitions.news.next_click import (
    ALL_CLICKS,
    CONTEXT_STEPS,
    LOCAL,
    RARE,
    STEP_CONTEXT_HOURS,
    STEP_HOURS,
    STEPS,
    WINDOWS_HOURS,
    NextClicks,
    number_context,
)

WIDEST, NEARER = slice(1), slice(1, None)  # of the windows that are counted
CONTEXT_HOURS = WINDOWS_HOURS[0], WINDOWS_HOURS[-1]
CHUNK_ROWS = 4_000  # 4 MB a gather of 250-wide vectors: more leave the processor's cache, and take three times as long


def pair_columns(queries: Queries, pairs: Pairs, tables: FeatureTables) -> Columns:
    """The columns of ``pair_block``."""
    columns = taste_columns(queries, pairs, tables.catalogue)
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


def next_columns(queries: Queries, pairs: Pairs, clicks: NextClicks) -> Columns:
    """How likely the article is the next click of the session, from coarse to fine shares.

    A lift: (clicks on it of users with the same region + 1) / (expected + 1), in all times or within the hour, where
    expected is what all users' share says. The smoothing pulls articles with few clicks towards 1.
    """
    histories, rows = queries.histories, pairs.rows
    times, last = histories.times, np.full(len(histories.times), -1, np.int64)
    last[histories.rows[histories.back == 0]] = histories.items[histories.back == 0]
    candidates, everybody = (rows, pairs.items), np.zeros(len(times), np.int64)
    counted = clicks.clicks.count(everybody, times, candidates)
    usual = counted.share(np.full(len(rows), RARE), ALL_CLICKS, WIDEST)
    now = counted.share(usual, ALL_CLICKS, NEARER)
    columns, likely = {"pair_next_all": now}, now.copy()
    for name, shares in clicks.contexts.items():
        groups = number_context(queries.context[name])
        counted = shares.count(groups, times, candidates, CONTEXT_HOURS)
        for kind, share, window in (("lift", usual, WIDEST), ("hour_lift", now, NEARER)):
            columns[f"pair_{name}_{kind}"] = counted.share(share, 1 / share, window) / share
        if name in LOCAL:
            likely *= columns[f"pair_{name}_hour_lift"]
    counted = clicks.steps.count(last, times, candidates, [*WINDOWS_HOURS, *STEP_HOURS.values()])
    nested = slice(len(WINDOWS_HOURS))
    columns["pair_next_step"] = counted.share(now, STEPS, nested)
    columns["pair_next_step_context"] = step = counted.share(likely, STEPS, nested)
    for place, name in enumerate(STEP_HOURS, len(WINDOWS_HOURS)):
        columns[f"pair_next_step_{name}"] = counted.share(step, STEPS, slice(place, place + 1))
    known = np.flatnonzero(counted.both[0])
    for name, table in clicks.context_steps.items():
        groups = pack_pairs(last, number_context(queries.context[name]))
        of_context = table.count(groups, times, candidates, known, STEP_CONTEXT_HOURS)
        columns[f"pair_next_step_{name}"] = of_context.share(step, CONTEXT_STEPS)
    counted = clicks.last_steps.count(last, times, candidates)
    columns["pair_next_last_step"] = counted.share(columns["pair_next_step"], STEPS)
    return columns


def cosine_columns(histories: Histories, pairs: Pairs, given: UnitVectors) -> Columns:
    """Cosine of the article with the last click, and with the decayed mean of the last five; NaN without a vector."""
    unit, missing, height = given.vectors, len(given.items), len(histories.times)
    recent = histories.back < 5
    rows, back = histories.rows[recent], histories.back[recent]
    clicked = given.rows(histories.items[recent])
    last, mean = np.full(height, missing), np.zeros((height, unit.shape[1]), np.float32)
    last[rows[back == 0]] = clicked[back == 0]
    for step in range(5):
        at = back == step
        mean[rows[at]] += np.float32(0.7**step) * unit[clicked[at]]
    mean = normalise_rows(mean)
    article = given.rows(pairs.items)
    cosines = {f"pair_content_{kind}": np.empty(len(article), np.float32) for kind in ("last", "mean")}

    def compare(first: int, end: int) -> None:
        part = slice(first, end)
        own, of = unit[article[part]], pairs.rows[part]
        for column, table, others in zip(cosines.values(), (unit, mean), (last[of], of), strict=True):
            column[part] = np.einsum("ij,ij->i", own, table[others])
            column[part][article[part] == missing] = np.nan

    work_side_by_side(compare, cut_rows(len(article), CHUNK_ROWS), "pair_content")
    return cosines
