"""The template competition under contract."""

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl

from common.day.hosts import REPORT, TRUTH
from common.learning.split import Fold
from common.simulation.demo import simulate_log
from competitions.template import submission
from competitions.template.competition import COMPETITION
from competitions.template.io.reader import EVENTS, USERS
from competitions.template.split import ANSWERS
from tests.contract.contract import BadInput, Change, Contract, Mutation, Results, take
from tests.contract.edits import DROP_LAST, REPEAT_LAST, edit_file, edit_row

DAYS = 8  # the last of thirty are asked for in validation
IS_LATE = pl.col("timestamp") >= pl.col("timestamp").max() - DAYS * 86_400
AFTER_FEATURES = {
    "labelled.features",
    "gather_labelled",
    "fit",
    "refit",
    "test.features",
    "test.rows",
    "score_test",
    "answer",
}
INSIGHT = {"insight.importance"}


def write_raw(raw: Path, truth: Path) -> None:
    """Users who nearly always take the item that follows their last one."""
    simulate_log((EVENTS, USERS), submission.METRIC, ANSWERS, DAYS, raw, 0.004, 5, follow=0.9)
    (raw / REPORT).unlink()
    (raw / TRUTH).rename(truth)


def write_popular(raw: Path, path: Path) -> None:
    """The popularity baseline."""
    events = pl.read_csv(raw / EVENTS)
    counts = events.group_by("item_id").len().sort("len", "item_id", descending=[True, False])
    top = counts["item_id"].head(submission.LENGTH)
    lists = [pl.lit(item).alias(name) for item, name in zip(top, submission.FILE.items, strict=True)]
    pl.read_csv(raw / USERS).select("user_id", *lists).write_csv(path)


def replace_future(raw: Path) -> int:
    """Another item in every event of the labelled days."""
    path = raw / EVENTS
    events = pl.read_csv(path)
    items = events["item_id"].n_unique()
    events.with_columns(pl.when(IS_LATE).then((pl.col("item_id") + 1) % items).otherwise("item_id")).write_csv(path)
    return events.filter(IS_LATE).height


def add_future(raw: Path) -> int:
    """Each labelled day's events once more, of users who did nothing before."""
    path = raw / EVENTS
    events = pl.read_csv(path)
    more = events.filter(IS_LATE).with_columns(pl.col("user_id") + 1_000_000)
    pl.concat([events, more]).write_csv(path)
    return more.height


def edit_last(edit: Callable[[list[str]], str]) -> Callable[[bytes], bytes]:
    """Another value in the last field of the third line, made of its fields."""
    return edit_row(lambda row: [*row[:-1], edit(row)])


NUMBERS, ONE_ROW, NO_EXTRA, NO_MISSING, DISTINCT, KNOWN = submission.RULES
MUTATIONS = {
    "a blank": Mutation(NUMBERS, edit_last(lambda row: " "), (NUMBERS, "line 3")),
    "a user twice": Mutation(ONE_ROW, REPEAT_LAST, (ONE_ROW,)),
    "an unknown user": Mutation(
        NO_EXTRA, lambda content: content.replace(b"\n0,", b"\n999999,").replace(b"\n1,", b"\n999999,"), (NO_EXTRA,)
    ),
    "a user left out": Mutation(NO_MISSING, DROP_LAST, (NO_MISSING,)),
    "an item twice": Mutation(DISTINCT, edit_last(lambda row: row[1]), (DISTINCT, "line 3")),
    "an unknown item": Mutation(KNOWN, edit_last(lambda row: "999999"), (KNOWN, "line 3")),
}
BAD_INPUTS = {
    "a missing file": BadInput(lambda folder: (folder / USERS).unlink(), (USERS, "missing")),
    "an empty file": BadInput(lambda folder: os.truncate(folder / EVENTS, 0), (EVENTS, "is empty")),
    "no column": BadInput(edit_file(EVENTS, lambda lines: ["a,b,c", *lines[1:]]), (EVENTS, "lacks 'user_id'")),
    "a text": BadInput(edit_file(EVENTS, lambda lines: [*lines, "one,2,3"]), (EVENTS, "line ", "not a whole number")),
    "a user without a past": BadInput(edit_file(USERS, lambda lines: [*lines, "999999"]), (USERS, "999999", EVENTS)),
}


def list_earlier(results: Results) -> dict[str, pl.DataFrame]:
    """The labelled fold, and every frame made of it before the fit."""
    fold, made = take(results, "label", Fold), dict(results)
    frames = {name: made[name] for name in ("labelled.popular", "labelled.covisit", "labelled.als")}
    return {"history": fold.history, "queries": fold.queries, "seen": fold.seen, **frames}


def find_answers(results: Results) -> pl.DataFrame:
    """The answer of every labelled query."""
    answers = take(results, "label", Fold).answers
    assert answers is not None
    return answers


TEMPLATE = Contract(
    competition=COMPETITION,
    write_raw=write_raw,
    mutations=MUTATIONS,
    rules=submission.RULES,
    metric=submission.METRIC,
    small=("fits=1", f"split.days={DAYS}", "rank.rounds=30", "rank.patience=10"),
    popular=write_popular,
    floor=0.6,
    ceiling=0.3,
    bad_inputs=BAD_INPUTS,
    bad_settings={
        "recall.nope=1": ("recall.nope",),
        "recall.candidates=many": ("recall.candidates", "'many'", "int"),
        "split.days=0": ("split.days",),
        "rank.blocks=[]": ("rank.blocks is empty",),
        "rank.blocks=[nope]": ("rank.blocks", "no nope", "channel"),
    },
    futures={"replaced": replace_future, "added": add_future},
    earlier=list_earlier,
    answers=find_answers,
    model_change=Change(
        "rank.lightgbm_lambdarank.num_leaves=4",
        frozenset({"fit", "refit", "score_test", "answer", "insight.importance"}),
    ),
    feature_change=Change(
        "competitions/template/features.py:describe_items",
        frozenset({"labelled.item_block", "test.item_block"} | AFTER_FEATURES | INSIGHT),
        edit="({}).with_columns(item_new=pl.lit(1.0, pl.Float32))",
    ),
    kill_after="labelled.features",
    cutoff=submission.LENGTH,
    behind_reading="labelled.popular",
)
