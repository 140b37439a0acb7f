"""All runs of a build folder as a table, newest first, with the leaderboard scores that were noted for them."""

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from common.day.record_schema import RECORD, Data, Row, RunRecord, read_record
from common.engine.errors import UserError

LEADERBOARD = "lb.json"
LARGEST_SCORE = 1e9  # no metric of a board comes near


def find_runs(build: Path, names: Sequence[str]) -> list[Path]:
    """The folders of all finished runs of these competitions, newest first."""
    folders = [path.parent for name in names for path in (build / name).glob(f"*/{RECORD}")]
    return sorted(folders, key=lambda folder: (find_start(folder), folder.name, folder.parent.name), reverse=True)


class Started(msgspec.Struct):
    """The one field of a record that orders runs."""

    started: str = ""


def find_start(folder: Path) -> str:
    """When a run began, by universal time and as its folder is named; that name where its record does not say."""
    try:
        started = msgspec.json.decode((folder / RECORD).read_bytes(), type=Started).started
        # Without an offset, as earlier versions wrote it, it is taken for this machine's time.
        return f"{datetime.datetime.fromisoformat(started).astimezone(datetime.UTC):%Y%m%d-%H%M%S}"
    except (OSError, ValueError):
        return folder.name


def find_run(build: Path, names: Sequence[str], run: str) -> Path:
    """The folder of a run: its name or the end of one, "news/" and such before it, a path, "last" or "last~1".

    A competition alone is its last run. ``UserError`` where there is none, or more than one.
    """
    if os.path.isfile(Path(run) / RECORD):
        return Path(run)
    head, _, tail = f"{run}/last".rpartition("/") if run in names else run.rpartition("/")
    if head and head not in names:
        raise UserError(f"{run} is no run of {' or '.join(names)}: `make runs` lists them.")
    runs = [path for path in find_runs(build, names) if not head or path.parent.name == head]
    if not runs:
        name = head or names[0]
        raise UserError(f"There is no finished run in {build}: run one first, for instance with `make {name}`.")
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


def find_pair(build: Path, names: Sequence[str], runs: Sequence[str]) -> tuple[Path, Path]:
    """The folders of two runs. Without the second, the first is compared with the last run of its competition; a
    competition alone, or nothing, stands for its last run and the earlier one that is most like it.
    """
    from common.day.compare import find_partner  # the ledger compares nothing, and lists at once

    if len(runs) > 2:
        raise UserError(f"Two runs are compared, not {len(runs)}: name them as {names[0]}/A and {names[0]}/B.")
    if not runs or (len(runs) == 1 and runs[0] in names):
        last = find_run(build, names, runs[0] if runs else "last")
        return find_partner(last) or find_run(build, names, f"{last.parent.name}/last~1"), last
    one = find_run(build, names, runs[0])
    own = [name for name in names if name == one.parent.name]
    return one, find_run(build, names, runs[1]) if len(runs) == 2 else find_run(build, own or names, "last")


class NotedScore(msgspec.Struct, frozen=True):
    """A score that the leaderboard showed, and when it was noted."""

    score: float
    when: str


class ListedRun(NamedTuple):
    """A finished run: its folder, its record, the scores that were noted for it."""

    folder: Path
    record: RunRecord
    noted: list[NotedScore]

    @property
    def leaderboard(self) -> float | None:
        """The leaderboard's last word on it."""
        return self.noted[-1].score if self.noted else None


class DamagedRun(NamedTuple):
    """A run whose record or whose noted scores cannot be read, and why."""

    folder: Path
    fault: str


def read_ledger(folders: Sequence[Path]) -> list[ListedRun | DamagedRun]:
    """The runs in these folders, in their order."""
    runs: list[ListedRun | DamagedRun] = []
    for folder in folders:
        try:
            runs.append(ListedRun(folder, read_record(folder / RECORD), read_leaderboard(folder)))
        except UserError as error:
            runs.append(DamagedRun(folder, str(error).replace(f"{folder}/", "")))
    return runs


def list_run(run: ListedRun | DamagedRun) -> Row:
    """A row of the table, which fits a terminal of 80 letters: when, how it scored, beside the simulated truth or the
    leaderboard's last word, what it took. A damaged run's row says that it is.
    """
    name = f"{run.folder.parent.name}/{run.folder.name}"
    if isinstance(run, DamagedRun):
        return {"run": name, "note": f"DAMAGED: {run.fault[:80]}"}
    record, truth = run.record, run.record.truth
    known = f"{truth.score:.4f} truth" if truth else None
    return {
        "run": name,
        "note": record.note,
        "CV": f"{record.cv.score:.4f} +- {record.cv.error:.4f}",
        "truth or board": known if run.leaderboard is None else f"{run.leaderboard:.4f} board",
        "minutes": f"{record.wall_seconds / 60:7.1f}",
    }


def name_files(data: Data) -> str:
    """The raw files in words: scale and seed of simulated ones, else their folder; the first letters of their digest.

    >>> name_files(Data(folder="build/news/simulated/scale0.2-seed3", simulated=True, digest="c829e1"))
    'scale 0.2, seed 3 (c829)'
    >>> name_files(Data(folder="data/news/raw", simulated=False, digest="c829e1"))
    'data/news/raw (c829)'
    """
    parts = Path(data.folder or "?").parts
    name = "/".join(parts[-3:] if parts[-1] == "raw" else parts[-1:])
    if data.simulated:
        name = name.replace("scale", "scale ").replace("-seed", ", seed ")
    return f"{name} ({data.digest[:4]})"


def note_leaderboard(folder: Path, score: float) -> None:
    """Note a leaderboard score of a run's submission; earlier ones are kept."""
    if not abs(score) < LARGEST_SCORE:
        raise UserError(f"{score} is not a score: give the number that the leaderboard shows.")
    from common.io.submission import write_bytes  # with polars, which the help texts do without

    noted = [*read_leaderboard(folder), NotedScore(score, f"{datetime.datetime.now():%Y-%m-%d %H:%M}")]
    write_bytes(folder / LEADERBOARD, msgspec.json.format(msgspec.json.encode(noted)) + b"\n")


def require_submission(folder: Path) -> None:
    """A ``UserError`` for a run that stopped before there was a submission."""
    if read_record(folder / RECORD).until:
        raise UserError(f"{folder} stopped after validation and has no submission: run it without --until first.")


def read_leaderboard(folder: Path) -> list[NotedScore]:
    """The leaderboard scores of a run, in the order in which they were noted."""
    path = folder / LEADERBOARD
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[NotedScore]) if path.exists() else []
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): remove it and record the score again.") from error
