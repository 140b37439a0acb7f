"""A request is what a user did, oldest first, and the action that the recommended ads are to get; the answer is the ten
ads that the user will most likely click.

Content vectors, forecast, statistics, lifts, the channels' tables and fusion weights were made at export, where their
history ends: a new ad is known with the next export. The pipeline's own functions search, describe and rank; nothing is
computed in a request that is not the user's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np

from common.day.serving.service import Answer, Mark, decode
from common.day.serving.vectors import pack
from common.engine.errors import UserError
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Int64s, Sequences
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.ids import CandidateIndices
from competitions.tencent.io.schema import CLICK, CONVERSION, EXPOSURE, MAX_SECONDS, NULL_ACTION, TOP
from competitions.tencent.ranking import BLOCK, Ranker, score_candidates
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.search import Queries, Search
from competitions.tencent.sequences import blocks, whole
from competitions.tencent.top_k import TopK


class Event(msgspec.Struct, forbid_unknown_fields=True):
    """What a user did: an ad by its original id, 0 it was seen, 1 clicked, 2 converted, null not known; in seconds."""

    creative_id: Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]
    action: Annotated[int, msgspec.Meta(ge=EXPOSURE, le=CONVERSION)] | None
    time: Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS)]


class User(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request; ``action``: what the recommended ads are to get."""

    events: list[Event]
    action: Annotated[int, msgspec.Meta(ge=NULL_ACTION, le=CONVERSION)] = CLICK


class Request(NamedTuple):
    """One user's events in order of time, int64 [events, 3]: row of the catalogue, action, seconds; ``condition``: the
    action that the recommended ads are to get.
    """

    events: Int64s
    condition: int


@dataclass(frozen=True)
class RankerService:
    """The tables of a fold, whose candidates are rows ``candidates`` of the catalogue, and its ranker."""

    tables: FoldTables
    ranker: Ranker
    settings: FeatureSettings
    candidates: Int64s

    @cached_property
    def search(self) -> Search:
        """The channels, prepared once."""
        return Search(self.tables, self.settings)

    @cached_property
    def order(self) -> Int64s:
        """The rows of the catalogue by original id."""
        return np.argsort(self.tables.catalogue.oid, kind="stable")

    def parse(self, body: bytes) -> Request:
        """The events of a user; an ad that is new since the export is refused."""
        user, oid = decode(body, User), self.tables.catalogue.oid
        ids = np.array([event.creative_id for event in user.events], np.int64)
        rows = self.order[np.minimum(np.searchsorted(oid, ids, sorter=self.order), len(oid) - 1)]
        for at in np.flatnonzero(oid[rows] != ids)[:1]:
            raise UserError(f"events[{at}]: the run has no ad {ids[at]}")
        actions = [NULL_ACTION if event.action is None else event.action for event in user.events]
        events = np.stack(
            [rows, np.array(actions, np.int64), np.array([event.time for event in user.events], np.int64)], 1
        )
        return Request(events[np.argsort(events[:, 2], kind="stable")], user.action)

    def answer(self, requests: Sequence[Request], mark: Mark) -> list[Answer]:
        """For each history the original ids of ten candidates, best first; fewer where no more are left."""
        queries, top = join_requests(requests), TopK.empty(len(requests), TOP)
        mark("histories")
        for rows in blocks(len(requests), BLOCK):
            candidates = self.search.retrieve(queries.take(rows))
            mark("search")
            scores = score_candidates(self.ranker, self.search, candidates)
            mark("features and ranker")
            top.put(rows, candidates.candidate, scores)
        return self.name_ads(top.columns)

    def name_ads(self, columns: CandidateIndices) -> list[Answer]:
        """The answers of candidates [users, 10], -1 for none."""
        oid = self.tables.catalogue.oid
        return [{"ads": oid[self.candidates[own[own >= 0]]].tolist()} for own in columns]

    def store_vectors(self, kind: str) -> "RankerService":
        """The same, whose vectors of content are written as ``kind``."""
        packed: dict[str, Any] = {
            name: Content(name, pack(table.vectors, kind))  # type: ignore[arg-type]
            for name, table in self.tables.tables.items()
            if isinstance(table, Content)
        }
        return replace(self, tables=replace(self.tables, tables=self.tables.tables | packed))


def join_requests(requests: Sequence[Request]) -> Queries:
    """Some requests as the pipeline's queries."""
    offsets = np.concatenate([[0], np.cumsum([len(request.events) for request in requests], dtype=np.int64)])
    item, action, time = np.concatenate([request.events for request in requests]).T
    sequences = Sequences(offsets, item.astype(np.int32), action.astype(np.int8), np.ascontiguousarray(time))
    return Queries(whole(sequences), np.array([request.condition for request in requests], np.int64))
