"""What only MGTV has: devices shown nothing, two boards, files that may be missing, what the host may score by."""

from pathlib import Path

import polars as pl

from competitions.mgtv.io import schema
from tests.conftest import Call
from tests.contract.contract import Finished, count, solve
from tests.contract.mgtv import MGTV
from tests.contract.mgtv_planted import (
    ALONE,
    DAYS,
    DEVICES,
    FIRST_VID,
    NEW_DEVICES,
    name,
    read_text,
    vid_of,
)
from tests.unit.mgtv.mgtv_raw_files import write_book

ONLY = (MGTV,)


def read_answers(finished: Finished) -> dict[str, tuple[int, float]]:
    """The video and the rate of each device, in the order of the file."""
    frame = pl.read_csv(finished.submission, schema_overrides={"did": pl.String})
    return {did: (vid, rate) for did, vid, rate in frame.rows()}


def test_devices_that_were_shown_nothing_get_the_most_clicked_video_of_the_last_day(finished: Finished) -> None:
    clicks = read_text(finished.raw / schema.click_path(DAYS)).filter(pl.col("vid").cast(pl.Int64) >= FIRST_VID)
    counts = clicks["vid"].cast(pl.Int64).value_counts().sort("count", "vid", descending=[True, False])
    answers = read_answers(finished)
    alone = [name(DEVICES + NEW_DEVICES + i) for i in range(ALONE)]
    assert {answers[did][0] for did in alone} == {counts["vid"][0]}
    (rate,) = {answers[did][1] for did in alone}
    assert 0 < rate <= 1.1
    assert count(finished, "testA_pred_did.csv", "test device without shown videos") == ALONE


def test_comments_that_are_all_lost_are_warned_of_at_the_end(folder: Path, call: Call, tmp_path: Path) -> None:
    for path in (folder / schema.COMMENTS).iterdir():
        write_book(path, *[(vid_of(1, 1), "好看", "the first day", 0)] * 3)
    made = solve(call, MGTV, folder, tmp_path / "build", *MGTV.quick, options=["--until", "cv"])
    (line,) = [line for line in made.out.splitlines() if line.startswith("WARNING")]
    assert line.startswith(f"WARNING: no comment in {schema.COMMENTS} can be used, so features of comments are empty")
    assert "comment with a ctime that is blank or not a date: 6" in line
    assert "ctime 'the first day'" in line
