"""What the benches compute from what they measured; what they measure is no test."""

import sys
from types import FrameType

import numpy as np
import polars as pl

from tests.benches.peers import compare_first
from tests.benches.where import OWN, find_library


def test_a_peers_row_says_what_the_pipeline_takes_and_gains_query_by_query() -> None:
    rows = [{"seconds": 6.0, "hits": [1, 1, 0, 1]}, {"seconds": 2.0, "hits": [1, 0, 0, 1]}]
    compare_first(rows, "hits")
    # Paired: one query of four is gained. Its error is the root of (1/4 x 3/4) over 4.
    peer = {"seconds": 2.0, "hits": ".5000 ± .2500", "ours takes": "3.0 times", "ours gains": "+.2500 ± .2165"}
    assert rows[1] == peer
    assert rows[0] == {"seconds": 6.0, "hits": ".7500 ± .2165", "ours takes": "", "ours gains": ""}


def test_seconds_are_charged_to_the_library_that_our_code_calls() -> None:
    frames: list[FrameType | None] = []
    pl.Series([1]).map_elements(lambda _: frames.append(sys._getframe()) or 1, return_dtype=pl.Int64)
    assert [find_library(frame) for frame in frames] == ["polars"]


def test_numpy_called_by_our_code_is_our_own() -> None:
    frames: list[FrameType] = []
    np.apply_along_axis(lambda row: frames.append(sys._getframe()) or row, 0, np.zeros((1, 1)))
    assert find_library(frames[0]) == OWN
