"""A request is what a user clicked, as rows of the host's log; the answer is five articles, best first.

Item-to-item tables, popularity lists, vectors and click counts were made at export. Retrieval, fusion, features and
ranking of a request are the pipeline's own functions, called for one query. The log of the export goes on after a
user's last click, as in the competition: a live service has only what came before. No user and no article need be
known: who clicked nothing that is known gets what is popular. An answer names only what is in articles.csv, and was
created before the request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np

from common.arrays import Bools, lookup_rows, take_known
from common.engine.errors import UserError
from common.learning.dataset import Matrix
from common.learning.gbdt import Ranker
from common.retrieval.fusion import FusedLists, fuse_lists
from common.retrieval.lists import Histories, Ints, Scorer
from competitions.news.config import RecallSettings
from competitions.news.features import build_columns, feature_names
from competitions.news.io.reader import CLICK_COLUMNS
from competitions.news.lookups import FeatureTables, Int64s, Queries
from competitions.news.next_click import EVER, Windows
from competitions.news.ranking import score_lists
from competitions.news.split import CONTEXT
from competitions.news.submission import LENGTH

Answer = dict[str, Any]
COLUMNS = [column for column in CLICK_COLUMNS if column.name != "user"]  # who it is makes no difference
ITEM, TIME = (next(at for at, column in enumerate(COLUMNS) if column.name == name) for name in ("item", "time"))
Click: Any = msgspec.defstruct(
    "Click",
    [
        (column.header, Annotated[int, msgspec.Meta(ge=low, le=high)])
        for column in COLUMNS
        for low, high in [column.bounds()]
    ],
    forbid_unknown_fields=True,
)
POPULAR_HOURS: Windows = ((1.0, 0.0), (24.0, 0.0), (EVER, EVER))  # before and after the request; a tie goes to the next


class Clicks(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request, in any order."""

    clicks: Annotated[list[Click], msgspec.Meta(min_length=1)]


@dataclass(frozen=True)
class NewsService:
    """What answers are made of: channels and tables of a fold, the weight of each channel's vote by
    name, the names of the blocks, the ranker.
    """

    channels: Mapping[str, Scorer]
    features: FeatureTables
    fusion: Mapping[str, float]
    recall: RecallSettings
    blocks: Sequence[str]
    ranker: Ranker

    def parse(self, body: bytes) -> Int64s:
        """The clicks of a user [clicks, ``COLUMNS``], in order of time, each once. ``UserError`` says what is wrong."""
        try:
            clicks = msgspec.json.decode(body, type=Clicks).clicks
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UserError(f"The request cannot be read: {error}") from error
        table = np.array([msgspec.structs.astuple(click) for click in clicks])
        return table[np.unique(table[:, [TIME, ITEM]], axis=0, return_index=True)[1]]

    def answer(self, clicks: Int64s) -> Answer:
        """The ids of five articles for the user of some clicks (``parse``), best first, equal ones by id. Where fewer
        were retrieved, those that are popular follow, and the answer says so.
        """
        query = make_query(clicks)
        candidates = self.retrieve(query.histories)
        items = candidates.items
        if len(items):
            names, features = self.describe(query, candidates)
            scores = score_lists(self.ranker, names, features, np.array([len(items)], np.int32))
            items = items[np.lexsort((items, -scores))]
        best = items[self.can_answer(items, query.histories)][:LENGTH].tolist()
        if len(best) == LENGTH:
            return {"articles": best}
        others = [item for item in self.list_popular(query.histories) if item not in best]
        return {"articles": [*best, *others[: LENGTH - len(best)]], "fallback": "popular"}

    def can_answer(self, items: Ints, histories: Histories) -> Bools:
        """Which articles are in articles.csv, were created by the time of the one query, and not clicked by its user:
        the log goes on after it, and knows of later ones.
        """
        catalogue, never = self.features.catalogue, np.iinfo(np.int64).max
        created = take_known(catalogue.created, lookup_rows(catalogue.items, items), missing=never)
        mask: Bools = (created <= histories.times[0]) & ~np.isin(items, histories.items)
        return mask

    def list_popular(self, histories: Histories) -> list[int]:
        """Twice as many articles as an answer has, those with most clicks in the hour before the one query, or before
        the end of the log where that comes first.
        """
        clicks = self.features.clicks
        rows = np.flatnonzero(self.can_answer(clicks.items, histories))
        times = np.full(len(rows), min(histories.times[0], clicks.last.max()))
        counts = clicks.events.count(rows, times, POPULAR_HOURS)
        order = np.lexsort((rows, *-counts[::-1]))  # rows are in the order of the ids
        return [int(item) for item in clicks.items[rows[order]][: 2 * LENGTH]]

    def retrieve(self, histories: Histories) -> FusedLists:
        """The candidates of the query."""
        recall = self.recall
        lists = [self.channels[name].list_items(histories, recall.per_channel) for name in recall.channels]
        votes = np.array([self.fusion[name] for name in recall.channels])
        return fuse_lists(lists, recall.candidates, votes)

    def describe(self, queries: Queries, candidates: FusedLists) -> tuple[tuple[str, ...], Matrix]:
        """The names of the features and their matrix, a row a candidate."""
        columns_by_block = build_columns(queries, candidates, self.recall.channels, self.features)
        blocks = {name: columns_by_block[name] for name in self.blocks}
        columns = [values for block in blocks.values() for values in block.values()]
        features = np.empty((len(candidates.items), len(columns)), np.float32)
        for index, values in enumerate(columns):
            features[:, index] = values
        return feature_names(blocks), features


def make_query(clicks: Int64s) -> Queries:
    """A user's clicks as the one query of a fold."""
    columns = {column.name: np.ascontiguousarray(values) for column, values in zip(COLUMNS, clicks.T, strict=True)}
    items, time, back = columns["item"].astype(np.int32), columns["time"], np.arange(len(clicks))[::-1]
    histories = Histories(time[-1:], np.array([0, len(clicks)]), items, time, back)
    return Queries(histories, {name: columns[name][-1:] for name in CONTEXT})
