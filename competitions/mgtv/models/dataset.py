"""Days as matrices: the features of their rows, and the labels."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.arrays import Floats
from common.learning.dataset import RankingDataset, to_matrix
from competitions.mgtv.features.build import join_blocks
from competitions.mgtv.split import Slates


@dataclass(frozen=True)
class DayFeatures:
    """A day's rows, query by query. ``rows.labels``: 1 for the answer; ``completions`` (n,): the completion rate t of
    watched rows, NaN where unknown; ``clicked`` (n,); ``scorable`` (n,): the video has a duration, without which
    nothing can be scored. On the test day labels are 0 and completions NaN. ``devices`` (lists,): of each list;
    ``queries`` counts those without a row as well.
    """

    day: int
    rows: RankingDataset
    completions: Floats
    clicked: NDArray[np.bool_]
    scorable: NDArray[np.bool_]
    devices: NDArray[np.int64]
    queries: int


def join_day(
    blocks: Mapping[str, pl.DataFrame], slates: Slates, videos: pl.DataFrame, outcome: pl.DataFrame
) -> DayFeatures:
    """A day of the frames of its ``blocks``, and its ``outcome``: clicked, answer, t of each row."""
    frame = join_blocks(blocks, slates.rows)
    labels = outcome["answer"].fill_null(False).cast(pl.Float32).to_numpy()
    return DayFeatures(
        day=slates.day,
        rows=RankingDataset(tuple(frame.columns), to_matrix(frame), labels, slates.group_sizes.to_numpy()),
        completions=outcome["t"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        clicked=outcome["clicked"].fill_null(False).to_numpy(),
        scorable=videos["duration"].gather(slates.rows["video"]).is_not_null().to_numpy(),
        devices=slates.rows.unique("query", maintain_order=True)["device"].cast(pl.Int64).to_numpy(),
        queries=slates.queries.height,
    )
