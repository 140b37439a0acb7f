"""One run of any competition: files, pipeline, record, closing summary. What differs is in its command module."""

import contextlib
import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from common.cluster import connect
from common.datasets.simulated import REPORT
from common.experiments.run_record import RECORD, Origin, RunRecord, write_record
from common.pipeline.run import Run, prune
from common.tuning.tuned_config import list_foreign
from competitions.cli.report import write_page
from competitions.cli.tune import tuned_path


class Command(Protocol):
    """What a competition's command module offers (competitions/<name>/command.py)."""

    def load_config(self, overrides: Sequence[str], tuned: bool = True) -> Any:
        """The settings."""

    def choose_raw(self, folder: Path | None, scale: float | None, seed: int, build: Path) -> Path:
        """The folder of the raw files."""

    def locate(self, folder: Path, config: Any) -> Any:
        """The raw files in a folder."""

    def solve(self, files: Any, config: Any, run: Run) -> Any:
        """The pipeline."""

    def score_simulated(self, folder: Path, outcome: Any) -> dict[str, Any] | None:
        """The scores against the truth of simulated data."""

    def build_record(self, outcome: Any, config: Any, truth: dict[str, Any] | None, run: Run) -> RunRecord:
        """What the run tells of itself."""

    def show(self, summary: dict[str, Any], path: Path) -> None:
        """Print the closing summary."""


@dataclass(frozen=True)
class Asked:
    """What a run is asked for on the command line. ``cluster``: a Dask scheduler that boosted trees are fitted on."""

    name: str
    raw: Path | None
    scale: float | None
    seed: int
    build: Path
    overrides: Sequence[str]
    tuned: bool = True
    cluster: str | None = None


def conduct(command: Command, asked: Asked) -> Path:
    """Raw files to a checked submission; prints the closing summary, returns the run's folder.

    The submission is written and checked before anything else is told, and the record before it is shown.
    """
    began, started = time.perf_counter(), datetime.datetime.now()
    build = asked.build / asked.name
    config = command.load_config([f"seed={asked.seed}", *asked.overrides], asked.tuned)
    folder = command.choose_raw(asked.raw, asked.scale, config.seed, build)
    files = command.locate(folder, config)
    work = Run(build / stamp(started), build / "cache")
    try:
        with connect.use(asked.cluster):
            outcome = command.solve(files, config, work)
    finally:
        with contextlib.suppress(OSError):
            work.folder.rmdir()  # goes only while it is empty: a run that was refused leaves nothing
    truth = command.score_simulated(folder, outcome)
    told = command.build_record(outcome, config, truth, work)
    simulated = (folder / REPORT).exists()
    origin = Origin(asked.name, folder, files, simulated, config, asked.overrides, asked.tuned, started)
    record = write_record(work, origin, told, time.perf_counter() - began)
    write_page(work.folder)
    prune(build / "cache", config.keep_gib)
    shared = {name: record[name] for name in ("steps", "wall_seconds", "config")}
    command.show({**record["summary"], "truth": truth, **shared}, work.folder / RECORD)
    foreign = list_foreign(tuned_path(asked.name), record["data"]["digest"]) if asked.tuned and not simulated else []
    if foreign:
        print(
            f"tuned.toml holds settings that were found on other files ({', '.join(foreign)}): `make tune-{asked.name}`"
            " searches on these, --untuned leaves it aside."
        )
    return work.folder


def stamp(moment: datetime.datetime) -> str:
    """The name of a run: its time to the millisecond, so that two runs have two folders."""
    return moment.strftime("%Y%m%d-%H%M%S-%f")[:-3]
