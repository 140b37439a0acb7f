"""Read the time-synced comments: one workbook (.xlsx) after the other, added up by video and day. No formula of a
workbook is evaluated, no link followed.
"""

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import fastexcel
import polars as pl

from common.engine.errors import UserError
from common.io.column import DIGITS_BEFORE_POINT, NULL_WORD, READ_AS_BLANK, blank_nulls
from common.io.files import UNREADABLE, describe_failure
from common.io.notes import Note
from competitions.mgtv.io.encoding import Codes
from competitions.mgtv.io.folder import RawFiles
from competitions.mgtv.io.schema import COMMENT_COLUMNS, COMMENT_SHEET, COMMENTS, NULLS
from competitions.mgtv.io.timestamps import parse_excel_days, parse_moments
from competitions.mgtv.io.videos import read_videos

# A duration may be cut to whole seconds: a comment in the last of them is no stray.
SLACK_MS = 1000
SUMS: dict[str, type[pl.DataType]] = {
    "comments": pl.Int32,
    "sentiment": pl.Float32,
    "offset_s": pl.Float32,
    "length": pl.Int32,
}
DONE = {
    "comment with a videoid that is not a whole number": "left out",
    "comment of an unknown video": "left out",
    "comment with a ctime that is blank or not a date": "left out: its time is unknown",
    "comment without a text": "kept, of length 0",
    "comment with an etime that is not a number": "kept, at an unknown offset",
    "comment with an etime below 0": "kept, at an unknown offset",
    "comment with an etime beyond the end of the video": "kept, at an unknown offset",
    NULL_WORD: READ_AS_BLANK,
}
ODD_VIDEO, STRANGE, UNDATED, SILENT, ODD_OFFSET, NEGATIVE, BEYOND, _ = DONE
BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError)
# What viewers say of a video that they like, and of one that they do not.
LIKING = (
    "好看", "喜欢", "感动", "哈哈", "精彩", "好听", "可爱", "最爱", "爱了", "好甜",
    "甜蜜", "磕到", "嗑到", "支持", "加油", "期待", "好帅", "帅气", "漂亮", "好美",
    "美丽", "厉害", "优秀", "太棒", "真棒", "好棒", "绝了", "神剧", "经典", "好笑",
    "笑死", "开心", "温暖", "泪目", "催更", "追定", "封神", "演技好", "演技在线", "惊艳",
    "上头", "过瘾", "给力", "良心", "推荐", "不错",
)  # fmt: skip
DISLIKING = (
    "不好看", "不喜欢", "没意思", "不好笑", "不期待", "不支持", "不推荐", "难看", "无聊", "失望",
    "太烂", "真烂", "烂片", "烂剧", "好烂", "烂尾", "垃圾", "尴尬", "恶心", "讨厌",
    "快进", "弃剧", "弃了", "看不下去", "拖沓", "狗血", "难听", "太假", "好假", "油腻",
    "无语", "浪费时间", "演技差", "面瘫", "出戏", "离谱", "降智", "毁了", "别扭", "太慢",
    "催眠", "难受", "吐了", "差评", "太丑", "好丑", "生气",
)  # fmt: skip
WEIGHTS = dict.fromkeys(LIKING, 1) | dict.fromkeys(DISLIKING, -1)
# Of phrases that overlap, the one that starts first is found: "not good to watch" is no liking.
PHRASES = sorted(WEIGHTS, key=lambda phrase: (-len(phrase), phrase))


@dataclass(frozen=True)
class Comments:
    """One row per video and date of writing, sorted by these: the number of ``comments``, the sum of their
    ``sentiment`` (each -1, 0 or 1), of their offsets in the video in seconds (unknown: 0), and of their characters.
    ``warning``: there are comments, and none of them is read; "" where not.
    """

    frame: pl.DataFrame
    notes: tuple[Note, ...]
    warning: str


def read_comments(files: RawFiles, codes: Codes) -> Comments:
    """Read the workbooks one by one; memory is that of the largest."""
    lengths = read_videos(files, codes).frame.select("video", "vid", most_ms=pl.col("duration") * 1000 + SLACK_MS)
    schema = {"video": pl.Int32, "date": pl.Date, "comments": pl.Int64, "sentiment": pl.Int64}
    parts = [pl.DataFrame(schema=schema | {"offset_ms": pl.Int64, "length": pl.Int64})]
    counts: Counter[str] = Counter()
    sample: dict[str, str | None] = {}
    for table in read_books(files.comments):
        part, faults = _add_up(table, lengths)
        parts.append(part)
        counts.update(faults)
        sample = sample or next(table.head(1).iter_rows(named=True), {})
    total = pl.concat(parts).group_by("video", "date").agg(pl.all().sum()).sort("video", "date")
    frame = total.with_columns(offset_s=pl.col("offset_ms") / 1000).select(
        "video", "date", *(pl.col(name).cast(dtype) for name, dtype in SUMS.items())
    )
    notes = [Note(COMMENTS, what, counts[what], DONE[what]) for what in DONE if counts[what]]
    beside = [note for note in files.notes if note.file == COMMENTS]
    warning = _warn([*beside, *notes], sample) if (beside or notes) and frame.is_empty() else ""
    return Comments(frame, tuple(notes), warning)


def _warn(notes: list[Note], sample: dict[str, str | None]) -> str:
    faults = "; ".join(f"{note.what}: {note.rows:,}" for note in notes)
    first = (
        f"; the first has {', '.join(f'{name} {sample[name]!r}' for name in ('videoid', 'ctime'))}" if sample else ""
    )
    return f"no comment in {COMMENTS} can be used, so features of comments are empty: {faults}{first}"


def _add_up(table: pl.DataFrame, lengths: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """One row per (video, date) of a workbook, in whole numbers, whose sums do not depend on the order."""
    blanked = [blank_nulls(column, NULLS) for column in table]
    rows = pl.DataFrame([column for column, _ in blanked]).filter(~pl.all_horizontal(pl.all().is_null()))
    vid = pl.col("videoid").str.strip_chars().str.replace(DIGITS_BEFORE_POINT, "$1").cast(pl.Int64, strict=False)
    etime = pl.col("etime").str.strip_chars().cast(pl.Float64, strict=False)
    read = rows.select(
        vid=vid,
        date=_parse_times(rows["ctime"].str.strip_chars()).cast(pl.Datetime("ms")).dt.date(),
        content="content",
        written=pl.col("etime").is_not_null(),
        etime=pl.when(etime.is_finite()).then(etime),
    ).join(lengths, on="vid", how="left", maintain_order="left")
    known = pl.col("video").is_not_null()
    kept = read.filter(known & pl.col("date").is_not_null())
    offset = pl.col("etime")
    faults = kept.select(
        pl.col("content").is_null().sum().alias(SILENT),
        (pl.col("written") & offset.is_null()).sum().alias(ODD_OFFSET),
        (offset < 0).sum().alias(NEGATIVE),
        (offset > pl.col("most_ms")).sum().alias(BEYOND),
    ).row(0, named=True)
    lost = read.select(
        pl.col("vid").is_null().sum().alias(ODD_VIDEO),
        (pl.col("vid").is_not_null() & ~known).sum().alias(STRANGE),
        (known & pl.col("date").is_null()).sum().alias(UNDATED),
    ).row(0, named=True)
    inside = (offset >= 0) & ~(offset > pl.col("most_ms")).fill_null(False)
    sums = kept.group_by("video", "date").agg(
        comments=pl.len().cast(pl.Int64),
        sentiment=score_sentiment(pl.col("content")).cast(pl.Int64).sum(),
        offset_ms=pl.when(inside).then(offset.round().cast(pl.Int64, strict=False)).sum(),
        length=pl.col("content").str.len_chars().cast(pl.Int64).sum(),
    )
    return sums, faults | lost | {NULL_WORD: sum(words for _, words in blanked)}


def _parse_times(text: pl.Series) -> pl.Series:
    """Moments, or Excel's days where more of a workbook can be read as these: 45767 alone may be either's fault."""
    moments, days = parse_moments(text), parse_excel_days(text)
    return days if days.count() > moments.count() else moments


def score_sentiment(text: pl.Expr) -> pl.Expr:
    """Words of liking less words of disliking in a text, at most 1 and at least -1 (Int32; 0 for null)."""
    phrases = text.fill_null("").str.extract_many(PHRASES, leftmost=True)
    weights = phrases.list.eval(pl.element().replace_strict(WEIGHTS, return_dtype=pl.Int32))
    return weights.list.sum().clip(-1, 1)


def read_books(paths: Sequence[Path]) -> Iterator[pl.DataFrame]:
    """The columns of the sheet of comments (or of the only sheet) of each workbook as texts, null where empty.

    Refused, before the first is read: what is no whole archive. Then: no such sheet, no such column.
    """
    for path in paths:
        if fault := _find_damage(path):
            raise UserError(f"{path} {fault}; save it again as .xlsx, or take it out of the folder")
    return (_read_book(path) for path in paths)


def _find_damage(path: Path) -> str | None:
    """What is wrong with the archive: most often a download that broke off."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except BROKEN as error:
        return f"is not a workbook ({error})"
    return f"is damaged ({damaged!r} in it does not match its checksum)" if damaged else None


def _read_book(path: Path) -> pl.DataFrame:
    sheet, columns = COMMENT_SHEET, COMMENT_COLUMNS
    try:
        reader = fastexcel.read_excel(path)
        sheets = reader.sheet_names
        if sheet not in sheets and len(sheets) != 1:
            raise UserError(f"{path} has no sheet {sheet!r} but {len(sheets)} others; name the sheet {sheet!r}")
        loaded = reader.load_sheet(
            sheet if sheet in sheets else 0, dtypes="string", use_columns=lambda column: column.name.strip() in columns
        )
        frame = loaded.to_polars().rename(str.strip)
    except (fastexcel.FastExcelError, *UNREADABLE) as error:
        reason = describe_failure(error)
        raise UserError(f"{path} cannot be read as a workbook ({reason}); save it again as .xlsx") from error
    for name in columns:
        if name not in frame.columns:
            raise UserError(f"{path} has no column {name!r} on its first row; rename it, or download the file again")
    return frame.select(pl.col(*columns).cast(pl.String))
