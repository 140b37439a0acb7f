"""Where would that rank? The known marks of a competition's board (``board.toml``) beside a run's scores.

A mark was earned on the host's own files: a score on simulated data or on a public stand-in says nothing of the board,
and is never put between marks.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from common.day.record_schema import RunRecord
from common.engine.errors import UserError

FILE = "board.toml"


class KnownScore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mark of the board: who had it, and who says so."""

    score: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    name: str
    source: str


class Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A board: its ``title``, the ``metric`` of its marks, the name that runs record it by, and the marks."""

    title: str
    metric: str
    mark: Annotated[tuple[KnownScore, ...], msgspec.Meta(min_length=1)]

    @property
    def marks(self) -> list[KnownScore]:
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


def find_board(record: RunRecord, folder: Path) -> Board | None:
    """The board that a run's scores may be held against: None off the host's files, or of another metric."""
    board = read_board(folder) if record.basis.scored else None
    return board if board is not None and board.metric == record.metric else None


def position(score: float, board: Board) -> str:
    """Between which marks a score lies: "between .5308 (8th place) and .53672 (4th place)"."""
    above = [mark for mark in board.marks if mark.score > score]
    below = [mark for mark in board.marks if mark.score <= score]
    if not above:
        return f"at or above {name_mark(below[0])}, the best known score"
    if not below:
        return f"below {name_mark(above[-1])}, the lowest known score"
    return f"between {name_mark(below[0])} and {name_mark(above[-1])}"


def name_mark(mark: KnownScore) -> str:
    """A mark's score and name."""
    return f"{mark.score:.5f}".rstrip("0").removeprefix("0") + f" ({mark.name})"


def describe_standing(record: RunRecord, folder: Path) -> str | None:
    """The closing line of a run: where its score lies on the board; None where its marks are not known."""
    if not record.basis.scored:
        return f"Made from {record.basis}: do not compare it with a leaderboard"
    board, score = find_board(record, folder), record.cv.score
    if board is None:
        return None
    return f"On the board ({board.title}), a {board.metric} of {score:.4f} lies {position(score, board)}"
