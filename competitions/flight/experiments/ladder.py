"""What each part is worth: from a random order to the reranked blend, on the same validation sessions.

    make ladder-flight        or        python -m competitions ladder flight

Rules of one line, then what others booked, then a conditional logit, then boosted models on block after block of
features, then model after model in the blend. What an ordinary run has already fitted is not fitted again. There is no
factorisation of travellers x options: an option is on offer once, so that nobody else ever took the same.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.experiments.ladder import BLEND, BOOSTING, LOGIT, NEIGHBOURS, POPULARITY, RULE, Ladder, Rung
from common.pipeline.run import Result, Run, collect
from common.ranking.dataset import RankingDataset
from common.ranking.gbdt import fit
from competitions.flight.config import BLOCKS, FlightConfig
from competitions.flight.io.reader import RawFiles
from competitions.flight.metrics import measure
from competitions.flight.pipeline import prepare
from competitions.flight.ranking.blending import find_blend, find_penalty, measure_all
from competitions.flight.ranking.rankers import BASELINE, Floats, list_recipes, make_recipe, score_valid
from competitions.flight.ranking.training_data import TrainingData

MODELS_IN_ORDER = (
    "lightgbm_softmax",
    "catboost_softmax",
    "xgboost_pairwise",
    "xgboost_ndcg",
    "lightgbm_lambdarank",
    "logit",
)
FEATURES = ("train.history", "train.features")  # the steps behind every ranker
NOT_BLENDED = ("fit.baseline",)  # measured beside the blend, takes no part in it
PRICE, SPLIT_TIES = "option_log_price", 1e-3  # where a rule cannot tell two options apart the cheaper one is first
LOWEST = -1e9
OWN_KEYS = ("habit_out_flight", "habit_back_flight", "profile_out_flight", "profile_back_flight",
            "carrier_company", "carrier_profile")  # fmt: skip
# Name, family, and what is added up: features by their weights.
RULES: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("cheapest", RULE, {PRICE: -1.0}),
    ("shortest, then cheapest", RULE, {"option_duration": -1.0}),
    ("carrier booked most often if offered, then cheapest", POPULARITY, {"history_carrier_lift": 1.0}),
    ("what company and traveller booked, then cheapest", NEIGHBOURS, {f"history_{key}_lift": 1.0 for key in OWN_KEYS}),
)
Row = dict[str, Any]


def climb(files: RawFiles, config: FlightConfig, run: Run) -> list[Row]:
    """One row per rung: HitRate@3 on the validation sessions, its standard error, and the hit rates at 1 and 10."""
    data = prepare(files, config, run).data
    ladder = Ladder(run, "Flight: the booked option of a search, on the last sessions", "HitRate@3")
    _climb_rules(data, config, ladder)
    _climb_blocks(data, config, ladder)
    _add_models(data, config, ladder)
    return ladder.write()


def _climb_rules(data: Result[TrainingData], config: FlightConfig, ladder: Ladder) -> None:
    """Rungs without a model."""
    for number, (name, family, weights) in enumerate([("random", POPULARITY, {}), *RULES]):
        with ladder.rung(name, family, FEATURES[:1] if "history" in "".join(weights) else ()) as rung:
            scores = ladder.run.step(score_by_rule, data.valid, weights, config.seed, name=f"ladder.rule-{number}")
            _record(rung, ladder.run.step(measure_valid, data.valid, scores).value)


def score_by_rule(valid: RankingDataset, weights: dict[str, float], seed: int) -> Floats:
    """A weighted sum of features of the validation rows, (rows, 1); a missing one puts the option last.

    Ties go to the cheaper option. Without weights the scores are random.
    """
    if not weights:
        return np.random.default_rng(seed).random((len(valid.features), 1))
    price = valid.features[:, valid.names.index(PRICE)].astype(np.float64)
    total = -SPLIT_TIES * price
    for name, weight in weights.items():
        total += weight * valid.features[:, valid.names.index(name)]
    return np.nan_to_num(total, nan=LOWEST)[:, None]


def measure_valid(valid: RankingDataset, scores: Floats) -> dict[str, float]:
    """``measure`` of the only column of validation scores."""
    return measure(scores[:, 0], valid.labels, valid.group_sizes)


def _climb_blocks(data: Result[TrainingData], config: FlightConfig, ladder: Ladder) -> None:
    """A logit and a boosted model on the features of the public notebooks, then one model on block after block."""
    base, first, run = config.baseline, MODELS_IN_ORDER[0], ladder.run
    rungs = [
        (f"logit on {', '.join(base.blocks)}", LOGIT, "logit-base", "logit", base.blocks),
        (f"baseline: {base.model} on the same", BOOSTING, BASELINE, base.model, base.blocks),
        (f"{first} on the option alone", BOOSTING, f"{first}-1", first, BLOCKS[:1]),
    ]
    for count, block in enumerate(BLOCKS[1:], 2):
        name = first if count == len(BLOCKS) else f"{first}-{count}"
        rungs.append((f"+ {block} features", BOOSTING, name, first, BLOCKS[:count]))
    for title, family, name, kind, blocks in rungs:
        with ladder.rung(title, family, FEATURES) as rung:
            recipe = make_recipe(config, kind, blocks)
            ranker = run.step(fit, recipe, data.train, data.stop, name=f"fit.{name}")
            scores = run.step(score_valid, data.valid, collect([ranker]), name=f"ladder.{name}")
            _record(rung, run.step(measure_valid, data.valid, scores).value)


def _add_models(data: Result[TrainingData], config: FlightConfig, ladder: Ladder) -> None:
    """The blend with one model more each time, then the rerank."""
    run = ladder.run
    for count in range(2, len(MODELS_IN_ORDER) + 1):
        with ladder.rung(f"+ {MODELS_IN_ORDER[count - 1]}, blended", BLEND, FEATURES, NOT_BLENDED) as rung:
            _, blended, _ = _blend(data, config, run, MODELS_IN_ORDER[:count])
            _record(rung, blended)
    with ladder.rung("rerank", BLEND, FEATURES, NOT_BLENDED) as rung:
        penalty, _, reranked = _blend(data, config, run, MODELS_IN_ORDER)
        rung.name = f"+ rerank, penalty {penalty:g}"
        _record(rung, reranked)


def _blend(
    data: Result[TrainingData], config: FlightConfig, run: Run, kinds: Sequence[str]
) -> tuple[float, dict[str, float], dict[str, float]]:
    """The chosen penalty, and the measures of the blend of some models without and with it."""
    recipes = list_recipes(config)
    fits = [run.step(fit, recipes[name], data.train, data.stop, name=f"fit.{name}") for name in (BASELINE, *kinds)]
    scores = run.step(score_valid, data.valid, collect(fits), name=f"ladder.models-{len(kinds)}")
    blend = run.step(find_blend, data.valid, scores, config.blend, config.seed)
    penalty = run.step(find_penalty, data, scores, blend, config.rerank_penalties)
    *_, blended, reranked = run.step(measure_all, data, scores, blend, penalty).value
    return penalty.value, blended, reranked


def _record(rung: Rung, scores: dict[str, float]) -> None:
    others = {f"HitRate@{k}": scores[f"hit_rate@{k}"] for k in (1, 10)}
    rung.record(scores["hit_rate@3"], scores["error"], **others)
