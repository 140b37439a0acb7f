"""What is measured of a service: every request once alone and once in a batch, in a process of its own."""

from pathlib import Path

import numpy as np
import pytest

from common.day.serving.benchmark import (
    WARM_REQUESTS,
    Export,
    Variant,
    measure,
    measure_apart,
    measure_export,
    share_equal,
    spread,
)
from common.engine.errors import UserError
from common.engine.result_store import write_value
from tests.unit.common.day.serving import serving_echo
from tests.unit.common.day.serving.serving_echo import Echo

MODULE = serving_echo.__name__
VARIANTS = [Variant("everything", "whole", 0.5, 0.1), Variant("one more", "more", 0.4, 0.1)]
ADDED = {"whole": 0.0, "more": 1.0}


def write_export(folder: Path, requests: int = 50) -> Export:
    write_value(folder / "export", ADDED | {"table": np.zeros(3 * 2**17)})
    write_value(folder / "requests", list(range(requests)))
    expected = [[2.0 * request] for request in range(requests)]
    return Export(MODULE, folder / "export", folder / "requests", VARIANTS, expected, {})


def test_every_request_is_answered_alone_after_some_to_warm_up_then_in_batches() -> None:
    service, requests = Echo(0), [float(number) for number in range(30)]
    figures = measure(service, requests, batch=8)
    alone = [[request] for request in requests]
    assert service.batches == alone[:WARM_REQUESTS] + alone + [requests[at : at + 8] for at in range(0, 30, 8)]
    assert figures.answers == [[2 * request] for request in requests]
    assert (figures.requests, figures.batch) == (30, 8)


def test_the_figures_agree_with_each_other() -> None:
    figures = measure(Echo(0), [float(number) for number in range(200)])
    assert 0 < figures.p50_ms <= figures.p99_ms
    assert figures.per_second == pytest.approx(1e3 / figures.mean_ms)
    assert set(figures.stages) == {"first", "second"}
    assert 0 < sum(figures.stages.values()) <= figures.mean_ms


def test_nothing_to_ask_is_refused() -> None:
    with pytest.raises(UserError, match="no request"):
        measure(Echo(0), [])


def test_a_process_of_its_own_measures_each_variant(tmp_path: Path) -> None:
    rows = measure_export(write_export(tmp_path))
    assert [row["variant"] for row in rows] == ["everything", "one more"]
    assert [row["same_answers"] for row in rows] == [1.0, 0.0]
    assert [row["score"] for row in rows] == [0.5, 0.4]
    assert [row["export_mib"] for row in rows] == pytest.approx([3.0, 3.0], abs=0.01)
    for row in rows:
        assert row["requests"] == 50
        assert 0 < row["libraries_mib"] <= row["resident_mib"]


def test_a_process_that_fails_says_why_in_a_sentence(tmp_path: Path) -> None:
    export = write_export(tmp_path)
    write_value(tmp_path / "export", {"whole": 0.0})
    with pytest.raises(UserError, match=r"'one more' failed: there is no variant more$"):
        measure_apart(export, export.variants[1])
    write_value(tmp_path / "export", {"more": "no number"})
    with pytest.raises(UserError, match="failed: ValueError"):
        measure_apart(export, export.variants[1])


def test_equal_answers_are_equal_but_for_rounding() -> None:
    assert share_equal([[1.0, 0.3], [2.0], [3.0], [4.0, 1.0]], [[1.0, 0.1 + 0.2], [2.0], [4.0], [4.0]]) == 0.5


def test_requests_are_spread_over_all_there_are() -> None:
    assert spread(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert spread(101, 5).tolist() == [0, 25, 50, 75, 100]
    assert spread(7, 1).tolist() == [0]
