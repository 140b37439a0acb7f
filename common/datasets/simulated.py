"""A folder in a host's layout that is written at once, and the choice between a host's files and simulated ones."""

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.pipeline.progress import say

REPORT = "simulation.json"  # written last: a folder that has it is a finished simulation


@dataclass(frozen=True)
class HostFiles:
    """The folder of a host's files, the pattern that they fit, their name in a sentence, and their simulator.

    ``write`` (folder, scale, seed) simulates them; ``scale`` is its default.
    """

    folder: Path
    pattern: str
    files: str
    scale: float
    write: Callable[[Path, float, int], object]


def choose_files(host: HostFiles, folder: Path | None, scale: float | None, seed: int, build: Path) -> Path:
    """The folder named; else the host's files where any is there; else a simulated set, made once."""
    if folder is not None:
        if scale is not None:
            raise UserError("RAW and SCALE exclude each other: SCALE sizes the simulated set.")
        return folder
    if scale is None and host.folder.is_dir() and any(host.folder.glob(host.pattern)):
        return host.folder
    size = host.scale if scale is None else scale
    simulated = simulated_folder(build, size, seed)
    say(
        f"SIMULATED data, scale {size:g}, seed {seed}: for the real competition put {host.files} into {host.folder}, "
        "see data/README.md."
    )
    if not (simulated / REPORT).exists():
        host.write(simulated, size, seed)
    return simulated


def simulated_folder(build: Path, scale: float, seed: int) -> Path:
    """Where a simulated set of this scale and seed is kept."""
    return build / "simulated" / f"scale{scale:g}-seed{seed}"


def is_simulated(raw: Path) -> bool:
    """Whether the simulator wrote these raw files."""
    return (raw / REPORT).exists()


def read_oracle(raw: Path) -> Any:
    """What the oracle scores on simulated files, as the simulator recorded it."""
    return json.loads((raw / REPORT).read_text())["oracle"]


@contextmanager
def written_at_once(
    out: Path, names: Collection[str], marker: str = REPORT, kind: str = "simulation"
) -> Iterator[Path]:
    """A folder beside ``out`` to write ``names`` in; it takes the name ``out`` only when the block ends well.

    A folder that holds anything is replaced only where it bears the ``marker`` of this ``kind`` and nothing foreign.
    """
    partial = out.absolute().with_name(f".{out.absolute().name}.partial-{os.getpid()}")
    try:
        present = {path.name for path in out.iterdir()} if out.exists() else set()
        # The host's own files bear the same names: only the marker tells that a folder is ours to replace.
        if present and (marker not in present or present - set(names) - {marker}):
            raise UserError(f"The folder {out} holds files that are no {kind}; name another folder.")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"The {kind} cannot be written to {out}: {reason}; name a folder with space.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
