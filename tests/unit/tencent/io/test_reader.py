"""Both layouts become the same arrays, and these are what the files say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from competitions.tencent.io import schema
from tests.unit.tencent.tencent_files import (
    BASE,
    WORLD,
    indexer,
    read,
    refusal,
    write_competition,
    write_pickle,
    write_release,
)

LAYOUTS = {"competition": write_competition, "release": write_release}


@pytest.mark.parametrize("layout_name", LAYOUTS)
def test_the_arrays_of_a_tiny_world(tmp_path: Path, layout_name: str) -> None:
    corpus = read(LAYOUTS[layout_name](tmp_path, replace(WORLD, order=(2, 1))))
    catalogue = corpus.catalogue
    assert catalogue.oid.tolist() == [0, BASE + 7, BASE + 3, BASE + 9, BASE + 1, BASE + 8]
    assert (catalogue.known, catalogue.sizes) == (3, (9,) * 13)
    column = schema.ITEM_FEATURES.index
    expected = np.zeros((6, 13), np.int32)
    expected[1, [column("100"), column("122")]] = 1, 2
    expected[2, column("100")] = 3
    expected[3, column("101")] = 4
    expected[4, [column("100"), column("101")]] = 10, 3  # BASE + 1, cold in 100
    expected[5, [column("100"), column("121")]] = 2, 10  # BASE + 8, cold in 121
    np.testing.assert_array_equal(catalogue.features, expected)
    assert corpus.candidates.tolist() == [1, 4, 5]
    train = corpus.train
    assert train.offsets.tolist() == [0, 3, 4]
    assert train.item.tolist() == [2, 1, 3, 3]
    assert train.action.tolist() == [0, 1, -1, 2]
    assert train.time.tolist() == [100, 200, 300, 50]
    # Users to learn from are in the order of their re-ids, those to answer in that of their file.
    assert corpus.users.tolist() == [b"user_00000005", b"user_00000002"]
    assert corpus.test_users.tolist() == [b"user_00000002", b"user_00000005"]
    assert corpus.test.item.tolist() == [3, 2, 1, 3]
    assert corpus.actions is None
    for sequences in (train, corpus.test):
        kinds = [column.dtype for column in (sequences.offsets, sequences.item, sequences.action, sequences.time)]
        assert kinds == [np.int64, np.int32, np.int8, np.int64]
    assert catalogue.oid.dtype == np.int64
    assert catalogue.features.dtype == np.int32
    assert corpus.users.dtype.kind == corpus.test_users.dtype.kind == "S"


MISSING = {
    **{f"train/{name}": write_competition for name in ("seq.jsonl", "indexer.pkl")},
    "train/item_feat_dict.json": write_competition,
    **{f"eval/predict_{name}": write_competition for name in ("seq.jsonl", "set.jsonl")},
    **{f"{name}/train-00000-of-00001.parquet": write_release for name in schema.RELEASE_FOLDERS.values()},
    "indexer.pkl": write_release,
}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_file_is_named_with_where_it_belongs(tmp_path: Path, name: str) -> None:
    path = MISSING[name](tmp_path) / name
    path.unlink()
    what = "no parquet file is in" if path.suffix == ".parquet" else f"{path.name} is missing from"
    assert refusal(tmp_path).startswith(f"{what} {path.parent}; put the host's files in data/tencent/raw")


def test_a_folder_of_an_archive_and_one_of_two_layouts(tmp_path: Path) -> None:
    (tmp_path / "TencentGR_1k.zip").write_bytes(b"PK")
    assert f"{tmp_path / 'TencentGR_1k.zip'} is there: unpack it" in refusal(tmp_path)
    for name in ("TencentGR_1k", "TencentGR_10k"):
        write_competition(tmp_path / "raw" / name)
    assert "holds TencentGR_10k and TencentGR_1k; name one of them with RAW=DIR" in refusal(tmp_path / "raw")


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"i": {BASE: 1, BASE + 1: 3}}, "'i': re-ids are not 1..2, 3 stands where 2 is expected"),
        ({"i": {"x": 1}}, "Expected `int`, got `str`"),
        ({"i": {1 << 70: 1}}, "Expected `int` <= 4611686018427387904"),
        ({"i": 3}, "Expected `object`, got `int` - at `$.i`"),
        ({"u": {"ü": 1}}, "Expected `str` matching regex"),
        ({"u": {"x" * 65: 1}}, "Expected `str` of length <= 64"),
        ({"f": {name: {} for name in ("100", "101")}}, "missing required field `102` - at `$.f`"),
        ({"f": {name: {7: 2} for name in schema.ITEM_FEATURES}}, "'f' 100: re-ids are not 1..1, 2 stands where 1"),
    ],
)
def test_an_indexer_that_is_no_numbering(tmp_path: Path, parts: dict[str, Any], reason: str) -> None:
    path = write_pickle(write_competition(tmp_path) / "train" / schema.INDEXER, {**indexer(WORLD), **parts})
    assert reason in refusal(path, lambda _: read(tmp_path))
