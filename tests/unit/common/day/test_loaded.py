"""A run that is loaded is the run that was recorded."""

import time

import numpy as np
import polars as pl
import pytest

from common.day import evidence
from common.day.loaded import load_run
from common.day.record_writer import RecordWriter
from common.engine.errors import UserError
from common.engine.run import Run
from common.learning.dataset import RankingDataset
from tests.unit.common.day.conftest import Make
from tests.unit.common.day.records import START, make_evidence, make_judged


def test_features_are_those_of_the_first_candidates_whole_queries(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make("20260101-1", [0.5, 0.25])
    with pytest.raises(UserError, match=r"has no features\.parquet.*run again"):
        load_run(folder)
    sizes, labels = np.array([2, 1, 2], np.int32), np.array([1, 0, 0, 1, 0], np.float32)
    rows = RankingDataset(("x", "y"), np.arange(10, dtype=np.float32).reshape(5, 2), labels, sizes)
    items = {"query": ["0", "0", "1", "2", "2"], "item": [7, 8, 9, 7, 8], "label": labels, "blend": np.arange(5.0)}
    ranked = make_evidence(candidates=pl.DataFrame(items), rows=rows)
    for most, height in ((10, 5), (9, 3), (1, 2)):  # at least one query
        monkeypatch.setattr(evidence, "MOST_VALUES", most)
        writer = RecordWriter(Run(folder, folder / "cache", quiet=True), checked=True, began=time.perf_counter())
        judged = make_judged(evidence=lambda: ranked)
        writer.begin(START, judged)
        writer.add_evidence(judged)
        run = load_run(folder)
        assert run.features.to_dict(as_series=False) == {"x": [0, 2, 4, 6, 8][:height], "y": [1, 3, 5, 7, 9][:height]}
        assert run.candidates.equals(ranked.candidates)
