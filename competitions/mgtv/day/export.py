"""Export a finished run as a service, and requests of the test with the answers of its submission."""

from dataclasses import replace

import msgspec
import polars as pl

from common.day.serving.service import Export, spread
from common.engine.run import Run
from common.io.submission import read_truth
from competitions.mgtv import pipeline
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.day.service import NEW, DayTables, MgtvService
from competitions.mgtv.features.build import Sources
from competitions.mgtv.features.comment import describe_comments
from competitions.mgtv.features.device import describe_devices
from competitions.mgtv.features.device_history import build_history
from competitions.mgtv.features.list import describe_positions
from competitions.mgtv.features.video import describe_videos
from competitions.mgtv.io import reader
from competitions.mgtv.pipeline import Outcome
from competitions.mgtv.split import Slates
from competitions.mgtv.submission import TRUTH_COLUMNS


def export(files: reader.RawFiles, config: MgtvConfig, run: Run, requests: int) -> Export:
    """The final fits, with so many ``requests`` of the test day."""
    outcome = pipeline.solve(files, config, run)
    slates, score = outcome.ready.test_slates.value, outcome.measured.value.final
    codes = outcome.ready.tables.codes.value
    rows = slates.rows.select(
        did=codes.devices["did"].gather(slates.rows["device"]), vids=codes.videos["vid"].gather(slates.rows["video"])
    )
    lists = rows.group_by("did", maintain_order=True).agg("vids")
    chosen = lists[spread(lists.height, requests)]
    answers = read_truth(outcome.checked.path, TRUTH_COLUMNS, "did")
    expected = chosen.select("did").join(answers, on="did", how="left", maintain_order="left").drop("did").to_dicts()
    bodies = [msgspec.json.encode(row) for row in chosen.to_dicts()]
    return Export({"no vectors": gather(outcome)}, bodies, expected, (score["score"], score["error"]))


def gather(outcome: Outcome) -> MgtvService:
    """What a service of the test day needs."""
    ready, config, models = outcome.ready, outcome.config, outcome.final
    return MgtvService(
        tables=tabulate(ready.test_slates.value, ready.sources.value, ready.tables.codes.value),
        ranker=models.ranker.value,
        completion=models.completion.value,
        blend=outcome.blend.value,
        config=config,
    )


def tabulate(slates: Slates, sources: Sources, codes: reader.Codes) -> DayTables:
    """What the blocks say of videos, devices and comments on the day of the slates."""
    videos, day = sources.videos, slates.day
    history = build_history(sources.log, slates, videos)
    devices = pl.concat([slates.queries["device"], pl.Series([NEW], dtype=pl.Int32)]).to_frame()
    queries = devices.select(pl.int_range(pl.len(), dtype=pl.Int32).alias("query"), "device")
    described = describe_devices(history, replace(slates, queries=queries)).drop("query")
    return DayTables(
        day=day,
        did=slates.queries.select("device", did=codes.devices["did"].gather(slates.queries["device"])),
        vid=codes.videos["vid"],
        videos=videos,
        by_video=describe_videos(sources.tally, videos, day),
        comments=describe_comments(sources.comments, sources.dates, videos, day),
        shares=count_shares(slates, videos),
        devices=pl.concat([devices, described], how="horizontal").sort("device"),
        history=history.log,
        profiles=sources.profiles.join(slates.queries, on="device", how="semi").sort("device"),
    )


def count_shares(slates: Slates, videos: pl.DataFrame) -> pl.Series:
    """The list block's share of a video in all that is shown on the day, by video code; 0 where it is not shown."""
    listed = describe_positions(slates, videos).select("list_share_today")
    shares = pl.concat([slates.rows.select("video"), listed], how="horizontal").unique("video")
    joined = videos.select("video").join(shares, on="video", how="left", maintain_order="left")
    return joined["list_share_today"].fill_null(0.0)
