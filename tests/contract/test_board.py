"""Where a run would rank: only a run on the host's own files stands between the marks of the board."""

import json
import shutil
from pathlib import Path

import pytest

from common.day.board import Board, read_board
from common.day.record_schema import RECORD, read_record
from competitions.cli.execution import show_end
from tests.conftest import Call
from tests.contract.contract import Contract, Finished


def find_board(contract: Contract) -> Board:
    board = read_board(contract.competition.folder)
    if board is None:  # of a competition that is being made
        pytest.skip("no mark of its board is known")
    return board


def copy_run(contract: Contract, finished: Finished, build: Path, **data: object) -> str:
    """The run in another build folder, its record's data changed."""
    folder = build / contract.name / finished.folder.name
    shutil.copytree(finished.folder, folder)
    record = finished.record
    (folder / "run.json").write_text(json.dumps(record | {"data": record["data"] | data}))
    return f"{contract.name}/{folder.name}"


def test_a_score_on_the_hosts_files_stands_between_the_marks(
    contract: Contract, finished: Finished, call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marks = find_board(contract).marks
    run = copy_run(contract, finished, tmp_path)
    code, out, err = call("lb", run, marks[-1].score + 1e-4, "--build", tmp_path)
    assert code == 0, err
    assert f"({marks[-1].name})" in out
    dry = ["--dry-run"] if contract.name == "flight" else []
    code, out, err = call("submit", contract.name, finished.folder.name, "--build", tmp_path, *dry)
    if code:  # a few rows in the host's layout, without a mark of ours
        assert (code, out) == (1, "")
        assert "was made from other files than the host's" in err
    else:  # nothing is known of these files
        assert any(path.name in out for path in finished.submissions)
    show_end(read_record(tmp_path / run / RECORD), finished.folder, contract.competition.queries)
    assert "On the board (" in capsys.readouterr().out
