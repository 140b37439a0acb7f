"""Days as matrices: the features of their rows, and the labels."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.ranking.dataset import RankingDataset, to_matrix
from competitions.mgtv.config import FeatureSettings
from competitions.mgtv.features.build import Sources, build
from competitions.mgtv.labels import Floats
from competitions.mgtv.split import Slates


@dataclass(frozen=True)
class DayFeatures:
    """A day's rows, query by query. ``rows.labels``: 1 for the answer; ``rates`` (n,): the completion rate of watched
    rows, NaN where unknown; ``clicked`` (n,); ``scorable`` (n,): the video has a duration, without which nothing can
    be scored. On the test day labels are 0 and rates NaN. ``queries`` counts those without a row as well.
    """

    day: int
    rows: RankingDataset
    rates: Floats
    clicked: NDArray[np.bool_]
    scorable: NDArray[np.bool_]
    queries: int


def build_day(
    sources: Sources, slates: Slates, outcome: pl.DataFrame | None, settings: FeatureSettings, seed: int
) -> DayFeatures:
    """Features, then, beside them, the outcome (None for the test)."""
    frame = build(sources, slates, settings, seed)
    if outcome is None:
        outcome = frame.select(clicked=pl.repeat(False, pl.len()), answer=pl.repeat(False, pl.len()), t=pl.lit(None))
    labels = outcome["answer"].fill_null(False).cast(pl.Float32).to_numpy()
    return DayFeatures(
        day=slates.day,
        rows=RankingDataset(tuple(frame.columns), to_matrix(frame), labels, slates.group_sizes.to_numpy()),
        rates=outcome["t"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        clicked=outcome["clicked"].fill_null(False).to_numpy(),
        scorable=sources.videos["duration"].gather(slates.rows["video"]).is_not_null().to_numpy(),
        queries=slates.queries.height,
    )
