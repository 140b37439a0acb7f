"""The news submission: padding, the file on disk, one mutation per rule, the score."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from common.learning.split import Fold
from competitions.news import submission
from competitions.news.io import reader
from tests.unit.news.news_world import PAIRS, frame

CLICK_HEADER = ",".join(column.header for column in reader.CLICK_COLUMNS)
ARTICLE_HEADER = ",".join(column.header for column in reader.ARTICLE_COLUMNS)
CATALOGUE = pl.DataFrame({"item": [1, 2, 3, 4, 5, 6, 7, 8], "category": [1, 1, 1, 2, 2, 2, 3, 3]}).cast(pl.Int32())


def recommend(
    scored: list[tuple[int, int, float]], users: list[int], seen: Sequence[tuple[int, int]] = ()
) -> pl.DataFrame:
    """What is handed in for these users: ``scored`` (user, item, score), ``seen`` (user, item)."""
    queries = frame(zip(users, users, strict=True), {"query": pl.Int32, "user": pl.Int32})
    clicked = pl.DataFrame({"item": [8] * 3 + [7] * 2 + [6]}, schema={"item": pl.Int32})  # 8 is clicked most
    fold = Fold(clicked, queries, frame(seen, PAIRS), None)
    return submission.recommend(fold, frame(scored, PAIRS | {"score": pl.Float64}), CATALOGUE)


# --- build ---


@pytest.mark.parametrize(
    ("scored", "users", "seen", "expected"),
    [
        # The first five by score, ties by id.
        ([(3, 1, 5), (3, 2, 6), (3, 4, 4), (3, 3, 4), (3, 6, 2), (3, 5, 3)], [3], [], [(3, 2, 1, 3, 4, 5)]),
        # Short lists are padded by popularity, then by id; users ascend.
        ([(9, 7, 2), (9, 1, 1)], [9, 2], [], [(2, 8, 7, 6, 1, 2), (9, 7, 1, 8, 6, 2)]),
        # Padding skips what the user clicked, but a candidate may be a clicked one.
        ([(2, 3, 1)], [2, 4], [(2, 8), (2, 1), (2, 3), (4, 7)], [(2, 3, 7, 6, 2, 4), (4, 8, 6, 1, 2, 3)]),
        # Clicked articles fill up only where the catalogue is exhausted.
        ([(2, 4, 1)], [2], [(2, 8), (2, 1), (2, 2), (2, 3)], [(2, 4, 7, 6, 5, 8)]),
        # Articles that articles.csv lacks are left out.
        ([(2, 99, 4), (2, 4, 3), (2, 5, 1)], [2], [], [(2, 4, 5, 8, 7, 6)]),
        ([(2, 99, 9), *((2, item, 6 - item) for item in range(1, 6))], [2], [], [(2, 1, 2, 3, 4, 5)]),
    ],
)
def test_lists_are_cut_to_five_or_padded(
    scored: list[tuple[int, int, float]], users: list[int], seen: list[tuple[int, int]], expected: list[tuple[int, ...]]
) -> None:
    assert recommend(scored, users, seen).rows() == expected


@pytest.mark.parametrize("score", [None, math.nan, -math.inf])
def test_a_score_that_is_no_finite_number_is_refused(score: float | None) -> None:
    with pytest.raises(UserError, match="not a finite number"):
        recommend([(0, 1, 0.5), (0, 2, score)], [0])  # type: ignore[list-item]


# --- check ---


@pytest.fixture
def files(tmp_path: Path) -> reader.RawFiles:
    """Three users to predict: 5, 6 and 8."""
    for name, users in ((reader.TRAIN, (0, 1)), (reader.TEST_A, (8, 5, 6))):
        rows = "".join(f"{user},1,1507000000000,4,1,17,1,25,2\n" for user in users)
        (tmp_path / name).write_text(f"{CLICK_HEADER}\n{rows}")
    rows = "".join(f"{item},{category},1507000000000,9\n" for item, category in CATALOGUE.rows())
    (tmp_path / reader.ARTICLES).write_text(f"{ARTICLE_HEADER}\n{rows}")
    return reader.locate(tmp_path)


@pytest.fixture
def written(files: reader.RawFiles) -> Path:
    return submission.write_submission(recommend([(5, 3, 1)], [5, 6, 8]), files.train.parent / "submission.csv")


def test_the_written_file_is_exact_and_passes_in_any_order(files: reader.RawFiles, written: Path) -> None:
    assert written.read_text() == (
        "user_id,article_1,article_2,article_3,article_4,article_5\n5,3,8,7,6,1\n6,8,7,6,1,2\n8,8,7,6,1,2\n"
    )
    checked = submission.check_submission(written, files)
    assert (checked.path, checked.rows, len(checked.rules)) == (written, 3, 9)
    header, first, *rest = written.read_text().splitlines()
    written.write_bytes("\r\n".join([header, *rest, first, ""]).encode())
    assert submission.check_submission(written, files).rows == 3


def replace(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda text: text.replace(old.encode(), new.encode(), 1)


# --- score ---


def test_score_counts_absent_users_as_zero(written: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("user_id,click_article_id\n5,8\n6,4\n8,1\n77,1\n")
    scores = submission.score_submission(written, truth)
    assert scores["mrr@5"] == pytest.approx((1 / 2 + 1 / 4) / 4)
    assert scores["hit_rate@3"] == pytest.approx(1 / 4)
    assert scores["precision@5"] == pytest.approx(2 / 5 / 4)
    # Reciprocal ranks .5, .25, 0, 0: mean .1875, squared deviations .171875, over 4 * 4.
    assert scores["mrr@5_error"] == pytest.approx(math.sqrt(0.171875 / 16))
    assert {"ndcg@5", "map@5", "recall@1", "f1@5"} <= scores.keys()


@pytest.mark.parametrize(
    ("mutate", "rule"),
    [
        (lambda text: text + text.split(b"\n", 1)[1], submission.ONE_ROW),
        (replace("6,8,7,6,1,2", "6,8,8,8,8,8"), submission.DISTINCT),
    ],
)
def test_score_refuses_what_check_refuses(
    written: Path, tmp_path: Path, mutate: Callable[[bytes], bytes], rule: str
) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("user_id,click_article_id\n5,8\n")
    written.write_bytes(mutate(written.read_bytes()))
    for score in (submission.score_submission, submission.score_queries):
        with pytest.raises(UserError, match=f"'{rule}' is broken"):
            score(written, truth)


def test_score_refuses_a_truth_of_other_users_or_with_two_answers(written: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("user_id,click_article_id\n77,8\n")
    with pytest.raises(UserError, match="no user in common"):
        submission.score_submission(written, truth)
    truth.write_text("user_id,click_article_id\n5,8\n5,7\n")
    with pytest.raises(UserError, match="line 3: user 5 is already on line 2"):
        submission.score_submission(written, truth)
