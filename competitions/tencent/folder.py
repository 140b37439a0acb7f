"""Find the host's files in a folder, in either of the two layouts that the same data comes in."""

import re
from collections.abc import Iterable
from pathlib import Path

from common.errors import UserError
from competitions.tencent import layout
from competitions.tencent.data import RawFiles

WHERE = (
    "put the host's files in data/tencent/raw or name their folder with RAW=DIR (data/README.md says what belongs "
    "there and where to get it)"
)
EMBEDDING = re.compile(r"(emb_[0-9]+_[0-9]+)(?:\.pkl|_parquet)?")
# The folders of the competition layout that may hold each file, the first that has it wins.
LEARN, ASK, MAPS = (layout.TRAIN, "."), (layout.EVAL, "."), (layout.TRAIN, layout.EVAL, ".")
COMPETITION_FILES = {
    "sequences": (layout.SEQUENCES, LEARN),
    "offsets": (layout.OFFSETS, LEARN),
    "indexer": (layout.INDEXER, MAPS),
    "items": (layout.ITEM_TABLE, MAPS),
    "asked_sequences": (layout.PREDICT_SEQUENCES, ASK),
    "asked_offsets": (layout.PREDICT_OFFSETS, ASK),
    "candidates": (layout.CANDIDATES, ASK),
}
RELEASE_FOLDERS = {
    "sequences": layout.RELEASE_SEQUENCES,
    "items": layout.RELEASE_ITEMS,
    "users": layout.RELEASE_USERS,
    "candidates": layout.RELEASE_CANDIDATES,
}


def locate(folder: Path) -> RawFiles:
    """Find the host's files in ``folder``, which holds ``train/`` and ``eval/``, or their files, or ``seq/`` and so on.

    Refused: a folder of neither layout, a file that is missing. Embeddings and the actions of round 2 may be missing.
    """
    if any((folder / place).exists() for place in (layout.TRAIN, layout.EVAL, layout.SEQUENCES)):
        return _locate_competition(folder)
    if any((folder / place).is_dir() for place in RELEASE_FOLDERS.values()):
        return _locate_release(folder)
    raise UserError(
        f"{folder} holds neither {layout.TRAIN}/{layout.SEQUENCES} (competition layout) nor "
        f"{layout.RELEASE_SEQUENCES}/*.parquet (release layout); {WHERE}"
    )


def _locate_competition(folder: Path) -> RawFiles:
    files: dict[str, tuple[Path, ...]] = {
        role: (_require(folder, name, places),) for role, (name, places) in COMPETITION_FILES.items()
    }
    actions = _find(folder, layout.USER_ACTIONS, ASK)
    if actions is not None:
        files["actions"] = (actions,)
    places = (folder / place / layout.EMBEDDINGS for place in MAPS)
    return RawFiles("competition", files, _find_embeddings(places))


def _locate_release(folder: Path) -> RawFiles:
    files = {role: _require_tables(folder / name) for role, name in RELEASE_FOLDERS.items()}
    files["indexer"] = (_require(folder, layout.INDEXER, (".",)),)
    return RawFiles("release", files, _find_embeddings([folder / layout.RELEASE_EMBEDDINGS]))


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
