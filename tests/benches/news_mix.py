"""News beside three plain rules mixed, on a truth: ``python -m tests.benches.news_mix SUBMISSION --raw DIR``.

The rules are popularity within an hour of the last visible click, co-visitation of all clicks, and transitions from
the last click, fused by reciprocal ranks: no label, no fit. DIR has the files and truth.csv. Printed: MRR@5 of both,
and what the submission gains, paired user by user.
"""

import argparse
import tempfile
from pathlib import Path

import msgspec
import polars as pl

from common.engine.run import Run
from competitions import find_competition
from competitions.news import submission
from competitions.news.io import reader
from competitions.news.pipeline import FoldInputs, retrieve
from competitions.news.retrieval.fusion import fuse_channels
from competitions.news.split import build_test_fold

RULES = ("popular_1h", "covisit", "next")


def recommend(raw: Path, folder: Path) -> Path:
    """The mix's submission, in ``folder``."""
    files, run = reader.locate(raw), Run(folder / "run", folder / "cache", quiet=True)
    articles = run.step(reader.read_articles, files.articles)
    clicks = run.step(reader.read_clicks, files.train, files.tests, files.target, articles.frame)
    fold = run.step(build_test_fold, clicks.frame, name="test")
    settings = msgspec.structs.replace(find_competition("news").load_config([]).recall, channels=list(RULES))
    lists = retrieve(FoldInputs("test", fold, articles.frame, None), settings, run)
    mixed = fuse_channels(lists.value, settings.candidates).select("query", "item", score="fusion")
    return submission.write_submission(
        submission.recommend(fold.value, mixed, articles.frame.value), folder / "mix.csv"
    )


def main() -> None:
    """Print the three figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("submission", type=Path)
    parser.add_argument("--raw", type=Path, required=True)
    given = parser.parse_args()
    truth = given.raw / "truth.csv"
    with tempfile.TemporaryDirectory() as folder:
        mixed = submission.score_queries(recommend(given.raw, Path(folder)), truth)
    both = submission.score_queries(given.submission, truth).join(mixed, on="query", suffix="_mix")
    gain = both.with_columns(gain=pl.col("score") - pl.col("score_mix"))
    for name in ("score", "score_mix", "gain"):
        mean, spread = gain.select(mean=pl.mean(name), spread=pl.std(name)).row(0)
        print(f"{name:10} {mean:+.4f} ± {spread / gain.height**0.5:.4f} on {gain.height:,} users")


if __name__ == "__main__":
    main()
