"""How often `compare` is wrong, and what it sees: runs that differ in the seed of the fits alone, every pair judged.

    python -m tests.benches.verdicts mgtv --quick --runs 15       # makes the runs, then judges
    python -m tests.benches.verdicts mgtv --build DIR --runs 0    # judges the runs that are there

Nothing differs but chance, so that "clear" is a false alarm: of 105 pairs at most 5. Then a gain is planted into each
query of the second, of each pair in both orders: the smallest that is a "clear gain" 8 times in 10.
"""

import argparse
import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from common.day.difference import AFTER, BEFORE, compute_difference, read_pair
from common.day.record_schema import FITS, RECORD, RunRecord, read_record

FOUND = 0.8
STEPS = 40  # of the grid of gains, up to four times the largest error


def main() -> None:
    """Make the runs, judge all pairs, print a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--gain", type=float, help="also: how often this one is found")
    parser.add_argument("--build", type=Path, default=Path("build/verdicts"))
    options = parser.parse_args()
    for seed in range(options.runs):
        line = ["run", options.name, "--until", "cv", f"fit_seed={10 * seed}", "--build", str(options.build)]
        line += ["--raw", str(options.raw)] if options.raw else []
        line += [f"@competitions/{options.name}/quick.toml"] if options.quick else []
        subprocess.run([sys.executable, "-m", "competitions", *line], check=True, stdout=subprocess.DEVNULL)
    judge_pairs(sorted(path.parent for path in (options.build / options.name).glob(f"*/{RECORD}")), options.gain)


def judge_pairs(runs: Sequence[Path], gain: float | None = None) -> None:
    """Every pair of runs that ask the same as the last."""
    records: dict[Path, RunRecord] = {run: read_record(run / RECORD) for run in runs}
    runs = [run for run in runs if records[run].question == records[runs[-1]].question]
    scores, seconds = zip(*((records[run].cv.score, records[run].wall_seconds) for run in runs), strict=True)
    pairs = [read_pair(*pair)[2] for pair in itertools.combinations(runs, 2)]
    told = [compute_difference(pair) for pair in pairs]
    errors = [each.error for each in told]
    both = [*pairs, *map(turn, pairs)]
    gains = np.linspace(0, 4 * max(errors), STEPS + 1)[1:]
    smallest = next((size for size in gains if find_share(both, float(size)) >= FOUND), np.inf)
    print(
        f"{runs[0].parent.name}: {len(runs)} runs of {told[0].fits} fits, {np.median(seconds):.0f} s each;"
        f" deviation {np.std(scores, ddof=1):.4f}, error {np.mean(errors):.4f};"
        f" clear {sum(each.clear for each in told)} of {len(pairs)}; found 8 times in 10: {smallest:.4f}"
    )
    if gain is not None:
        print(f"{gain:.4f} is found in {find_share(both, gain):.0%} of {len(both)}")


def find_share(pairs: Sequence[pl.DataFrame], gain: float) -> float:
    """Of how many pairs a gain that is planted into the second's queries is told as a clear gain."""
    told = [compute_difference(plant(pair, gain)) for pair in pairs]
    return float(np.mean([each.clear and each.mean > 0 for each in told]))


def plant(pair: pl.DataFrame, gain: float) -> pl.DataFrame:
    """Every query of the second better by so much, by each of its fits."""
    fits = pl.col(FITS + AFTER).list.eval(pl.element() + gain)
    return pair.with_columns(pl.col("after") + gain, *([fits] if FITS + AFTER in pair.columns else []))


def turn(pair: pl.DataFrame) -> pl.DataFrame:
    """The second beside the first."""
    swapped = {"before": "after", FITS + BEFORE: FITS + AFTER}
    return pair.rename(swapped | {new: old for old, new in swapped.items()}, strict=False)


if __name__ == "__main__":
    main()
