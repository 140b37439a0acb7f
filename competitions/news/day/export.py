"""A finished run as files that ``serving/service.py`` answers users from, and what smaller versions of it score."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from common.day.serving.benchmark import BATCH, Answer, Export, Variant, ignore, spread
from common.day.serving.feature_tables import write_arrays, write_struct, write_table
from common.day.serving.model_files import write_models
from common.engine.progress import track
from common.engine.run import Run
from common.learning.gbdt import Ranker
from common.learning.split import Fold
from competitions.news import pipeline, submission
from competitions.news.config import NewsConfig
from competitions.news.day import service
from competitions.news.io import reader
from competitions.news.lookups import build_feature_tables
from competitions.news.pipeline import FoldInputs
from competitions.news.retrieval.channels import ChannelTables, list_windows
from competitions.news.retrieval.fresh import index_fresh
from competitions.news.retrieval.lists import gather_histories
from competitions.news.retrieval.neighbours import index_neighbours
from competitions.news.retrieval.popularity import count_popular

MODULE = "competitions.news.day.service"
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
    write_export(outcome.test.inputs, Models(final, versions, fusion), config, run, folder / "export")
    test = ready.test.value
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
    """Write the tables of a fold and each version's models."""
    fold, articles = inputs.fold.value, inputs.articles.value
    write_arrays(make_channel_tables(inputs, config, run), folder / service.CHANNELS)
    content = None if inputs.content is None else inputs.content.value
    write_arrays(build_feature_tables(fold.history, articles, inputs.vectors.value, content), folder / service.FEATURES)
    blocks, fusion = tuple(config.rank.blocks), dict(models.fusion)
    write_struct(service.Settings(recall=config.recall, blocks=blocks, fusion=fusion), folder / service.SETTINGS)
    for version in models.versions:
        rankers = [models.rankers[index] for index in version.rankers]
        write_models(rankers, folder / version.folder, version.share)
        write_struct(service.Weights(weights=version.weights), folder / version.folder / service.BLEND)


def make_channel_tables(inputs: FoldInputs, config: NewsConfig, run: Run) -> ChannelTables:
    """What the channels look up in a fold, as its steps made it."""
    settings, fold = config.recall, inputs.fold.value
    windows = list(list_windows(settings.channels).values())
    _, histories = gather_histories(fold.seen, fold.queries)
    tables = pipeline.make_tables(inputs, settings.channels, run)
    return ChannelTables(
        neighbours=index_neighbours([table.value for table in tables.values()]),
        popular=count_popular(fold.history, histories, windows, settings.per_channel),
        fresh=index_fresh(inputs.articles.value, fold.history),
    )


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
