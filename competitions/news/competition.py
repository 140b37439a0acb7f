"""What the command line does for the news competition."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import config as configuration
from common.datasets.simulated import REPORT, Host, choose_files, simulated_folder
from common.pipeline.console import print_table, shorten_steps, wide_console
from common.pipeline.run import Run
from competitions.news import submission as submissions
from competitions.news.config import NewsConfig
from competitions.news.io import reader
from competitions.news.pipeline import solve as solve
from competitions.news.reporting.run_record import build_record as build_record
from competitions.news.reporting.summary import Outcome
from competitions.news.simulator.simulate import TRUTH
from competitions.news.simulator.simulate import describe as describe_simulation
from competitions.news.simulator.simulate import simulate as write_simulation

HERE = Path(__file__).parent
HOST_FOLDER = Path("data/news/raw")
DEFAULT_SCALE = 0.04


def load_config(overrides: Sequence[str], tuned: bool = True) -> NewsConfig:
    """config.toml, then tuned.toml where there is one and it is wanted, then the overrides."""
    files = [HERE / "config.toml", *([HERE / "tuned.toml"] if tuned else [])]
    return configuration.load(NewsConfig, files, overrides)


def locate(folder: Path, config: NewsConfig) -> reader.RawFiles:
    """The host's files in a folder."""
    return reader.locate(folder, config.board)


def choose_raw(folder: Path | None, scale: float | None, seed: int, build: Path) -> Path:
    """The folder asked for; else the host's files where any is there; else a simulated set, made once."""
    host = Host(HOST_FOLDER, "*.csv", "Tianchi's files (entrance 531842)", DEFAULT_SCALE, write_simulation)
    return choose_files(host, folder, scale, seed, build)


def score_simulated(folder: Path, outcome: Outcome) -> dict[str, Any] | None:
    """Score against the truth where, and only where, the simulator wrote it; a real truth file is read by ``score``."""
    return score_file(folder, outcome.checked.path)


def score_file(folder: Path, submission: Path) -> dict[str, Any] | None:
    """The scores of a submission file against the simulator's truth, None where the folder is not simulated."""
    if not (folder / REPORT).exists():
        return None
    oracle = json.loads((folder / REPORT).read_text())["oracle"]
    return {"scores": submissions.score_submission(submission, folder / TRUTH), "oracle": oracle}


def simulate(out: Path | None, scale: float | None, seed: int, build: Path, describe: bool) -> None:
    """Write a simulated set and print the oracle's score."""
    size = DEFAULT_SCALE if scale is None else scale
    folder = out or simulated_folder(build, size, seed)
    made = write_simulation(folder, size, seed)
    print(f"{folder}: {made.rows}")
    print(f"oracle MRR@5 {made.oracle.mrr5:.4f} (expected {made.oracle.mrr5_expected:.4f})")
    if describe:
        print_table(wide_console(), "Simulated beside the host's", describe_simulation(folder).to_dicts())


def ladder(raw_folder: Path | None, scale: float | None, seed: int, build: Path, settings: Sequence[str] = ()) -> None:
    """Run rung after rung, and print what each adds."""
    from competitions.news.experiments.ladder import climb  # with its networks, and torch

    folder = choose_raw(raw_folder, scale, seed, build)
    config = load_config([f"seed={seed}", *settings])
    run = Run(build / "ladder", build / "cache")
    rows = climb(locate(folder, config), config, run, functools.partial(judge, folder))
    print_table(wide_console(), "Ladder on the validation readers: each rung adds to the one above it", rows)


def judge(folder: Path, submission: Path) -> float | None:
    """MRR@5 on the simulated truth, None elsewhere."""
    truth = score_file(folder, submission)
    return truth["scores"]["mrr@5"] if truth else None


def check(submission: Path, raw_folder: Path | None) -> None:
    """Check a submission file on disk."""
    checked = submissions.check_submission(submission, reader.locate(raw_folder or HOST_FOLDER))
    print(f"{checked.path}: {checked.rows} rows, valid. Checked: {'; '.join(checked.rules)}.")


def score(submission: Path, truth: Path, raw_folder: Path | None) -> None:
    """Score a submission file; coverage, diversity and novelty need the raw files."""
    articles = clicks = None
    if raw_folder is not None:
        files = reader.locate(raw_folder)
        articles = reader.read_articles(files.articles).frame
        clicks = reader.read_clicks(files.train, files.tests, files.target, articles).frame
    for name, value in submissions.score_submission(submission, truth, articles, clicks).items():
        print(f"{name:24s} {value:.4f}")


def show(summary: dict[str, Any], path: Path) -> None:
    """Print the closing summary; run.json has every step and more digits."""
    console = wide_console()
    print_table(console, "Notes from reading", summary["notes"])
    print_table(console, "Validation beside test (shares of users)", summary["folds"])
    print_table(console, "Recall of the validation answers, before any ranking", summary["recall"])
    print_table(console, "Models on validation", [{"model": k, **v} for k, v in summary["models"].items()])
    print_table(console, "Steps", shorten_steps(summary["steps"]))
    cv, truth = summary["cv"], summary["truth"]
    asked = cv["queries"]["valid"]
    print(f"\nCV: blend MRR@5 {cv['mrr@5']:.4f} +- {cv['error']:.4f} on {asked} validation users")
    if truth:
        got, best = truth["scores"]["mrr@5"], truth["oracle"]["mrr5"]
        print(f"Simulated truth: MRR@5 {got:.4f}, oracle {best:.4f}, share reached {got / best:.1%}")
    peak = max(step["peak_mib"] for step in summary["steps"])
    print(f"Wall time {summary['wall_seconds']:.0f} s, peak memory {peak / 1024:.2f} GiB")
    print(f"Submission: {summary['submission']['path']}, {summary['submission']['rows']} users, checked")
    print(f"Summary: {path}")
