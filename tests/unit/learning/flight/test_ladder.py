"""The rungs of the ladder in order, and what some of them read."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from common.engine.run import Result, Run, StepRecord
from competitions.flight import pipeline
from competitions.flight.competition import COMPETITION
from competitions.flight.io.reader import RawFiles, Searches
from competitions.learning.flight import ladder
from competitions.learning.flight.ladder import PRICE, RULES, Answer, FlightBench, score_by_rule
from competitions.learning.flight.peers import PEERS
from tests.results import as_result
from tests.unit.flight.flight_world import draw_searches, join_folds, make_fold

SMALL = ("rank.rounds=4", "rank.patience=0", "rank.seeds=1", "rank.lightgbm_softmax.min_data_in_leaf=5")
CONFIG = COMPETITION.load_config((*SMALL, "split.validation=folds"), tuned=False)
FILES = RawFiles(Path("a"), Path("b"))


class Runner:
    """A run that keeps nothing but the names and arguments of its steps."""

    def __init__(self, folder: Path) -> None:
        self.folder = self.cache = folder
        self.steps: list[tuple[str, tuple[Any, ...]]] = []

    def warn(self, notes: Any) -> None:
        """Searches drawn at random depart at any time."""

    def write_json(self, name: str, data: Any) -> None:
        """Nothing is written."""

    def list_costs(self, results: Any) -> dict[str, StepRecord]:
        """Nothing is known of what a result was made by."""
        return {}

    def step(self, function: Callable[..., Any], *args: Any, name: str = "") -> Result[Any]:
        given = tuple(arg.value if isinstance(arg, Result) else arg for arg in args)
        self.steps.append((name or function.__name__, given))
        return as_result(function(*given))


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Searches:
    """Sixty searches to learn from, as if they were read."""
    train, test = draw_searches(5, count=60, longest=14), draw_searches(6, count=5)
    monkeypatch.setattr(pipeline, "learn_codes", lambda _: None)
    monkeypatch.setattr(pipeline, "read_searches", lambda path, codes, labelled: train if labelled else test)
    monkeypatch.setattr(pipeline, "refuse_shared", lambda *_: None)
    return train


def test_rungs_are_rules_peers_blocks_models_blend_each_on_the_one_before() -> None:
    """They are climbed, on the same sessions, by tests/contract/test_day.py."""
    rungs = ladder.make_ladder(FILES, CONFIG, cast(Run, None)).rungs
    blocks = [f"lightgbm_softmax-{block}" for block in ("core", "pair", "lift", "taste")]
    alone = [*(key for key, *_ in RULES), *(peer.key for peer in PEERS), blocks[0]]
    assert [rung.key for rung in rungs] == [*alone, *blocks[1:], "lightgbm_softmax", "catboost_softmax", "blend"]
    assert [rung.builds_on for rung in rungs] == [*["random"] * len(alone), *[None] * 4, *["lightgbm_softmax"] * 2]


def test_a_session_that_two_fits_judge_counts_once() -> None:
    """Sessions 3 and 8 of eleven options; in the second repeat one of them is missed."""
    data = join_folds(*(make_fold([11, 11], [0, 0], sessions) for sessions in ([8, 3], [3, 8])))
    first, last = np.arange(11.0, 0, -1), np.arange(11.0)
    bench = FlightBench(FILES, CONFIG, cast(Run, None))
    bench.__dict__["sessions"] = SimpleNamespace(split=as_result(SimpleNamespace(searches=np.arange(9))))
    scored, _ = bench.record(Answer(data, np.concatenate([first, first, last, first])))
    assert scored.rows() == [(0.5, 2), (1.0, 2)]


def test_the_cheapest_fits_no_model_and_builds_no_feature_that_it_does_not_read(
    tmp_path: Path, train: Searches
) -> None:
    run = Runner(tmp_path)
    made = ladder.make_ladder(FILES, CONFIG, cast(Run, run))
    row = made.climb("cheapest")[-1]
    assert (row["rung"], row["builds on"]) == ("cheapest", "random")
    steps = dict(run.steps)
    assert not [name for name in steps if name.startswith("fit.")]
    assert steps["train.features"][3] == ["core"]


def test_a_rule_puts_the_lowest_first_and_gives_ties_to_the_cheaper_option() -> None:
    price, own = [1.0, 2.0, 0.5, 0.1], [2.0, 2.0, 3.0, np.nan]
    folds = [make_fold([4], [3], features={"a": own[::step], PRICE: price[::step]}) for step in (1, -1)]
    shortest = score_by_rule(folds, "a", 0)
    assert np.argsort(-shortest[:4]).tolist() == [0, 1, 2, 3]
    assert shortest[4:].tolist() == shortest[:4].tolist()[::-1]
    drawn = [score_by_rule(folds, None, seed).tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
