"""The marks of a board, and where a score lies among them."""

from pathlib import Path
from typing import Any

import pytest

from common.day import board as boards
from common.day.board import Board, KnownScore
from common.engine.errors import UserError
from competitions import ROOM, find_competition
from tests.conftest import FINISHED
from tests.unit.common.day.records import make_record

BOARD = Board(
    title="a board",
    metric="MRR@5",
    mark=(
        KnownScore(score=0.1, name="baseline", source="the host"),
        KnownScore(score=0.2592, name="3rd place", source="its code"),
        KnownScore(score=0.0192, name="popularity", source="a page"),
    ),
)


@pytest.mark.parametrize(
    ("score", "sentence"),
    [
        (0.3, "at or above .2592 (3rd place), the best known score"),
        (0.2592, "at or above .2592 (3rd place), the best known score"),
        (0.2, "between .1 (baseline) and .2592 (3rd place)"),
        (0.05, "between .0192 (popularity) and .1 (baseline)"),
        (0.01, "below .0192 (popularity), the lowest known score"),
    ],
)
def test_a_score_lies_between_its_neighbours(score: float, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "read_board", lambda folder: BOARD)
    record = make_record(cv={"score": score}, data={"simulated": False})
    said = boards.describe_standing(record, Path())
    assert said == f"On the board (a board), a MRR@5 of {score:.4f} lies {sentence}"


def write_board(folder: Path, metric: str = "MRR@5") -> None:
    (folder / "board.toml").write_text(
        f'title = "t"\nmetric = "{metric}"\n[[mark]]\nscore = 0.1\nname = "n"\nsource = "s"\n'
    )


def test_whose_files_they_are_is_one_answer_for_every_verb_and_page(tmp_path: Path) -> None:
    write_board(tmp_path)
    raw = tmp_path / "raw"
    raw.mkdir()

    def answers(metric: str = "MRR@5", **data: Any) -> tuple[str, bool, bool]:
        record = make_record(metric=metric, data={"folder": str(raw), "simulated": False} | data)
        line = boards.describe_standing(record, tmp_path)
        assert record.basis.scored == ("do not compare it" not in str(line))
        return str(record.basis), record.basis.scored, boards.find_board(record, tmp_path) is not None

    assert answers() == ("files in the host's layout", True, True)
    assert answers(metric="hit rate") == ("files in the host's layout", True, False)
    others = [
        ({"simulated": True}, "simulated data"),
        ({"sample": True}, "a sample of the host's files (without queries)"),
        ({"standin": True}, "a stand-in, not the host's files"),
    ]
    for data, words in others:
        assert answers(**data) == (words, False, False)
    # A record of before the files were named by it.
    for sign, words in (("truth.csv", "truth.csv is among them"), ("standin.json", "standin.json says so")):
        (raw / sign).write_text("{}")
        assert answers() == (f"a stand-in, not the host's files ({words})", False, False)
    (raw / "simulation.json").write_text("{}")  # beside the truth, as a simulator leaves them
    assert answers() == ("simulated data", False, False)


@pytest.mark.parametrize("name", FINISHED)
def test_every_competition_has_a_board_by_its_own_metric(name: str) -> None:
    board = boards.read_board(ROOM / name)
    assert board
    assert board.metric == find_competition(name).metric


@pytest.mark.parametrize("marks", ["[{ score = 7.0 }]", "[]"])  # without a mark a score lies nowhere
def test_a_damaged_board_is_named(tmp_path: Path, marks: str) -> None:
    (tmp_path / "board.toml").write_text(f'title = "t"\nmetric = "m"\nmark = {marks}\n')
    with pytest.raises(UserError, match=r"board\.toml is not a list of known scores"):
        boards.read_board(tmp_path)
