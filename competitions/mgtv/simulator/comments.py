"""Time-synced comments: how many a video has follows its popularity on the day, their tone its quality."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.special import expit
from xlsxwriter import Workbook

from competitions.mgtv.io import schema
from competitions.mgtv.simulator.catalogue import Catalogue, rate_day
from competitions.mgtv.simulator.constants import DAYS, START

BOOK_ROWS = 3000
TONE = 1.3  # slope of the logit of a good word by quality
NEUTRAL = 0.35  # of the comments
GOOD = ("好看", "喜欢", "太棒了", "精彩", "感动", "笑死我了", "绝了")
BAD = ("无聊", "难看", "失望", "尴尬", "太假了", "弃了", "拖沓")
PLAIN = ("打卡", "第一", "来了", "有人吗", "几点更新", "前方高能", "哈哈哈")


def write_comments(folder: Path, catalogue: Catalogue, rows: int, seed: int) -> int:
    """Write ``rows`` comments in workbooks of at most ``BOOK_ROWS``; the rows."""
    rng = np.random.default_rng([61, seed])
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
        part = [column[start : start + BOOK_ROWS] for column in columns]
        _write_book(folder / schema.COMMENTS / f"{number}.xlsx", part)
    return rows


def _write_book(path: Path, columns: list[list[object]]) -> None:
    with Workbook(path, {"in_memory": True, "strings_to_numbers": False}) as book:
        # The time of writing would make the bytes of every run differ.
        book.set_properties({"created": datetime(2025, 7, 1, tzinfo=UTC)})
        sheet = book.add_worksheet(schema.COMMENT_SHEET)
        sheet.write_row(0, 0, schema.COMMENT_COLUMNS)
        for at, column in enumerate(columns):
            sheet.write_column(1, at, column)
