"""A service of the flight competition: one search with its options -> the options, best first.

A request is a search as the reader codes it. The history (lifts, preferences) was tabulated at export; the
features of the options, the models, and the blend are computed in the request, by the pipeline's own functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from common.day.serving.benchmark import Answer, Mark
from common.day.serving.feature_tables import KeyedTable, read_keyed, read_struct, read_table
from common.day.serving.model_files import BLEND, read_models, score_models
from common.learning.dataset import to_matrix
from competitions.flight.features.booking_history import LIFTS, TARIFF_LIFTS, History
from competitions.flight.features.build import build_features
from competitions.flight.features.preferences import LEVELS
from competitions.flight.io.reader import Searches
from competitions.flight.ranking.blending import Blend, blend_scores

SETTINGS = "settings.json"
SESSIONS, OPTIONS = "sessions.arrow", "options.arrow"
EVERYBODY = "everybody"
# By kind of table in a History: the first column of each table's key. "everybody" has none.
TABLES: Mapping[str, Mapping[str, str]] = {
    "lifts": {name: key[0] for name, key in {**LIFTS, **TARIFF_LIFTS}.items()},
    "tastes": {name: level.key[0] for name, level in LEVELS.items()},
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every variant: the snapshot whose bookings are known."""

    snapshot: int


class Mixture(msgspec.Struct, frozen=True, kw_only=True):
    """The feature ``blocks`` that a variant builds, and its blend."""

    blocks: tuple[str, ...]
    temperatures: tuple[float, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class KeyedHistory:
    """The tables of ``History`` by kind, each sorted by the first column of its key."""

    tables: Mapping[str, Mapping[str, KeyedTable]]
    everybody: pl.DataFrame

    def select(self, searches: Searches) -> History:
        """The history cut down to the rows that these searches can match."""
        sessions, options = searches.sessions, searches.options

        def cut(table: KeyedTable) -> pl.DataFrame:
            return table.take((sessions if table.key in sessions.columns else options)[table.key])

        kinds = {kind: {name: cut(table) for name, table in tables.items()} for kind, tables in self.tables.items()}
        return History(kinds["lifts"], {EVERYBODY: self.everybody} | kinds["tastes"])


class FlightService:
    """Models, mixture and tables in memory."""

    def __init__(self, export: Path, variant: str) -> None:
        """Load what one variant needs."""
        self.history, self.models = read_history(export), read_models(export / variant)
        self.snapshot = read_struct(export / SETTINGS, Settings).snapshot
        mixture = read_struct(export / variant / BLEND, Mixture)
        self.blocks = mixture.blocks
        self.blend = Blend(mixture.temperatures, mixture.weights)

    def answer(self, requests: Sequence[Searches], mark: Mark) -> list[Answer]:
        """For each search the positions of its options, best first; equal ones by their position on the page."""
        searches = join_searches(requests)
        assigned = searches.sessions.select("session", snapshot=pl.lit(self.snapshot, pl.Int32))
        history = self.history.select(searches)
        mark("look up")
        frame = build_features(searches, 0, len(requests), assigned, history, self.blocks)
        mark("features")
        scores = score_models(frame.columns, to_matrix(frame), self.models).astype(np.float32)  # as the test's are kept
        mark("models")
        sizes = searches.sessions["size"].to_numpy()
        blended = blend_scores(self.blend, scores.astype(np.float64), sizes)
        lists = np.split(blended, np.cumsum(sizes)[:-1])
        answers = [[float(position) for position in np.argsort(-one, kind="stable")] for one in lists]
        mark("ranking")
        return answers


load = FlightService  # what a worker process calls, with an export and a variant


def read_requests(path: Path) -> list[Searches]:
    """The searches of a folder of ``sessions.arrow`` and ``options.arrow`` (session after session), one by one."""
    sessions, options = read_table(path / SESSIONS), read_table(path / OPTIONS)
    starts = np.cumsum(sessions["size"].to_numpy()) - sessions["size"].to_numpy()
    spans = zip(starts.tolist(), sessions["size"].to_list(), strict=True)
    return [Searches(sessions[row], options.slice(*span)) for row, span in enumerate(spans)]


def join_searches(requests: Sequence[Searches]) -> Searches:
    """Some searches as one, their sessions numbered from 0."""
    sessions = pl.concat([request.sessions for request in requests])
    options = pl.concat([request.options for request in requests])
    sizes = sessions["size"].cast(pl.Int64)
    number = pl.Series("session", np.arange(len(requests)), sessions["session"].dtype)
    owner = pl.Series("session", np.repeat(np.arange(len(requests)), sizes.to_numpy()), options["session"].dtype)
    first = (sizes.cum_sum() - sizes).cast(sessions["first"].dtype).alias("first")
    return Searches(sessions.with_columns(number, first), options.with_columns(owner))


def read_history(export: Path) -> KeyedHistory:
    """The tables of an export."""
    tables = {
        kind: {name: read_keyed(table_path(export, kind, name), key) for name, key in keys.items()}
        for kind, keys in TABLES.items()
    }
    return KeyedHistory(tables, read_table(table_path(export, "tastes", EVERYBODY)))


def table_path(export: Path, kind: str, name: str) -> Path:
    """The file of a table."""
    return export / "history" / f"{kind}-{name}.arrow"
