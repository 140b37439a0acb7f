"""The rows that MGTV's validation ranks, for ``competitions.load``, and plain orders of them."""

import numpy as np
import polars as pl

from common.day.answers import BLEND, ValidationRows, score_rivals
from common.day.run_record import Row
from common.learning.dataset import join_datasets
from common.learning.listwise_softmax import find_starts
from competitions.mgtv.features.target_encoding import HALF_LIVES
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models.click_ranker import MODEL
from competitions.mgtv.models.decision import expected_score
from competitions.mgtv.pipeline import Validated

EXPECTED = "expected score"


def list_rows(outcome: Validated) -> ValidationRows:
    """One row per video shown to a device on a validation day. ``blend``: P(watch); ``expected score``: what the answer
    goes by.
    """
    codes, candidates, scores = outcome.ready.tables.codes.value, [], []
    parts = [part.value for part in outcome.valid]
    for part, mixed in zip(parts, outcome.mixed.value, strict=True):
        slate = outcome.ready.slates[part.day.day].value.rows
        device = codes.devices["did"].gather(slate["device"]).cast(pl.String)
        query = pl.lit(f"{part.day.day:02d}/") + device
        candidates.append(slate.select(query=query, item=codes.videos["vid"].gather(slate["video"])))
        scores.append(pl.DataFrame({MODEL: part.scores, EXPECTED: expected_score(mixed, part.rewards), BLEND: mixed}))
    rows = join_datasets([part.day.rows for part in parts])
    return ValidationRows(pl.concat(candidates), rows, pl.concat(scores), by=EXPECTED)


def list_rivals(outcome: Validated) -> list[Row]:
    """What the first video scores in a random order, by its click rate, as shown; with the run's own answer."""
    parts = [part.value for part in outcome.valid]
    rows = join_datasets([part.day.rows for part in parts])
    scores = [score_rates(part.day.rates.astype(np.float64), part.rewards.rate) for part in parts]
    right = np.add.reduceat(np.concatenate(scores) * rows.labels, find_starts(rows.group_sizes))
    rate = f"video_own_click_{HALF_LIVES[-1]:g}d"
    orders = {"Popularity: smoothed click rate": (rate, 1.0), "In the order shown": None}
    return score_rivals(rows, orders, lambda ranks: np.where(ranks == 1, right, 0.0), 1)
