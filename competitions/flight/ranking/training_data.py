"""The train file as matrices: features slice by slice, negatives drawn once the features are there."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from common.arrays import Bools, Ints
from common.engine.errors import UserError
from common.engine.progress import track
from common.learning.dataset import Matrix, RankingDataset, check_columns, gather, pick_queries, to_matrix
from common.learning.listwise_softmax import Labels, Sizes
from competitions.flight.config import SampleSettings
from competitions.flight.features.booking_history import BookingLog, History, build_history
from competitions.flight.features.build import build_views
from competitions.flight.features.option_attributes import slice_sessions, take_options
from competitions.flight.io.reader import Searches
from competitions.flight.plan import MARGIN
from competitions.flight.split import Split

SLICE_ROWS = 200_000
Kept = tuple[RankingDataset, Ints]  # rows, and the session of each query


@dataclass(frozen=True)
class FoldData:
    """Rows of a fold: ``train`` has the booked option and sampled others of each session, ``valid`` every option.

    ``sessions`` (queries of ``valid``,) and ``learned`` (queries of ``train``,): of the train file.
    """

    train: RankingDataset
    valid: RankingDataset
    sessions: Ints
    learned: Ints


@dataclass(frozen=True)
class TrainingData:
    """``final``: rows of all sessions with a booking, for the last fit, and their ``sessions``; ``folds``: to judge."""

    final: RankingDataset
    sessions: Ints
    folds: tuple[FoldData, ...]

    @property
    def valid(self) -> RankingDataset:
        """The validation rows of all folds, one fold after the other: a copy of all their features."""
        return gather([fold.valid for fold in self.folds])

    @property
    def labels(self) -> Labels:
        """The labels of ``valid``."""
        return np.concatenate([fold.valid.labels for fold in self.folds])

    @property
    def group_sizes(self) -> Sizes:
        """The rows of each query of ``valid``."""
        return np.concatenate([fold.valid.group_sizes for fold in self.folds])

    @property
    def valid_sessions(self) -> Ints:
        """The session of every query of ``valid``; repeated folds judge one several times."""
        return np.concatenate([fold.sessions for fold in self.folds])


def build_histories(log: BookingLog, split: Split, blocks: Sequence[str]) -> tuple[History, ...]:
    """What each session of the train file sees, in the final fit and in every fold, as far as ``blocks`` need it."""
    final = build_history(log, split.final, blocks)
    if split.cross_fitted:
        return (final, *(build_history(log, fold.snapshots, blocks) for fold in split.folds))
    # By time the snapshots of the folds are among the final ones.
    return (final, *(replace(final, assigned=fold.snapshots.assigned) for fold in split.folds))


def build_training_data(
    searches: Searches,
    split: Split,
    histories: Sequence[History],
    blocks: Sequence[str],
    sample: SampleSettings,
    seed: int,
) -> TrainingData:
    """Features of the train file's options, ``negatives`` at most a training session, ``rows`` at most in training.

    Where there are more rows, the latest sessions are taken. A share of every training feature is hidden, so that the
    models know what to do where the test has a category that the train file lacks.
    """
    rng = np.random.default_rng(seed)
    booked = searches.sessions["booked"].is_not_null().to_numpy()
    selections = [_Selection(histories[0], booked, np.zeros(len(booked), bool))]
    for fold, history in zip(split.folds, histories[1:], strict=True):
        learns, judged = (fold.roles["role"].eq(role).to_numpy() for role in ("train", "valid"))
        # By time a training session looks back on the same bookings in every fold: its rows of the final fit do.
        selections.append(_Selection(history, learns & split.cross_fitted, judged))
    ((final, sessions), _), *built = _build_rows(searches, selections, blocks, sample, rng)
    refuse_none(split.name, "train session of more than 1 option", sessions)
    hidden = hide_values(final, sample.missing_share, rng)
    folds = []
    for fold, ((train, learned), (valid, judged)) in zip(split.folds, built, strict=True):
        if split.cross_fitted:
            train = hide_values(train, sample.missing_share, rng)
        else:
            own = fold.roles["role"].eq("train").to_numpy()[sessions]
            train, learned = pick_queries(hidden, own), sessions[own]
        refuse_none(split.name, "train session of more than 1 option", learned)
        refuse_none(split.name, "valid session with a booking", judged)
        folds.append(FoldData(train, valid, judged, learned))
    return TrainingData(hidden, sessions, tuple(folds))


@dataclass(frozen=True)
class _Selection:
    """By session of the train file whether it ``learns`` and whether it is ``judged``, and what it looks back on."""

    history: History
    learns: Bools
    judged: Bools


def _build_rows(
    searches: Searches,
    selections: Sequence[_Selection],
    blocks: Sequence[str],
    sample: SampleSettings,
    rng: np.random.Generator,
) -> list[tuple[Kept, Kept]]:
    """By selection the drawn rows of the sessions that learn, and all rows of those that are judged."""
    sessions, names = searches.sessions, tuple[str, ...]()
    learning = [cap_sessions(sessions, selection.learns, sample) for selection in selections]
    buffers = [(_RowBuffer(), _RowBuffer()) for _ in selections]
    parts = list(zip(selections, learning, buffers, strict=True))
    for first, last in track(list(slice_sessions(sessions, SLICE_ROWS)), "features"):
        used = [part for part in parts if (part[1] | part[0].judged)[first:last].any()]
        options = take_options(searches.options, sessions, first, last)
        marked = mark_options(options, sessions, sample.negatives, rng)
        owner = marked["session"].to_numpy()
        frames = build_views(searches, first, last, [selection.history for selection, _, _ in used], blocks)
        for (selection, learns, (train, valid)), frame in zip(used, frames, strict=True):
            names, matrix = names or tuple(frame.columns), to_matrix(frame)
            check_columns(names, frame.columns, f"The slice from session {first} on")
            train.add(matrix, marked, learns[owner] & marked["drawn"].to_numpy())
            valid.add(matrix, marked, selection.judged[owner])
    return [(train.to_rows(names), valid.to_rows(names)) for train, valid in buffers]


def refuse_none(split: str, what: str, queries: Sized) -> None:
    """A ``UserError`` where no query was kept."""
    if not len(queries):
        raise UserError(f"The split ({split}) leaves no {what}: the train file is too small.")


def cap_sessions(sessions: pl.DataFrame, learns: Bools, sample: SampleSettings) -> Bools:
    """Of the sessions that learn (n,) those of several options, the latest up to ``sample.rows`` drawn rows."""
    time, size = sessions["time"].to_numpy(), sessions["size"].to_numpy()
    able = learns & (size > 1)
    cost = np.where(able, np.minimum(size - 1, sample.negatives) + 1, 0).astype(np.int64)
    latest_first = np.lexsort((np.arange(len(time)), time))[::-1]
    later = np.empty_like(cost)  # rows of the sessions behind each one
    later[latest_first] = np.cumsum(cost[latest_first]) - cost[latest_first]
    return np.asarray(able & (later < int(sample.rows)))  # plan.py has decided what auto is


def mark_options(
    options: pl.DataFrame, sessions: pl.DataFrame, negatives: int, rng: np.random.Generator
) -> pl.DataFrame:
    """One row per option: session, label, and ``drawn``: the booked one and ``negatives`` drawn others."""
    booked = sessions.select("session", "booked")
    marked = options.select("session").join(booked, on="session", how="left", maintain_order="left")
    position = pl.int_range(pl.len(), dtype=pl.Int32).over("session")
    marked = marked.with_columns(label=(position == pl.col("booked")).fill_null(False).cast(pl.Float32))
    marked = marked.with_columns(draw=pl.Series(rng.random(marked.height)))
    rank = (pl.col("draw") - pl.col("label")).rank("ordinal").over("session")  # the booked option comes first
    return marked.select("session", "label", drawn=rank <= negatives + 1)


def hide_values(rows: RankingDataset, share: float, rng: np.random.Generator) -> RankingDataset:
    """The rows with a random ``share`` of every feature missing, but for the one that scores start from: without it a
    row would start below or above its session, which no later tree can know.
    """
    for column, name in enumerate(rows.names):
        hidden = rng.random(len(rows.features)) < share
        if name != MARGIN:
            rows.features[hidden, column] = np.nan
    return rows


class _RowBuffer:
    """Rows kept slice by slice."""

    def __init__(self) -> None:
        self.pieces: list[Matrix] = []
        self.marks: list[pl.DataFrame] = []

    def add(self, matrix: Matrix, marked: pl.DataFrame, mask: Bools) -> None:
        if mask.any():
            self.pieces.append(matrix[mask])
            self.marks.append(marked.filter(mask).select("session", "label"))

    def to_rows(self, names: tuple[str, ...]) -> Kept:
        """Everything kept; pieces are released one by one, so that no two copies lie in memory."""
        schema = {"session": pl.Int32, "label": pl.Float32}
        marks = pl.concat(self.marks) if self.marks else pl.DataFrame(schema=schema)
        queries = marks.group_by("session", maintain_order=True).len()
        matrix: Matrix = np.empty((marks.height, len(names)), np.float32)
        end = marks.height
        while self.pieces:
            piece = self.pieces.pop()
            matrix[end - len(piece) : end] = piece
            end -= len(piece)
        sizes, sessions = queries["len"].to_numpy().astype(np.int32), queries["session"].to_numpy().astype(np.int64)
        return RankingDataset(names, matrix, marks["label"].to_numpy(), sizes), sessions
