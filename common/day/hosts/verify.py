"""Compare the files of a raw folder with what is known of them: size, rows, columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from common.day.hosts.layout import FileSpec, Source
from common.day.look.columns import scan
from common.engine.errors import UserError
from common.engine.progress import running
from common.io.files import UNREADABLE, describe_failure

OK, DIFFERS, MISSING, ABSENT = "ok", "differs", "missing", "missing, not needed"


@dataclass(frozen=True)
class FileCheck:
    """A line of the table: the file or pattern, what is expected, what is there, and which of the four states."""

    file: str
    expected: str
    actual: str
    state: str


def check_files(folder: Path, source: Source) -> list[FileCheck]:
    """Compare a folder with the layout it has, the first one where it has none; a row for each file or pattern, and one
    where the competition's own reader would refuse the folder.

    Files that the reader names by a pattern of the layout stand for it, wherever they lie.
    """
    read: Mapping[str, Sequence[Path]] = {}
    refused: list[FileCheck] = []
    if source.list_read and folder.is_dir():
        try:
            read = source.list_read(folder)
        except UserError as error:
            refused = [FileCheck("(what a run would read)", "", str(error), DIFFERS)]

    def list_paths(pattern: str) -> list[Path]:
        return list(read.get(pattern) or list_files(folder, pattern))

    layout = next((files for files in source.layouts if list_paths(files[0].path)), source.layouts[0])
    checks = [_check(folder, spec, list_paths(spec.path)) for spec in layout]
    # Of a missing file the reader would only say the same.
    return checks if any(check.state == MISSING for check in checks) else [*checks, *refused]


def require_valid(checks: Sequence[FileCheck], folder: Path, advice: str) -> None:
    """Refuse a table with a file that differs or is missing; ``advice`` says what to do."""
    kinds = (DIFFERS, "differ from the known ones", "remove them and "), (MISSING, "are missing", "")
    for state, fault, remedy in kinds:
        files = [check.file for check in checks if check.state == state]
        if files:
            raise UserError(f"{len(files)} of the files in {folder} {fault} (first: {files[0]}); {remedy}{advice}")


def _check(folder: Path, spec: FileSpec, paths: list[Path]) -> FileCheck:
    stated = {"files": spec.files, "rows": spec.rows, "MB": spec.megabytes}
    known = {unit: number for unit, number in stated.items() if number is not None}
    expected = [f"{number:,} {unit}" for unit, number in known.items()]
    expected += [f"{len(spec.columns)} column{'s' * (len(spec.columns) > 1)}"] if spec.columns else []
    if not paths:
        needed = spec.needed and not (spec.unless and list_files(folder, spec.unless))
        return FileCheck(spec.path, ", ".join(expected), "nothing", MISSING if needed else ABSENT)
    try:
        there = {"files": len(paths), "MB": sum(path.stat().st_size for path in paths) / 1e6}
        if all(path.suffix == ".parquet" or (path.suffix == ".csv" and "rows" in known) for path in paths):
            with running(f"rows of {spec.path}"):
                rows = sum(int(scan([path]).select(pl.len()).collect().item()) for path in paths)
            there = {"files": len(paths), "rows": rows, "MB": there["MB"]}
        faults = [f"not {n:,} {unit}" for unit, n in known.items() if not _is_alike(unit, there.get(unit, 0), n)]
        faults += _lacking_columns(spec.columns, paths)
    except UNREADABLE as error:
        faults, there = [f"cannot be read: {describe_failure(error)}"], {}
    facts = [f"{round(number, 1):,} {unit}" for unit, number in there.items() if unit != "files" or len(paths) > 1]
    return FileCheck(spec.path, ", ".join(expected), "; ".join([*facts, *faults]), DIFFERS if faults else OK)


def list_files(folder: Path, pattern: str) -> list[Path]:
    """The files of a pattern; where there is none, those of an archive unpacked into a folder of its own name."""
    if not folder.is_dir():
        return []
    paths = [path for path in folder.glob(pattern) if path.is_file()]
    again = pattern.partition("/")[0] if "/" in pattern else ""
    return sorted(paths or [path for path in (folder / again).glob(pattern) if again and path.is_file()])


def _is_alike(unit: str, there: float, known: float) -> bool:
    """Whether files have what is known of them. A published size may be in millions or in binary megabytes, rounded."""
    return known * 0.985 <= there <= known * 1.015 * 2**20 / 1e6 if unit == "MB" else there == known


def _lacking_columns(columns: Sequence[str], paths: list[Path]) -> Iterator[str]:
    """The first column that a file lacks."""
    for path in paths if columns else ():
        there = scan([path]).collect_schema()
        lacking = [name for name in columns if name not in there]
        if lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            yield f"{path.name} has no column {lacking[0]}{more}"
            return
