"""The train file as matrices: features slice by slice, negatives drawn once the features are there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.errors import UserError
from common.pipeline.progress import track
from common.ranking.dataset import Matrix, RankingDataset, to_matrix
from competitions.flight.config import SampleSettings
from competitions.flight.features.booking_history import History
from competitions.flight.features.build import build_features
from competitions.flight.features.option_attributes import mark_flights, slice_sessions, take_options
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import LARGE
from competitions.flight.split import Split

SLICE_ROWS = 200_000


@dataclass(frozen=True)
class TrainingData:
    """Rows of the train file: ``train`` to fit, ``stop`` for the early stop, ``valid`` to measure.

    ``train`` and ``stop`` hold the booked option and sampled others of each session, ``stop`` of sessions that would be
    scored. ``valid`` has every option of every validation session, which is what the test looks like; ``flights``
    gives each of its rows a number that it shares with the options of its session on the same flights.
    """

    train: RankingDataset
    stop: RankingDataset
    valid: RankingDataset
    flights: NDArray[np.uint64]


def build_training_data(
    searches: Searches, split: Split, history: History, blocks: Sequence[str], sample: SampleSettings, seed: int
) -> TrainingData:
    """Features of the train file's options, ``negatives`` at most a training session, ``rows`` at most in training.

    Where there are more rows, the latest sessions are taken. A share of every training feature is hidden, so that the
    models know what to do where the test has a category that the train file lacks.
    """
    plan = plan_sessions(searches.sessions, split, sample)
    train, stop, valid = _RowBuffer(), _RowBuffer(), _RowBuffer()
    rng = np.random.default_rng(seed)
    flights: list[NDArray[np.uint64]] = []
    names: tuple[str, ...] = ()
    for first, last in track(list(slice_sessions(searches.sessions, SLICE_ROWS)), "features"):
        roles = plan[first:last]
        if (roles["role"] == "unused").all():
            continue
        frame = build_features(searches, first, last, split.snapshots.assigned, history, blocks)
        names, matrix = tuple(frame.columns), to_matrix(frame)
        options = take_options(searches.options, searches.sessions, first, last)
        marked = mark_options(options, roles, sample.negatives, rng)
        train.add(matrix, marked, (pl.col("role") == "train") & pl.col("drawn"))
        stop.add(matrix, marked, (pl.col("role") == "valid") & pl.col("drawn") & (pl.col("size") > LARGE))
        valid.add(matrix, marked, pl.col("role") == "valid")
        flights.append(mark_flights(options).filter(marked["role"] == "valid").to_numpy())
    refuse_none(split.name, "train session of more than 1 option", train)
    refuse_none(split.name, f"valid session of more than {LARGE} options", stop)
    hidden = hide_values(train.to_dataset(names), sample.missing_share, rng)
    return TrainingData(hidden, stop.to_dataset(names), valid.to_dataset(names), np.concatenate(flights))


def refuse_none(split: str, what: str, buffer: "_RowBuffer") -> None:
    """A ``UserError`` where no row was kept."""
    if not any(len(piece) for piece in buffer.pieces):
        raise UserError(f"The split by time ({split}) leaves no {what}: the train file is too small.")


def plan_sessions(sessions: pl.DataFrame, split: Split, sample: SampleSettings) -> pl.DataFrame:
    """One row per session (role, size, booked): training sessions beyond ``sample.rows``, or of one, are unused."""
    known = sessions.join(split.roles, on="session", how="left", maintain_order="left")
    learns = (pl.col("role") == "train") & (pl.col("size") > 1)
    cost = pl.when(learns).then(pl.col("size").clip(upper_bound=sample.negatives + 1)).otherwise(0)
    latest_first = known.sort("time", "session", descending=True).with_columns(used=cost.cum_sum() - cost)
    kept = latest_first.sort("session").with_columns(keep=learns & (pl.col("used") < sample.rows))
    role = pl.when((pl.col("role") == "train") & ~pl.col("keep")).then(pl.lit("unused")).otherwise("role")
    return kept.select("session", "size", "booked", role=role)


def mark_options(options: pl.DataFrame, roles: pl.DataFrame, negatives: int, rng: np.random.Generator) -> pl.DataFrame:
    """One row per option: session, role, size, label, and ``drawn``: the booked one and ``negatives`` drawn others."""
    marked = options.select("session").join(roles, on="session", how="left", maintain_order="left")
    position = pl.int_range(pl.len(), dtype=pl.Int32).over("session")
    marked = marked.with_columns(label=(position == pl.col("booked")).fill_null(False).cast(pl.Float32))
    marked = marked.with_columns(draw=pl.Series(rng.random(marked.height)))
    rank = (pl.col("draw") - pl.col("label")).rank("ordinal").over("session")  # the booked option comes first
    return marked.select("session", "role", "size", "label", drawn=rank <= negatives + 1)


def hide_values(rows: RankingDataset, share: float, rng: np.random.Generator) -> RankingDataset:
    """The rows with a random ``share`` of every feature missing."""
    for column in range(rows.features.shape[1]):
        rows.features[rng.random(len(rows.features)) < share, column] = np.nan
    return rows


class _RowBuffer:
    """Rows kept slice by slice."""

    def __init__(self) -> None:
        self.pieces: list[Matrix] = []
        self.marks: list[pl.DataFrame] = []

    def add(self, matrix: Matrix, marked: pl.DataFrame, chosen: pl.Expr) -> None:
        mask = marked.select(chosen).to_series()
        self.pieces.append(matrix[mask.to_numpy()])
        self.marks.append(marked.filter(mask).select("session", "label"))

    def to_dataset(self, names: tuple[str, ...]) -> RankingDataset:
        """Everything kept; pieces are released one by one, so that no two copies lie in memory."""
        marks = pl.concat(self.marks)
        sizes = marks.group_by("session", maintain_order=True).len()["len"].to_numpy().astype(np.int32)
        matrix: Matrix = np.empty((marks.height, len(names)), np.float32)
        end = marks.height
        while self.pieces:
            piece = self.pieces.pop()
            matrix[end - len(piece) : end] = piece
            end -= len(piece)
        return RankingDataset(names, matrix, marks["label"].to_numpy(), sizes)
