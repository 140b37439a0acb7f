"""Write days, videos and the test files in the host's layout, with the few faults that real logs have."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Bools, Floats, Ints
from common.simulation.writer import append_csv
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.catalogue import Catalogue
from competitions.mgtv.simulator.click_model import Clicks
from competitions.mgtv.simulator.constants import CHANNELS, KINDS, START, TEST_DAY, TRAILER
from competitions.mgtv.simulator.slates import Slates
from competitions.mgtv.simulator.users import Watched

# Faults, as shares of the rows; assumed.
TWICE_SHOWN, CLICK_UNSHOWN, NO_PLAY, ZERO_PLAY, TWICE_PLAYED = 5e-4, 5e-4, 8e-4, 5e-4, 5e-4
# Clicks by hour of the day, as shares of the busiest.
HOURS = np.array([30, 15, 8, 5, 4, 5, 12, 25, 35, 40, 45, 55, 75, 65, 50, 48, 50, 55, 70, 85, 100, 98, 75, 10], float)
GAP_S = (30, 600)  # between two clicks of a device
UNCOLLECTED = 0.02  # of the videos beside episodes: item_cid 0


@dataclass(frozen=True)
class DayPart:
    """The slates of some devices on a day, and their clicks: ``play`` in seconds, nan where it is not logged."""

    slates: Slates
    clicks: Clicks
    watched: Watched
    play: Floats


@dataclass
class DayFiles:
    """The files of a day while they are written: slates go out part by part, clicks wait for the day's end."""

    folder: Path
    day: int
    did: pl.Series
    catalogue: Catalogue
    clicks: list[pl.DataFrame] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=lambda: {"impressions": 0, "clicks": 0, "plays": 0})

    def add(self, part: DayPart, rng: np.random.Generator) -> None:
        """Write the slates of a part, and keep its clicks."""
        slates, clicks = part.slates, part.clicks
        copies = np.ones(len(slates.video), np.int64)
        copies[rng.random(len(copies)) < TWICE_SHOWN] = 2
        copies[clicks.row[rng.random(len(clicks.row)) < CLICK_UNSHOWN]] = 0
        frame = pair_rows(self.did, self.catalogue, slates.row_device, slates.video, copies)
        append_csv(self.folder / schema.show_path(self.day), frame)
        self.rows["impressions"] += frame.height
        base = np.searchsorted(np.cumsum(HOURS) / HOURS.sum(), rng.random(len(slates.device))) * 3600
        base = np.minimum(base + rng.integers(0, 3600, len(base)), 86_399 - 7 * GAP_S[1])
        later = rng.integers(*GAP_S, len(clicks.row))
        # The gaps of a device's clicks add up, so that time follows the order of the clicks.
        total = np.cumsum(later)
        opening = np.flatnonzero(clicks.rank == 0)
        run = np.cumsum(clicks.rank == 0) - 1
        second = base[slates.owner[clicks.row]] + total - (total[opening])[run]
        frame = pair_rows(self.did, self.catalogue, part.watched.device, part.watched.video)
        self.clicks.append(
            frame.with_columns(
                item_cid=pl.Series(collection_codes(self.catalogue)[part.watched.video]),
                second=pl.Series(second),
                play_time=pl.Series(part.play).fill_nan(None),
                twice=pl.Series(rng.random(frame.height) < TWICE_PLAYED),
            )
        )

    def close(self) -> dict[str, int]:
        """Write clicks and plays by time; the rows of the day's files."""
        frame = pl.concat(self.clicks).sort("second", "did")
        time = pl.lit(START + timedelta(days=self.day - 1)) + pl.duration(seconds="second")
        clicks = frame.select("did", "vid", "item_cid", click_time=time.dt.strftime("%Y-%m-%d %H:%M:%S"))
        append_csv(self.folder / schema.click_path(self.day), clicks)
        plays = frame.filter(pl.col("play_time").is_not_null())
        again = plays.filter("twice").with_columns(play_time=(pl.col("play_time") * 0.25).round(3))
        plays = pl.concat([plays, again]).select("did", "vid", "item_cid", "play_time")
        append_csv(self.folder / schema.play_path(self.day), plays, float_precision=3)
        self.rows |= {"clicks": clicks.height, "plays": plays.height}
        return self.rows


def pair_rows(did: pl.Series, catalogue: Catalogue, device: Ints, video: Ints, copies: Ints | int = 1) -> pl.DataFrame:
    """Columns did and vid, each row as many times as ``copies`` says."""
    rows = {"did": did.gather(np.repeat(device, copies)), "vid": catalogue.videos.code[np.repeat(video, copies)]}
    return pl.DataFrame(rows)


def collection_codes(catalogue: Catalogue) -> Ints:
    """The item_cid of every video; 0 for those few that name no programme, though they belong to one."""
    videos = catalogue.videos
    lost = (videos.kind > 0) & (videos.code % 1000 < 1000 * UNCOLLECTED)
    return np.where(lost, 0, catalogue.collections.code[videos.collection])


def log_plays(completion: Floats, duration: Floats, rng: np.random.Generator) -> Floats:
    """Seconds as the log has them, in thousandths: some are 0, nan where none is logged."""
    play = np.round(completion * duration, 3)
    fault = rng.random(len(play))
    return np.select([fault < NO_PLAY, fault < NO_PLAY + ZERO_PLAY], [np.nan, 0.0], play)


def write_videos(folder: Path, catalogue: Catalogue, seed: int) -> int:
    """Write the table of videos out by the log's end or the day after; its rows."""
    rng = np.random.default_rng([41, seed])
    videos = catalogue.videos
    channel, kind, count = videos.channel, videos.kind, len(videos.kind)
    # Which channel and kind have which codes is arbitrary, but fixed.
    own = rng.random(count)
    source = np.select([own < 0.1, kind > 0], [1 + rng.integers(0, 5, count), 1 + kind % 2], 1 + channel % 4)
    stype = np.where(rng.random(count) < 0.1, 0, 1 + (channel + 2 * np.minimum(kind, TRAILER + 1)) % 9)
    frame = pl.DataFrame(
        {
            "vid": videos.code,
            "item_cid": collection_codes(catalogue),
            "item_type": np.where(kind == 0, channel % 3, 3 + kind % 2),
            "item_duration": pl.Series(np.maximum(videos.recorded, 0)).set(pl.Series(videos.recorded < 0), None),
            "item_assetSource": source,
            "item_classify": np.array([1 + 7 * at % (len(CHANNELS) + 1) for at in range(len(CHANNELS))])[channel],
            "item_isIntact": np.array([row.code for row in KINDS])[kind],
            "item_serialno": videos.serial,
            "sid": catalogue.collections.series[videos.collection],
            "stype": stype,
        }
    )
    frame = frame.filter(pl.Series(videos.listed & (videos.release <= TEST_DAY))).sort("vid")
    append_csv(folder / schema.VIDEOS, frame)
    return frame.height


@dataclass
class TestFiles:
    """The files of the test day, while they are written part by part."""

    folder: Path
    did: pl.Series
    catalogue: Catalogue
    rows: dict[str, int] = field(default_factory=lambda: {"asked": 0, "shown": 0, "truth": 0})

    def add(self, slates: Slates, chosen: Ints, given: Bools, rng: np.random.Generator) -> None:
        """Write the ``chosen`` slates, ascending; those not ``given`` have no shown rows."""
        append_csv(self.folder / schema.ASKED.format(board="A"), self.did.gather(slates.device[chosen]).to_frame("did"))
        kept = np.zeros(len(slates.device), bool)
        kept[chosen[given]] = True
        copies = kept[slates.owner].astype(np.int64)
        copies[rng.random(len(copies)) < TWICE_SHOWN] *= 2
        frame = pair_rows(self.did, self.catalogue, slates.row_device, slates.video, copies)
        append_csv(self.folder / schema.SHOWN.format(board="A"), frame)
        self.rows["asked"] += len(chosen)
        self.rows["shown"] += frame.height

    def add_truth(self, path: Path, device: Ints, video: Ints, completion: Floats) -> None:
        """Write truth rows."""
        frame = pair_rows(self.did, self.catalogue, device, video)
        append_csv(path, frame.with_columns(completion_rate=pl.Series(completion)))
        self.rows["truth"] += frame.height
