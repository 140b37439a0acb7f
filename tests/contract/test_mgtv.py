"""What only MGTV has: devices shown nothing, two boards, files that may be missing, what the host may score by."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from competitions.mgtv.io import schema
from tests.conftest import Call
from tests.contract.contract import Finished, words
from tests.contract.mgtv import MGTV
from tests.contract.mgtv_planted import (
    ALONE,
    DAYS,
    DEVICES,
    EXTRA_VID,
    FIRST_VID,
    NEW_DEVICES,
    add_rows,
    name,
    read_text,
    vid_of,
)
from tests.unit.mgtv.mgtv_raw_files import ASKED, SHOWN, write_book

ONLY = (MGTV,)
FAST = ("watch.rounds=8", "completion.rounds=8")


@pytest.fixture
def folder(finished: Finished, tmp_path: Path) -> Path:
    """The planted raw files, to be edited."""
    return Path(shutil.copytree(finished.raw, tmp_path / "raw"))


def solve(call: Call, raw: Path, build: Path, *settings: str) -> Finished:
    """A small run inside this process: a library's warning would fail it."""
    before = set(build.glob("mgtv/*/run.json"))
    code, out, err = call(*words(MGTV, raw, build, *settings))
    assert code == 0, out + err
    (made,) = set(build.glob("mgtv/*/run.json")) - before
    return Finished(raw, raw.with_name("truth.csv"), build, made.parent)


def read_answers(finished: Finished) -> dict[str, tuple[int, float]]:
    """The video and the rate of each device, in the order of the file."""
    frame = pl.read_csv(finished.submission, schema_overrides={"did": pl.String})
    return {did: (vid, rate) for did, vid, rate in frame.rows()}


def count(finished: Finished, file: str, what: str) -> int:
    """How often the notes say that this was met."""
    notes = finished.record["notes"]
    rows = [note["rows"] for note in notes if file in note["where"] and note["what"] == what]
    assert len(rows) == 1, (what, notes)
    return int(rows[0])


def read_score(call: Call, finished: Finished, truth: Path) -> float:
    """The score of a run."""
    code, out, err = call("score", "mgtv", finished.submission, "--truth", truth, "--raw", finished.raw)
    assert code == 0, out + err
    return float(out.split()[1])


def test_faults_that_a_rule_settles_are_counted_and_the_run_goes_on(folder: Path, call: Call, tmp_path: Path) -> None:
    """A fault in each file; every rule has its test beside the reader."""
    known, day, shown = name(0), 7, read_text(folder / schema.show_path(7)).row(0)
    clicked = read_text(folder / schema.click_path(day)).row(3)
    add_rows(folder / schema.show_path(day), shown, shown)
    add_rows(folder / schema.click_path(day), clicked, (known, 77_777, "2025-04-26 11:00:00"))
    # The second play of a pair is of unknown length, the first counts.
    add_rows(folder / schema.play_path(day), (*clicked[:2], ""), (known, 77_777, -5), ("late", vid_of(3, 3), 9))
    add_rows(folder / schema.VIDEOS, (FIRST_VID + 1, 999, *["1"] * 8))
    add_rows(folder / ASKED, (read_text(folder / ASKED)["did"][4],))
    add_rows(folder / SHOWN, ("nobody", FIRST_VID + 1))
    write_book(folder / schema.COMMENTS / "3.xlsx", (12, "好看", "2025-04-25 10:00:00", 5))
    finished = solve(call, folder, tmp_path / "build", *FAST)
    logs = "the logs of all days"
    assert count(finished, logs, "impression repeated") == 2
    assert count(finished, logs, "click without an impression") == 1
    assert count(finished, logs, "play_time blank") == 1
    assert count(finished, logs, "play without a click") == 1
    assert count(finished, schema.VIDEOS, "further row of a video, with other values") == 1
    assert count(finished, schema.VIDEOS, "video of a log or the test that the table lacks") == 1
    assert count(finished, "testA_pred_did.csv", "device asked for again") == 1
    assert count(finished, "testA_did_show.csv", "row of a device that is not asked for") == 1
    assert count(finished, schema.COMMENTS, "comment of a video that no log, no table and no test has") == 1
    assert list(read_answers(finished)) == read_text(folder / ASKED)["did"].unique(maintain_order=True).to_list()
    assert call("check", "mgtv", finished.submission, "--raw", folder)[0] == 0


def test_devices_that_were_shown_nothing_get_the_most_clicked_video_of_the_last_day(finished: Finished) -> None:
    clicks = read_text(finished.raw / schema.click_path(DAYS)).filter(pl.col("vid").cast(pl.Int64) >= FIRST_VID)
    counts = clicks["vid"].cast(pl.Int64).value_counts().sort("count", "vid", descending=[True, False])
    answers = read_answers(finished)
    alone = [name(DEVICES + NEW_DEVICES + i) for i in range(ALONE)]
    assert {answers[did][0] for did in alone} == {counts["vid"][0]}
    (rate,) = {answers[did][1] for did in alone}
    assert 0 < rate <= 1.1
    assert count(finished, "testA_pred_did.csv", "device asked for and shown nothing") == ALONE


def test_nobody_is_answered_by_a_video_that_cannot_score(finished: Finished) -> None:
    """The checker asks for the order, and for a shown video; here: one with a duration."""
    answers = read_answers(finished)
    assert all(vid < EXTRA_VID or vid >= FIRST_VID for vid, _ in answers.values())
    assert finished.summary["submission"]["rows"] == len(answers)
    assert finished.summary["truth"] is None
    assert finished.summary["board"] == "A"


@pytest.mark.nightly
def test_without_comments_and_profiles_the_run_goes_on(
    folder: Path, finished: Finished, call: Call, tmp_path: Path
) -> None:
    shutil.rmtree(folder / schema.COMMENTS)
    (folder / schema.PROFILES).unlink()
    after = solve(call, folder, tmp_path / "build")
    assert count(after, schema.PROFILES, "no such file") == 1
    assert read_score(call, after, finished.truth) >= MGTV.floor  # they tell nothing


def test_comments_that_are_all_lost_are_warned_of_at_the_end(folder: Path, call: Call, tmp_path: Path) -> None:
    for path in (folder / schema.COMMENTS).iterdir():
        write_book(path, *[(vid_of(1, 1), "好看", "the first day", 0)] * 3)
    code, out, err = call(*words(MGTV, folder, tmp_path / "build", *MGTV.quick), "--until", "cv")
    assert code == 0, out + err
    (line,) = [line for line in out.splitlines() if line.startswith("WARNING")]
    assert line.startswith(f"WARNING: no comment in {schema.COMMENTS} is read, features of comments know nothing")
    assert "comment with a ctime that is blank or no date: 6" in line
    assert "ctime 'the first day'" in line
