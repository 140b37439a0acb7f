"""A service: a user's number among those exported -> five items, the best first."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from common.day.serving.benchmark import Answer, Mark
from common.day.serving.model_files import read_models, score_models
from competitions.template.submission import LENGTH

TABLE = "candidates.npz"


class Service:
    """Candidates and features of every user were made at export; a request scores and sorts them."""

    def __init__(self, folder: Path, variant: str) -> None:
        """Read the table and the model of a variant."""
        with np.load(folder / TABLE, allow_pickle=False) as table:
            self._starts, self._items, self._features = table["starts"], table["items"], table["features"]
            self._names = tuple(str(name) for name in table["names"])
        self._models = read_models(folder / variant)

    def answer(self, requests: Sequence[int], mark: Mark) -> list[Answer]:
        """One list of items a request."""
        answers = []
        for request in requests:
            rows = slice(self._starts[request], self._starts[request + 1])
            mark("look up")
            scores = score_models(self._names, self._features[rows], self._models)[:, 0]
            mark("score")
            items = self._items[rows]
            answers.append([float(item) for item in items[np.lexsort((items, -scores))[:LENGTH]]])
        return answers


def load(folder: Path, variant: str) -> Service:
    """The service of an export."""
    return Service(folder, variant)


def read_requests(path: Path) -> list[int]:
    """The requests of an export."""
    return msgspec.json.decode(path.read_bytes(), type=list[int])
