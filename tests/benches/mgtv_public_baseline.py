"""The design of the public baseline, a rival: five popularity scores added up, and a mean in place of a distribution.

    pick     .1 history + .4 smoothed click rate + .1 clicks of the collection + .2 clicks of yesterday
             + .4 P(click) by LightGBM (45 leaves, 200 rounds), each between 0 and 1 on its day; nothing clicked before
    answer   the mean of t, by LightGBM

It is said to have earned .256 on the host's board. Its faults (a constant as yesterday's clicks, a collection's rank
turned over) are not repeated.
"""

from collections.abc import Sequence

import lightgbm
import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats
from common.learning.dataset import find_columns
from competitions.mgtv.models.dataset import DayFeatures
from competitions.mgtv.models.decision import pick, score_answers

BLOCKS = ("video", "device", "profile")
CLICK, MEAN = 0.4, "regression"
ROUNDS = 200
PARAMETERS = {"num_leaves": 45, "learning_rate": 0.05, "verbose": -1, "deterministic": True, "force_row_wise": True}


def list_parts(tag: str) -> dict[str, float]:
    """The features that are added up, by their weight; ``tag`` of the half-life."""
    return {
        "pair_collection_click_share": 0.1,
        f"video_own_click_{tag}": 0.4,
        f"video_collection_log_clicks_{tag}": 0.1,
        "video_log_clicks_yesterday": 0.2,
    }


def answer_plainly(before: Sequence[DayFeatures], day: DayFeatures, tag: str, seed: int) -> tuple[Floats, Floats]:
    """Hits and s of each list of a day, from what the days ``before`` it show."""
    rows, rates = choose_plainly(before, day, tag, seed)
    return score_answers(day, rows, rates)


def choose_plainly(
    before: Sequence[DayFeatures], day: DayFeatures, tag: str, seed: int
) -> tuple[NDArray[np.int64], Floats]:
    """The row picked of each list, and the rate answered for each row."""
    names = day.rows.names
    total = CLICK * scale(predict(before, day, "binary", seed))
    for name, weight in list_parts(tag).items():
        total += weight * scale(day.rows.features[:, names.index(name)])
    known = np.nan_to_num(day.rows.features[:, names.index("pair_video_clicks")]) > 0
    return pick(np.where(known, -1.0, total), day.rows.group_sizes), np.maximum(predict(before, day, MEAN, seed), 0.0)


def scale(values: NDArray[np.floating]) -> Floats:
    """Between 0 and 1; missing is 0."""
    filled = np.nan_to_num(values.astype(np.float64), nan=float(np.nanmin(values)) if len(values) else 0.0)
    spread = np.ptp(filled) if len(filled) else 0.0
    return np.asarray((filled - filled.min()) / spread if spread else np.zeros_like(filled))


def predict(before: Sequence[DayFeatures], day: DayFeatures, objective: str, seed: int) -> Floats:
    """LightGBM on clicks of every row, or on t of the clicked rows with one; 0 where there is nothing to learn."""
    columns = find_columns(day.rows.names, [block for block in BLOCKS if has_block(day, block)])
    kept = [other.rates > 0 if objective == MEAN else np.ones(len(other.rates), bool) for other in before]
    features = np.concatenate([other.rows.features[rows][:, columns] for other, rows in zip(before, kept, strict=True)])
    labels = np.concatenate(
        [(other.rates if objective == MEAN else other.clicked)[rows] for other, rows in zip(before, kept, strict=True)]
    )
    if not len(labels) or np.ptp(labels.astype(np.float64)) == 0:
        return np.full(len(day.rates), float(labels[0]) if len(labels) else 0.0)
    settings = {**PARAMETERS, "objective": objective, "seed": seed, "is_unbalance": objective == "binary"}
    model = lightgbm.train(settings, lightgbm.Dataset(features, labels.astype(np.float32)), ROUNDS)
    return np.asarray(model.predict(day.rows.features[:, columns]), np.float64)


def has_block(day: DayFeatures, block: str) -> bool:
    """Whether the features have any of a block."""
    return any(name.startswith(f"{block}_") for name in day.rows.names)
