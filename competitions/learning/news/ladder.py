"""What each part is worth: from popularity to the whole pipeline, on the same validation users.

    make ladder-news      make rung-news RUNG=als      or      python -m competitions ladder news --only als

First methods without a ranker, and public ones that have a mark on the host's log, then the union of the
channels, then the pipeline up to its score on validation, again and again, one part richer each time. Candidates,
features and fits that two steps share are taken from the store. Every method answers with lists: query, item, score.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import getitem
from typing import Literal

import msgspec
import polars as pl

from common.arrays import Floats
from common.engine.run import Result, Run, derive
from common.learning.split import Fold
from common.retrieval.fusion import fuse_channels, learn_fusion
from common.retrieval.neighbours import score_neighbours
from common.retrieval.popularity import count_popular
from competitions.learning import families
from competitions.learning.ladder import Ladder, Rung
from competitions.learning.lists import take_fused
from competitions.learning.news import als, gru4rec, reranking
from competitions.learning.news.neighbours import METHODS, Method
from competitions.learning.news.scoring import NewsBench
from competitions.news.config import MODEL, NewsConfig
from competitions.news.day.judged import METRIC
from competitions.news.io import reader
from competitions.news.pipeline import validate
from competitions.news.ranking import CUTOFF

Lists = Result[pl.DataFrame]
TRAIN_QUERIES = 20_000
POPULAR = "popularity"  # which methods that stand alone build on
# Channels without a ranker: (key, title, family, channel, the function to read).
ALONE: tuple[tuple[str, str, families.Family, str, Callable[..., object]], ...] = (
    (POPULAR, "popularity within an hour of the click", families.POPULARITY, "popular_1h", count_popular),
    ("popularity-past", "popularity in the hour before", families.POPULARITY, "popular_past_1h", count_popular),
    ("covisits", "item-kNN: co-visitation of all clicks", families.NEIGHBOURS, "covisit", score_neighbours),
    ("transitions", "transitions from the last clicks", families.NEIGHBOURS, "next", score_neighbours),
)
# How the names of channels begin that count the same: key of the step that adds them, title.
COUNTED = {
    "popular": ("lightgbm", "popularity around the click"),
    "covisit": ("lightgbm-covisits", "co-visitation"),
    "next": ("lightgbm-transitions", "transitions"),
    "gap": ("lightgbm-transitions", "transitions"),
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
    # Methods without a fit know one history: the queries that are hidden from it are few, so that it is the test's.
    few = min(config.split.train_queries, TRAIN_QUERIES)
    config = msgspec.structs.replace(
        config, split=msgspec.structs.replace(config.split, train_queries=few, histories=1)
    )
    rungs = [*list_alone(), *list_fused(), *list_pipelines(config), *list_reranked()]
    return Ladder("News: the hidden click, on the validation users", METRIC, NewsBench(files, config, run), rungs)


def list_alone() -> Iterator[Rung]:
    """Methods without a ranker: channels, public methods, factors."""
    for key, title, family, channel, code in ALONE:
        yield Rung(key, title, family, list_channel, code, (channel,), POPULAR)
    for method in METHODS:
        formula = FORMULAS.get(method.key, "")
        yield Rung(method.key, method.title, method.family, list_public, method.rank, (method,), POPULAR, formula)
    title, code = "ALS: users x articles", als.list_by_factors
    yield Rung("als", title, families.FACTORS, list_by_factors, code, (), POPULAR)


def list_channel(bench: NewsBench, channel: str) -> Lists:
    """One channel's own list."""
    return derive(getitem, bench.retrieve([channel]), channel)


def list_public(bench: NewsBench, method: Method) -> Lists:
    """A public method."""
    valid = bench.run.step(take_valid, bench.fold, name="ladder.valid")
    return bench.run.step(method.rank, valid, bench.config.seed, name=f"ladder.{method.key}")


def take_valid(fold: Fold) -> Fold:
    """The validation queries alone, without answers: methods that train do so on the history's other users."""
    queries = fold.queries.filter(role="valid")
    return Fold(fold.history, queries, fold.seen.join(queries, on="query", how="semi", maintain_order="left"), None)


def list_by_factors(bench: NewsBench) -> Lists:
    """The products of a user's vector and the articles'."""
    top, seed = bench.config.recall.per_channel, bench.config.seed
    return bench.run.step(als.list_by_factors, bench.fold, top, seed, name="ladder.als")


def list_fused() -> Iterator[Rung]:
    """The union of all channels: two ways to fuse them, and a recurrent network that ranks it."""
    title, family = "all channels, fused by reciprocal ranks", families.RETRIEVAL
    yield Rung("rrf", title, family, fuse, fuse_channels, (False,), POPULAR)
    yield Rung("fusion", "all channels, with learned weights", family, fuse, learn_fusion, (True,))
    yield Rung("gru4rec", "GRU over these candidates", families.SEQUENCE, rank_by_network, gru4rec.score_next)


def unite(bench: NewsBench, learned: bool) -> Result[pl.DataFrame]:
    """The union of all channels, whose votes count alike or as much as was learned."""
    lists, most, step = bench.retrieve(bench.config.recall.channels), bench.config.recall.candidates, bench.run.step
    if not learned:
        return step(fuse_channels, lists, most, name="ladder.unite")
    weights = step(learn_fusion, bench.fold, lists, LEARNED, bench.config.seed)
    return step(fuse_channels, lists, most, weights, name="labelled.unite")


def fuse(bench: NewsBench, learned: bool) -> Lists:
    """The union of the channels in the order of its fusion."""
    return derive(take_fused, unite(bench, learned))


def rank_by_network(bench: NewsBench) -> Lists:
    """The same candidates in the order of a network."""
    inputs = bench.fold, unite(bench, True), SEQUENCE, bench.config.seed
    return bench.run.step(gru4rec.score_next, *inputs, name="ladder.sequence")


def list_pipelines(config: NewsConfig) -> Iterator[Rung]:
    """The pipeline from one kind of channels to everything: channels, then blocks."""
    channels: list[str] = []
    for (key, name), more in group_channels(config.recall.channels).items():
        title, below = (f"+ {name}", None) if channels else (f"{MODEL} on the scores of {name}", POPULAR)
        channels += more
        settings = change(config, list(channels), ORDER[:1])
        yield Rung(key, title, families.BOOSTING, rank_candidates, validate, (settings,), below)
    for count, block in list(enumerate(ORDER, 1))[1:]:
        settings = change(config, config.recall.channels, ORDER[:count])
        key, title = f"lightgbm-{block}", f"+ {block} features"
        yield Rung(key, title, families.BOOSTING, rank_candidates, validate, (settings,))


def rank_candidates(bench: NewsBench, config: NewsConfig) -> Lists:
    """The pipeline's candidates in the order of its ranker."""
    outcome = bench.validate(config)
    return derive(attach_scores, bench.fold, outcome.ready.labelled.candidates, outcome.parts[0].scores)


def attach_scores(fold: Fold, candidates: pl.DataFrame, scores: Floats) -> pl.DataFrame:
    """The candidates of the validation queries with their scores, which are in the same order."""
    valid = candidates.join(fold.queries.filter(role="valid"), on="query", how="semi", maintain_order="left")
    return valid.select("query", "item", score=pl.Series(scores))


def list_reranked() -> Iterator[Rung]:
    """The first fifty of the pipeline in another order: what variety costs."""
    for key, title, method, weight in RERANKED:
        args, code, formula = (method, weight), reranking.RERANK[method], FORMULAS[method]
        yield Rung(key, title, families.RERANKING, rerank, code, args, LAST, formula, lack_vectors)


def lack_vectors(bench: NewsBench, *_: object) -> str | None:
    """Why nothing can be re-ranked; None where it can."""
    return None if bench.files.embeddings else "the files have no vectors of the articles"


def rerank(bench: NewsBench, method: reranking.Method, weight: float) -> Lists:
    """The whole pipeline's lists in the order of a method."""
    ranked = rank_candidates(bench, change(bench.config, bench.config.recall.channels, ORDER))
    return derive(reranking.rerank_lists, ranked, bench.unit_vectors, method, weight, CUTOFF)


def group_channels(channels: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """The channels by what they count, popularity first: (key, title) of the step that adds them -> their names.

    >>> group_channels(["covisit", "content", "popular_1h", "covisit_fast"])[("lightgbm-covisits", "co-visitation")]
    ['covisit', 'covisit_fast']
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for channel in sorted(channels, key=lambda name: not name.startswith("popular")):
        known = (step for begin, step in COUNTED.items() if channel.startswith(begin))
        step = next(known, (f"lightgbm-{channel}", f"the channel {channel}"))
        groups.setdefault(step, []).append(channel)
    return groups


def change(config: NewsConfig, channels: list[str], blocks: tuple[str, ...]) -> NewsConfig:
    """The settings with these channels and blocks."""
    rank = msgspec.structs.replace(config.rank, blocks=list(blocks))
    return msgspec.structs.replace(config, recall=msgspec.structs.replace(config.recall, channels=channels), rank=rank)
