"""The tables beside the logs: videos, profiles of devices, and time-synced comments.

No file says what the host's 88 columns of profiles mean, of which some carry a little signal and most none. Here, f1 ..
f12 are noisy tastes, by channel; f13 .. f15 noisy patience; f16 .. f18 noisy activity; f87 is a word for the activity,
the others are noise. Every column lacks values. How many comments a video has follows its popularity on the day, their
tone its quality.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import expit
from xlsxwriter import Workbook

from common.simulation.writer import append_csv
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.catalogue import Catalogue, rate_day
from competitions.mgtv.simulator.constants import DAYS, FEATURE, KINDS, START, TEST_DAY
from competitions.mgtv.simulator.users import Users

BLOCK = 100_000  # devices drawn and written at once
NULLS = 0.1  # of the values of a column
COPIES = 3  # columns of patience, and of activity
WORDS = ("new", "low", "middle", "high", "full")
NOISE = 0.8  # beside a trait
COMMENTS, LEAST_COMMENTS = 60_000, 400  # assumed
BOOK_ROWS = 3000
TONE = 1.3  # slope of the logit of a good word by quality
NEUTRAL = 0.35  # of the comments
GOOD = ("好看", "喜欢", "太棒了", "精彩", "感动", "笑死我了", "绝了")
BAD = ("无聊", "难看", "失望", "尴尬", "太假了", "弃了", "拖沓")
PLAIN = ("打卡", "第一", "来了", "有人吗", "几点更新", "前方高能", "哈哈哈")


def write_videos(folder: Path, catalogue: Catalogue, seed: int) -> int:
    """Write the table of videos out by the log's end or the day after; its rows."""
    videos, rng = catalogue.videos, np.random.default_rng([41, seed])
    channel, kind = videos.channel, videos.kind
    frame = pl.DataFrame(
        {
            "vid": videos.code,
            "item_cid": catalogue.collections.code[videos.collection],
            "item_type": np.where(kind == FEATURE, channel % 3, 3),
            "item_duration": videos.duration.astype(np.int64),
            "item_assetSource": 1 + rng.integers(0, 5, len(kind)),
            "item_classify": 1 + channel,
            "item_isIntact": KINDS["code"][kind],
            "item_serialno": videos.serial,
            "sid": 1 + videos.collection,  # each programme is a series of its own
            "stype": 1 + kind,
        }
    )
    frame = frame.filter(pl.Series(videos.release <= TEST_DAY)).sort("vid")
    append_csv(folder / schema.VIDEOS, frame)
    return frame.height


def write_profiles(folder: Path, users: Users, seed: int) -> int:
    """Write the profiles block by block; their rows."""
    for start in range(0, len(users.activity), BLOCK):
        part, rng = slice(start, start + BLOCK), np.random.default_rng([52, seed, start])
        patience, activity = users.patience[part, None], users.activity[part, None]
        traits = np.hstack([users.taste[part], *[patience] * COPIES, *[activity] * COPIES])
        values = NOISE * rng.standard_normal((len(traits), len(schema.NUMBERS)), dtype=np.float32)
        values[:, 1 : traits.shape[1] + 1] += traits
        words = np.digitize(activity.ravel() + NOISE * rng.standard_normal(len(traits)), [-1.5, -0.5, 0.5, 1.5])
        values[rng.random(values.shape, dtype=np.float32) < NULLS] = np.nan
        words[rng.random(len(words)) < NULLS] = len(WORDS)
        numbers = pl.DataFrame(values, schema=list(schema.NUMBERS)).fill_nan(None)
        frame = numbers.insert_column(0, users.did[part]).with_columns(
            pl.Series([*WORDS, None], dtype=pl.String).gather(words).alias(schema.WORD)
        )
        append_csv(folder / schema.PROFILES, frame, float_precision=3)
    return len(users.activity)


def write_comments(folder: Path, catalogue: Catalogue, scale: float, seed: int) -> int:
    """Write comments in workbooks of at most ``BOOK_ROWS``; their rows."""
    rng, rows = np.random.default_rng([61, seed]), min(COMMENTS, max(LEAST_COMMENTS, round(COMMENTS * scale)))
    daily = rng.multinomial(rows, np.full(DAYS, 1 / DAYS))
    drawn = [rate_day(catalogue, day).pool.draw_any(rng.random(count)) for day, count in enumerate(daily, 1)]
    video, day = np.concatenate(drawn), np.repeat(np.arange(DAYS), daily)
    good = rng.random(rows) < expit(TONE * catalogue.videos.quality[video])
    tone = np.where(rng.random(rows) < NEUTRAL, 2, np.where(good, 1, 0))
    second = day * 86_400 + rng.integers(8 * 3600, 24 * 3600, rows)
    offset = np.round(rng.random(rows) * catalogue.videos.duration[video] * 1000).astype(np.int64)
    columns = [
        catalogue.videos.code[video].tolist(),
        np.array([BAD, GOOD, PLAIN])[tone, rng.integers(0, len(GOOD), rows)].tolist(),
        [str(moment).replace("T", " ") for moment in np.datetime64(START, "s") + second],
        offset.tolist(),
    ]
    (folder / schema.COMMENTS).mkdir(parents=True)
    for number, start in enumerate(range(0, rows, BOOK_ROWS), 1):
        path = folder / schema.COMMENTS / f"{number}.xlsx"
        with Workbook(path, {"in_memory": True, "strings_to_numbers": False}) as book:
            # The time of writing would make the bytes of every run differ.
            book.set_properties({"created": datetime(2025, 7, 1, tzinfo=UTC)})
            sheet = book.add_worksheet(schema.COMMENT_SHEET)
            sheet.write_row(0, 0, schema.COMMENT_COLUMNS)
            for at, column in enumerate(columns):
                sheet.write_column(1, at, column[start : start + BOOK_ROWS])
    return rows
