"""The forms in which MGTV's files are known to come. Nobody here has the host's own: all are of public code that loads
them, or of what pandas, Excel and archivers make of such files on their way.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl

from competitions.mgtv.competition import COMPETITION
from competitions.mgtv.io import reader, schema
from tests.contract.host_forms import Form
from tests.contract.mgtv_planted import DAYS, add_rows, edit_table, read_text
from tests.unit.mgtv.mgtv_raw_files import ASKED, SHOWN, write_book

PANDAS, EXCEL, ARCHIVERS = "pandas.read_csv and to_csv", "Excel", "archivers that unpack into a folder of its own"
TO_DATETIME = "public code that calls pandas.to_datetime"
CAST = "public code that casts ctime to a whole number of unknown unit"
LAYOUT = "public code for this edition"
TIME = pl.col("click_time")
Apply = Callable[[Path], object]


def read(raw: Path) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """Every frame of a run's reading, and its notes and warning."""
    config = COMPETITION.load_config([])
    files = COMPETITION.locate(raw, config)
    codes = reader.learn_codes(files)
    videos, profiles = reader.read_videos(files, codes), reader.read_profiles(files, codes)
    comments, test = reader.read_comments(files, codes), reader.read_test(files, codes)
    days = [reader.read_day(day, codes, config.host) for day in files.days]
    frames = {"devices": codes.devices, "vids": codes.videos, "videos": videos.frame, "profiles": profiles.frame}
    frames |= {"comments": comments.frame, "queries": test.queries, "shown": test.shown}
    frames |= {f"day {at}": day.frame.with_columns(date=pl.lit(day.date)) for at, day in enumerate(days)}
    parts = (files, videos, profiles, comments, test, *days)
    notes = [f"{note.file}: {note.what}: {note.rows}, {note.done}" for part in parts for note in part.notes]
    said = [note.replace("B榜", "A榜").replace("testB", "testA") for note in notes]
    return {name: frame for name, frame in frames.items() if not frame.is_empty()}, [*said, comments.warning]


def list_csv(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.csv"))


def on_all(*exprs: Callable[[str], pl.Expr], names: tuple[str, ...]) -> Apply:
    """An edit of the cells of these columns, in every file that has them."""

    def apply(folder: Path) -> None:
        for path in list_csv(folder):
            there = [name for name in names if name in read_text(path).columns]
            if there:
                edit_table(path, *(expr(name) for expr in exprs for name in there))

    return apply


def on_clicks(time: pl.Expr) -> Apply:
    """Another way to write when a click was."""

    def apply(folder: Path) -> None:
        for day in range(1, DAYS + 1):
            edit_table(folder / schema.click_path(day), time.alias("click_time"))

    return apply


def on_books(
    ctime: pl.Expr | None = None, videoid: pl.Expr | None = None, sheet: str = schema.COMMENT_SHEET, more: str = ""
) -> Apply:
    """Workbooks written anew: another way to write times or ids, another sheet, a further first column."""

    def apply(folder: Path) -> None:
        for path in sorted((folder / schema.COMMENTS).glob("*.xlsx")):
            table = pl.read_excel(path, schema_overrides={"videoid": pl.Int64, "ctime": pl.String})
            edits = {"ctime": ctime, "videoid": videoid}
            table = table.with_columns(expr.alias(name) for name, expr in edits.items() if expr is not None)
            table = table.insert_column(0, pl.lit("x").alias(more)) if more else table
            write_book(path, *table.rows(), sheet=sheet, header=tuple(table.columns))

    return apply


def nest(*tops: str) -> Apply:
    """Archives unpacked into a folder of their own name; none named: all."""

    def apply(folder: Path) -> None:
        for top in [folder / name for name in tops] or sorted(folder.iterdir()):
            top.rename(folder / "moved")
            top.mkdir()
            (folder / "moved").rename(top / top.name)

    return apply


def leave_packed(top: str) -> Apply:
    """An archive beside the others, which nobody has unpacked."""

    def apply(folder: Path) -> None:
        shutil.make_archive(str(folder / top), "zip", folder, top)
        shutil.rmtree(folder / top)

    return apply


def without_leading_zeros(folder: Path) -> None:
    for kind in (schema.SHOWS, schema.CLICKS, schema.PLAYS):
        for day in sorted((folder / kind).iterdir()):
            for log in day.iterdir():
                log.rename(log.with_name(log.name.replace("data0", "data").replace("day0", "day")))
            day.rename(day.with_name(day.name.replace("day0", "day")))


def rename_board(folder: Path) -> None:
    for path in (schema.ASKED, schema.SHOWN):
        first, second = (folder / path.format(board=board) for board in "AB")
        second.parent.mkdir(exist_ok=True)
        first.rename(second)


def move_books(folder: Path) -> None:
    for path in (folder / schema.COMMENTS).iterdir():
        path.rename(path.with_name(f"danmu_{path.name}"))


def add_books(folder: Path) -> None:
    (folder / schema.COMMENTS / "3.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    (folder / schema.COMMENTS / "4.csv").write_text("videoid,content,ctime,etime\n", "utf-8")


def add_collections(folder: Path) -> None:
    for day in range(1, DAYS + 1):
        for path in (folder / schema.click_path(day), folder / schema.play_path(day)):
            table = read_text(path)
            table.insert_column(2, pl.lit("701").alias("item_cid")).write_csv(path)


def add_blank_keys(folder: Path) -> None:
    add_rows(folder / schema.show_path(3), ("NULL", 5001), ("abc", ""))
    add_rows(folder / schema.click_path(3), ("", 5001, "2025-04-22 10:00:00"))
    add_rows(folder / SHOWN, ("nan", 5001))
    add_rows(folder / ASKED, ("NULL",))
    add_rows(folder / schema.VIDEOS, ("", *["1"] * 9))


def say_null(name: str) -> pl.Expr:
    words = pl.Series(["NULL", "null", "None", "NA", "nan", "NaN", "N/A", "<NA>", " ", "#N/A"])
    word = pl.lit(words).gather(pl.int_range(pl.len()) % len(words))
    return pl.coalesce(pl.col(name), word).alias(name)


def as_double(name: str) -> pl.Expr:
    return (pl.col(name) + ".0").alias(name)


def parse(column: pl.Expr) -> pl.Expr:
    return column.str.to_datetime("%Y-%m-%d %H:%M:%S")


def shift(column: pl.Expr) -> pl.Expr:
    """The same moment by the clock of universal time; China's is 8 hours ahead."""
    return parse(column) - pl.duration(hours=8)


WHOLE = ("vid", "item_cid", "item_type", "item_classify", "item_isIntact", "item_serialno", "sid", "stype")
NULLABLE = (*schema.VIDEO_COLUMNS[1:], *schema.NUMBERS, schema.WORD)
CTIME = pl.col("ctime")
LOGS, CLICKS, BOOKS = "every CSV", schema.CLICKS, schema.COMMENTS
DIGITS = "%Y%m%d%H%M%S"
SERIAL = parse(CTIME).dt.epoch("s") / 86_400 + 25_569

CLICK_TIMES = {
    "click_time in 14 digits": parse(TIME).dt.strftime(DIGITS),
    "14 digits as a double": parse(TIME).dt.strftime(DIGITS + ".0"),
    "click_time with a T": TIME.str.replace(" ", "T"),
    "click_time with Z": shift(TIME).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
}
COMMENT_TIMES = {
    "ctime in 14 digits": (CAST, parse(CTIME).dt.strftime(DIGITS).cast(pl.Int64)),
    "ctime in 14 digits, as text": (CAST, parse(CTIME).dt.strftime(DIGITS)),
    "ctime in seconds since 1970": (CAST, shift(CTIME).dt.epoch("s")),
    "ctime in milliseconds, a fraction": (CAST, shift(CTIME).dt.epoch("ms") + 0.5),
    "ctime with a fraction": (TO_DATETIME, CTIME + ".250"),
    "ctime as cells of a date": (EXCEL, parse(CTIME)),
    "ctime as Excel's days since 1900": (EXCEL, SERIAL),
}
FORMS = (
    *(Form(CLICKS, variant, TO_DATETIME, on_clicks(time)) for variant, time in CLICK_TIMES.items()),
    Form(CLICKS, "with item_cid, plays too", LAYOUT, add_collections),
    Form(LOGS, "NULL, nan and the like for a blank", PANDAS, on_all(say_null, names=NULLABLE), "with NULL"),
    Form(LOGS, "rows without a did or vid", PANDAS, add_blank_keys, "row whose did or vid is blank: 2"),
    Form(LOGS, "whole numbers made doubles: 5176.0", PANDAS, on_all(as_double, names=WHOLE)),
    Form("folders of days", "no leading zeros", "assumed of code that counts the days", without_leading_zeros),
    Form("every archive", "unpacked into a folder of its name", ARCHIVERS, nest()),
    Form(schema.SHOWS, "unpacked into a folder of its name", ARCHIVERS, nest(schema.SHOWS)),
    Form("did_features", "left packed", "archives", leave_packed("did_features"), "is there: unpack it"),
    Form(BOOKS, "left packed", "archives", leave_packed(BOOKS), "is there: unpack it"),
    Form("test files", "of board B", "by analogy with board A", rename_board),
    *(Form(BOOKS, variant, source, on_books(time)) for variant, (source, time) in COMMENT_TIMES.items()),
    Form(BOOKS, "videoid as text, a double", PANDAS, on_books(videoid=pl.col("videoid").cast(pl.String) + ".0")),
    Form(BOOKS, "a sheet of another name", LAYOUT, on_books(sheet="弹幕")),
    Form(BOOKS, "a further first column", PANDAS, on_books(more="id")),
    Form(BOOKS, "an .xls and a .csv beside", EXCEL, add_books, "files that are not workbooks named by a number"),
    Form(BOOKS, "all under other names", EXCEL, move_books, f"no comment in {BOOKS} can be used"),
)
