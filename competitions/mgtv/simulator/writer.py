"""Write days, videos and the test files in the host's layout, with the few faults that real logs have."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Bools, Floats, Ints
from common.simulation.writer import append_csv
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.catalogue import Catalogue
from competitions.mgtv.simulator.click_model import Clicks
from competitions.mgtv.simulator.constants import FEATURE, KINDS, START, TEST_DAY
from competitions.mgtv.simulator.slates import SimulationState, Slates
from competitions.mgtv.simulator.users import Watched

# Faults, as shares of the rows; assumed.
TWICE_SHOWN, CLICK_UNSHOWN, NO_PLAY, ZERO_PLAY, TWICE_PLAYED = 5e-4, 5e-4, 8e-4, 5e-4, 5e-4
# Clicks by hour of the day, as shares of the busiest.
HOURS = np.array([30, 15, 8, 5, 4, 5, 12, 25, 35, 40, 45, 55, 75, 65, 50, 48, 50, 55, 70, 85, 100, 98, 75, 10], float)
GAP_S = (30, 600)  # between two clicks of a device


def write_slates(path: Path, state: SimulationState, slates: Slates, copies: Ints) -> int:
    """Write the rows of some slates, each as many times as ``copies`` says; how many rows that are."""
    frame = pair_rows(state, np.repeat(slates.row_device, copies), np.repeat(slates.video, copies))
    append_csv(path, frame)
    return frame.height


def copy_shown(slates: Slates, clicks: Clicks, rng: np.random.Generator) -> Ints:
    """How often each row of the slates stands in a day's file."""
    copies = np.ones(len(slates.video), np.int64)
    copies[rng.random(len(copies)) < TWICE_SHOWN] = 2
    copies[clicks.row[rng.random(len(clicks.row)) < CLICK_UNSHOWN]] = 0
    return copies


def frame_clicks(
    state: SimulationState, slates: Slates, clicks: Clicks, watched: Watched, rng: np.random.Generator
) -> pl.DataFrame:
    """One row a click of some devices: what the day's files have of it, once the day is whole and sorted by time."""
    base = np.searchsorted(np.cumsum(HOURS) / HOURS.sum(), rng.random(len(slates.device))) * 3600
    base = np.minimum(base + rng.integers(0, 3600, len(base)), 86_399 - 7 * GAP_S[1])
    programmes = state.catalogue.collections
    # The gaps of a device's clicks add up, so that time follows the order of the clicks.
    total = np.cumsum(rng.integers(*GAP_S, len(clicks.row)))
    opens = clicks.rank == 0
    second = base[slates.owner[clicks.row]] + total - total[opens][np.cumsum(opens) - 1]
    return pair_rows(state, watched.device, watched.video).with_columns(
        item_cid=pl.Series(programmes.code[state.catalogue.videos.collection[watched.video]]),
        second=pl.Series(second),
        play_time=pl.Series(watched.play).fill_nan(None),
        twice=pl.Series(rng.random(len(second)) < TWICE_PLAYED),
    )


def write_clicks(folder: Path, day: int, frame: pl.DataFrame) -> tuple[int, int]:
    """Write the clicks of a day and what was played of them; the rows of both files."""
    frame = frame.sort("second", "did")
    time = pl.lit(START + timedelta(days=day - 1)) + pl.duration(seconds="second")
    clicks = frame.select("did", "vid", "item_cid", click_time=time.dt.strftime("%Y-%m-%d %H:%M:%S"))
    append_csv(folder / schema.click_path(day), clicks)
    plays = frame.filter(pl.col("play_time").is_not_null())
    again = plays.filter("twice").with_columns(play_time=(pl.col("play_time") * 0.25).round(3))
    plays = pl.concat([plays, again]).select("did", "vid", "item_cid", "play_time")
    append_csv(folder / schema.play_path(day), plays, float_precision=3)
    return clicks.height, plays.height


def write_test(
    folder: Path, state: SimulationState, slates: Slates, chosen: Ints, given: Bools, rng: np.random.Generator
) -> int:
    """Write the ``chosen`` slates (ascending) of the test day, those not ``given`` without rows; how many rows."""
    asked = state.users.did.gather(slates.device[chosen])
    append_csv(folder / schema.ASKED.format(board="A"), asked.to_frame("did"))
    kept = np.zeros(len(slates.device), bool)
    kept[chosen[given]] = True
    copies = kept[slates.owner].astype(np.int64)
    copies[rng.random(len(copies)) < TWICE_SHOWN] *= 2
    return write_slates(folder / schema.SHOWN.format(board="A"), state, slates, copies)


def pair_rows(state: SimulationState, device: Ints, video: Ints) -> pl.DataFrame:
    """Columns did and vid."""
    return pl.DataFrame({"did": state.users.did.gather(device), "vid": state.catalogue.videos.code[video]})


def log_plays(completion: Floats, duration: Floats, rng: np.random.Generator) -> Floats:
    """Seconds as the log has them, in thousandths: some are 0, nan where none is logged."""
    play = np.round(completion * duration, 3)
    fault = rng.random(len(play))
    return np.select([fault < NO_PLAY, fault < NO_PLAY + ZERO_PLAY], [np.nan, 0.0], play)


def write_videos(folder: Path, catalogue: Catalogue, seed: int) -> int:
    """Write the table of videos out by the log's end or the day after; its rows."""
    videos, rng = catalogue.videos, np.random.default_rng([41, seed])
    channel, kind = videos.channel, videos.kind
    frame = pl.DataFrame(
        {
            "vid": videos.code,
            "item_cid": catalogue.collections.code[videos.collection],
            "item_type": np.where(kind == FEATURE, channel % 3, 3),
            "item_duration": pl.Series(np.maximum(videos.recorded, 0)).set(pl.Series(videos.recorded < 0), None),
            "item_assetSource": 1 + rng.integers(0, 5, len(kind)),
            "item_classify": 1 + channel,
            "item_isIntact": KINDS["code"].to_numpy()[kind],
            "item_serialno": videos.serial,
            "sid": 1 + videos.collection,  # each programme is a series of its own
            "stype": 1 + kind,
        }
    )
    frame = frame.filter(pl.Series(videos.listed & (videos.release <= TEST_DAY))).sort("vid")
    append_csv(folder / schema.VIDEOS, frame)
    return frame.height
