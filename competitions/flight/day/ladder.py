"""What each part is worth: from a random order to the blend, on the same validation sessions.

    make ladder-flight    make rung-flight RUNG=cheapest    or    python -m competitions ladder flight --only cheapest

Rules of one line, then what others booked, then the plain peers and the public notebooks' models, then one boosted
model on block after block of features, then model after model in the blend. There is no factorisation of
travellers x options: an option is on offer once, so that nobody else ever took the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.ladder import BLEND, BOOSTING, LOGIT, NEIGHBOURS, POPULARITY, RULE, Ladder, Rung, Scored
from common.engine.run import Result, Run, collect
from common.learning.dataset import take_blocks
from common.learning.fit_task import Recipe
from competitions.flight.config import FlightConfig
from competitions.flight.io.reader import RawFiles
from competitions.flight.lab.peers import PEERS, PUBLIC, Peer
from competitions.flight.metrics import CUTOFF, LARGE, measure
from competitions.flight.pipeline import Prepared, prepare
from competitions.flight.plan import Features
from competitions.flight.ranking.blending import blend_scores, find_blend, find_hits
from competitions.flight.ranking.cross_validation import cross_fit
from competitions.flight.ranking.rankers import list_recipes, make_recipe, stack_scores
from competitions.flight.ranking.training_data import FoldData, TrainingData
from competitions.flight.split import Numbers

FEATURES = ("train.history", "train.features")  # the steps behind every ranker
PRICE, DURATION, SPLIT_TIES = (
    "core_log_price",
    "core_duration",
    1e-3,
)  # where a rule cannot tell two options apart the cheaper one is first
LOWEST = -1e9
RANDOM = "random"  # the rung that methods which stand alone build on
OWN_KEYS = ("habit_out_flight", "habit_back_flight", "profile_out_flight", "profile_back_flight",
            "carrier_company", "carrier_profile")  # fmt: skip
# Key, title, family, and what is added up: features by their weights.
RULES: tuple[tuple[str, str, str, dict[str, float]], ...] = (
    ("cheapest", "cheapest", RULE, {PRICE: -1.0}),
    ("shortest", "shortest, then cheapest", RULE, {DURATION: -1.0}),
    ("carrier", "carrier booked most often if offered, then cheapest", POPULARITY, {"lift_carrier": 1.0}),
    (
        "habits",
        "what company and traveller booked, then cheapest",
        NEIGHBOURS,
        {f"lift_{key}": 1.0 for key in OWN_KEYS},
    ),
)
ORDER = ("core", "pair", "lift", "taste")  # in which blocks are added
Row = dict[str, Any]


@dataclass(frozen=True)
class Climb:
    """What every rung needs: the settings, the prepared rows and the run."""

    config: FlightConfig
    prepared: Prepared
    run: Run
    data: Result[TrainingData]

    def record(self, scores: Floats) -> Scored:
        """``record`` on the validation rows."""
        return record(self.data.value, scores, self.prepared.split.value.searches)


def climb(files: RawFiles, config: FlightConfig, run: Run, only: str | None = None) -> list[Row]:
    """One row per rung: HitRate@3 on the validation sessions, its standard error, and the hit rates at 1 and 10.

    ``only``: the key of one rung.
    """
    prepared = prepare(files, config, run, PUBLIC)
    title = f"Flight: the booked option of a search, on {prepared.split.value.name}"
    way = Climb(config, prepared, run, prepared.data)
    rungs = [*_list_rules(way), *_list_peers(way), *_list_models(way)]
    return Ladder(run, title, "HitRate@3", files).climb(rungs, only)


def record(data: TrainingData, scores: Floats, searches: Numbers) -> Scored:
    """A rung by one score a validation row (n,); what several fits judge counts once, twin sessions as one search.

    ``searches``: by session of the train file.
    """
    valid, one = data.valid, np.ascontiguousarray(scores)
    counted = valid.group_sizes > LARGE
    unit = np.unique(searches[data.valid_sessions[counted]], return_inverse=True)[1]
    hit = find_hits(one, valid.labels, valid.group_sizes)[counted]
    judged = np.bincount(unit)
    share = np.bincount(unit, hit) / judged
    rates = measure(one, valid.labels, valid.group_sizes)
    more = {f"HitRate@{k}": rates[f"hit_rate@{k}"] for k in (1, 10)}
    return Scored(share, judged.astype(np.float64), more, list_first(data, one))


def list_first(data: TrainingData, scores: Floats) -> pl.DataFrame:
    """The three options of the highest score of every counted session: its number, rank, price and hours, booked?"""
    valid = data.folds[0].valid
    numbers = np.repeat(data.folds[0].sessions, valid.group_sizes)
    column = {name: valid.features[:, valid.names.index(name)] for name in (PRICE, DURATION) if name in valid.names}
    sizes = np.repeat(valid.group_sizes, valid.group_sizes)
    rows = pl.DataFrame(
        {"query": numbers, "score": scores[: len(numbers)], "size": sizes, "answer": valid.labels > 0, **column}
    )
    price = (pl.col(PRICE).exp() - 1.0).fill_nan(None).round(0).cast(pl.Int64).cast(pl.String).fill_null("no price")
    words = [price] if PRICE in column else []
    words += [pl.format("{} h", (pl.col(DURATION) / 60).round(1))] if DURATION in column else []
    option = pl.int_range(pl.len(), dtype=pl.Int64).over("query")
    item = pl.concat_str(pl.format("option {}", option), *words, separator=", ")
    ranked = rows.filter(pl.col("size") > LARGE).with_columns(item=item)
    order = ranked.sort("query", "score", descending=[False, True], maintain_order=True)
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("query")
    return (
        order.with_columns(rank=rank, query=pl.col("query").cast(pl.String))
        .filter(pl.col("rank") <= CUTOFF)
        .select("query", "rank", "item", "answer")
    )


def _list_rules(way: Climb) -> Iterator[Rung]:
    """Rungs without a model, as far as the settings build their features."""
    names = way.data.value.folds[0].valid.names
    known = [rule for rule in RULES if {PRICE, *rule[3]} <= set(names)]
    for number, (key, title, family, weights) in enumerate([(RANDOM, "a random order", POPULARITY, {}), *known]):

        def score(number: int = number, weights: dict[str, float] = weights) -> Scored:
            name = f"ladder.rule-{number}"
            scores = way.run.step(score_by_rule, way.data.folds, weights, way.config.seed, name=name)
            return way.record(scores.value)

        needs = FEATURES[:1] if "lift" in "".join(weights) else ()
        yield Rung(key, title, family, score, score_by_rule, needs, builds_on=RANDOM)


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


def _list_peers(way: Climb) -> Iterator[Rung]:
    """Models of one page, and the public notebooks' ones, on the rows of the same folds."""
    for number, peer in enumerate(peer for peer in PEERS if all(_has_block(way, block) for block in peer.blocks)):

        def score(number: int = number, peer: Peer = peer) -> Scored:
            scores = way.run.step(score_peer, peer, way.data.folds, way.config.seed, name=f"ladder.peer-{number}")
            return way.record(scores.value)

        family = LOGIT if "logit" in peer.title else BOOSTING
        yield Rung(peer.key, f"peer: {peer.title}", family, score, peer.score, FEATURES, builds_on=RANDOM)


def _has_block(way: Climb, block: str) -> bool:
    plan = way.prepared.plan.features
    return block in PUBLIC or any(block in features.blocks for features in plan)


def score_peer(peer: Peer, folds: Sequence[FoldData], seed: int) -> Floats:
    """A peer's scores of the validation rows of all folds, (rows,), each fold's by a fit on its training rows."""
    parts = [
        peer.score(take_blocks(fold.train, peer.blocks), take_blocks(fold.valid, peer.blocks), seed) for fold in folds
    ]
    return np.concatenate(parts)


def _list_models(way: Climb) -> Iterator[Rung]:
    """The first model on block after block, then every model alone, then their blend."""
    config, plan = way.config, way.prepared.plan
    recipes = list_recipes(config, plan, way.prepared.choice.value)
    models: list[tuple[str, str, str, Recipe]] = []
    first = config.rank.models[0]
    blocks = [block for block in ORDER if _has_block(way, block)] or list(plan.features[0].blocks)
    for count, block in enumerate(blocks, 1):
        recipe = make_recipe(config, plan, first, Features(block, tuple(blocks[:count])))
        title = f"{first} on {block}" if count == 1 else f"+ {block} features"
        models.append((f"{first}-{block}", title, f"{first}-{count}", recipe))
    chosen = way.prepared.choice.value.features
    if chosen.base_margin:
        models.append((f"{first}-margin", f"from the score {chosen.base_margin}", first, recipes[first]))
    models += [(name, name, name, recipes[name]) for name in plan.models]
    bases = {models[0][0]: RANDOM} | dict.fromkeys(plan.models[1:], plan.models[0])
    for key, title, name, recipe in models:

        def score(name: str = name, recipe: Recipe = recipe) -> Scored:
            cross = way.run.step(cross_fit, recipe, way.data.folds, name=f"fit.{name}")
            return way.record(np.concatenate(cross.value.scores))

        yield Rung(key, title, BOOSTING, score, cross_fit, FEATURES, builds_on=bases.get(key))

    def blend() -> Scored:
        crosses = [way.run.step(cross_fit, recipes[name], way.data.folds, name=f"fit.{name}") for name in plan.models]
        scores = way.run.step(stack_scores, collect(crosses), name=f"ladder.models-{len(plan.models)}")
        found = way.run.step(find_blend, way.data, scores, way.prepared.split.searches).value
        return way.record(blend_scores(found, scores.value, way.data.value.valid.group_sizes))

    title = "the models, blended"
    yield Rung("blend", title, BLEND, blend, find_blend, FEATURES, builds_on=plan.models[0])
