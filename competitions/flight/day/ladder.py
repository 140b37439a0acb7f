"""What each part is worth: from a random order to the blend, on the same validation sessions.

    make ladder-flight        or        python -m competitions ladder flight

Rules of one line, then what others booked, then the plain peers and the public notebooks' models, then one boosted
model on block after block of features, then model after model in the blend. ``blend gains``: by how much the
pipeline's last rung beats a rung on the same sessions, with the standard error of the difference. There is no
factorisation of travellers x options: an option is on offer once, so that nobody else ever took the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.arrays import Floats
from common.day.ladder import BLEND, BOOSTING, LOGIT, NEIGHBOURS, POPULARITY, RULE, Ladder, Rung
from common.engine.run import Result, Run, collect
from common.learning.dataset import take_blocks
from competitions.flight.config import FlightConfig
from competitions.flight.io.reader import RawFiles
from competitions.flight.lab.peers import PEERS, PUBLIC, Peer
from competitions.flight.metrics import LARGE, measure
from competitions.flight.pipeline import Prepared, prepare
from competitions.flight.plan import Features
from competitions.flight.ranking.blending import blend_scores, find_blend, find_hits
from competitions.flight.ranking.cross_validation import cross_fit
from competitions.flight.ranking.rankers import list_recipes, make_recipe, stack_scores
from competitions.flight.ranking.training_data import FoldData, TrainingData

FEATURES = ("train.history", "train.features")  # the steps behind every ranker
PRICE, SPLIT_TIES = "core_log_price", 1e-3  # where a rule cannot tell two options apart the cheaper one is first
LOWEST = -1e9
RANDOM = "random"  # the rung that methods which stand alone build on
OWN_KEYS = ("habit_out_flight", "habit_back_flight", "profile_out_flight", "profile_back_flight",
            "carrier_company", "carrier_profile")  # fmt: skip
# Name, family, and what is added up: features by their weights.
RULES: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("cheapest", RULE, {PRICE: -1.0}),
    ("shortest, then cheapest", RULE, {"core_duration": -1.0}),
    ("carrier booked most often if offered, then cheapest", POPULARITY, {"lift_carrier": 1.0}),
    ("what company and traveller booked, then cheapest", NEIGHBOURS, {f"lift_{key}": 1.0 for key in OWN_KEYS}),
)
ORDER = ("core", "pair", "lift", "taste", "tariff")  # in which blocks are added
Row = dict[str, Any]


@dataclass(frozen=True)
class Climb:
    """What every rung needs: the ladder, the settings, the run and the prepared rows."""

    ladder: Ladder
    config: FlightConfig
    prepared: Prepared
    run: Run
    data: Result[TrainingData]


@dataclass(frozen=True)
class Measured:
    """``measure`` of a rung, and by scored validation session the share of its judgements that hit."""

    rates: dict[str, float]
    hits: Floats


def climb(files: RawFiles, config: FlightConfig, run: Run) -> list[Row]:
    """One row per rung: HitRate@3 on the validation sessions, its standard error, and the hit rates at 1 and 10."""
    prepared = prepare(files, config, run, PUBLIC)
    title = f"Flight: the booked option of a search, on {prepared.split.value.name}"
    way = Climb(Ladder(run, title, "HitRate@3", files), config, prepared, run, prepared.data)
    final = _blend(way)
    _climb_rules(way, final)
    _climb_peers(way, final)
    _climb_models(way, final)
    with way.ladder.rung("the models, blended", BLEND, FEATURES, builds_on=prepared.plan.models[0]) as rung:
        _record(rung, _blend(way), final)
    return way.ladder.write()


def measure_scores(data: TrainingData, scores: Floats) -> Measured:
    """``measure`` of one score a validation row (n,)."""
    valid, one = data.valid, np.ascontiguousarray(scores)
    counted = valid.group_sizes > LARGE
    unit = np.unique(data.valid_sessions[counted], return_inverse=True)[1]
    hit = find_hits(one, valid.labels, valid.group_sizes)[counted]
    # A session that several fits judge counts once.
    share = np.bincount(unit, hit) / np.bincount(unit)
    return Measured(measure(one, valid.labels, valid.group_sizes), share)


def _climb_rules(way: Climb, final: Measured) -> None:
    """Rungs without a model, as far as the settings build their features."""
    names = way.data.value.folds[0].valid.names
    known = [rule for rule in RULES if {PRICE, *rule[2]} <= set(names)]
    for number, (name, family, weights) in enumerate([(RANDOM, POPULARITY, {}), *known]):
        needs = FEATURES[:1] if "lift" in "".join(weights) else ()
        with way.ladder.rung(name, family, needs, builds_on=RANDOM) as rung:
            scores = way.run.step(score_by_rule, way.data.folds, weights, way.config.seed, name=f"ladder.rule-{number}")
            _record(rung, measure_scores(way.data.value, scores.value), final)


def score_by_rule(folds: Sequence[FoldData], weights: dict[str, float], seed: int) -> Floats:
    """A weighted sum of features of the validation rows, (rows,); a missing one puts the option last.

    Ties go to the cheaper option. Without weights the scores are random.
    """
    rng, parts = np.random.default_rng(seed), []
    for valid in (fold.valid for fold in folds):
        if not weights:
            parts.append(rng.random(len(valid.features)))
            continue
        total = -SPLIT_TIES * valid.features[:, valid.names.index(PRICE)].astype(np.float64)
        for name, weight in weights.items():
            total += weight * valid.features[:, valid.names.index(name)]
        parts.append(np.nan_to_num(total, nan=LOWEST))
    return np.concatenate(parts)


def _climb_peers(way: Climb, final: Measured) -> None:
    """Models of one page, and the public notebooks' ones, on the rows of the same folds."""
    for number, peer in enumerate(peer for peer in PEERS if all(_has_block(way, block) for block in peer.blocks)):
        family = LOGIT if "logit" in peer.title else BOOSTING
        with way.ladder.rung(f"peer: {peer.title}", family, FEATURES, builds_on=RANDOM) as rung:
            scores = way.run.step(score_peer, peer, way.data.folds, way.config.seed, name=f"ladder.peer-{number}").value
            _record(rung, measure_scores(way.data.value, scores), final)


def _has_block(way: Climb, block: str) -> bool:
    plan = way.prepared.plan.features
    return block in PUBLIC or any(block in features.blocks for features in plan)


def score_peer(peer: Peer, folds: Sequence[FoldData], seed: int) -> Floats:
    """A peer's scores of the validation rows of all folds, (rows,), each fold's by a fit on its training rows."""
    parts = [
        peer.score(take_blocks(fold.train, peer.blocks), take_blocks(fold.valid, peer.blocks), seed) for fold in folds
    ]
    return np.concatenate(parts)


def _climb_models(way: Climb, final: Measured) -> None:
    """The first model on block after block, then every model alone."""
    config, plan = way.config, way.prepared.plan
    recipes = list_recipes(config, plan, way.prepared.choice.value)
    first, rungs = config.rank.models[0], []
    blocks = [block for block in ORDER if _has_block(way, block)] or list(plan.features[0].blocks)
    for count, block in enumerate(blocks, 1):
        recipe = make_recipe(config, plan, first, Features(block, tuple(blocks[:count])))
        rungs.append((f"{first} on {block}" if count == 1 else f"+ {block} features", f"{first}-{count}", recipe))
    chosen = way.prepared.choice.value.features
    if chosen.base_margin:
        rungs.append((f"from the score {chosen.base_margin}", first, recipes[first]))
    rungs += [(name, name, recipes[name]) for name in plan.models]
    others = {rungs[0][0]: RANDOM} | dict.fromkeys(plan.models[1:], plan.models[0])
    for title, name, recipe in rungs:
        with way.ladder.rung(title, BOOSTING, FEATURES, builds_on=others.get(title)) as rung:
            cross = way.run.step(cross_fit, recipe, way.data.folds, name=f"fit.{name}")
            scores = np.concatenate(cross.value.scores)
            _record(rung, measure_scores(way.data.value, scores), final)


def _blend(way: Climb) -> Measured:
    """The blend of the models of the plan."""
    run, data, names = way.run, way.data, way.prepared.plan.models
    recipes = list_recipes(way.config, way.prepared.plan, way.prepared.choice.value)
    crosses = [run.step(cross_fit, recipes[name], data.folds, name=f"fit.{name}") for name in names]
    scores = run.step(stack_scores, collect(crosses), name=f"ladder.models-{len(names)}")
    blend = run.step(find_blend, data, scores).value
    return measure_scores(data.value, blend_scores(blend, scores.value, data.value.valid.group_sizes))


def _record(rung: Rung, measured: Measured, final: Measured) -> None:
    rates = measured.rates
    gain = final.hits - measured.hits
    others = {f"HitRate@{k}": rates[f"hit_rate@{k}"] for k in (1, 10)}
    error = float(gain.std() / max(len(gain), 1) ** 0.5)
    rung.record(measured.hits, None, **others, **{"blend gains": float(gain.mean()), "its error": error})
