"""A finished run as files that ``serving/service.py`` answers users from, and what smaller versions of it score."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from common.pipeline.progress import track
from common.pipeline.run import Run
from common.ranking.gbdt import Ranker
from common.retrieval.cooccurrence import find_popular, popular_bucket_ms
from common.retrieval.item2vec import ItemVectors
from common.serving.benchmark import BATCH, Answer, Export, Variant, ignore, spread
from common.serving.feature_tables import write_array, write_struct, write_table
from common.serving.model_files import write_models
from common.split import Fold
from competitions.news import pipeline, retrieval, submission
from competitions.news.config import NewsConfig
from competitions.news.features import LIFT_CONTEXTS, count_context
from competitions.news.io import reader
from competitions.news.retrieval import POPULAR_HOURS, FoldInputs
from competitions.news.serving import service
from competitions.news.serving.retrieval import table_path

MODULE = "competitions.news.serving.service"
DESCRIPTION = {
    "request": "what a user clicked and where he is -> five articles",
    "computed at export": "item-to-item tables, popularity by bucket of time, item2vec, clicks by article and place",
    "computed in the request": "18 channels from these, fusion, all features of 150 candidates, models, blend",
    "left out": "parsing, network; the log goes on after a user's last click, as in the competition: a live service has"
    " only what came before",
    "score": "with the mixture that was found on these very validation users",
}


@dataclass(frozen=True)
class Version:
    """A variant to export: the indices of its ``rankers``, the ``share`` of their trees, their weights."""

    name: str
    folder: str
    rankers: tuple[int, ...]
    share: float
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Models:
    """Fitted rankers and the versions of their blend."""

    rankers: Sequence[Ranker]
    versions: Sequence[Version]
    fusion: Mapping[str, float]


def export(files: reader.RawFiles, config: NewsConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test.

    The variants are judged as the run judges its models: the early fits, exported in the same way over the labelled
    fold to a folder that does not stay, answer the validation users.
    """
    outcome = pipeline.solve(files, config, run)
    ready, versions = outcome.ready, list_versions(outcome, config)
    final, early = ([fit.value for fit in fits] for fits in (outcome.final, outcome.early))
    fusion = ready.fusion.value
    write_export(ready.test.inputs, Models(final, versions, fusion), config, run, folder / "export")
    test = ready.test.inputs.fold.value
    chosen = test.queries[spread(test.queries.height, requests)]
    write_requests(test, chosen, folder / "requests")
    variants = judge(ready.labelled.inputs, Models(early, versions, fusion), config, run)
    expected = list_expected(outcome.checked.path, chosen)
    return Export(MODULE, folder / "export", folder / "requests", variants, expected, DESCRIPTION)


def list_versions(outcome: pipeline.Outcome, config: NewsConfig) -> list[Version]:
    """The whole, fewer trees, and the best model alone."""
    kinds, weights = config.rank.models, outcome.blend.value.weights
    used = tuple(index for index, weight in enumerate(weights) if weight > 0)
    shares = tuple(weights[index] for index in used)
    best = int(np.argmax([mrr for mrr, _ in outcome.scores.value[: len(kinds)]]))
    title = f"{len(used)} models" if len(used) > 1 else kinds[used[0]]
    versions = [
        Version(title, "whole", used, 1.0, shares),
        Version(f"{title}, half of the trees", "half", used, 0.5, shares),
        Version(f"{title}, a quarter", "quarter", used, 0.25, shares),
    ]
    if len(used) > 1:
        versions.append(Version(f"{kinds[best]} alone", "one", (best,), 1.0, (1.0,)))
        versions.append(Version(f"{kinds[best]}, half of the trees", "one-half", (best,), 0.5, (1.0,)))
    return versions


def write_export(inputs: FoldInputs, models: Models, config: NewsConfig, run: Run, folder: Path) -> None:
    """Write tables, lists, vectors and counts of a fold, and each version's models."""
    settings, fold = config.recall, inputs.fold.value
    every = retrieval.list_neighbour_channels(settings)
    for name in {every[name].table for name in settings.channels if name in every}:
        table = retrieval.make_table(run, inputs, name, settings, config.seed)
        write_table(table.value, table_path(folder, name), "item")
    for name in settings.channels:
        if name in POPULAR_HOURS:
            write_table(list_popular(fold, name, settings.per_channel), table_path(folder, name), "bucket")
    write_counts(fold, inputs.articles.value, folder)
    write_vectors(inputs.vectors.value, service.ITEM2VEC, folder)
    if inputs.content is not None:
        write_vectors(inputs.content.value, service.CONTENT, folder)
    kept = service.Settings(
        recall=settings,
        blocks=tuple(config.rank.blocks),
        clicks=fold.history.height,
        content=inputs.content is not None,
        fusion=dict(models.fusion),
    )
    write_struct(kept, folder / service.SETTINGS)
    for version in models.versions:
        rankers = [models.rankers[index] for index in version.rankers]
        write_models(rankers, folder / version.folder, version.share)
        write_struct(service.Weights(weights=version.weights), folder / version.folder / service.BLEND)


def list_popular(fold: Fold, name: str, top: int) -> pl.DataFrame:
    """What is popular in each bucket of time that a query falls into: bucket, item, score, best first.

    The lists are as much longer than ``top`` as the pipeline's are, so that seen articles can leave them.
    """
    before, after = POPULAR_HOURS[name]
    bucket_ms = popular_bucket_ms(before, after)
    spare = int(fold.seen.group_by("query").len()["len"].quantile(0.99) or 0)
    buckets = (fold.queries["time"] // bucket_ms).unique().sort()
    moments = pl.DataFrame({"time": buckets * bucket_ms}).with_row_index("query").cast({"query": pl.Int32})
    listed = find_popular(fold.history, moments, fold.seen.clear(), before, after, top + spare)
    named = moments.select("query", bucket=(pl.col("time") // bucket_ms).cast(pl.Int32))
    return listed.join(named, on="query", how="left", maintain_order="left").select("bucket", "item", "score")


def write_counts(fold: Fold, articles: pl.DataFrame, folder: Path) -> None:
    """Write the log by article, the articles by id and by time of creation, and clicks by context."""
    history = fold.history
    write_table(history, folder / service.HISTORY, "item")
    write_table(articles, folder / service.ARTICLES, "item")
    clicks = history.group_by("item").agg(clicks=pl.len())
    created = articles.join(clicks, on="item", how="left", maintain_order="left")
    write_table(created.with_columns(pl.col("clicks").fill_null(0)), table_path(folder, "created"), "created")
    write_table(articles.select("item", "category"), table_path(folder, "categories"), "item")
    for name in LIFT_CONTEXTS:
        counts = count_context(history, name)
        write_table(counts.both.sort(name, "item"), table_path(folder, f"context-item-{name}"), "item")
        write_table(counts.here.sort(name), table_path(folder, f"context-{name}"))
    write_table(counts.whole.sort("item"), table_path(folder, "whole"), "item")


def write_vectors(vectors: ItemVectors | reader.Embeddings, name: str, folder: Path) -> None:
    """Write the vectors of items."""
    write_array(vectors.items, folder / f"{name}-items.npy")
    write_array(vectors.vectors, folder / f"{name}.npy")


def write_requests(fold: Fold, chosen: pl.DataFrame, folder: Path) -> None:
    """Write some queries of a fold for ``service.read_requests``."""
    write_table(chosen, folder / service.QUERIES)
    write_table(fold.seen.filter(pl.col("query").is_in(chosen["query"].implode())), folder / service.SEEN, "query")


def judge(inputs: FoldInputs, models: Models, config: NewsConfig, run: Run) -> list[Variant]:
    """Each version's MRR@5 on the validation users."""
    fold = inputs.fold.value
    assert fold.answers is not None
    valid = fold.queries.filter(role="valid")
    targets = valid.join(fold.answers, on="query", how="left", maintain_order="left")["item"].to_list()
    lists: list[list[Answer]] = [[] for _ in models.versions]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_export(inputs, models, config, run, folder / "export")
        write_requests(fold, valid, folder / "requests")
        requests = service.read_requests(folder / "requests")
        services = [service.load(folder / "export", version.folder) for version in models.versions]
        for start in track(range(0, len(requests), BATCH), "judging"):
            gathered = services[0].gather(requests[start : start + BATCH], ignore)
            for answers, one in zip(lists, services, strict=True):
                answers += one.rank(gathered, ignore)
    variants = []
    for version, answers in zip(models.versions, lists, strict=True):
        pairs = zip(targets, answers, strict=True)
        scores = np.array([1 / (answer.index(item) + 1) if item in answer else 0.0 for item, answer in pairs])
        error = float(scores.std() / len(scores) ** 0.5)
        variants.append(Variant(version.name, version.folder, float(scores.mean()), error))
    return variants


def list_expected(path: Path, chosen: pl.DataFrame) -> list[Answer]:
    """The submission's own articles for some users."""
    rows = chosen.select(user_id="user").join(pl.read_csv(path), on="user_id", how="left", maintain_order="left")
    return [[float(item) for item in row] for row in rows.select(submission.ARTICLES).iter_rows()]
