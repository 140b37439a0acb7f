"""The recall channels: each a function of the fold that lists (query, item, score), best first.

All of them read ``fold.history``, from which every labelled click is gone, and the queries' own past.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from msgspec.structs import asdict
from numpy.typing import NDArray

from common.errors import UserError
from common.pipeline.run import Result, Run
from common.retrieval.cooccurrence import (
    HOUR_MS,
    count_covisits,
    count_swings,
    count_transitions,
    drop_seen,
    exact_sum,
    find_nearest,
    find_popular,
    follow,
    keep_top,
    link_bipartite,
    unite,
)
from common.retrieval.item2vec import ItemVectors, learn_item2vec
from common.split import Fold
from competitions.news.config import (
    ContentSettings,
    CovisitSettings,
    FollowSettings,
    FreshSettings,
    Item2VecSettings,
    RecallSettings,
    SwingSettings,
)
from competitions.news.io.reader import Embeddings

GAP_MS = 30_000


def tabulate_covisits(fold: Fold, settings: CovisitSettings) -> pl.DataFrame:
    """Item-to-item co-visitation of the fold's history."""
    return count_covisits(fold.history, **asdict(settings))


def tabulate_transitions(fold: Fold, power: float, gap_ms: int | None = None, reverse: bool = False) -> pl.DataFrame:
    """Next-click (or previous-click) counts, of every step or only of those of exactly ``gap_ms``."""
    return count_transitions(fold.history, power=power, top=200, gap_ms=gap_ms, reverse=reverse)


def tabulate_bipartite(fold: Fold) -> pl.DataFrame:
    """Item-to-item weights of the user-item bi-network."""
    return link_bipartite(fold.history, top=200)


def tabulate_swings(fold: Fold, settings: SwingSettings, seed: int) -> pl.DataFrame:
    """Item-to-item swing weights."""
    return count_swings(fold.history, seed=seed, **asdict(settings))


def embed_clicks(fold: Fold, settings: Item2VecSettings, seed: int) -> ItemVectors:
    """item2vec vectors learned from the fold's history."""
    return learn_item2vec(fold.history, seed=seed, **asdict(settings))


def tabulate_nearest(vectors: ItemVectors, fold: Fold, top: int) -> pl.DataFrame:
    """Nearest neighbours, by item2vec, of the items that the queries have seen."""
    return find_nearest(vectors.items, vectors.vectors, _asked(fold), top=top)


def tabulate_content(
    embeddings: Embeddings | None, articles: pl.DataFrame, fold: Fold, settings: ContentSettings
) -> pl.DataFrame:
    """Nearest articles by content embedding among those created near the time of the log, clicked before or not.

    Most of the catalogue is years old and never clicked again; leaving it out is what makes the exact search cheap.
    """
    if embeddings is None:
        return pl.DataFrame(schema={"item": pl.Int32, "neighbour": pl.Int32, "weight": pl.Float32})
    oldest = int(fold.history["time"].quantile(0.001) or 0) - int(settings.span_hours * HOUR_MS)
    recent = articles.filter(pl.col("created") >= oldest).select("item")
    alive = pl.concat([recent, fold.history.select("item")]).unique().sort("item")["item"].to_numpy()
    keep = np.isin(embeddings.items, alive)
    return find_nearest(embeddings.items[keep], embeddings.vectors[keep], _asked(fold), top=settings.top)


def _asked(fold: Fold, last: int = 16) -> NDArray[np.int32]:
    return fold.seen.filter(pl.col("back") < last)["item"].unique().sort().to_numpy()


def follow_table(fold: Fold, table: pl.DataFrame, settings: FollowSettings, top: int) -> pl.DataFrame:
    """The channel of an item-to-item table: neighbours of the user's own clicks."""
    return follow(fold.seen, table, top=top, **asdict(settings))


def list_popular(fold: Fold, before_hours: float, after_hours: float, top: int) -> pl.DataFrame:
    """Popularity in a window around the user's last click."""
    return find_popular(
        fold.history, fold.queries, fold.seen, before_hours=before_hours, after_hours=after_hours, top=top
    )


def list_fresh(fold: Fold, articles: pl.DataFrame, settings: FreshSettings, top: int) -> pl.DataFrame:
    """New articles of the user's favourite categories: category share * 0.5^(age / half-life) * log(2 + clicks).

    An article counts from ``span_hours`` before the last click to ``span_hours`` after it, clicked or not.
    """
    own = fold.seen.lazy().join(articles.lazy().select("item", "category"), on="item")
    taste = own.group_by("query", "category").agg(taste=exact_sum(settings.decay ** pl.col("back")))
    favourite = keep_top(taste, "query", "category", "taste", settings.categories).lazy()
    span_ms = int(settings.span_hours * HOUR_MS)
    times = fold.queries.lazy().select("query", "time", span=pl.col("time") // span_ms)
    asked = favourite.join(times, on="query")
    clicks = fold.history.lazy().group_by("item").agg(clicks=pl.len())
    born = articles.lazy().join(clicks, on="item", how="left").with_columns(span=pl.col("created") // span_ms)
    near = pl.concat([asked.with_columns(pl.col("span") + step) for step in (-1, 0, 1)])
    found = near.join(born, on=["category", "span"])
    age = (pl.col("time") - pl.col("created")).abs()
    score = (
        pl.col("taste") * 0.5 ** (age / HOUR_MS / settings.half_life_hours) * pl.col("clicks").fill_null(0).add(2).log()
    )
    scored = found.filter(age <= span_ms).select("query", "item", score=score)
    return keep_top(drop_seen(scored, fold.seen), "query", "item", "score", top)


def unite_channels(channels: dict[str, pl.DataFrame], constant: float, top: int) -> pl.DataFrame:
    """The candidates of the fold: the fused union of its channels."""
    return unite(channels, constant=constant, top=top)


POPULAR_HOURS = {
    "popular_1h": (1.0, 1.0),
    "popular_3h": (3.0, 3.0),
    "popular_next3h": (0.0, 3.0),
    "popular_next24h": (0.0, 24.0),
    "popular_24h": (24.0, 24.0),
}


def recall(
    run: Run,
    fold_name: str,
    fold: Result[Fold],
    articles: Result[pl.DataFrame],
    content: Result[Embeddings] | None,
    vectors: Result[ItemVectors],
    settings: RecallSettings,
    seed: int,
) -> dict[str, Result[pl.DataFrame]]:
    """Every channel of ``settings.channels`` as a step; a table that several channels follow is made once."""
    power, top = settings.transition_power, settings.per_channel

    made: dict[str, Result[pl.DataFrame]] = {}

    def table(name: str, function: Callable[..., pl.DataFrame], *args: Any, **kwargs: Any) -> Result[pl.DataFrame]:
        if name not in made:
            made[name] = run.step(partial(function, **kwargs), *args, name=f"{fold_name}.table.{name}")
        return made[name]

    tables: dict[str, tuple[Callable[[], Result[pl.DataFrame]], FollowSettings]] = {
        "covisit": (lambda: table("covisit", tabulate_covisits, fold, settings.covisit), settings.follow),
        "covisit_all": (lambda: table("covisit", tabulate_covisits, fold, settings.covisit), settings.follow_all),
        "covisit_last": (lambda: table("covisit", tabulate_covisits, fold, settings.covisit), settings.follow_last),
        "covisit_fast": (lambda: table("fast", tabulate_covisits, fold, settings.covisit_fast), settings.follow),
        "next": (lambda: table("next", tabulate_transitions, fold, power), settings.follow),
        "next_last": (lambda: table("next_raw", tabulate_transitions, fold, 0.0), settings.follow_last),
        "previous": (lambda: table("previous", tabulate_transitions, fold, 0.0, reverse=True), settings.follow),
        "gap30": (lambda: table("gap30", tabulate_transitions, fold, power, gap_ms=GAP_MS), settings.follow),
        "bipartite": (lambda: table("bipartite", tabulate_bipartite, fold), settings.follow),
        "swing": (lambda: table("swing", tabulate_swings, fold, settings.swing, seed), settings.follow),
        "item2vec": (lambda: table("item2vec", tabulate_nearest, vectors, fold, 100), settings.follow),
        "content": (
            lambda: table("content", tabulate_content, content, articles, fold, settings.content),
            settings.follow,
        ),
    }

    def channel(name: str) -> Result[pl.DataFrame]:
        told = f"{fold_name}.{name}"
        if name in tables:
            make, way = tables[name]
            return run.step(follow_table, fold, make(), way, top, name=told)
        if name in POPULAR_HOURS:
            return run.step(list_popular, fold, *POPULAR_HOURS[name], top, name=told)
        if name == "fresh":
            return run.step(list_fresh, fold, articles, settings.fresh, top, name=told)
        known = ", ".join([*tables, *POPULAR_HOURS, "fresh"])
        raise UserError(f"recall.channels names {name}; the channels are {known}.")

    return {name: channel(name) for name in settings.channels}
