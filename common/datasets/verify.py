"""Compare the files of a raw folder with what is known of them: size, rows, columns, digest."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from common.datasets.download import Expected, Layout, digest
from common.errors import UserError
from common.pipeline.progress import track

OK, DIFFERS, MISSING, ABSENT = "ok", "differs", "missing", "not there, not needed"
BLOCK_BYTES = 1 << 24
HEADER_BYTES = 1 << 20
Listed = Mapping[str, tuple[int, str | None]]  # by path: bytes and digest as the host listed them


@dataclass(frozen=True)
class Row:
    """A line of the table: the file or pattern, what is expected, what was found, and which of the four states."""

    file: str
    expected: str
    found: str
    state: str


def inspect(folder: Path, layouts: Sequence[Layout], listed: Listed) -> list[Row]:
    """Compare a folder with the layout it has, the first one where it has none; a row for each file or pattern."""
    layout = next((one for one in layouts if any(_find(folder, sign) for sign in one.signs)), layouts[0])
    return [_inspect(folder, expected, listed) for expected in layout.files]


def require_sound(rows: Sequence[Row], folder: Path, what_to_do: str) -> None:
    """Refuse a table with a file that differs or is missing."""
    for state, told in ((DIFFERS, "are not what is known of them"), (MISSING, "are missing")):
        wrong = [row.file for row in rows if row.state == state]
        if wrong:
            raise UserError(f"{len(wrong)} of the files in {folder} {told} (first: {wrong[0]}); {what_to_do}")


def _inspect(folder: Path, expected: Expected, listed: Listed) -> Row:
    paths = _find(folder, expected.path)
    told = _describe(expected)
    if not paths:
        needed = expected.needed and not (expected.unless and _find(folder, expected.unless))
        return Row(expected.path, told, "nothing", MISSING if needed else ABSENT)
    try:
        found, faults = _measure(folder, expected, paths, listed)
    except (OSError, pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        return Row(expected.path, told, f"cannot be read: {reason[:120]}", DIFFERS)
    return Row(expected.path, told, "; ".join([*found, *faults]), DIFFERS if faults else OK)


def _find(folder: Path, pattern: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def _is_table(path: str) -> bool:
    return path.endswith((".csv", ".parquet"))


def _describe(expected: Expected) -> str:
    told = [f"{expected.files} files"] if expected.files is not None else []
    if _is_table(expected.path):
        told.append(f"{expected.rows:,} rows" if expected.rows is not None else "rows unknown")
    told.append(f"{expected.megabytes:g} MB" if expected.megabytes is not None else "size unknown")
    told += [f"{len(expected.columns)} column{'s' * (len(expected.columns) > 1)}"] if expected.columns else []
    told += [f"sha256 {expected.sha256[:12]}.."] if expected.sha256 else []
    return ", ".join(told)


def _measure(folder: Path, expected: Expected, paths: list[Path], listed: Listed) -> tuple[list[str], list[str]]:
    """What was found, and what of it is wrong."""
    size = sum(path.stat().st_size for path in paths)
    found = [f"{len(paths)} files"] if expected.files is not None or len(paths) > 1 else []
    faults = []
    if expected.files not in (None, len(paths)):
        faults.append(f"{expected.files} files expected")
    rows = _count(expected, paths)
    if rows is not None:
        found.append(f"{rows:,} rows")
        if expected.rows not in (None, rows):
            faults.append(f"{rows - (expected.rows or 0):+,} rows")
    found.append(f"{size / 1e6:,.1f} MB")
    if expected.megabytes is not None and not _is_about(size, expected.megabytes):
        faults.append("another size")
    faults += _find_lacking(expected.columns, paths)
    faults += _find_altered(folder, expected, paths, listed)
    return found, faults


def _is_about(size: int, megabytes: float) -> bool:
    """Whether a size fits a published one, which may be in millions or in binary megabytes, rounded."""
    return megabytes * 1e6 * 0.985 <= size <= megabytes * 2**20 * 1.015


def _count(expected: Expected, paths: list[Path]) -> int | None:
    """Rows of all files. A CSV is read for them only where their number is known."""
    if expected.path.endswith(".parquet"):
        return sum(int(pq.read_metadata(path).num_rows) for path in paths)
    if expected.path.endswith(".csv") and expected.rows is not None:
        return sum(count_csv_rows(path) for path in paths)
    return None


def count_csv_rows(path: Path) -> int:
    """Lines after the header, counted block by block; the last one may lack its end."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        blocks = iter(lambda: file.read(BLOCK_BYTES), b"")
        for block in track(blocks, f"rows of {path.name}", total=-(-path.stat().st_size // BLOCK_BYTES)):
            lines += block.count(b"\n")
            last = block[-1:]
    return max(lines + (last != b"\n") - 1, 0)


def _find_lacking(columns: Sequence[str], paths: list[Path]) -> Iterator[str]:
    """The first column that a file lacks."""
    for path in paths if columns else ():
        there = set(_read_columns(path))
        lacking = [name for name in columns if name not in there]
        if lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            yield f"{path.name} lacks the column {lacking[0]}{more}"
            return


def _read_columns(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        return list(pq.read_schema(path).names)
    with path.open("rb") as file:
        header = file.readline(HEADER_BYTES).decode("utf-8-sig")
    return next(csv.reader([header]), [])


def _find_altered(folder: Path, expected: Expected, paths: list[Path], listed: Listed) -> Iterator[str]:
    """Files that are not what is published or what the host listed when they were fetched."""
    for path in paths:
        size, sha256 = listed.get(path.relative_to(folder).as_posix(), (None, None))
        if size not in (None, path.stat().st_size):
            yield f"{path.name}: {path.stat().st_size} bytes, {size} listed"
            continue
        wanted = {sum_ for sum_ in (sha256, expected.sha256) if sum_ is not None}
        if wanted and wanted != {digest(path)}:
            yield f"{path.name} has another sha256"
