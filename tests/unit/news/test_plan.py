"""What is decided from the log: negatives by its size, and what the split took from it, in words."""

import polars as pl
import pytest

from common.engine.decisions import Decision
from common.learning.split import Fold
from competitions.news import plan, split
from competitions.news.competition import COMPETITION
from competitions.news.config import NewsConfig
from competitions.news.plan import Plan, decide_negatives, make_plan
from tests.unit.news.news_world import World, label, make_log
from tests.unit.news.test_validation import read_on

CONFIG: NewsConfig = COMPETITION.load_config([], tuned=False)


@pytest.mark.parametrize(
    ("queries", "settings", "negatives"),
    [
        (1, [], 149),
        (plan.MOST_ROWS // 149, [], 149),
        (plan.MOST_ROWS // 100, [], 100),
        (10**9, [], plan.LEAST_NEGATIVES),
        (0, [], 149),
        (5, ["rank.negatives=7"], 7),
        (5, ["recall.candidates=30"], 29),
    ],
)
def test_a_small_log_takes_all_candidates_and_a_large_one_as_many_as_there_is_room_for(
    queries: int, settings: list[str], negatives: int
) -> None:
    assert decide_negatives(queries, COMPETITION.load_config(settings, tuned=False))[0] == negatives


def decide(clicks: pl.DataFrame, fold: Fold) -> dict[str, Decision]:
    made: Plan = make_plan(clicks, fold, CONFIG)
    return {each.setting: each for each in made.decisions}


def test_a_log_with_the_hosts_steps_says_so(world: World, fold: Fold) -> None:
    decided = decide(world.clicks, fold)
    share = split.terminal_share(world.clicks)
    assert decided["targets"].value == "steps of 30 s"
    assert decided["targets"].reason.startswith(f"{share:.0%} of the train users")


def test_a_log_without_them_and_the_test_users_that_stand_in_are_told() -> None:
    train = [(user, item, 86_400 * 5 + 100 * step) for user in range(80) for step, item in enumerate((10, 11, 12))]
    test = read_on([1] * 10, [3] * 10, 900)
    clicks = make_log(*train, *test, test=tuple(range(900, 910)))
    decided = decide(clicks, label(clicks))
    assert decided["targets"].value == "last clicks"
    assert decided["validation"].value == "10 users"
    assert "10 test users stand in" in decided["validation"].reason
