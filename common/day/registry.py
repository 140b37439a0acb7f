"""All runs of a build folder as a table, newest first, with the leaderboard scores that were noted for them."""

import datetime
import json
import os
from collections.abc import Sequence
from pathlib import Path

from common.day.board import find_board, position_briefly
from common.day.record_schema import RECORD, Row, read_record
from common.engine.errors import UserError

LEADERBOARD = "lb.json"
LARGEST_SCORE = 1e9  # no metric of a board comes near
SETTINGS_SHOWN = 32  # characters
COLUMNS = (
    "run", "note", "CV", "error", "truth", "oracle", "leaderboard", "rank", "minutes", "data", "code", "GiB",
    "settings",
)  # fmt: skip


def find_runs(build: Path, names: Sequence[str]) -> list[Path]:
    """The folders of all finished runs of these competitions, newest first."""
    folders = [path.parent for name in names for path in (build / name).glob(f"*/{RECORD}")]
    return sorted(folders, key=lambda folder: (folder.name, folder.parent.name), reverse=True)


def find_run(build: Path, names: Sequence[str], run: str) -> Path:
    """The folder of a run: its name or the end of one, "news/" and such before it, a path, "last" or "last~1".

    A competition alone is its last run. ``UserError`` where there is none, or more than one.
    """
    if os.path.isfile(Path(run) / RECORD):
        return Path(run)
    head, _, tail = f"{run}/last".rpartition("/") if run in names else run.rpartition("/")
    runs = [path for path in find_runs(build, names) if not head or path.parent.name == head]
    if not runs:
        raise UserError(f"There is no finished run in {build}: run one first, for instance with `make news`.")
    if tail.startswith("last"):
        back = tail.removeprefix("last").removeprefix("~") or "0"
        if not back.isdecimal() or len(back) > 9 or int(back) >= len(runs):  # "²" is a digit, and no number
            raise UserError(f"{run} is not a run: there are {len(runs)}; last is the newest, last~1 the one before.")
        return runs[int(back)]
    matches = [path for path in runs if path.name == tail] or [path for path in runs if path.name.endswith(tail)]
    if len(matches) != 1:
        count = f"{len(matches)} runs" if matches else "no run"
        raise UserError(f"{run} matches {count}: `make runs` lists them. Give the full name, or last, last~1, ...")
    return matches[0]


def find_pair(build: Path, names: Sequence[str], first: str | None, second: str | None) -> tuple[Path, Path]:
    """The folders of two runs. Without the second, the first is compared with the last run of its competition; a
    competition alone, or nothing, stands for its last run and the earlier one that is most like it.
    """
    from common.day.difference import find_partner  # the ledger compares nothing, and lists at once

    if first is None or (second is None and first in names):
        last = find_run(build, names, "last" if first is None else f"{first}/last")
        return find_partner(last) or find_run(build, names, f"{last.parent.name}/last~1"), last
    one = find_run(build, names, first)
    own = [name for name in names if name == one.parent.name]
    return one, find_run(build, own or names, "last") if second is None else find_run(build, names, second)


def list_runs(folders: Sequence[Path], boards: Path | None = None) -> list[Row]:
    """One row per run: when, what on, how it scored, what it cost, and the leaderboard's last word on it.

    ``boards``: the folder whose ``<name>/board.toml`` holds the marks of a competition; ``rank``: between which of them
    the leaderboard's score lies, else the CV of a run on the host's files. A run whose record or whose noted scores are
    damaged has a row that says so.
    """
    return [_list_or_name_fault(folder, boards) for folder in folders]


def _list_or_name_fault(folder: Path, boards: Path | None) -> Row:
    try:
        return _list_run(folder, read_record(folder / RECORD), boards)
    except UserError as error:
        fault = str(error).replace(f"{folder}/", "")
        return dict.fromkeys(COLUMNS) | {
            "run": f"{folder.parent.name}/{folder.name}",
            "settings": f"DAMAGED: {fault[:80]}",
        }


def _list_run(folder: Path, record: Row, boards: Path | None) -> Row:
    cv, truth, noted = record["cv"], record.get("truth"), read_leaderboard(folder)
    code, data = record["code"], record["data"] or {}
    until = [f"--until {record['until']}"] if record.get("until") else []
    return {
        "run": f"{folder.parent.name}/{folder.name}",
        "note": record.get("note"),
        "CV": cv["score"],
        "error": cv["error"],
        "truth": truth.get("score") if truth else None,
        "oracle": truth.get("oracle") if truth else None,
        "leaderboard": noted[-1]["score"] if noted else None,
        "rank": _rank(record, noted, boards),
        "minutes": (record.get("wall_seconds") or 0.0) / 60,
        "data": name_files(data),
        "code": f"{code['revision'] or 'unknown'}{'+' if code['changed'] else ''}",
        "GiB": f"{(record.get('peak_mib') or 0.0) / 1024:.1f}",
        "settings": _shorten(" ".join([*until, *record["overrides"]])),
    }


def _rank(record: Row, noted: Sequence[Row], boards: Path | None) -> str | None:
    board = None if boards is None else find_board(record, boards / record["name"])
    score = noted[-1]["score"] if noted else record["cv"]["score"]
    return None if board is None or score is None else position_briefly(score, board)


def name_files(data: Row) -> str:
    """The raw files in words: scale and seed of simulated ones, else their folder; the first letters of their digest.

    >>> name_files({"folder": "build/news/simulated/scale0.2-seed3", "simulated": True, "digest": "c829e1"})
    'scale 0.2, seed 3 (c829)'
    >>> name_files({"folder": "data/news/raw", "simulated": False, "digest": "c829e1"})
    'data/news/raw (c829)'
    """
    parts = Path(str(data.get("folder") or "?")).parts
    name = "/".join(parts[-3:] if parts[-1] == "raw" else parts[-1:])
    if data.get("simulated"):
        name = name.replace("scale", "scale ").replace("-seed", ", seed ")
    return f"{name} ({str(data.get('digest') or '')[:4]})"


def _shorten(text: str) -> str:
    return text if len(text) <= SETTINGS_SHOWN else f"{text[: SETTINGS_SHOWN - 1]}…"


def note_leaderboard(folder: Path, score: float) -> Row:
    """Note a leaderboard score of a run's submission; earlier ones are kept."""
    if not abs(score) < LARGEST_SCORE:
        raise UserError(f"{score} is not a score: give the number that the leaderboard shows.")
    from common.io.submission import write_text

    record = read_record(folder / RECORD)
    noted = [*read_leaderboard(folder), {"score": score, "when": f"{datetime.datetime.now():%Y-%m-%d %H:%M}"}]
    write_text(folder / LEADERBOARD, json.dumps(noted, indent=2) + "\n")
    return record


def require_submission(folder: Path) -> None:
    """A ``UserError`` for a run that stopped before there was a submission, by its record where that can be read."""
    try:
        stopped = bool(read_record(folder / RECORD).get("until"))
    except UserError:
        stopped = False
    if stopped:
        raise UserError(f"{folder} stopped after validation and has no submission: run it without --until first.")


def read_leaderboard(folder: Path) -> list[Row]:
    """The leaderboard scores of a run, in the order in which they were noted."""
    path = folder / LEADERBOARD
    if not path.exists():
        return []
    try:
        noted: list[Row] = json.loads(path.read_text())
        return [{"score": float(row["score"]), "when": str(row["when"])} for row in noted]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error!r}): remove it and record the score again.") from error


def judge_agreement(rows: Sequence[Row]) -> list[Row]:
    """How CV and leaderboard agree, by competition and data: one row for each that has two noted runs or more.

    ``shift``: mean of leaderboard - CV, and its spread; ``order``: Kendall's tau-b, the share of pairs of runs that
    both put in the same order less that of pairs in the opposite one; None where one of the two does not vary.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["leaderboard"] is not None:
            groups.setdefault((row["run"].partition("/")[0], row["data"]), []).append(row)
    return [_compute_agreement(name, data, noted) for (name, data), noted in groups.items() if len(noted) > 1]


def _compute_agreement(name: str, data: str, noted: Sequence[Row]) -> Row:
    import numpy as np  # both libraries take longer to import than the ledger to list

    cv, board = (np.array([row[key] for row in noted], float) for key in ("CV", "leaderboard"))
    shift = board - cv
    # Kendall's tau-b: pairs in the same order less those in the opposite one, over the root of the untied ones of both.
    cv_order, board_order = np.sign(cv[:, None] - cv), np.sign(board[:, None] - board)
    untied = float(np.sqrt((cv_order**2).sum() * (board_order**2).sum()))
    return {
        "competition": name,
        "data": data,
        "runs": len(noted),
        "shift": float(shift.mean()),
        "spread": float(shift.std()),
        "order": float((cv_order * board_order).sum()) / untied if untied else None,
    }
