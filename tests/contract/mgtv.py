"""The MGTV competition under contract."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl

from common.arrays import Floats
from competitions.mgtv import submission
from competitions.mgtv.competition import COMPETITION
from competitions.mgtv.config import BLOCKS
from competitions.mgtv.io import schema
from competitions.mgtv.models import decision
from tests.contract.contract import BadInput, Chain, Change, Contract, Mutation, Results
from tests.contract.edits import DROP_LAST, REPEAT_LAST, edit_file, edit_lines, edit_row
from tests.contract.mgtv_planted import (
    DAYS,
    FIRST_VID,
    add_future,
    edit_table,
    replace_future,
    write_popular,
    write_raw,
)

TRAIN_DAYS, VALID_DAYS = 2, 2
SMALL = (
    "fits=1",
    "watch.seeds=1",
    "watch.rounds=20",
    "watch.patience=10",
    "watch.lightgbm_softmax.min_data_in_leaf=5",
    "watch.lightgbm_softmax.lambda_l2=1.0",
    "watch.lightgbm_softmax.max_bin=31",
    "watch.lightgbm_softmax.num_threads=1",
    "completion.blocks=+profile",
    "completion.bins=6",
    "completion.rounds=20",
    "completion.patience=10",
    "completion.parameters.min_data_in_leaf=5",
    "completion.parameters.lambda_l2=1.0",
    "completion.parameters.max_bin=31",
    "completion.parameters.num_threads=1",
    f"split.train_days={TRAIN_DAYS}",
    f"split.valid_days={VALID_DAYS}",
)
QUICK = ("watch.rounds=1", "completion.rounds=1")
VALID = tuple(f"day{day}" for day in range(DAYS - VALID_DAYS + 1, DAYS + 1))
LABELLED = tuple(f"day{day:02d}" for day in range(DAYS - VALID_DAYS - TRAIN_DAYS + 1, DAYS + 1))
AFTER_FITS = {f"{day}.watch" for day in (*VALID, "test")} | {"judge", "measure", "answer"}
AFTER_FITS |= {"insight.importance"}
EARLY = f"{VALID[0]}-{VALID[-1][3:]}"
WATCH = {f"{EARLY}.fit.lightgbm_softmax", "refit.lightgbm_softmax"}
FITS = {f"{EARLY}.fit.completion", "refit.completion", *WATCH}


MUTATIONS = {
    "byte-order mark": Mutation(submission.FORMAT, lambda content: b"\xef\xbb\xbf" + content, ("byte-order mark",)),
    "a float for a video": Mutation(
        submission.INTEGERS, edit_row(lambda row: [row[0], "5001.0", row[2]]), (submission.INTEGERS, "line 3")
    ),
    "a negative rate": Mutation(
        submission.RATES, edit_row(lambda row: [*row[:2], "-0.25"]), (submission.RATES, "line 3")
    ),
    "a device twice": Mutation(submission.ONCE, REPEAT_LAST, (submission.ONCE,)),
    "a device left out": Mutation(submission.SAME_ORDER, DROP_LAST, (submission.SAME_ORDER, "missing")),
    "a video not shown": Mutation(
        submission.SHOWN,
        edit_lines(lambda lines: [lines[0], *(move_video(line) for line in lines[1:])]),
        (submission.SHOWN,),
    ),
}


def move_video(line: str) -> str:
    """The row with a video that no device is shown."""
    did, vid, rate = line.split(",")
    return f"{did},{int(vid) % (FIRST_VID - 1)},{rate}"


def keep_two_days(folder: Path) -> None:
    """Two days alone."""
    for kind in (schema.SHOWS, schema.CLICKS, schema.PLAYS):
        for day in range(3, DAYS + 1):
            shutil.rmtree(folder / kind / f"day{day:02d}")


def spoil_workbook(folder: Path) -> None:
    """A text in the place of a workbook."""
    (folder / schema.COMMENTS / "2.xlsx").write_text("videoid,content,ctime,etime\n", "utf-8")


# One of each kind: what the readers refuse beyond these stands in their own tests.
BAD_INPUTS = {
    "no table of videos": BadInput(
        lambda folder: (folder / schema.VIDEOS).unlink(), ("vid_info_table.csv", "missing", "data/mgtv/raw")
    ),
    "too few days": BadInput(keep_two_days, ("2 day(s)", "split.valid_days")),
    "a text for seconds": BadInput(
        edit_file(schema.play_path(7), lambda lines: [*lines[:2], "abc,5001,long", *lines[3:]]),
        ("day07", "line 3", "play_time", "'long'"),
    ),
    "a workbook that is none": BadInput(spoil_workbook, ("2.xlsx", "not a workbook")),
}


def keep_days(folder: Path) -> tuple[str, ...]:
    """The same training days, whatever was added after the last one."""
    days = len(list((folder / schema.SHOWS).iterdir()))
    return (f"split.valid_days={VALID_DAYS + days - DAYS}",)


def list_earlier(results: Results) -> dict[str, pl.DataFrame]:
    """The counts of the days before the last planted one, and the features of all days up to it.

    What came of the rows is there but for the last day.
    """
    step: dict[str, Any] = dict(results)
    frames = {"tally": step["tally_videos"].filter(pl.col("day") < DAYS)}
    names = [f"{day}.{block}" for day in LABELLED for block in BLOCKS] + [f"{day}.outcome" for day in LABELLED[:-1]]
    return frames | {name: step[name] for name in names}


def find_answers(results: Results) -> pl.DataFrame:
    """The answer of every device that is asked on the last planted day."""
    step: dict[str, Any] = dict(results)
    codes, slates, outcome = step["learn_codes"], step[f"{VALID[-1]}.ask"], step[f"{VALID[-1]}.outcome"]
    rows = slates.rows.filter(outcome["answer"])
    return pl.DataFrame(
        {"query": codes.devices["did"].gather(rows["device"]), "item": codes.videos["vid"].gather(rows["video"])}
    )


ORDER = decision.order_videos


def turn_round(part: decision.Predictions, answer: str) -> Floats:
    """The expected scores upside down."""
    values = ORDER(part, answer)
    return -values if answer == decision.EXPECTED else values


def move(folder: Path) -> str:
    """The clicks of a day two years later."""
    edit_table(folder / schema.click_path(DAYS), pl.col("click_time").str.replace("2025", "2027"))
    return "730 days later"


MGTV = Contract(
    competition=COMPETITION,
    write_raw=write_raw,
    small=SMALL,
    popular=write_popular,
    metric="score",
    floor=0.65,
    ceiling=0.15,
    rules=submission.RULES,
    mutations=MUTATIONS,
    bad_inputs=BAD_INPUTS,
    bad_settings={
        "watch.nope=1": ("watch.nope",),
        "wach.rounds=9": ("wach", "watch"),
        'watch.models=["logit"]': ("watch.models",),
        "truth.rule=first": ("truth.rule", "first"),
        'features.blocks=["video", "nope"]': ("features.blocks", "nope"),
        "completion.bins=1": ("completion.bins",),
        "completion.blocks=-video,-device,-pair,-list,-profile,-comment": ("completion.blocks", "empty"),
        "truth.clip=-1": ("truth.clip", ">= 0"),
    },
    futures={"replaced": replace_future, "added": add_future},
    earlier=list_earlier,
    answers=find_answers,
    quick=QUICK,
    model_change=Change("watch.lightgbm_softmax.num_leaves=9", frozenset(WATCH | AFTER_FITS)),
    feature_change=Change(
        "competitions/mgtv/features/pair.py:describe_pairs",
        frozenset(
            {f"{day}.{block}" for day in (*LABELLED, "test") for block in ("pair", "list")}
            | {f"{day}.value" for day in (*VALID, "test")}
            | FITS
            | AFTER_FITS
        ),
    ),
    kill_after="test.list",
    move=move,
    same_split=keep_days,
    cutoff=1,
    # Its planted rules know nothing either; here the last stage is below the one before it.
    chain=Chain("watch.answer", "expected score", (decision, "order_videos", turn_round)),
    ids=[("did",), ("vid",)],
    behind_reading=".history",
    last_features=("test.list", 0),
)
