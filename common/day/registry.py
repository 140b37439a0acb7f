"""All runs of a build folder as a table, newest first, with the leaderboard scores that were noted for them. These lie
in a file of the project's own, data/NAME/board_scores.toml: they outlive the runs and ``make clean``.
"""

import contextlib
import datetime
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from common.day.record_schema import RECORD, Data, Row, RunRecord, read_record
from common.engine.errors import UserError

DATA, BOARD_SCORES = Path("data"), "board_scores.toml"
HEAD = "# What the leaderboard showed. make lb-{name} SCORE=.253 adds a score; git ignores it, make clean keeps it.\n"
LARGEST_SCORE = 1e9  # no metric of a board comes near


def find_runs(build: Path, names: Sequence[str]) -> list[Path]:
    """The folders of all finished runs of these competitions, newest first: they are named by their time."""
    folders = [path.parent for name in names for path in (build / name).glob(f"*/{RECORD}")]
    return sorted(folders, key=lambda folder: (folder.name, folder.parent.name), reverse=True)


def find_unrecorded(build: Path, names: Sequence[str]) -> list[Path]:
    """The folders of runs without a record: they live, or were stopped, or not judged."""
    folders = [path for name in names for path in (build / name).glob("[0-9]*-[0-9]*") if path.is_dir()]
    return [folder for folder in folders if not (folder / RECORD).exists()]


def is_held(folder: Path) -> bool:
    """Whether the process of a run in this folder lives."""
    from common.io.lock import KEPT, RUNNING, is_dead  # with polars, which the help texts do without

    return any(not is_dead(lock) for kind in (RUNNING, KEPT) for lock in folder.glob(f"*{kind}"))


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


def read_own_record(folder: Path, name: str) -> RunRecord:
    """The record of a run of this competition. ``UserError`` for one of another, which a path may name."""
    record = read_record(folder / RECORD)
    if record.name != name:
        raise UserError(f"{folder} is a run of {record.name}, not of {name}.")
    return record


def remove_runs(build: Path, names: Sequence[str], runs: Sequence[str]) -> list[Path]:
    """Remove the folders of runs, as ``find_run`` takes their names, or those of runs without a record; return them.
    ``UserError`` before anything is removed where one is not there, or lives.
    """
    unrecorded = {key: path for path in find_unrecorded(build, names) for key in (path.name, full_name(path))}
    folders = list(dict.fromkeys(unrecorded.get(run) or find_run(build, names, run) for run in runs))
    for folder in folders:
        if folder.resolve().parent.parent != build.resolve():
            raise UserError(f"{folder} is no run of {build}: nothing was removed.")
        if is_held(folder):
            raise UserError(f"{folder} is still running: nothing was removed; wait for its end, or stop it first.")
    for folder in folders:
        shutil.rmtree(folder)
    return folders


def describe_disk(build: Path, names: Sequence[str]) -> str:
    """What the runs and the cache of each competition take on the disk, in a line; "" where there are none."""
    parts = []
    for name in names:
        runs = sorted((build / name).glob("[0-9]*-[0-9]*"))
        sizes = [sum(map(measure_folder, runs)), measure_folder(build / name / "cache")]
        if any(sizes):
            own, cache = (f"{size / 2**20:,.0f} MiB" for size in sizes)
            parts.append(f"{name} {len(runs)} run{'s' * (len(runs) != 1)} {own}, cache {cache}")
    return "; ".join(parts)


def measure_folder(folder: Path) -> int:
    """The bytes of all files in a folder."""
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a run goes on beside this
            size += path.lstat().st_size if path.is_file() else 0
    return size


class NotedScore(msgspec.Struct, frozen=True):
    """A score that the leaderboard showed, when it was noted, and of the run: its name, score and error on validation,
    note, digest of the raw files, revision of the code.
    """

    score: float
    when: str
    run: str
    metric: str
    cv: float
    error: float
    digest: str
    note: str = ""
    revision: str = ""


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
    name = full_name(run.folder)
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


def list_gone(names: Sequence[str], folders: Sequence[Path]) -> list[Row]:
    """The last word of the leaderboard on each run that is in none of these folders, newest first."""
    noted = {f"{name}/{one.run}": one for name in names for one in read_board_scores(name)}
    gone = sorted(noted.keys() - set(map(full_name, folders)), reverse=True)
    return [
        {
            "run": key,
            "note": noted[key].note or None,
            "CV": f"{noted[key].cv:.4f} +- {noted[key].error:.4f}",
            "board": noted[key].score,
        }
        for key in gone
    ]


def full_name(folder: Path) -> str:
    """A run's name with the competition's before it."""
    return "/".join(folder.resolve().parts[-2:])


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


def parse_score(text: str) -> float:
    """A score as a person types it."""
    with contextlib.suppress(ValueError):
        if abs(score := float(text)) < LARGEST_SCORE:
            return score
    raise UserError(f"{text!r} is not a score: give the number that the leaderboard shows, such as .253.")


def note_leaderboard(folder: Path, score: float) -> Path:
    """Note a leaderboard score of a run's submission; earlier ones are kept. The file that holds them."""
    from common.io.submission import write_bytes  # with polars, which the help texts do without

    record, name = read_record(folder / RECORD), folder.resolve().parent.name
    noted = NotedScore(
        score,
        f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
        run=folder.resolve().name,
        metric=record.metric,
        cv=record.cv.score,
        error=record.cv.error,
        digest=record.data.digest,
        note=record.note or "",
        revision=record.code.revision or "",
    )
    scores = msgspec.toml.encode({"board": [*read_board_scores(name), noted]})
    return write_bytes(DATA / name / BOARD_SCORES, HEAD.format(name=name).encode() + scores)


def require_submission(folder: Path) -> None:
    """A ``UserError`` for a run that stopped before there was a submission."""
    if read_record(folder / RECORD).until:
        raise UserError(f"{folder} stopped after validation and has no submission: run it without --until first.")


def read_leaderboard(folder: Path) -> list[NotedScore]:
    """The leaderboard scores of a run, in the order in which they were noted."""
    name, run = folder.resolve().parts[-2:]
    return [noted for noted in read_board_scores(name) if noted.run == run]


def read_board_scores(name: str) -> list[NotedScore]:
    """The leaderboard scores of all runs of a competition, in the order in which they were noted."""
    path = DATA / name / BOARD_SCORES
    try:
        tables = msgspec.toml.decode(path.read_bytes(), type=dict[str, list[NotedScore]]) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): correct it, or move it away.") from error
    return tables.get("board", [])
