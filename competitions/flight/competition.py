"""What the command line does for the flight competition."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from common import config as configuration
from common.datasets.simulated import REPORT, Host, choose_files, simulated_folder
from common.pipeline.console import print_table, shorten_steps, wide_console
from common.pipeline.run import Run
from competitions.flight import submission as submissions
from competitions.flight.config import FlightConfig
from competitions.flight.experiments.ladder import MODELS_IN_ORDER, climb
from competitions.flight.io import reader
from competitions.flight.pipeline import solve as solve
from competitions.flight.ranking import blending
from competitions.flight.reporting.console_tables import list_models, list_readings, list_truth
from competitions.flight.reporting.run_record import build_record as build_record
from competitions.flight.reporting.summary import Outcome
from competitions.flight.simulator.simulate import TRUTH
from competitions.flight.simulator.simulate import describe as describe_simulation
from competitions.flight.simulator.simulate import simulate as write_simulation

HERE = Path(__file__).parent
HOST_FOLDER = Path("data/flight/raw")
DEFAULT_SCALE = 0.05


def load_config(overrides: Sequence[str], tuned: bool = True) -> FlightConfig:
    """config.toml, then tuned.toml where there is one and it is wanted, then the overrides."""
    files = [HERE / "config.toml", *([HERE / "tuned.toml"] if tuned else [])]
    return configuration.load(FlightConfig, files, overrides)


def locate(folder: Path, config: FlightConfig) -> reader.RawFiles:
    """The host's files in a folder."""
    return reader.locate(folder)


def choose_raw(folder: Path | None, scale: float | None, seed: int, build: Path) -> Path:
    """The folder asked for; else the host's files where any is there; else a simulated set, made once."""
    host = Host(HOST_FOLDER, "*.parquet", "Kaggle's files (aeroclub-recsys-2025)", DEFAULT_SCALE, write_simulation)
    return choose_files(host, folder, scale, seed, build)


def score_simulated(folder: Path, outcome: Outcome) -> dict[str, Any] | None:
    """Score against the truth where, and only where, the simulator wrote it; a real truth file is read by ``score``."""
    if not (folder / REPORT).exists():
        return None
    oracle = json.loads((folder / REPORT).read_text())["oracle"]
    booked = find_booked(outcome.files.test, folder / TRUTH)
    measured = blending.measure_test(
        outcome.test.value, outcome.test_scores.value, booked, outcome.blend.value, outcome.penalty.value
    )
    scores = submissions.score_submission(outcome.checked[0].path, folder / TRUTH)
    return {"scores": scores, "models": dict(zip(outcome.rungs, measured, strict=True)), "oracle": oracle}


def find_booked(test: Path, truth: Path) -> pl.Series:
    """The rows of the test file that were booked."""
    ids = pl.scan_csv(truth).select("Id")
    rows = pl.scan_parquet(test).select("Id").with_row_index("row")
    return rows.join(ids, on="Id", how="semi").select(pl.col("row").cast(pl.Int64)).collect()["row"]


def simulate(out: Path | None, scale: float | None, seed: int, build: Path, describe: bool) -> None:
    """Write a simulated set and print the oracle's score."""
    size = DEFAULT_SCALE if scale is None else scale
    folder = out or simulated_folder(build, size, seed)
    made = write_simulation(folder, size, seed)
    print(f"{folder}: {made.rows}")
    print(f"oracle HitRate@3 {made.oracle.hit_rate['3']:.4f}")
    if describe:
        print_table(wide_console(), "Simulated beside the host's", describe_simulation(folder).to_dicts())


def ladder(raw_folder: Path | None, scale: float | None, seed: int, build: Path, settings: Sequence[str] = ()) -> None:
    """Run rung after rung, and print what each adds."""
    folder = choose_raw(raw_folder, scale, seed, build)
    config = load_config([f"seed={seed}", *settings, f"rank.models={json.dumps(MODELS_IN_ORDER)}"])
    rows = climb(reader.locate(folder), config, Run(build / "ladder", build / "cache"))
    print_table(wide_console(), "Ladder, HitRate@3 on the last sessions: each rung adds to the one above it", rows)


def check(submission: Path, raw_folder: Path | None) -> None:
    """Check a submission file on disk."""
    checked = submissions.check_submission(submission, reader.locate(raw_folder or HOST_FOLDER))
    print(f"{checked.path}: {checked.rows} rows, valid. Checked: {'; '.join(checked.rules)}.")


def score(submission: Path, truth: Path, raw_folder: Path | None) -> None:
    """Score a submission file; the raw files, where given, are checked to be its own."""
    files = reader.locate(raw_folder) if raw_folder is not None else None
    for name, value in submissions.score_submission(submission, truth, files).items():
        print(f"{name:24s} {value:.4f}")


def show(summary: dict[str, Any], path: Path) -> None:
    """Print the closing summary; run.json has every step and more digits."""
    console = wide_console()
    print_table(console, "Notes from reading", summary["notes"])
    print_table(console, "Training, validation and test sessions", summary["folds"])
    print_table(console, "HitRate@3 on the last sessions, by group size", list_models(summary["models"]))
    print_table(
        console,
        "One model on other splits (a diagnostic, nothing is chosen on it)",
        list_readings(summary, summary["config"]["readings"]["model"]),
    )
    for name, read in summary["readings"].items():
        if isinstance(read, str):
            print(f"The reading {name!r} is left out. {read}")
    cv, truth = summary["cv"], summary["truth"]
    if truth:
        print_table(console, "HitRate@3 on the simulated truth, refitted on everything", list_truth(truth))
    print_table(console, "Steps", shorten_steps(summary["steps"]))
    asked = cv["queries"]["valid_scored"]
    print(f"\nCV: HitRate@3 {cv['hit_rate@3']:.4f} +- {cv['error']:.4f} on {asked} sessions of more than 10 options")
    if truth:
        got, best = truth["scores"]["hit_rate@3"], truth["oracle"]["hit_rate"]["3"]
        print(f"Simulated truth: HitRate@3 {got:.4f}, oracle {best:.4f}, share reached {got / best:.1%}")
    peak = max(step["peak_mib"] for step in summary["steps"])
    print(f"Wall time {summary['wall_seconds']:.0f} s, peak memory {peak / 1024:.2f} GiB")
    print(f"Submission: {' and '.join(summary['submissions'])}, {summary['submission']['rows']} rows, checked")
    print(f"Summary: {path}")
