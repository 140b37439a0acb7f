"""Score every public method on a simulated set and print it beside its public mark; see ``marks.py``."""

import argparse
import sys
from pathlib import Path

import polars as pl

from common.day.hosts import TRUTH
from common.day.stamp import Figure, keep_table, make_stamp
from common.engine.errors import UserError
from common.io.tables import read_csv
from competitions.news.io import reader
from competitions.news.lab.marks import METHODS, Row, board_fold, compare, offline_fold
from competitions.news.simulator.simulate import VERSION


def main() -> None:
    """Read the folder, rank, print one line a mark."""
    parser = argparse.ArgumentParser(prog="python -m competitions.news.lab", description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="a simulated folder, with its truth.csv")
    parser.add_argument("--only", default="", help="methods whose title contains this")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    stamp = make_stamp()
    try:
        rows = measure_folder(options.raw, options.only, options.seed)
    except UserError as error:
        sys.exit(str(error))
    if not options.only:
        keep_table("news", "public", Figure("python -m competitions.news.lab --raw DIR", stamp, VERSION, rows))
    for row in rows:
        print(
            f"{row['method']:<52}{row['fold']:<9}{row['metric']:<8}"
            f"{row['mark']:.4f}  {row['score']:.4f}  {row['ratio']:.2f}"
        )


def measure_folder(raw: Path, only: str, seed: int) -> list[Row]:
    """The rows of ``compare`` for the methods whose title contains ``only``; ``UserError`` where there is no truth."""
    if not (raw / TRUTH).is_file():
        raise UserError(f"{raw} has no {TRUTH}; name a folder that `python -m competitions simulate news` wrote.")
    methods = [method for method in METHODS if only in method.title]
    if not methods:
        raise UserError(f"No method has {only!r} in its title. The methods: {'; '.join(m.title for m in METHODS)}.")
    files = reader.locate(raw)
    articles = reader.read_articles(files.articles).frame
    clicks = reader.read_clicks(files.train, files.tests, files.target, articles).frame
    truth = read_csv(raw / TRUTH).cast(pl.Int32).rename({"user_id": "user", "click_article_id": "item"})
    folds = {"board": board_fold(clicks, truth), "offline": offline_fold(clicks, seed)}
    return compare(methods, folds, articles, seed)


if __name__ == "__main__":
    main()
