"""Reading and preparing a raw folder, step by step: everything that comes before training.

    python -m competitions simulate tencent --scale 1.0 --out build/full
    python -m tests.benches.tencent_prepare --raw build/full --build build/prepare

Corpus, embeddings, hold-out, the host's queries, and semantic IDs; seconds and peak memory of each.
"""

import argparse
from pathlib import Path

from common.engine.console import print_table, wide_console
from common.engine.run import Run
from competitions.tencent.competition import COMPETITION
from competitions.tencent.io import reader
from competitions.tencent.pipeline import prepare


def main() -> None:
    """The command line of this bench."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.tencent_prepare", description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="a raw folder in either layout")
    parser.add_argument("--build", type=Path, required=True, help="an empty folder for the results")
    options = parser.parse_args()
    config, run = COMPETITION.load_config([]), Run(options.build / "run", options.build / "cache")
    prepare(reader.locate(options.raw), config, run)
    steps = [{"step": step.name, "seconds": step.seconds, "peak MiB": step.peak_mib} for step in run.timings]
    seconds = sum(step.seconds for step in run.timings)
    peak = max(step.peak_mib for step in run.timings)
    print_table(wide_console(), "Before training", [*steps, {"step": "all", "seconds": seconds, "peak MiB": peak}])


if __name__ == "__main__":
    main()
