"""The ladder's rungs in order, and the readings of one model on other splits."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.pipeline.run import Result, Run, StepRecord
from common.ranking.dataset import RankingDataset
from common.ranking.gbdt import Ranker, Recipe
from competitions.flight.competition import COMPETITION
from competitions.flight.config import BLOCKS, SampleSettings
from competitions.flight.experiments import ladder
from competitions.flight.experiments.ladder import MODELS_IN_ORDER, PRICE, RULES, score_by_rule
from competitions.flight.features.booking_history import build_history, collect_bookings
from competitions.flight.features.build import build_features
from competitions.flight.io.reader import RawFiles, Searches
from competitions.flight.ranking.rankers import make_recipe
from competitions.flight.ranking.split_diagnostics import evaluate_split, evaluate_splits
from competitions.flight.split import DAY_MS, find_cut, split_at_random, split_by_time, split_last_days
from tests.unit.flight.flight_world import draw_searches, make_searches, option, search


def kept(value: Any) -> Result[Any]:
    return Result("key", lambda: value)


class Runner:
    """A run that keeps nothing, but the names of its steps and the rows of its table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []
        self.timings: list[StepRecord] = []
        self.written: dict[str, Any] = {}

    def write_json(self, name: str, data: Any) -> None:
        self.written[name] = data

    def step(self, function: Callable[..., Any], *args: Any, name: str = "") -> Result[Any]:
        self.names.append(name or function.__name__)
        self.timings.append(StepRecord(name=self.names[-1], seconds=len(self.names), peak_mib=1.0))
        return kept(function(*(arg.value if isinstance(arg, Result) else arg for arg in args)))


@pytest.fixture
def climbed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[list[dict[str, Any]], list[Any], Runner]:
    """The rungs, where a score tells how many blocks and models it was made with; and all fits."""
    fits: list[tuple[str, tuple[str, ...] | None]] = []
    run = Runner(tmp_path)

    def fit(recipe: Recipe, *_: Any) -> Ranker:
        fits.append((run.names[-1], recipe.blocks))
        return Ranker(recipe.kind, None, len(recipe.blocks or ()), {})

    def score(_: Any, rankers: list[Ranker]) -> list[int]:
        return [ranker.rounds for ranker in rankers]

    def measure(_: Any, scores: list[int], *more: Any) -> list[dict[str, float]]:
        others = {"hit_rate@1": 0.0, "hit_rate@10": 1.0}
        number = {"hit_rate@3": scores[0] / 10, "error": 0.0} | others
        both = ({"hit_rate@3": len(scores) + last, "error": 0.5} | others for last in (0.0, 0.25))
        return [number, *both]

    rows = SimpleNamespace(train="train", stop="stop", valid="valid")
    monkeypatch.setattr(ladder, "prepare", lambda *_: SimpleNamespace(data=rows))
    monkeypatch.setattr(ladder, "fit", fit)
    monkeypatch.setattr(ladder, "score_valid", score)
    monkeypatch.setattr(ladder, "score_by_rule", lambda _, weights, seed: [-len(weights)])
    monkeypatch.setattr(ladder, "measure_valid", lambda valid, scores: measure(valid, scores)[0])
    monkeypatch.setattr(ladder, "find_blend", lambda *_: "blend")
    monkeypatch.setattr(ladder, "find_penalty", lambda *_: 0.1)
    monkeypatch.setattr(ladder, "measure_all", measure)
    table = ladder.climb(RawFiles(Path("a"), Path("b")), COMPETITION.load_config([]), run)  # type: ignore[arg-type]
    return table, fits, run


def test_blocks_are_added_one_by_one_then_models_then_the_rerank(
    climbed: tuple[list[dict[str, Any]], list[Any], Runner],
) -> None:
    rows, _, _ = climbed
    rungs = [(row["rung"], row["score"]) for row in rows]
    blocks, models, base = len(BLOCKS), len(MODELS_IN_ORDER), COMPETITION.load_config([]).baseline.blocks
    plain = [("random", 0.0), *((name, -len(weights) / 10) for name, _, weights in RULES)]
    assert rungs[: len(plain)] == plain
    rungs, rows = rungs[len(plain) :], rows[len(plain) :]
    assert rungs[0] == ("logit on option, session, within", len(base) / 10)
    assert rungs[1] == ("baseline: catboost_yetirank on the same", 0.3)
    rungs, rows = rungs[1:], rows[1:]
    assert rungs[1] == (f"{MODELS_IN_ORDER[0]} on the option alone", 0.1)
    assert rungs[2 : blocks + 1] == [
        (f"+ {block} features", (number + 2) / 10) for number, block in enumerate(BLOCKS[1:])
    ]
    added = [(f"+ {kind}, blended", count + 3) for count, kind in enumerate(MODELS_IN_ORDER[1:])]
    assert rungs[blocks + 1 : -1] == added  # the baseline is scored too
    assert rungs[-1] == ("+ rerank, penalty 0.1", models + 1 + 0.25)
    assert [row["error"] for row in rows] == [0.0] * (blocks + 1) + [0.5] * models
    columns = ["rung", "family", "score", "error", "HitRate@1", "HitRate@10", "seconds", "peak_mib"]
    assert all(list(row) == columns for row in rows)


def test_the_table_is_left_beside_the_run(climbed: tuple[list[dict[str, Any]], list[Any], Runner]) -> None:
    rows, _, run = climbed
    assert run.written["ladder.json"]["rows"] == rows
    assert run.written["ladder.json"]["metric"] == "HitRate@3"
    assert (run.folder / "ladder.svg").exists()


def test_a_rule_adds_up_features_and_gives_ties_to_the_cheaper_option() -> None:
    features = np.array([[1.0, 2.0, 5.0], [2.0, 2.0, 1.0], [0.5, 3.0, 9.0], [0.1, np.nan, 9.0]], np.float32)
    rows = RankingDataset(("option_log_price", "a", "b"), features, np.zeros(4, np.float32), np.array([4], np.int32))
    shortest = score_by_rule(rows, {"a": -1.0}, 0)[:, 0]
    assert np.argsort(-shortest).tolist() == [0, 1, 2, 3]
    both = score_by_rule(rows, {"a": -1.0, "b": -1.0}, 0)[:, 0]
    assert np.argsort(-both).tolist() == [1, 0, 2, 3]
    drawn = [score_by_rule(rows, {}, seed)[:, 0].tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_rules_name_features_that_there_are() -> None:
    train = draw_searches(2, count=40, longest=14)
    split = split_by_time(train.sessions, find_cut(train.sessions, 0.3), 7.0, "last")
    history = build_history(collect_bookings(train), split.snapshots)
    names = build_features(train, 0, 5, split.snapshots.assigned, history, BLOCKS).columns
    assert {PRICE, *(name for _, _, weights in RULES for name in weights)} <= set(names)


def test_what_an_ordinary_run_fits_has_the_same_name_here(
    climbed: tuple[list[dict[str, Any]], list[Any], Runner],
) -> None:
    _, fits, run = climbed
    first = MODELS_IN_ORDER[0]
    config = COMPETITION.load_config([])
    alike = [(f"fit.{name}", config.baseline.blocks) for name in ("baseline", "logit-base")]
    alike += [(f"fit.{kind}", BLOCKS) for kind in MODELS_IN_ORDER]
    parts = [(f"fit.{first}-{count}", BLOCKS[:count]) for count in range(1, len(BLOCKS))]
    assert set(fits) == {*alike, *parts}
    scores = [name for name in run.names if name.startswith("ladder.")]
    scores = [name for name in scores if not name.startswith("ladder.rule")]
    # The blend of all models is made once more for the rerank, from the same steps.
    assert len(scores) == len(set(scores)) + 1 == len(BLOCKS) + 2 + len(MODELS_IN_ORDER)


# --- readings ---


def test_the_last_days_before_the_end_of_the_log_validate() -> None:
    train = make_searches(*(search(day=day) for day in (0, 5, 7.5, 9, 10)))
    settings = COMPETITION.load_config(["split.second_days=2.5"]).split
    split = split_last_days(train.sessions, settings)
    assert split.roles["role"].to_list() == ["train", "train", "valid", "valid", "valid"]
    assert split.name == "the last days"
    settings = COMPETITION.load_config(["split.second_days=2.4"]).split
    assert split_last_days(train.sessions, settings).roles["role"].to_list().count("valid") == 2


def test_random_sessions_validate_by_share_and_seed() -> None:
    train = make_searches(*(search(day=day) for day in range(20)))
    roles = [split_at_random(train.sessions, 0.25, seed).roles["role"].to_list() for seed in (1, 2)]
    assert [role.count("valid") for role in roles] == [5, 5]
    assert roles[0] != roles[1]


def test_a_reading_is_of_a_model_fitted_and_judged_on_its_split() -> None:
    """The cheapest option is booked, which a model learns at once."""
    drawn = draw_searches(2, count=60, longest=14)
    cheapest = drawn.options.group_by("session", maintain_order=True).agg(pl.col("price").fill_null(1e9).arg_min())
    train = Searches(drawn.sessions.with_columns(booked=cheapest["price"].cast(pl.Int32)), drawn.options)
    config = COMPETITION.load_config(["split.second_days=12", "rank.rounds=30", "rank.patience=5"])
    split = split_last_days(train.sessions, config.split)
    sample = SampleSettings(negatives=50, rows=10_000, missing_share=0.0)
    recipe = make_recipe(config, "logit", ("option", "within"), {"l2": 0.1})
    scores = evaluate_split(train, collect_bookings(train), split, recipe, sample, 0)
    cut = train.sessions.select(pl.col("time").max() - 12 * DAY_MS).item()
    scored = train.sessions.filter((pl.col("time") >= cut) & (pl.col("size") > 10)).height
    assert scores["sessions"] == scored > 3
    assert scores["hit_rate@3"] > 0.9


def test_a_split_that_the_log_is_too_short_for_gives_its_reason(tmp_path: Path) -> None:
    """Twelve searches on two days: no month validates, random ones do."""
    sizes = [search(*[option(price=100.0 + n) for n in range(12)], day=day / 6, profile=day) for day in range(12)]
    run = Run(tmp_path / "run", tmp_path / "cache", quiet=True)
    train = run.step(make_searches, *sizes)
    log = run.step(collect_bookings, train)
    config = COMPETITION.load_config(["readings.model=logit", "split.valid_share=0.25", "rank.patience=0"])
    readings = evaluate_splits(run, train, log, config)
    assert list(readings) == ["second", "random"]
    assert "the last days" in str(readings["second"])
    assert isinstance(readings["random"], dict)
    assert readings["random"]["sessions"] == 3
