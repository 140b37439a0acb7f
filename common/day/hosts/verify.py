"""Compare the files of a raw folder with what is known of them: size, rows, columns, digest."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from common.day.hosts import REPORT
from common.day.hosts.layout import FileSpec, FilesRead, Layout
from common.engine.errors import UserError
from common.engine.progress import running
from common.io.files import UNREADABLE, describe_failure
from common.io.tables import scan_csv, scan_parquet

OK, DIFFERS, MISSING, ABSENT, UNREAD = "ok", "differs", "missing", "missing, not needed", "not read"
FAR = 0.1  # of a known size: published ones are rounded


@dataclass(frozen=True)
class FileCheck:
    """A line of the table: the file or pattern, what is expected, what is there, and which of the five states."""

    file: str
    expected: str
    actual: str
    state: str


def check_files(
    folder: Path, layouts: Sequence[Layout], list_read: Callable[[Path], FilesRead] | None = None
) -> list[FileCheck]:
    """Compare a folder with the layout it has, the first one where it has none; a row for each file or pattern.

    Files that the competition's reader names by a pattern of the layout stand for it, wherever they lie.
    """
    read: Mapping[str, Sequence[Path]] = {}
    with contextlib.suppress(UserError):  # check_reading has the sentence
        read = list_read(folder).read if list_read else {}

    def list_paths(pattern: str) -> list[Path]:
        return list(read.get(pattern) or list_files(folder, pattern))

    layout = next((one for one in layouts if any(map(list_paths, one.signs))), layouts[0])
    return [_check(folder, spec, list_paths(spec.path)) for spec in layout.files]


def name_difference(folder: Path, layouts: Sequence[Layout]) -> str | None:
    """The first file that is ``FAR`` from what is known of the host's; "" where none is, None where nothing is known.

    For a word about a run, so by sizes and footers alone: no digest, no row of a CSV is read. Of several layouts that
    a folder may have it is enough to be near one.
    """
    fitting = [layout for layout in layouts if any(list_files(folder, sign) for sign in layout.signs)]
    found = [_find_difference(folder, layout) for layout in fitting or layouts[:1]]
    return "" if "" in found else found[0]


def _find_difference(folder: Path, layout: Layout) -> str | None:
    compared = False
    for spec in layout.files:
        for unit, known, there, proves in _measure(spec, list_files(folder, spec.path)):
            compared |= proves
            if abs(there - known) > FAR * known:
                return f"{spec.path} has {round(there, 1):,} {unit}, the host's {known:,}"
    return "" if compared else None


def _measure(spec: FileSpec, paths: Sequence[Path]) -> Iterator[tuple[str, float, float, bool]]:
    """(unit, what is known, what is there, whether its being alike makes these the host's) of some files."""
    size = sum(path.stat().st_size for path in paths) / 1e6
    if paths and spec.files is not None and spec.rows is None:  # a mirror may share the rows out to other files
        yield "files", spec.files, len(paths), False
    if paths and spec.rows is not None and spec.path.endswith(".parquet"):
        yield "rows", spec.rows, sum(map(count_rows, paths)), True
    if paths and spec.megabytes is not None:
        yield "MB", spec.megabytes, size, True
    if paths and size < spec.least_megabytes:
        yield "MB", spec.least_megabytes, size, False


def inspect_files(folder: Path, layouts: Sequence[Layout], sample: bool = False) -> dict[str, Any]:
    """What ``find_basis`` asks of a folder, under the names that run.json has for it."""
    differs = name_difference(folder, layouts)
    return {"folder": str(folder), "simulated": (folder / REPORT).exists(), "sample": sample, "differs": differs}


def check_reading(folder: Path, list_read: Callable[[Path], FilesRead] | None) -> list[FileCheck]:
    """What the competition's own reader would read of a folder and what it would leave; nothing without such a reader
    or a folder.
    """
    if list_read is None or not folder.is_dir():
        return []
    try:
        files = list_read(folder)
    except UserError as error:
        return [FileCheck("(what a run would read)", "", str(error), DIFFERS)]
    read = (FileCheck(what, "read by a run", f"{len(paths)} files", OK) for what, paths in files.read.items())
    left = (FileCheck(str(path.relative_to(folder)), "", "not read by a run", UNREAD) for path in files.unread)
    return [*read, *left]


def require_valid(checks: Sequence[FileCheck], folder: Path, advice: str) -> None:
    """Refuse a table with a file that differs or is missing; ``advice`` says what to do."""
    for state, fault in ((DIFFERS, "differ from the known ones"), (MISSING, "are missing")):
        files = [check.file for check in checks if check.state == state]
        if files:
            raise UserError(f"{len(files)} of the files in {folder} {fault} (first: {files[0]}); {advice}")


def _check(folder: Path, spec: FileSpec, paths: list[Path]) -> FileCheck:
    expected = _describe(spec)
    if not paths:
        needed = spec.needed and not (spec.unless and list_files(folder, spec.unless))
        return FileCheck(spec.path, expected, "nothing", MISSING if needed else ABSENT)
    try:
        facts, faults = _compare(spec, paths)
    except UNREADABLE as error:
        return FileCheck(spec.path, expected, f"cannot be read: {describe_failure(error)}", DIFFERS)
    return FileCheck(spec.path, expected, "; ".join([*facts, *faults]), DIFFERS if faults else OK)


def list_files(folder: Path, pattern: str) -> list[Path]:
    """The files of a pattern; where there is none, those of an archive unpacked into a folder of its own name."""
    if not folder.is_dir():
        return []
    paths = [path for path in folder.glob(pattern) if path.is_file()]
    again = pattern.partition("/")[0] if "/" in pattern else ""
    return sorted(paths or [path for path in (folder / again).glob(pattern) if again and path.is_file()])


def _is_table(path: str) -> bool:
    return path.endswith((".csv", ".parquet"))


def _describe(spec: FileSpec) -> str:
    facts = [f"{spec.files} files"] if spec.files is not None else []
    if _is_table(spec.path):
        facts.append(f"{spec.rows:,} rows" if spec.rows is not None else "rows unknown")
    facts.append(f"{spec.megabytes:g} MB" if spec.megabytes is not None else "size unknown")
    facts += [f"{len(spec.columns)} column{'s' * (len(spec.columns) > 1)}"] if spec.columns else []
    facts += [f"sha256 {spec.sha256[:12]}.."] if spec.sha256 else []
    return ", ".join(facts)


def _compare(spec: FileSpec, paths: list[Path]) -> tuple[list[str], list[str]]:
    """What is there, and what of it is wrong."""
    size = sum(path.stat().st_size for path in paths)
    facts = [f"{len(paths)} files"] if spec.files is not None or len(paths) > 1 else []
    faults = []
    if spec.files not in (None, len(paths)):
        faults.append(f"{spec.files} files expected")
    # The rows of a parquet file stand in its footer; a CSV is read for them only where their number is known.
    if spec.path.endswith(".parquet") or (_is_table(spec.path) and spec.rows is not None):
        rows = sum(count_rows(path) for path in paths)
        facts.append(f"{rows:,} rows")
        if spec.rows not in (None, rows):
            faults.append(f"{rows - (spec.rows or 0):+,} rows")
    facts.append(f"{size / 1e6:,.1f} MB")
    if spec.megabytes is not None and not _is_about(size, spec.megabytes):
        faults.append("different size")
    faults += _lacking_columns(spec.columns, paths)
    if spec.sha256 is not None:
        faults += [f"{path.name} has a different sha256" for path in paths if digest(path) != spec.sha256]
    return facts, faults


def digest(path: Path) -> str:
    """A file's SHA-256 in hexadecimal."""
    with running(f"digest of {path.name}"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_about(size: int, megabytes: float) -> bool:
    """Whether a size fits a published one, which may be in millions or in binary megabytes, rounded."""
    return megabytes * 1e6 * 0.985 <= size <= megabytes * 2**20 * 1.015


def _scan(path: Path) -> pl.LazyFrame:
    if path.suffix == ".parquet":
        return scan_parquet(path)
    return scan_csv(path, infer_schema=False, raise_if_empty=False)


def count_rows(path: Path) -> int:
    """Rows of a CSV after its header, or of a parquet file."""
    with running(f"rows of {path.name}"):
        return int(_scan(path).select(pl.len()).collect().item())


def _lacking_columns(columns: Sequence[str], paths: list[Path]) -> Iterator[str]:
    """The first column that a file lacks."""
    for path in paths if columns else ():
        there = _scan(path).collect_schema()
        lacking = [name for name in columns if name not in there]
        if lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            yield f"{path.name} has no column {lacking[0]}{more}"
            return
