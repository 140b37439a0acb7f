"""Settings meet the files: what ``auto`` in config.toml stands for on these, each with its reason.

One step measures the files; what follows is printed and recorded. Whatever config.toml, or ``--set``, gives in place of
``auto`` stays as it is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl

from common.engine.decisions import Decision, choose_names, refuse_choice
from common.engine.errors import UserError
from competitions.mgtv.config import BLOCKS, COMPLETION_BLOCKS, WATCH_BLOCKS, MgtvConfig
from competitions.mgtv.features.build import EXTRA_BLOCKS
from competitions.mgtv.io.folder import DayFiles
from competitions.mgtv.io.logs import LONGEST_S
from competitions.mgtv.io.tables import PLAY_TIME, VIDEO, read_table

LOOPED, LOOPING = 1.5, 0.02  # a play of so many durations was a loop; of so many plays: the videos loop
LOOKED_DAYS = 7  # the last ones, whose plays show whether videos loop
FEW_LISTS, MANY_SEEDS = 30_000, 5  # to learn from, below which one fit is a draw; fits whose scores are averaged then


@dataclass(frozen=True)
class Facts:
    """What decides: the share of plays that ``looped``, ``lists`` with a click of the median day, the ``days`` of the
    log, and the blocks whose tables are ``empty``.
    """

    looped: float
    lists: float
    days: int
    empty: tuple[str, ...]


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


def measure_files(
    files: Sequence[DayFiles],
    days: Sequence[pl.DataFrame],
    videos: pl.DataFrame,
    profiles: pl.DataFrame,
    comments: pl.DataFrame,
) -> Facts:
    """Look at the play ``files``, the log by day (device, clicked) and the tables."""
    clicking = [day.filter("clicked")["device"].n_unique() for day in days]
    empty = [name for name, table in (("profile", profiles), ("comment", comments)) if table.is_empty()]
    return Facts(share_looped(files, videos), float(np.median(clicking or [1])), len(days), tuple(empty))


def share_looped(files: Sequence[DayFiles], videos: pl.DataFrame) -> float:
    """The share of the plays of the last days that last longer than ``LOOPED`` times their video (vid, duration).

    Every play of a file counts by itself: ``host.several_plays`` may add up those of a pair, and a video that was
    watched twice did not loop.
    """
    paths = [day.play for day in files[-LOOKED_DAYS:] if day.play is not None]
    plays = [read_table(path, [*VIDEO, PLAY_TIME]).frame for path in paths]
    if not plays:
        return 0.0
    known = pl.concat(plays).filter(pl.col("play_time").is_between(0.0, LONGEST_S, closed="right"))
    completions = known.join(videos, on="vid").select(t=pl.col("play_time") / pl.col("duration"))["t"].drop_nulls()
    return float((completions.to_numpy() > LOOPED).mean()) if len(completions) else 0.0


def settle(config: MgtvConfig, facts: Facts) -> tuple[MgtvConfig, tuple[Decision, ...]]:
    """The config with a choice in place of every ``auto``; the models take those of their blocks that there are.

    Beside it what was decided, and why.
    """
    replace = msgspec.structs.replace
    clip, clip_why = decide_clip(facts.looped, config.truth.clip)
    trained = min(config.split.train_days, facts.days - config.split.valid_days - 1)  # the first day has no past
    seeds, seeds_why = decide_seeds(min(facts.lists, config.split.train_queries) * trained, config.watch.seeds)
    taken = [
        choose_names(settings.blocks, (*usual, *EXTRA_BLOCKS))
        for settings, usual in ((config.watch, WATCH_BLOCKS), (config.completion, COMPLETION_BLOCKS))
    ]
    blocks, blocks_why = decide_blocks(facts.empty, {*taken[0], *taken[1]}, config.features.blocks)
    watch, completion = (tuple(block for block in names if block in blocks) for names in taken)
    for setting, left in {"features": blocks, "watch": watch, "completion": completion}.items():
        if not left:
            raise UserError(f"{setting}.blocks has no block that is built and has data in these files.")
    settled = replace(
        config,
        truth=replace(config.truth, clip=clip),
        features=replace(config.features, blocks=blocks),
        watch=replace(config.watch, blocks=watch, seeds=seeds),
        completion=replace(config.completion, blocks=completion),
    )
    return settled, (
        Decision("truth.clip", f"{clip:g}", clip_why),
        Decision("watch.seeds", str(seeds), seeds_why),
        Decision("features.blocks", ", ".join(blocks), blocks_why),
    )


def decide_clip(looped: float, given: float | str) -> tuple[float, str]:
    """1 where videos start again at their end, so that seconds played say nothing beyond the first time; else 0."""
    if not isinstance(given, str):
        return given, "set"
    why = f"{looped:.1%} of the plays last longer than {LOOPED:g} times the video"
    return (1.0, f"{why}: videos loop") if looped >= LOOPING else (0.0, why)


def decide_seeds(lists: float, given: int | str) -> tuple[int, str]:
    """The mean of several fits where there are few ``lists`` to learn from: there another seed moves a score by more
    than what people try.
    """
    if not isinstance(given, str):
        return given, "set"
    return MANY_SEEDS if lists < FEW_LISTS else 1, f"about {lists:,.0f} lists to learn from"


def decide_blocks(
    empty: Sequence[str], taken: Collection[str], given: tuple[str, ...] | str
) -> tuple[tuple[str, ...], str]:
    """All blocks that there is anything for, and that a model takes, or as set."""
    chosen = choose_names(given, [block for block in list_blocks() if block not in empty and block in taken])
    if not isinstance(given, str):
        return chosen, "set"
    why = f"no {' and no '.join(empty)} data among the files" if empty else "the files have data for each"
    undated = "profile" not in {*empty, *taken}
    return chosen, f"{why}; no model takes profiles, whose date is unknown (completion.blocks)" if undated else why
