"""What each part is worth: from a random order to the blend, on the same validation sessions.

    make ladder-flight    make rung-flight RUNG=cheapest    or    python -m competitions ladder flight --only cheapest

Rules of one line, then what others booked, then the plain peers and the public notebooks' models, then one boosted
model on block after block of features, then model after model in the blend. There is no factorisation of
travellers x options: an option is on offer once, so that nobody else ever took the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.methods.families import BLEND, BOOSTING, LOGIT, NEIGHBOURS, POPULARITY, RULE
from common.day.methods.ladder import Ladder, Lists, Rung, Scored, rank_right
from common.engine.run import Result, Run, collect
from common.learning.dataset import take_blocks
from common.learning.fit_task import Recipe
from competitions.flight.config import FlightConfig
from competitions.flight.day.judged import METRIC
from competitions.flight.day.validation import describe_session
from competitions.flight.io.reader import RawFiles
from competitions.flight.lab.peers import PEERS, Peer
from competitions.flight.metrics import CUTOFF, LARGE, measure
from competitions.flight.pipeline import Sessions, build_rows, choose_blocks, split_sessions
from competitions.flight.plan import Features
from competitions.flight.ranking.blending import blend_scores, find_blend, find_hits
from competitions.flight.ranking.cross_validation import cross_fit
from competitions.flight.ranking.rankers import Choice, list_blocks, list_recipes, make_recipe, stack_scores
from competitions.flight.ranking.training_data import FoldData, TrainingData
from competitions.flight.split import Numbers

PRICE, DURATION = "core_log_price", "core_duration"
SPLIT_TIES = 1e-3  # where a rule cannot tell two options apart the cheaper one is first
LOWEST = -1e9
RANDOM = "random"  # which methods that stand alone build on
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


@dataclass(frozen=True)
class Climb:
    """What the steps begin with; each part is made when the first of them needs it."""

    files: RawFiles
    config: FlightConfig
    run: Run

    @cached_property
    def sessions(self) -> Sessions:
        """What was read, and the split."""
        return split_sessions(self.files, self.config, self.run)

    def rows(self, blocks: Sequence[str]) -> Result[TrainingData]:
        """Labelled rows with the features of these blocks alone."""
        return build_rows(self.sessions, list(blocks), self.config, self.run)

    @property
    def data(self) -> Result[TrainingData]:
        """The pipeline's own rows."""
        return self.rows(list_blocks(self.sessions.plan))

    @cached_property
    def choice(self) -> Choice:
        """The features that the pipeline learns from."""
        return choose_blocks(self.sessions, self.data, self.config, self.run).value

    def make_recipe(self, name: str) -> Recipe:
        """How the pipeline fits a model."""
        return list_recipes(self.config, self.sessions.plan, self.choice)[name]

    def record(self, data: Result[TrainingData], scores: Floats, *made_by: Result[Any]) -> Scored:
        """``record`` on the validation rows."""
        scored = record(data.value, scores, self.sessions.split.value.searches)
        return replace(scored, made_by=[data, *made_by])

    def describe(self, queries: Sequence[str]) -> pl.DataFrame:
        """The search and the booked option of some sessions in words: query, history, answer."""
        train, words = self.sessions.train.value, []
        for query in queries:
            option = train.sessions["booked"][int(query)]
            search, (booked,) = describe_session(train, int(query), [option])
            words.append({"query": query, "history": search, "answer": f"option {option}, {booked}"})
        return pl.DataFrame(words)


def make_ladder(files: RawFiles, config: FlightConfig, run: Run) -> Ladder:
    """HitRate@3 on the validation sessions, its standard error, and the hit rates at 1 and 10."""
    way = Climb(files, config, run)
    rungs = [*_list_rules(way), *_list_peers(way), *_list_models(way)]
    title = "Flight: the booked option of a search, on the validation sessions"
    return Ladder(run, title, METRIC, files, rungs, lambda: [way.sessions.log, way.sessions.split], way.describe)


def record(data: TrainingData, scores: Floats, searches: Numbers) -> Scored:
    """A method by one score a validation row (n,); what several fits judge counts once, twin sessions as one search.

    ``searches``: by session of the train file.
    """
    valid, one = data.valid, np.ascontiguousarray(scores)
    counted = valid.group_sizes > LARGE
    sessions = data.valid_sessions[counted]
    firsts, unit = np.unique(searches[sessions], return_index=True, return_inverse=True)[1:]
    hit = find_hits(one, valid.labels, valid.group_sizes)[counted]
    judged = np.bincount(unit)
    share = np.bincount(unit, hit) / judged
    rates = measure(one, valid.labels, valid.group_sizes)
    more = {f"HitRate@{k}": rates[f"hit_rate@{k}"] for k in (1, 10)}
    queries = pl.Series(sessions[firsts]).cast(pl.String)
    return Scored(share, judged.astype(np.float64), more, Lists(queries, *list_first(data, one)))


def list_first(data: TrainingData, scores: Floats) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rank of the booked option of every counted session, and its three options of the highest score: number,
    price and hours.
    """
    valid = data.folds[0].valid
    numbers = np.repeat(data.folds[0].sessions, valid.group_sizes)
    sizes = np.repeat(valid.group_sizes, valid.group_sizes)
    column = {name: valid.features[:, valid.names.index(name)] for name in (PRICE, DURATION) if name in valid.names}
    known = {"query": numbers, "score": scores[: len(numbers)], "size": sizes, "answer": valid.labels > 0}
    rows = pl.DataFrame(known | column).with_columns(pl.col("query").cast(pl.String))
    price = (pl.col(PRICE).exp() - 1.0).fill_nan(None).round(0).cast(pl.Int64).cast(pl.String).fill_null("no price")
    words = [price] if PRICE in column else []
    words += [pl.format("{} h", (pl.col(DURATION) / 60).round(1))] if DURATION in column else []
    option = pl.int_range(pl.len(), dtype=pl.Int64).over("query")
    item = pl.concat_str(pl.format("option {}", option), *words, separator=", ")
    ranked = rows.with_columns(item=item).filter(pl.col("size") > LARGE)
    order = ranked.sort("query", "score", descending=[False, True], maintain_order=True)
    shown = order.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("query"))
    return rank_right(ranked), shown.filter(pl.col("rank") <= CUTOFF).select("query", "rank", "item", "answer")


def _list_rules(way: Climb) -> Iterator[Rung]:
    """Methods without a model, on the few features that they add up."""
    for key, title, family, weights in [(RANDOM, "a random order", POPULARITY, {}), *RULES]:
        formula = " + ".join(f"{weight:g} {name}" for name, weight in weights.items())
        measure = partial(measure_rule, way, key, weights)
        yield Rung(key, title, family, measure, score_by_rule, RANDOM, f"score = {formula or 'a random number'}")


def measure_rule(way: Climb, key: str, weights: dict[str, float]) -> Scored:
    """A rule, on the blocks of its own features."""
    data = way.rows(("core", *sorted({name.partition("_")[0] for name in weights} - {"core"})))
    scores = way.run.step(score_by_rule, data.field("folds"), weights, way.config.seed, name=f"ladder.{key}")
    return way.record(data, scores.value, scores)


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
    for peer in PEERS:
        family = LOGIT if "logit" in peer.title else BOOSTING
        yield Rung(peer.key, f"peer: {peer.title}", family, partial(measure_peer, way, peer), peer.score, RANDOM)


def measure_peer(way: Climb, peer: Peer) -> Scored:
    """A peer, on the blocks that it learns from."""
    data = way.rows(peer.blocks)
    scores = way.run.step(score_peer, peer, data.field("folds"), way.config.seed, name=f"ladder.{peer.key}")
    return way.record(data, scores.value, scores)


def score_peer(peer: Peer, folds: Sequence[FoldData], seed: int) -> Floats:
    """A peer's scores of the validation rows of all folds, (rows,), each fold's by a fit on its training rows."""
    parts = [
        peer.score(take_blocks(fold.train, peer.blocks), take_blocks(fold.valid, peer.blocks), seed) for fold in folds
    ]
    return np.concatenate(parts)


def _list_models(way: Climb) -> Iterator[Rung]:
    """The first model on block after block, then every model alone, then their blend."""
    models = way.config.rank.models
    first = models[0]

    def lack(block: str) -> str | None:
        built = any(block in features.blocks for features in way.sessions.plan.features)
        return None if built else f"the settings and these files build no block {block!r} of features"

    def measure_blocks(count: int) -> Scored:
        known = tuple(block for block in ORDER[:count] if lack(block) is None)
        recipe = make_recipe(way.config, way.sessions.plan, first, Features(ORDER[count - 1], known))
        return measure_model(way, f"{first}-{count}", recipe)

    def measure_own(name: str) -> Scored:
        return measure_model(way, name, way.make_recipe(name))

    for count, block in enumerate(ORDER, 1):
        title, below = (f"{first} on {block}", RANDOM) if count == 1 else (f"+ {block} features", None)
        measure, lacks = partial(measure_blocks, count), partial(lack, block)
        yield Rung(f"{first}-{block}", title, BOOSTING, measure, cross_fit, below, lacks=lacks)
    for name in models:
        title, below = (f"{name} as submitted", None) if name == first else (name, first)
        yield Rung(name, title, BOOSTING, partial(measure_own, name), cross_fit, below)
    yield Rung("blend", "the models, blended", BLEND, partial(measure_blend, way, models), find_blend, first)


def measure_model(way: Climb, name: str, recipe: Recipe) -> Scored:
    """A model of the pipeline."""
    cross = way.run.step(cross_fit, recipe, way.data.field("folds"), name=f"fit.{name}")
    return way.record(way.data, np.concatenate(cross.value.scores), cross)


def measure_blend(way: Climb, models: Sequence[str]) -> Scored:
    """The mixture of the models' probabilities."""
    data, step = way.data, way.run.step
    crosses = [step(cross_fit, way.make_recipe(name), data.field("folds"), name=f"fit.{name}") for name in models]
    scores = step(stack_scores, collect(crosses))
    found = step(find_blend, data, scores, way.sessions.split.field("searches"))
    return way.record(data, blend_scores(found.value, scores.value, data.value.valid.group_sizes), scores, found)
