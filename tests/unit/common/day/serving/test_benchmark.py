"""What is measured of a service: every request once alone and once in a batch, in a process of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.day.serving.benchmark import (
    WARM_REQUESTS,
    Export,
    Variant,
    judge_variants,
    measure,
    measure_apart,
    measure_export,
    share_equal,
    spread,
)
from common.engine.errors import UserError
from tests.unit.common.day.serving import serving_echo
from tests.unit.common.day.serving.serving_echo import Echo

MODULE = serving_echo.__name__


VARIANTS = [Variant("everything", "whole", 0.5, 0.1), Variant("half of it", "half", 0.4, 0.1, share=0.5)]


def write_services(folder: Path) -> None:
    """Two variants: one adds nothing, the other one."""
    for name, add in (("whole", "0"), ("half", "1")):
        (folder / name).mkdir(parents=True)
        (folder / name / "add.txt").write_text(add)


def write_export(folder: Path, requests: int = 50) -> Export:
    write_services(folder / "export")
    (folder / "export" / "half" / "more.bin").write_bytes(bytes(2**20))
    (folder / "export" / "shared.bin").write_bytes(bytes(3 * 2**20))
    (folder / "requests.txt").write_text("\n".join(map(str, range(requests))))
    expected = [[2.0 * request] for request in range(requests)]
    return Export(MODULE, folder / "export", folder / "requests.txt", VARIANTS, expected, {})


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
    assert [row["variant"] for row in rows] == ["everything", "half of it"]
    assert [row["same_answers"] for row in rows] == [1.0, 0.0]
    assert [row["score"] for row in rows] == [0.5, 0.4]
    assert [row["export_mib"] for row in rows] == pytest.approx([3.0, 4.0], abs=1e-4)  # what is shared, and its own
    for row in rows:
        assert row["requests"] == 50
        assert 0 < row["libraries_mib"] <= row["resident_mib"]


def test_a_process_that_fails_says_why_in_a_sentence(tmp_path: Path) -> None:
    export = write_export(tmp_path)
    (tmp_path / "export" / "half" / "add.txt").unlink()
    with pytest.raises(UserError, match=r"'half of it' failed: .*add.txt is missing; export the run again"):
        measure_apart(export, export.variants[1])
    (tmp_path / "export" / "half" / "add.txt").write_text("no number")
    with pytest.raises(UserError, match="failed: ValueError"):
        measure_apart(export, export.variants[1])


def test_variants_are_judged_by_what_their_services_answer_on_validation() -> None:
    left: list[Path] = []

    def write(exported: Path, requests: Path) -> None:
        left.append(exported)
        write_services(exported)
        requests.write_text("3\n4\n5\n")

    def score(answers: list[Any]) -> np.ndarray:
        return np.array([one[0] for one in answers])

    judged = judge_variants(serving_echo, VARIANTS, write, score)
    assert [(variant.score, variant.share) for variant in judged] == [(8.0, 1.0), (9.0, 0.5)]
    assert judged[0].error == pytest.approx((8 / 3) ** 0.5 / 3**0.5)  # of 6, 8 and 10
    assert not left[0].exists()
    weighted = judge_variants(serving_echo, VARIANTS, write, score, weights=np.array([2.0, 1.0, 1.0]))
    assert weighted[0].score == 7.5  # (2 * 6 + 8 + 10) / 4


def test_equal_answers_are_equal_but_for_rounding() -> None:
    assert share_equal([[1.0, 0.3], [2.0], [3.0], [4.0, 1.0]], [[1.0, 0.1 + 0.2], [2.0], [4.0], [4.0]]) == 0.5


def test_requests_are_spread_over_all_there_are() -> None:
    assert spread(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert spread(101, 5).tolist() == [0, 25, 50, 75, 100]
    assert spread(7, 1).tolist() == [0]
