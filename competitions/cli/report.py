"""The report of a run, made from what lies in its folder and beside it."""

from pathlib import Path

import msgspec

from common.day.board import find_board
from common.day.difference import describe_question, find_change
from common.day.record_schema import RECORD, read_figures, read_record, read_studies
from common.day.registry import read_leaderboard
from common.day.report.page import write_report
from competitions import ROOM

ABLATION = Path("ablation", "ablation.json")  # below the competition's folder of the build


def write_page(folder: Path) -> Path:
    """The report of a run from its record, with its competition's ladder, studies and ablation where there are any."""
    record = read_record(folder / RECORD) | {"leaderboard": read_leaderboard(folder)}
    if change := find_change(folder):
        cv = change.record["cv"]
        record |= {"before": {"score": cv["score"], "error": cv["error"], "sentence": change.sentence}}
    board = find_board(record, ROOM / record["name"])
    if board is not None:
        record |= {"board": msgspec.to_builtins(board)}
    ablation = read_figures(folder.parent / ABLATION) or {}
    if ablation.get("question") == list(describe_question(record)):
        record |= {"ablation": ablation["rows"]}
    ladder = read_figures(folder.parent / "ladder" / "ladder.json")
    if ladder is not None and ladder.get("files") != record["data"].get("digest"):  # scores of other files
        ladder = None
    return write_report(record, folder, ladder, read_studies(folder.parent))
