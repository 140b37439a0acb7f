"""Settings meet the files: what ``auto`` in config.toml stands for on these, each with its reason.

One step decides, prints and records. Whatever config.toml, or ``--set``, gives in place of ``auto`` stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl

from common.engine.decisions import Decision, choose_names, refuse_choice
from common.engine.errors import UserError
from competitions.mgtv.config import BLOCKS, COMPLETION_BLOCKS, WATCH_BLOCKS, MgtvConfig
from competitions.mgtv.features.build import EXTRA_BLOCKS
from competitions.mgtv.io.csv_reader import Kind, read_table
from competitions.mgtv.io.encoding import VIDEO
from competitions.mgtv.io.folder import DayFiles
from competitions.mgtv.io.logs import LONGEST_S

LOOPED, LOOPING = 1.5, 0.02  # a play of so many durations was a loop; of so many plays: the videos loop
LOOKED_DAYS = 7  # the last ones, whose plays show whether videos loop
LISTS, FEWEST_DAYS, MOST_DAYS = 60_000, 5, 12


@dataclass(frozen=True)
class OpenSettings:
    """The settings that may be left to the files, as they are set; ``most_lists`` of a training day. ``known``: the
    blocks that there are.
    """

    clip: float | str
    train_days: int | str
    blocks: tuple[str, ...] | str
    known: tuple[str, ...]
    most_lists: int


@dataclass(frozen=True)
class Choices:
    """``clip`` of the completion rate, ``train_days``, ``blocks`` of features; what was decided, and why."""

    clip: float
    train_days: int
    blocks: tuple[str, ...]
    decisions: tuple[Decision, ...]


def list_blocks() -> tuple[str, ...]:
    """All blocks of features, those of your own at the end."""
    return (*BLOCKS, *EXTRA_BLOCKS)


def check_names(config: MgtvConfig) -> None:
    """Refuse names of no block, and models on blocks that are not built."""
    known = list_blocks()
    refuse_choice("features.blocks", config.features.blocks, known)
    built = choose_names(config.features.blocks, known)
    refuse_choice("watch.blocks", config.watch.blocks, built)
    refuse_choice("completion.blocks", config.completion.blocks, built)


def list_open(config: MgtvConfig) -> OpenSettings:
    """What a config leaves to the files."""
    split = config.split
    return OpenSettings(config.truth.clip, split.train_days, config.features.blocks, list_blocks(), split.train_queries)


def choose_settings(
    days: Sequence[pl.DataFrame],
    profiles: pl.DataFrame,
    comments: pl.DataFrame,
    looped: float,
    given: OpenSettings,
) -> Choices:
    """Decide what is left to the files: the log by day (device, clicked), the tables; ``looped``: ``share_looped``."""
    clip, why = decide_clip(looped, given.clip)
    decisions = [Decision("truth.clip", f"{clip:g}", why)]
    count, why = decide_train_days(days, given.train_days, given.most_lists)
    decisions.append(Decision("split.train_days", str(count), why))
    blocks, why = decide_blocks(given, profiles.height > 0, comments.height > 0)
    decisions.append(Decision("features.blocks", ", ".join(blocks), why))
    return Choices(clip, count, blocks, tuple(decisions))


def share_looped(days: Sequence[DayFiles], videos: pl.DataFrame) -> float:
    """The share of the plays of the last days that last longer than ``LOOPED`` times their video (vid, duration).

    Every play of a file counts by itself: ``host.several_plays`` may add up those of a pair, and a video that was
    watched twice did not loop.
    """
    files = [day.play for day in days[-LOOKED_DAYS:] if day.play is not None]
    plays = [read_table(path, VIDEO | {"play_time": Kind.NUMBER}).frame for path in files]
    if not plays:
        return 0.0
    known = pl.concat(plays).filter(pl.col("play_time").is_between(0.0, LONGEST_S, closed="right"))
    rates = known.join(videos, on="vid").select(pl.col("play_time") / pl.col("duration")).to_series().drop_nulls()
    return (rates > LOOPED).sum() / max(len(rates), 1)


def decide_clip(looped: float, given: float | str) -> tuple[float, str]:
    """1 where videos start again at their end, so that seconds played say nothing beyond the first time; else 0."""
    if not isinstance(given, str):
        return given, "set"
    why = f"{looped:.1%} of the plays last longer than {LOOPED:g} times the video"
    return (1.0, f"{why}: videos loop") if looped >= LOOPING else (0.0, why)


def decide_train_days(days: Sequence[pl.DataFrame], given: int | str, most_lists: int) -> tuple[int, str]:
    """As many days as give ``LISTS`` lists to learn from: where a day gives few, older ones are worth their time."""
    if not isinstance(given, str):
        return given, "set"
    clicking = [day.filter("clicked")["device"].n_unique() for day in days]
    lists = min(float(np.median(clicking or [1])), most_lists)
    count = int(np.clip(np.ceil(LISTS / max(lists, 1.0)), FEWEST_DAYS, MOST_DAYS))
    return count, f"about {lists:,.0f} lists with a click per day"


def decide_blocks(given: OpenSettings, profiles: bool, comments: bool) -> tuple[tuple[str, ...], str]:
    """All blocks that there is anything for, or as set."""
    empty = [name for name, there in (("profile", profiles), ("comment", comments)) if not there]
    chosen = choose_names(given.blocks, [block for block in given.known if block not in empty])
    if not isinstance(given.blocks, str):
        return chosen, "set"
    return chosen, f"no {' and no '.join(empty)} data among the files" if empty else "the files have data for each"


def settle(config: MgtvConfig, choices: Choices) -> MgtvConfig:
    """The config with the choices in place of ``auto``; the models take those of their blocks that there are."""
    replace, blocks = msgspec.structs.replace, choices.blocks
    watch, completion = (
        tuple(block for block in choose_names(settings.blocks, (*usual, *EXTRA_BLOCKS)) if block in blocks)
        for settings, usual in ((config.watch, WATCH_BLOCKS), (config.completion, COMPLETION_BLOCKS))
    )
    for setting, left in {"features": blocks, "watch": watch, "completion": completion}.items():
        if not left:
            raise UserError(f"{setting}.blocks has no block that is built and has data in these files.")
    return replace(
        config,
        truth=replace(config.truth, clip=choices.clip),
        split=replace(config.split, train_days=choices.train_days),
        features=replace(config.features, blocks=blocks),
        watch=replace(config.watch, blocks=watch),
        completion=replace(config.completion, blocks=completion),
    )
