"""The report of a run, made from what lies in its folder and beside it."""

from pathlib import Path
from typing import Any

import msgspec

from common.day.board import find_board
from common.day.record_schema import RECORD, FiguresFile, decode_file, read_record
from common.day.registry import read_leaderboard
from common.day.report.page import write_report
from competitions import ROOM


def write_page(folder: Path) -> Path:
    """The report of a run from its record, with its competition's ladder and studies where there are any."""
    record = read_record(folder / RECORD) | {"leaderboard": read_leaderboard(folder)}
    board = find_board(record, ROOM / record["name"])
    if board is not None:
        record |= {"board": msgspec.to_builtins(board)}
    ladder = _read_json(folder.parent / "ladder" / "ladder.json")
    studies = [_read_json(path) for path in sorted((folder.parent / "tuning").glob("*.json"))]
    return write_report(record, folder, ladder, [study for study in studies if study])


def _read_json(path: Path) -> dict[str, Any] | None:
    """A ladder's or a study's figures; None where there are none that can be read."""
    try:
        return decode_file(path.read_bytes(), FiguresFile) if path.is_file() else None
    except (OSError, ValueError):
        return None
