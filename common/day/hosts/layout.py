"""What is known of an organiser's files: where they come from, what each of them holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FileSpec:
    """A file, or the files of a pattern, below the raw folder, and what is known of them; None or () where nothing is.

    ``rows`` are those of all files together, ``columns`` must be there among others, ``megabytes`` is a published,
    rounded size. ``unless``: not needed where a file fits that pattern.
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


@dataclass(frozen=True)
class Source:
    """Where a competition's files come from.

    ``host`` is "kaggle", "hub" or "login"; ``dataset`` is Kaggle's competition or the hub's data set, and empty where
    only a person can log in: ``steps`` are what that person does. The first of a run's ``submission_files`` that is
    there is handed in; ``upload`` says where. ``layouts``: files that belong together; a folder has the first of them
    whose first file is there, and the first of all is fetched. ``list_read``: what the competition's own reader would
    read of a raw folder, by the pattern of a layout that it stands for; a ``UserError`` where it would refuse it.
    """

    name: str
    host: str
    dataset: str
    layouts: tuple[tuple[FileSpec, ...], ...]
    submission_files: tuple[str, ...]
    upload: str
    steps: tuple[str, ...] = ()
    list_read: Callable[[Path], Mapping[str, Sequence[Path]]] | None = None
