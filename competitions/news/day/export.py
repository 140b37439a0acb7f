"""A finished run as files that ``service.py`` answers users from, and what smaller variants of it score."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.serving.benchmark import BATCH, Answer, Export, Variant, cut_trees, ignore, judge_variants, spread
from common.day.serving.feature_tables import write_arrays, write_struct, write_table
from common.day.serving.model_files import write_variants
from common.engine.decisions import choose_names
from common.engine.errors import UserError
from common.engine.progress import track
from common.engine.run import Run
from common.io.tables import read_csv
from common.learning.split import Fold
from competitions.news import pipeline, submission
from competitions.news.config import NewsConfig
from competitions.news.day import service
from competitions.news.day.service import NewsService
from competitions.news.features import EXTRA_BLOCKS
from competitions.news.io import reader
from competitions.news.lookups import Queries, build_feature_tables
from competitions.news.pipeline import FoldInputs
from competitions.news.plan import list_blocks
from competitions.news.retrieval.channels import ChannelTables, list_windows
from competitions.news.retrieval.fresh import index_fresh
from competitions.news.retrieval.lists import gather_histories
from competitions.news.retrieval.neighbours import index_neighbours
from competitions.news.retrieval.popularity import count_popular

DESCRIPTION = {
    "request": "what a user clicked and where he is -> five articles",
    "computed at export": "item-to-item tables, popularity by bucket of time, clicks by article and place",
    "computed in the request": "{channels} channels from these, fusion, all features of {candidates} candidates,"
    " models, blend",
    "left out": "parsing, network; the log goes on after a user's last click, as in the competition: a live service has"
    " only what came before",
    "score": "with the mixture that was found on these very validation users",
}


def export(files: reader.RawFiles, config: NewsConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test.

    The variants are judged as the run judges its models: the early fits, exported in the same way over the labelled
    fold, answer the validation users.
    """
    outcome = pipeline.solve(files, config, run)
    ready, variants = outcome.ready, list_variants(outcome)
    test, labelled, fusion = ready.test.value, ready.labelled.inputs, ready.fusion.value
    write_tables(outcome.test.inputs, fusion, config, run, folder / "export")
    write_variants([fit.value for fit in outcome.final], variants, folder / "export")
    chosen = test.queries[spread(test.queries.height, requests)]
    write_requests(test, chosen, folder / "requests")
    fold = labelled.fold.value
    assert fold.answers is not None
    valid = fold.queries.filter(role="valid")
    targets = valid.join(fold.answers, on="query", how="left", maintain_order="left")["item"].to_list()

    def write(exported: Path, queries: Path) -> None:
        write_tables(labelled, fusion, config, run, exported)
        write_variants([fit.value for fit in outcome.early], variants, exported)
        write_requests(fold, valid, queries)

    def score(answers: list[Answer]) -> NDArray[np.float64]:
        pairs = zip(targets, answers, strict=True)
        return np.array([1 / (answer.index(item) + 1) if item in answer else 0.0 for item, answer in pairs])

    judged = judge_variants(service, variants, write, score, answer_together, valid["weight"].to_numpy())
    expected = list_expected(outcome.checked.path, chosen)
    return Export(service.__name__, folder / "export", folder / "requests", judged, expected, describe(config))


def describe(config: NewsConfig) -> dict[str, str]:
    """What a request is and what is computed when, with the numbers of these settings."""
    counts = {"channels": len(config.recall.channels), "candidates": config.recall.candidates}
    return {name: text.format(**counts) for name, text in DESCRIPTION.items()}


def list_variants(outcome: pipeline.Outcome) -> list[Variant]:
    """The whole, fewer trees, and the best model alone."""
    kinds, weights = [fit.value.kind for fit in outcome.early], outcome.blend.value.weights
    used = tuple(index for index, weight in enumerate(weights) if weight > 0)
    blend, alone = service.Weights(weights=tuple(weights[index] for index in used)), service.Weights(weights=(1.0,))
    best = int(np.argmax([mrr for mrr, _ in outcome.scores.value]))
    title = f"{len(used)} models" if len(used) > 1 else kinds[used[0]]
    whole = Variant(title, "whole", rankers=used, blend=blend)
    one = Variant(f"{kinds[best]} alone", "one", rankers=(best,), blend=alone)
    variants = [whole, *cut_trees(whole, title, {"half": 0.5, "quarter": 0.25})]
    return variants if len(used) == 1 else [*variants, one, *cut_trees(one, kinds[best], {"one-half": 0.5})]


def write_tables(inputs: FoldInputs, fusion: dict[str, float], config: NewsConfig, run: Run, folder: Path) -> None:
    """Write the tables of a fold."""
    fold, articles = inputs.fold.value, inputs.articles.value
    write_arrays(make_channel_tables(inputs, config, run), folder / service.CHANNELS)
    content = None if inputs.content is None else inputs.content.value
    write_arrays(build_feature_tables(fold.history, articles, content), folder / service.FEATURES)
    blocks = choose_names(config.rank.blocks, list_blocks())
    if own := sorted(EXTRA_BLOCKS.keys() & {*blocks}):
        raise UserError(
            f"No request is answered with the block {own[0]} yet: write it in service.py, as the others are."
        )
    write_struct(service.Settings(recall=config.recall, blocks=blocks, fusion=fusion), folder / service.SETTINGS)


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


def answer_together(services: Sequence[NewsService], requests: Sequence[Queries]) -> list[list[Answer]]:
    """Each service's answers; candidates and features, which all variants share, are gathered once."""
    lists: list[list[Answer]] = [[] for _ in services]
    for start in track(range(0, len(requests), BATCH), "judging"):
        gathered = services[0].gather(requests[start : start + BATCH], ignore)
        for answers, one in zip(lists, services, strict=True):
            answers += one.rank(gathered, ignore)
    return lists


def list_expected(path: Path, chosen: pl.DataFrame) -> list[Answer]:
    """The submission's own articles for some users."""
    rows = chosen.select(user_id="user").join(read_csv(path), on="user_id", how="left", maintain_order="left")
    return [[float(item) for item in row] for row in rows.select(submission.ARTICLES).iter_rows()]
