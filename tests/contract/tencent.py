"""The Tencent competition under contract."""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.learning.gbdt import Ranker
from common.time_units import DAY_S
from competitions.tencent import submission
from competitions.tencent.competition import COMPETITION
from competitions.tencent.corpus import Corpus
from competitions.tencent.io import schema
from competitions.tencent.sequences import pad
from competitions.tencent.split import Fold
from tests.contract.contract import BadInput, Chain, Change, Contract, Mutation, Results, take
from tests.contract.edits import DROP_LAST, REPEAT_LAST, edit_row
from tests.contract.tencent_planted import (
    INDEXER,
    QUERIES,
    SEQUENCES,
    add_future,
    edit_users,
    replace_future,
    write_popular,
    write_raw,
)
from tests.unit.tencent.tencent_files import write_pickle

LENGTH = 20
EARLIER = 3
SMALL = (
    "fits=1",
    "ranker.fit.seeds=1",
    "sequence.seeds=1",
    f"split.earlier={EARLIER}",
    "ranker.list_length=40",
    f"ranker.features.history={LENGTH}",
    "ranker.fit.rounds=60",
    "ranker.fit.least=10",
    "sequence.passes=2",
)
QUICK = ("ranker.fit.rounds=1",)
AFTER_MODEL = {f"{fold}.{step}" for fold in ("valid", "test") for step in ("fit", "answer0", "answer")}
AFTER_MODEL |= {"make_plan", "judge", "measure", "choose", "insight.importance"}
AFTER_FEATURES = AFTER_MODEL - {"make_plan"} | {"describe", "valid.fusion"}

Answer = dict[str, Any]  # the JSON form


def edit_json(edit: Callable[[Answer], object]) -> Callable[[bytes], bytes]:

    def change(content: bytes) -> bytes:
        answer = json.loads(content)
        edit(answer)
        return json.dumps(answer).encode()

    return change


def in_json(rule: str, edit: Callable[[Answer], object], *examples: str) -> Mutation:
    return Mutation(rule, edit_json(edit), examples, ".json")


CSV_MUTATIONS = {
    "byte-order mark": Mutation(submission.FORMAT, lambda content: b"\xef\xbb\xbf" + content, ("byte-order mark",)),
    "a float for an ad": Mutation(
        submission.FORMAT, edit_row(lambda row: [*row[:-1], f"{row[-1]}.0"]), ("line 3", "whole number")
    ),
    "a user twice": Mutation(submission.ONCE, REPEAT_LAST, (submission.ONCE,)),
    "a user left out": Mutation(submission.SAME_ORDER, DROP_LAST, (submission.SAME_ORDER, "missing user_")),
    "an ad twice": Mutation(submission.TEN, edit_row(lambda row: [*row[:-1], row[1]]), (submission.TEN, "row 2")),
    "a re-id for an ad": Mutation(
        submission.KNOWN, edit_row(lambda row: [*row[:-1], "17"]), (submission.KNOWN, "row 2")
    ),
}
# The rules are checked on what a form says, whichever it is: of JSON, what only it can get wrong.
JSON_MUTATIONS = {
    "json: truncated": Mutation(submission.FORMAT, lambda content: content[:-9], (submission.FORMAT,), ".json"),
    "json: nine ads": in_json(submission.FORMAT, lambda answer: answer["top10s"][3].pop(), "9 ads where 10"),
    "json: an unknown ad": in_json(submission.KNOWN, lambda answer: answer["top10s"][4].__setitem__(9, 5), "row 5"),
}


class Runs:
    """Something that a pickle must not make: reading it would run a command."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("false",)


def remove_all(folder: Path) -> None:
    shutil.rmtree(folder / schema.TRAIN)
    shutil.rmtree(folder / schema.EVAL)


def write_runs(folder: Path) -> None:
    write_pickle(folder / INDEXER, Runs())


def no_clicks(lines: list[list[list[Any]]]) -> None:
    for row in (row for line in lines for row in line):
        row[4] = row[4] and 0


BAD_INPUTS = {
    "neither layout": BadInput(remove_all, ("seq.jsonl", "competition layout", "release layout", "data/tencent/raw")),
    "no sequences": BadInput(
        lambda folder: (folder / SEQUENCES).unlink(), ("seq.jsonl", "missing", "data/tencent/raw")
    ),
    "a user twice": BadInput(
        edit_users(QUERIES, lambda lines: lines.append(lines[2])), ("predict_seq.jsonl", "line 165", "line 3")
    ),
    "a pickle that runs something": BadInput(write_runs, ("indexer.pkl", "system")),
    "no click": BadInput(edit_users(SEQUENCES, no_clicks), ("click", "held out")),
}


def list_earlier(results: Results) -> dict[str, pl.DataFrame]:
    """What the hold-out shows, and everything that is made of it: histories, earlier folds, lists, the ranker.

    Users without an event before their end are nobody to the hold-out: they are left out.
    """
    corpus, fold = take(results, "read_corpus", Corpus), take(results, "ask0", Fold)
    history, queries = fold.history(corpus.train), fold.queries(corpus.train)
    known = np.flatnonzero(history.lengths > 0)
    frames = {"catalogue": pl.DataFrame(np.asarray(corpus.catalogue.features))}
    for name, shown in (("learned from", history.take(known)), ("asked", queries)):
        names = corpus.users[shown.users].astype(str)
        padded = dataclasses.asdict(pad(shown, 2 * LENGTH))
        frames |= {f"{name}: {part}": lay(values) for part, values in padded.items()}
        frames[name] = pl.DataFrame({"user": names, "length": shown.lengths})
    described = [value for step, value in results if step == "describe"]
    for at in range(1, EARLIER + 1):
        before, lists = take(results, f"ask{at}", Fold), described[at - 1]
        asked = before.queries(corpus.train)
        frames[f"fold {at}"] = pl.DataFrame(
            {"user": corpus.users[asked.users].astype(str), "length": asked.lengths, "target": before.target}
        )
        frames |= {f"lists {at}": lay(lists.features), f"targets {at}": lay(lists.labels)}
    ranker = take(results, "valid.fit", Ranker)
    return frames | {"trees": pl.DataFrame({"tree": ranker.model.model_to_string().splitlines()})}


def lay(values: Any) -> pl.DataFrame:
    flat = np.asarray(values).reshape(len(values), -1) if np.ndim(values) else np.asarray(values).reshape(1, 1)
    return pl.DataFrame(flat)


def find_answers(results: Results) -> pl.DataFrame:
    """The ad that everybody who is asked in the hold-out clicked next."""
    corpus, fold = take(results, "read_corpus", Corpus), take(results, "ask0", Fold)
    assert fold.target is not None
    names = corpus.users[fold.users].astype(str)
    return pl.DataFrame({"query": names, "item": corpus.catalogue.oid[fold.target]})


def move(folder: Path) -> str:
    """The sequences of the test two years later."""

    def later(lines: list[list[list[Any]]]) -> None:
        for row in (row for line in lines for row in line):
            row[5] += 730 * DAY_S

    edit_users(QUERIES, later)(folder)
    return "730 days later"


TENCENT = Contract(
    competition=COMPETITION,
    write_raw=write_raw,
    small=SMALL,
    popular=write_popular,
    metric="score",
    floor=0.75,
    ceiling=0.15,
    rules=submission.RULES,
    mutations=CSV_MUTATIONS | JSON_MUTATIONS,
    bad_inputs=BAD_INPUTS,
    bad_settings={
        "rankr.fit.rounds=16": ("rankr", "ranker"),
        "split.kind=random": ("split.kind", "random"),
        "method=network": ("method",),
        "ranker.channels=[magic]": ("ranker.channels", "no magic", "counts"),
        "ranker.features.blocks=[]": ("ranker.features.blocks", "empty"),
        "host.weights=[0.0, 1.0]": ("host.weights", "3"),
        "host.weights=[0, 0, 0]": ("host.weights", "every score would be 0"),
    },
    futures={"replaced": replace_future, "added": add_future},
    earlier=list_earlier,
    answers=find_answers,
    quick=QUICK,
    model_change=Change("ranker.fit.rate=0.2", frozenset(AFTER_MODEL)),
    feature_change=Change(
        "competitions/tencent/features/popularity.py:mean_by_value",
        frozenset(AFTER_FEATURES),
        edit="np.roll({}, 1)",
    ),
    kill_after="measure",
    move=move,
    cutoff=10,
    chain=Chain("ranker.answer", "ranker"),
    behind_reading="popularity",
    last_features=("describe", 1),  # the first is an earlier fold's
)
