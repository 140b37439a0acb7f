"""A finished run as files that ``serve.py`` answers users from, and what smaller versions of it score."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.pipeline.progress import track
from common.pipeline.run import Result, Run
from common.ranking.gbdt import Ranker
from common.retrieval.cooccurrence import HOUR_MS, find_popular
from common.retrieval.item2vec import ItemVectors
from common.serving.benchmark import BATCH, Answer, Export, Variant, ignore, spread
from common.serving.feature_tables import write_array, write_struct, write_table
from common.serving.model_files import write_models
from common.split import Fold
from competitions.news import pipeline, ranking, retrieval, submission
from competitions.news.config import NewsConfig, RecallSettings
from competitions.news.features import PLACES
from competitions.news.io import reader
from competitions.news.reporting.summary import Outcome
from competitions.news.serving import service as serving
from competitions.news.serving.retrieval import Follow, Window, table_path

MODULE = "competitions.news.serving.service"
TOLD = {
    "request": "what a user clicked and where he is -> five articles",
    "computed at export": "item-to-item tables, popularity by bucket of time, item2vec, clicks by article and place",
    "computed in the request": "18 channels from these, fusion, all features of 150 candidates, models, blend",
    "left out": "parsing, network; the log goes on after a user's last click, as in the competition: a live service has"
    " only what came before",
    "score": "with the mixture that was found on these very validation users",
}


@dataclass(frozen=True)
class World:
    """What can be served: a fold with the name of its steps, its articles and vectors, and rankers."""

    name: str
    fold: Result[Fold]
    articles: Result[pl.DataFrame]
    content: Result[reader.Embeddings] | None
    rankers: Sequence[Ranker]


@dataclass(frozen=True)
class Cut:
    """A variant: which ``rankers`` (places), the ``share`` of their trees, their weights."""

    name: str
    folder: str
    rankers: tuple[int, ...]
    share: float
    weights: tuple[float, ...]


def export(files: reader.RawFiles, config: NewsConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test.

    The variants are judged as the run judges its models: the early fits, exported in the same way over the labelled
    fold to a folder that does not stay, answer the validation users.
    """
    outcome = pipeline.solve(files, config, run)
    ready = outcome.ready
    cuts = list_cuts(outcome, config)
    final = World("test", ready.test, ready.catalogue, ready.content, refit(outcome, config, run))
    write_world(final, config, run, cuts, folder / "export")
    test = ready.test.value
    chosen = test.queries[spread(test.queries.height, requests)]
    write_requests(test, chosen, folder / "requests")
    early = World("labelled", ready.labelled, ready.catalogue, ready.content, [fit.value for fit in outcome.rankers])
    variants = judge(early, config, run, cuts)
    expected = list_expected(outcome.checked.path, chosen)
    return Export(MODULE, folder / "export", folder / "requests", variants, expected, TOLD)


def refit(outcome: Outcome, config: NewsConfig, run: Run) -> list[Ranker]:
    """The final fits, which the run has kept."""
    return [
        run.step(
            ranking.refit,
            outcome.ready.rows,
            early,
            pipeline.parameters(config.rank, kind),
            config.seed,
            name=f"refit.{kind}",
        ).value
        for kind, early in zip(config.rank.models, outcome.rankers, strict=True)
    ]


def list_cuts(outcome: Outcome, config: NewsConfig) -> list[Cut]:
    """The whole, fewer trees, and the best model alone."""
    kinds, weights = config.rank.models, outcome.blend.value.weights
    used = tuple(place for place, weight in enumerate(weights) if weight > 0)
    shares = tuple(weights[place] for place in used)
    best = int(np.argmax([mrr for mrr, _ in outcome.scores.value[: len(kinds)]]))
    title = f"{len(used)} models" if len(used) > 1 else kinds[used[0]]
    cuts = [
        Cut(title, "whole", used, 1.0, shares),
        Cut(f"{title}, half of the trees", "half", used, 0.5, shares),
        Cut(f"{title}, a quarter", "quarter", used, 0.25, shares),
    ]
    if len(used) > 1:
        cuts.append(Cut(f"{kinds[best]} alone", "one", (best,), 1.0, (1.0,)))
        cuts.append(Cut(f"{kinds[best]}, half of the trees", "one-half", (best,), 0.5, (1.0,)))
    return cuts


def tabulate(world: World, settings: RecallSettings, seed: int, run: Run) -> dict[str, Result[pl.DataFrame]]:
    """The item-to-item tables of a fold by name, which the run has kept."""
    fold, power = world.fold, settings.transition_power
    vectors = run.step(retrieval.embed_clicks, fold, settings.item2vec, seed, name=f"{world.name}.vectors")
    made: dict[str, tuple[Callable[..., pl.DataFrame], tuple[Any, ...], dict[str, Any]]] = {
        "covisit": (retrieval.tabulate_covisits, (fold, settings.covisit), {}),
        "fast": (retrieval.tabulate_covisits, (fold, settings.covisit_fast), {}),
        "next": (retrieval.tabulate_transitions, (fold, power), {}),
        "next_raw": (retrieval.tabulate_transitions, (fold, 0.0), {}),
        "previous": (retrieval.tabulate_transitions, (fold, 0.0), {"reverse": True}),
        "gap30": (retrieval.tabulate_transitions, (fold, power), {"gap_ms": retrieval.GAP_MS}),
        "bipartite": (retrieval.tabulate_bipartite, (fold,), {}),
        "swing": (retrieval.tabulate_swings, (fold, settings.swing, seed), {}),
        "item2vec": (retrieval.tabulate_nearest, (vectors, fold, 100), {}),
        "content": (retrieval.tabulate_content, (world.content, world.articles, fold, settings.content), {}),
    }
    wanted = {follow.table for follow in list_follows(settings).values()}
    return {
        name: run.step(partial(function, **kwargs), *args, name=f"{world.name}.table.{name}")
        for name, (function, args, kwargs) in made.items()
        if name in wanted
    }


def list_follows(settings: RecallSettings) -> dict[str, Follow]:
    """The channels that follow a table, among those of the settings."""
    ways = {"covisit_all": settings.follow_all, "covisit_last": settings.follow_last, "next_last": settings.follow_last}
    names = {"covisit_all": "covisit", "covisit_last": "covisit", "covisit_fast": "fast", "next_last": "next_raw"}
    others = {*retrieval.POPULAR_HOURS, "fresh"}
    return {
        name: Follow(table=names.get(name, name), way=ways.get(name, settings.follow))
        for name in settings.channels
        if name not in others
    }


def list_windows(settings: RecallSettings) -> dict[str, Window]:
    """The channels of what is popular, among those of the settings."""
    hours = {name: sum(span) for name, span in retrieval.POPULAR_HOURS.items() if name in settings.channels}
    return {name: Window(bucket_ms=int(span * HOUR_MS / 8)) for name, span in hours.items()}


def write_world(world: World, config: NewsConfig, run: Run, cuts: Sequence[Cut], folder: Path) -> None:
    """Write tables, lists, vectors and counts of a fold, and each variant's models."""
    settings, fold = config.recall, world.fold.value
    for name, table in tabulate(world, settings, config.seed, run).items():
        write_table(table.value, table_path(folder, name), "item")
    for name, window in list_windows(settings).items():
        write_table(list_popular(fold, name, window, settings.per_channel), table_path(folder, name), "bucket")
    write_counts(fold, world.articles.value, folder)
    vectors = run.step(retrieval.embed_clicks, world.fold, settings.item2vec, config.seed, name=f"{world.name}.vectors")
    write_vectors(vectors.value, serving.ITEM2VEC, folder)
    if world.content is not None:
        write_vectors(world.content.value, serving.CONTENT, folder)
    told = serving.Settings(
        follows=list_follows(settings),
        windows=list_windows(settings),
        recall=settings,
        blocks=tuple(config.rank.blocks),
        clicks=fold.history.height,
        content=world.content is not None,
    )
    write_struct(told, folder / serving.SETTINGS)
    for cut in cuts:
        write_models([world.rankers[place] for place in cut.rankers], folder / cut.folder, cut.share)
        write_struct(serving.Weights(weights=cut.weights), folder / cut.folder / serving.BLEND)


def list_popular(fold: Fold, name: str, window: Window, top: int) -> pl.DataFrame:
    """What is popular in each bucket of time that a query falls into: bucket, item, score, best first.

    The lists are as much longer than ``top`` as the pipeline's are, so that seen articles can leave them.
    """
    before, after = retrieval.POPULAR_HOURS[name]
    spare = int(fold.seen.group_by("query").len()["len"].quantile(0.99) or 0)
    buckets = (fold.queries["time"] // window.bucket_ms).unique().sort()
    asked = pl.DataFrame({"time": buckets * window.bucket_ms}).with_row_index("query").cast({"query": pl.Int32})
    listed = find_popular(
        fold.history, asked, fold.seen.clear(), before_hours=before, after_hours=after, top=top + spare
    )
    named = asked.select("query", bucket=(pl.col("time") // window.bucket_ms).cast(pl.Int32))
    return listed.join(named, on="query", how="left", maintain_order="left").select("bucket", "item", "score")


def write_counts(fold: Fold, articles: pl.DataFrame, folder: Path) -> None:
    """Write the log by article, the articles by id and by time, and clicks by place."""
    history = fold.history
    write_table(history, folder / serving.HISTORY, "item")
    write_table(articles, folder / serving.ARTICLES, "item")
    clicks = history.group_by("item").agg(clicks=pl.len())
    born = articles.join(clicks, on="item", how="left", maintain_order="left").with_columns(
        pl.col("clicks").fill_null(0)
    )
    write_table(born, table_path(folder, "born"), "created")
    write_table(articles.select("item", "category"), table_path(folder, "categories"), "item")
    for place in PLACES:
        both = history.group_by(place, "item").agg(both=pl.len()).sort(place, "item")
        write_table(both, table_path(folder, f"place-{place}"), "item")
        here = history.group_by(place).agg(here=pl.len()).sort(place)
        write_table(here, table_path(folder, f"here-{place}"))
    write_table(history.group_by("item").agg(whole=pl.len()).sort("item"), table_path(folder, "whole"), "item")


def write_vectors(vectors: ItemVectors | reader.Embeddings, name: str, folder: Path) -> None:
    """Write the vectors of items."""
    write_array(vectors.items, folder / f"{name}-items.npy")
    write_array(vectors.vectors, folder / f"{name}.npy")


def write_requests(fold: Fold, chosen: pl.DataFrame, folder: Path) -> None:
    """Write some queries of a fold for ``serve.read_requests``."""
    write_table(chosen, folder / serving.QUERIES)
    write_table(fold.seen.filter(pl.col("query").is_in(chosen["query"].implode())), folder / serving.SEEN, "query")


def judge(world: World, config: NewsConfig, run: Run, cuts: Sequence[Cut]) -> list[Variant]:
    """Each variant's MRR@5 on the validation users."""
    fold = world.fold.value
    assert fold.answers is not None
    valid = fold.queries.filter(role="valid")
    right = valid.join(fold.answers, on="query", how="left", maintain_order="left")["item"].to_list()
    found: list[list[Answer]] = [[] for _ in cuts]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_world(world, config, run, cuts, folder / "export")
        write_requests(fold, valid, folder / "requests")
        requests = serving.read_requests(folder / "requests")
        services = [serving.load(folder / "export", cut.folder) for cut in cuts]
        for start in track(range(0, len(requests), BATCH), "judging"):
            gathered = services[0].gather(requests[start : start + BATCH], ignore)
            for answers, service in zip(found, services, strict=True):
                answers += service.rank(gathered, ignore)
    variants = []
    for cut, answers in zip(cuts, found, strict=True):
        earned = np.array(
            [
                1 / (answer.index(item) + 1) if item in answer else 0.0
                for item, answer in zip(right, answers, strict=True)
            ]
        )
        variants.append(Variant(cut.name, cut.folder, float(earned.mean()), float(earned.std() / len(earned) ** 0.5)))
    return variants


def list_expected(path: Path, chosen: pl.DataFrame) -> list[Answer]:
    """The submission's own articles for some users."""
    rows = chosen.select(user_id="user").join(pl.read_csv(path), on="user_id", how="left", maintain_order="left")
    return [[float(item) for item in row] for row in rows.select(submission.ARTICLES).iter_rows()]
