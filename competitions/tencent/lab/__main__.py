"""Two commands of the lab.

python -m competitions.tencent.lab --raw DIR         ESMM's two heads beside its rivals (``esmm``)
python -m competitions.tencent.lab prompt DIR        ten titles re-ranked by prompts (``prompt_reranking``)
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from common.day.stamp import Figure, keep_table, make_stamp
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from competitions.tencent.io import reader
from competitions.tencent.lab import prompt_reranking
from competitions.tencent.lab.esmm import (
    ESMM,
    KINDS,
    average_by_user,
    list_impressions,
    log_losses,
    predict_conversions,
)
from competitions.tencent.simulator.simulate import VERSION


def main(words: list[str]) -> None:
    """Read the folder, fit all, print and keep a line each."""
    parser = argparse.ArgumentParser(
        prog="python -m competitions.tencent.lab", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--raw", type=Path, required=True, help="a folder with conversions (LAW=round2)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    stamp = make_stamp()
    table = measure_folder(options.raw, options.seed)
    keep_table("tencent", "objectives", Figure("python -m competitions.tencent.lab --raw DIR", stamp, VERSION, table))
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
    losses = {name: log_losses(judged.converted, predicted) for name, predicted in chances.items()}
    rows: list[dict[str, str | float]] = []
    for name, predicted in chances.items():
        loss, error = average_by_user(losses[name], judged.user)
        more, more_error = average_by_user(losses[name] - losses[ESMM], judged.user)
        rows.append(
            {
                "model": name,
                "log loss": loss,
                "log loss error": error,
                "minus ESMM": more,
                "minus ESMM error": more_error,
                "predicted / came": float(predicted.mean() / judged.converted.mean()),
                "AUC": float(roc_auc_score(judged.converted, predicted)),
            }
        )
    return rows


if __name__ == "__main__":
    prompted = sys.argv[1:2] == ["prompt"]
    try:
        prompt_reranking.main(sys.argv[2:]) if prompted else main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
