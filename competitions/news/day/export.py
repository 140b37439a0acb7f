"""Export a finished run as one stored value that ``service.py`` answers users from."""

from pathlib import Path

import polars as pl

from common.day.serving.benchmark import Answer, Export, Variant, spread
from common.engine.decisions import choose_names
from common.engine.errors import UserError
from common.engine.result_store import write_value
from common.engine.run import Run
from common.io.tables import read_csv
from competitions.news import pipeline, submission
from competitions.news.config import NewsConfig, RecallSettings
from competitions.news.day import service
from competitions.news.day.service import NewsService
from competitions.news.features import EXTRA_BLOCKS
from competitions.news.io import reader
from competitions.news.lookups import build_feature_tables, read_queries, take_query
from competitions.news.pipeline import FoldInputs
from competitions.news.plan import list_blocks
from competitions.news.ranking import weigh_scores
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
    "score": "the run's own, of its validation queries",
}


def export(files: reader.RawFiles, config: NewsConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test."""
    outcome = pipeline.solve(files, config, run)
    test = outcome.test.inputs.fold.value
    _, queries = read_queries(test)
    chosen = spread(test.queries.height, requests)
    write_value(folder / "export", gather(outcome, config, run))
    write_value(folder / "requests", [take_query(queries, row) for row in chosen.tolist()])
    users = test.queries.sort("query")[chosen].select(user_id="user")
    expected = list_expected(outcome.checked.path, users)
    score = weigh_scores(outcome.blend.value.reciprocal, outcome.ready.rows.value.weights)
    variants = [Variant("the run", "whole", *score)]
    return Export(service.__name__, folder / "export", folder / "requests", variants, expected, describe(config))


def describe(config: NewsConfig) -> dict[str, str]:
    """What a request is and what is computed when, with the numbers of these settings."""
    counts = {"channels": len(config.recall.channels), "candidates": config.recall.candidates}
    return {name: text.format(**counts) for name, text in DESCRIPTION.items()}


def gather(outcome: pipeline.Outcome, config: NewsConfig, run: Run) -> NewsService:
    """What a service of the test's fold needs."""
    blocks = choose_names(config.rank.blocks, list_blocks())
    if own := sorted(EXTRA_BLOCKS.keys() & {*blocks}):
        raise UserError(
            f"No request is answered with the block {own[0]} yet: write it in service.py, as the others are."
        )
    inputs = outcome.test.inputs
    content = None if inputs.content is None else inputs.content.value
    return NewsService(
        channels=make_channel_tables(inputs, config.recall, run),
        features=build_feature_tables(inputs.fold.value.history, inputs.articles.value, content),
        fusion=outcome.ready.fusion.value,
        recall=config.recall,
        blocks=blocks,
        rankers=[ranker.value for ranker in outcome.final],
        weights=outcome.blend.value.weights,
    )


def make_channel_tables(inputs: FoldInputs, settings: RecallSettings, run: Run) -> ChannelTables:
    """What the channels look up in a fold, as its steps made it."""
    fold = inputs.fold.value
    windows = list(list_windows(settings.channels).values())
    _, histories = gather_histories(fold.seen, fold.queries)
    tables = pipeline.make_tables(inputs, settings.channels, run)
    return ChannelTables(
        neighbours=index_neighbours([table.value for table in tables.values()]),
        popular=count_popular(fold.history, histories, windows, settings.per_channel),
        fresh=index_fresh(inputs.articles.value, fold.history),
    )


def list_expected(path: Path, users: pl.DataFrame) -> list[Answer]:
    """The submission's own articles for some users."""
    rows = users.join(read_csv(path), on="user_id", how="left", maintain_order="left")
    return [[float(item) for item in row] for row in rows.select(submission.ARTICLES).iter_rows()]
