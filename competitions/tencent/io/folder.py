"""Find the host's files in a folder, in either of the two layouts that the same data comes in."""

import re
from collections.abc import Iterable
from pathlib import Path

from common.errors import UserError
from common.io.files import refuse_special
from competitions.tencent.corpus import RawFiles
from competitions.tencent.io import schema

WHERE = (
    "put the host's files in data/tencent/raw or name their folder with RAW=DIR (data/README.md says what belongs "
    "there and where to get it)"
)
EMBEDDING = re.compile(r"(emb_[0-9]+_[0-9]+)(?:\.pkl|_parquet)?")
# The folders of the competition layout that may hold each file, the first that has it wins.
TRAIN_FOLDERS, TEST_FOLDERS, EITHER_FOLDER = (schema.TRAIN, "."), (schema.EVAL, "."), (schema.TRAIN, schema.EVAL, ".")
COMPETITION_FILES = {
    "sequences": (schema.SEQUENCES, TRAIN_FOLDERS),
    "offsets": (schema.OFFSETS, TRAIN_FOLDERS),
    "indexer": (schema.INDEXER, EITHER_FOLDER),
    "items": (schema.ITEM_TABLE, EITHER_FOLDER),
    "test_sequences": (schema.PREDICT_SEQUENCES, TEST_FOLDERS),
    "test_offsets": (schema.PREDICT_OFFSETS, TEST_FOLDERS),
    "candidates": (schema.CANDIDATES, TEST_FOLDERS),
}
RELEASE_FOLDERS = {
    "sequences": schema.RELEASE_SEQUENCES,
    "items": schema.RELEASE_ITEMS,
    "users": schema.RELEASE_USERS,
    "candidates": schema.RELEASE_CANDIDATES,
}


def locate(folder: Path) -> RawFiles:
    """Find the host's files in ``folder``, which holds ``train/`` and ``eval/``, or their files, or ``seq/`` and so on.

    Refused: a folder of neither layout, a file that is missing. Embeddings and the actions of round 2 may be missing.
    """
    if any((folder / subfolder).exists() for subfolder in (schema.TRAIN, schema.EVAL, schema.SEQUENCES)):
        return _locate_competition(folder)
    if any((folder / subfolder).is_dir() for subfolder in RELEASE_FOLDERS.values()):
        return _locate_release(folder)
    raise UserError(
        f"{folder} holds neither {schema.TRAIN}/{schema.SEQUENCES} (competition layout) nor "
        f"{schema.RELEASE_SEQUENCES}/*.parquet (release layout); {WHERE}"
    )


def _locate_competition(folder: Path) -> RawFiles:
    files: dict[str, tuple[Path, ...]] = {
        role: (_require(folder, name, subfolders),) for role, (name, subfolders) in COMPETITION_FILES.items()
    }
    actions = _find(folder, schema.USER_ACTIONS, TEST_FOLDERS)
    if actions is not None:
        files["actions"] = (actions,)
    subfolders = (folder / subfolder / schema.EMBEDDINGS for subfolder in EITHER_FOLDER)
    return RawFiles("competition", files, _find_embeddings(subfolders))


def _locate_release(folder: Path) -> RawFiles:
    files = {role: _require_tables(folder / name) for role, name in RELEASE_FOLDERS.items()}
    files["indexer"] = (_require(folder, schema.INDEXER, (".",)),)
    return RawFiles("release", files, _find_embeddings([folder / schema.RELEASE_EMBEDDINGS]))


def _find(folder: Path, name: str, subfolders: tuple[str, ...]) -> Path | None:
    return next((path for subfolder in subfolders if (path := folder / subfolder / name).is_file()), None)


def _require(folder: Path, name: str, subfolders: tuple[str, ...]) -> Path:
    path = _find(folder, name, subfolders)
    if path is None:
        for subfolder in subfolders:
            refuse_special(folder / subfolder / name, WHERE)
        raise UserError(f"{name} is missing from {folder / subfolders[0]}; {WHERE}")
    return path


def _require_tables(folder: Path) -> tuple[Path, ...]:
    paths = tuple(sorted(folder.glob("*.parquet")))
    if not paths:
        raise UserError(f"no parquet file is in {folder}; {WHERE}")
    return paths


def _find_embeddings(folders: Iterable[Path]) -> dict[str, tuple[Path, ...]]:
    """The files of each embedding by its name, such as ``emb_81_32``; those of train/ and eval/ together."""
    files_by_name: dict[str, tuple[Path, ...]] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            match = EMBEDDING.fullmatch(path.name)
            files = _embedding_files(path) if match else ()
            if match and files:
                files_by_name[match[1]] = (*files_by_name.get(match[1], ()), *files)
    return dict(sorted(files_by_name.items()))


def _embedding_files(path: Path) -> tuple[Path, ...]:
    if path.is_file():
        return (path,) if path.suffix == ".pkl" else ()
    return tuple(sorted((*path.glob("*.json"), *path.glob("*.parquet"))))
