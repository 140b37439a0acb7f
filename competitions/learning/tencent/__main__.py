"""ESMM's two heads beside their rivals (``esmm``): python -m competitions.learning.tencent --raw DIR."""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from common.day.stamp import Figure, keep_table, make_stamp
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.learning.metrics import average, score_log_loss
from competitions.learning.tencent.esmm import ESMM, KINDS, list_impressions, predict_conversions
from competitions.tencent.io import reader
from competitions.tencent.simulator.simulate import VERSION


def main(words: list[str]) -> None:
    """Read the folder, fit all, print and keep a line each."""
    parser = argparse.ArgumentParser(prog="python -m competitions.learning.tencent", description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="a folder with conversions (LAW=round2)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    stamp = make_stamp()
    table = measure_folder(options.raw, options.seed)
    keep_table(
        "tencent", "objectives", Figure("python -m competitions.learning.tencent --raw DIR", stamp, VERSION, table)
    )
    print_table(wide_console(), "Conversions of the last tenth of the log", table)


def measure_folder(raw: Path, seed: int) -> list[dict[str, str | float]]:
    """Of each model, and of the mean alone, the log loss of the conversion with its error over users, the same minus
    ESMM's (paired), how often conversions are predicted for one that came, and AUC. ``UserError`` without conversions.
    """
    train, judged = list_impressions(reader.read_corpus(reader.locate(raw)))
    if not train.converted.any() or not judged.converted.any():
        raise UserError(f"{raw} has no conversions: run LAW=round2 make simulate-tencent first.")
    chances = {"mean alone": np.full(len(judged.user), train.converted.mean(dtype=np.float64))}
    chances |= {kind: predict_conversions(train, judged, kind, seed) for kind in KINDS}
    losses = {name: score_log_loss(judged.converted, predicted) for name, predicted in chances.items()}
    means = {name: average(each, clusters=judged.user) for name, each in losses.items()}
    apart = {name: average(each - losses[ESMM], clusters=judged.user) for name, each in losses.items()}
    return [
        {
            "model": name,
            "log loss": means[name][0],
            "log loss error": means[name][1],
            "minus ESMM": apart[name][0],
            "minus ESMM error": apart[name][1],
            "predicted / came": float(predicted.mean() / judged.converted.mean()),
            "AUC": float(roc_auc_score(judged.converted, predicted)),
        }
        for name, predicted in chances.items()
    ]


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
