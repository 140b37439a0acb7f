"""What a model of a fold reads: the steps' inputs, and of these what a training is given, nothing behind the cut."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.engine.errors import UserError
from competitions.tencent.corpus import Catalogue, Corpus, Embedding, Int64s, Sequences, Users
from competitions.tencent.lab.config import ModelSettings, NetworkSettings, TrainSettings
from competitions.tencent.lab.forecast_table import ForecastTable
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold, end_time


@dataclass(frozen=True)
class ModelInputs:
    """What training and answering of one fold read. ``semantic_ids`` int64 [rows, levels + 1], None without levels;
    ``forecast`` of all ads, None without one.
    """

    corpus: Corpus
    embeddings: Sequence[Embedding]
    fold: Fold
    semantic_ids: Int64s | None
    forecast: ForecastTable | None = None

    @property
    def query_source(self) -> tuple[Sequences, Users]:
        """The sequences and users that the fold's queries are of."""
        corpus = self.corpus
        return (corpus.test, corpus.test_users) if self.fold.target is None else (corpus.train, corpus.users)

    @property
    def query_time(self) -> int:
        """The time of the queries in seconds: just behind everything that is shown."""
        return end_time(self.fold.history(self.corpus.train))


@dataclass(frozen=True)
class TrainingInputs:
    """Everything that a training is given."""

    history: Histories
    users: Users
    catalogue: Catalogue
    embeddings: Sequence[Embedding]
    semantic_ids: Int64s | None
    model: ModelSettings
    train: TrainSettings
    seed: int
    forecast: ForecastTable | None = None


def build_training_inputs(inputs: ModelInputs, settings: NetworkSettings, seed: int) -> TrainingInputs:
    """What a training is given: nothing behind the fold's cut."""
    corpus, history = inputs.corpus, inputs.fold.history(inputs.corpus.train)
    if not history.lengths.any():
        raise UserError("No user has an event before the cut: nothing can be learned; set split.valid_share lower.")
    return TrainingInputs(
        history=history,
        users=corpus.users,
        catalogue=corpus.catalogue,
        embeddings=inputs.embeddings,
        semantic_ids=inputs.semantic_ids,
        model=settings.model,
        train=settings.train,
        seed=seed,
        forecast=inputs.forecast,
    )


def hash_inputs(inputs: TrainingInputs) -> str:
    """A hash of the arrays that a training is given."""
    digest = hashlib.blake2b()
    history, catalogue = inputs.history, inputs.catalogue
    arrays: list[Any] = [history.ends, history.sequences.offsets, history.sequences.item, history.sequences.action]
    arrays += [history.sequences.time, catalogue.features, inputs.users.features]
    arrays += [embedding.vectors for embedding in inputs.embeddings]
    arrays += [] if inputs.semantic_ids is None else [inputs.semantic_ids]
    arrays += [] if inputs.forecast is None else [inputs.forecast.times, inputs.forecast.log_rate]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def event_shares(inputs: TrainingInputs) -> np.ndarray:
    """The share of all training events by row of the catalogue, float64 [rows]."""
    items = inputs.history.sequences.item[inputs.history.events()]
    counts = np.bincount(items, minlength=len(inputs.catalogue.oid)).astype(np.float64)
    return np.asarray(counts / max(1, counts.sum()))


def first_event_times(history: Histories, rows: int) -> Int64s:
    """Seconds of each ad's first event; of an ad without one, of the end of the log: it may be shown from there on."""
    events = history.events()
    first = np.full(rows, end_time(history))
    np.minimum.at(first, history.sequences.item[events], history.sequences.time[events])
    return first
