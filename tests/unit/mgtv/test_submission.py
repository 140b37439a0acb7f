"""The submission: built and written exactly, one mutation per rule, the score by hand, truth files that are refused."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from common.io.submission import write_whole
from competitions.mgtv import submission as submissions
from competitions.mgtv.io import reader
from tests.unit.mgtv.mgtv_raw_files import clicks, locate, rows, shows

# b was shown nothing; "x" is shown more and never asked.
ASKED = rows("did", "c", "a", "b")
SHOWN = shows("a,10", "c,20", "a,30", "c,10", "x,40")
CODES = reader.Codes(pl.DataFrame({"did": ["a", "b", "c", "x"]}), pl.DataFrame({"vid": [10, 20, 30, 40]}))
QUERIES = pl.DataFrame({"query": [0, 1, 2], "device": [2, 0, 1]}, schema=dict.fromkeys(("query", "device"), pl.Int32))
CHOSEN = pl.DataFrame(
    {"query": [0, 1], "video": [1, 2], "answer": [0.25, 1.12345678]},
    schema={"query": pl.Int32, "video": pl.Int32, "answer": pl.Float64},
)
EXACT = "did,vid,completion_rate\nc,20,0.25\na,30,1.123457\nb,40,0.5\n"


@pytest.fixture
def files(tmp_path: Path) -> reader.RawFiles:
    return locate(tmp_path / "raw", queries=ASKED, shown=SHOWN, click=clicks())


@pytest.fixture
def written(tmp_path: Path) -> Path:
    frame = submissions.build_submission(QUERIES, CHOSEN, (3, 0.5), CODES)
    return write_whole(tmp_path / "run" / "result.csv", frame.write_csv)


# --- check ---


def replace(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "rule", "message"),
    [
        (replace("20,", "9999999999999999999,"), submissions.INTEGERS, "line 2"),
        (replace("20,", "020,"), submissions.INTEGERS, "line 2: 'c,020,0.25'"),
        *(
            (replace("0.25", rate), submissions.RATES, f"line 2: 'c,20,{rate}'")
            for rate in ("+0.25", "00.25", "-0.25", "nan", "1e999", "9" * 30, "0." + "3" * 30)
        ),
        (replace("b,40", "x,40"), submissions.SAME_ORDER, "broken 2 time(s), first: missing b; unknown x"),
        (replace("c,20,0.25\na,30,1.123457", "a,30,1.123457\nc,20,0.25"), submissions.SAME_ORDER, "in the wrong order"),
        (replace("c,20", "c,30"), submissions.SHOWN, "broken 1 time(s), first: line 2: 'c,30,0.25'"),
        (replace("a,30", "a,40"), submissions.SHOWN, "line 3: 'a,40,1.123457'"),
    ],
)
def test_each_rule_is_verified(
    files: reader.RawFiles, written: Path, change: Callable[[str], str], rule: str, message: str
) -> None:
    assert written.read_text() == EXACT
    assert submissions.check_submission(written, files) == (written, 3, submissions.RULES)
    written.write_text(change(EXACT))
    with pytest.raises(UserError) as caught:
        submissions.check_submission(written, files)
    assert [broken for broken in submissions.RULES if f"'{broken}'" in str(caught.value)] == [rule]
    assert message in str(caught.value)


@pytest.mark.parametrize("rate", ["0", "0.0", "1e-3", "1e-05", "2.5E-7", "0.30000000000000004", "7.5", "86400"])
def test_any_finite_rate_of_0_or_more_passes(files: reader.RawFiles, written: Path, rate: str) -> None:
    written.write_text(EXACT.replace("0.25", rate))
    assert submissions.check_submission(written, files).rows == 3


# --- score ---

TRUTH = "did,vid,completion_rate\na,30,1.0\nc,10,0.5\nb,40,0.0\nz,10,0.5\nd,20,0.5\n"
SAID = "did,vid,completion_rate\nc,20,0.5\na,30,0.75\nb,40,0.5\nd,20,0.5\n"


@pytest.fixture
def scored(tmp_path: Path) -> tuple[Path, Path]:
    submission, truth = tmp_path / "s.csv", tmp_path / "truth.csv"
    submission.write_text(SAID)
    truth.write_text(TRUTH)
    return submission, truth


def test_the_score_by_hand(scored: tuple[Path, Path]) -> None:
    """a is a hit of 1 / 1.5; c misses; b hits a play of nothing; z has no answer; d is exact."""
    earned = [2 / 3, 0, 0, 0, 1]
    mean = sum(earned) / 5
    assert submissions.score_submission(*scored) == pytest.approx(
        {
            "score": mean,
            "score_error": (sum((s - mean) ** 2 for s in earned) / 5 / 5) ** 0.5,
            "hit_rate": 3 / 5,
            "score_of_hits": (2 / 3 + 0 + 1) / 3,
            "devices": 5,
        }
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace("c,10", "a,10"), "line 3: did a is already on line 2"),
        (lambda _: "did,vid,completion_rate\na,10,0.5\nb,10,-1\n", f"line 3: '{submissions.RATES}' is broken: -1.0"),
        (lambda _: "did,vid,completion_rate\nq,10,0.5\n", "none of its 1 devices is in"),
    ],
)
def test_a_truth_that_does_not_fit_is_refused(
    scored: tuple[Path, Path], change: Callable[[str], str], message: str
) -> None:
    submission, truth = scored
    truth.write_text(change(TRUTH))
    with pytest.raises(UserError) as caught:
        submissions.score_submission(submission, truth)
    assert message in str(caught.value)
    assert str(truth) in str(caught.value)


def test_with_the_raw_files_every_rule_is_verified_first(
    scored: tuple[Path, Path], files: reader.RawFiles, written: Path
) -> None:
    submission, truth = scored
    with pytest.raises(UserError, match=submissions.SAME_ORDER):
        submissions.score_submission(submission, truth, files)
    assert submissions.score_submission(written, truth, files) == submissions.score_submission(written, truth)
