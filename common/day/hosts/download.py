"""Bring an organiser's files into the raw folder: what is known of them, where a download waits, how it moves in.

A download lands in ``raw.partial`` beside the raw folder, which a second try goes on from; only when all of it is there
and of the right size and digest do the files move into the raw folder, each at once. What already lies there is never
overwritten.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from common.engine.errors import UserError
from common.engine.progress import running, say


@dataclass(frozen=True)
class FileSpec:
    """A file, or the files of a pattern, below the raw folder, and what is known of them; None or () where nothing is.

    ``rows`` are those of all files together, ``columns`` must be there among others, ``megabytes`` is a published,
    rounded size, ``least_megabytes`` one that the host's files, but for a sample, are all above, ``sha256`` the digest
    of a single file. ``unless``: not needed where a file fits that pattern. ``fetched``: a download brings it.
    """

    path: str
    needed: bool = True
    fetched: bool = True
    unless: str | None = None
    files: int | None = None
    rows: int | None = None
    columns: tuple[str, ...] = ()
    megabytes: float | None = None
    least_megabytes: float = 0.0
    sha256: str | None = None


@dataclass(frozen=True)
class Layout:
    """Files that belong together; a folder has this layout where any of ``signs``, patterns, fits a file."""

    name: str
    signs: tuple[str, ...]
    files: tuple[FileSpec, ...]


@dataclass(frozen=True)
class FilesRead:
    """What a competition's reader makes of a raw folder: the files that it would read, by what they are, such as
    ``emb_81_32``, and what lies in the folders that it reads and would not be read.
    """

    read: Mapping[str, Sequence[Path]]
    unread: Sequence[Path] = ()


@dataclass(frozen=True)
class Source:
    """Where a competition's files come from.

    ``host`` is "kaggle", "hub" or "login"; ``dataset`` is Kaggle's competition or the hub's data set, and empty where
    only a person can log in: ``steps`` are what that person does. The first of a run's ``submission_files`` that is
    there is handed in; ``upload`` says where. The first layout is the one that is fetched. ``list_read``: what the
    competition's own reader would read of a raw folder, beside the layouts; a ``UserError`` where it would refuse it.
    ``boards``: a file of the test of each board, where there are several; ``board_setting`` chooses between them.
    """

    name: str
    host: str
    dataset: str
    layouts: tuple[Layout, ...]
    submission_files: tuple[str, ...]
    upload: str
    steps: tuple[str, ...] = ()
    list_read: Callable[[Path], FilesRead] | None = None
    boards: Mapping[str, str] = field(default_factory=dict)
    board_setting: str = ""


@dataclass(frozen=True)
class RemoteFile:
    """A file as the host lists it: path below the raw folder, bytes, digest where the host gives one."""

    path: str
    size: int
    sha256: str | None = None


def download(raw: Path, files: Sequence[RemoteFile], fetch: Callable[[RemoteFile, Path], object]) -> None:
    """Bring what the raw folder lacks by ``fetch`` (file, partial folder), check each file, then move all of them in.

    A file of another size in the raw folder is not touched: ``verify`` names it.
    """
    missing = [file for file in files if not (raw / file.path).exists()]
    partial = open_partial(raw)
    for number, file in enumerate(missing, 1):
        say(f"  {number} of {len(missing)}: {file.path}, {file.size / 1e6:,.1f} MB")
        fetch(file, partial)
        _check_download(partial / file.path, file)
    move_in(raw, missing)


def open_partial(raw: Path) -> Path:
    """The folder that takes the downloads, beside what the raw folder really is, so that a link to a large disk is
    followed; git ignores it.
    """
    real = raw.resolve()
    partial = real.with_name(f"{real.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    (partial / ".gitignore").write_text("*\n")
    return partial


def _check_download(path: Path, file: RemoteFile) -> None:
    """Refuse, and remove, a download that is not what the host lists."""
    size = path.stat().st_size if path.is_file() else 0
    if size == file.size and file.sha256 in (None, digest(path)):
        return
    path.unlink(missing_ok=True)
    raise UserError(f"{file.path} is not complete ({size} of {file.size} bytes); run this again.")


def move_in(raw: Path, files: Sequence[RemoteFile]) -> None:
    """Move finished downloads into the raw folder, each absent there or whole, and remove the partial folder."""
    partial = open_partial(raw)
    for file in files:
        target = raw / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(
            f".{target.name}.moving"
        )  # the raw folder may be another disk, where a move is a copy
        try:
            shutil.move(partial / file.path, beside)
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
    shutil.rmtree(partial, ignore_errors=True)


def digest(path: Path) -> str:
    """A file's SHA-256 in hexadecimal."""
    with running(f"digest of {path.name}"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def explained(host: str, explain: Callable[[Exception, int | None], str | None]) -> Iterator[None]:
    """Whatever the host's client or the disk raises in the block is a ``UserError`` of one sentence.

    ``explain`` (error, HTTP status if there is one) comes first; None from it leaves the sentence to what all hosts
    share. It goes by status, class and errno: never by what the client prints.
    """
    try:
        yield
    except UserError:
        raise
    except ImportError as error:
        raise UserError(f"{host}'s client is not installed: run make install.") from error
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        raise UserError(explain(error, status) or _explain(host, error, status)) from error


def unreachable(host: str) -> str:
    """The sentence for a host that does not answer."""
    return f"{host} cannot be reached: check the network and run this again. Complete files are kept."


def _explain(host: str, error: Exception, status: int | None) -> str:
    if status == 429:
        return f"{host} reports too many requests: wait a few minutes and run this again."
    if status is not None and status >= 500:
        return f"{host} answers {status}, an error on its side: run this again later. Complete files are kept."
    if status is None and isinstance(error, OSError):
        if error.errno is None or isinstance(error, ConnectionError | TimeoutError):
            return unreachable(host)  # the clients' own errors of the network are an OSError without a number
        return (
            f"{error.filename or 'A download'} cannot be read or written: {error.strerror}; free space there, make it "
            "writable or name another RAW=DIR, and run this again. Complete files are kept."
        )
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return f"{host}'s client failed: {reason[:200]}"
