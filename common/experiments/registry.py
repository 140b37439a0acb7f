"""All runs of a build folder as a table, newest first, with the leaderboard scores that were noted for them."""

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.experiments.run_record import RECORD, Row, read_record
from common.submission import write_text

LEADERBOARD = "lb.json"
SETTINGS_SHOWN = 32  # characters


def find_runs(build: Path, names: Sequence[str]) -> list[Path]:
    """The folders of all finished runs of these competitions, newest first."""
    folders = [path.parent for name in names for path in (build / name).glob(f"*/{RECORD}")]
    return sorted(folders, key=lambda folder: (folder.name, folder.parent.name), reverse=True)


def find_run(build: Path, names: Sequence[str], wanted: str) -> Path:
    """The folder of a run: its name or the end of one, "news/" and such before it, a path, "last" or "last~1".

    ``UserError`` where there is none, or more than one.
    """
    if (Path(wanted) / RECORD).is_file():
        return Path(wanted)
    head, _, tail = wanted.rpartition("/")
    runs = [run for run in find_runs(build, names) if not head or run.parent.name == head]
    if not runs:
        raise UserError(f"There is no finished run in {build}: run one first, for instance with `make news`.")
    if tail.startswith("last"):
        back = tail.removeprefix("last").removeprefix("~") or "0"
        if not back.isdigit() or int(back) >= len(runs):
            raise UserError(f"{wanted} names no run: there are {len(runs)}; last is the newest, last~1 the one before.")
        return runs[int(back)]
    found = [run for run in runs if run.name == tail] or [run for run in runs if run.name.endswith(tail)]
    if len(found) != 1:
        told = "no run" if not found else f"{len(found)} runs"
        raise UserError(f"{wanted} names {told}: `make runs` lists them; give the whole name, or last, last~1, ...")
    return found[0]


def list_runs(folders: Sequence[Path]) -> list[Row]:
    """One row per run: when, what on, how it scored, what it cost, and the leaderboard's last word on it."""
    return [_list_run(folder, read_record(folder / RECORD)) for folder in folders]


def _list_run(folder: Path, record: Row) -> Row:
    cv, truth, noted = record["cv"], record.get("truth"), read_leaderboard(folder)
    code, data = record["code"], record["data"]
    return {
        "run": f"{record['name']}/{record['run']}",
        "CV": cv["score"],
        "error": cv["error"],
        "truth": truth["score"] if truth else None,
        "oracle": truth["oracle"] if truth else None,
        "leaderboard": noted[-1]["score"] if noted else None,
        "data": f"{'simulated' if data['simulated'] else 'files'}-{data['digest'][:4]}",
        "code": f"{code['revision'] or 'unknown'}{'+' if code['changed'] else ''}",
        "seconds": f"{record['wall_seconds']:,.0f}",
        "GiB": f"{record['peak_mib'] / 1024:.1f}",
        "settings": _shorten(" ".join(record["overrides"])),
    }


def _shorten(text: str) -> str:
    return text if len(text) <= SETTINGS_SHOWN else f"{text[: SETTINGS_SHOWN - 1]}…"


def note_leaderboard(folder: Path, score: float) -> Row:
    """Note a leaderboard score of a run's submission; earlier ones are kept."""
    if not np.isfinite(score):
        raise UserError(f"{score} is no score: give the number that the leaderboard shows.")
    record = read_record(folder / RECORD)
    noted = [*read_leaderboard(folder), {"score": score, "when": f"{datetime.datetime.now():%Y-%m-%d %H:%M}"}]
    write_text(folder / LEADERBOARD, json.dumps(noted, indent=2) + "\n")
    return record


def read_leaderboard(folder: Path) -> list[Row]:
    """The leaderboard scores of a run, in the order in which they were noted."""
    path = folder / LEADERBOARD
    if not path.exists():
        return []
    try:
        noted: list[Row] = json.loads(path.read_text())
        return [{"score": float(row["score"]), "when": str(row["when"])} for row in noted]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error!r}): remove it and note the score again.") from error


def judge_agreement(rows: Sequence[Row]) -> list[Row]:
    """How CV and leaderboard agree, by competition and data: one row for each that has two noted runs or more.

    ``shift``: mean of leaderboard - CV, and its spread; ``order``: Kendall's tau-b, the share of pairs of runs that
    both put in the same order less that of pairs in the opposite one.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["leaderboard"] is not None:
            groups.setdefault((row["run"].partition("/")[0], row["data"]), []).append(row)
    found = []
    for (name, data), noted in groups.items():
        if len(noted) < 2:
            continue
        cv, board = (np.array([row[key] for row in noted], float) for key in ("CV", "leaderboard"))
        shift = board - cv
        found.append(
            {
                "competition": name,
                "data": data,
                "runs": len(noted),
                "shift": float(shift.mean()),
                "spread": float(shift.std()),
                "order": kendall(cv, board),
            }
        )
    return found


def kendall(first: Any, second: Any) -> float | None:
    """Kendall's tau-b of two rows of numbers; None where one of them does not vary (Kendall 1945)."""
    pairs = np.triu_indices(len(first), 1)
    one = np.sign(first[:, None] - first)[pairs]
    other = np.sign(second[:, None] - second)[pairs]
    scale = float(np.sqrt((one != 0).sum() * (other != 0).sum()))
    return float((one * other).sum()) / scale if scale else None
