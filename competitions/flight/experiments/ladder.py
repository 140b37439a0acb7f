"""What each part is worth: from a random order to the reranked blend, on the same validation sessions.

    make ladder-flight        or        python -m competitions ladder flight

Rules of one line, then what others booked, then a conditional logit, then boosted models on block after block of
features, then model after model in the blend. What an ordinary run has already fitted is not fitted again. There is no
factorisation of travellers x options: an option is on offer once, so that nobody else ever took the same.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.experiments import ladder as steps
from common.experiments.ladder import Ladder, Rung
from common.pipeline.run import Result, Run
from competitions.flight.config import BLOCKS, FlightConfig
from competitions.flight.io import reader
from competitions.flight.pipeline import fit_early, prepare
from competitions.flight.ranking import blending
from competitions.flight.ranking import rankers as ranking
from competitions.flight.ranking.rankers import Floats
from competitions.flight.ranking.training_data import Labelled

MODELS_IN_ORDER = (
    "lightgbm_softmax",
    "catboost_softmax",
    "xgboost_pairwise",
    "xgboost_ndcg",
    "lightgbm_lambdarank",
    "logit",
)
FEATURES = ("train.history", "train.features")  # the steps behind every ranker
JUDGED = ("fit.baseline",)  # measured beside the blend, takes no part in it
PRICE, SPLIT_TIES = "option_log_price", 1e-3  # where a rule cannot tell two options apart the cheaper one is first
LOWEST = -1e9
# Name, family, and what is added up: features by their weights.
RULES: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("cheapest", steps.RULE, {PRICE: -1.0}),
    ("shortest, then cheapest", steps.RULE, {"option_duration": -1.0}),
    ("carrier booked most often if offered, then cheapest", steps.POPULARITY, {"history_carrier_lift": 1.0}),
    (
        "what company and traveller booked, then cheapest",
        steps.NEIGHBOURS,
        {
            "history_habit_out_flight_lift": 1.0,
            "history_habit_back_flight_lift": 1.0,
            "history_profile_out_flight_lift": 1.0,
            "history_profile_back_flight_lift": 1.0,
            "history_carrier_company_lift": 1.0,
            "history_carrier_profile_lift": 1.0,
        },
    ),
)
Row = dict[str, Any]


def climb(files: reader.RawFiles, config: FlightConfig, run: Run) -> list[Row]:
    """One row per rung: HitRate@3 on the validation sessions, its standard error, and the hit rates at 1 and 10."""
    labelled = prepare(files, config, run).labelled
    ladder = Ladder(run, "Flight: the booked option of a search, on the last sessions", "HitRate@3")
    _climb_rules(labelled, config, ladder)
    _climb_blocks(labelled, config, ladder)
    _add_models(labelled, config, ladder)
    return ladder.write()


def _climb_rules(labelled: Result[Labelled], config: FlightConfig, ladder: Ladder) -> None:
    """Rungs without a model."""
    rules = [("random", steps.POPULARITY, {}), *RULES]
    for place, (name, family, weights) in enumerate(rules):
        with ladder.rung(name, family, FEATURES[:1] if "history" in "".join(weights) else ()) as rung:
            scores = ladder.run.step(score_plainly, labelled, weights, config.seed, name=f"ladder.rule-{place}")
            _tell(rung, ladder.run.step(ranking.measure_valid, labelled, scores).value[0])


def score_plainly(labelled: Labelled, weights: dict[str, float], seed: int) -> Floats:
    """A weighted sum of features of the validation rows, (rows, 1); a missing one puts the option last.

    Ties go to the cheaper option. Without weights the scores are drawn.
    """
    valid = labelled.valid
    if not weights:
        return np.random.default_rng(seed).random((len(valid.features), 1))
    price = valid.features[:, valid.names.index(PRICE)].astype(np.float64)
    total = -SPLIT_TIES * price
    for name, weight in weights.items():
        total += weight * valid.features[:, valid.names.index(name)]
    return np.nan_to_num(total, nan=LOWEST)[:, None]


def _climb_blocks(labelled: Result[Labelled], config: FlightConfig, ladder: Ladder) -> None:
    """A logit and a boosted model on the features of the public notebooks, then one model on block after block."""
    base, first, run = config.baseline, MODELS_IN_ORDER[0], ladder.run
    recipes = [
        (f"logit on {', '.join(base.blocks)}", steps.LOGIT, "logit-base", "logit", base.blocks),
        (f"baseline: {base.model} on the same", steps.BOOSTING, "baseline", base.model, base.blocks),
    ]
    for count, block in enumerate(BLOCKS, 1):
        rung = f"+ {block} features" if count > 1 else f"{first} on the option alone"
        name = first if count == len(BLOCKS) else f"{first}-{count}"
        recipes.append((rung, steps.BOOSTING, name, first, BLOCKS[:count]))
    for told, family, name, kind, blocks in recipes:
        with ladder.rung(told, family, FEATURES) as step:
            ranker = fit_early(run, labelled, config, name, kind, blocks)
            scores = run.step(ranking.score_valid, labelled, [ranker], name=f"ladder.{name}")
            _tell(step, run.step(ranking.measure_valid, labelled, scores).value[0])


def _add_models(labelled: Result[Labelled], config: FlightConfig, ladder: Ladder) -> None:
    """The blend with one model more each time, then the rerank."""
    run = ladder.run
    for count in range(2, len(MODELS_IN_ORDER) + 1):
        with ladder.rung(f"+ {MODELS_IN_ORDER[count - 1]}, blended", steps.BLEND, FEATURES, JUDGED) as rung:
            _, blended, _ = _blend(labelled, config, run, MODELS_IN_ORDER[:count])
            _tell(rung, blended)
    with ladder.rung("rerank", steps.BLEND, FEATURES, JUDGED) as rung:
        penalty, _, reranked = _blend(labelled, config, run, MODELS_IN_ORDER)
        rung.name = f"+ rerank, penalty {penalty:g}"
        _tell(rung, reranked)


def _blend(
    labelled: Result[Labelled], config: FlightConfig, run: Run, kinds: Sequence[str]
) -> tuple[float, dict[str, float], dict[str, float]]:
    """The penalty found, and the measures of the blend of some models without and with it."""
    fits = [fit_early(run, labelled, config, "baseline", config.baseline.model, config.baseline.blocks)]
    fits += [fit_early(run, labelled, config, kind, kind, config.rank.blocks) for kind in kinds]
    scores = run.step(ranking.score_valid, labelled, fits, name=f"ladder.models-{len(kinds)}")
    blend = run.step(
        blending.find_blend, labelled, scores, config.blend.trials, config.blend.bucket_sessions, config.seed
    )
    penalty = run.step(blending.find_penalty, labelled, scores, blend, config.rerank_penalties)
    *_, blended, reranked = run.step(blending.measure_all, labelled, scores, blend, penalty).value
    return penalty.value, blended, reranked


def _tell(rung: Rung, found: dict[str, float]) -> None:
    others = {f"HitRate@{k}": found[f"hit_rate@{k}"] for k in (1, 10)}
    rung.record(found["hit_rate@3"], found["error"], **others)
