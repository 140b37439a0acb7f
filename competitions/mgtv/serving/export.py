"""A finished run as files that ``serve.py`` answers devices from, and what smaller versions of it score."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from common.pipeline.run import Run
from common.ranking.conditional_logit import Logit
from common.ranking.gbdt import Ranker
from common.serving.benchmark import Answer, Export, Variant, answer_all, spread
from common.serving.feature_tables import write_array, write_struct, write_table
from common.serving.model_files import write_logit, write_models
from competitions.mgtv import pipeline, split
from competitions.mgtv.config import FeatureSettings, MgtvConfig
from competitions.mgtv.features import profile, target_encoding
from competitions.mgtv.features.build import Sources
from competitions.mgtv.features.comment import describe_comments
from competitions.mgtv.features.device import describe_devices
from competitions.mgtv.features.device_history import gather_past
from competitions.mgtv.features.sequence import learn_vectors
from competitions.mgtv.features.slate import describe_lists
from competitions.mgtv.features.video import describe_videos
from competitions.mgtv.io import reader
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models import click_ranker, completion_training, decision
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.reporting.summary import Outcome, Prepared
from competitions.mgtv.serving import service
from competitions.mgtv.split import Asked

MODULE = "competitions.mgtv.serving.service"
NO_CHANNEL = -2  # as the profile block codes it
TOLD = {
    "request": "a device and the videos that it is shown -> one video and the share of it that will be played",
    "computed at export": "from the log before the day: rates of videos, devices, comments and profile names, vectors,"
    " each device's own past; of the day, how often each video is shown",
    "computed in the request": "joins, pair_, list_ and sequence_ features, watch models, completion, decision",
    "left out": "parsing, network; a device's past grows during the day in a live service, here it ends the day before",
    "score": "of the last validation day, from models fitted on the days before it; the mixture was found on all days",
}


@dataclass(frozen=True)
class World:
    """What can be served on a day: who is ``asked`` about what, the watch models, the completion."""

    asked: Asked
    rankers: Sequence[Ranker]
    completion: Completion


@dataclass(frozen=True)
class Cut:
    """A variant: which models (places), the ``share`` of all trees, the mixture."""

    name: str
    folder: str
    rankers: tuple[int, ...]
    share: float
    blend: Logit


def export(files: reader.RawFiles, config: MgtvConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test day.

    The variants are judged on the last validation day: its early fits, exported in the same way to a folder that does
    not stay, answer its devices.
    """
    outcome = pipeline.solve(files, config, run)
    sources, cuts = gather_sources(outcome, config, run), list_cuts(outcome, config, run)
    asked, test = outcome.ready.asked.value, outcome.ready.test.value
    final = World(asked, *refit(outcome, config, run))
    write_world(final, sources, config, cuts, folder / "export")
    lists = asked.rows["query"].unique(maintain_order=True).to_numpy()
    chosen = spread(len(lists), requests)
    write_requests(asked, lists[chosen], folder / "requests")
    mixed = click_ranker.mix(outcome.blend.value, outcome.test_scores.value, test)
    rows = decision.pick(decision.weigh(mixed, outcome.test_values.value, config.decide.power), test.rows.group_sizes)[
        chosen
    ]
    found = zip(asked.rows["video"].to_numpy()[rows], outcome.test_values.value.answer[rows], strict=True)
    expected: list[Answer] = [[float(video), float(rate)] for video, rate in found]
    variants = judge(outcome, sources, config, run, cuts)
    return Export(MODULE, folder / "export", folder / "requests", variants, expected, TOLD)


def gather_sources(outcome: Outcome, config: MgtvConfig, run: Run) -> Sources:
    """What features are made of, which the run has kept."""
    tables, step = outcome.ready.tables, run.step
    log = step(pipeline.stack, list(tables.days), tables.videos, config.truth)
    tally = step(target_encoding.tally_videos, log)
    told = log, tables.profiles, tables.videos, config.features
    categories = step(pipeline.tally_categories, *told)
    dates = step(pipeline.list_dates, list(tables.days))
    videos = tables.videos.value.frame.rename({"classify": "channel"})
    profiles, comments = tables.profiles.value.frame, tables.comments.value.frame
    return Sources(log.value, tally.value, categories.value, videos, profiles, comments, dates.value)


def refit(outcome: Outcome, config: MgtvConfig, run: Run) -> tuple[list[Ranker], Completion]:
    """The final fits, which the run has kept."""
    ready, seed, blocks = outcome.ready, config.seed, config.watch.blocks
    every = list(ready.labelled.values())
    final = []
    for place, kind in enumerate(config.watch.models):
        early = [outcome.early[day][place] for day in ready.plan.valid]
        told = getattr(config.watch, kind), blocks, seed
        final.append(run.step(click_ranker.refit, every, early, *told, name=f"refit.{kind}").value)
    found = list(outcome.completion.values())
    return final, run.step(
        completion_training.refit, every, config.completion, found, seed, name="refit.completion"
    ).value


def list_cuts(outcome: Outcome, config: MgtvConfig, run: Run) -> list[Cut]:
    """The whole, fewer trees, and the best model alone, whose scores are brought to scale by a mixture of its own."""
    models, measured = config.watch.models, outcome.measured.value.models
    places = tuple(range(len(models)))
    best = max(places, key=lambda place: measured[models[place]]["score"])
    days = outcome.ready.plan.valid
    valid = [outcome.ready.labelled[day].value for day in days]
    scores = [
        run.step(click_ranker.score, outcome.ready.labelled[day], outcome.early[day], name=f"day{day:02d}.score").value
        for day in days
    ]
    alone = click_ranker.find_blend(valid, [score[:, [best]] for score in scores], [models[best]], 0.0)
    blend, title = outcome.blend.value, f"{len(models)} models and completion"
    return [
        Cut(title, "whole", places, 1.0, blend),
        Cut(f"{title}, half of the trees", "half", places, 0.5, blend),
        Cut(f"{title}, a quarter", "quarter", places, 0.25, blend),
        Cut(f"{models[best]} alone and completion", "one", (best,), 1.0, alone),
        Cut(f"{models[best]} and completion, half", "one-half", (best,), 0.5, alone),
    ]


def write_world(world: World, sources: Sources, config: MgtvConfig, cuts: Sequence[Cut], folder: Path) -> None:
    """Write what is known before the day, and each variant's models."""
    write_known(world.asked, sources, config, folder)
    bins = world.completion.bins
    np.savez(folder / service.BINS, edges=bins.edges, answers=bins.answers, table=bins.table, means=bins.means)
    for cut in cuts:
        own = folder / cut.folder
        write_models([world.rankers[place] for place in cut.rankers], own, cut.share)
        write_logit(cut.blend, own / service.BLEND)
        if world.completion.model is not None:
            rounds = max(1, round(cut.share * world.completion.rounds))
            world.completion.model.save_model(own / service.COMPLETION, num_iteration=rounds)


def write_known(asked: Asked, sources: Sources, config: MgtvConfig, folder: Path) -> None:
    """Write what the blocks say of videos, devices, comments and profile names on the day that is asked about."""
    settings, videos = config.features, sources.videos
    about = describe_videos(sources.tally, videos, asked.day, settings)
    past = gather_past(sources.log, asked, videos)
    devices = describe_devices(past, asked, settings)
    own = pl.concat([asked.queries.select("device"), devices.drop("query")], how="horizontal")
    write_table(videos, folder / service.VIDEOS)
    write_table(about, folder / service.ABOUT)
    write_table(own, folder / service.DEVICES, "device")
    write_table(past.log, folder / service.PAST, "device")
    write_table(describe_comments(sources.comments, videos, sources.date_of(asked.day)), folder / service.COMMENTS)
    write_table(count_shares(asked, videos), folder / service.SHARES)
    write_array(learn_vectors(sources.log, asked, videos.height, settings, config.seed), folder / service.VECTORS)
    names = write_profiles(asked, sources, settings, folder)
    told = {"power": config.decide.power, "no_duration": config.truth.no_duration, "names": names}
    write_struct(service.Settings(day=asked.day, features=settings, **told), folder / service.SETTINGS)  # type: ignore[arg-type]


def count_shares(asked: Asked, videos: pl.DataFrame) -> pl.DataFrame:
    """The list block's share of a video in all that is shown on the day, by video code; 0 where it is not shown."""
    listed = describe_lists(asked, videos, asked.rows.select("video")).select("list_share_today")
    shares = pl.concat([asked.rows.select("video"), listed], how="horizontal").unique("video")
    joined = videos.select("video").join(shares, on="video", how="left", maintain_order="left")
    return joined.with_columns(pl.col("list_share_today").fill_null(0.0))


def write_profiles(asked: Asked, sources: Sources, settings: FeatureSettings, folder: Path) -> dict[str, list[str]]:
    """Write each device's amounts and coded names, and for each column of names an array (names, channels, features):
    name 0 is none, the others are the profile block's codes. Returns the features' names.
    """
    channels = sources.videos["channel"].fill_null(NO_CHANNEL)
    known = channels.unique().sort()
    write_array(known.search_sorted(channels).to_numpy().astype(np.int64), folder / service.CHANNELS)
    columns = [name for name in settings.categories if name in sources.profiles.columns]
    coded = sources.profiles.with_columns(profile.code_names(name).alias(name) for name in columns)
    amounts = [name for name in sources.profiles.columns if name not in ("device", *columns)]
    own = coded.join(asked.queries.select("device"), on="device", how="semi").select(
        "device", *(pl.col(name).cast(pl.Float32).alias(f"profile_{name}") for name in amounts), *columns
    )
    write_table(own, folder / service.PROFILES, "device")
    named = {}
    for name in columns:
        table = tabulate_names(
            sources, settings, asked.day, name, int(coded.select(pl.col(name).max().fill_null(0)).item()), known
        )
        write_array(
            table.to_numpy().astype(np.float32).reshape(-1, len(known), table.width), folder / f"profile-{name}.npy"
        )
        named[name] = table.columns
    return named


def tabulate_names(
    sources: Sources, settings: FeatureSettings, day: int, column: str, names: int, channels: pl.Series
) -> pl.DataFrame:
    """The profile block of one column of names for every name (0: none) and channel, row after row.

    The block itself is asked about a made-up device for every name and a made-up video for every channel: the dense
    rank of the numbers 1, 2, ... is the number itself, so that its codes stay what they are.
    """
    codes = pl.Series(column, [None, *range(1, names + 1)], pl.Float64)
    devices = pl.DataFrame({"device": pl.Series(np.arange(names + 1), dtype=pl.Int32), column: codes})
    videos = pl.DataFrame({"video": pl.Series(np.arange(len(channels)), dtype=pl.Int32), "channel": channels})
    rows = devices.select(query="device", device="device").join(videos.select("video"), how="cross")
    rows = rows.with_columns(position=pl.lit(0, pl.Int32))
    made_up = Asked(day, devices.select(query="device", device="device"), rows)
    only = msgspec.structs.replace(settings, categories=type(settings.categories)([column]))
    return profile.describe_profiles(devices, sources.categories, made_up, videos, only)


def write_requests(asked: Asked, lists: np.ndarray, folder: Path) -> None:
    """Write the lists of some queries for ``serve.read_requests``."""
    kept = pl.Series(lists).cast(asked.rows["query"].dtype).implode()
    write_table(asked.rows.filter(pl.col("query").is_in(kept)), folder / service.REQUESTS)


def judge(outcome: Outcome, sources: Sources, config: MgtvConfig, run: Run, cuts: Sequence[Cut]) -> list[Variant]:
    """Each variant's score on the last validation day, from its early fits served."""
    ready: Prepared = outcome.ready
    day = ready.plan.valid[-1]
    log = run.step(pipeline.stack, list(ready.tables.days), ready.tables.videos, config.truth)
    asked = run.step(split.ask_day, log, ready.plan, day, config.split, config.seed, name=f"day{day:02d}.ask").value
    world = World(asked, [fit.value for fit in outcome.early[day]], outcome.completion[day].value)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_world(world, sources, config, cuts, folder / "export")
        write_requests(asked, asked.rows["query"].unique(maintain_order=True).to_numpy(), folder / "requests")
        requests = service.read_requests(folder / "requests")
        found = [answer_all(service.load(folder / "export", cut.folder), requests) for cut in cuts]
    served = ready.labelled[day].value
    came = asked.rows.select("query", video=pl.col("video").cast(pl.Int64), t=pl.Series(served.rates)).filter(
        pl.Series(served.rows.labels) > 0
    )
    queries = asked.rows["query"].unique(maintain_order=True)
    variants = []
    for cut, answers in zip(cuts, found, strict=True):
        video, rate = np.array(answers).T
        told = pl.DataFrame({"query": queries, "video": video.astype(np.int64), "rate": rate})
        right = told.join(came, on=["query", "video"], how="left", maintain_order="left")["t"].fill_null(np.nan)
        earned = score_rates(right.to_numpy(), rate)
        variants.append(Variant(cut.name, cut.folder, float(earned.mean()), float(earned.std() / len(earned) ** 0.5)))
    return variants
