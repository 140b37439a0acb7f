"""A request is one search: its options as rows of the host's test file; the answer is their Ids, best first.

Lifts and preferences of earlier bookings, by traveller, company, route and carrier, were made at export; they are those
of the test's latest snapshot. A request is read as the file is, takes the rows of these tables under its own keys, and
then features, models and blend are computed by the pipeline's own functions.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.serving.keyed_table import take_rows
from common.day.serving.service import Answer, Mark, decode
from common.engine.errors import UserError
from common.learning.dataset import to_matrix
from common.learning.gbdt import Ranker, score_rows
from competitions.flight.features.booking_history import LIFTS, History
from competitions.flight.features.build import build_features
from competitions.flight.features.preferences import LEVELS
from competitions.flight.io.encoding import INT32_MAX
from competitions.flight.io.parquet import Source
from competitions.flight.io.reader import Codes, Searches, parse_searches
from competitions.flight.io.schema import DTYPES, LAYOUT, NEVER_NULL, Kind, required
from competitions.flight.ranking.blending import Blend, blend_scores

# The first column of the key of each table of a History, by which it is sorted. "everybody" has none.
LEVEL_KEYS = {name: level.key for name, level in LEVELS.items()}
KEYS = {name: key[0] for name, key in {**LIFTS, **LEVEL_KEYS}.items()}

# A row of the host's file: what may be null there may be left out here.
TYPES: dict[Kind, Any] = {
    Kind.INTEGER: Annotated[int, msgspec.Meta(ge=-INT32_MAX, le=INT32_MAX)],
    Kind.REAL: float,
    Kind.FLAG: bool,
    Kind.TEXT: str,
    Kind.TIME: Annotated[datetime.datetime, msgspec.Meta(tz=False)],
}
Option: Any = msgspec.defstruct(
    "Option",
    [
        (name, TYPES[LAYOUT[name]]) if name in NEVER_NULL else (name, TYPES[LAYOUT[name]] | None, None)
        for name in required(labelled=False)
    ],
    kw_only=True,
    forbid_unknown_fields=True,
)
SCHEMA = {name: DTYPES[LAYOUT[name]] for name in Option.__struct_fields__}


class Search(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request."""

    options: Annotated[list[Option], msgspec.Meta(min_length=1)]


@dataclass(frozen=True)
class FlightService:
    """What answers are made of: the ``history`` of one ``snapshot`` as of the time ``until`` (ms), the rankers of the
    ``blend``, their blocks, and the ``codes`` of names.
    """

    history: History
    snapshot: int
    until: int | None
    rankers: Sequence[Ranker]
    blend: Blend
    blocks: Sequence[str]
    codes: Codes

    def parse(self, body: bytes) -> pl.DataFrame:
        """The rows of a search in the order of their Ids, as the reader puts them."""
        options = decode(body, Search).options
        rows = pl.DataFrame([msgspec.structs.astuple(option) for option in options], SCHEMA, orient="row").sort("Id")
        if rows["Id"].is_duplicated().any():
            raise UserError(f"options: the Id {rows.filter(pl.col('Id').is_duplicated())['Id'][0]} is repeated")
        if rows["ranker_id"].n_unique() > 1:
            raise UserError("options: they have more than one ranker_id; a request is one search")
        return rows

    def answer(self, requests: Sequence[pl.DataFrame], mark: Mark) -> list[Answer]:
        """For each search the Ids of its options, best first; equal ones by Id."""
        searches = read_requests(requests, self.codes)
        mark("reading")
        orders = self.rank(searches, mark)
        return [{"options": rows["Id"].gather(order).to_list()} for rows, order in zip(requests, orders, strict=True)]

    def rank(self, searches: Searches, mark: Mark) -> list[NDArray[np.int64]]:
        """The positions of the options of each search, best first."""
        seen = {"snapshot": pl.lit(self.snapshot, pl.Int32), "until": pl.lit(self.until, pl.Int64)}
        assigned = searches.sessions.select("session", **seen)
        history = cut_history(self.history, searches)
        mark("look up")
        frame = build_features(searches, 0, searches.sessions.height, assigned, history, self.blocks)
        mark("features")
        scores = score_rows(frame.columns, to_matrix(frame), self.rankers).astype(np.float32)  # as the test's are kept
        mark("models")
        sizes = searches.sessions["size"].to_numpy()
        lists = np.split(blend_scores(self.blend, scores.astype(np.float64), sizes), np.cumsum(sizes)[:-1])
        orders = [np.argsort(-scored, kind="stable") for scored in lists]
        mark("ranking")
        return orders


def read_requests(requests: Sequence[pl.DataFrame], codes: Codes) -> Searches:
    """The rows of some requests as the reader reads a file. Each is a search of its own, whatever else is asked."""
    rows = pl.concat(rows.with_columns(ranker_id=pl.lit(str(number))) for number, rows in enumerate(requests))
    numbered = rows.with_columns(Id=pl.int_range(pl.len()))
    return parse_searches(Source(Path("request"), numbered.lazy(), numbered.height, ()), codes, labelled=False)


def cut_history(history: History, searches: Searches) -> History:
    """The rows of a history that these searches can match."""
    sessions, options = searches.sessions, searches.options

    def cut(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        asking = {name: sessions if KEYS[name] in sessions.columns else options for name in tables.keys() & KEYS.keys()}
        keyed = {name: take_rows(tables[name], KEYS[name], frame[KEYS[name]]) for name, frame in asking.items()}
        return {**tables, **keyed}

    return History(cut(history.lifts), cut(history.preferences))
