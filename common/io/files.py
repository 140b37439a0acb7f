"""What stands at a path where a file is expected, where the file may be instead, and what is packed in it; a folder
that cannot be written, or that others may write.
"""

import contextlib
import gzip
import io
import itertools
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from common.engine.errors import UserError

PACKED = (".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".bz2", ".xz", ".zst")
# What polars raises over a damaged file. A flipped bit in a parquet file may meet an assertion in its Rust code: a
# panic, which is no ``Exception`` and writes lines of its own on stderr, before ours.
UNREADABLE = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
UNREADABLE_ARCHIVE = (OSError, EOFError, zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error)
MOST_LISTED = 100  # entries of a folder that are looked at for what is missing


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses below ``folder`` into a ``UserError`` that says what to do."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)  # polars and numpy leave errno empty
        raise UserError(
            f"Cannot write to {folder}: {reason}. Free space there, make it writable or choose another folder, and run"
            " again: the steps that are finished are kept."
        ) from error


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone, whatever the umask leaves to others."""
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def is_private(path: Path) -> bool:
    """Whether it is there, this user's, and no other may write it: what is in it may be executed."""
    try:
        state = path.stat()
    except OSError:
        return False
    return state.st_uid == os.getuid() and not state.st_mode & 0o022


def refuse_folder(path: Path, advice: str) -> None:
    """Refuse a path at which a folder stands where a file is expected."""
    if os.path.isdir(path):
        raise UserError(f"{path} is a directory, not a file; {advice}")


def require_file(path: Path, advice: str) -> None:
    """Refuse a path at which there is no file. ``advice``: where the file belongs and where it comes from."""
    refuse_folder(path, advice)
    if not os.path.exists(path):
        raise UserError(f"{path.name} is missing from {path.parent}{hint_where(path)}; {advice}")


def read_bytes(path: Path, hint: str, member: str = "") -> bytes:
    """A whole file; of a zip archive the ``member``, where one is named; unpacked where it is gzipped."""
    try:
        content = path.read_bytes()
        if member and content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = archive.read(member)
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except KeyError as error:
        raise UserError(f"{path} does not contain {member}; {hint}") from error
    except UNREADABLE_ARCHIVE as error:
        raise UserError(f"{path} cannot be read ({describe_failure(error)}); {hint}") from error


def describe_failure(error: BaseException) -> str:
    """Why a file could not be read, in one line."""
    if isinstance(error, pl.exceptions.PanicException):
        return "polars cannot read its bytes, which may be damaged"
    return getattr(error, "strerror", None) or (str(error).splitlines() or ["no reason given"])[0][:200]


def hint_where(path: Path) -> str:
    """Half a sentence on where a missing file seems to be, or nothing; it goes behind "is missing from FOLDER".

    Known of: an archive that was left packed, and a download unpacked into a folder of its own. The nearest folder that
    is there is looked at, two levels deep and ``MOST_LISTED`` entries wide.
    """
    folder = next((parent for parent in path.parents[:3] if parent.is_dir()), None)
    if folder is None:
        return ""
    rest, entries = path.relative_to(folder), _list(folder)
    within = [child for child in entries if child.is_dir()]
    for deeper in (*within, *(child for one in within for child in _list(one))):
        if os.path.exists(deeper / rest):
            return f", but it is in {deeper}: name that folder, or move its files up"
    archives = [child for child in entries if child.suffix.lower() in PACKED and child.is_file()]
    packed = next((child for child in archives if child.name.startswith(path.name)), next(iter(archives), None))
    return f", but {packed} is there: unpack it" if packed else ""


def _list(folder: Path) -> list[Path]:
    """The first entries of a folder; none of what is no folder or cannot be read."""
    try:
        return sorted(itertools.islice(folder.iterdir(), MOST_LISTED))
    except OSError:
        return []
