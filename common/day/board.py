"""Where would that rank? The known marks of a competition's board (``board.toml``) beside a run's scores.

A mark was earned on the host's own files: a score on simulated data or on a public stand-in says nothing of the board,
and is never put between marks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from common.day.hosts import UNSAID, find_basis
from common.engine.errors import UserError

FILE = "board.toml"
NORMAL_95 = 1.96  # standard errors each way of a 95 % interval


class Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A score that is known of the board: who had it, and who says so."""

    score: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    name: str
    source: str


class Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A board: its ``title``, the ``metric`` of its marks, the name that runs record it by, and the marks."""

    title: str
    metric: str
    mark: tuple[Mark, ...]

    @property
    def marks(self) -> list[Mark]:
        """The marks, the best first."""
        return sorted(self.mark, key=lambda mark: -mark.score)


def read_board(folder: Path) -> Board | None:
    """The board of a competition in its folder; None where there is no ``board.toml``."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Board)
    except (OSError, msgspec.MsgspecError) as error:
        raise UserError(f"{path} is not a list of known scores ({error}): correct it or restore it.") from error


def find_board(record: Mapping[str, Any], folder: Path) -> Board | None:
    """The board that a run's scores may be held against: None off the host's files, or of another metric."""
    board = read_board(folder) if find_basis(record.get("data")).scored else None
    return board if board is not None and board.metric == record.get("metric") else None


def position(score: float, board: Board) -> str:
    """Between which marks a score lies: "between .5308 (8th place) and .53672 (4th place)"."""
    above = [mark for mark in board.marks if mark.score > score]
    below = [mark for mark in board.marks if mark.score <= score]
    if not above:
        return f"at or above {name_mark(below[0])}, the best known score"
    if not below:
        return f"below {name_mark(above[-1])}, the lowest known score"
    return f"between {name_mark(below[0])} and {name_mark(above[-1])}"


def position_briefly(score: float, board: Board) -> str:
    """The same for a column: the next mark below and the next above."""
    above = [mark.name for mark in board.marks if mark.score > score]
    below = [mark.name for mark in board.marks if mark.score <= score]
    if above and below:
        return f"{below[0]} < {above[-1]}"
    return f">= {below[0]}" if below else f"< {above[-1]}"


def name_mark(mark: Mark) -> str:
    """A mark's score and name."""
    return f"{mark.score:.5f}".rstrip("0").removeprefix("0") + f" ({mark.name})"


def describe_standing(record: Mapping[str, Any], folder: Path) -> str | None:
    """The closing line of a run: where its score lies on the board, or of whose files that is not said."""
    basis, board = find_basis(record.get("data")), find_board(record, folder)
    if not basis.scored and basis.kind != UNSAID:
        return f"Made from {basis}: do not compare it with a leaderboard"
    return None if board is None else describe_position(record, board)


def describe_position(record: Mapping[str, Any], board: Board) -> str | None:
    """The sentence of a run's closing summary; None where the run has no score."""
    score, error = record["cv"].get("score"), record["cv"].get("error")
    if not isinstance(score, float):
        return None
    said = f"On the board ({board.title}), a {board.metric} of {score:.4f}"
    if not isinstance(error, float) or not error:
        return f"{said} lies {position(score, board)}"
    inside = [name_mark(mark) for mark in board.marks if abs(mark.score - score) <= NORMAL_95 * error]
    held = f"; its 95 % interval includes {', '.join(inside)}" if inside else ""
    return f"{said} +- {error:.4f} lies {position(score, board)}{held}"
