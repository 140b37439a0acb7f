"""The submission: both forms exact and read back, one mutation a rule, the score by hand, truth files refused."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.tencent import submission
from competitions.tencent.corpus import Oids
from tests.unit.tencent.tencent_files import refusal
from tests.unit.tencent.training_inputs import make_catalogue, make_corpus, make_sequences

BASE = 20_000_000_000
USERS = np.array([b"user_b", b"user_a", b"user_c"])
ADS = BASE + np.array([[*range(10)], [*range(20, 30)], [*range(39, 29, -1)]])
CATALOGUE = replace(make_catalogue(40), oid=np.append(0, BASE + np.arange(40)))
CORPUS = replace(make_corpus(make_sequences([], [], []), 40, catalogue=CATALOGUE), test_users=USERS)
LINES = [f"{user},{','.join(map(str, ads))}" for user, ads in zip(USERS.astype(str), ADS, strict=True)]
CSV = "\n".join(["user,ad_1,ad_2,ad_3,ad_4,ad_5,ad_6,ad_7,ad_8,ad_9,ad_10", *LINES, ""])
TRUTH = f"user_id,user,creative_id\n1,user_a,{BASE + 29}\n2,user_b,{BASE}\n3,user_c,{BASE + 1}\n4,user_d,{BASE + 2}\n"


@pytest.fixture
def written(tmp_path: Path) -> list[Path]:
    return submission.write_submissions(USERS, Oids(ADS.reshape(-1)), tmp_path)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.csv"
    path.write_text(TRUTH)
    return path


# --- write and read back ---


def test_each_form_is_exact_and_passes(written: list[Path]) -> None:
    assert tuple(path.name for path in written) == submission.NAMES
    assert sorted(path.name for path in written[0].parent.iterdir()) == sorted(submission.NAMES)
    csv, result = written
    assert csv.read_text() == CSV
    names = ["user_b", "user_a", "user_c"]
    assert json.loads(result.read_text()) == {"time": 0.0, "top10s": ADS.tolist(), "user": names}
    for path in written:
        assert submission.check_submission(path, CORPUS) == (path, 3, submission.RULES)
        assert submission.read_back(path).rows() == [(at + 1, name, *ADS[at]) for at, name in enumerate(names)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("result.u64bin", b"\x03\0\0\0", "a submission ends in .csv, .json"),
        ("result.json", b'{"time": 0, "top10s": [], "user": ["a"]}', "1 users and 0 lists"),
        ("result.json", b'{"time": 0, "top10s": [[9223372036854775808, 1]], "user": ["a"]}', submission.FORMAT),
    ],
)
def test_a_file_that_is_none_is_refused(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert message in refusal(tmp_path / name, lambda path: submission.check_submission(path, CORPUS))


# --- score ---


def test_the_score_by_hand(written: list[Path], truth: Path) -> None:
    """Rank 1, rank 10, a miss, and a user who is not in the file."""
    gain = 1 / math.log2(11)
    for path in written:
        scores = submission.score_submission(path, truth)
        assert scores["users"] == 4
        assert scores["hit_rate@10"] == pytest.approx(2 / 4)
        assert scores["ndcg@10"] == pytest.approx((1 + gain) / 4)
        own = np.array([0.31 + 0.69 * gain, 1.0, 0, 0])
        assert scores["score"] == pytest.approx(own.mean())
        assert scores["score_error"] == pytest.approx(own.std() / 2)
    alone = submission.score_submission(written[0], truth)["score_error"]
    truth.write_text(re.sub(r",\d+$", f",{BASE}", truth.read_text(), flags=re.MULTILINE))
    assert submission.score_queries(written[0], truth)["cluster"].n_unique() == 1
    assert (
        submission.score_submission(written[0], truth)["score_error"] < 1e-9 < alone
    )  # of a single ad nothing is known
    truth.write_text(f"user,creative_id\nuser_b,{BASE}\n")  # who has no answer does not count
    assert submission.score_submission(written[0], truth)["score"] == 1.0


def test_a_truth_with_actions_weighs_users_by_them(written: list[Path], truth: Path) -> None:
    """Round 2: a conversion on rank 1 counts 2.5, a click that is missed 1; an exposure counts nothing."""
    rows = pl.read_csv(truth)
    hit = submission.score_queries(written[0], truth)["score"]
    action = pl.Series("action", [2 if score > 0 else 1 for score in hit])
    rows.with_columns(action).write_csv(truth)
    weight = np.where(hit.to_numpy() > 0, 2.5, 1.0)
    scores = submission.score_submission(written[0], truth)
    assert scores["score"] == pytest.approx((weight * hit.to_numpy()).sum() / weight.sum())
    apart = weight * (hit.to_numpy() - scores["score"])
    assert scores["score_error"] == pytest.approx((apart**2).sum() ** 0.5 / weight.sum())
    assert scores["score"] > hit.mean()
    assert submission.score_queries(written[0], truth)["score"].mean() == pytest.approx(scores["score"])
    assert submission.score_submission(written[0], truth, weights=(0.0, 1.0, 1.0))["score"] == pytest.approx(hit.mean())
    rows.with_columns(action=pl.Series([3, 1, 1, 1])).write_csv(truth)
    with pytest.raises(UserError, match="line 2: action 3 is none of 0"):
        submission.score_submission(written[0], truth)


def test_what_cannot_be_scored_is_refused_and_all_rules_are_where_the_raw_files_are_given(
    written: list[Path], truth: Path
) -> None:
    written[0].write_text(CSV.replace(f"{BASE + 39},", "17,"))
    assert submission.score_submission(written[0], truth)["hit_rate@10"] == 0.5
    with pytest.raises(UserError, match="by its original id"):
        submission.score_submission(written[0], truth, CORPUS)
    for old, new, rule in (("user_c", "user_a", submission.ONCE), (f",{BASE + 1},", f",{BASE},", submission.TEN)):
        written[0].write_text(CSV.replace(old, new))
        with pytest.raises(UserError, match=f"'{rule}' is broken"):
            submission.score_submission(written[0], truth)
    written[0].write_text(CSV)
    truth.write_text("user,creative_id\nnobody,1\n")
    with pytest.raises(UserError, match="belong to different files"):
        submission.score_submission(written[0], truth)
