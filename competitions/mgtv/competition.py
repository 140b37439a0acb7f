"""What the command line does for the MGTV competition."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import config as configuration
from common.datasets.simulated import REPORT, Host, choose_files, simulated_folder
from common.pipeline.console import print_table, shorten_steps, wide_console
from common.pipeline.run import Run
from competitions.mgtv import submission as submissions
from competitions.mgtv.config import MgtvConfig
from competitions.mgtv.io import reader, schema
from competitions.mgtv.pipeline import solve as solve
from competitions.mgtv.reporting.run_record import build_record as build_record
from competitions.mgtv.reporting.summary import Outcome, measure_truth
from competitions.mgtv.simulator.simulate import TRUTH
from competitions.mgtv.simulator.simulate import describe as describe_simulation
from competitions.mgtv.simulator.simulate import simulate as write_simulation

HERE = Path(__file__).parent
HOST_FOLDER = Path("data/mgtv/raw")
DEFAULT_SCALE = 0.02


def load_config(overrides: Sequence[str], tuned: bool = True) -> MgtvConfig:
    """config.toml, then tuned.toml where there is one and it is wanted, then the overrides."""
    files = [HERE / "config.toml", *([HERE / "tuned.toml"] if tuned else [])]
    return configuration.load(MgtvConfig, files, overrides)


def locate(folder: Path, config: MgtvConfig) -> reader.RawFiles:
    """The host's files in a folder."""
    return reader.locate(folder, config.host)


def choose_raw(folder: Path | None, scale: float | None, seed: int, build: Path) -> Path:
    """The folder asked for; else the host's files where any is there; else a simulated set, made once."""
    host = Host(HOST_FOLDER, schema.VIDEOS, "the host's folders", DEFAULT_SCALE, write_simulation)
    return choose_files(host, folder, scale, seed, build)


def score_simulated(folder: Path, outcome: Outcome) -> dict[str, Any] | None:
    """Score against the truth where, and only where, the simulator wrote it; a real truth file is read by ``score``."""
    if not (folder / REPORT).exists():
        return None
    oracle = json.loads((folder / REPORT).read_text())["oracle"]
    scores = submissions.score_submission(outcome.checked.path, folder / TRUTH)
    return {
        "scores": scores,
        "ladder": measure_truth(outcome, submissions.read_truth(folder / TRUTH)),
        "oracle": oracle,
    }


def simulate(out: Path | None, scale: float | None, seed: int, build: Path, describe: bool) -> None:
    """Write a simulated set and print the oracle's score."""
    size = DEFAULT_SCALE if scale is None else scale
    folder = out or simulated_folder(build, size, seed)
    made = write_simulation(folder, size, seed)
    print(f"{folder}: {made.rows}")
    print(f"oracle score {made.oracle.score:.4f}, hit rate {made.oracle.hit_rate:.4f}")
    if describe:
        print_table(wide_console(), "Simulated beside the documented", describe_simulation(folder).to_dicts())


def ladder(raw_folder: Path | None, scale: float | None, seed: int, build: Path, settings: Sequence[str] = ()) -> None:
    """Run rung after rung, and print what each adds."""
    from competitions.mgtv.experiments.ladder import climb  # with its networks, and torch

    folder = choose_raw(raw_folder, scale, seed, build)
    config = load_config([f"seed={seed}", *settings])
    rows = climb(reader.locate(folder, config.host), config, Run(build / "ladder", build / "cache"))
    print_table(wide_console(), "Ladder on the validation days: each rung adds to the one above it", rows)


def check(submission: Path, raw_folder: Path | None) -> None:
    """Check a submission file on disk."""
    checked = submissions.check_submission(submission, reader.locate(raw_folder or HOST_FOLDER, load_config([]).host))
    print(f"{checked.path}: {checked.rows} rows, valid. Checked: {'; '.join(checked.rules)}.")


def score(submission: Path, truth: Path, raw_folder: Path | None) -> None:
    """Score a submission file; the raw files, where given, are checked to be its own."""
    files = reader.locate(raw_folder, load_config([]).host) if raw_folder is not None else None
    for name, value in submissions.score_submission(submission, truth, files).items():
        print(f"{name:24s} {value:.4f}")


def show(summary: dict[str, Any], path: Path) -> None:
    """Print the closing summary; run.json has every step and more digits."""
    console = wide_console()
    print_table(console, "Notes from reading", summary["notes"])
    print_table(console, "Days side by side", summary["days"])
    print_table(console, "Models on the validation days, pick P(watch) x E[s], answer max E[s]", list_models(summary))
    print_table(
        console, "The decision ladder on the validation days: rows pick the video, columns the rate", summary["ladder"]
    )
    if summary["truth"]:
        print_table(console, "The same ladder on the simulated truth, refitted on everything", list_truth(summary))
    print_table(console, "Steps", shorten_steps(summary["steps"]))
    cv, truth = summary["cv"], summary["truth"]
    print(f"\nCV: score {cv['score']:.4f} +- {cv['error']:.4f}, hit rate {cv['hit_rate']:.4f}, {cv['devices']} devices")
    if truth:
        got, best = truth["scores"], truth["oracle"]
        print(
            f"Simulated truth: score {got['score']:.4f} +- {got['score_error']:.4f}, hit rate {got['hit_rate']:.4f}; "
            f"oracle {best['score']:.4f}, share reached {got['score'] / best['score']:.1%}"
        )
    peak = max(step["peak_mib"] for step in summary["steps"])
    print(f"Wall time {summary['wall_seconds']:.0f} s, peak memory {peak / 1024:.2f} GiB")
    print(f"Submission: {summary['submission']['path']}, {summary['submission']['rows']} rows, checked")
    print(f"Summary: {path}")


def list_truth(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """The ladder on the simulated truth, with the oracle's as the last row."""
    best = summary["truth"]["oracle"]
    told = {"p = 0": "score_0", "p = 1": "score_1", "mean": "score_mean", "median": "score_median", "max E[s]": "score"}
    oracle = {"pick": "oracle", "hit_rate": best["hit_rate"], **{name: best[key] for name, key in told.items()}}
    return [*summary["truth"]["ladder"], oracle]


def list_models(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per model, then the blend on each validation day."""
    rows = [{"model": name, **scores} for name, scores in summary["models"].items()]
    return rows + [{"model": f"blend, day {day}", **scores} for day, scores in summary["by_day"].items()]
