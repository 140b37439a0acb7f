"""Kaggle by its own Python client: list, download and hand in; whatever goes wrong is one sentence.

The client takes the credentials from where it always does (KAGGLE_API_TOKEN, ~/.kaggle/access_token, KAGGLE_USERNAME
and KAGGLE_KEY, ~/.kaggle/kaggle.json, ``kaggle auth login``).
"""

import functools
import io
import shlex
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from common.day.hosts.download import RemoteFile, download, explained
from common.engine.errors import UserError
from common.engine.progress import running

PAGE_SIZE = 200  # more files than any competition here has
UNAUTHORIZED = (
    "Kaggle needs a login: create a token at https://www.kaggle.com/settings/api, put it into KAGGLE_API_TOKEN "
    "(or use KAGGLE_USERNAME and KAGGLE_KEY, or ~/.kaggle/kaggle.json), and run this again."
)
REFUSALS = {  # by HTTP status; {page} is the competition's
    401: UNAUTHORIZED,
    403: "Kaggle refuses access: log in, accept the rules at {page}/rules, and run this again.",
    404: "Kaggle cannot find the competition or the file: check whether {page} is still open.",
}


def fetch(competition: str, names: Sequence[str], raw: Path) -> None:
    """Bring the named files of a competition into ``raw``; those that are there stay."""
    with connect(competition) as api:
        files = _list_files(api, competition, names)
        download(raw, files, functools.partial(_fetch_file, api, competition))


def submit(competition: str, path: Path, message: str) -> str:
    """Hand in a file; the submission's number and what Kaggle answers."""
    with connect(competition) as api, running(f"upload {path.name}"):
        response = api.competition_submit(str(path), message, competition, quiet=True)
        if response.message == api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
            raise UserError(f"Kaggle did not accept the upload of {path}: check the network and run this again.")
    return f"Submission ref: {response.ref}\n{response.message}"


def submit_command(competition: str, path: Path, message: str) -> str:
    """The command that hands in a file, as it is typed into a shell; the client is the one beside this Python."""
    client = str(Path(sys.executable).with_name("kaggle"))
    return shlex.join([client, "competitions", "submit", competition, "-f", str(path), "-m", message])


@contextmanager
def connect(competition: str) -> Iterator[Any]:
    """Kaggle's client, logged in (a ``KaggleApi``). It prints to stdout what a sentence says: that is dropped."""
    page = f"https://www.kaggle.com/competitions/{competition}"

    def explain(error: Exception, status: int | None) -> str | None:
        return REFUSALS[status].format(page=page) if status in REFUSALS else None

    with redirect_stdout(io.StringIO()), explained("Kaggle", explain):
        try:
            from kaggle import api  # imported here: it takes a second and tries to log in at once

            api.authenticate()
        except SystemExit as error:  # no credentials, or expired ones
            raise UserError(UNAUTHORIZED) from error
        yield api


def _list_files(api: Any, competition: str, names: Sequence[str]) -> list[RemoteFile]:
    """The named files as Kaggle lists them, with their sizes."""
    sizes = {file.name: file.total_bytes for file in api.competition_list_files(competition, page_size=PAGE_SIZE).files}
    for name in names:
        if name not in sizes:
            raise UserError(
                f"Kaggle's list of files of {competition} has no {name}; see "
                f"https://www.kaggle.com/competitions/{competition}/data for the reason."
            )
    return [RemoteFile(name, sizes[name]) for name in names]


def _fetch_file(api: Any, competition: str, file: RemoteFile, partial: Path) -> None:
    """Bring a file into the partial folder; the client goes on with what it left there itself."""
    target = partial / file.path
    archive = target.with_name(f"{target.name}.zip")
    marker = target.with_name(f"{target.name}.kaggle-partial")  # the client's: there while a file is not finished
    whole = target.is_file() and target.stat().st_size == file.size
    if whole and not marker.exists():
        return
    quiet = not sys.stderr.isatty()
    api.competition_download_file(competition, file.path, str(partial), force=whole, quiet=quiet)
    if archive.is_file():
        unzip(archive, target)


def unzip(archive: Path, target: Path) -> None:
    """Unpack the file that Kaggle wrapped in a zip archive; the archive is removed. zipfile compares the CRC."""
    try:
        with zipfile.ZipFile(archive) as opened, running(f"unpack {target.name}"):
            opened.extract(target.name, target.parent)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        target.unlink(missing_ok=True)
        archive.unlink()
        raise UserError(f"{archive} cannot be unpacked ({error}); it is removed: run this again.") from error
    archive.unlink()
