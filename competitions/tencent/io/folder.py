"""Find the host's files in a folder, in either of the two layouts that the same data comes in."""

import re
from collections.abc import Iterable
from pathlib import Path

from common.errors import UserError
from competitions.tencent.corpus import RawFiles
from competitions.tencent.io import schema

WHERE = (
    "put the host's files in data/tencent/raw or name their folder with RAW=DIR (data/README.md says what belongs "
    "there and where to get it)"
)
EMBEDDING = re.compile(r"(emb_[0-9]+_[0-9]+)(?:\.pkl|_parquet)?")
# The folders of the competition layout that may hold each file, the first that has it wins.
LEARN, ASK, MAPS = (schema.TRAIN, "."), (schema.EVAL, "."), (schema.TRAIN, schema.EVAL, ".")
COMPETITION_FILES = {
    "sequences": (schema.SEQUENCES, LEARN),
    "offsets": (schema.OFFSETS, LEARN),
    "indexer": (schema.INDEXER, MAPS),
    "items": (schema.ITEM_TABLE, MAPS),
    "asked_sequences": (schema.PREDICT_SEQUENCES, ASK),
    "asked_offsets": (schema.PREDICT_OFFSETS, ASK),
    "candidates": (schema.CANDIDATES, ASK),
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
    if any((folder / place).exists() for place in (schema.TRAIN, schema.EVAL, schema.SEQUENCES)):
        return _locate_competition(folder)
    if any((folder / place).is_dir() for place in RELEASE_FOLDERS.values()):
        return _locate_release(folder)
    raise UserError(
        f"{folder} holds neither {schema.TRAIN}/{schema.SEQUENCES} (competition layout) nor "
        f"{schema.RELEASE_SEQUENCES}/*.parquet (release layout); {WHERE}"
    )


def _locate_competition(folder: Path) -> RawFiles:
    files: dict[str, tuple[Path, ...]] = {
        role: (_require(folder, name, places),) for role, (name, places) in COMPETITION_FILES.items()
    }
    actions = _find(folder, schema.USER_ACTIONS, ASK)
    if actions is not None:
        files["actions"] = (actions,)
    places = (folder / place / schema.EMBEDDINGS for place in MAPS)
    return RawFiles("competition", files, _find_embeddings(places))


def _locate_release(folder: Path) -> RawFiles:
    files = {role: _require_tables(folder / name) for role, name in RELEASE_FOLDERS.items()}
    files["indexer"] = (_require(folder, schema.INDEXER, (".",)),)
    return RawFiles("release", files, _find_embeddings([folder / schema.RELEASE_EMBEDDINGS]))


def _find(folder: Path, name: str, places: tuple[str, ...]) -> Path | None:
    return next((path for place in places if (path := folder / place / name).is_file()), None)


def _require(folder: Path, name: str, places: tuple[str, ...]) -> Path:
    found = _find(folder, name, places)
    if found is None:
        raise UserError(f"{name} is missing from {folder / places[0]}; {WHERE}")
    return found


def _require_tables(folder: Path) -> tuple[Path, ...]:
    found = tuple(sorted(folder.glob("*.parquet")))
    if not found:
        raise UserError(f"no parquet file is in {folder}; {WHERE}")
    return found


def _find_embeddings(folders: Iterable[Path]) -> dict[str, tuple[Path, ...]]:
    """The files of each embedding by its name, such as ``emb_81_32``; those of train/ and eval/ together."""
    found: dict[str, tuple[Path, ...]] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            match = EMBEDDING.fullmatch(path.name)
            files = _embedding_files(path) if match else ()
            if match and files:
                found[match[1]] = (*found.get(match[1], ()), *files)
    return dict(sorted(found.items()))


def _embedding_files(path: Path) -> tuple[Path, ...]:
    if path.is_file():
        return (path,) if path.suffix == ".pkl" else ()
    return tuple(sorted((*path.glob("*.json"), *path.glob("*.parquet"))))
