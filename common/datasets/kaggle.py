"""Kaggle by its own command line: list, download and hand in; whatever goes wrong is one sentence.

The client runs as a process of its own, since importing it logs in at once. It takes the credentials from where it
always does (KAGGLE_API_TOKEN, ~/.kaggle/access_token, KAGGLE_USERNAME and KAGGLE_KEY, ~/.kaggle/kaggle.json).
"""

import contextlib
import csv
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.datasets.download import Remote, find_missing, move_in, open_partial
from common.datasets.unzip import unpack_single
from common.errors import UserError
from common.pipeline.progress import running, say, track

POLL_S = 0.1
MIB = 1 << 20
LISTING = ["name", "size"]
# What the client prints, and what to do. It prints the server's own words, which may be any, and below them a hint of
# its own by the status; some errors come as the bare status. {page} is the competition's.
TOLD = (
    (
        r"authentication required|401 client error|unauthorized|unauthenticated",
        "Kaggle does not know who asks: make a token at https://www.kaggle.com/settings/api, put it into "
        "KAGGLE_API_TOKEN (or use KAGGLE_USERNAME and KAGGLE_KEY, or ~/.kaggle/kaggle.json), and run this again.",
    ),
    (
        r"don't have access to this resource|403 client error|forbidden|accept (?:its|the) (?:competition )?rules",
        "Kaggle refuses access: log in, accept the rules at {page}/rules, and run this again.",
    ),
    (
        r"resource was not found|404 client error|could not find competition",
        "Kaggle does not find what was asked for: see whether {page} is still open.",
    ),
    (
        r"rate limited|429 client error|too many requests",
        "Kaggle answers that this was too often: wait some minutes and run this again.",
    ),
    (r"problem on kaggle's side|50\d server error", "Kaggle has a fault of its own: run this again later."),
    (
        r"max retries exceeded|connectionerror|connection (?:error|aborted|refused|reset|broken)|failed to resolve|"
        r"name or service not known|timed? ?out|network is unreachable|incompleteread|chunkedencoding|proxyerror",
        "Kaggle cannot be reached or the line broke: check the network and run this again; it goes on from here.",
    ),
)


def fetch(competition: str, names: Sequence[str], raw: Path) -> None:
    """Bring the named files of a competition into ``raw``; those that are there stay."""
    remotes = list_files(competition, names)
    lacking = find_missing(raw, remotes)
    partial = open_partial(raw, lacking)
    for remote in lacking:
        _download(competition, remote, partial)
    move_in(raw, remotes, f"kaggle {competition}", None)


def list_files(competition: str, names: Sequence[str]) -> list[Remote]:
    """The named files as Kaggle lists them, with their sizes."""
    told = _run(competition, ["files", competition, "--csv", "--page-size", "200", "-q"])
    rows = list(csv.reader(told.splitlines()))
    start = next((place for place, row in enumerate(rows) if row[:2] == LISTING), None)
    listed = {row[0]: row[1] for row in rows[start + 1 :] if len(row) >= 2} if start is not None else {}
    for name in names:
        if name not in listed:
            raise UserError(
                f"Kaggle's list of files of {competition} lacks {name}; see "
                f"https://www.kaggle.com/competitions/{competition}/data for what became of it."
            )
        if not listed[name].isascii() or not listed[name].isdigit():
            raise UserError(f"Kaggle's client gives {listed[name]!r} as the size of {name}; update it (make install).")
    return [Remote(name, int(listed[name])) for name in names]


def submit_command(competition: str, path: Path, message: str) -> list[str]:
    """The command that hands in a file."""
    return [find_client(), "competitions", "submit", competition, "-f", str(path), "-m", message]


def submit(competition: str, path: Path, message: str) -> str:
    """Hand in a file; what the client answers."""
    with running(f"upload {path.name}"):
        return _run(competition, submit_command(competition, path, message)[2:]).strip()


def show_command(command: Sequence[str]) -> str:
    """A command as it is typed into a shell."""
    return shlex.join(command)


def find_client() -> str:
    """Kaggle's command beside this Python; one of another environment may be of any version."""
    found = shutil.which("kaggle", path=str(Path(sys.executable).parent))
    if found is None:
        raise UserError("Kaggle's client is not in this environment: run make install.")
    return found


def _download(competition: str, remote: Remote, partial: Path) -> None:
    """Bring a file into the partial folder; the client goes on with what it left there itself."""
    target = partial / remote.path
    wrapped = target.with_name(f"{target.name}.zip")
    marker = target.with_name(f"{target.name}.kaggle-partial")  # the client's: there while a file is not finished
    if target.is_file() and target.stat().st_size == remote.size and not marker.exists():
        return
    say(f"  {remote.path}: {remote.size / 1e6:,.1f} MB from Kaggle")
    _run(competition, ["download", competition, "-f", remote.path, "-p", str(partial), "-q"], (target, wrapped, remote))
    if wrapped.is_file():
        unpack_single(wrapped, target, remote.size)
        wrapped.unlink()
    found = target.stat().st_size if target.is_file() else 0
    if found != remote.size:
        target.unlink(missing_ok=True)
        raise UserError(
            f"Kaggle sent {found} bytes of {remote.path} where its list says {remote.size}; run this again."
        )


def _run(competition: str, words: Sequence[str], watched: tuple[Path, Path, Remote] | None = None) -> str:
    """Run ``kaggle competitions`` with these words; its stdout. A failure is a ``UserError`` by what it printed."""
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        command = [find_client(), "competitions", *words]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process:
            try:
                if watched is not None:
                    _show(process, *watched)
                code = process.wait()
            except BaseException:
                process.terminate()
                raise
        out.seek(0)
        err.seek(0)
        told, wrong = out.read(), err.read()
    if code:
        raise UserError(_tell(competition, f"{told}\n{wrong}"))
    return told


def _show(process: "subprocess.Popen[bytes]", target: Path, wrapped: Path, remote: Remote) -> None:
    """A bar of the MiB that have arrived, until the client ends."""
    for _ in track(_arriving(process, target, wrapped), f"{remote.path}, MiB", total=-(-remote.size // MIB)):
        pass


def _arriving(process: "subprocess.Popen[bytes]", target: Path, wrapped: Path) -> Iterator[None]:
    seen = 0
    while process.poll() is None:
        size = 0
        for path in (target, wrapped):
            with contextlib.suppress(OSError):
                size = max(size, path.stat().st_size)
        for _ in range(size // MIB - seen):
            yield
        seen = max(seen, size // MIB)
        time.sleep(POLL_S)


def _tell(competition: str, told: str) -> str:
    """One sentence for what Kaggle's client printed."""
    for pattern, sentence in TOLD:
        if re.search(pattern, told, re.IGNORECASE):
            return sentence.format(page=f"https://www.kaggle.com/competitions/{competition}")
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return f"Kaggle's client failed: {lines[-1][:200] if lines else 'it gave no reason'}"
