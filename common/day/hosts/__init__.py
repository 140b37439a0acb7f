"""Whose raw files these are: a host's, a simulator's, a stand-in's. Every verb and page asks ``find_basis``."""

from dataclasses import dataclass
from pathlib import Path

REPORT = "simulation.json"  # written last: a folder that has it is a finished simulation
MARKER = "standin.json"  # written last: a folder that has it is ours to replace
TRUTH = "truth.csv"
SIMULATED, STANDIN, SAMPLE = "simulated data", "a stand-in, not the host's files", "a sample of the host's files"
HOSTS = "files in the host's layout"  # without a mark of ours
STANDIN_SIGNS = {MARKER: f"{MARKER} says so", TRUTH: f"{TRUTH} is among them"}


@dataclass(frozen=True)
class Basis:
    """Whose files they are: one of the ``kind`` above, and by what that was seen."""

    kind: str
    reason: str = ""

    @property
    def scored(self) -> bool:
        """Whether a host scores what is made from them."""
        return self.kind == HOSTS

    def __str__(self) -> str:
        """In words."""
        return f"{self.kind} ({self.reason})" if self.reason else self.kind


def find_basis(raw: Path, *, simulated: bool = False, sample: bool = False, standin: bool = False) -> Basis:
    """Whose files these are, by the marks that lie in their folder and by what ``run.json`` keeps of them."""
    if simulated or (raw / REPORT).exists():
        return Basis(SIMULATED)
    if sample:
        return Basis(SAMPLE, "without queries")
    reason = next((why for name, why in STANDIN_SIGNS.items() if (raw / name).exists()), "")
    return Basis(STANDIN, reason) if reason or standin else Basis(HOSTS)
