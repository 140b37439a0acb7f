"""Every real data set below a folder, from raw files to its scores, beside those of the last release.

    python -m tests.benches.real_sets DIR [--only news/quarter,tencent/globo] [--save 0.21.0]

Run it before a release. A set is a folder in the layout of a competition whose test has queries; its truth.csv, if it
has one, lies in it or in the folder above. Each is run by the command line in a process of its own, on an empty build
folder, and its submission is scored by ``score``. A line is red, and the exit code 1, where the hold-out's score or the
truth's is more than two errors below the last release's, or where the run failed. No row of the data is kept: the
figures of the last release are in real_sets.json, which ``--save`` writes, and those of today in build/real_sets, where
the same command goes on: a set that this revision has finished is not run again.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console

from common.day.hosts import TRUTH
from common.day.hosts.verify import list_files
from common.day.record_schema import RECORD, SCORES, Row, read_record
from common.day.report.formatting import with_error
from common.day.stamp import Code, find_revision
from common.engine.code_fingerprint import PROJECT_ROOT
from common.engine.errors import UserError
from common.io.submission import write_bytes
from competitions import NAMES, find_competition
from competitions.cli.data import find_source
from tests.benches.figures.records import find_main

LAYOUTS = ("release", "competition")  # a folder of such a name is a form of the set above it
LAST_RELEASE = Path(__file__).with_suffix(".json")
BUILD = PROJECT_ROOT / "build" / "real_sets"
RESULTS, LOG = "results.jsonl", "log.txt"
FALLEN = 2.0  # errors below the last release
PERIL = "red bold"


class RealSet(NamedTuple):
    """Raw files of a ``competition``; ``name``: as news/quarter; ``truth``: None where nobody knows it."""

    name: str
    competition: str
    raw: Path
    truth: Path | None


class Estimate(NamedTuple):
    """A score and its standard error, None where it is not known."""

    score: float
    error: float | None = None


class Figures(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Of a set, by a ``version``: a release's, or a revision of the source. ``cpu_seconds``: of all cores together."""

    version: str
    holdout: Estimate | None = None
    truth: Estimate | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    gib: float | None = None


class Result(Figures, kw_only=True, omit_defaults=True):
    """A line of results.jsonl. ``fault``: the last words of a command that failed."""

    name: str
    fault: str = ""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.real_sets", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the real data sets are")
    parser.add_argument("--only", default="", help="names of sets, separated by commas; default all")
    parser.add_argument("--save", metavar="VERSION", help=f"write the figures to {LAST_RELEASE.name} as this release's")
    options = parser.parse_args()
    try:
        sys.exit(run_sets(options.folder, [name for name in options.only.split(",") if name], options.save))
    except UserError as error:
        sys.exit(f"error: {error}")


def run_sets(folder: Path, only: Sequence[str], save: str | None) -> int:
    """Run the sets that have no result yet, and print a line of each; the exit code."""
    chosen, version = choose_sets(find_sets(folder), only, folder), name_revision(find_revision())
    last, done = read_last(LAST_RELEASE), read_results(BUILD / RESULTS, version)
    console, red = Console(highlight=False, markup=False, soft_wrap=True), False
    for one in chosen:
        if one.name not in done:
            done[one.name] = measure(one, BUILD / one.name, version)
            append_result(BUILD / RESULTS, done[one.name])
        reasons = find_reasons(done[one.name], last.get(one.name))
        console.print(write_line(done[one.name], last.get(one.name), reasons), style=PERIL if reasons else None)
        red |= bool(reasons)
    if save:
        save_release(LAST_RELEASE, [done[one.name] for one in chosen], save)
    return int(red)


# --- which sets there are ---


def find_sets(folder: Path) -> list[RealSet]:
    """The sets in ``folder`` and below. Of one set in several layouts the one counts that its competition names
    first.
    """
    folders = [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]
    found: dict[str, RealSet] = {}
    for name in NAMES:
        for layout in find_source(name).layouts:
            for raw in folders:
                if list_files(raw, layout[0].path) and has_queries(name, raw):
                    one = describe_set(name, raw.resolve())
                    first = found.setdefault(one.name, one)
                    if first.raw.parent != one.raw.parent:
                        raise UserError(f"{first.raw} and {one.raw} are both named {one.name}: rename one of them.")
    return list(found.values())


def describe_set(competition: str, raw: Path) -> RealSet:
    """The set of a raw folder, named by it; by the folder above where the truth lies there, or where the folder is
    named by its layout: beauty/release.
    """
    truth = next((path / TRUTH for path in (raw, raw.parent) if (path / TRUTH).exists()), None)
    home = raw.parent if raw.name in LAYOUTS else truth.parent if truth else raw
    return RealSet(f"{competition}/{home.name}", competition, raw, truth)


def has_queries(name: str, raw: Path) -> bool:
    """Whether the competition's reader takes a folder, and finds a test in it."""
    competition = find_competition(name)
    try:
        return not competition.explain_cv_only(competition.locate(raw, competition.load_config([])))
    except UserError:
        return False


def choose_sets(found: Sequence[RealSet], only: Sequence[str], folder: Path) -> list[RealSet]:
    """Those named in ``only``, all where it is empty. ``UserError`` for a name that is not there."""
    known = {one.name: one for one in found}
    if missing := [name for name in only if name not in known]:
        raise UserError(f"{folder} has no set {missing[0]}; it has {', '.join(known) or 'none'}.")
    if not known:
        raise UserError(f"No folder in {folder} has the layout of a competition.")
    return [known[name] for name in only] if only else list(found)


# --- what one has ---


def measure(one: RealSet, build: Path, version: str) -> Result:
    """Run a set from its raw files, and score its submission; its cache is removed afterwards."""
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    began = time.perf_counter()
    fault, cpu = call(["run", one.competition, "--untuned", "--raw", str(one.raw), "--build", str(build)], build / LOG)
    result = Result(name=one.name, version=version, fault=fault, cpu_seconds=cpu, seconds=time.perf_counter() - began)
    shutil.rmtree(build / one.competition / "cache", ignore_errors=True)
    for path in (build / one.competition).glob(f"*/{RECORD}"):  # a run that fails behind its record has one as well
        record = read_record(path)
        result.holdout, result.gib = Estimate(record.cv.score, record.cv.error), record.peak_mib / 1024
        if one.truth and record.submission.paths:
            submission, truth = record.submission.paths[0], str(one.truth)
            words = ["score", one.competition, submission, "--truth", truth, "--raw", str(one.raw)]
            result.fault = result.fault or call(words, build / LOG)[0]
            result.truth = read_truth(path.with_name(SCORES))
    return result


def call(words: Sequence[str], log: Path) -> tuple[str, float]:
    """Run a verb of the command line; its last line where it fails, else "", and the processor seconds that it took.
    What it prints is added to ``log``.
    """
    command = [sys.executable, "-m", "competitions", *words]
    with log.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=file, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    last = (log.read_text(encoding="utf-8").strip().splitlines() or [""])[-1] if process.returncode else ""
    return last or (f"exit code {process.returncode}" if process.returncode else ""), usage.ru_utime + usage.ru_stime


def read_truth(path: Path) -> Estimate | None:
    """The competition's own metric in what ``score`` left; None where it left nothing."""
    scores: Row = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    name = find_main(scores)
    return Estimate(scores[name], scores[f"{name}_error"]) if name else None


def name_revision(code: Code) -> str:
    """The commit, and a digest of what was changed since.

    >>> name_revision(Code("48377e7704")), name_revision(Code("48377e7704", True, {"common/a.py": "1f"}))
    ('48377e7704', '48377e7704+6fcc8e')
    """
    changed = hashlib.blake2b(json.dumps(code.files, sort_keys=True).encode(), digest_size=3).hexdigest()
    return f"{code.revision or 'unknown'}{f'+{changed}' if code.changed else ''}"


# --- beside the last release ---


def find_reasons(now: Result, last: Figures | None) -> list[str]:
    """Why a line is red, in words; nothing where it is not."""
    reasons = [now.fault] if now.fault else []
    if last:
        pairs = {"hold-out": (now.holdout, last.holdout), "truth": (now.truth, last.truth)}
        reasons += [f"the {name}'s score {fault}" for name, pair in pairs.items() if (fault := find_fault(*pair))]
    return reasons


def find_fault(now: Estimate | None, last: Estimate | None) -> str:
    """What is wrong with a score: it is missing, or below the last release's by more than two of its errors (of today's
    where that is not known); "" for nothing. The two share their queries: the error of their difference is smaller.
    """
    if last is None or now is None:
        return "is missing" if last else ""
    return "fell" if last.score - now.score > FALLEN * (last.error or now.error or 0.0) else ""


def write_line(now: Result, last: Figures | None, reasons: Sequence[str]) -> str:
    """One line: the figures of today, those of the last release, why it is red."""
    cost = f"{now.seconds or 0:,.0f} s, {now.cpu_seconds or 0:,.0f} s CPU, {now.gib or 0:.1f} GiB"
    parts = [f"{now.name:<20} {write_scores(now)}", cost]
    if last:
        took = f", {last.seconds:,.0f} s" if last.seconds else ""
        parts.append(f"last ({last.version}): {write_scores(last)}{took}")
    return "  |  ".join([*parts, *(["RED: " + "; ".join(reasons)] if reasons else [])])


def write_scores(figures: Figures) -> str:
    """Hold-out and truth, as far as they are known."""
    scores = {"hold-out": figures.holdout, "truth": figures.truth}
    return "  ".join(f"{name} {with_error(*value)}" for name, value in scores.items() if value) or "no scores"


def read_last(path: Path) -> dict[str, Figures]:
    """The figures of the last release by set."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Figures]) if path.exists() else {}
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): take it from git again.") from error


def save_release(path: Path, results: Sequence[Result], version: str) -> None:
    """Write the figures of ``results`` under the name of a release; sets that were not run keep theirs."""
    if failed := [result.name for result in results if result.fault]:
        raise UserError(f"Nothing is saved: the run of {failed[0]} failed.")
    names = [name for name in Figures.__struct_fields__ if name != "version"]
    new = {one.name: Figures(version=version, **{name: getattr(one, name) for name in names}) for one in results}
    lines = (f'"{name}": {msgspec.json.encode(one).decode()}' for name, one in sorted((read_last(path) | new).items()))
    write_bytes(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def read_results(path: Path, version: str) -> dict[str, Result]:
    """The finished results of a revision by set; a line that was cut off, or whose run failed, is run again."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return {one.name: one for one in decode_lines(lines) if one.version == version and not one.fault}


def decode_lines(lines: Sequence[bytes]) -> Iterator[Result]:
    """The results in whole lines."""
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=Result)
        except ValueError:
            continue


def append_result(path: Path, result: Result) -> None:
    """Add a line, behind the end of one that was cut off."""
    cut = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("ab") as file:
        file.write((b"\n" if cut else b"") + msgspec.json.encode(result) + b"\n")


if __name__ == "__main__":
    main()
