"""How often `compare` is wrong: runs that differ in the seed alone, every pair of them judged.

    python -m tests.benches.verdicts mgtv --quick --runs 15       # makes the runs, then judges
    python -m tests.benches.verdicts mgtv --build DIR --runs 0    # judges the runs that are there

Nothing differs but chance, so that "clear" is wrong: of 105 pairs at most 5. ``found``: the same pairs, either way
round, with a gain planted into the second that is worth twice the error: how many are then "clear".
"""

import argparse
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np

from common.day.difference import CLEAR, compute_difference, read_pair
from common.day.record_schema import RECORD, read_record


def main() -> None:
    """Make the runs, judge all pairs, print a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--build", type=Path, default=Path("build/verdicts"))
    options = parser.parse_args()
    for seed in range(options.runs):
        line = ["run", options.name, "--until", "cv", f"fit_seed={10 * seed}", "fits=3", "--build", str(options.build)]
        line += ["--raw", str(options.raw)] if options.raw else []
        line += [f"@competitions/{options.name}/quick.toml"] if options.quick else []
        subprocess.run([sys.executable, "-m", "competitions", *line], check=True, stdout=subprocess.DEVNULL)
    judge_pairs(sorted(path.parent for path in (options.build / options.name).glob(f"*/{RECORD}")))


def judge_pairs(runs: list[Path]) -> None:
    """Every pair of runs that ask the same as the last: verdicts by the queries alone, with the fits, with a gain."""
    records = {run: read_record(run / RECORD) for run in runs}
    runs = [run for run in runs if records[run].question == records[runs[-1]].question]
    scores, pairs = [records[run].cv.score for run in runs], list(itertools.combinations(runs, 2))
    read = [read_pair(*pair) for pair in pairs]
    judged, plain = [pair.difference for pair in read], sum(compute_difference(pair.queries).beyond for pair in read)
    gained = [each._replace(mean=sign * each.mean + 2 * each.error) for each in judged for sign in (1, -1)]
    print(
        f"{runs[0].parent.name}: {len(runs)} runs, deviation {np.std(scores, ddof=1):.4f}, error"
        f" {np.mean([each.error for each in judged]):.4f}; beyond: {plain} of {len(pairs)} by the queries alone, clear:"
        f" {sum(each.clear for each in judged)} of {len(pairs)}; found {sum(each.clear for each in gained)} of"
        f" {len(gained)}, at {CLEAR:.0f} errors"
    )


if __name__ == "__main__":
    main()
