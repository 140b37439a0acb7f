"""What a kind of task asks of frames: each fault is one sentence."""

import polars as pl
import pytest

from common.engine.errors import UserError
from common.learning.kinds import KINDS, check_answers, check_kind, check_labels
from competitions.template import split
from competitions.template.config import SplitSettings
from competitions.template.rows import split as rows_split
from competitions.template.rows.config import SplitSettings as RowSettings


def test_a_kind_that_is_none_is_refused_with_those_that_there_are() -> None:
    assert [check_kind(kind) for kind in KINDS] == list(KINDS)
    with pytest.raises(UserError, match=r"no kind of task 'many': choose one .*several, or rows"):
        check_kind("many")


def test_two_answers_are_one_too_many_of_kind_one_alone() -> None:
    answers = pl.DataFrame({"query": [1, 2, 2], "item": [5, 5, 6]})
    assert check_answers(answers, "several").equals(answers)
    with pytest.raises(UserError, match=r"query 2 two right answers.* kind=\"several\" in competition\.py"):
        check_answers(answers, "one")
    with pytest.raises(UserError, match="query 1 the right answer 5 twice"):
        check_answers(pl.concat([answers, answers]), "several")
    with pytest.raises(UserError, match="no column item"):
        check_answers(answers.drop("item"), "several")


@pytest.mark.parametrize(
    ("labels", "said"),
    [([0, 1, 2], "row 3 has 2 in click"), ([0, None, 1], "row 2 has None"), ([1, 1], "the same in every row")],
)
def test_labels_are_0_and_1(labels: list[int | None], said: str) -> None:
    with pytest.raises(UserError, match=f"^data.csv: .*{said}"):
        check_labels(pl.Series("click", labels), "data.csv")
    assert check_labels(pl.Series("click", [True, False]), "data.csv").tolist() == [1.0, 0.0]


def test_a_reader_that_returns_other_columns_than_the_split_asks_for_is_named() -> None:
    events = pl.DataFrame({"user": [1], "item": [2], "when": [3]})
    with pytest.raises(
        UserError, match=r"read_events of io/reader.py returns no column time \(it returns user, item, when"
    ):
        split.label_fold(events, SplitSettings(days=1.0, valid_share=0.5), 0)
    with pytest.raises(UserError, match=r"read_labelled of io/reader.py returns no column query, kind, time, label"):
        rows_split.hide_last(events, RowSettings(days=1.0))
