"""Kaggle by its own Python client: download and hand in; whatever goes wrong is one sentence with the client's reason.

The client takes the credentials from where it always does (KAGGLE_API_TOKEN, ~/.kaggle/access_token, KAGGLE_USERNAME
and KAGGLE_KEY, ~/.kaggle/kaggle.json, ``kaggle auth login``), and goes on with a file that it left unfinished.
"""

import io
import shlex
import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from common.engine.errors import UserError
from common.engine.progress import running, say

LOGIN = (
    "create a token at https://www.kaggle.com/settings/api and put it into KAGGLE_API_TOKEN (or kaggle auth login),"
    " accept the rules at {page}/rules"
)


def fetch(competition: str, names: Sequence[str], raw: Path) -> None:
    """Bring the named files of a competition into ``raw``; those that are there stay.

    A file waits in ``raw.partial`` until it is whole, so that nothing takes a part of it for the file.
    """
    real = raw.resolve()  # a link to a large disk is followed
    partial = real.with_name(f"{real.name}.partial")
    with connect(competition) as api:
        partial.mkdir(parents=True, exist_ok=True)
        (partial / ".gitignore").write_text("*\n")
        real.mkdir(exist_ok=True)
        for name in names:
            if not (real / name).exists():
                say(f"  {name}")
                api.competition_download_file(competition, name, str(partial), quiet=not sys.stderr.isatty())
                if (archive := partial / f"{name}.zip").is_file():
                    unzip(archive, partial / name)
                (partial / name).replace(real / name)
    shutil.rmtree(partial)


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
    """Kaggle's client, logged in (a ``KaggleApi``). What it prints to stdout is dropped; its errors are a sentence."""
    login = LOGIN.format(page=f"https://www.kaggle.com/competitions/{competition}")
    try:
        with redirect_stdout(io.StringIO()):
            from kaggle import api  # imported here: it takes a second and tries to log in at once

            api.authenticate()
            yield api
    except UserError:
        raise
    except SystemExit as error:  # no credentials, or expired ones
        raise UserError(f"Kaggle needs a login: {login}, and run this again.") from error
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"Kaggle's client failed ({reason}): check the network, {login}, and run this again."
        ) from error


def unzip(archive: Path, target: Path) -> None:
    """Unpack the file that Kaggle wrapped in a zip archive; the archive is removed. zipfile compares the CRC."""
    try:
        with zipfile.ZipFile(archive) as opened, running(f"unpack {target.name}"):
            opened.extract(target.name, target.parent)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        target.unlink(missing_ok=True)
        raise UserError(f"{archive} cannot be unpacked ({error}); it is removed: run this again.") from error
    finally:
        archive.unlink()
