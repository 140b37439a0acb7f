"""What is measured of a service: every request once alone and once in a batch, in a process of its own."""

from pathlib import Path

import pytest

from common.day.serving.benchmark import EXPORT, WARM_REQUESTS, measure, measure_apart, measure_export
from common.day.serving.service import spread
from common.engine.errors import UserError
from common.engine.result_store import write_value
from tests.unit.common.day.serving.serving_echo import Echo, make_export


def list_bodies(count: int) -> list[bytes]:
    return [b'{"number": %d}' % (100 + number) for number in range(count)]


def test_every_request_is_answered_alone_after_some_to_warm_up_then_in_batches() -> None:
    service, requests = Echo(), list(range(100, 130))
    figures = measure(service, list_bodies(30), batch=8)
    alone = [[request] for request in requests]
    assert service.batches == alone[:WARM_REQUESTS] + alone + [requests[at : at + 8] for at in range(0, 30, 8)]
    assert figures.answers == [{"doubles": [2 * request]} for request in requests]
    assert figures.requests == 30


def test_the_figures_agree_with_each_other() -> None:
    figures = measure(Echo(), list_bodies(200))
    assert 0 < figures.p50_ms <= figures.p99_ms
    assert figures.stages.keys() == {"JSON", "first", "second"}
    assert 0 < figures.stages["first"] + figures.stages["second"] <= 1e3 / figures.per_second


def test_nothing_to_ask_is_refused() -> None:
    with pytest.raises(UserError, match="no request"):
        measure(Echo(), [])


def test_a_process_of_its_own_measures_each_service(tmp_path: Path) -> None:
    rows = measure_export(make_export(tmp_path), tmp_path)
    assert [row["stored"] for row in rows] == ["own", "other"]
    assert [row["same_answers"] for row in rows] == [row["same_items"] for row in rows] == [1.0, 0.0]
    assert rows[0]["export_mib"] == pytest.approx(3.0, abs=0.01)
    assert all(row["requests"] == 50 and row["resident_mib"] > 0 and row["load_seconds"] > 0 for row in rows)


def test_a_process_that_fails_says_why_in_a_sentence(tmp_path: Path) -> None:
    make_export(tmp_path, requests=0)
    with pytest.raises(UserError, match=r"^The serving process failed: There is no request to measure\.$"):
        measure_apart(tmp_path, "own")
    write_value(tmp_path / EXPORT / "own", "no service")
    with pytest.raises(UserError, match=r"^The serving process failed: .*"):
        measure_apart(tmp_path, "own")


def test_requests_are_spread_over_all_there_are() -> None:
    assert spread(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert spread(7, 1).tolist() == [0]
