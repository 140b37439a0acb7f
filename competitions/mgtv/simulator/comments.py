"""Time-synced comments: how many a video has follows its popularity on the day, their tone its quality."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.special import expit
from xlsxwriter import Workbook

from common.arrays import Ints
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.catalogue import Catalogue, rate_day
from competitions.mgtv.simulator.constants import DAYS, START

BOOK_ROWS, MOST_BOOKS = 3000, 20
TONE = 1.3  # slope of the logit of a good word by quality
NEUTRAL = 0.35  # of the comments
GOOD = ("好看", "喜欢", "太棒了", "精彩", "感动", "笑死我了", "绝了")
BAD = ("无聊", "难看", "失望", "尴尬", "太假了", "弃了", "拖沓")
PLAIN = ("打卡", "第一", "来了", "有人吗", "几点更新", "前方高能", "二刷", "2025年的举手", "这是哪里", "哈哈哈")
PHRASES = (BAD, GOOD, PLAIN)


def write_comments(folder: Path, catalogue: Catalogue, rows: int, seed: int) -> int:
    """Write ``rows`` comments in workbooks of at most ``BOOK_ROWS``; the rows."""
    rng = np.random.default_rng([61, seed])
    day = 1 + rng.integers(0, DAYS, rows)
    video = _draw_videos(catalogue, day, rng)
    good = rng.random(rows) < expit(TONE * catalogue.videos.quality[video])
    tone = np.where(rng.random(rows) < NEUTRAL, 2, np.where(good, 1, 0))
    second = day * 86_400 - 1 - rng.integers(0, 16 * 3600, rows)  # from 8:00 to midnight
    offset = np.round(rng.random(rows) * catalogue.videos.duration[video] * 1000).astype(np.int64)
    times = (np.datetime64(START, "s") + second).astype(str)
    columns: list[list[object]] = [
        [*catalogue.videos.code[video].tolist()],
        [*_phrase(tone, rng)],
        [time.replace("T", " ") for time in times.tolist()],
        offset.tolist(),
    ]
    (folder / schema.COMMENTS).mkdir(parents=True, exist_ok=True)
    books = min(MOST_BOOKS, -(-rows // BOOK_ROWS) + 1)
    bounds = np.linspace(0, rows, books + 1).astype(int).tolist()
    for number in range(books):
        part = slice(bounds[number], bounds[number + 1])
        _write_book(folder / schema.COMMENTS / f"{number + 1}.xlsx", [column[part] for column in columns])
    return rows


def _draw_videos(catalogue: Catalogue, day: Ints, rng: np.random.Generator) -> Ints:
    video = np.empty(len(day), np.int64)
    for number in range(1, DAYS + 1):
        rows = np.flatnonzero(day == number)
        video[rows] = rate_day(catalogue, number).pool.draw_any(rng.random(len(rows)))
    return video


def _phrase(tone: Ints, rng: np.random.Generator) -> list[str]:
    """A comment for each tone: 0 bad, 1 good, 2 plain."""
    counts = np.array([len(words) for words in PHRASES])
    at = (np.cumsum(counts) - counts)[tone] + rng.integers(0, counts[tone])
    return [str(text) for text in np.concatenate(PHRASES)[at]]


def _write_book(path: Path, columns: list[list[object]]) -> None:
    with Workbook(path, {"in_memory": True, "strings_to_numbers": False}) as book:
        # The time of writing would make the bytes of every run differ.
        book.set_properties({"created": datetime(2025, 7, 1, tzinfo=UTC)})
        sheet = book.add_worksheet(schema.COMMENT_SHEET)
        sheet.write_row(0, 0, schema.COMMENT_COLUMNS)
        for at, column in enumerate(columns):
            sheet.write_column(1, at, column)
