"""A path is read as it stands: a name with brackets, a star or a question mark is no pattern of other names."""

import ast
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from common.io import tables
from tests.unit.test_house import ROOT, SOURCE

WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "csv": pl.DataFrame.write_csv,
    "parquet": pl.DataFrame.write_parquet,
}


@pytest.mark.parametrize("name", ["read_csv", "scan_csv", "read_parquet", "scan_parquet"])
@pytest.mark.parametrize(("folder", "beside"), [("raw[12]", "raw1"), ("raw*", "raw1"), ("raw?", "raw1")])
def test_a_file_in_a_folder_that_looks_like_a_pattern_is_the_one_that_is_read(
    tmp_path: Path, name: str, folder: str, beside: str
) -> None:
    kind = name.partition("_")[2]
    for number, parent in enumerate((folder, beside)):
        (tmp_path / parent).mkdir()
        WRITERS[kind](pl.DataFrame({"number": [number]}), tmp_path / parent / f"a.{kind}")
    frame = getattr(tables, name)(tmp_path / folder / f"a.{kind}").lazy().collect()
    assert frame["number"].to_list() == [0]


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
