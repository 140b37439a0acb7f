"""The folder of a simulation: the host's files, the truth, and a report that says how they were made.

It is there as a whole or not at all, and it never takes the place of files that no simulator wrote.
"""

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from common.day.hosts import REPORT, TRUTH
from common.engine.errors import UserError
from common.io.files import make_private
from common.io.lock import clear_drafts, name_draft
from common.simulation.oracle import Oracle
from common.simulation.oracle import read_report as read_report  # the other half of write_simulation

LEAST, LARGEST = 0.0005, 4.0  # the scales that a simulator is made for


@dataclass(frozen=True)
class Simulation:
    """A finished simulation: its folder, which has the ``TRUTH`` beside the files, how many rows (users, items, ...)
    are in it, the oracle's scores.
    """

    folder: Path
    rows: dict[str, int]
    oracle: Oracle


def check_request(scale: float, seed: int, most: float = LARGEST) -> None:
    """Raise ``UserError`` for a scale that is not from ``LEAST`` to ``most``, and for a negative seed."""
    if not LEAST <= scale <= most:
        raise UserError(f"The scale is {scale}; give a number from {LEAST:g} to {most:g} (1.0: the host's size).")
    if seed < 0:
        raise UserError(f"The seed is {seed}; give an integer of 0 or more.")


def write_simulation(
    out: Path,
    names: Collection[str],
    arguments: Mapping[str, Any],
    write: Callable[[Path], tuple[dict[str, int], Oracle]],
) -> Simulation:
    """Write a simulation to ``out``, replacing only an earlier simulation there.

    ``write(folder)`` writes the truth and the host's files, which are called ``names`` in the folder, and returns the
    rows and the oracle. ``arguments`` (version, scale, seed and the like) go into the report as they are. Raises
    ``UserError`` where ``out`` holds other files or cannot be written.
    """
    with written_at_once(out, {*names, TRUTH, REPORT}) as folder:
        rows, oracle = write(folder)
        report = {**arguments, "rows": rows, "oracle": asdict(oracle)}
        (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return Simulation(out, rows, oracle)


def append_csv(path: Path, frame: pl.DataFrame, float_precision: int | None = None) -> None:
    """Write rows to the end of a CSV file, the header first where the file is new; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        frame.write_csv(file, include_header=file.tell() == 0, float_precision=float_precision)


@contextmanager
def written_at_once(
    out: Path, names: Collection[str], marker: str = REPORT, kind: str = "simulation"
) -> Iterator[Path]:
    """A folder beside ``out`` to write ``names`` in; it takes the name ``out`` only when the block ends well.

    A folder that holds anything is replaced only where it bears the ``marker`` of this ``kind`` and nothing foreign.
    """
    partial, earlier = (
        out.absolute().with_name(name_draft(f"{out.absolute().name}.{role}")) for role in ("partial", "earlier")
    )
    try:
        present = {path.name for path in out.iterdir()} if out.exists() else set()
        # The host's own files bear the same names: only the marker shows that a folder is ours to replace.
        if present and (marker not in present or present - set(names) - {marker}):
            raise UserError(f"The folder {out} has other files than {kind}; choose another folder.")
        make_private(partial.parent)  # which may be the first thing below build/
        clear_drafts(partial.parent)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield partial
        if out.exists():  # and may be read: it is missing for as short as can be
            out.rename(earlier)
        partial.rename(out)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"The {kind} cannot be written to {out}: {reason}; choose a folder with free space.") from error
    finally:
        for folder in (partial, earlier):
            shutil.rmtree(folder, ignore_errors=True)
