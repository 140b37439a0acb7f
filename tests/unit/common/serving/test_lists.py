"""A service of lists on a log of three users: its best item, what it refuses. The whole of it: tests/contract."""

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from common.engine.errors import UserError
from common.features.log import describe_channels
from common.learning.dataset import make_dataset
from common.learning.fitters import Recipe
from common.learning.gbdt import fit
from common.retrieval.channels import list_queries
from common.retrieval.fusion import fuse_channels
from common.retrieval.settings import Channels, RecallSettings
from common.serving.lists import ListService

HOUR_MS = 3_600_000
# Users go on from 7 to 8, at least a day before the end, and from 8 to 9.
LOG = pl.DataFrame(
    [(user, item, (user * 30 + item) * HOUR_MS) for user in range(3) for item in (7, 8, 9)],
    schema={"user": pl.Int32, "item": pl.Int32, "time": pl.Int64},
    orient="row",
)


@pytest.fixture
def service() -> ListService:
    """The ranker scores by the vote of the channels."""
    recall = RecallSettings(channels=Channels(), per_channel=5, candidates=5, fusion="equal", repeats=False)
    names = [name for name in Channels.__struct_fields__]
    outcome: Any = SimpleNamespace(
        test=SimpleNamespace(value=SimpleNamespace(history=LOG)),
        weights=SimpleNamespace(value=dict.fromkeys(names, 1.0)),
        final=None,
    )
    service = ListService(outcome, recall, {"channel": describe_channels}, 1, 0)
    queries = pl.DataFrame({"query": [0], "time": [service.end]}, {"query": pl.Int32, "time": pl.Int64})
    seen = pl.DataFrame({"query": [0], "item": [7], "time": [service.end], "back": [0]}).cast({"query": pl.Int32})
    lists = {name: list_queries(scorer, queries, seen, 5) for name, scorer in service.scorers.items()}
    rows = make_dataset(describe_channels(SimpleNamespace(), fuse_channels(lists, 5)))  # type: ignore[arg-type]
    recipe = Recipe("lightgbm_click", {"objective": "binary", "min_data_in_leaf": 1, "num_threads": 1}, 1, 0, 0)
    outcome.final = SimpleNamespace(value=fit(recipe, rows))
    return service


def test_what_was_had_is_not_listed_and_one_item_is_the_best(service: ListService) -> None:
    answer = service.answer(service.parse(b'{"items": [7]}'))
    assert answer["items"][0] in (8, 9)
    assert len(answer["items"]) == len(answer["scores"]) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"item": 7}', "is not of the form"),
        (b'{"items": [7, 77]}', "Item 77 is not in the log"),
        (b'{"items": []}', "Give the items that the user had"),
        (b'{"items": [7], "times": [1, 2]}', "a time for each or none"),
    ],
)
def test_a_wrong_request_is_a_sentence(service: ListService, body: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said):
        service.answer(service.parse(body))
