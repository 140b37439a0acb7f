"""The flight competition under contract."""

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl

from competitions.flight import submission
from competitions.flight.competition import COMPETITION
from competitions.flight.io import schema
from competitions.flight.io.reader import Searches
from competitions.flight.ranking.training_data import TrainingData
from competitions.flight.split import Split
from tests.contract.contract import BadInput, Chain, Change, Contract, Mutation, Results, take
from tests.contract.edits import DROP_LAST, edit_lines
from tests.contract.flight_planted import (
    END_MS,
    VALID_SHARE,
    add_future,
    edit,
    edit_parquet,
    find_cut_ms,
    replace_future,
    write_by_price,
    write_raw,
)

SMALL = (
    "fits=1",
    'rank.models=["lightgbm_softmax", "catboost_softmax"]',
    "rank.rounds=25",
    "rank.patience=10",
    "rank.seeds=2",
    "rank.catboost_softmax.depth=3",
    "rank.lightgbm_softmax.min_data_in_leaf=10",
    "split.validation=time",
    f"split.valid_share={VALID_SHARE}",
)
QUICK = (
    "rank.rounds=1",
    "rank.seeds=1",
    "rank.sample.missing_share=0",
    'rank.blocks=["core", "pair", "lift", "taste"]',  # every table of the bookings is built
)
MODELS = ("lightgbm_softmax", "catboost_softmax")
AFTER_FITS = {"stack_scores", "find_blend", "judge", "measure_all", "score_test", "rank_test", "insight.importance"}
FITS = {f"{verb}.{model}" for verb in ("fit", "refit") for model in MODELS}


def edit_fields(edit: Callable[[list[str]], list[str]]) -> Callable[[bytes], bytes]:
    """An edit of the fields of the last line, a row of a session of many options."""
    return edit_lines(lambda lines: [*lines[:-1], ",".join(edit(lines[-1].split(",")))])


MUTATIONS = {
    "byte-order mark": Mutation(submission.FORMAT, lambda content: b"\xef\xbb\xbf" + content, ("byte-order mark",)),
    "another header": Mutation(submission.NAMES, lambda content: content.replace(b"selected", b"rank"), ("header",)),
    "a blank": Mutation(submission.INTEGERS, edit_fields(lambda row: [*row[:2], ""]), (submission.INTEGERS, "line ")),
    "a row left out": Mutation(submission.AS_MANY, DROP_LAST, (submission.AS_MANY, "missing Id")),
    "rows swapped": Mutation(
        submission.SAME_ORDER,
        edit_lines(lambda lines: [*lines[:-2], lines[-1], lines[-2]]),
        (submission.SAME_ORDER, "in the wrong order", "line "),
    ),
    "a rank twice": Mutation(
        submission.PERMUTATION,
        edit_fields(lambda row: [*row[:2], str(int(row[2]) % 11 + 1)]),
        (submission.PERMUTATION, "distinct"),
    ),
}


def share_session(folder: Path) -> None:
    """A session of the train file in the test file as well."""
    row = pl.read_parquet(folder / schema.TRAIN).drop(schema.SELECTED)[:1]
    edit(lambda test: pl.concat([test, row.with_columns(pl.lit(9, pl.Int64).alias("Id"))]), schema.TEST)(folder)


def cut_in_half(folder: Path) -> None:
    """Half of a train file."""
    os.truncate(folder / schema.TRAIN, (folder / schema.TRAIN).stat().st_size // 2)


TEXT_TAXES = edit(lambda train: train.cast({"taxes": pl.String}), schema.TRAIN)
BAD_INPUTS = {
    "a missing file": BadInput(lambda raw: (raw / schema.TEST).unlink(), (schema.TEST, "missing", "data/flight/raw")),
    "a truncated file": BadInput(cut_in_half, (schema.TRAIN, "cannot be read")),
    "a text for a number": BadInput(TEXT_TAXES, (schema.TRAIN, "'taxes'", "String", "a number")),
    "a session in both files": BadInput(share_session, (schema.TRAIN, schema.TEST, "1 session")),
}


def keep_cut(folder: Path) -> tuple[str, ...]:
    """The cut at the same moment, whatever was added after it; no lags, which go by where the train file ends."""
    train = pl.read_parquet(folder / schema.TRAIN, columns=["ranker_id", "requestDate"])
    late = pl.col("requestDate").dt.epoch("ms") >= find_cut_ms(train)
    sessions = train.group_by("ranker_id").agg(late.first().alias("late"))
    share = (int(sessions["late"].sum()) - 0.5) / sessions.height
    return f"split.valid_share={share}", "split.lags=none"


def list_earlier(results: Results) -> dict[str, pl.DataFrame]:
    """The history that is seen, and all features of planted sessions: training rows with labels, validation without."""
    train, split = take(results, "train.read", Searches), take(results, "split", Split)
    final = take(results, "train.history", tuple)[0]
    (fold,), (rows,) = split.folds, take(results, "train.features", TrainingData).folds
    planted = train.sessions.filter(pl.col("time") < END_MS).join(fold.roles, on="session")
    assigned = {"train": split.final.assigned, "valid": fold.snapshots.assigned}
    seen = {role: planted.filter(role=role).join(own, on="session") for role, own in assigned.items()}
    tables = {  # by the time of a snapshot: its number says how many there are before it
        f"{what} for {role}": frame.join(own.select("snapshot", "until").unique(), on="snapshot")
        .drop("snapshot")
        .sort("until", maintain_order=True)
        for role, own in seen.items()
        for kind, named in (("lifts", final.lifts), ("preferences", final.preferences))
        for what, frame in ((f"{kind} of {name}", frame) for name, frame in named.items())
        if what != "lifts of stop_route"  # every planted flight is direct
    }
    judged = planted.filter(role="valid")["size"].sum()
    names = list(rows.train.names)
    return {
        **tables,
        "train": pl.DataFrame(rows.train.features, names).with_columns(label=rows.train.labels),
        "valid": pl.DataFrame(rows.valid.features[:judged], names),
    }


def find_answers(results: Results) -> pl.DataFrame:
    """The booked option of every validation session."""
    valid = take(results, "split", Split).folds[-1].roles.filter(role="valid")
    return (
        take(results, "train.read", Searches)
        .sessions.join(valid, on="session")
        .select(query="ranker_id", item="booked")
    )


def move(folder: Path) -> str:
    """The searches of the test two years earlier."""
    edit_parquet(folder / schema.TEST, pl.col("requestDate") - pl.duration(days=730, time_unit="ns"))
    return " days earlier"


FLIGHT = Contract(
    competition=COMPETITION,
    write_raw=write_raw,
    small=SMALL,
    popular=write_by_price,
    metric="hit_rate@3",
    floor=0.8,
    ceiling=0.2,
    rules=submission.RULES,
    mutations=MUTATIONS,
    bad_inputs=BAD_INPUTS,
    bad_settings={
        "rank.nope=1": ("rank.nope",),
        "rnk.rounds=9": ("rnk", "rank"),
        'rank.models=["lightgbm_softmx"]': ("rank.models", "lightgbm_softmx", "lightgbm_softmax"),
        "rank.second=catboost": ("rank.second", "catboost", "xgboost"),
        "rank.blocks=['core', 'history']": ("rank.blocks", "history", "taste"),
        "rank.blocks=['core', 'core']": ("rank.blocks", "core", "twice"),
        "rank.blocks=['auto', 'core']": ("rank.blocks", "auto", "core"),  # auto stands alone
        "rank.blocks=+history": ("rank.blocks", "no history", "taste"),
        "rank.seeds=0": ("rank.seeds", ">= 1"),
        "rank.sample.rows=all": ("rank.sample.rows cannot be 'all': Expected 'auto' or a number.",),
        "split.valid_share=1.0": ("split.valid_share", "< 1"),
    },
    futures={"replaced": replace_future, "added": add_future},
    earlier=list_earlier,
    answers=find_answers,
    quick=QUICK,
    model_change=Change(
        "rank.catboost_softmax.depth=2",
        frozenset({"make_plan", "fit.catboost_softmax", "refit.catboost_softmax"} | AFTER_FITS),
    ),
    feature_change=Change(
        "competitions/flight/features/build.py:pair_block",
        frozenset({"train.features"} | FITS | AFTER_FITS),
    ),
    kill_after="train.features",
    move=move,
    same_split=keep_cut,
    cutoff=3,
    chain=Chain("rank.answer", "blend"),
    ids=[("profileId",), ("companyID",), ("ranker_id",)],
    behind_reading="train.history",
    last_features=("train.features", 0),
)
