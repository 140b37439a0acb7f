"""The template competition under contract."""

from pathlib import Path

import polars as pl

from common.day.hosts import REPORT, TRUTH
from common.simulation.demo import simulate_rows
from competitions.template.rows import submission
from competitions.template.rows.competition import COMPETITION
from competitions.template.rows.io.reader import TEST, TRAIN
from tests.contract.contract import BadInput, Change, Contract, Mutation, Results
from tests.contract.edits import DROP_LAST, REPEAT_LAST, edit_file, edit_row

DAYS = 5  # the last of the labelled ones are asked for in validation
IS_LATE = pl.col("timestamp") >= pl.col("timestamp").max() - DAYS * 86_400


def write_raw(raw: Path, truth: Path) -> None:
    """Rows whose label follows qualities of items and tastes of users."""
    simulate_rows((TRAIN, TEST), raw, 0.002, 5, pull=3.0)
    (raw / REPORT).unlink()
    (raw / TRUTH).rename(truth)


def write_even(raw: Path, path: Path) -> None:
    """The same probability for every row."""
    pl.read_csv(raw / TEST).select("row_id", probability=pl.lit(0.5)).write_csv(path)


def flip_future(raw: Path) -> int:
    """The other label in every row of the last labelled days."""
    rows = pl.read_csv(raw / TRAIN)
    rows.with_columns(label=pl.when(IS_LATE).then(1 - pl.col("label")).otherwise("label")).write_csv(raw / TRAIN)
    return rows.filter(IS_LATE).height


WHOLE, ONE, EXTRA, MISSING, SHARE = submission.RULES
MUTATIONS = {
    "an id of letters": Mutation(WHOLE, edit_row(lambda row: ["x", row[1]]), (WHOLE, "line 3")),
    "a row twice": Mutation(ONE, REPEAT_LAST, (ONE,)),
    "an unknown row": Mutation(EXTRA, lambda content: content + b"99999999,0.5\n", (EXTRA,)),
    "a row left out": Mutation(MISSING, DROP_LAST, (MISSING,)),
    "more than 1": Mutation(SHARE, edit_row(lambda row: [row[0], "1.5"]), (SHARE, "line 3")),
}
BAD_INPUTS = {
    "a missing file": BadInput(lambda folder: (folder / TEST).unlink(), (TEST, "missing")),
    "a label that is none": BadInput(
        edit_file(TRAIN, lambda lines: [*lines[:-1], f"{lines[-1][:-1]}2"]), (TRAIN, "2 in label", "0 or 1")
    ),
    "no column": BadInput(edit_file(TRAIN, lambda lines: ["a,b,c,d,e,f", *lines[1:]]), (TRAIN, "lacks 'row_id'")),
}


def list_earlier(results: Results) -> dict[str, pl.DataFrame]:
    """The fold whose last labels are hidden, and its features."""
    made = dict(results)
    return {"rows": made["label"].drop("answer"), "features": made["labelled.features"]}


def find_answers(results: Results) -> pl.DataFrame:
    """The hidden labels."""
    hidden = dict(results)["label"].filter(pl.col("label").is_null())
    answers: pl.DataFrame = hidden.select("query", item="answer")
    return answers


TEMPLATE = Contract(
    competition=COMPETITION,
    write_raw=write_raw,
    mutations=MUTATIONS,
    rules=submission.RULES,
    metric="auc",
    small=("fits=1", f"split.days={DAYS}", "rank.rounds=30", "rank.patience=10"),
    popular=write_even,
    floor=0.7,
    ceiling=0.5,
    bad_inputs=BAD_INPUTS,
    bad_settings={
        "rank.blocks=[]": ("rank.blocks is empty",),
        "rank.blocks=[nope]": ("rank.blocks", "no nope", "rate"),
        "split.days=0": ("split.days",),
    },
    futures={"replaced": flip_future},
    earlier=list_earlier,
    answers=find_answers,
    model_change=Change(
        "rank.lightgbm_click.num_leaves=4", frozenset({"fit", "refit", "score_test", "answer", "insight.importance"})
    ),
    kill_after="labelled.features",
    behind_reading="labelled.rate_block",
    last_features=("test.features", 0),
)
