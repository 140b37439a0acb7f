"""Videos as ads (``auction``): python -m competitions.learning.mgtv [--raw DIR]."""

import argparse
import sys
from pathlib import Path

import numpy as np

from common.arrays import Floats
from common.day.hosts.simulated import is_simulated
from common.day.stamp import Figure, keep_table, make_stamp
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.run import Run
from competitions.cli.options import InputOptions
from competitions.cli.settings import load_inputs
from competitions.learning.mgtv.auction import Auctions, find_deep, judge
from competitions.learning.mgtv.ladder import boost
from competitions.learning.mgtv.scoring import MgtvBench
from competitions.mgtv.models import completion
from competitions.mgtv.models.completion import Completion
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.pipeline import fit_completion
from competitions.mgtv.plan import list_blocks
from competitions.mgtv.simulator.simulate import VERSION

COMMAND = "python -m competitions.learning.mgtv"


def main(words: list[str]) -> None:
    """Fit on the days before, hold the auctions of the validation days, print and keep a line a ranking."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--raw", type=Path, help="the host's files; default data/mgtv/raw, else simulated")
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder for all results")
    options = parser.parse_args(words)
    inputs, stamp = load_inputs(InputOptions("mgtv", raw=options.raw, build=options.build)), make_stamp()
    folder = options.build / "mgtv"
    bench = MgtvBench(inputs.files, inputs.config, Run(folder / "auction", folder / "cache"))
    table = judge(list_auctions(bench), inputs.config.seed)
    simulated = is_simulated(inputs.folder)
    key, command = ("auction", COMMAND) if simulated else (f"auction {inputs.folder.name}", f"{COMMAND} --raw DIR")
    keep_table("mgtv", key, Figure(command, stamp, VERSION if simulated else None, table))
    print_table(wide_console(), "Videos as ads: earnings of a list, bids of mean 1", table)


def list_auctions(bench: MgtvBench) -> list[Auctions]:
    """The lists of the validation days, by the boosted click model and the completion model of the ladder."""
    ready = bench.ready
    model = fit_completion(bench.run, ready.labelled, ready.config, ready.plan.valid).value
    chances = boost(bench, list_blocks()).value
    return [
        make_auctions(ready.labelled[day].value, click, model)
        for day, click in zip(ready.plan.valid, chances, strict=True)
    ]


def make_auctions(day: DayFeatures, click: Floats, model: Completion) -> Auctions:
    """A day's lists with two videos at least."""
    sizes = day.rows.group_sizes
    kept = sizes > 1
    rows = np.repeat(kept, sizes)
    first, least = find_deep(model.bins)
    deep = completion.predict(model, day.rows.names, day.rows.features[rows])[:, first:].sum(axis=1)
    watched = np.nan_to_num(day.completions[rows]) >= least
    clicked = day.rows.labels[rows] > 0
    return Auctions(click[rows], deep, clicked.astype(float), watched.astype(float), sizes[kept], day.devices[kept])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
