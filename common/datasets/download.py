"""Bring a host's files into the raw folder: what is known of them, where a download waits, how it takes its place.

A download lands in ``raw.partial`` beside the raw folder, which a second try goes on from; only when all of it is there
and of the right size do the files move into the raw folder, each at once. What already lies there is never overwritten.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from common.errors import UserError
from common.pipeline.progress import track

ORIGIN = ".origin.json"  # in the raw folder: what the host's own listing said of each file
BLOCK_BYTES = 1 << 22


@dataclass(frozen=True)
class Expected:
    """A file, or the files of a pattern, below the raw folder, and what is known of them; None or () where nothing is.

    ``rows`` are those of all files together, ``columns`` must be there among others, ``megabytes`` is a published,
    rounded size, ``sha256`` the digest of a single file. ``unless``: not needed where that pattern finds a file.
    ``fetched``: a download brings it.
    """

    path: str
    needed: bool = True
    fetched: bool = True
    unless: str | None = None
    files: int | None = None
    rows: int | None = None
    columns: tuple[str, ...] = ()
    megabytes: float | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Layout:
    """Files that belong together; ``signs`` are patterns of which any tells that a folder is laid out so."""

    name: str
    signs: tuple[str, ...]
    files: tuple[Expected, ...]


@dataclass(frozen=True)
class Source:
    """Where a competition's files come from.

    ``host`` is "kaggle", "hub" or "login"; ``place`` is Kaggle's competition or the hub's data set, and empty where
    only a person can log in: ``steps`` are what that person does. ``answers`` says where which file of a run is handed
    in. The first layout is the one that is fetched.
    """

    name: str
    host: str
    place: str
    layouts: tuple[Layout, ...]
    answers: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Remote:
    """A file as the host lists it: path below the raw folder, bytes, digest where the host gives one."""

    path: str
    size: int
    sha256: str | None = None


class Origin(msgspec.Struct, frozen=True):
    """Where fetched files came from: the source, its version, and by path the size and digest that the host listed."""

    source: str
    revision: str | None
    files: dict[str, tuple[int, str | None]]


def find_missing(raw: Path, remotes: Sequence[Remote]) -> list[Remote]:
    """The files that do not lie in the raw folder. A file of another size is not touched: the check names it."""
    return [remote for remote in remotes if not (raw / remote.path).exists()]


def open_partial(raw: Path, remotes: Sequence[Remote]) -> Path:
    """The folder that takes the downloads, with room for them; git ignores it."""
    partial = _partial_folder(raw)
    try:
        partial.mkdir(parents=True, exist_ok=True)
        (partial / ".gitignore").write_text("*\n")
        waiting = sum(_size(partial / remote.path) for remote in remotes)
        free = shutil.disk_usage(partial).free
    except OSError as error:
        raise UserError(
            f"Cannot write to {partial}: {error.strerror}; make it writable or name another RAW=DIR."
        ) from error
    lacking = sum(remote.size for remote in remotes) - waiting - free
    if lacking > 0:
        raise UserError(
            f"The download into {partial} needs {lacking / 1e9:.1f} GB more than are free; free space there or name "
            "another RAW=DIR."
        )
    return partial


def move_in(raw: Path, remotes: Sequence[Remote], source: str, revision: str | None) -> None:
    """Move finished downloads into the raw folder, note where they came from, and remove the partial folder."""
    partial = _partial_folder(raw)
    try:
        for remote in remotes:
            if not (raw / remote.path).exists():
                _move(partial / remote.path, raw / remote.path)
        listed = {remote.path: (remote.size, remote.sha256) for remote in remotes}
        note = raw / f"{ORIGIN}.new"
        note.write_bytes(msgspec.json.format(msgspec.json.encode(Origin(source, revision, listed))) + b"\n")
        os.replace(note, raw / ORIGIN)
        shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"Cannot write to {raw}: {error.strerror}; make it writable and run this again: nothing is fetched twice."
        ) from error


def read_origin(raw: Path) -> dict[str, tuple[int, str | None]]:
    """Size and digest by path as the host listed them when the files were fetched; empty where none were."""
    path = raw / ORIGIN
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=Origin).files
    except (OSError, msgspec.MsgspecError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); remove it: the files are then checked without it."
        ) from error


def digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, with a bar for a large one."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        blocks = iter(lambda: file.read(BLOCK_BYTES), b"")
        for block in track(blocks, f"digest of {path.name}", total=-(-path.stat().st_size // BLOCK_BYTES)):
            found.update(block)
    return found.hexdigest()


def is_below(path: str) -> bool:
    """Whether a path that a host named stays in the folder it is put in."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path and ":" not in path


def _partial_folder(raw: Path) -> Path:
    """Beside what the raw folder really is, so that a link to a large disk is followed."""
    real = raw.resolve()
    return real.with_name(f"{real.name}.partial")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _move(source: Path, target: Path) -> None:
    """Move a file so that ``target`` is absent or whole, on another disk as well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        near = target.with_name(f".{target.name}.moving")
        try:
            shutil.copyfile(source, near)
            os.replace(near, target)
        finally:
            near.unlink(missing_ok=True)
