"""A finished run as files that ``service.py`` answers devices from, and what smaller variants of it score."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.serving.benchmark import Answer, Export, Variant, cut_trees, judge_variants, spread
from common.day.serving.feature_tables import write_array, write_struct, write_table
from common.day.serving.model_files import write_logit, write_models
from common.engine.run import Run
from competitions.mgtv import pipeline
from competitions.mgtv.config import MODELS, FeatureSettings, MgtvConfig
from competitions.mgtv.day import service
from competitions.mgtv.features import profile
from competitions.mgtv.features.build import Sources
from competitions.mgtv.features.comment import describe_comments
from competitions.mgtv.features.device import describe_devices
from competitions.mgtv.features.device_history import build_history
from competitions.mgtv.features.list import describe_positions
from competitions.mgtv.features.video import describe_videos
from competitions.mgtv.io import reader
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models import click_ranker, decision
from competitions.mgtv.pipeline import DayModels, Outcome
from competitions.mgtv.split import Slates

NO_CHANNEL = -2  # as the profile block codes it
NOTES = {
    "request": "a device and the videos that it is shown -> one video and the share of it that will be played",
    "computed at export": "from the log before the day: rates of videos, devices, comments and profile names,"
    " each device's own past; of the day, how often each video is shown",
    "computed in the request": "joins, pair_ and list_ features, watch models, completion, decision",
    "left out": "parsing, network; a device's past grows during the day in a live service, here it ends the day before",
    "score": "of the last validation day, from models fitted on the days before it; the mixture was found on all days",
}


def export(files: reader.RawFiles, config: MgtvConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test day.

    The variants are judged on the last validation day: its early fits, exported in the same way, answer its devices.
    """
    outcome = pipeline.solve(files, config, run)
    ready, config, variants = outcome.ready, outcome.config, list_variants(outcome)
    sources, slates, test = ready.sources.value, ready.test_slates.value, outcome.test.value
    write_tables(slates, sources, config, folder / "export")
    write_models_of_day(outcome.final, variants, folder / "export")
    queries = slates.rows["query"].unique(maintain_order=True)
    chosen = spread(len(queries), requests)
    write_requests(slates, queries[chosen], folder / "requests")
    probabilities = click_ranker.mix(outcome.blend.value, test.scores, test.day)
    rows = decision.decide(test.day, probabilities, test.rewards, config.decide.power)[chosen]
    expected: list[Answer] = np.column_stack([slates.rows["video"].to_numpy()[rows], test.rewards.rate[rows]]).tolist()
    last = ready.plan.valid[-1]
    shown, day = ready.slates[last].value, ready.labelled[last].value
    last_queries = shown.rows["query"].unique(maintain_order=True)
    truth = shown.rows.select("query", pl.col("video").cast(pl.Int64), t=pl.Series(day.rates))
    truth = truth.filter(pl.Series(day.rows.labels) > 0)

    def write(exported: Path, devices: Path) -> None:
        write_tables(shown, sources, config, exported)
        write_models_of_day(outcome.early, variants, exported)
        write_requests(shown, last_queries, devices)

    def score(answers: list[Answer]) -> Floats:
        video, rate = np.array(answers).T
        picked = pl.DataFrame({"query": last_queries, "video": video.astype(np.int64)})
        rates = picked.join(truth, on=["query", "video"], how="left", maintain_order="left")["t"].fill_null(np.nan)
        return score_rates(rates.to_numpy(), rate)

    judged = judge_variants(service, variants, write, score)
    return Export(service.__name__, folder / "export", folder / "requests", judged, expected, NOTES)


def list_variants(outcome: Outcome) -> list[Variant]:
    """The whole, and fewer trees."""
    title = f"{' and '.join(MODELS)} and completion"
    whole = Variant(title, "whole", rankers=tuple(range(len(MODELS))), blend=outcome.blend.value)
    return [whole, *cut_trees(whole, title, {"half": 0.5, "quarter": 0.25})]


def write_models_of_day(models: DayModels, variants: Sequence[Variant], folder: Path) -> None:
    """Write each variant's watch models and blend, and its completion model, whose bins all variants share."""
    rankers, completion = [ranker.value for ranker in models.rankers], models.completion.value
    bins = completion.bins
    np.savez(folder / service.BINS, edges=bins.edges, answers=bins.answers, table=bins.table, means=bins.means)
    for variant in variants:
        own = folder / variant.folder
        write_models([rankers[i] for i in variant.rankers], own, variant.share)
        write_logit(variant.blend, own / service.BLEND)
        if completion.model is not None:
            rounds = max(1, round(variant.share * completion.rounds))
            completion.model.save_model(own / service.COMPLETION, num_iteration=rounds)


def write_tables(slates: Slates, sources: Sources, config: MgtvConfig, folder: Path) -> None:
    """Write what the blocks say of videos, devices, comments and profile names on the day of the slates."""
    settings, videos, day = config.features, sources.videos, slates.day
    history = build_history(sources.log, slates, videos)
    devices = describe_devices(history, slates, settings.half_lives)
    own = pl.concat([slates.queries.select("device"), devices.drop("query")], how="horizontal")
    write_table(videos, folder / service.VIDEOS)
    write_table(describe_videos(sources.tally, videos, day, settings.half_lives), folder / service.ABOUT)
    write_table(own, folder / service.DEVICES, "device")
    write_table(history.log, folder / service.PAST, "device")
    write_table(describe_comments(sources.comments, sources.dates, videos, day), folder / service.COMMENTS)
    write_table(count_shares(slates, videos), folder / service.SHARES)
    saved = service.Settings(
        day=day,
        features=settings,
        power=config.decide.power,
        no_duration=config.truth.no_duration,
        names=write_profiles(slates, sources, settings, folder),
    )
    write_struct(saved, folder / service.SETTINGS)


def count_shares(slates: Slates, videos: pl.DataFrame) -> pl.DataFrame:
    """The list block's share of a video in all that is shown on the day, by video code; 0 where it is not shown."""
    listed = describe_positions(slates, videos).select("list_share_today")
    shares = pl.concat([slates.rows.select("video"), listed], how="horizontal").unique("video")
    joined = videos.select("video").join(shares, on="video", how="left", maintain_order="left")
    return joined.with_columns(pl.col("list_share_today").fill_null(0.0))


def write_profiles(slates: Slates, sources: Sources, settings: FeatureSettings, folder: Path) -> dict[str, list[str]]:
    """Write each device's amounts and coded names, and for each column of names an array (names, channels, features):
    name 0 is none, the others are the profile block's codes. Returns the features' names.
    """
    channels, profiles = sources.videos["channel"].fill_null(NO_CHANNEL), sources.profiles
    known = channels.unique().sort()
    write_array(known.search_sorted(channels).to_numpy().astype(np.int64), folder / service.CHANNELS)
    columns = [name for name in settings.categories if name in profiles.columns]
    coded = profiles.with_columns(profile.code_names(name).alias(name) for name in columns)
    amounts = [name for name in profiles.columns if name not in ("device", *columns)]
    own = coded.join(slates.queries.select("device"), on="device", how="semi").select(
        "device", *(pl.col(name).cast(pl.Float32).alias(f"profile_{name}") for name in amounts), *columns
    )
    write_table(own, folder / service.PROFILES, "device")
    features = {}
    for name in columns:
        count = int(coded.select(pl.col(name).max().fill_null(0)).item())
        only = {name: sources.categories[name]}
        table = tabulate_names(only, settings.half_lives[-1], slates.day, count, known)
        array = table.to_numpy().astype(np.float32).reshape(-1, len(known), table.width)
        write_array(array, folder / f"profile-{name}.npy")
        features[name] = table.columns
    return features


def tabulate_names(
    tallies: Mapping[str, pl.DataFrame], half_life: float, day: int, names: int, channels: pl.Series
) -> pl.DataFrame:
    """The profile block of the only column of names for every name (0: none) and channel, row after row.

    The block itself is given a made-up device for every name and a made-up video for every channel: the dense rank of
    the numbers 1, 2, ... is the number itself, so that its codes stay what they are.
    """
    (column,) = tallies
    codes = pl.Series(column, [None, *range(1, names + 1)], pl.Float64)
    devices = pl.DataFrame({"device": pl.Series(np.arange(names + 1), dtype=pl.Int32), column: codes})
    videos = pl.DataFrame({"video": pl.Series(np.arange(len(channels)), dtype=pl.Int32), "channel": channels})
    queries = devices.select(query="device", device="device")
    rows = queries.join(videos.select("video"), how="cross").with_columns(position=pl.lit(0, pl.Int32))
    return profile.describe_profiles(devices, tallies, Slates(day, queries, rows), videos, half_life)


def write_requests(slates: Slates, queries: pl.Series, folder: Path) -> None:
    """Write the slates of some queries for ``service.read_requests``."""
    write_table(slates.rows.filter(pl.col("query").is_in(queries.implode())), folder / service.REQUESTS)
