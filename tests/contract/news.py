"""The news competition under contract."""

from pathlib import Path

import polars as pl

from common.learning.split import Fold
from common.time_units import DAY_MS
from competitions.news import submission
from competitions.news.competition import COMPETITION
from competitions.news.io import reader
from tests.contract.contract import BadInput, Chain, Change, Contract, Mutation, Results, take
from tests.contract.edits import DROP_LAST, REPEAT_LAST, edit_file, edit_row
from tests.contract.news_planted import TEST_FROM, add_future, replace_future, write_popular, write_raw

SMALL = (
    "fits=1",
    'rank.blocks=["item", "pair", "channel"]',
    "rank.negatives=10",
    "rank.rounds=30",
    "rank.patience=10",
    "recall.candidates=40",
)
AFTER_FITS = {"score_valid", "judge", "score_test", "answer", "insight.importance"}
FITS = {"fit.lightgbm_lambdarank"}
UTF8, HEADER, FIELDS = submission.RULES[:3]


MUTATIONS = {
    "byte-order mark": Mutation(UTF8, lambda content: b"\xef\xbb\xbf" + content, ("byte-order mark",)),
    "another header": Mutation(HEADER, lambda content: content.replace(b"article_5", b"article_6"), ("header",)),
    "a field too many": Mutation(FIELDS, edit_row(lambda row: [*row, "1"]), ("line 3", "7 fields", "6")),
    "a blank": Mutation(submission.INTEGERS, edit_row(lambda row: [*row[:-1], ""]), (submission.INTEGERS, "line 3")),
    "a user twice": Mutation(submission.ONE_ROW, REPEAT_LAST, (submission.ONE_ROW,)),
    "a train user": Mutation(submission.NO_EXTRA, lambda content: content + b"0,1,2,3,4,5\n", (submission.NO_EXTRA,)),
    "a user left out": Mutation(submission.NO_MISSING, DROP_LAST, (submission.NO_MISSING,)),
    "an article twice": Mutation(
        submission.DISTINCT, edit_row(lambda row: [*row[:-1], row[1]]), (submission.DISTINCT, "line 3")
    ),
    "an unknown article": Mutation(
        submission.EXISTING, edit_row(lambda row: [*row[:-1], "999999"]), (submission.EXISTING, "line 3")
    ),
}


def share_user(folder: Path) -> None:
    """A test user in the train log as well."""
    row = (folder / reader.TEST_A).read_text().splitlines()[1]
    edit_file(reader.TRAIN, lambda lines: [*lines, ",".join([str(TEST_FROM), *row.split(",")[1:]])])(folder)


def move(folder: Path) -> str:
    """The test log two years later."""
    path = folder / reader.TEST_A
    pl.read_csv(path).with_columns(pl.col("click_timestamp") + 730 * DAY_MS).write_csv(path)
    return " days later"


BAD_INPUTS = {
    "a missing file": BadInput(lambda folder: (folder / reader.ARTICLES).unlink(), (reader.ARTICLES, "missing")),
    "a truncated row": BadInput(
        edit_file(reader.TRAIN, lambda lines: [*lines[:-1], lines[-1][:12]]), (reader.TRAIN, "line ", "fields")
    ),
    "a user in both logs": BadInput(share_user, (reader.TRAIN, reader.TEST_A, str(TEST_FROM))),
}


def list_earlier(results: Results) -> dict[str, pl.DataFrame]:
    """The labelled fold, and every frame made of it before the fits: tables, channels, candidates, feature blocks."""
    fold = take(results, "label", Fold)
    made = [(name, value) for name, value in results if name.startswith("labelled.")]
    frames = {name: value for name, value in made if isinstance(value, pl.DataFrame)}
    assert len([name for name in frames if name.endswith("_block")]) > 1
    return {"history": fold.history, "queries": fold.queries, "seen": fold.seen, **frames}


def find_answers(results: Results) -> pl.DataFrame:
    """The hidden click of every labelled query."""
    fold = take(results, "label", Fold)
    assert fold.answers is not None
    assert fold.answers.height == fold.queries.height
    return fold.answers


NEWS = Contract(
    competition=COMPETITION,
    write_raw=write_raw,
    small=SMALL,
    popular=write_popular,
    metric="mrr@5",
    floor=0.7,
    ceiling=0.15,
    rules=submission.RULES,
    mutations=MUTATIONS,
    bad_inputs=BAD_INPUTS,
    bad_settings={
        "recall.nope=1": ("recall.nope",),
        "recal.candidates=9": ("recal", "recall"),
        "recall.channels=['next', 'hot']": ("recall.channels", "covisit", "popular_1h"),
        "recall.channels=[]": ("recall.channels", "covisit", "popular_1h"),
    },
    futures={"replaced": replace_future, "added": add_future},
    earlier=list_earlier,
    answers=find_answers,
    # The votes' weights are learned from training answers, as a model is: test_retrieval.py says from these alone.
    # So are the candidates drawn that training queries keep features of, unless they keep all.
    quick=("rank.rounds=1", 'recall.fusion="equal"', "rank.negatives=1000"),
    model_change=Change("rank.lightgbm_lambdarank.num_leaves=5", frozenset({"make_plan"} | FITS | AFTER_FITS)),
    feature_change=Change(
        "competitions/news/features.py:pair_block",
        frozenset({"labelled.pair_block", "test.pair_block", "gather_rows"} | FITS | AFTER_FITS),
    ),
    kill_after="labelled.pair_block",
    move=move,
    chain=Chain("rank.answer", "ranker"),
    ids=[("user_id",), ("click_article_id", "article_id")],
    behind_reading="labelled.table",
    last_features=("test.pair_block", 0),
)
