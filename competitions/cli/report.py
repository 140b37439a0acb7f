"""The report of a run, made from what lies in its folder and beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from common.day.board import find_board
from common.day.compare import list_changed_features
from common.day.record_schema import RECORD, FiguresFile, Row, decode_file, read_record
from common.day.registry import read_leaderboard
from common.day.report.page import write_report
from common.day.revision import list_differing
from competitions import ROOM
from competitions.cli.closing import find_change

SHOWN = 4  # of the settings, features or source files that differ


def write_page(folder: Path) -> Path:
    """The report of a run from its record, with its competition's ladder and studies where there are any."""
    record = read_record(folder / RECORD) | {"leaderboard": read_leaderboard(folder)}
    if before := compare_with_before(folder, record):
        record |= {"before": before}
    board = find_board(record, ROOM / record["name"])
    if board is not None:
        record |= {"board": msgspec.to_builtins(board)}
    ladder = _read_json(folder.parent / "ladder" / "ladder.json")
    if ladder is not None and ladder.get("files") != record["data"].get("digest"):  # scores of other files
        ladder = None
    studies = [_read_json(path) for path in sorted((folder.parent / "tuning").glob("*.json"))]
    return write_report(record, folder, ladder, [study for study in studies if study])


def compare_with_before(folder: Path, record: Row) -> Row | None:
    """The earlier run whose settings are most alike: its score, the paired difference, what differs; None without."""
    change = find_change(folder)
    if change is None:
        return None
    one = read_record(change.run / RECORD)
    settings = [f"{row['setting']} {row['A']} to {row['B']}" for row in change.settings]
    features = [row["feature"] for row in list_changed_features(one, record)]
    code = [Path(path).name for path in list_differing(one["code"], record["code"]) or []]
    parts = [("", settings, " settings"), ("features ", features, ""), ("code of ", code, "")]
    return {
        "run": f"{change.run.parent.name}/{change.run.name}",
        "score": one["cv"]["score"],
        "error": (one.get("expected") or one["cv"])["error"],
        "sentence": change.gain.sentence.replace("+-", "±"),
        "differs": [list_first(before, names, unit) for before, names, unit in parts if names],
    }


def list_first(before: str, names: Sequence[str], unit: str) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more{unit}" if len(names) > SHOWN else ""
    return f"{before}{', '.join(names[:SHOWN])}{more}"


def _read_json(path: Path) -> dict[str, Any] | None:
    """A ladder's or a study's figures; None where there are none that can be read."""
    try:
        return decode_file(path.read_bytes(), FiguresFile) if path.is_file() else None
    except (OSError, ValueError):
        return None
