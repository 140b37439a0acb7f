"""What a competition gives to be served: its service, and requests with the answers that its run gave to them."""

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
    """The share of answers that are those expected.

    >>> share_equal([{"ads": [7, 9]}, {"ads": [8, 9]}], [{"ads": [7, 9]}, {"ads": [9, 8]}])
    0.5
    """
    return sum(one == other for one, other in zip(answers, expected, strict=True)) / max(len(answers), 1)


def share_items(answers: Sequence[Answer], expected: Sequence[Answer]) -> float:
    """The share of the expected lists' items that the answers list as well, in any order.

    >>> share_items([{"ads": [7, 9, 8]}, {"ads": [1]}], [{"ads": [7, 8, 2]}, {"ads": [1]}])
    0.75
    """
    pairs = [(one[name], other[name]) for one, other in zip(answers, expected, strict=True) for name in other]
    lists = [({*one}, {*other}) for one, other in pairs if isinstance(other, list)]
    return sum(len(one & other) for one, other in lists) / max(sum(len(other) for _, other in lists), 1)


def spread(count: int, most: int) -> NDArray[np.int64]:
    """At most ``most`` of 0..count-1, evenly spread, ascending.

    >>> spread(101, 5).tolist()
    [0, 25, 50, 75, 100]
    """
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.int64))
