"""What each part is worth: from popularity to the whole pipeline, on the same validation users.

    make ladder-news      make rung-news RUNG=als      or      python -m competitions ladder news --only als

First methods without a ranker, and public ones that have a mark on the host's log (``lab/``), then the union of the
channels, then the pipeline up to its score on validation, again and again, one part richer each time. Candidates,
features and fits that two steps share are taken from the store.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import msgspec
import polars as pl

from common.day.methods import families
from common.day.methods.ladder import Ladder, Rung, Scored
from common.day.report.charts import Figure
from common.day.validation import BLEND
from common.engine.run import Result, Run
from common.learning.cooccurrence import count_covisits, count_transitions
from common.learning.split import Fold
from competitions.news.config import MODEL, NewsConfig
from competitions.news.day.judged import METRIC
from competitions.news.day.validation import list_candidates, list_validation
from competitions.news.io import reader
from competitions.news.lab import als, gru4rec, plots, reranking
from competitions.news.lab.neighbours import METHODS, Method
from competitions.news.lab.scoring import Climb, record, score, score_lists
from competitions.news.pipeline import validate
from competitions.news.ranking import CUTOFF
from competitions.news.retrieval.channels import CLICK_TABLES, NEIGHBOURS, POPULAR_HOURS
from competitions.news.retrieval.fusion import fuse_channels, learn_fusion
from competitions.news.retrieval.neighbours import score_neighbours
from competitions.news.retrieval.popularity import count_popular

POPULAR = "popularity"
# Channels without a ranker: (key, title, family, channel, the function to read).
ALONE: tuple[tuple[str, str, str, str, Callable[..., object]], ...] = (
    (POPULAR, "popularity within an hour of the click", families.POPULARITY, "popular_1h", count_popular),
    ("covisits", "item-kNN: co-visitation of all clicks", families.NEIGHBOURS, "covisit", score_neighbours),
    ("transitions", "transitions from the last clicks", families.NEIGHBOURS, "next", score_neighbours),
)
# What the tables of neighbours count: key of the step that adds them, title.
COUNTED: dict[object, tuple[str, str]] = {
    count_covisits: ("lightgbm-covisits", "co-visitation"),
    count_transitions: ("lightgbm-transitions", "transitions"),
}
ORDER = ("channel", "item", "pair")
LAST = f"lightgbm-{ORDER[-1]}"  # the whole pipeline, which is re-ranked
# (key, title, method, its trade-off or strength)
RERANKED: tuple[tuple[str, str, reranking.Method, float], ...] = (
    ("mmr", "re-ranked by MMR, trade-off .9", "mmr", 0.9),
    ("mmr-half", "re-ranked by MMR, trade-off .5", "mmr", 0.5),
    ("dpp", "re-ranked by DPP, strength 8", "dpp", 8.0),
    ("dpp-weak", "re-ranked by DPP, strength 2", "dpp", 2.0),
)
FORMULAS = {
    "mmr": "the next item has the largest trade_off x relevance - (1 - trade_off) x its largest cosine to the list",
    "dpp": "the list of the largest det(L), L(i, j) = exp(strength (relevance(i) + relevance(j))) cosine(i, j)",
    "swing": "w(i, j) = sum over pairs of users of both of 1 / (alpha + items they share), over sqrt(users of j)",
}
SEQUENCE = gru4rec.SequenceSettings()
LEARNED: Literal["learned"] = "learned"


def make_ladder(files: reader.RawFiles, config: NewsConfig, run: Run) -> Ladder:
    """MRR@5 on the validation users; beside it the recall of the candidates, coverage and distance of the lists."""
    way = Climb(files, config, run)
    rungs = [*list_alone(way), *list_fused(way), *list_pipelines(way), *list_reranked(way)]
    title = "News: the hidden click, on the validation users"
    return Ladder(run, title, METRIC, files, rungs, lambda: way.given, way.describe)


def list_alone(way: Climb) -> Iterator[Rung]:
    """Methods without a ranker: channels, public methods, factors."""
    for key, title, family, channel, code in ALONE:
        draw: Callable[[], Sequence[Figure]] = partial(draw_windows, way) if key == POPULAR else tuple
        yield Rung(key, title, family, partial(score_channel, way, channel), code, POPULAR, plots=draw)
    for method in METHODS:
        measure = partial(score_public, way, method)
        yield Rung(method.key, method.title, method.family, measure, method.rank, POPULAR, FORMULAS.get(method.key, ""))
    yield Rung(
        "als",
        "ALS: users x articles",
        families.FACTORS,
        partial(score_factors, way),
        als.list_by_factors,
        POPULAR,
        plots=lambda: plots.draw_map(fit_factors(way).value, way.articles.value, way.fold.value.history),
    )


def draw_windows(way: Climb) -> list[Figure]:
    """Popularity by its window."""
    return plots.draw_windows(way.run, way.fold, score)


def score_channel(way: Climb, channel: str) -> Scored:
    """One channel's own list."""
    lists = way.retrieve([channel])
    return score_lists(way, lists.value[channel], lists)


def score_public(way: Climb, method: Method) -> Scored:
    """A public method."""
    valid = way.run.step(take_valid, way.fold, name="ladder.valid")
    return score_made(way, way.run.step(method.rank, valid, way.articles, way.config.seed, name=f"ladder.{method.key}"))


def fit_factors(way: Climb) -> Result[als.Factors]:
    """The articles' vectors."""
    return way.run.step(als.fit_factors, way.fold, way.config.seed, name="ladder.factors")


def score_factors(way: Climb) -> Scored:
    """The products of a user's vector and the articles'."""
    top, seed = way.config.recall.per_channel, way.config.seed
    return score_made(way, way.run.step(als.list_by_factors, way.fold, top, seed, fit_factors(way), name="ladder.als"))


def list_fused(way: Climb) -> Iterator[Rung]:
    """The union of all channels: two ways to fuse them, and a recurrent network that ranks it."""
    draw = partial(draw_channels, way)
    title, measure = "all channels, fused by reciprocal ranks", partial(score_union, way, False)
    yield Rung("rrf", title, families.RETRIEVAL, measure, fuse_channels, POPULAR, plots=draw)
    title, measure = "all channels, with learned weights", partial(score_union, way, True)
    yield Rung("fusion", title, families.RETRIEVAL, measure, learn_fusion, plots=draw)
    title, measure = "GRU over these candidates", partial(score_network, way)
    yield Rung("gru4rec", title, families.SEQUENCE, measure, gru4rec.score_next)


def fuse(way: Climb, learned: bool) -> Result[pl.DataFrame]:
    """The union of all channels, whose votes count alike or as much as was learned."""
    lists, most, step = way.retrieve(way.config.recall.channels), way.config.recall.candidates, way.run.step
    if not learned:
        return step(fuse_channels, lists, most, name="ladder.unite")
    weights = step(learn_fusion, way.fold, lists, LEARNED, way.config.seed)
    return step(fuse_channels, lists, most, weights, name="labelled.unite")


def score_union(way: Climb, learned: bool) -> Scored:
    """The union of the channels in the order of its fusion."""
    union = fuse(way, learned)
    return score_lists(way, union.value.select("query", "item", score="fusion"), union)


def score_network(way: Climb) -> Scored:
    """The same candidates in the order of a network."""
    inputs = way.fold, fuse(way, True), SEQUENCE, way.config.seed
    return score_made(way, way.run.step(gru4rec.score_next, *inputs, name="ladder.sequence"))


def draw_channels(way: Climb) -> list[Figure]:
    """The channels' recall and overlap."""
    return plots.draw_channels(way.fold.value, way.retrieve(way.config.recall.channels).value)


def list_pipelines(way: Climb) -> Iterator[Rung]:
    """The pipeline, one part richer each time."""
    for number, (key, title, family, changed) in enumerate(list_rungs(way.config)):
        yield Rung(key, title, family, partial(score_outcome, way, changed), validate, None if number else POPULAR)


def list_reranked(way: Climb) -> Iterator[Rung]:
    """The first fifty of the pipeline in another order: what variety costs."""
    lacks = None if way.files is None or way.files.embeddings else "the files have no vectors of the articles"
    whole = change(way.config, way.config.recall.channels, ORDER)
    for key, title, method, weight in RERANKED:
        measure, code = partial(rerank, way, whole, method), reranking.RERANK[method]
        draw = partial(plots.draw_trade_off, method, measure)
        formula = FORMULAS[method]
        yield Rung(key, title, families.RERANKING, partial(measure, weight), code, LAST, formula, lambda: lacks, draw)


def rerank(way: Climb, whole: NewsConfig, method: reranking.Method, weight: float) -> Scored:
    """The pipeline's lists in the order of a method."""
    outcome = way.validate(whole)
    items, _ = list_candidates(outcome)
    assert way.content is not None
    ranked = items.rename({BLEND: "score"})
    lists = reranking.rerank_lists(ranked, way.content.value, method, weight, CUTOFF)
    named = lists.join(way.users, left_on="query", right_on="user")
    return score_lists(way, named.select("item", "score", query="query_right"), outcome.scores)


def score_outcome(way: Climb, config: NewsConfig) -> Scored:
    """The pipeline: the scores of its queries in the fold's order, and its lists."""
    outcome = way.validate(config)
    recall_all = outcome.recall.value["recall@all"][-1]
    items, data = list_candidates(outcome)
    listed = items.rename({BLEND: "score"}).with_columns(answer=pl.Series(data.labels) > 0)
    return record(way, list_validation(outcome).queries, recall_all, listed, [outcome.scores])


def score_made(way: Climb, lists: Result[pl.DataFrame]) -> Scored:
    """A step's lists."""
    return score_lists(way, lists.value, lists)


def take_valid(fold: Fold) -> Fold:
    """The validation queries alone, without answers: methods that train do so on the history's other users."""
    queries = fold.queries.filter(role="valid")
    return Fold(fold.history, queries, fold.seen.join(queries, on="query", how="semi", maintain_order="left"), None)


def list_rungs(config: NewsConfig) -> Iterator[tuple[str, str, str, NewsConfig]]:
    """(key, title, family, settings) from one kind of channels to everything: channels, then blocks."""
    channels: list[str] = []
    for (key, name), more in group_channels(config.recall.channels).items():
        title = f"+ {name}" if channels else f"{MODEL} on the scores of {name}"
        channels += more
        yield key, title, families.BOOSTING, change(config, list(channels), ORDER[:1])
    for count in range(2, len(ORDER) + 1):
        block = ORDER[count - 1]
        settings = change(config, config.recall.channels, ORDER[:count])
        yield f"lightgbm-{block}", f"+ {block} features", families.BOOSTING, settings


def group_channels(channels: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """The channels by what they count, popularity first: (key, title) of the step that adds them -> their names.

    >>> group_channels(["covisit", "fresh", "popular_1h", "covisit_fast"])[("lightgbm-covisits", "co-visitation")]
    ['covisit', 'covisit_fast']
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for channel in sorted(channels, key=lambda name: name not in POPULAR_HOURS):
        table = NEIGHBOURS[channel].table if channel in NEIGHBOURS else channel
        other = (f"lightgbm-{table}", f"the channel {table}")
        count = CLICK_TABLES.get(table)
        group = COUNTED.get(getattr(count, "func", count), other)
        popular = ("lightgbm", "popularity around the click")
        groups.setdefault(popular if channel in POPULAR_HOURS else group, []).append(channel)
    return groups


def change(config: NewsConfig, channels: list[str], blocks: tuple[str, ...]) -> NewsConfig:
    """The settings with these channels and blocks."""
    rank = msgspec.structs.replace(config.rank, blocks=list(blocks))
    return msgspec.structs.replace(config, recall=msgspec.structs.replace(config.recall, channels=channels), rank=rank)
