"""The service of a finished run: one search with its options -> the options, best first.

A request is a search as the reader codes it. Lifts and preferences are those of the test's latest snapshot; the
features of the options, the models and the blend are computed in the request, by the pipeline's own functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from common.day.serving.benchmark import Answer, Mark
from common.day.serving.keyed_table import KeyedTable
from common.engine.result_store import read_value
from common.learning.dataset import to_matrix
from common.learning.gbdt import Ranker, score_rows
from competitions.flight.features.booking_history import LIFTS, TARIFF_LIFTS, History
from competitions.flight.features.build import build_features
from competitions.flight.features.preferences import LEVELS
from competitions.flight.io.reader import Searches
from competitions.flight.ranking.blending import Blend, blend_scores

# The first column of the key of each table of a History, by which it is sorted. "everybody" has none.
LEVEL_KEYS = {name: level.key for name, level in LEVELS.items()}
KEYS = {name: key[0] for name, key in {**LIFTS, **TARIFF_LIFTS, **LEVEL_KEYS}.items()}


@dataclass(frozen=True)
class FlightService:
    """What answers are made of: the ``history`` of one ``snapshot``, the rankers of the ``blend``, their blocks."""

    history: History
    snapshot: int
    rankers: Sequence[Ranker]
    blend: Blend
    blocks: Sequence[str]

    def answer(self, requests: Sequence[Searches], mark: Mark) -> list[Answer]:
        """For each search the positions of its options, best first; equal ones by their position on the page."""
        searches = join_searches(requests)
        assigned = searches.sessions.select("session", snapshot=pl.lit(self.snapshot, pl.Int32))
        history = cut_history(self.history, searches)
        mark("look up")
        frame = build_features(searches, 0, len(requests), assigned, history, self.blocks)
        mark("features")
        scores = score_rows(frame.columns, to_matrix(frame), self.rankers).astype(np.float32)  # as the test's are kept
        mark("models")
        sizes = searches.sessions["size"].to_numpy()
        blended = blend_scores(self.blend, scores.astype(np.float64), sizes)
        lists = np.split(blended, np.cumsum(sizes)[:-1])
        answers = [[float(position) for position in np.argsort(-one, kind="stable")] for one in lists]
        mark("ranking")
        return answers


def load(export: Path, _: str) -> FlightService:
    """Map an export, of which there is one variant."""
    service: FlightService = read_value(export)
    return service


def cut_history(history: History, searches: Searches) -> History:
    """The rows of a history that these searches can match."""
    sessions, options = searches.sessions, searches.options

    def cut(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        asking = {name: sessions if KEYS[name] in sessions.columns else options for name in tables.keys() & KEYS.keys()}
        keyed = {name: KeyedTable(tables[name], KEYS[name]).take(frame[KEYS[name]]) for name, frame in asking.items()}
        return {**tables, **keyed}

    return History(cut(history.lifts), cut(history.preferences))


def read_requests(path: Path) -> list[Searches]:
    """The stored searches, one by one."""
    stored: Searches = read_value(path)
    sizes = stored.sessions["size"].to_numpy()
    spans = zip((np.cumsum(sizes) - sizes).tolist(), sizes.tolist(), strict=True)
    return [Searches(stored.sessions[row], stored.options.slice(*span)) for row, span in enumerate(spans)]


def join_searches(requests: Sequence[Searches]) -> Searches:
    """Some searches as one, their sessions numbered from 0."""
    sessions = pl.concat([request.sessions for request in requests])
    options = pl.concat([request.options for request in requests])
    sizes = sessions["size"].cast(pl.Int64)
    number = pl.Series("session", np.arange(len(requests)), sessions["session"].dtype)
    owner = pl.Series("session", np.repeat(np.arange(len(requests)), sizes.to_numpy()), options["session"].dtype)
    first = (sizes.cum_sum() - sizes).cast(sessions["first"].dtype).alias("first")
    return Searches(sessions.with_columns(number, first), options.with_columns(owner))
