"""New articles of the user's favourite categories."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from common.learning.split import Fold
from common.time_units import HOUR_MS
from competitions.news.arrays import WindowCounts, count_events, expand_spans, lookup_rows
from competitions.news.lookups import Catalogue, index_catalogue
from competitions.news.retrieval import lists
from competitions.news.retrieval.lists import Histories, Int64s, ScoredLists

CATEGORIES, CATEGORY_DECAY = 3, 0.8  # the user's best; the weight of a click against the one after it
HALF_LIFE_HOURS, SPAN_HOURS = 12.0, 27.0  # of an article's age; before and after the last click


@dataclass(frozen=True)
class FreshArticles:
    """Articles and their clicks, to find by category and time of creation: ``births``, with the article of each
    in ``order``.
    """

    catalogue: Catalogue
    clicks: Int64s
    births: WindowCounts
    order: Int64s


def index_fresh(articles: pl.DataFrame, history: pl.DataFrame) -> FreshArticles:
    """All articles, with their clicks in a history."""
    catalogue = index_catalogue(articles)
    clicks = history.group_by("item").agg(clicks=pl.len().cast(pl.Int64))
    counted = pl.DataFrame({"item": catalogue.items}).join(clicks, on="item", how="left", maintain_order="left")
    births, order = count_events(catalogue.category, catalogue.created)
    return FreshArticles(catalogue, counted["clicks"].fill_null(0).to_numpy(), births, order)


def find_fresh(fold: Fold, articles: pl.DataFrame, top: int) -> pl.DataFrame:
    """``list_fresh`` for the queries of a fold."""
    ids, histories = lists.gather_histories(fold.seen, fold.queries)
    return lists.lists_to_frame(ids, list_fresh(histories, index_fresh(articles, fold.history), top))


def list_fresh(histories: Histories, articles: FreshArticles, top: int) -> ScoredLists:
    """New articles of the user's favourite categories: category share * 0.5^(age / half-life) * log(2 + clicks).

    An article counts from SPAN_HOURS before the last click to SPAN_HOURS after it, clicked or not.
    """
    favourite, span_ms = _find_favourites(histories, articles), int(SPAN_HOURS * HOUR_MS)
    times = histories.times[favourite.rows]
    low, high = articles.births.find(favourite.items, times, span_ms + 1, span_ms)

    def list_rows(first: int, last: int) -> ScoredLists:
        part, own = lists.take_range(favourite, first, last), slice(favourite.starts[first], favourite.starts[last])
        near, which = expand_spans(low[own], (high - low)[own])
        article = articles.order[near]
        hours = np.abs(times[own][which] - articles.catalogue.created[article]) / HOUR_MS
        scores = part.scores[which] * 0.5 ** (hours / HALF_LIFE_HOURS) * np.log(articles.clicks[article] + 2.0)
        entries = part.rows[which], article, scores
        return lists.keep_unseen(entries, articles.catalogue.items, lists.slice_histories(histories, first, last), top)

    ranges = list(lists.split_rows(lists.count_up(high - low)[favourite.starts]))
    return lists.join_lists(lists.work_side_by_side(list_rows, ranges))


def _find_favourites(histories: Histories, articles: FreshArticles) -> ScoredLists:
    """The best categories of each query's clicks, those of later clicks weighing more."""
    known = lookup_rows(articles.catalogue.items, histories.items)
    clicks = known >= 0
    pairs = lists.pack_pairs(histories.rows[clicks], articles.catalogue.category[known[clicks]])
    distinct, group = np.unique(pairs, return_inverse=True)
    taste = np.bincount(group, CATEGORY_DECAY ** histories.back[clicks].astype(np.float64), len(distinct))
    rows, category = distinct >> 32, distinct & (2**32 - 1)
    return lists.keep_best(rows, category, taste, CATEGORIES, len(histories.times))
