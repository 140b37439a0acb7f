"""What answers for a user of any past, by a finished run of a competition of lists: channels fitted to the whole log,
their fusion, the features of the candidates, the last ranker.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import polars as pl

from common.day.lists import Outcome, score_candidates
from common.engine.errors import UserError
from common.learning.dataset import join_blocks, make_dataset
from common.learning.split import Fold
from common.retrieval.channels import fit_channel, list_queries
from common.retrieval.fusion import fuse_channels
from common.retrieval.lists import Scorer
from common.retrieval.settings import RecallSettings, name_channels
from common.time_units import MINUTE_MS

Describe = Callable[[Fold, pl.DataFrame], pl.DataFrame]


class Asked(msgspec.Struct):
    """A request: the ``items`` that a user had, oldest first; ``times`` in ms, by default a minute apart to the end."""

    items: list[int]
    times: list[int] | None = None


@dataclass(frozen=True)
class ListService:
    """Of a run its ``outcome``, whose test has the whole log as its history, the settings of its retrieval, ``recall``,
    the ``blocks`` of features that its ranker was fitted on, the ``length`` of its lists.
    """

    outcome: Outcome
    recall: RecallSettings
    blocks: Mapping[str, Describe]
    length: int
    seed: int

    @property
    def history(self) -> pl.DataFrame:
        """The log: user, item, time."""
        return self.outcome.test.value.history

    @cached_property
    def scorers(self) -> dict[str, Scorer]:
        """The channels, each fitted once."""
        channels = name_channels(self.recall.channels)
        return {name: fit_channel(self.history, settings, self.seed) for name, settings in channels.items()}

    @cached_property
    def known(self) -> set[int]:
        """The items of the log."""
        return set(self.history["item"])

    @cached_property
    def end(self) -> int:
        """The last time of the log, at which every request is made."""
        return int(self.history["time"].max())  # type: ignore[arg-type]

    def parse(self, body: bytes) -> Asked:
        """A request as JSON. ``UserError`` for what is none."""
        try:
            return msgspec.json.decode(body, type=Asked)
        except ValueError as error:
            raise UserError(f'The request is not of the form {{"items": [7, 8]}}: {error}.') from error

    def answer(self, asked: Asked) -> dict[str, Any]:
        """The best items, best first, with their scores."""
        best = self.recommend(asked.items, asked.times)
        return {"items": best["item"].to_list(), "scores": best["score"].to_list()}

    def recommend(self, items: Sequence[int], times: Sequence[int] | None = None) -> pl.DataFrame:
        """The best for a user who had these ``items``: item, score. ``UserError`` for one that the log has not."""
        if unknown := [item for item in items if item not in self.known]:
            raise UserError(f"Item {unknown[0]} is not in the log of the run: give ids that are, oldest first.")
        if not items or (times is not None and len(times) != len(items)):
            raise UserError("Give the items that the user had, one or more, oldest first, and a time for each or none.")
        back = range(len(items) - 1, -1, -1)
        at = [self.end - MINUTE_MS * far for far in back] if times is None else times
        seen = pl.DataFrame({"query": 0, "item": items, "time": at, "back": back})
        seen = seen.cast({"query": pl.Int32, "item": pl.Int32, "time": pl.Int64, "back": pl.Int32})
        queries = pl.DataFrame({"query": [0], "time": [self.end]}, {"query": pl.Int32, "time": pl.Int64})
        lists = {
            name: list_queries(scorer, queries, seen, self.recall.per_channel, repeats=self.recall.repeats)
            for name, scorer in self.scorers.items()
        }
        candidates = fuse_channels(lists, self.recall.candidates, self.outcome.weights.value)
        fold = Fold(self.history, queries, seen, None)
        features = join_blocks({name: describe(fold, candidates) for name, describe in self.blocks.items()})
        scored = score_candidates(candidates, make_dataset(features, candidates), self.outcome.final.value)
        single = scored.with_columns(pl.col("score").cast(pl.Float32))
        return single.sort("score", "item", descending=[True, False]).head(self.length).drop("query")
