"""Score every public method on a simulated set and print it beside its public mark; see ``marks.py``."""

import argparse
from pathlib import Path

import polars as pl

from common.errors import UserError
from competitions.news.experiments.rungs.marks import METHODS, board_fold, compare, offline_fold
from competitions.news.io import reader
from competitions.news.simulator.simulate import TRUTH


def main() -> None:
    """Read the folder, rank, print."""
    parser = argparse.ArgumentParser(prog="python -m competitions.news.experiments.rungs", description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="a simulated folder, with its truth.csv")
    parser.add_argument("--only", default="", help="methods whose title contains this")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not (options.raw / TRUTH).is_file():
        raise UserError(f"{options.raw} has no {TRUTH}; name a folder that `simulate news` wrote.")
    files = reader.locate(options.raw)
    articles = reader.read_articles(files.articles).frame
    clicks = reader.read_clicks(files.train, files.tests, files.target, articles).frame
    truth = pl.read_csv(options.raw / TRUTH).select(user=pl.col("user_id").cast(pl.Int32), item="click_article_id")
    folds = {
        "board": board_fold(clicks, truth.with_columns(pl.col("item").cast(pl.Int32))),
        "offline": offline_fold(clicks, options.seed),
    }
    methods = [method for method in METHODS if options.only in method.title]
    for row in compare(methods, folds, articles, options.seed):
        print(
            f"{row['method']:<52}{row['fold']:<9}{row['metric']:<8}"
            f"{row['mark']:.4f}  {row['score']:.4f}  {row['ratio']:.2f}"
        )


if __name__ == "__main__":
    main()
