"""The channel ``covisits``: what was clicked beside a history's last ads by those who saw these at about the query's
time.

The tables of ``counts`` know no time: a pair of last week speaks as loud as one of this hour. On a log whose ads come
and go within hours the pairs just then say more. So no table of pairs is built: a query looks up when its last ads were
seen by others, nearest in time first, and what stood beside each. (With the steps between two events replaced by time,
and neighbours weighed by how long ago they were: Garg et al. 2019, "Sequence and time aware neighborhood for
session-based recommendations".)
"""

from dataclasses import dataclass

import numpy as np

from common.arrays import Floats, Singles, expand_spans
from competitions.tencent.corpus import Catalogue, CatalogueRows, Int32s, Int64s, number_rows
from competitions.tencent.io.schema import MAX_SECONDS
from competitions.tencent.retrieval.channel import Channel, Queries, Scorer, log_share
from competitions.tencent.retrieval.sparse_history import EVENT_WEIGHTS, Log, flatten_log
from competitions.tencent.sequences import Histories

NAME = "covisits"
SECONDS = np.int64(MAX_SECONDS + 1)  # more than any time has
SOURCES, FADE = 5, 0.5  # last events of a query, and what one counts for each event behind it
VISITS = 200  # of the last ad, on either side of the query's time; of others as many fewer as they count less
REACH, BACKWARD = 8, 0.5  # steps between the events of a pair; what one counts whose neighbour stood before the ad
SCALE_S, POWER = 3_600.0, 1.5  # of ``closeness``


def closeness(seconds: Int64s) -> Floats:
    """What something so many ``seconds`` away counts: as much less as it is further, but never nothing.

    >>> closeness(np.array([0, -3_600, 86_400])).round(3).tolist()  # now, an hour ago, in a day
    [1.0, 0.354, 0.008]
    """
    return np.asarray((1 + np.abs(seconds) / SCALE_S) ** -POWER)


@dataclass(frozen=True)
class Covisits:
    """The events of a ``log`` with their ``time``, int64 seconds. In order of ad and time: ``keys`` int64 [events], row
    of the catalogue x ``SECONDS`` + time, and ``order`` int32 [events], the events themselves.
    """

    log: Log
    time: Int64s
    keys: Int64s
    order: Int32s
    rows: int

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        """See ``score_block``. There is no kernel."""
        index = number_rows(candidates, self.rows)
        return lambda queries: {NAME: log_share(self.score_block(queries, index, len(candidates)))}

    def score_block(self, queries: Queries, index: Int32s, candidates: int) -> Singles:
        """The sum over a query's last events, over the visits to the same ad and over what stood beside these, of what
        each counts, multiplied: float32 [queries, candidates]. ``index`` [rows of the catalogue]: of a candidate, -1
        for any other ad.
        """
        past = queries.past
        query, position = np.nonzero(past.mask & (past.recency < SOURCES))
        end = np.where(past.mask, past.time, 0).max(1)[query]
        fade = FADE ** past.recency[query, position]
        weight = fade * closeness(end - past.time[query, position])
        source, visit = self.find_visits(past.item[query, position], end, np.ceil(fade * VISITS).astype(np.int64))
        query, weight = query[source], weight[source] * closeness(self.time[visit] - end[source])
        cells, values = [], []
        for gap in (*range(-REACH, 0), *range(1, REACH + 1)):
            inside = self.log.has_neighbour(visit, gap)
            own, other = visit[inside], visit[inside] + gap
            decay = (BACKWARD if gap < 0 else 1.0) / abs(gap) * closeness(self.time[other] - self.time[own])
            column = index[self.log.item[other]]
            cells.append(np.where(column >= 0, query[inside] * candidates + column, -1))
            values.append(weight[inside] * decay * self.log.weight[other])
        cell, value = np.concatenate(cells), np.concatenate(values)
        scores = np.bincount(cell[cell >= 0], value[cell >= 0], len(past.item) * candidates)
        return scores.reshape(len(past.item), candidates).astype(np.float32)

    def find_visits(self, item: Int64s, time: Int64s, most: Int64s) -> tuple[Int64s, Int64s]:
        """The events with each ``item`` that are nearest to a ``time``, at most so many before and as many behind it,
        int64 [sources] each: the index of the source, and the event.
        """
        first, middle, stop = (
            np.searchsorted(self.keys, item * SECONDS + second, side="right") for second in (-1, time, SECONDS - 1)
        )
        low, high = np.maximum(first, middle - most), np.minimum(stop, middle + most)
        at, source = expand_spans(low, high - low)
        return source, self.order[at].astype(np.int64)


def fit(history: Histories, catalogue: Catalogue) -> Covisits:
    """The events of these histories, in order: all of them, also where ``counts`` has to do with the clicks, since what
    others are shown just then says most and no pair is stored.
    """
    log, time = flatten_log(history, EVENT_WEIGHTS), history.sequences.time[history.events()]
    keys = log.item * SECONDS + time
    order = np.argsort(keys, kind="stable")
    return Covisits(log, time, keys[order], order.astype(np.int32), len(catalogue.oid))


CHANNEL = Channel(NAME, fit, ("history", "catalogue"), (NAME,))
