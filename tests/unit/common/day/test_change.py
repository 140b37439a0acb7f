"""The change that a run tells: against the last run of like settings, else with the settings that differ."""

import re
from pathlib import Path
from typing import Any

import pytest

from common.day.change import find_change
from tests.unit.common.day import records

WHOLE: dict[str, Any] = {"rank": {"rounds": 300, "negatives": "auto"}}
QUICK: dict[str, Any] = {"rank": {"rounds": 60, "negatives": 20}}


def describe_change(run: Path) -> str:
    change = find_change(run)
    return "" if change is None else change.sentence


def write_run(build: Path, name: str, config: dict[str, Any], score: float, **more: Any) -> Path:
    return records.write_run(build / "news" / name, [score, 0.5, 0.0], config=config, **more)


def test_a_run_is_compared_with_the_one_that_is_most_like_it(tmp_path: Path) -> None:
    write_run(tmp_path, "1", QUICK, 0.1)
    quick = write_run(tmp_path, "2", QUICK, 0.2)
    write_run(tmp_path, "3", WHOLE, 0.9)
    after = write_run(tmp_path, "4", QUICK, 0.5)
    write_run(tmp_path, "5", QUICK, 0.6)  # as like, and later
    assert describe_change(after).startswith(f"Against news/{quick.name} (nothing changed): +0.1000 ± ")


def test_a_quick_run_is_not_compared_with_a_whole_one(tmp_path: Path) -> None:
    write_run(tmp_path, "1", WHOLE, 0.9)
    after = write_run(tmp_path, "2", QUICK, 0.5, overrides=["@competitions/news/quick.toml"])
    assert find_change(after) is None


def test_the_settings_that_differ_are_named(tmp_path: Path) -> None:
    write_run(tmp_path, "1", WHOLE, 0.9)
    said = describe_change(write_run(tmp_path, "2", QUICK, 0.5))
    assert said.startswith("Against news/1 (rank.rounds 300 -> 60, rank.negatives auto -> 20): -0.1333 ± ")


@pytest.mark.parametrize(
    "more",
    [{"data": {"digest": "cd"}}, {"metric": "MRR@10"}, {"cv": {"digest": "of other queries"}}],
)
def test_runs_of_other_files_queries_or_another_metric_are_passed_over(tmp_path: Path, more: dict[str, Any]) -> None:
    own = write_run(tmp_path, "1", WHOLE, 0.4)
    write_run(tmp_path, "2", WHOLE, 0.4, **more)
    (write_run(tmp_path, "3", WHOLE, 0.4) / "run.json").write_text("damaged")
    assert f"Against news/{own.name} (nothing changed): " in describe_change(write_run(tmp_path, "4", WHOLE, 0.5))


def test_many_settings_are_counted(tmp_path: Path) -> None:
    write_run(tmp_path, "1", {f"s{number}": number for number in range(5)}, 0.4)
    after = write_run(tmp_path, "2", {f"s{number}": "x: y" * 20 for number in range(5)}, 0.4)
    said = describe_change(after)
    assert said.startswith("Against news/1 (s0 0 -> x:y")
    assert " and 2 more): +0.0000" in said


def test_the_noise_of_the_fits_is_counted_where_a_run_was_fitted_by_several_seeds(tmp_path: Path) -> None:
    write_run(tmp_path, "1", QUICK, 0.4)
    said = describe_change(write_run(tmp_path, "2", WHOLE, 0.5, fits=[0.3, 0.5, 0.4]))
    assert re.search(r": within the noise \(3 fits known\)$", said)
