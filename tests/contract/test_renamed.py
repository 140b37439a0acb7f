"""Ids are names: other ids for the same users and items give as good an answer."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from competitions.mgtv.io import schema as mgtv_files
from tests.conftest import Call
from tests.contract.contract import Contract, Finished, require, solve
from tests.contract.test_submission import read_scores

ERRORS = 3.0  # standard errors, of the validation, that a score may differ by


def read_frame(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path)


def rename_tables(ids_of: Sequence[tuple[str, ...]], paths: Sequence[Path]) -> None:
    """Shuffle the ids of each kind among those who bear them."""
    frames = {path: read_frame(path) for path in paths}
    for columns in ids_of:
        borne = [frame[column] for frame in frames.values() for column in columns if column in frame.columns]
        ids = pl.concat([each.cast(borne[0].dtype) for each in borne]).unique().sort()
        other = ids.sample(fraction=1, shuffle=True, seed=1)
        for path, frame in frames.items():
            own = [column for column in columns if column in frame.columns]
            frames[path] = frame.with_columns(pl.col(own).replace_strict(ids, other))
    for path, frame in frames.items():
        write_frame(frame, path)


def rename(contract: Contract, raw: Path, truth: Path) -> None:
    shutil.rmtree(raw / mgtv_files.COMMENTS, ignore_errors=True)  # workbooks name videos too
    tables = [path for path in sorted(raw.rglob("*")) if path.suffix in (".csv", ".parquet")]
    rename_tables(contract.ids, [*tables, truth])


@pytest.mark.nightly
def test_other_ids_give_as_good_an_answer(
    contract: Contract, finished: Finished, folder: Path, call: Call, tmp_path: Path
) -> None:
    require(contract, contract.ids, "columns of ids")
    rename(contract, folder, tmp_path / "truth.csv")
    renamed = solve(call, contract, folder, tmp_path / "build")
    score, before = (
        read_scores(call("score", contract.name, each.submission, "--truth", each.truth))[contract.metric]
        for each in (renamed, finished)
    )
    assert score >= contract.floor
    assert score == pytest.approx(before, abs=ERRORS * finished.summary["cv"]["error"])
