"""What each part is worth: from popularity to the blend of all rankers, on the same validation users.

    make ladder-news        or        python -m competitions ladder news

First methods without a ranker, and public ones that have a mark on the host's log (``lab/``), then the
union of the channels, then the pipeline run again and again, one part richer each time. Candidates, features and fits
that two rungs share are taken from the store.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl

from common.day import ladder as steps
from common.day.ladder import Ladder, Rung
from common.engine.progress import track
from common.engine.run import Result, Run
from common.learning.metrics import reciprocal_ranks
from common.learning.split import Fold
from competitions.news import split
from competitions.news.config import BLOCKS, MODELS, NewsConfig
from competitions.news.day.judged import list_queries
from competitions.news.io import reader
from competitions.news.lab import als, gru4rec
from competitions.news.lab.marks import METHODS
from competitions.news.pipeline import FoldInputs, Frames, retrieve, solve
from competitions.news.ranking import CUTOFF, count_rows
from competitions.news.retrieval.fusion import fuse_channels, learn_fusion

CHANNELS = (
    ("popularity around the click", ("popular_1h", "popular_3h", "popular_next3h", "popular_next24h", "popular_24h")),
    ("co-visitation", ("covisit", "covisit_all", "covisit_last", "covisit_fast")),
    ("transitions", ("next", "next_last", "previous", "gap30")),
    ("content neighbours", ("content",)),
    ("fresh in category", ("fresh",)),
)
ALONE = (  # channels without a ranker
    ("popularity within an hour of the click", steps.POPULARITY, "popular_1h"),
    ("item-kNN: co-visitation of all clicks", steps.NEIGHBOURS, "covisit"),
    ("transitions from the last clicks", steps.NEIGHBOURS, "next"),
)
ORDER = ("channel", "item", "pair", "query")
SEQUENCE = gru4rec.SequenceSettings()
# What a pipeline does beside answering the validation users is no cost of a rung.
FREE = ("read_", "label", "ask", "test.", "refit.", "score_test", "answer", "measure", "measure_recall")
LEARNED: Literal["learned"] = "learned"
Row = dict[str, Any]
Judge = Callable[[Path], float | None]  # a submission's score on a known truth


def climb(files: reader.RawFiles, config: NewsConfig, run: Run, judge: Judge | None = None) -> list[Row]:
    """One row per rung: MRR@5 on the validation users with its error, the recall of the candidates, and MRR@5
    of the submission on the truth, where ``judge`` knows that.
    """
    ladder = Ladder(run, "News: the hidden click, on the validation users", "MRR@5", files)
    climb_alone(files, config, ladder)
    for number, (name, family, changed) in enumerate(track(list(list_rungs(config)), "ladder")):
        with ladder.rung(name, family, free=FREE, builds_on=None if number else ALONE[0][0]) as rung:
            outcome = solve(files, changed, run)
            recall_all = outcome.recall.value["recall@all"][-1]
            truth = judge(outcome.checked.path) if judge else None
            record(rung, list_queries(outcome), recall_all, truth)
    return ladder.write()


def climb_alone(files: reader.RawFiles, config: NewsConfig, ladder: Ladder) -> None:
    """Rungs without a ranker: channels alone, factors, the union of all channels, a recurrent network over it."""
    step, seed, settings = ladder.run.step, config.seed, config.recall
    articles = step(reader.read_articles, files.articles)
    clicks = step(reader.read_clicks, files.train, files.tests, files.target, articles.frame)
    content = step(reader.read_embeddings, files.embeddings) if files.embeddings else None
    fold = step(split.label_fold, clicks.frame, config.split, seed, name="label")

    def list_channels(channels: list[str]) -> Frames:
        inputs = FoldInputs("labelled", fold, articles.frame, content)
        return retrieve(inputs, msgspec.structs.replace(settings, channels=channels), ladder.run)

    popularity = ALONE[0][0]
    for name, family, channel in ALONE:
        with ladder.rung(name, family, builds_on=popularity) as rung:
            score_lists(rung, fold, list_channels([channel]).value[channel])
    valid = step(take_valid, fold, name="ladder.valid")
    for number, method in enumerate(METHODS):
        with ladder.rung(method.title, method.family, builds_on=popularity) as rung:
            lists = step(method.rank, valid, articles.frame, seed, name=f"ladder.public.{number}").value
            score_lists(rung, fold, lists)
    with ladder.rung("ALS: users x articles", steps.FACTORS, builds_on=popularity) as rung:
        factors = step(als.list_by_factors, fold, settings.per_channel, seed, name="ladder.factors")
        score_lists(rung, fold, factors.value)
    channels = [channel for _, more in CHANNELS for channel in more]
    with ladder.rung("all channels, fused by reciprocal ranks", steps.BLEND, builds_on=popularity) as rung:
        channel_lists = list_channels(channels)
        union = step(fuse_channels, channel_lists, settings.candidates, name="ladder.unite")
        score_lists(rung, fold, union.value.select("query", "item", score="fusion"))
    with ladder.rung("all channels, their votes weighed", steps.BLEND) as rung:
        fusion = step(learn_fusion, fold, channel_lists, LEARNED, seed)
        union = step(fuse_channels, channel_lists, settings.candidates, fusion, name="labelled.unite")
        score_lists(rung, fold, union.value.select("query", "item", score="fusion"))
    needs = [record.name for record in ladder.run.timings if record.name.startswith("labelled.")]
    with ladder.rung("GRU over these candidates", steps.SEQUENCE, needs) as rung:
        score_lists(rung, fold, step(gru4rec.score_next, fold, union, SEQUENCE, seed, name="ladder.sequence").value)


def score_lists(rung: Rung, fold: Result[Fold], lists: pl.DataFrame) -> None:
    """Weighted MRR@5 of lists (query, item, score), and how many answers they hold; a tie counts against the answer."""
    assert fold.value.answers is not None
    queries = fold.value.queries.filter(role="valid")
    answers = fold.value.answers.join(queries, on="query", how="semi").with_columns(label=pl.lit(1.0, pl.Float32))
    valid = lists.join(answers, on="query", how="semi").sort("query", "item")
    marked = valid.join(answers, on=["query", "item"], how="left", maintain_order="left").with_columns(
        pl.col("label").fill_null(0.0)
    )
    labels, sizes = marked["label"].to_numpy(), count_rows(marked)
    reciprocal = reciprocal_ranks(marked["score"].cast(pl.Float64).to_numpy(), labels, sizes, CUTOFF)
    each = marked.select(pl.col("query").unique(maintain_order=True), score=pl.Series(reciprocal))
    scored = queries.join(each, on="query", how="left", maintain_order="left").with_columns(
        pl.col("score").fill_null(0)
    )
    record(rung, scored, float(labels.sum()) / max(answers.height, 1), None)


def record(rung: Rung, queries: pl.DataFrame, recall: float, truth: float | None) -> None:
    """A rung by its validation queries in the fold's order: score, weight."""
    more = {"recall": recall, "truth mrr@5": truth}
    rung.record(queries["score"].to_numpy(), queries["weight"].to_numpy(), **more)


def take_valid(fold: Fold) -> Fold:
    """The validation queries alone, without answers: methods that train do so on the history's other users."""
    queries = fold.queries.filter(role="valid")
    return Fold(fold.history, queries, fold.seen.join(queries, on="query", how="semi", maintain_order="left"), None)


def list_rungs(config: NewsConfig) -> Iterator[tuple[str, str, NewsConfig]]:
    """(name, family, settings) from one channel with one model to everything: channels, then blocks, then models."""
    channels: list[str] = []
    for name, more in CHANNELS:
        channels += more
        title = f"{MODELS[0]} on the scores of {name}" if len(channels) == len(more) else f"+ {name}"
        yield title, steps.BOOSTING, change(config, list(channels), ORDER[:1], 1)
    for count in range(2, len(BLOCKS) + 1):
        yield f"+ {ORDER[count - 1]} features", steps.BOOSTING, change(config, config.recall.channels, ORDER[:count], 1)
    for count in range(2, len(MODELS) + 1):
        yield f"+ {MODELS[count - 1]}, blended", steps.BLEND, change(config, config.recall.channels, ORDER, count)


def change(config: NewsConfig, channels: list[str], blocks: tuple[str, ...], models: int) -> NewsConfig:
    """The settings with these channels, blocks and so many models."""
    rank = msgspec.structs.replace(config.rank, blocks=list(blocks), models=list(MODELS[:models]))
    return msgspec.structs.replace(config, recall=msgspec.structs.replace(config.recall, channels=channels), rank=rank)
