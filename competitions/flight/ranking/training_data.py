"""The train file as matrices: features slice by slice, negatives drawn once the features are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.errors import UserError
from common.engine.progress import track
from common.learning.dataset import Matrix, RankingDataset, join_datasets, pick_queries, to_matrix
from competitions.flight.config import SampleSettings
from competitions.flight.features.booking_history import BookingLog, History, build_history
from competitions.flight.features.build import build_features
from competitions.flight.features.option_attributes import mark_flights, slice_sessions, take_options
from competitions.flight.io.reader import Searches
from competitions.flight.split import Fold, Split

SLICE_ROWS = 200_000
Flights = NDArray[np.uint64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Histories:
    """What each session of the train file sees: in the final fit, and in every fold."""

    final: History
    folds: tuple[History, ...]


@dataclass(frozen=True)
class FoldData:
    """Rows of a fold: ``train`` has the booked option and sampled others of each session, ``valid`` every option.

    ``flights`` (rows of ``valid``,) gives each row a number that it shares with the options of its session on the same
    flights; ``sessions`` (queries of ``valid``,): of the train file.
    """

    train: RankingDataset
    valid: RankingDataset
    flights: Flights
    sessions: Numbers


@dataclass(frozen=True)
class TrainingData:
    """``final``: rows of all sessions with a booking, for the last fit, and their ``sessions``; ``folds``: to judge."""

    final: RankingDataset
    sessions: Numbers
    folds: tuple[FoldData, ...]

    @property
    def valid(self) -> RankingDataset:
        """The validation rows of all folds, one fold after the other."""
        return join_datasets([fold.valid for fold in self.folds])

    @property
    def flights(self) -> Flights:
        """By row of ``valid``, what the options on the same flights share."""
        return np.concatenate([fold.flights for fold in self.folds])

    @property
    def valid_sessions(self) -> Numbers:
        """The session of every query of ``valid``; repeated folds judge one several times."""
        return np.concatenate([fold.sessions for fold in self.folds])


def build_histories(log: BookingLog, split: Split, blocks: Sequence[str]) -> Histories:
    """The statistics of all snapshots of a split, as far as the feature ``blocks`` need them."""
    folds = tuple(build_history(log, fold.snapshots, blocks) for fold in split.folds)
    return Histories(build_history(log, split.final, blocks), folds)


def build_training_data(
    searches: Searches, split: Split, histories: Histories, blocks: Sequence[str], sample: SampleSettings, seed: int
) -> TrainingData:
    """Features of the train file's options, ``negatives`` at most a training session, ``rows`` at most in training.

    Where there are more rows, the latest sessions are taken. A share of every training feature is hidden, so that the
    models know what to do where the test has a category that the train file lacks.
    """
    rng = np.random.default_rng(seed)
    booked = searches.sessions["booked"].is_not_null()
    everyone = searches.sessions.select(
        "session", role=pl.when(booked).then(pl.lit("train")).otherwise(pl.lit("unused"))
    )
    whole = Fold(everyone, split.final)
    final, _ = _build_rows(searches, whole, histories.final, blocks, sample, rng)
    refuse_none(split.name, "train session of more than 1 option", final.sessions)
    hidden = hide_values(final.rows, sample.missing_share, rng)
    folds = []
    for fold, history in zip(split.folds, histories.folds, strict=True):
        if split.cross_fitted:
            train, valid = _build_rows(searches, fold, history, blocks, sample, rng)
            learned = hide_values(train.rows, sample.missing_share, rng)
        else:
            roles = fold.roles.with_columns(
                role=pl.when(pl.col("role") == "valid").then("role").otherwise(pl.lit("unused"))
            )
            _, valid = _build_rows(searches, Fold(roles, fold.snapshots), history, blocks, sample, rng)
            known = fold.roles.filter(role="train")["session"].to_numpy()
            learned = pick_queries(hidden, np.isin(final.sessions, known))
        refuse_none(split.name, "train session of more than 1 option", learned.group_sizes)
        refuse_none(split.name, "valid session with a booking", valid.sessions)
        folds.append(FoldData(learned, valid.rows, valid.flights, valid.sessions))
    return TrainingData(hidden, final.sessions, tuple(folds))


@dataclass(frozen=True)
class _Rows:
    """Rows that were kept, the session of each query, and of each row what it shares with the same flights."""

    rows: RankingDataset
    sessions: Numbers
    flights: Flights


def _build_rows(
    searches: Searches,
    fold: Fold,
    history: History,
    blocks: Sequence[str],
    sample: SampleSettings,
    rng: np.random.Generator,
) -> tuple[_Rows, _Rows]:
    """The drawn rows of the fold's training sessions, and all rows of its validation sessions."""
    plan = plan_sessions(searches.sessions, fold.roles, sample)
    train, valid = _RowBuffer(), _RowBuffer()
    names: tuple[str, ...] = ()
    for first, last in track(list(slice_sessions(searches.sessions, SLICE_ROWS)), "features"):
        roles = plan[first:last]
        if (roles["role"] == "unused").all():
            continue
        frame = build_features(searches, first, last, fold.snapshots.assigned, history, blocks)
        names, matrix = tuple(frame.columns), to_matrix(frame)
        options = take_options(searches.options, searches.sessions, first, last)
        marked = mark_options(options, roles, sample.negatives, rng).with_columns(flights=mark_flights(options))
        train.add(matrix, marked, (pl.col("role") == "train") & pl.col("drawn"))
        valid.add(matrix, marked, pl.col("role") == "valid")
    return train.to_rows(names), valid.to_rows(names)


def refuse_none(split: str, what: str, queries: NDArray[Any]) -> None:
    """A ``UserError`` where no query was kept."""
    if not len(queries):
        raise UserError(f"The split ({split}) leaves no {what}: the train file is too small.")


def plan_sessions(sessions: pl.DataFrame, roles: pl.DataFrame, sample: SampleSettings) -> pl.DataFrame:
    """One row per session (role, size, booked): training sessions beyond ``sample.rows``, or of one, are unused."""
    known = sessions.join(roles, on="session", how="left", maintain_order="left")
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
        if mask.any():
            self.pieces.append(matrix[mask.to_numpy()])
            self.marks.append(marked.filter(mask).select("session", "label", "flights"))

    def to_rows(self, names: tuple[str, ...]) -> _Rows:
        """Everything kept; pieces are released one by one, so that no two copies lie in memory."""
        schema = {"session": pl.Int32, "label": pl.Float32, "flights": pl.UInt64}
        marks = pl.concat(self.marks) if self.marks else pl.DataFrame(schema=schema)
        queries = marks.group_by("session", maintain_order=True).len()
        matrix: Matrix = np.empty((marks.height, len(names)), np.float32)
        end = marks.height
        while self.pieces:
            piece = self.pieces.pop()
            matrix[end - len(piece) : end] = piece
            end -= len(piece)
        sizes = queries["len"].to_numpy().astype(np.int32)
        rows = RankingDataset(names, matrix, marks["label"].to_numpy(), sizes)
        return _Rows(rows, queries["session"].to_numpy().astype(np.int64), marks["flights"].to_numpy())
