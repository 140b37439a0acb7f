"""A service for the tests: it answers a number with its double, more slowly than nothing, and says what it did."""

from collections.abc import Sequence
from pathlib import Path

from common.day.serving.benchmark import Answer, Mark
from common.engine.errors import UserError


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
    file = export / variant / "add.txt"
    if not file.exists():
        raise UserError(f"{file} is missing; export the run again.")
    return Echo(float(file.read_text()))


def read_requests(path: Path) -> list[float]:
    return [float(line) for line in path.read_text().splitlines()]
