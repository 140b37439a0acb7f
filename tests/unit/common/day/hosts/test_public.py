"""What public data sets share: a folder written at once, and the command that converts a set."""

import contextlib
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from common.day.hosts.public import MARKER, PublicDataset, dataset_folder, find_file
from common.engine.errors import UserError
from competitions.cli import data
from tests.unit.tencent.day.test_standin import write_beauty

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


def test_the_command_says_what_was_written_and_what_comes_next(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(data.standin)
    line = ["tencent", "--from", str(write_beauty(tmp_path)), "--build", str(tmp_path / "build")]
    done = CliRunner().invoke(app, line, catch_exceptions=False)
    folder = tmp_path / "build" / "tencent" / "standin"
    assert done.exit_code == 0
    assert f"{folder}, from Beauty.txt: 3 users" in done.output
    assert f"competitions run tencent --untuned --raw {folder} --build {tmp_path / 'build'}" in done.output
    assert f"--truth {folder / 'truth.csv'} --raw {folder}" in done.output
    assert (folder / MARKER).exists()
    assert not (folder / "simulation.json").exists()
    with pytest.raises(UserError, match="There is no competition music"):
        CliRunner().invoke(app, ["music", "--from", "x"], catch_exceptions=False)
