"""Where a run would rank: only a run on the host's own files stands between the marks of the board."""

import json
import shutil
from pathlib import Path

import pytest

from common.day.board import Board, read_board
from competitions.cli.closing import Closing, show_end
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


def test_every_mark_has_a_source_and_the_metric_of_the_runs(contract: Contract) -> None:
    board = find_board(contract)
    assert board.metric == contract.competition.metric
    assert board.title
    assert all(mark.name and mark.source for mark in board.marks)
    assert len({mark.score for mark in board.marks}) == len(board.marks)


def test_a_score_on_the_hosts_files_stands_between_the_marks(
    contract: Contract, finished: Finished, call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marks = find_board(contract).marks
    run = copy_run(contract, finished, tmp_path, differs="")
    code, out, err = call("lb", run, marks[-1].score + 1e-4, "--build", tmp_path)
    assert code == 0, err
    assert f"({marks[-1].name})" in out
    code, out, err = call("runs", contract.name, "--wide", "--build", tmp_path)
    assert code == 0, err
    assert " rank " in out
    page = (tmp_path / run / "report.html").read_text()
    assert "Where would that rank?" in page
    assert all(mark.name in page for mark in marks)
    record = finished.record
    known = record | {"data": record["data"] | {"differs": ""}}
    show_end(Closing(known, finished.folder, contract.competition.queries))
    assert "On the board (" in capsys.readouterr().out


@pytest.mark.parametrize("data", [{"simulated": True}, {"standin": True}], ids=["simulated", "stand-in"])
def test_no_other_score_does(
    contract: Contract,
    finished: Finished,
    data: dict[str, bool],
    call: Call,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = copy_run(contract, finished, tmp_path, **data)
    code, out, err = call("lb", run, 0.3, "--build", tmp_path)
    assert (code, out) == (1, "")
    assert "which no host scores" in err
    assert not (tmp_path / run / "lb.json").exists()
    assert call("report", run, "--build", tmp_path)[0] == 0
    page = (tmp_path / run / "report.html").read_text()
    assert "Where would that rank?" not in page
    assert "the host&#39;s files" not in page
    assert " rank " not in call("runs", contract.name, "--wide", "--build", tmp_path)[1]
    record = finished.record
    changed = record | {"data": record["data"] | data}
    show_end(Closing(changed, finished.folder, contract.competition.queries))
    assert "On the board" not in capsys.readouterr().out
