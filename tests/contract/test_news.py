"""What only the news competition has: board B, no embeddings, users of whom next to nothing is known."""

from pathlib import Path

import polars as pl

from competitions.news import submission
from competitions.news.config import MODEL
from competitions.news.io import reader
from tests.conftest import Call
from tests.contract.contract import Finished, Recorder, solve
from tests.contract.news import NEWS
from tests.contract.news_planted import ONE_CLICK, READ_ONCE
from tests.contract.test_submission import read_scores

ONLY = (NEWS,)


def lists(finished: Finished) -> dict[int, list[int]]:
    frame = pl.read_csv(finished.submission)
    return {user: list(items) for user, *items in frame.select("user_id", *submission.ARTICLES).rows()}


def test_board_b_predicts_its_own_users_and_learns_from_board_a(folder: Path, call: Call) -> None:
    first = pl.read_csv(folder / reader.TEST_A)
    is_second = pl.col("user_id") % 2 == 0
    first.filter(is_second).write_csv(folder / reader.TEST_B[0])
    first.filter(~is_second).write_csv(folder / reader.TEST_A)
    # Only users of board A open this article after the one that a user of board B ends on.
    clicks = [
        (user, item, time) for user in range(5001, 5041, 2) for item, time in ((READ_ONCE, 0), (READ_ONCE + 1, 30_000))
    ]
    start = 1_507_000_000_000 + 86_400_000
    rows = "".join(f"{user},{item},{start + user + time},4,1,17,1,25,2\n" for user, item, time in clicks)
    with (folder / reader.TEST_A).open("a") as log:
        log.write(rows)
    with (folder / reader.TEST_B[0]).open("a") as log:
        log.write(f"6000,{READ_ONCE},{start + 5000},4,1,17,1,25,2\n")
    finished = solve(call, NEWS, folder, folder.parent / "build", "rank.rounds=10")
    answers = lists(finished)
    assert set(answers) == {6000, *first.filter(is_second)["user_id"]}
    assert READ_ONCE + 1 in answers[6000]
    assert finished.summary["board"] == "B"
    assert call("check", "news", finished.submission, "--raw", folder)[0] == 0


def test_without_embeddings_the_run_goes_on_and_says_so(folder: Path, call: Call) -> None:
    (folder / reader.EMBEDDINGS).unlink()
    finished = solve(call, NEWS, folder, folder.parent / "build", "rank.rounds=10")
    notes = [note for note in finished.record["notes"] if note["where"] == reader.EMBEDDINGS]
    assert len(notes) == 1
    assert "no content embeddings" in notes[0]["done"]
    scores = read_scores(call("score", "news", finished.submission, "--truth", finished.truth))
    assert scores["mrr@5"] >= NEWS.floor


def test_queries_of_several_histories_are_learned_from_and_judged_as_one(folder: Path, call: Call) -> None:
    finished = solve(call, NEWS, folder, folder.parent / "build", "rank.rounds=10", "split.histories=3")
    scores = read_scores(call("score", "news", finished.submission, "--truth", finished.truth))
    assert scores["mrr@5"] >= NEWS.floor


def test_one_click_users_are_answered_by_their_click(finished: Finished) -> None:
    answers = lists(finished)
    (user,) = [user for user, item in ONE_CLICK.items() if item == 0]
    assert answers[user][0] == 1
    assert set(ONE_CLICK) <= set(answers)
    notes = [note for note in finished.record["notes"] if "single click" in note["what"]]
    assert [note["rows"] for note in notes] == [len(ONE_CLICK)]
    users = pl.read_csv(finished.raw / reader.TEST_A)["user_id"].n_unique()
    assert finished.summary["submission"]["rows"] == users
    assert finished.summary["truth"] is None


def test_no_row_that_ends_the_fit_is_one_that_it_learns_from(finished: Finished, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", finished.build / NEWS.name / "cache")
    NEWS.validate(finished.raw, NEWS.small, recorder)
    learned, judged = ({row.tobytes() for row in rows.value.features} for rows in recorder.args(f"fit.{MODEL}")[1:])
    assert min(len(learned), len(judged)) > 50
    assert not learned & judged
