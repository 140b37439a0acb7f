"""The choice between a host's files and simulated ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from common.day.hosts import REPORT as REPORT
from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.resources import MemoryNeed, warn_of_need
from common.io.lock import take_turns
from common.simulation.oracle import read_oracle, read_report
from common.simulation.writer import LARGEST

Writer: TypeAlias = Callable[[Path, float, int], object]


@dataclass(frozen=True)
class HostFiles:
    """The folder of a host's files, the pattern that they fit, their name in a sentence, and their simulator.

    ``write`` (folder, scale, seed) simulates them, None: nobody wrote that; ``scale`` is its default. ``laws``: writers
    by the name of the law by which people behave, the default first; none where there is one alone. ``law``: the chosen
    one, "" if none. ``need``: the memory of a run, None where nobody measured it.
    """

    folder: Path
    pattern: str
    files: str
    scale: float = 1.0
    write: Writer | None = None
    laws: Mapping[str, Writer] = field(default_factory=dict)
    law: str = ""
    need: MemoryNeed | None = None
    version: int = 0

    def under_law(self, law: str | None) -> "HostFiles":
        """The same with the simulator of this law; None chooses none. ``UserError`` names the laws that there are."""
        if law is None:
            return self
        if not self.laws:
            raise UserError(f"There is no law {law}: this simulator has only one. Leave LAW out.")
        if law not in self.laws:
            raise UserError(f"There is no law {law}; choose {' or '.join(self.laws)}.")
        return replace(self, write=self.laws[law], law=law)

    def simulated_folder(self, build: Path, scale: float, seed: int) -> Path:
        """Where a simulated set of this scale, seed and law is kept; the default law's bears no name of it."""
        law = "" if self.law in ("", *list(self.laws)[:1]) else f"-{self.law}"
        return build / "simulated" / f"scale{scale:g}-seed{seed}{law}"


def check_memory(host: HostFiles, folder: Path | None, scale: float | None) -> None:
    """A warning where the files that ``choose_files`` would take need more memory than there is."""
    folder, size = find_folder(host, folder, scale), host.scale if scale is None else scale
    # Of another scale the simulator says what is wrong with it.
    if host.need is not None and (folder or host.need.peaks[0][0] <= size <= LARGEST):
        warn_of_need(host.need, folder, size)


def find_folder(host: HostFiles, folder: Path | None, scale: float | None) -> Path | None:
    """The folder named, else the host's files where any is there and no simulated set is asked for; None: simulated."""
    if folder is not None or scale is not None or host.law or not any(host.folder.glob(host.pattern)):
        return folder
    return host.folder


def choose_files(host: HostFiles, folder: Path | None, scale: float | None, seed: int, build: Path) -> Path:
    """The folder named; else the host's files where any is there; else a simulated set, made once."""
    for unwanted, value in (("SCALE", scale), ("LAW", host.law or None)):
        if folder is not None and value is not None:
            raise UserError(f"RAW and {unwanted} exclude each other: {unwanted} is for simulated data only.")
    folder = find_folder(host, folder, scale)
    if folder is not None:
        return require_folder(folder)
    size = host.scale if scale is None else scale
    write = require_simulator(host)
    simulated = host.simulated_folder(build, size, seed)
    law = f", law {host.law}" if host.law else ""
    say(
        f"SIMULATED data, scale {size:g}, seed {seed}{law}: for the real competition, put {host.files} into "
        f"{host.folder}, see data/README.md."
    )
    if is_current(simulated, host.version):
        return simulated
    # One process writes, those that begin meanwhile wait: they would take the set away from the first, which reads it.
    with take_turns(simulated.with_name(f".{simulated.name}.lock"), "  another run is simulating these files: waiting"):
        if not is_current(simulated, host.version):
            write(simulated, size, seed)
    return simulated


def is_current(simulated: Path, version: int) -> bool:
    """Whether a set is whole, and written by this version of its simulator; 0: the simulator states none."""
    try:
        read_oracle(simulated)
    except UserError:
        return False
    return not version or read_report(simulated).get("version", version) == version


def require_simulator(host: HostFiles) -> Writer:
    """What simulates the host's files. ``UserError`` where nothing does."""
    if host.write is None:
        raise UserError(f"There is no simulator here: put {host.files} into {host.folder}, or name them with RAW=DIR.")
    return host.write


def require_folder(folder: Path) -> Path:
    """The folder that a person named. ``UserError`` where there is none."""
    if not folder.is_dir():
        kind = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"RAW {folder} {kind}: name the folder that holds the host's files.")
    return folder


def is_simulated(raw: Path) -> bool:
    """Whether the simulator wrote these raw files."""
    return (raw / REPORT).exists()
