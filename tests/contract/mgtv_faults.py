"""Edits of the planted MGTV files that must stop a run."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from competitions.mgtv.io import schema
from tests.contract.contract import BadInput
from tests.contract.mgtv_planted import DAYS, edit_table
from tests.unit.mgtv.mgtv_raw_files import ASKED, SHOWN

Lines = list[str]


def unlink(name: str) -> Callable[[Path], None]:
    """Without a raw file."""
    return lambda folder: (folder / name).unlink()


def edit_file(name: str, edit: Callable[[Lines], Lines]) -> Callable[[Path], None]:
    """An edit of the lines of a raw file."""

    def change(folder: Path) -> None:
        path = folder / name
        path.write_text("\n".join(edit(path.read_text("utf-8").splitlines())) + "\n", "utf-8")

    return change


def rename(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Another name for a column of a raw file."""
    return edit_file(name, lambda lines: [lines[0].replace(old, new), *lines[1:]])


def spoil(name: str, line: int, row: str) -> Callable[[Path], None]:
    """Another row in a line of a raw file."""
    return edit_file(name, lambda lines: [*lines[: line - 1], row, *lines[line:]])


def keep_days(folder: Path) -> None:
    """Two days alone."""
    for kind in (schema.SHOWS, schema.CLICKS, schema.PLAYS):
        for day in range(3, DAYS + 1):
            shutil.rmtree(folder / kind / f"day{day:02d}")


def twice_a_day(folder: Path) -> None:
    """A day's clicks in two folders."""
    shutil.copytree((folder / schema.click_path(5)).parent, folder / schema.CLICKS / "day5")


def spoil_workbook(folder: Path) -> None:
    """A text in the place of a workbook."""
    (folder / schema.COMMENTS / "2.xlsx").write_text("videoid,content,ctime,etime\n", "utf-8")


def rename_in_workbook(folder: Path) -> None:
    """A workbook that lacks a column."""
    path = folder / schema.COMMENTS / "1.xlsx"
    pl.DataFrame({"videoid": [1], "content": ["a"], "ctime": ["2025-04-21"]}).write_excel(path, schema.COMMENT_SHEET)


def blank_devices(folder: Path) -> None:
    """A log with no device in any row."""
    edit_table(folder / schema.click_path(6), pl.lit("NULL").alias("did"))


def pack(name: str) -> Callable[[Path], None]:
    """A raw file in the archive that it came in."""

    def change(folder: Path) -> None:
        path = folder / name
        with zipfile.ZipFile(path.with_name(f"{path.name}.zip"), "w") as archive:
            archive.write(path, path.name)
        path.unlink()

    return change


def move_deeper(folder: Path) -> None:
    """Everything in a folder of the raw folder."""
    paths = list(folder.iterdir())
    (folder / "data").mkdir()
    for path in paths:
        path.rename(folder / "data" / path.name)


BAD_INPUTS = {
    "no table of videos": BadInput(unlink(schema.VIDEOS), ("vid_info_table.csv", "missing", "data/mgtv/raw")),
    "no asked devices": BadInput(unlink(ASKED), ("testA_pred_did.csv", "missing")),
    "no day": BadInput(lambda folder: shutil.rmtree(folder / schema.SHOWS), ("day 1 has", schema.SHOWS)),
    "a day without clicks": BadInput(unlink(schema.click_path(5)), ("day 5 has", schema.CLICKS, "clicked")),
    "a day twice": BadInput(twice_a_day, ("both of day 5",)),
    "too few days": BadInput(keep_days, ("2 day(s)", "split.valid_days")),
    "an empty file": BadInput(lambda folder: os.truncate(folder / schema.show_path(4), 0), ("day04", "0 bytes")),
    "nobody asked": BadInput(edit_file(ASKED, lambda lines: lines[:1]), ("testA_pred_did.csv", "no device")),
    "nothing shown": BadInput(edit_file(SHOWN, lambda lines: lines[:1]), ("testA_did_show.csv", "shows nothing")),
    "a missing column": BadInput(
        rename(schema.click_path(3), "click_time", "clicktime"), ("day03", "'click_time'", "'clicktime'")
    ),
    "a missing profile column": BadInput(rename(schema.PROFILES, ",f3,", ",g3,"), ("did_features", "'f3'")),
    "no device at all": BadInput(blank_devices, ("day06", "did or vid is blank in every row")),
    "a test list left packed": BadInput(
        pack(SHOWN), ("testA_did_show.csv is missing", "testA_did_show.csv.zip", "unpack")
    ),
    "everything a folder deeper": BadInput(move_deeper, (schema.SHOWS, "lies in", "raw/data: name that folder")),
    "a text for seconds": BadInput(
        spoil(schema.play_path(7), 3, "abc,5001,long"), ("day07", "line 3", "play_time", "'long'")
    ),
    "a word for a moment": BadInput(
        spoil(schema.click_path(7), 3, "abc,5001,noon"), ("day07", "line 3", "click_time", "'noon'")
    ),
    "a truncated row": BadInput(spoil(schema.play_path(8), 5, "abc,5001"), ("day08", "line 5", "2 fields", "3")),
    "a workbook that is none": BadInput(spoil_workbook, ("2.xlsx", "not a workbook")),
    "a workbook without a column": BadInput(rename_in_workbook, ("1.xlsx", "'etime'")),
    "no video with a duration": BadInput(
        lambda folder: edit_table(folder / schema.VIDEOS, pl.lit("0").alias("item_duration")), ("item_duration",)
    ),
    "no play of any day": BadInput(lambda folder: shutil.rmtree(folder / schema.PLAYS), (schema.PLAYS,)),
}
