"""What is made of results: what a step is given, what it depends on, and that nothing is computed or stored for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.engine.result import walk
from common.engine.run import Result, Run, collect, derive


@dataclass(frozen=True)
class Pair:
    left: Any
    right: Any


@dataclass(frozen=True)
class Other(Pair):
    """Made of the same."""


def give(value: Any) -> Any:
    return value


def add(pair: Pair) -> int:
    return int(pair.left + pair.right)


def make_run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run", tmp_path / "cache")


def test_the_key_of_a_step_tells_what_its_input_is_made_of(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    two, three = run.step(give, 2), run.step(give, 3)
    pair = derive(Pair, two, three)
    others: list[Result[Any]] = [
        *(pair, derive(Other, two, three), derive(Pair, three, two), derive(Pair, two, 3)),
        *(pair.field("left"), pair.field("right")),
        *(derive(Pair, two, np.array([1, 2])), derive(Pair, two, np.array([2, 1]))),
        *(collect([two, three]), collect([three, two])),
        *(collect({"a": two, "b": three}), collect({"b": three, "a": two}), collect({"a": three, "b": two})),
    ]
    keys = [run.step(give, other).step.key for other in others]  # type: ignore[union-attr]
    assert len({*keys}) == len(others)
    assert run.step(give, derive(Pair, two, np.array([1, 2]))).step.key == keys[6]  # type: ignore[union-attr]


def test_the_steps_behind_a_result_are_found_through_all_that_is_made_of_others(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    two, three = run.step(give, 2, name="two"), run.step(give, 3, name="three")
    summed = run.step(add, derive(Pair, two, derive(Pair, 1, three).field("right")), name="sum")
    last = run.step(give, [Pair(Path(__file__), 1), collect([summed])], name="last")
    assert {record.name for record in run.list_costs([last]).values()} == {"last", "sum", "two", "three"}
    assert list(walk(last.step.args)) == [Path(__file__), 1, summed.step]  # type: ignore[union-attr]
