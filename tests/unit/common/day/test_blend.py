"""Runs that know different things are better together; what cannot be mixed is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from common.day.blend import MIX, Blending, Mixed, align, earn_by, mix_members, read_members
from common.day.run_record import average_queries, score_rows
from common.engine.errors import UserError
from common.learning.metrics import reciprocal_ranks, score_auc
from tests.unit.common.day.records import write_run

QUERIES, ITEMS = 400, 12
BLENDING = Blending(
    list_test=lambda outcome: pl.DataFrame(),
    earn=lambda frame, sizes: reciprocal_ranks(frame["score"].to_numpy(), frame["label"].to_numpy(), sizes, 5),
    answer=lambda frame, files, folder: [],
)


def write_pair(build: Path, strength: tuple[float, float] = (1.5, 1.5), **changed: object) -> list[Path]:
    """Two runs, each of which sees one of two numbers that the answers follow by so much; ``changed``: of the second's
    record.
    """
    rng, folders = np.random.default_rng(0), []
    known = rng.normal(size=(QUERIES * ITEMS, 2))
    chosen = (known @ strength + rng.gumbel(size=len(known))).reshape(QUERIES, ITEMS).argmax(1)
    names = {"query": np.repeat(np.arange(QUERIES), ITEMS).astype(str), "item": np.tile(np.arange(ITEMS), QUERIES)}
    for run, scores in enumerate(known.T):
        folder = write_run(build / "news" / f"run-{run}", [0.0] * QUERIES, **(changed if run else {}))
        listed = pl.DataFrame(names | {"label": np.eye(ITEMS, dtype=np.float32)[chosen].ravel(), "m": scores * 3})
        listed.write_parquet(folder / "candidates.parquet")
        listed.select("query", "item", score="m").write_parquet(folder / "test_candidates.parquet")
        folders.append(folder)
    return folders


def mix(folders: list[Path]) -> Mixed:
    return mix_members(read_members(folders, "news", BLENDING), BLENDING)


def test_two_runs_that_know_different_things_are_better_together(tmp_path: Path) -> None:
    folders = write_pair(tmp_path)
    mixed = mix(folders)
    assert list(mixed.ways) == ["run-0", "run-1", MIX]
    assert mixed.gain.mean > 4 * mixed.gain.error
    assert mixed.test.height == QUERIES * ITEMS
    # The test is answered by the mixed probabilities, which the hold-out's are as well here.
    known = pl.read_parquet(folders[0] / "candidates.parquet").with_columns(score=mixed.test["score"])
    earned = BLENDING.earn(known, np.full(QUERIES, ITEMS, np.int32))
    assert earned.mean() == pytest.approx(mixed.ways[MIX]["score"].mean(), abs=0.02)


def test_queries_of_a_fold_whose_candidates_no_run_kept_are_left_out(tmp_path: Path) -> None:
    folders = write_pair(tmp_path)
    for folder in folders:
        path = folder / "queries.parquet"
        part = pl.when(pl.int_range(pl.len()) < 300).then(pl.lit("0")).otherwise(pl.lit("1"))
        pl.read_parquet(path).with_columns(part=part).write_parquet(path)
        path = folder / "candidates.parquet"
        pl.read_parquet(path).filter(pl.col("query").cast(pl.Int64).is_between(1, 299)).write_parquet(path)
    queries = mix(folders).ways[MIX]
    assert queries.height == 300
    assert queries["score"][0] == 0.0  # retrieved nothing


def test_candidates_that_a_run_lacks_have_its_lowest_score_and_the_others_numbers() -> None:
    one = pl.DataFrame({"query": ["a", "b"], "item": [1, 1], "score": [2.0, 1.0], "share": [0.5, 0.5]})
    two = pl.DataFrame({"query": ["a", "a"], "item": [2, 1], "score": [4.0, 3.0], "share": [0.25, 0.75]})
    aligned = align([one, two], ["query"], ["share"])
    assert aligned.select("query", "item").rows() == [("a", 1), ("a", 2), ("b", 1)]
    assert aligned.select("score 0", "score 1").rows() == [(2.0, 3.0), (2.0, 4.0), (1.0, 0.0)]
    assert aligned.select("share 0", "share 1").rows() == [(0.5, 0.75), (0.25, 0.25), (0.5, 0.5)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "flight"}, "is a run of flight, not of news"),
        ({"metric": "score"}, "is scored by score"),
        ({"data": {"digest": "other"}}, "is a run on other files"),
        ({"until": "cv"}, "stopped after validation"),
    ],
)
def test_runs_of_other_questions_are_refused(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        mix(write_pair(tmp_path, **changed))


def test_a_run_of_an_earlier_version_and_another_split_are_refused(tmp_path: Path) -> None:
    folders = write_pair(tmp_path)
    path = folders[1] / "queries.parquet"
    pl.read_parquet(path).with_columns(fold=pl.lit("other")).write_parquet(path)
    with pytest.raises(UserError, match="no validation query in common"):
        mix(folders)
    (folders[1] / "test_candidates.parquet").unlink()
    with pytest.raises(UserError, match=r"test_candidates\.parquet does not exist"):
        mix(folders)


def test_rows_are_mixed_by_their_probabilities(tmp_path: Path) -> None:
    rng, folders, count = np.random.default_rng(0), [], 2_000
    known = rng.normal(size=(count, 2))
    labels = (known.sum(1) + rng.logistic(size=count) > 0).astype(np.float32)
    names = [str(number) for number in range(count)]
    for run, odds in enumerate(known.T):
        folder = write_run(tmp_path / "clicks" / f"run-{run}", [0.0] * count, name="clicks")
        rows = pl.DataFrame({"query": names, "item": 0, "label": labels, "score": odds})
        rows.write_parquet(folder / "candidates.parquet")
        rows.drop("label").write_parquet(folder / "test_candidates.parquet")
        queries = pl.read_parquet(folder / "queries.parquet").with_columns(label=labels, predicted=odds)
        score_rows(queries).write_parquet(folder / "queries.parquet")
        folders.append(folder)
    blending = replace(BLENDING, earn=earn_by(lambda scores, labels, sizes: score_auc(labels, scores)))
    mixed = mix_members(read_members(folders, "clicks", blending), blending, "rows")
    area = roc_auc_score(labels, expit(known).mean(1))
    assert average_queries(mixed.ways[MIX])["score"] == pytest.approx(area)
    assert mixed.gain.mean > 4 * mixed.gain.error
    assert mixed.test["score"].abs().max() < 9
