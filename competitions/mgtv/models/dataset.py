"""Served days as matrices: the features of their rows, and what came of them."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.ranking.dataset import RankingDataset, to_matrix
from competitions.mgtv.config import FeatureSettings
from competitions.mgtv.features.build import Sources, build
from competitions.mgtv.labels import Floats
from competitions.mgtv.split import Asked


@dataclass(frozen=True)
class Served:
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


def serve(sources: Sources, asked: Asked, outcome: pl.DataFrame | None, settings: FeatureSettings, seed: int) -> Served:
    """Features, then, beside them, the outcome (None for the test)."""
    frame = build(sources, asked, settings, seed)
    height = frame.height
    came = (
        outcome
        if outcome is not None
        else pl.DataFrame({"clicked": [False] * height, "answer": [False] * height, "t": [None] * height})
    )
    rows = RankingDataset(
        tuple(frame.columns),
        to_matrix(frame),
        came["answer"].fill_null(False).cast(pl.Float32).to_numpy(),
        asked.sizes.to_numpy(),
    )
    durations = sources.videos["duration"].gather(asked.rows["video"])
    return Served(
        asked.day,
        rows,
        came["t"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        came["clicked"].fill_null(False).to_numpy(),
        durations.is_not_null().to_numpy(),
        asked.queries.height,
    )
