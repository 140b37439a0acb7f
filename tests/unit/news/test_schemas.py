"""The contracts of the tables that cross a border: what passes, and one mutation per rule."""

import re

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.news.schemas import Candidates, Predictions, validate

KEYS = {"query": pl.Int32, "item": pl.Int32}
GOOD = pl.DataFrame([(0, 1, 0.5), (0, 2, -3.0), (1, 1, 0.5)], schema={**KEYS, "score": pl.Float64}, orient="row")


@pytest.mark.parametrize("contract", [Candidates, Predictions])
def test_a_sound_table_comes_back_whole(contract: type) -> None:
    wide = GOOD.with_columns(rank_swing=pl.Series([1.0, None, float("nan")]))
    assert validate(wide, contract, "a table") is wide
    assert validate(wide.clear(), contract, "an empty table").is_empty()


@pytest.mark.parametrize("contract", [Candidates, Predictions])
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (pl.concat([GOOD, GOOD.head(1)]), "primary_key"),
        (GOOD.with_columns(item=pl.Series([1, None, 1], dtype=pl.Int32)), "item"),
        (GOOD.with_columns(pl.col("query").cast(pl.Int64)), "query"),
        (GOOD.with_columns(pl.col("item").cast(pl.String)), "item"),
        (GOOD.drop("item"), "item"),
    ],
)
def test_a_broken_key_names_the_table_the_contract_and_the_rule(
    contract: type, broken: pl.DataFrame, said: str
) -> None:
    with pytest.raises(UserError) as caught:
        validate(broken, contract, "the union of the channels")
    sentence = str(caught.value)
    assert sentence.startswith(f"the union of the channels breaks the contract {contract.__name__}: ")
    assert said in sentence.split(": ", 1)[1]
    assert "\n" not in sentence


@pytest.mark.parametrize(("score", "said"), [(None, "null"), (float("nan"), "nan"), (-float("inf"), "inf")])
def test_a_score_must_be_a_finite_number(score: float | None, said: str) -> None:
    broken = GOOD.with_columns(score=pl.Series([0.5, score, 0.1]))
    with pytest.raises(UserError, match=r"the scores breaks the contract Predictions: .*score"):
        validate(GOOD.with_columns(pl.col("score").cast(pl.Float32)), Predictions, "the scores")
    with pytest.raises(UserError, match=re.compile(said, re.IGNORECASE)):
        validate(broken, Predictions, "the scores")
