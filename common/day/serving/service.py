"""What a competition gives to be served: its service, and requests with the answers that its run gave to them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.engine.errors import UserError

Mark = Callable[[str], None]
Answer = dict[str, Any]  # as JSON: the host's ids, best first, and where there is one a rate
T = TypeVar("T")


class Service(Protocol):
    """Something that answers requests. What a request is, and what was computed before, its module's docstring says."""

    def parse(self, body: bytes) -> Any:
        """One request from JSON. Raises ``UserError``, which says what cannot be answered and where it stands."""

    def answer(self, requests: Sequence[Any], mark: Mark) -> list[Answer]:
        """One answer a request, in order. ``mark`` is called with the name of each stage as it ends."""


@dataclass(frozen=True)
class Export:
    """A run to be served. ``services``: by how their vectors are stored, the run's own first. ``bodies``: requests of
    the test as JSON, ``expected``: the answers of the run's submission. ``score`` on validation, and its error.
    """

    services: Mapping[str, Service]
    bodies: Sequence[bytes]
    expected: Sequence[Answer]
    score: tuple[float, float]


def decode(body: bytes, kind: type[T]) -> T:
    """A request of this type from JSON; what is wrong is said with the path to it.

    >>> decode(b"[1, true]", list[int])
    Traceback (most recent call last):
    common.engine.errors.UserError: The request cannot be read: Expected `int`, got `bool` - at `$[1]`
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"The request cannot be read: {error}") from error


def ignore(_: str) -> None:
    """A mark that counts nothing."""


def share_equal(answers: Sequence[Answer], expected: Sequence[Answer]) -> float:
    """The share of answers that are those expected; fractions may differ by rounding.

    >>> share_equal([{"video": 7, "share": 0.1 + 0.2}, {"video": 8, "share": 0.3}], [{"video": 7, "share": 0.3}] * 2)
    0.5
    """

    def is_same(one: object, other: object) -> bool:
        return math.isclose(one, other) if isinstance(one, float) and isinstance(other, float) else one == other

    same = [
        one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
        for one, other in zip(answers, expected, strict=True)
    ]
    return float(np.mean(same))


def spread(count: int, most: int) -> NDArray[np.int64]:
    """At most ``most`` of 0..count-1, evenly spread, ascending.

    >>> spread(101, 5).tolist()
    [0, 25, 50, 75, 100]
    """
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.int64))
