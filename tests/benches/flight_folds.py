"""Flight on real choices: whole runs on held-out folds of a train file's sessions, beside the plain peers.

    python -m tests.benches.flight_folds --raw DIR

Every session with a booking is held out once a repeat: the pipeline decides, validates and fits on the others' file
and writes its submission, the peers learn from the same features of the same sessions. The held-out sessions are moved
behind the others by whole weeks, so that they look like a test file. Only ``DIR/train.parquet`` is read. Folds that are
done are kept (``--build``), so a run that was stopped goes on where it was.

Hits are of sessions of more than ten options, averaged over the repeats; errors are over sessions. ``pipeline less it``
is paired; ``CV`` is what the pipeline's own validation promised, on average over its runs.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.day.stamp import Figure, keep_table, make_stamp
from common.engine.console import print_table, wide_console
from common.engine.progress import track
from common.engine.run import Run
from common.learning.dataset import RankingDataset, gather, to_matrix
from competitions.flight.competition import COMPETITION
from competitions.flight.config import FlightConfig
from competitions.flight.features.build import build_features
from competitions.flight.io.reader import locate
from competitions.flight.io.schema import LEGS, SELECTED, TEST, TRAIN
from competitions.flight.metrics import CUTOFF, LARGE
from competitions.flight.pipeline import Outcome, solve
from competitions.learning.flight.peers import COMPARISONS as PEER_BLOCKS
from competitions.learning.flight.peers import PEERS, Scores

PIPELINE, PROMISED = "pipeline", "cv"
KEY, REQUESTED = "ranker_id", "requestDate"
TIMES = [f"legs{leg}_{end}" for leg in LEGS for end in ("departureAt", "arrivalAt")]
HITS = "hits.parquet"
ISO = "%Y-%m-%dT%H:%M:%S"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.flight_folds", description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True, help="folder with train.parquet in the host's layout")
    parser.add_argument("--build", type=Path, default=Path("build/flight_folds"), help="where finished folds are kept")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="a setting, KEY=VALUE")
    options = parser.parse_args()
    stamp = make_stamp()
    config = COMPETITION.load_config(options.overrides, tuned=False)
    rows = pl.read_parquet(options.raw / TRAIN)
    parts = []
    for repeat in range(options.repeats):
        for fold, held in enumerate(deal(rows, options.folds, repeat)):
            folder = options.build / f"{repeat}-{fold}"
            if not (folder / HITS).exists():
                run_fold(rows, held, config, folder)
            parts.append(pl.read_parquet(folder / HITS))
            print(f"repeat {repeat + 1} fold {fold + 1}: {parts[-1][PIPELINE].mean():.3f}", flush=True)
    table = compare(pl.concat(parts))
    command = f"python -m tests.benches.flight_folds --raw {options.raw.name}"
    keep_table("flight", "folds", Figure(command, stamp, None, table))
    print_table(wide_console(), "Held-out sessions", table)


def deal(rows: pl.DataFrame, folds: int, repeat: int) -> list[list[str]]:
    """The sessions with a booking in folds of nearly one size, otherwise in every repeat."""
    booked = rows.filter(pl.col(SELECTED) == 1)[KEY].unique().sort().to_numpy().copy()
    np.random.default_rng(repeat).shuffle(booked)
    return [sorted(part.tolist()) for part in np.array_split(booked, folds)]


def run_fold(rows: pl.DataFrame, held: list[str], config: FlightConfig, folder: Path) -> None:
    """Write the files of a fold, run the pipeline and the peers, keep by scored session who hit."""
    raw, is_held = folder / "raw", pl.col(KEY).is_in(held)
    raw.mkdir(parents=True, exist_ok=True)
    rows.filter(~is_held).write_parquet(raw / TRAIN)
    test = move_behind(rows.filter(is_held), rows)
    test.drop(SELECTED).write_parquet(raw / TEST)
    outcome = solve(locate(raw), config, Run(folder / "run", folder / "cache"))
    submitted = pl.read_parquet(outcome.checked[0].path)["selected"]
    scores = {PIPELINE: -submitted.to_numpy().astype(np.float64), **score_peers(outcome, config)}
    promised = outcome.measured.value[-1]["hit_rate@3"]
    count_hits(test, scores).with_columns(pl.lit(promised).alias(PROMISED)).write_parquet(folder / HITS)


def move_behind(test: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The sessions so many whole weeks later that they come after all others."""
    requested = rows[REQUESTED].cast(pl.Datetime("ms"))
    span = (requested.max() - requested.min()).days  # type: ignore[operator,union-attr]
    later = pl.duration(days=7 * (span // 7 + 2))
    texts = [(pl.col(name).str.to_datetime(ISO) + later).dt.strftime(ISO).alias(name) for name in TIMES]
    return test.with_columns(pl.col(REQUESTED) + later, *texts)


def score_peers(outcome: Outcome, config: FlightConfig) -> dict[str, Scores]:
    """Each peer's scores of the test rows, learned from the rows that the pipeline's last fit learned from."""
    test, history = outcome.test.value, outcome.history.value
    frame = build_features(test, 0, test.sessions.height, history, PEER_BLOCKS)
    labels = np.zeros(frame.height, np.float32)  # not known: a peer reads features only
    served = RankingDataset(tuple(frame.columns), to_matrix(frame), labels, test.sessions["size"].to_numpy())
    known = gather([outcome.data.value.final], PEER_BLOCKS)
    scores = {peer.title: peer.score(known, served, config.seed) for peer in track(PEERS, "peers")}
    in_file = test.options["row"].arg_sort().to_numpy()  # options stand by session
    return {title: score[in_file] for title, score in scores.items()}


def count_hits(test: pl.DataFrame, scores: Mapping[str, Scores]) -> pl.DataFrame:
    """By session of more than ten options, whether the booked one is among a method's first three; ties by row."""
    ranked = test.select(KEY, SELECTED, *[pl.Series(name, score) for name, score in scores.items()]).with_columns(
        pl.col(*scores).rank("ordinal", descending=True).over(KEY)
    )
    booked = ranked.filter((pl.len().over(KEY) > LARGE) & (pl.col(SELECTED) == 1))
    return booked.select(KEY, *[(pl.col(name) <= CUTOFF).cast(pl.Float64) for name in scores])


def compare(hits: pl.DataFrame) -> list[dict[str, Any]]:
    """One row a method: its hit rate, and by how much the pipeline's is higher, each with its error over sessions."""
    sessions = hits.group_by(KEY).mean()
    names = [name for name in sessions.columns if name not in (KEY, PROMISED)]
    root = sessions.height**0.5
    own = sessions[PIPELINE].to_numpy()
    table = []
    for name in names:
        hit = sessions[name].to_numpy()
        gain = {} if name == PIPELINE else {"pipeline gains": (own - hit).mean(), "its error": (own - hit).std() / root}
        promised = {"its CV": sessions[PROMISED].mean()} if name == PIPELINE else {}
        table.append({"method": name, "HitRate@3": hit.mean(), "error": hit.std() / root, **gain, **promised})
    return [{"sessions": sessions.height, **row} for row in table]


if __name__ == "__main__":
    main()
