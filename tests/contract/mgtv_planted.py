"""Tiny raw files for the MGTV competition whose devices follow a planted rule, and edits of them.

The rule: a device follows one programme and watches the episode after the last one that it watched, of which it is
shown others as well; a patient device sees 96 % of a long episode and 48 % of a short one, an impatient one 30 % and
12 %. Episodes are spread alike over devices and days, so that popularity and position know nothing. One click in ten
goes to another programme, one play in ten is of any length.
"""

import datetime
import shutil
from pathlib import Path

import numpy as np
import polars as pl

from competitions.mgtv.io import schema
from tests.unit.mgtv.mgtv_raw_files import ASKED, SHOWN, write_book

DAYS, TEST_DAY = 11, 12
FIRST_DATE = datetime.date(2025, 4, 20)
DEVICES, NEW_DEVICES, ALONE = 180, 8, 2  # the new ones and those shown nothing appear in the test alone
ACTIVE_SHARE, TEST_SHARE, AGAIN_SHARE, NOISE_SHARE = 0.8, 0.7, 0.3, 0.1
PROGRAMMES, EPISODES, FIRST_VID = 12, 24, 5000
EXTRAS, EXTRA_VID, EXTRA_SHARE = 6, 900, 0.3  # videos without a programme or a duration
LONG, SHORT = 1, 2  # item_type
SECONDS = {LONG: 2700, SHORT: 90}
RATES = {(True, LONG): 0.96, (True, SHORT): 0.48, (False, LONG): 0.30, (False, SHORT): 0.12}
COMMENTS_A_BOOK = 60
STRANGERS = 30

Row = tuple[str, int]  # did, vid
Click = tuple[str, int, int]  # did, vid, second of the day
Play = tuple[str, int, float]  # did, vid, seconds


def write_raw(folder: Path, truth: Path) -> None:
    """The planted files, in the host's layout, and the answers of the test."""
    rng = np.random.default_rng(7)
    audience = Audience(rng)
    for day in range(1, DAYS + 1):
        shows, clicks, plays = audience.live(rng.permutation(DEVICES)[: int(ACTIVE_SHARE * DEVICES)].tolist())
        write_table(folder / schema.show_path(day), shows, "did", "vid")
        write_clicks(folder, day, clicks)
        write_table(folder / schema.play_path(day), plays, "did", "vid", "play_time")
    test_devices = rng.permutation(DEVICES)[: int(TEST_SHARE * DEVICES)].tolist()
    shows, clicks, plays = audience.live([*test_devices, *range(DEVICES, DEVICES + NEW_DEVICES)])
    alone = [name(DEVICES + NEW_DEVICES + i) for i in range(ALONE)]
    order = rng.permutation(list(dict.fromkeys([*(did for did, _ in shows), *alone])))
    write_table(folder / ASKED, [(did,) for did in order.tolist()], "did")
    write_table(folder / SHOWN, shows, "did", "vid")
    write_truth(truth, clicks, plays, alone)
    write_videos(folder)
    write_profiles(folder, rng)
    write_comments(folder, rng)


def name(device: int) -> str:
    """A did: eight hexadecimal digits, in another order than the devices, some of them all decimal."""
    return f"{(device + 1) * 2_654_435_761 % 2**32:08x}"


def vid_of(programme: int, serial: int) -> int:
    """The vid of an episode, ``serial`` from 1."""
    return FIRST_VID + programme * EPISODES + serial


def kind_of(vid: int) -> int:
    """Long and short episodes alternate."""
    return LONG if vid % 2 else SHORT


class Audience:
    """The devices: programme, patience, and the last episode that each has watched."""

    def __init__(self, rng: np.random.Generator) -> None:
        count = DEVICES + NEW_DEVICES
        self.rng = rng
        self.programme = rng.permutation(count) % PROGRAMMES
        self.patient = rng.random(count) < 0.5
        self.serial = rng.integers(0, EPISODES - DAYS - 5, count)

    def live(self, devices: list[int]) -> tuple[list[Row], list[Click], list[Play]]:
        """A day of these devices: what they are shown, click and play."""
        shows: list[Row] = []
        clicks: list[Click] = []
        plays: list[Play] = []
        for device in devices:
            did, rng = name(device), self.rng
            own, due = int(self.programme[device]), int(self.serial[device]) + 1
            others = self._draw_others(own)
            wrong = due + int(rng.choice([-1, 2, 3, 4]) if due > 1 else 2)
            extra = [EXTRA_VID + int(rng.integers(EXTRAS))] if rng.random() < EXTRA_SHARE else []
            right = vid_of(own, due)
            listed = [right, vid_of(own, wrong), *others, *extra]
            shows += [(did, int(vid)) for vid in rng.permutation(listed)]
            first = int(rng.choice([others[0], *extra])) if rng.random() < NOISE_SHARE else right
            self.serial[device] += first == right
            second = int(rng.integers(8 * 3600, 22 * 3600))
            watched = [first] + others[1:2] * (rng.random() < AGAIN_SHARE)
            clicks += [(did, vid, second + 700 * i) for i, vid in enumerate(watched)]
            plays += [(did, vid, self._play(device, vid)) for vid in watched]
        return shows, clicks, plays

    def _draw_others(self, own: int) -> list[int]:
        """Episodes of other programmes, 4 to 6."""
        programmes = self.rng.permutation([other for other in range(PROGRAMMES) if other != own])
        count = int(self.rng.integers(4, 7))
        return [vid_of(int(one), int(self.rng.integers(1, EPISODES - 3))) for one in programmes[:count]]

    def _play(self, device: int, vid: int) -> float:
        kind = kind_of(vid)
        rate = RATES[bool(self.patient[device]), kind] * np.exp(self.rng.normal(0, 0.03))
        if self.rng.random() < NOISE_SHARE:
            rate = self.rng.uniform(0.05, 1.0)
        return round(float(rate) * SECONDS[kind], 3)


def write_table(path: Path, rows: list[tuple[str]] | list[Row] | list[Play], *header: str) -> None:
    """A CSV of these rows."""
    write_frame(path, pl.DataFrame(rows, schema=list(header), orient="row"))


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """A CSV in a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_csv(path)


def write_clicks(folder: Path, day: int, clicks: list[Click]) -> None:
    """The clicks of a day by time."""
    frame = pl.DataFrame(clicks, schema=["did", "vid", "second"], orient="row").sort("second", "did")
    midnight = FIRST_DATE + datetime.timedelta(days=day - 1)
    time = pl.lit(midnight).cast(pl.Datetime) + pl.duration(seconds="second")
    timed = frame.select("did", "vid", click_time=time.dt.strftime("%Y-%m-%d %H:%M:%S"))
    write_frame(folder / schema.click_path(day), timed)


def write_truth(path: Path, clicks: list[Click], plays: list[Play], alone: list[str]) -> None:
    """The first click of each device, where its completion rate is known; any video for those shown nothing."""
    seconds = {(did, vid): play for did, vid, play in plays}
    first: dict[str, Row] = {}
    for did, vid, _ in clicks:
        first.setdefault(did, (did, vid))
    rows = [(did, vid, seconds[did, vid] / SECONDS[kind_of(vid)]) for did, vid in first.values() if vid >= FIRST_VID]
    rows += [(did, vid_of(0, 1), 1.0) for did in alone]
    write_table(path, rows, *schema.SUBMISSION_COLUMNS)


def write_videos(folder: Path) -> None:
    """The table of videos."""
    rows: list[tuple[int | None, ...]] = []
    for programme in range(PROGRAMMES):
        for serial in range(1, EPISODES + 1):
            vid = vid_of(programme, serial)
            kind = kind_of(vid)
            about = (kind, SECONDS[kind], 1 + programme % 2, 1 + programme % 4, kind, serial, 100 + programme // 2, 3)
            rows.append((vid, 700 + programme, *about))
    for extra in range(EXTRAS):
        rows.append((EXTRA_VID + extra, 0, SHORT, None if extra % 2 else 0, 1, 9, 4, 0, 0, 1))
    write_frame(folder / schema.VIDEOS, pl.DataFrame(rows, schema=list(schema.VIDEO_COLUMNS), orient="row"))


def write_profiles(folder: Path, rng: np.random.Generator) -> None:
    """The table of devices, which tells nothing: two codes, noise with holes, a column without a value, a word."""
    devices = range(3, DEVICES + NEW_DEVICES + ALONE)
    count = len(devices)
    columns: dict[str, pl.Series] = {"did": pl.Series([name(device) for device in devices])}
    for number in schema.NUMBERS:
        values = rng.integers(0, 9, count).astype(float) if number in ("f0", "f68") else rng.normal(size=count)
        values[rng.random(count) < 0.1] = np.nan
        columns[number] = pl.Series(values).round(4).fill_nan(None)
    columns["f22"] = pl.repeat(None, count, dtype=pl.Float64, eager=True)
    columns[schema.WORD] = pl.Series(rng.choice(["new", "old", "loyal"], count))
    write_frame(folder / schema.PROFILES, pl.DataFrame(columns))


def write_comments(folder: Path, rng: np.random.Generator) -> None:
    """Two workbooks of comments that tell nothing."""
    for number in (1, 2):
        rows = []
        for _ in range(COMMENTS_A_BOOK):
            date = FIRST_DATE + datetime.timedelta(days=int(rng.integers(DAYS)))
            vid = vid_of(int(rng.integers(PROGRAMMES)), int(rng.integers(1, EPISODES)))
            text = str(rng.choice(["好看", "无聊", "打卡"]))
            rows.append((vid, text, f"{date} 20:15:00", int(rng.integers(0, 90_000))))
        write_book(folder / schema.COMMENTS / f"{number}.xlsx", *rows)


def write_popular(folder: Path, path: Path) -> None:
    """The baseline that looks at no device: the shown video with most clicks of all days, watched to its end."""
    read = [read_text(folder / schema.click_path(day)) for day in range(1, DAYS + 1)]
    counts = pl.concat([clicks.select("vid") for clicks in read]).group_by("vid").len()
    ranked = counts.sort("len", "vid", descending=[True, False])
    shown = read_text(folder / SHOWN).join(counts, on="vid", how="left").sort("len", "vid", descending=[True, False])
    best = shown.unique("did", keep="first", maintain_order=True).select("did", "vid")
    test_devices = read_text(folder / ASKED).join(best, on="did", how="left", maintain_order="left")
    filled = test_devices.with_columns(pl.col("vid").fill_null(ranked["vid"][0]), completion_rate=pl.lit(1.0))
    filled.write_csv(path)


def read_text(path: Path) -> pl.DataFrame:
    """A table as texts."""
    return pl.read_csv(path, infer_schema=False)


def edit_table(path: Path, *exprs: pl.Expr) -> None:
    """Write a table anew with some columns, texts all, replaced; a row's number is the column ``row``."""
    frame = read_text(path)
    frame.with_row_index("row").with_columns(*exprs).select(frame.columns).write_csv(path)


def add_rows(path: Path, *rows: tuple[object, ...]) -> None:
    """Write rows to the end of a table."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(",".join(map(str, row)) + "\n" for row in rows))


def replace_future(folder: Path, day: int = DAYS) -> int:
    """Of a day, click and play the next shown video instead, round the list, and half as long.

    Only among videos with a duration, so that the same devices have an answer.
    """
    shows = read_text(folder / schema.show_path(day)).filter(pl.col("vid").cast(pl.Int64) >= FIRST_VID)
    ring = shows.with_columns(other=pl.col("vid").shift(-1).fill_null(pl.col("vid").first()).over("did"))
    changed = 0
    for path in (folder / schema.click_path(day), folder / schema.play_path(day)):
        rows = read_text(path).join(ring, on=["did", "vid"], how="left", maintain_order="left")
        changed += rows["other"].count()
        rows = rows.with_columns(vid=pl.coalesce("other", "vid")).drop("other")
        if "play_time" in rows.columns:
            long = pl.col("vid").cast(pl.Int64) % 2 == 1
            rows = rows.with_columns(play_time=pl.when(long).then(810.0 + pl.int_range(pl.len())).otherwise(27.0))
        rows.write_csv(path)
    return changed


def add_future(folder: Path) -> int:
    """On the last day, clicks and plays of strangers who were shown nothing, and a later click of everybody.

    And one more day: what the last one showed, in another order, with other clicks and plays.
    """
    for write in (schema.show_path, schema.click_path, schema.play_path):
        path = folder / write(DAYS + 1)
        path.parent.mkdir()
        shutil.copy(folder / write(DAYS), path)
    read_text(folder / schema.show_path(DAYS + 1)).reverse().write_csv(folder / schema.show_path(DAYS + 1))
    today, tomorrow = (str(FIRST_DATE + datetime.timedelta(days=day)) for day in (DAYS - 1, DAYS))
    edit_table(folder / schema.click_path(DAYS + 1), pl.col("click_time").str.replace(today, tomorrow))
    added = replace_future(folder, DAYS + 1)
    strangers = [(f"stranger{i}", str(vid_of(i % PROGRAMMES, 1 + i % 9))) for i in range(STRANGERS)]
    clicked = read_text(folder / schema.click_path(DAYS)).select("did", "vid")
    shows = read_text(folder / schema.show_path(DAYS)).join(clicked, on=["did", "vid"], how="anti")
    again = shows.unique("did", keep="first", maintain_order=True).rows()
    add_rows(folder / schema.click_path(DAYS), *((*row, f"{today} 23:30:00") for row in [*strangers, *again]))
    add_rows(folder / schema.play_path(DAYS), *((*row, 60.0) for row in [*strangers, *again]))
    return added + len(strangers) + len(again)
