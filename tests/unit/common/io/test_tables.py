"""A path is read as it stands: a name with brackets, a star or a question mark is no pattern of other names."""

import ast
from pathlib import Path

import polars as pl
import pytest

from common.io import tables
from tests.unit.test_house import ROOT, SOURCE


@pytest.mark.parametrize("folder", ["raw[12]", "raw*", "raw?"])
def test_a_file_in_a_folder_that_looks_like_a_pattern_is_the_one_that_is_read(tmp_path: Path, folder: str) -> None:
    for number, parent in enumerate((folder, "raw1")):
        (tmp_path / parent).mkdir()
        frame = pl.DataFrame({"number": [number]})
        frame.write_csv(tmp_path / parent / "a.csv")
        frame.write_parquet(tmp_path / parent / "a.parquet")
    for kind in ("csv", "parquet"):
        path = tmp_path / folder / f"a.{kind}"
        read, scan = getattr(tables, f"read_{kind}")(path), getattr(tables, f"scan_{kind}")(path)
        assert read["number"].to_list() == scan.collect()["number"].to_list() == [0]


def test_no_other_module_calls_the_readers_of_polars() -> None:
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}"
        for path in SOURCE
        if path != Path(tables.__file__)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("pl", "polars")
        if node.attr.startswith(("read_", "scan_"))
    ]
    assert calls == [], "take common.io.tables"
