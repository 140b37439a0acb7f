"""A pipeline beside plain peers, on simulated raw files: from these to a submission file, each in a process of its own.

A peer is a function of the folder of raw files and the file to write. All begin cold, and use the same readers. The
pipeline's row comes first; beside each peer stand its seconds as a multiple of that peer's, and what it scores more on
the queries of the truth, paired.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.engine.run import Run
from competitions import find_competition
from tests.benches.side_by_side import Ready, Row, Way, main

OURS, RAW, RUN, CACHE = "this pipeline", "raw", "run", "cache"
Peer = Callable[[Path, Path], None]
ScoreQueries = Callable[[Path, Path], pl.DataFrame]


def race(module: str, name: str, peers: Mapping[str, Peer], score_queries: ScoreQueries) -> None:
    """The command line of the bench ``module`` of a competition; ``score_queries`` is that of its submission module."""
    competition = find_competition(name)
    ways: dict[str, Way] = {OURS: partial(start_pipeline, name)}
    ways |= {title: partial(start_peer, peer, title) for title, peer in peers.items()}

    def prepare(folder: Path, scale: float) -> str:
        _, made = competition.simulate(folder / RAW, scale, 0, folder)
        return f"scale {scale:g}: {made.rows}"

    def describe(submission: Path, seconds: float) -> Row:
        raw = submission.parent.parent / RAW
        competition.check(submission, competition.locate_known(raw))
        return {competition.metric: score_queries(submission, raw / "truth.csv").sort("query")["score"].to_list()}

    compare = partial(compare_first, metric=competition.metric)
    main(module, f"{name}: this pipeline and its peers", ways, prepare, describe, competition.host.scale, compare)


def start_pipeline(name: str, folder: Path) -> Ready:
    """The whole pipeline under the settings of config.toml."""
    competition = find_competition(name)
    config = competition.load_config([], tuned=False)

    def run() -> Path:
        files = competition.locate(folder / RAW, config)
        competition.solve(files, config, Run(folder / RUN, folder / CACHE, quiet=True))
        return next((folder / RUN).glob("*.csv"))

    return run


def start_peer(peer: Peer, title: str, folder: Path) -> Ready:
    """A peer, whose file gets a folder of its own."""
    submission = folder / title / "submission.csv"
    submission.parent.mkdir()

    def run() -> Path:
        peer(folder / RAW, submission)
        return submission

    return run


def compare_first(rows: list[Row], metric: str) -> None:
    """Put the mean of a row's scores and its error in place of these; then what the first row takes and gains.

    >>> rows = [{"seconds": 6.0, "hits": [1, 1, 0, 1]}, {"seconds": 2.0, "hits": [1, 0, 0, 1]}]
    >>> compare_first(rows, "hits")
    >>> rows[1]
    {'seconds': 2.0, 'hits': '.5000 ± .2500', 'ours takes': '3.0 times', 'ours gains': '+.2500 ± .2165'}
    """
    scores = [np.array(row[metric], dtype=np.float64) for row in rows]
    for row, score in zip(rows, scores, strict=True):
        row.pop("above MiB", None)
        row[metric] = _with_error(score)
        own = row is rows[0]
        row["ours takes"] = "" if own else f"{rows[0]['seconds'] / row['seconds']:.1f} times"
        row["ours gains"] = "" if own else _with_error(scores[0] - score, "+")


def _with_error(values: np.ndarray[Any, np.dtype[np.float64]], sign: str = "") -> str:
    """A mean and its standard error."""
    error = values.std() / len(values) ** 0.5
    return f"{values.mean():{sign}.4f} ± {error:.4f}".replace("0.", ".")
