"""ESMM's two heads beside its rivals, under auctions: log loss of the conversion, and revenue; see ``esmm.py``."""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from common.day.stamp import Figure, keep_table, make_stamp
from common.engine.errors import UserError
from competitions.tencent.io import reader
from competitions.tencent.lab.esmm import KINDS, list_impressions, predict_conversions, sell
from competitions.tencent.simulator.simulate import VERSION


def main() -> None:
    """Read the folder, fit all, print a line each, and one for bids alone."""
    parser = argparse.ArgumentParser(prog="python -m competitions.tencent.lab", description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="a folder with conversions (LAW=round2)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    stamp = make_stamp()
    try:
        rows = measure_folder(options.raw, options.seed)
    except UserError as error:
        sys.exit(str(error))
    table = [{"model": name, **row} for name, row in rows.items()]
    keep_table("tencent", "objectives", Figure("python -m competitions.tencent.lab --raw DIR", stamp, VERSION, table))
    print(f"{'':12}{'log loss':>10}{'AUC':>8}{'revenue an auction':>22}{'winners that convert':>24}")
    for name, row in rows.items():
        earned = f"{row['revenue']:.4f} ± {row['error']:.4f}"
        print(f"{name:12}{row['log loss']:10.5f}{row['AUC']:8.4f}{earned:>22}{row['converts']:24.4f}")


def measure_folder(raw: Path, seed: int) -> dict[str, dict[str, float]]:
    """By model the log loss and AUC of the conversion and what ``sell`` says; ``UserError`` without conversions."""
    train, judged = list_impressions(reader.read_corpus(reader.locate(raw)))
    if not train.converted.any() or not judged.converted.any():
        raise UserError(f"{raw} has no conversions: run LAW=round2 make simulate-tencent first.")
    mean = np.full(len(judged.user), train.converted.mean(dtype=np.float64))
    chances = {"bids alone": mean} | {kind: predict_conversions(train, judged, kind, seed) for kind in KINDS}
    return {
        name: {
            "log loss": log_loss(judged.converted, found),
            "AUC": roc_auc_score(judged.converted, found),
            **sell(judged, found, seed),
        }
        for name, found in chances.items()
    }


if __name__ == "__main__":
    main()
