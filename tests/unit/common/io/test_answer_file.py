"""The plain forms of a submission: each rule refuses what breaks it, scores are those worked out by hand."""

from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from common.io.answer_file import ListFile, RowFile

LISTS, ROWS = ListFile(length=2), RowFile()
GOOD = "user_id,item_1,item_2\n1,7,8\n2,8,9\n"
CHANCES = "row_id,probability\n1,0.9\n2,0.2\n3,0.4\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "submission.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (GOOD.replace("7", "x"), LISTS.rules[0]),
        (GOOD + "1,7,9\n", LISTS.rules[1]),
        (GOOD + "3,7,9\n", LISTS.rules[2]),
        (GOOD.replace("2,8,9\n", ""), LISTS.rules[3]),
        (GOOD.replace("7,8", "8,8"), LISTS.rules[4]),
        (GOOD.replace("7,8", "8,4"), LISTS.rules[5]),
    ],
)
def test_a_list_that_breaks_a_rule_is_refused_by_it(tmp_path: Path, text: str, rule: str) -> None:
    users, items = pl.Series([1, 2]), pl.Series([7, 8, 9])
    assert LISTS.check(write(tmp_path, GOOD), users, items).rules == LISTS.rules
    with pytest.raises(UserError, match=f"'{rule}' is broken"):
        LISTS.check(write(tmp_path, text), users, items)


def test_several_answers_of_a_user_are_scored_together(tmp_path: Path) -> None:
    """User 1: a hit at rank 2 of three answers; user 2: none; user 5 is not answered for."""
    truth = tmp_path / "truth.csv"
    truth.write_text("user_id,item_id\n1,8\n1,3\n1,4\n2,7\n5,7\n")
    scored = LISTS.score(write(tmp_path, GOOD), truth, "recall@2")
    assert scored.rows() == [("1", pytest.approx(1 / 3)), ("2", 0.0), ("5", 0.0)]
    truth.write_text("user_id,item_id\n77,8\n")
    with pytest.raises(UserError, match="have no user in common"):
        LISTS.score(tmp_path / "submission.csv", truth, "recall@2")


def test_a_user_with_too_few_candidates_is_named() -> None:
    scored = pl.DataFrame({"query": [0], "item": [7], "score": [1.0]})
    with pytest.raises(UserError, match=r"User 31 has fewer than 2 candidates \(1 such users\)"):
        LISTS.fill(pl.DataFrame({"query": [0], "user": [31]}), scored)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (CHANCES.replace("3,", "x,"), ROWS.rules[0]),
        (CHANCES + "1,0.5\n", ROWS.rules[1]),
        (CHANCES + "4,0.5\n", ROWS.rules[2]),
        (CHANCES.replace("2,0.2\n", ""), ROWS.rules[3]),
        (CHANCES.replace("0.9", "1.01"), ROWS.rules[4]),
        (CHANCES.replace("0.9", "nan"), ROWS.rules[4]),
        (CHANCES.replace("0.9", ""), ROWS.rules[4]),
    ],
)
def test_a_probability_that_breaks_a_rule_is_refused_by_it(tmp_path: Path, text: str, rule: str) -> None:
    assert ROWS.check(write(tmp_path, CHANCES), pl.Series([1, 2, 3])).rows == 3
    with pytest.raises(UserError, match=f"'{rule}' is broken"):
        ROWS.check(write(tmp_path, text), pl.Series([1, 2, 3]))


def test_the_rows_of_a_truth_stand_beside_what_was_predicted(tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("row_id,label\n1,1\n2,0\n3,0\n")
    scored = ROWS.score(write(tmp_path, CHANCES), truth)
    assert scored.rows() == [("1", 1.0, 0.9), ("2", 0.0, 0.2), ("3", 0.0, 0.4)]
    truth.write_text("row_id,label\n1,1\n2,0\n9,0\n")
    with pytest.raises(UserError, match="does not answer for row 9"):
        ROWS.score(tmp_path / "submission.csv", truth)
