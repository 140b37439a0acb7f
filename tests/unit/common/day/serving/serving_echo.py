"""A service for the tests: it answers a number with its double, more slowly than nothing, and says what it did."""

from collections.abc import Sequence
from pathlib import Path

from common.day.serving.benchmark import Answer, Mark
from common.engine.errors import UserError
from common.engine.result_store import read_value


class Echo:
    def __init__(self, add: float) -> None:
        self.add = add
        self.batches: list[list[float]] = []

    def answer(self, requests: Sequence[float], mark: Mark) -> list[Answer]:
        self.batches.append(list(requests))
        mark("first")
        answers = [[2 * request + self.add] for request in requests]
        mark("second")
        return answers


def load(export: Path, variant: str) -> Echo:
    added = read_value(export)
    if variant not in added:
        raise UserError(f"there is no variant {variant}")
    return Echo(float(added[variant]))


def read_requests(path: Path) -> list[float]:
    requests: list[float] = read_value(path)
    return requests
