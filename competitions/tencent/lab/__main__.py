"""Three commands of the lab.

python -m competitions.tencent.lab --raw DIR         ESMM's two heads beside its rivals, under auctions (``esmm``)
python -m competitions.tencent.lab titles DIR        Amazon's reviews and titles as two files (``amazon_titles``)
python -m competitions.tencent.lab prompt DIR        ten titles re-ranked by prompts (``prompt_reranking``)
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from common.day.stamp import Figure, keep_table, make_stamp
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
    sell,
)
from competitions.tencent.simulator.simulate import VERSION


def main(words: list[str]) -> None:
    """Read the folder, fit all, print a line each, and one for bids alone."""
    parser = argparse.ArgumentParser(
        prog="python -m competitions.tencent.lab", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--raw", type=Path, required=True, help="a folder with conversions (LAW=round2)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    stamp = make_stamp()
    rows = measure_folder(options.raw, options.seed)
    table = [{"model": name, **row} for name, row in rows.items()]
    keep_table("tencent", "objectives", Figure("python -m competitions.tencent.lab --raw DIR", stamp, VERSION, table))
    print(f"{'':24}{'log loss, by user':>20}{'minus ESMM':>22}{'predicted / came':>18}{'AUC':>8}{'revenue':>18}")
    for name, row in rows.items():
        loss, more, earned = (
            f"{row[key]:.4f} ± {row[error]:.4f}"
            for key, error in (("log loss", "log loss error"), ("minus ESMM", "minus ESMM error"), ("revenue", "error"))
        )
        print(f"{name:24}{loss:>20}{more:>22}{row['predicted / came']:>18.2f}{row['AUC']:8.4f}{earned:>18}")


def measure_folder(raw: Path, seed: int) -> dict[str, dict[str, float]]:
    """By model the log loss of the conversion with its error over users, the same minus ESMM's (paired), how often
    conversions are predicted for one that came, AUC, and what ``sell`` says; ``UserError`` without conversions.
    """
    train, judged = list_impressions(reader.read_corpus(reader.locate(raw)))
    if not train.converted.any() or not judged.converted.any():
        raise UserError(f"{raw} has no conversions: run LAW=round2 make simulate-tencent first.")
    chances = {"bids alone": np.full(len(judged.user), train.converted.mean(dtype=np.float64))}
    chances |= {kind: predict_conversions(train, judged, kind, seed) for kind in KINDS}
    losses = {name: log_losses(judged.converted, found) for name, found in chances.items()}
    rows = {}
    for name, found in chances.items():
        loss, error = average_by_user(losses[name], judged.user)
        more, more_error = average_by_user(losses[name] - losses[ESMM], judged.user)
        rows[name] = {
            "log loss": loss,
            "log loss error": error,
            "minus ESMM": more,
            "minus ESMM error": more_error,
            "predicted / came": float(found.mean() / judged.converted.mean()),
            "AUC": float(roc_auc_score(judged.converted, found)),
            **sell(judged, found, seed),
        }
    return rows


if __name__ == "__main__":
    prompted = sys.argv[1:2] == ["prompt"]
    try:
        prompt_reranking.main(sys.argv[2:]) if prompted else main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
