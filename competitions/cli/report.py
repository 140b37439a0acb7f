"""The report of a run, made from what lies in its folder and beside it."""

from pathlib import Path

from common.day.board import find_board
from common.day.difference import find_change
from common.day.record_schema import RECORD, read_figures, read_record, read_studies
from common.day.registry import read_leaderboard
from common.day.report.page import Beside, write_report
from competitions import ROOM

ABLATION = Path("ablation", "ablation.json")  # below the competition's folder of the build


def write_page(folder: Path) -> Path:
    """The report of a run from its record, with its competition's ladder, studies and ablation where there are any."""
    record, build = read_record(folder / RECORD), folder.parent
    ladder, ablation = read_figures(build / "ladder" / "ladder.json") or {}, read_figures(build / ABLATION) or {}
    beside = Beside(
        change=find_change(folder),
        leaderboard=read_leaderboard(folder),
        board=find_board(record, ROOM / record.name),
        ablation=ablation["rows"] if ablation.get("question") == list(record.question) else (),
        ladder=ladder if ladder.get("files") == record.data.digest else None,  # not the scores of other files
        studies=read_studies(build),
    )
    return write_report(record, folder, beside)
