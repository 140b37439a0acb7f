"""The wide part of the model: co-occurrence counts as a term of the scores (wide and deep, Cheng et al. 2016).

A network of width 64 cannot hold which of 12,000 ads follows which; a table can. Each position's score of an ad becomes
``cosine / temperature + gain * log(count / scale + floor)``, gain and floor learned with everything else. Counted on
the histories that are trained on, the table would hold the very pair that is to be predicted: so users are parted, and
a user is trained with the table of the other parts. Answers use the table of all.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from common.engine.errors import UserError
from competitions.tencent.config import MemorySettings
from competitions.tencent.corpus import Catalogue, Int64s
from competitions.tencent.model.cooccurrence import Counts, fit_counts
from competitions.tencent.model.sparse_history import Floats, weight_histories
from competitions.tencent.sequences import Histories


@dataclass(frozen=True)
class CooccurrenceTerm:
    """Counts of all histories, and of all but those of each part; ``part`` int64 [histories] says whose. ``scale``: the
    mean count of a pair.
    """

    whole: Counts
    without: tuple[Counts, ...]
    part: Int64s
    scale: float


def fit_cooccurrence(history: Histories, catalogue: Catalogue, settings: MemorySettings, seed: int) -> CooccurrenceTerm:
    """Count the whole and without each part. Memory: (1 + parts) tables of ``counts.top`` neighbours an ad."""
    ads = len(catalogue.oid)
    if ads > settings.most_items:
        raise UserError(
            f"The catalogue has {ads:,} ads, and memory.most_items allows {settings.most_items:,}: every position would"
            " be compared with every ad. Set model.memory=false, or memory.most_items higher."
        )
    part = np.random.default_rng([seed, 17]).integers(0, settings.parts, len(history))
    nothing = sp.csr_array((ads, 0), dtype=np.float32)
    whole = fit_counts(history, catalogue, nothing, settings.counts)
    without = tuple(
        fit_counts(history.take(np.flatnonzero(part != one)), catalogue, nothing, settings.counts)
        for one in range(settings.parts)
    )
    scale = float(whole.neighbours.data.mean()) if whole.neighbours.nnz else 1.0
    return CooccurrenceTerm(whole, without, part, scale)


def cooccurrence_scores(counts: Counts, scale: float, queries: Histories, columns: Int64s) -> Floats:
    """Co-occurrence of each history with these rows of the catalogue, float32 [queries, columns]."""
    seen = weight_histories(queries, counts.neighbours.shape[0], counts.settings)
    return np.asarray((seen @ counts.neighbours).toarray()[:, columns] / np.float32(scale))


def list_prefixes(histories: Histories, length: int) -> Histories:
    """The history before each of the last ``length`` events of these histories, one row an event."""
    kept = np.minimum(histories.lengths, length)
    begins = np.cumsum(kept) - kept
    within = np.arange(kept.sum()) - np.repeat(begins, kept)
    return Histories(
        histories.sequences, np.repeat(histories.users, kept), np.repeat(histories.ends - kept, kept) + within
    )
