"""A service for the tests: it answers a number with its double, says what it did, and fails at 13 and 14."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from common.day.serving.benchmark import write_export
from common.day.serving.service import Answer, Export, Mark, decode
from common.day.serving.vectors import PackedVectors
from common.engine.errors import UserError


class Body(msgspec.Struct):
    number: int


class Panic(BaseException):
    """As a library's thread may end."""


class Echo:
    """``vectors``: the first of them is added to every answer."""

    def __init__(self, vectors: PackedVectors | np.ndarray | None = None) -> None:
        self.vectors = np.zeros((1, 1)) if vectors is None else vectors
        self.batches: list[list[int]] = []

    def parse(self, body: bytes) -> int:
        number = decode(body, Body).number
        if number == 404:
            raise UserError("number: nobody knows 404")
        return number

    def answer(self, requests: Sequence[int], mark: Mark) -> list[Answer]:
        self.batches.append(list(requests))
        mark("first")
        if 13 in requests:
            raise RuntimeError("not 13")
        if 14 in requests:
            raise Panic("nor 14")
        answers: list[Answer] = [{"doubles": [2 * request + int(self.vectors[0, 0])]} for request in requests]
        mark("second")
        return answers


def make_export(folder: Path, requests: int = 50, other: float = 1.0) -> Export:
    """An export that is written, of a service that answers as expected, and of one that adds ``other``."""
    services = {"own": Echo(np.zeros((2**17, 3))), "other": Echo(np.full((1, 1), other))}
    bodies = [b'{"number": %d}' % (number + 100) for number in range(requests)]
    export = Export(services, bodies, [{"doubles": [2 * number + 200]} for number in range(requests)], (0.5, 0.1))
    write_export(export, folder)
    return export
