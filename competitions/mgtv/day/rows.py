"""The rows that MGTV's validation ranks, for ``competitions.load``."""

import polars as pl

from common.day.loaded import BLEND, ValidationRows
from common.learning.dataset import join_datasets
from competitions.mgtv.config import MODELS
from competitions.mgtv.models.decision import expected_score
from competitions.mgtv.pipeline import Validated


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
        values = pl.Series("expected score", expected_score(mixed, part.rewards, outcome.config.decide.power))
        models = pl.DataFrame(part.scores, schema=list(MODELS))
        scores.append(models.with_columns(values, pl.Series(BLEND, mixed)))
    return ValidationRows(pl.concat(candidates), join_datasets([part.day.rows for part in parts]), pl.concat(scores))
