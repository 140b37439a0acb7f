"""What the command line does for the Tencent competition."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import config as configuration
from common.datasets.simulated import REPORT, Host, choose_files, simulated_folder
from common.pipeline.console import print_table, shorten_steps, wide_console
from common.pipeline.run import Run
from competitions.tencent import submission as submissions
from competitions.tencent.config import TencentConfig
from competitions.tencent.experiments.ladder import climb
from competitions.tencent.io import reader
from competitions.tencent.io.schema import TRUTH
from competitions.tencent.pipeline import Outcome
from competitions.tencent.pipeline import solve as solve
from competitions.tencent.reporting.run_record import build_record as build_record
from competitions.tencent.simulator.simulate import describe as describe_simulation
from competitions.tencent.simulator.simulate import simulate as write_simulation

HERE = Path(__file__).parent
HOST_FOLDER = Path("data/tencent/raw")
DEFAULT_SCALE = 0.01


def load_config(overrides: Sequence[str], tuned: bool = True) -> TencentConfig:
    """config.toml, then tuned.toml where there is one and it is wanted, then the overrides."""
    files = [HERE / "config.toml", *([HERE / "tuned.toml"] if tuned else [])]
    return configuration.load(TencentConfig, files, overrides)


def locate(folder: Path, config: TencentConfig) -> reader.RawFiles:
    """The host's files in a folder."""
    return reader.locate(folder)


def choose_raw(folder: Path | None, scale: float | None, seed: int, build: Path) -> Path:
    """The folder asked for; else the host's files where any is there; else a simulated set, made once."""
    host = Host(HOST_FOLDER, "*/*", "the host's folders", DEFAULT_SCALE, write_simulation)
    return choose_files(host, folder, scale, seed, build)


def score_simulated(folder: Path, outcome: Outcome) -> dict[str, Any] | None:
    """Score against the truth where, and only where, the simulator wrote it; a real truth file is read by ``score``."""
    return score_file(folder, outcome.checked[0].path)


def score_file(folder: Path, path: Path) -> dict[str, Any] | None:
    """The scores of a submission file against the simulator's truth, None where the folder is not simulated."""
    if not (folder / REPORT).exists():
        return None
    oracle = json.loads((folder / REPORT).read_text())["oracle"]
    return {"scores": submissions.score_submission(path, folder / TRUTH), "oracle": oracle}


def simulate(out: Path | None, scale: float | None, seed: int, build: Path, describe: bool) -> None:
    """Write a simulated set and print the oracle's score."""
    size = DEFAULT_SCALE if scale is None else scale
    folder = out or simulated_folder(build, size, seed)
    made = write_simulation(folder, size, seed)
    print(f"{folder}: {made.rows}")
    print(f"oracle {made.oracle}")
    if describe:
        print_table(wide_console(), "Simulated beside the documented", describe_simulation(folder).to_dicts())


def ladder(raw_folder: Path | None, scale: float | None, seed: int, build: Path, settings: Sequence[str] = ()) -> None:
    """Run rung after rung, and print what each adds."""
    folder = choose_raw(raw_folder, scale, seed, build)
    config = load_config([f"seed={seed}", *settings])
    rows = climb(reader.locate(folder), config, Run(build / "ladder", build / "cache"))
    print_table(wide_console(), "Ladder on the hold-out: each rung adds to the one above it", rows)


def check(submission: Path, raw_folder: Path | None) -> None:
    """Check a submission file on disk."""
    corpus = reader.read_corpus(reader.locate(raw_folder or HOST_FOLDER))
    checked = submissions.check_submission(submission, submissions.list_expected(corpus))
    print(f"{checked.path}: {checked.rows} rows, valid. Checked: {'; '.join(checked.rules)}.")


def score(submission: Path, truth: Path, raw_folder: Path | None) -> None:
    """Score a submission file; the raw files, where given, are checked to be its own."""
    expected = (
        submissions.list_expected(reader.read_corpus(reader.locate(raw_folder))) if raw_folder is not None else None
    )
    for name, value in submissions.score_submission(submission, truth, expected).items():
        print(f"{name:24s} {value:.4f}")


def show(summary: dict[str, Any], path: Path) -> None:
    """Print the closing summary; run.json has every step and more digits."""
    console = wide_console()
    print_table(console, "Notes from reading", summary["notes"])
    print_table(console, "Training events, queries, candidates", summary["folds"])
    print_table(console, "Ways to answer, on the hold-out", [{"way": w, **s} for w, s in summary["ways"].items()])
    training = [{"training": name, **_flat(course)} for name, course in summary["training"].items()]
    print_table(console, "Training", training)
    print_table(console, "The open mode's weights", [summary["mix"]] if summary["mix"] else [])
    print_table(console, "Steps", shorten_steps(summary["steps"]))
    cv, truth = summary["cv"], summary["truth"]
    print(f"\nCV: score {cv['score']:.4f} +- {cv['error']:.4f}, {cv['users']:,.0f} users")
    if truth:
        scores, oracle = truth["scores"], truth["oracle"]
        print(
            f"Simulated truth: score {scores['score']:.4f} +- {scores['score_error']:.4f}, hit rate@10"
            f" {scores['hit_rate@10']:.4f}, NDCG@10 {scores['ndcg@10']:.4f}; oracle {oracle['score']:.4f}"
        )
    peak = max((step["peak_mib"] for step in summary["steps"]), default=0.0)
    print(f"{summary['wall_seconds']:.0f} s, peak memory {peak / 1024:.1f} GiB")
    for written in summary["submissions"]:
        print(written["path"])
    print(path)


def _flat(course: dict[str, Any]) -> dict[str, Any]:
    """Losses as one text."""
    return {**course, "losses": " ".join(f"{loss:.3f}" for loss in course["losses"])}
