"""The stamp of a run or a figure: by which version and code, on which machine, beside what load, on which day.

Runs and ladders leave it beside their figures; ``make figures-NAME`` writes pages from these.
"""

import datetime
import hashlib
import os
import platform
import re
import subprocess
import tomllib
from pathlib import Path

import msgspec
import psutil

from common.day.record_schema import Code, Row
from common.day.record_schema import Stamp as Stamp
from common.engine.code_fingerprint import PROJECT_ROOT
from common.engine.errors import UserError
from common.engine.resources import count_threads
from common.io.submission import write_bytes

SOURCE = ("common", "competitions")
# What moves no score: reports and hosts, simulators, the command line, the learning path.
IDLE = re.compile(r"^common/(day|simulation)/|^competitions/(cli|learning)/|/simulator/|/day/(look|host_files)")
CPUINFO = Path("/proc/cpuinfo")
FILE, BUILD, BENCHES = "figures.json", Path("build"), "figures"  # beside a page; below build/NAME
STAMP, FOLDER = "stamp", "folder"  # in the JSON of a ladder: when it was climbed whole, of which raw files


def make_stamp() -> Stamp:
    """Of now: call it before the work begins, which is a load itself."""
    gibibytes = round(psutil.virtual_memory().total / 2**30)
    threads = count_threads()["openmp"]
    machine = f"{threads} {'thread' if threads == 1 else 'threads'} of {os.cpu_count()} x {name_processor()}"
    today = datetime.datetime.now().date().isoformat()
    return Stamp(read_version(), f"{machine}, {gibibytes} GiB", round(psutil.getloadavg()[0], 1), today)


def read_version() -> str:
    """The version of this workspace; "unknown" where its packages were copied without pyproject.toml."""
    try:
        project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except OSError:
        return "unknown"
    return str(project["version"])


def name_processor() -> str:
    """The processor's name where Linux tells it, else its kind."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine()).replace("(R)", "").replace("(TM)", "")


# --- the code ---


def find_revision(name: str | None = None) -> Code:
    """The code that runs: the commit, whether the source differs from it, and a digest of every source file that can
    move a score of the competition ``name``, None: of any.
    """
    head = (_run_git("rev-parse", "--short=10", "HEAD") or "").strip()
    changed = bool(_run_git("status", "--porcelain", "--untracked-files=all", "--", *SOURCE))
    owners = ["common", f"competitions/{name or '*'}"]
    paths = (path for owner in owners for folder in PROJECT_ROOT.glob(owner) for path in folder.rglob("*.py"))
    names = (path.relative_to(PROJECT_ROOT).as_posix() for path in paths)
    return Code(head or None, changed, {path: _digest(path) for path in sorted(names) if not IDLE.search(path)})


def list_differing(one: Code, other: Code) -> list[str]:
    """The source files in which the code of two runs differs, whatever was committed between them."""
    return sorted(path for path in {*one.files, *other.files} if one.files.get(path) != other.files.get(path))


def _digest(path: str) -> str:
    return hashlib.blake2b((PROJECT_ROOT / path).read_bytes(), digest_size=4).hexdigest()


def _run_git(*words: str) -> str | None:
    try:
        ended = subprocess.run(["git", *words], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    except OSError:  # no git on this machine
        return None
    return ended.stdout if ended.returncode == 0 else None


# --- figures ---


class Figure(msgspec.Struct):
    """A table, the ``command`` that makes it, and when it was made. ``simulator``: its version; None: of other files.

    On a page the cells of a row are text.
    """

    command: str
    stamp: Stamp
    simulator: int | None
    rows: list[Row]


def read_figures(path: Path) -> dict[str, Figure]:
    """The tables that a page was last written from, by key; none where there is no such file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Figure]) if path.exists() else {}
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): take it from git again.") from error


def keep_table(name: str, key: str, table: Figure) -> None:
    """Keep a table of the competition ``name`` below build/, where ``make figures-NAME`` looks for it."""
    path = BUILD / name / BENCHES / f"{key}.json"
    write_bytes(path, msgspec.json.encode(table, enc_hook=lambda number: number.item()))  # one of numpy as Python's


def stamp_ladder(path: Path, folder: Path, stamp: Stamp) -> None:
    """Note in a ladder's JSON that it was climbed whole, of the raw files in which ``folder``, and when."""
    ladder: Row = msgspec.json.decode(path.read_bytes())
    write_bytes(path, msgspec.json.encode(ladder | {STAMP: stamp, FOLDER: str(folder)}))
