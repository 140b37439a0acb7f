"""What the models of public notebooks score on a simulated board, beside what they scored on the host's.

    python -m tests.benches.flight_public --scale 0.2 --seed 0

A world is right where public methods earn in it what they earned on the board. Each model learns from all train
sessions and ranks the test, of which a simulation knows the bookings. ``rerank``: the public same-flight rerank after
the public XGBoost, and what it gains, paired over the sessions.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.day.stamp import Figure, keep_table, make_stamp
from common.engine.console import print_table, wide_console
from common.learning.dataset import Matrix, RankingDataset, to_matrix
from competitions.flight.config import SampleSettings
from competitions.flight.day.judged import find_booked
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.features.option_attributes import slice_sessions
from competitions.flight.io.reader import Searches, learn_codes, read_searches
from competitions.flight.lab.peers import PEERS, PUBLIC
from competitions.flight.metrics import CUTOFF, LARGE
from competitions.flight.ranking.training_data import SLICE_ROWS, Histories, build_training_data
from competitions.flight.simulator.simulate import TEST, TRAIN, VERSION, simulate
from competitions.flight.split import Snapshots, Split

# HitRate@3 on the private board.
BOARD = {"public LightGBM": 0.4216, "public XGBoost": 0.4839, "public CatBoost YetiRank": 0.4392}
SAMPLE = SampleSettings(negatives=50, rows=1_500_000, missing_share=0.0)
NOTHING = History({}, {})  # the public notebooks look back on no bookings


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.flight_public", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", default=",".join(BOARD), help="of: " + ", ".join(BOARD))
    options = parser.parse_args()
    stamp = make_stamp()
    with tempfile.TemporaryDirectory() as folder:
        made = simulate(Path(folder) / "raw", options.scale, options.seed)
        codes = learn_codes(made.folder / TRAIN)
        train, test = read_searches(made.folder / TRAIN, codes, True), read_searches(made.folder / TEST, codes, False)
        booked = find_booked(made.folder / TEST, made.truth)
    names = options.models.split(",")
    table = rank(train, test, booked, names)
    command = f"python -m tests.benches.flight_public --scale {options.scale:g}"
    keep_table("flight", "public", Figure(command, stamp, VERSION, table))
    print_table(wide_console(), f"HitRate@3, oracle {made.oracle.score:.3f}", table)


def rank(train: Searches, test: Searches, booked: pl.Series, names: list[str]) -> list[dict[str, Any]]:
    """A row a model: its hit rate on the test's ``booked`` file rows, with its error, and that of its notebook."""
    known, served = build_train(train), build_test(test)
    is_booked = test.options["row"].is_in(booked.implode())
    lines = []
    for peer in (peer for peer in PEERS if peer.title in names):
        scores = peer.score(known, served, 0)
        hits = find_hits(test, is_booked, scores)
        lines.append(_line(peer.title, hits, BOARD[peer.title]))
    return lines


def find_hits(test: Searches, is_booked: pl.Series, scores: np.ndarray[Any, np.dtype[np.float64]]) -> Matrix:
    """By session of more than ten options 1 where the booked one is among the first three; ties by row."""
    ranked = test.options.select("session", score=pl.Series(scores), booked=is_booked).with_columns(
        rank=pl.col("score").rank("ordinal", descending=True).over("session"), size=pl.len().over("session")
    )
    scored = ranked.filter(pl.col("booked") & (pl.col("size") > LARGE))
    return scored.select((pl.col("rank") <= CUTOFF).cast(pl.Float32))["rank"].to_numpy()


def _line(name: str, hits: Matrix, board: float) -> dict[str, Any]:
    return {"model": name, "HitRate@3": hits.mean(), "error": hits.std() / len(hits) ** 0.5, "on the board": board}


def _see_nothing(sessions: pl.DataFrame) -> Snapshots:
    assigned = sessions.select("session", snapshot=pl.lit(0, pl.Int32))
    return Snapshots(assigned, assigned.select("snapshot", "session").clear())


def build_train(train: Searches) -> RankingDataset:
    """The rows to learn from: every train session, with what the public notebooks learn from."""
    unseen = _see_nothing(train.sessions)
    return build_training_data(train, Split("all", (), unseen), Histories(NOTHING, ()), PUBLIC, SAMPLE, 0).final


def build_test(test: Searches) -> RankingDataset:
    """The test's rows; slice by slice into one matrix."""
    assigned, names, start = _see_nothing(test.sessions).assigned, tuple[str, ...](), 0
    matrix: Matrix = np.empty((0, 0), np.float32)
    for first, last in slice_sessions(test.sessions, SLICE_ROWS):
        frame = build_features(test, first, last, assigned, NOTHING, PUBLIC)
        if not names:
            names, matrix = tuple(frame.columns), np.empty((test.options.height, frame.width), np.float32)
        matrix[start : start + frame.height] = to_matrix(frame)
        start += frame.height
    labels = np.zeros(start, np.float32)  # not known: a model reads features only
    return RankingDataset(names, matrix, labels, test.sessions["size"].to_numpy())


if __name__ == "__main__":
    main()
