"""What public data sets share: a folder written at once; the command: tencent/test_standin.py."""

import contextlib
import json
from pathlib import Path

import pytest

from common.day.hosts import MARKER
from common.engine.errors import UserError
from competitions.learning.public import PublicDataset, dataset_folder, find_file

WHERE = "fetch it again"


def test_a_missing_file_names_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data/x\.csv is missing from .*fetch it again"):
        find_file(tmp_path, ("data/x.csv", "x.csv"), WHERE)
    with pytest.raises(UserError, match="There is no "):
        find_file(tmp_path / "none", ("x.csv",), WHERE)
    (tmp_path / "x.csv").touch()
    assert find_file(tmp_path, ("data/x.csv", "x.csv"), WHERE) == tmp_path / "x.csv"


DATASET = PublicDataset("set", {"rows": 1})


def test_a_folder_appears_whole_or_not_at_all_and_only_a_stand_in_is_replaced(tmp_path: Path) -> None:
    """Otherwise as ``written_at_once`` has it."""
    out = tmp_path / "out"
    with contextlib.suppress(RuntimeError), dataset_folder(out, DATASET, {"a"}) as folder:
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    for text in ("first", "second"):
        with dataset_folder(out, DATASET, {"a"}) as folder:
            (folder / "a").write_text(text)
        assert ({path.name for path in out.iterdir()}, (out / "a").read_text()) == ({"a", MARKER}, text)
    assert json.loads((out / MARKER).read_text())["rows"] == {"rows": 1}
    (out / MARKER).unlink()
    with pytest.raises(UserError, match="has other files than stand-in"), dataset_folder(out, DATASET, {"a"}):
        pytest.fail("the block must not run")
