"""How often `compare` is wrong: runs that differ in the seed alone, every pair of them judged.

    python -m tests.benches.verdicts mgtv --quick --runs 15       # makes the runs, then judges
    python -m tests.benches.verdicts mgtv --build DIR --runs 0    # judges the runs that are there

Nothing differs but chance, so that "clear" is wrong: of 105 pairs at most 5. ``at the time``: each pair by the runs
that were there when the later of the two ended. ``found``: the same pairs, either way round, with a gain planted into
the second that is worth twice the error: how many are then "clear".
"""

import argparse
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np

from common.day.difference import compute_difference, pair_queries
from common.day.fit_noise import CLEAR, count_fits, describe_kind, pool_noise
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
        line = ["run", options.name, "--until", "cv", "--seed", str(seed), "--build", str(options.build)]
        line += ["--raw", str(options.raw)] if options.raw else []
        line += [f"@competitions/{options.name}/quick.toml"] if options.quick else []
        subprocess.run([sys.executable, "-m", "competitions", *line], check=True, stdout=subprocess.DEVNULL)
    judge_pairs(sorted(path.parent for path in (options.build / options.name).glob(f"*/{RECORD}")))


def judge_pairs(runs: list[Path]) -> None:
    """Every pair of runs of the kind of the last: verdicts by all runs, by those before the later one, with a gain."""
    records = {run: read_record(run / RECORD) for run in runs}
    kind = {key: value for key, value in describe_kind(records[runs[-1]]).items() if key != "queries"}
    runs = [run for run in runs if {**describe_kind(records[run]), **kind} == describe_kind(records[run])]
    scores = [records[run].cv.score for run in runs]
    counts, errors = np.zeros(4, int), []
    for one, other in itertools.combinations(runs, 2):
        joined = pair_queries(one, other)
        plain = compute_difference(joined)
        fits = count_fits(records[one]), count_fits(records[other])
        counts[0] += abs(plain.mean) >= CLEAR * plain.error
        for column, known in ((1, runs), (2, [run for run in runs if run <= other])):
            noise = pool_noise((records[one], records[other]), [records[run] for run in known])
            judged = compute_difference(joined, noise, fits)
            counts[column] += judged.clear
        errors.append(judged.error)
        counts[3] += sum(judged._replace(mean=mean + 2 * judged.error).clear for mean in (judged.mean, -judged.mean))
    pairs = len(runs) * (len(runs) - 1) // 2
    print(
        f"{runs[0].parent.name}: {len(runs)} runs of {fits[0]} fits, deviation {np.std(scores, ddof=1):.4f}, error"
        f" {np.mean(errors):.4f}; clear: {counts[0]} of {pairs} by the queries alone, {counts[1]} by all runs,"
        f" {counts[2]} at the time; found {counts[3]} of {2 * pairs}"
    )


if __name__ == "__main__":
    main()
