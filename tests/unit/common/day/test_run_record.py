"""The record of a run: scores by fold and slice, the digest of the raw files, and what cannot be read back."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from msgspec import structs
from sklearn.metrics import roc_auc_score

from common.day import evidence, run_record, stamp
from common.day.difference import pair_scores
from common.day.record_schema import Code, read_record
from common.day.record_writer import RecordWriter
from common.engine.errors import UserError
from common.engine.run import Run
from common.learning.dataset import RankingDataset
from tests.unit.common.day.conftest import Make
from tests.unit.common.day.records import QUERIES, START, make_evidence, make_judged, make_record


@dataclass(frozen=True)
class Files:
    one: Path
    more: tuple[Path, ...]
    absent: Path | None = None


@pytest.fixture
def files(tmp_path: Path) -> Files:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(name)
    return Files(tmp_path / "a.csv", (tmp_path / "b.csv",))


def test_scores_by_fold_and_slice_are_those_worked_out_by_hand() -> None:
    summary = run_record.describe_queries(QUERIES)
    assert (summary.score, summary.queries) == (0.375, 4)
    assert summary.error == pytest.approx((0.171875 / 4) ** 0.5)  # variance of 1, 0, .5, 0 about .375
    folds = [(row.name, row.score, row.queries) for row in summary.folds]
    slices = [(row.name, row.score, row.queries) for row in summary.slices]
    assert folds == [("day 1", 0, 1), ("day 2", 0.5, 3)]
    assert slices == [("kind: x", 0.5, 2), ("kind: y", 0, 1)]
    assert run_record.describe_queries(QUERIES.clear()).score == 0


def test_a_weight_counts_in_every_mean_and_is_no_slice() -> None:
    weights, scores = np.array([3.0, 1.0, 1.0, 1.0]), QUERIES["score"].to_numpy()
    summary = run_record.describe_queries(QUERIES.with_columns(weight=pl.Series(weights)))
    mean = scores @ weights / 6
    assert (summary.score, summary.queries) == (pytest.approx(mean), 4)
    assert summary.error == pytest.approx(np.linalg.norm((scores - mean) * weights) / 6)
    assert {row.name.partition(":")[0] for row in summary.slices} == {"kind"}
    alike, plain = (run_record.describe_queries(queries) for queries in (QUERIES.with_columns(weight=7.0), QUERIES))
    assert (alike.score, alike.error) == pytest.approx((plain.score, plain.error))


def test_a_record_holds_what_the_run_was_and_where_it_came_from(tmp_path: Path, files: Files) -> None:
    run = Run(tmp_path / "run-1", tmp_path / "cache")
    run.step(len, "abc", name="count")
    data = run_record.describe_data(tmp_path, files, run.cache)
    writer, judged = RecordWriter(run, checked=True, began=time.perf_counter()), make_judged()
    writer.begin(structs.replace(START, data=data), judged)
    writer.add_evidence(judged)
    writer.finish()
    written = writer.record
    assert written == read_record(tmp_path / "run-1" / "run.json")
    assert (written.name, written.run) == ("news", "run-1")
    assert (written.config, written.overrides, written.tuned) == ({"seed": 3}, ["seed=3"], False)
    assert [step.name for step in written.steps] == ["count"]
    assert written.peak_mib == written.steps[0].peak_mib
    assert (written.submission.paths, written.submission.rows) == (["s.csv"], 7)
    assert (written.cv.score, written.cv.error, written.cv.why) == (0.375, 0.03, "clicks are of one day")
    assert [table["title"] for table in written.tables] == ["shown"]
    assert written.data.files == 2
    assert written.data.bytes == len("a.csv" + "b.csv")
    assert pl.read_parquet(tmp_path / "run-1" / "queries.parquet").equals(QUERIES)
    (candidate,) = pl.read_parquet(tmp_path / "run-1" / "candidates.parquet").rows(named=True)
    assert candidate == {"query": "a", "item": 7, "label": 1.0, "blend": 0.5}  # what it is sorted by is the last


def test_the_digest_follows_content_and_name_but_not_the_folder(tmp_path: Path, files: Files) -> None:
    def digest(at: Files) -> str:
        return run_record.describe_data(tmp_path, at, tmp_path / "cache").digest

    first = digest(files)
    (tmp_path / "moved").mkdir()
    moved = Files(tmp_path / "moved" / "a.csv", (tmp_path / "moved" / "b.csv",))
    for path in (moved.one, *moved.more):
        path.write_text(path.name)
    assert digest(moved) == first
    moved.one.write_text("x.csv")
    assert digest(moved) != first
    assert digest(Files(files.one, ())) != first


def test_what_is_no_record_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    with pytest.raises(UserError, match=r"run\.json cannot be read"):
        read_record(path)
    whole = msgspec.to_builtins(make_record())
    for content, words in (
        ({"name": "news"}, "required field"),
        (whole | {"cv": 5}, "Expected `object`"),
        (whole | {"expected": {"score": 0.5}}, "unknown field `expected`.*run again"),  # of an earlier version
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(UserError, match=f"is not a record of a run that this version wrote .*{words}"):
            read_record(path)


def test_code_is_the_content_of_what_moves_a_score_whatever_git_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    moves = ["common/learning/gbdt.py", "competitions/news/features/pair.py", "competitions/news/pipeline.py"]
    idle = ["common/day/compare.py", "common/simulation/clock.py", "competitions/cli/run.py"]
    idle += ["competitions/news/simulator/log.py", "competitions/learning/news/als.py"]
    other = "competitions/flight/pipeline.py"
    for name in (*moves, *idle, other):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(stamp, "PROJECT_ROOT", tmp_path)
    plain = stamp.find_revision("news")  # git knows nothing of it
    assert (plain.revision, plain.changed, list(plain.files)) == (None, False, moves)
    assert list(stamp.find_revision().files) == sorted([*moves, other])
    git("init", "-q"), git("add", "."), git("commit", "-qm", "first")
    first = stamp.find_revision("news")
    (tmp_path / moves[1]).write_text("anew")
    (tmp_path / "common" / "new file.py").write_text("new")
    (tmp_path / moves[0]).unlink()
    second = stamp.find_revision("news")
    git("add", "."), git("commit", "-qm", "second")
    third = stamp.find_revision("news")
    assert [code.changed for code in (first, second, third)] == [False, True, False]
    assert first.revision == second.revision != third.revision
    assert (first.files, second.files) == (plain.files, third.files)  # a commit changes no content
    assert stamp.list_differing(first, third) == [moves[0], "common/new file.py", moves[1]]
    monkeypatch.setenv("PATH", "")
    assert stamp.find_revision("news") == Code(None, False, third.files)


# --- a finished run as frames ---


def test_features_are_those_of_the_first_candidates_whole_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = np.array([2, 1, 2], np.int32)
    rows = RankingDataset(("x", "y"), np.arange(10, dtype=np.float32).reshape(5, 2), np.zeros(5), sizes)
    for most, height in ((10, 5), (9, 3), (1, 2)):  # at least one query
        monkeypatch.setattr(evidence, "MOST_VALUES", most)
        features = make_evidence(rows=rows).take_features().to_dict(as_series=False)
        assert features == {"x": [0, 2, 4, 6, 8][:height], "y": [1, 3, 5, 7, 9][:height]}


def test_a_run_is_loaded_whole_or_refused_in_one_sentence(make: Make) -> None:
    folder = make("20260101-1", [0.5, 0.25])
    with pytest.raises(UserError, match=r"candidates\.parquet does not exist: .*run again"):
        run_record.load_run(folder)
    frame = pl.DataFrame({"x": [1.0]})
    for name in (run_record.CANDIDATES, run_record.FEATURES):
        frame.write_parquet(folder / name)
    run = run_record.load_run(folder)
    assert (run.queries.height, run.candidates["x"].to_list(), run.features["x"].to_list()) == (2, [1.0], [1.0])
    (folder / run_record.FEATURES).write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"features\.parquet cannot be read .*run again"):
        run_record.load_run(folder)


def test_a_run_without_candidates_is_loaded_with_empty_ones(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tmp_path / "cache")
    writer = RecordWriter(run, checked=True, began=0.0)
    judged = make_judged(evidence=None)
    writer.begin(START, judged)
    writer.add_evidence(judged)
    loaded = run_record.load_run(run.folder)
    assert (loaded.queries.height, loaded.candidates.height, loaded.features.width) == (4, 0, 0)


def test_a_slice_of_rows_has_an_auc_of_its_own_and_its_difference_too() -> None:
    """Each user's order is perfect, that of all rows is not; where all labels are alike there is no AUC."""
    rows = pl.DataFrame(
        {
            "query": list("abcdef"),
            "fold": "all",
            "label": [1.0, 0.0, 1.0, 0.0, 1.0, 1.0],
            "predicted": [0.9, 0.8, 0.3, 0.1, 0.2, 0.6],
            "user": ["x", "x", "y", "y", "z", "z"],
        }
    )
    scored = run_record.score_rows(rows)
    described = run_record.describe_queries(scored)
    assert described.score == pytest.approx(roc_auc_score(rows["label"], rows["predicted"])) == 0.625
    assert [(row.name, row.score) for row in described.slices] == [("user: x", 1.0), ("user: y", 1.0)]
    other = run_record.score_rows(rows.with_columns(predicted=1 - pl.col("predicted")))
    parts = run_record.split_slice(pair_scores(scored, other), "user")
    assert [part.select("before", "after").rows()[0] for _, part in parts] == [(1.0, 0.0), (1.0, 0.0)]
