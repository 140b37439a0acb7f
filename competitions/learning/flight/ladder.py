"""What each part is worth: from a random order to the blend, on the same validation sessions.

    make ladder-flight    make rung-flight RUNG=cheapest    or    python -m competitions ladder flight --only cheapest

Rules of one line, then the plain peers, then one boosted model on block after block of features, then model after
model in the blend. There is no factorisation of travellers x options: an option is on offer once, so that nobody else
ever took the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.record_schema import WEIGHT
from common.engine.run import Result, Run, collect, derive
from competitions.flight.config import FlightConfig
from competitions.flight.day.judged import METRIC
from competitions.flight.io.reader import RawFiles
from competitions.flight.metrics import LARGE, measure
from competitions.flight.pipeline import Sessions, build_rows, split_sessions
from competitions.flight.ranking.blending import blend_scores, find_blend, find_hits
from competitions.flight.ranking.rankers import CrossFit, cross_fit, make_recipe, stack_scores
from competitions.flight.ranking.training_data import FoldData, TrainingData
from competitions.learning.families import BLEND, BOOSTING, LOGIT, POPULARITY, RULE, Family
from competitions.learning.flight.peers import COMPARISONS, PEERS, Peer
from competitions.learning.ladder import Bench, Ladder, Rung

PRICE, DURATION = "core_log_price", "core_duration"
SPLIT_TIES = 1e-3  # where a rule cannot tell two options apart the cheaper one is first
LOWEST = -1e9
RANDOM = "random"  # which methods that stand alone build on
# Key, title, family, and the feature whose lowest value comes first.
RULES: tuple[tuple[str, str, Family, str | None], ...] = (
    (RANDOM, "a random order", POPULARITY, None),
    ("cheapest", "cheapest", RULE, PRICE),
    ("shortest", "shortest, then cheapest", RULE, DURATION),
)
ORDER = ("core", "pair", "lift", "taste")  # in which blocks are added


class Answer(NamedTuple):
    """One score a validation row, (rows,), of the rows with the features that it was made of."""

    data: TrainingData
    scores: Floats


class FlightBench(Bench[RawFiles, FlightConfig]):
    """The sessions and their split; the rows have the blocks of features that a method reads."""

    @cached_property
    def sessions(self) -> Sessions:
        """What was read, and the split."""
        return split_sessions(self.files, self.config, self.run)

    @property
    def given(self) -> list[Result[Any]]:
        """What every method begins with."""
        return [self.sessions.log, self.sessions.split]

    def rows(self, blocks: Sequence[str]) -> Result[TrainingData]:
        """Labelled rows with the features of these blocks alone."""
        return build_rows(self.sessions, list(blocks), self.config, self.run)

    @property
    def data(self) -> Result[TrainingData]:
        """The pipeline's own rows."""
        return self.rows(self.sessions.plan.blocks)

    def record(self, answer: Answer) -> tuple[pl.DataFrame, dict[str, float]]:
        """What several fits judge counts once, twin sessions as one search."""
        data, scores = answer.data, np.ascontiguousarray(answer.scores)
        labels, sizes = data.labels, data.group_sizes
        counted = sizes > LARGE
        searches = self.sessions.split.value.searches[data.valid_sessions[counted]]
        unit = np.unique(searches, return_inverse=True)[1]
        hit = find_hits(scores, labels, sizes)[counted]
        judged = np.bincount(unit)
        share = np.bincount(unit, hit) / judged
        rates = measure(scores, labels, sizes)
        more = {f"HitRate@{k}": rates[f"hit_rate@{k}"] for k in (1, 10)}
        return pl.DataFrame({"score": share, WEIGHT: judged}), more


def make_ladder(files: RawFiles, config: FlightConfig, run: Run) -> Ladder:
    """HitRate@3 on the validation sessions, its standard error, and the hit rates at 1 and 10."""
    rungs = [*list_rules(), *list_peers(), *list_models(config)]
    title = "Flight: the booked option of a search, on the validation sessions"
    return Ladder(title, METRIC, FlightBench(files, config, run), rungs)


def list_rules() -> Iterator[Rung]:
    """Methods without a model."""
    for key, title, family, feature in RULES:
        text = f"score = {f'-{feature}' if feature else 'a random number'}"
        yield Rung(key, title, family, answer_by_rule, score_by_rule, (key, feature), RANDOM, text)


def answer_by_rule(bench: FlightBench, key: str, feature: str | None) -> Result[Answer]:
    """A rule, on the block of comparisons."""
    data = bench.rows(["core"])
    scores = bench.run.step(score_by_rule, data.field("folds"), feature, bench.config.seed, name=f"ladder.{key}")
    return derive(Answer, data, scores)


def score_by_rule(folds: Sequence[FoldData], feature: str | None, seed: int) -> Floats:
    """The validation rows by a feature, the lowest first, ties to the cheaper option: (rows,). A missing value puts the
    option last. Without a feature the scores are random.
    """
    valids = [fold.valid for fold in folds]
    if feature is None:
        return np.random.default_rng(seed).random(sum(len(valid.features) for valid in valids))
    own, price = (
        np.concatenate([valid.features[:, valid.names.index(name)] for valid in valids]).astype(np.float64)
        for name in (feature, PRICE)
    )
    return np.nan_to_num(-SPLIT_TIES * price - own, nan=LOWEST)


def list_peers() -> Iterator[Rung]:
    """Models of one page, on the rows of the same folds."""
    for peer in PEERS:
        family = LOGIT if "logit" in peer.title else BOOSTING
        yield Rung(peer.key, f"peer: {peer.title}", family, answer_by_peer, peer.score, (peer,), RANDOM)


def answer_by_peer(bench: FlightBench, peer: Peer) -> Result[Answer]:
    """A peer, on the blocks that it learns from."""
    data = bench.rows(COMPARISONS)
    scores = bench.run.step(score_peer, peer, data.field("folds"), bench.config.seed, name=f"ladder.{peer.key}")
    return derive(Answer, data, scores)


def score_peer(peer: Peer, folds: Sequence[FoldData], seed: int) -> Floats:
    """A peer's scores of the validation rows of all folds, (rows,), each fold's by a fit on its training rows."""
    return np.concatenate([peer.score(fold.train, fold.valid, seed) for fold in folds])


def list_models(config: FlightConfig) -> Iterator[Rung]:
    """The first model on block after block, then every model alone, then their blend."""
    first = config.rank.known_models[0]
    for count, block in enumerate(ORDER, 1):
        key, title = f"{first}-{block}", f"{first} on {block}" if count == 1 else f"+ {block} features"
        args, below = (first, count), RANDOM if count == 1 else None
        yield Rung(key, title, BOOSTING, answer_by_model, cross_fit, args, below, lacks=lack_block)
    for name in config.rank.known_models:
        title, below = (f"{name} as submitted", None) if name == first else (name, first)
        yield Rung(name, title, BOOSTING, answer_by_model, cross_fit, (name, 0), below)
    yield Rung("blend", "the models, blended", BLEND, blend_models, find_blend, (), first)


def lack_block(bench: FlightBench, first: str, count: int) -> str | None:
    """Why the last block of a step is not there, None where it is."""
    block, known = ORDER[count - 1], bench.sessions.plan.blocks
    return None if block in known else f"the settings and these files build no block {block!r} of features"


def answer_by_model(bench: FlightBench, name: str, count: int) -> Result[Answer]:
    """A model of the pipeline on the first ``count`` of the blocks, 0: on the features that it learns from."""
    return derive(Answer, bench.data, derive(join_scores, cross_fit_model(bench, name, count)))


def cross_fit_model(bench: FlightBench, name: str, count: int = 0) -> Result[CrossFit]:
    """The fits of the model, a fold each."""
    plan, step = bench.sessions.plan, f"fit.{name}-{count}" if count else f"fit.{name}"
    recipe = make_recipe(bench.config, plan, name)
    if count:
        known = tuple(block for block in ORDER[:count] if block in plan.blocks)
        recipe = replace(recipe, blocks=known, base_margin=None)
    return bench.run.step(cross_fit, recipe, bench.data.field("folds"), bench.config.rank.sample.negatives, name=step)


def join_scores(cross: CrossFit) -> Floats:
    """The scores of a model's fits, fold after fold, (rows,)."""
    return np.concatenate(cross.scores)


def blend_models(bench: FlightBench) -> Result[Answer]:
    """The mixture of the models' probabilities."""
    data, step, models = bench.data, bench.run.step, bench.config.rank.known_models
    scores = step(stack_scores, collect([cross_fit_model(bench, name) for name in models]))
    found = step(find_blend, data, scores, bench.sessions.split.field("searches"))
    blended = derive(blend_scores, found, scores, data.field("group_sizes"))
    return derive(Answer, data, blended)
