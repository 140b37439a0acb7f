"""Export a finished run as one stored value that ``service.py`` answers devices from."""

from pathlib import Path

import numpy as np
import polars as pl

from common.day.serving.benchmark import Answer, Export, Variant, spread
from common.day.serving.keyed_table import KeyedTable
from common.engine.result_store import write_value
from common.engine.run import Run
from competitions.mgtv import pipeline
from competitions.mgtv.config import FeatureSettings, MgtvConfig
from competitions.mgtv.day import service
from competitions.mgtv.day.service import DayTables, MgtvService, Request
from competitions.mgtv.features.build import Sources
from competitions.mgtv.features.comment import describe_comments
from competitions.mgtv.features.device import describe_devices
from competitions.mgtv.features.device_history import build_history
from competitions.mgtv.features.list import describe_positions
from competitions.mgtv.features.profile import tabulate_profiles
from competitions.mgtv.features.video import describe_videos
from competitions.mgtv.io import reader
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.pipeline import Outcome
from competitions.mgtv.split import Slates

DESCRIPTION = {
    "request": "a device and the videos that it is shown -> one video and the share of it that will be played",
    "computed at export": "from the log before the day: rates of videos, devices, comments and profile names,"
    " each device's own past; of the day, how often each video is shown",
    "computed in the request": "joins, pair_ and list_ features, watch models, completion, decision",
    "left out": "parsing, network; a device's past grows during the day in a live service, here it ends the day before",
    "score": "the run's own, of its validation days",
}


def export(files: reader.RawFiles, config: MgtvConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test day."""
    outcome = pipeline.solve(files, config, run)
    slates, score = outcome.ready.test_slates.value, outcome.measured.value.final
    queries = slates.rows["query"].unique(maintain_order=True)
    chosen = spread(len(queries), requests)
    write_value(folder / "export", gather(outcome))
    write_value(folder / "requests", list_requests(slates, queries[chosen]))
    answers = list_answers(outcome)
    expected = [answers[number] for number in chosen.tolist()]
    variants = [Variant("the run", "whole", score["score"], score["error"])]
    return Export(service.__name__, folder / "export", folder / "requests", variants, expected, DESCRIPTION)


def list_answers(outcome: Outcome) -> list[Answer]:
    """The run's answer to each slate of the test that has rows: the code of a video, and the rate."""
    test = outcome.test.value
    probabilities = click_ranker.mix(outcome.blend.value, test.scores, test.day)
    rows = decision.decide(test.day, probabilities, test.rewards)
    video = outcome.ready.test_slates.value.rows["video"].to_numpy()
    answers: list[Answer] = np.column_stack([video[rows], test.rewards.rate[rows]]).tolist()
    return answers


def gather(outcome: Outcome) -> MgtvService:
    """What a service of the test day needs."""
    ready, config, models = outcome.ready, outcome.config, outcome.final
    return MgtvService(
        tables=tabulate(ready.test_slates.value, ready.sources.value, config.features),
        rankers=[ranker.value for ranker in models.rankers],
        completion=models.completion.value,
        blend=outcome.blend.value,
        config=config,
    )


def tabulate(slates: Slates, sources: Sources, settings: FeatureSettings) -> DayTables:
    """What the blocks say of videos, devices, comments and profile names on the day of the slates."""
    videos, day, half_lives = sources.videos, slates.day, settings.half_lives
    history = build_history(sources.log, slates, videos)
    described = describe_devices(history, slates, half_lives).drop("query")
    devices = pl.concat([slates.queries.select("device"), described], how="horizontal")
    return DayTables(
        day=day,
        videos=videos,
        by_video=describe_videos(sources.tally, videos, day, half_lives),
        comments=describe_comments(sources.comments, sources.dates, videos, day),
        shares=count_shares(slates, videos),
        devices=KeyedTable(devices.sort("device"), "device"),
        history=KeyedTable(history.log, "device"),
        profiles=tabulate_profiles(sources.profiles, sources.categories, slates, videos, half_lives[-1]),
    )


def count_shares(slates: Slates, videos: pl.DataFrame) -> pl.Series:
    """The list block's share of a video in all that is shown on the day, by video code; 0 where it is not shown."""
    listed = describe_positions(slates, videos).select("list_share_today")
    shares = pl.concat([slates.rows.select("video"), listed], how="horizontal").unique("video")
    joined = videos.select("video").join(shares, on="video", how="left", maintain_order="left")
    return joined["list_share_today"].fill_null(0.0)


def list_requests(slates: Slates, queries: pl.Series) -> list[Request]:
    """The slates of some queries."""
    chosen = slates.rows.filter(pl.col("query").is_in(queries.implode()))
    parts = chosen.partition_by("query", maintain_order=True)
    return [Request(part["device"][0], part["video"].to_numpy(), part["position"].to_numpy()) for part in parts]
