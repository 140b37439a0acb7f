"""Find the host's files in a folder, in either of the two layouts that the same data comes in."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from common.day.hosts import MARKER
from common.day.hosts.simulated import REPORT
from common.engine.errors import UserError
from common.io.files import hint_where, refuse_folder
from common.io.notes import Note
from competitions.tencent.corpus import RawFiles
from competitions.tencent.io import schema

WHERE = (
    "put the host's files in data/tencent/raw or name their folder with RAW=DIR (data/README.md says what belongs "
    "there and where to get it)"
)
DEEPEST = 3  # folders between the one that is named and the files: an archive unpacks into one or two of its name
# An embedding is a pickle, or a folder of files, of such a name; Spark writes parts without an extension.
EMBEDDING = re.compile(r"(emb_[0-9]+_[0-9]+)(?:_parquet|\.pkl)?")
VECTORS = re.compile(r"part-[^.]*|.+\.(?:json|parquet|pkl)")
TABLES = re.compile(r".+\.parquet")
EMBEDDING_FOLDERS = (schema.EMBEDDINGS, schema.RELEASE_EMBEDDINGS)
SILENT = re.compile(r"\..*|_SUCCESS|.+\.crc")  # of the writing system or of a desk, never data
NOT_NEEDED = (schema.TRUTH, REPORT, MARKER, schema.OFFSETS, schema.PREDICT_OFFSETS, schema.RELEASE_USERS)
MOST_NAMED = 3


def locate(folder: Path) -> RawFiles:
    """Find the host's files in ``folder``, which holds ``train/`` and ``eval/``, or their files, or ``seq/`` and so on,
    or a folder that does.

    Refused: a folder of neither layout, a file that is missing. Embeddings, the actions of round 2, and in the
    competition layout both predict files together, may be missing.
    """
    root = _find_root(folder)
    files = _locate_competition(root) if _has_competition(root) else _locate_release(root)
    taken = [path for paths in (*files.files.values(), *files.embeddings.values()) for path in paths]
    return replace(files, unread=tuple(str(path.relative_to(folder)) for path in _list_unread(folder, taken)))


def note_unread(files: RawFiles) -> tuple[Note, ...]:
    """A note for each folder that was read and holds more."""
    notes = []
    for folder, paths in groupby(map(Path, files.unread), lambda path: path.parent):
        names = [path.name for path in paths]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        what = f"{'entries are' if len(names) > 1 else 'entry is'} not read"
        where = str(folder) if folder.parts else "the raw folder"
        notes.append(Note(where, what, len(names), ", ".join(names[:MOST_NAMED]) + more))
    return tuple(notes)


def _find_root(folder: Path) -> Path:
    """The folder with the files: the one that is named, or the only such one below it."""
    folders = [folder] if folder.is_dir() else []
    for _ in range(DEEPEST + 1):
        roots = [path for path in folders if _has_competition(path) or _has_release(path)]
        if len(roots) > 1:
            raise UserError(f"{folder} holds {roots[0].name} and {roots[1].name}; name one of them with RAW=DIR")
        if roots:
            return roots[0]
        folders = [path for parent in folders for path in sorted(parent.iterdir()) if path.is_dir()]
    raise UserError(
        f"{folder} holds neither {schema.TRAIN}/{schema.SEQUENCES} (competition layout) nor "
        f"{schema.RELEASE_SEQUENCES}/*.parquet (release layout){hint_where(folder / schema.SEQUENCES)}; {WHERE}"
    )


def _has_competition(folder: Path) -> bool:
    return any((folder / subfolder).exists() for subfolder in (schema.TRAIN, schema.EVAL, schema.SEQUENCES))


def _has_release(folder: Path) -> bool:
    return any((folder / subfolder).is_dir() for subfolder in schema.RELEASE_FOLDERS.values())


def _locate_competition(folder: Path) -> RawFiles:
    roles = schema.TRAIN_FILES
    # The organiser's sample has no predict files, or the offsets of one alone.
    if any(_find(folder, usual) for usual in schema.QUERY_FILES.values()):
        roles = roles | schema.QUERY_FILES
    files: dict[str, tuple[Path, ...]] = {role: (_require(folder, usual),) for role, usual in roles.items()}
    actions = _find(folder, schema.ACTION_FILE)
    if actions is not None and "candidates" in files:
        files["actions"] = (actions,)
    return RawFiles("competition", files, _find_embeddings(folder))


def _locate_release(folder: Path) -> RawFiles:
    files: dict[str, tuple[Path, ...]] = {}
    for role, name in schema.RELEASE_FOLDERS.items():
        files[role] = tuple(_list_files(folder / name, TABLES))
        if not files[role]:
            raise UserError(f"no parquet file is in {folder / name}{hint_where(folder / name)}; {WHERE}")
    files["indexer"] = (_require(folder, schema.INDEXER),)
    actions = folder / schema.USER_ACTIONS  # in no release so far: round 2 stands in the competition layout
    if actions.is_file():
        files["actions"] = (actions,)
    return RawFiles("release", files, _find_embeddings(folder))


def _find(folder: Path, usual: str) -> Path | None:
    """The file at its usual path, or beside the folder of that."""
    return next((path for path in (folder / usual, folder / Path(usual).name) if path.is_file()), None)


def _require(folder: Path, usual: str) -> Path:
    path, expected = _find(folder, usual), folder / usual
    if path is None:
        refuse_folder(expected, WHERE)
        refuse_folder(folder / expected.name, WHERE)
        raise UserError(f"{expected.name} is missing from {expected.parent}{hint_where(expected)}; {WHERE}")
    return path


def _find_embeddings(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The files of each embedding by its name, such as ``emb_81_32``; those of train/ and eval/ together."""
    files_by_name: dict[str, tuple[Path, ...]] = {}
    holders = [
        folder / subfolder / name for subfolder in (schema.TRAIN, schema.EVAL, ".") for name in EMBEDDING_FOLDERS
    ]
    for path in (path for holder in holders if holder.is_dir() for path in sorted(holder.iterdir())):
        match = EMBEDDING.fullmatch(path.name)
        files = tuple(_list_files(path, VECTORS)) if match else ()
        if match and files:
            files_by_name[match[1]] = (*files_by_name.get(match[1], ()), *files)
    return dict(sorted(files_by_name.items()))


def _list_files(path: Path, pattern: re.Pattern[str]) -> Iterator[Path]:
    """The file, or those of a folder, whose names fit."""
    paths = sorted(path.iterdir()) if path.is_dir() else [path]
    return (one for one in paths if pattern.fullmatch(one.name) and not SILENT.fullmatch(one.name) and one.is_file())


def _list_unread(folder: Path, taken: Iterable[Path]) -> Iterator[Path]:
    """What stands beside the files that are read, in their folders and in those up to ``folder``."""
    known = {parent for path in taken for parent in (path, *path.parents)}
    for parent in sorted(path for path in known if path.is_relative_to(folder) and path.is_dir()):
        for path in sorted(parent.iterdir()):
            if path not in known and path.name not in NOT_NEEDED and not SILENT.fullmatch(path.name):
                yield path
