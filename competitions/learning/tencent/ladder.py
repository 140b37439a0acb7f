"""The ladder of baselines: from popularity to the generative answer, each step on the same hold-out.

    make ladder-tencent    make rung-tencent RUNG=als    or    python -m competitions ladder tencent --only als

Every method answers with the ten best ads of each query.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import polars as pl

from common.day.record_schema import CLUSTER, WEIGHT
from common.engine.run import Result, Run, collect
from common.learning.als import factorise
from competitions.learning import families
from competitions.learning.ladder import Bench, Ladder, Rung
from competitions.learning.tencent import encoders, plain_rules, semantic_ids
from competitions.learning.tencent.plain_rules import (
    ALS,
    AROUND,
    BITS,
    CONTENT_RULES,
    KERNEL,
    LANGUAGE,
    LINEAR,
    NEAREST,
)
from competitions.tencent import metrics, ranking
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import RawFiles
from competitions.tencent.pipeline import Folds, fuse, name_embeddings, prepare, rank, read_contents
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.counts import count_neighbours
from competitions.tencent.retrieval.search import Search
from competitions.tencent.retrieval.sequence import SequenceTable
from competitions.tencent.top_k import TopK

METRIC = "Score"
BASE = plain_rules.POPULARITY  # which methods that stand alone build on
MOST_EVENTS = 20_000_000  # of a factorisation


# Steps that a rule of one page answers: key, title, family, the function to read.
RULES: tuple[tuple[str, str, families.Family, Callable[..., object]], ...] = (
    (BASE, "popularity in the whole log", families.POPULARITY, plain_rules.count_events),
    (AROUND, "popularity around the query's time", families.POPULARITY, plain_rules.count_around),
    (plain_rules.TRANSITIONS, "transitions", families.NEIGHBOURS, count_neighbours),
    (plain_rules.COUNTS, "counts", families.NEIGHBOURS, count_neighbours),
    (ALS, "ALS", families.FACTORS, factorise),
    (LINEAR, "linear: EASE's kin, closed form", families.LINEAR, plain_rules.fit_regression),
    (LANGUAGE, "language model: nearest by text", families.LANGUAGE, plain_rules.score_interests),
    (NEAREST, "nearest, early fusion: embeddings side by side", families.CONTENT, plain_rules.score_mean),
    (KERNEL, "kernel x popularity around the query's time", families.CONTENT, plain_rules.score_interests),
)
FORMULAS = {  # where it is not the family's
    KERNEL: "score(j) = log sum over events of weight exp(beta (cosine - 1)) + log(others' events within a day)"
}


class TencentBench(Bench[RawFiles, TencentConfig]):
    """The log with its hold-out, and the embeddings where a method needs them."""

    @cached_property
    def folds(self) -> Folds:
        """The log and its folds."""
        return prepare(self.files, self.config, self.run)

    def read_contents(self, needed: bool) -> Result[list[Content]] | list[Content]:
        """The embeddings; without a look at them none where a method needs none."""
        return collect([*read_contents(self.folds, self.run).values()]) if needed else []

    @property
    def given(self) -> list[Result[Any]]:
        """What every method begins with."""
        return [self.folds.corpus, self.folds.valid, self.folds.plan]

    def record(self, answer: TopK | tuple[TopK, dict[str, float]]) -> tuple[pl.DataFrame, dict[str, float]]:
        """A method by its answer of the hold-out, which may bring further columns."""
        top, own = answer if isinstance(answer, tuple) else (answer, {})
        fold, host = self.folds.valid.value, self.config.host
        scores, ranks = metrics.evaluate(fold, top, host), metrics.rank_targets(fold, top)
        more = {name: scores[name] for name in ("hit_rate@10", "ndcg@10", "seen", "unseen")} | own
        weights = metrics.list_weights(fold, host)
        return pl.DataFrame({"score": metrics.score_answers(ranks), WEIGHT: weights, CLUSTER: fold.target}), more


def make_ladder(files: RawFiles, config: TencentConfig, run: Run) -> Ladder:
    """Score with its error; beside it hit rate and NDCG at 10, seen and unseen targets apart."""
    bench = TencentBench(files, config, run)
    return Ladder("Tencent: the next ad, on the hold-out", METRIC, bench, [*list_rungs()])


def list_rungs() -> Iterator[Rung]:
    """Rules of one page, the kernel's vectors in fewer bits, sequence models, of which the last is asked a second time,
    for semantic ids; retrieval alone, and the ranker on top of it, which is what ``make tencent`` does.
    """
    for key, title, family, code in RULES:
        yield Rung(key, title, family, answer_by_rule, code, (key,), BASE, FORMULAS.get(key, ""), lack_of)
    for key, bits in BITS.items():
        title, code = f"kernel, vectors of {bits} bits a number", plain_rules.answer_in_bits
        yield Rung(key, title, families.QUANTISATION, quantise, code, (key,), KERNEL, lacks=lack_of)
    for key, rung in encoders.SEQUENCE_RUNGS.items():
        below = None if key == encoders.WITH_CONTENT else BASE
        family = families.TOWERS if key == "two-towers" else families.SEQUENCE
        yield Rung(key, rung.title, family, answer_by_network, rung.build, (key,), below)
    title = "generative, the same network"
    yield Rung("generative", title, families.GENERATIVE, generate, semantic_ids.answer_generatively)
    title = "all channels, weighted"
    yield Rung("retrieval", title, families.RETRIEVAL, answer_by_pipeline, Search, (False,), BASE)
    yield Rung("ranker", "+ ranker", families.BOOSTING, answer_by_pipeline, ranking.fit, (True,))


def answer_by_rule(bench: TencentBench, key: str) -> Result[TopK]:
    """A rule."""
    folds, contents = bench.folds, bench.read_contents(key in CONTENT_RULES)
    inputs = folds.corpus, contents, folds.valid, key, bench.config.seed
    return bench.run.step(plain_rules.answer_by_rule, *inputs, name=f"ladder.{key}")


def lack_of(bench: TencentBench, key: str) -> str | None:
    """Why a rule cannot answer these files; None where it can."""
    if key in (*CONTENT_RULES, *BITS):
        if any(plain_rules.goes_by(key, each) for each in name_embeddings(bench.files, bench.config)):
            return None
        return f"these files have no embedding{' of texts' if key == LANGUAGE else ''}"
    corpus = bench.folds.corpus.value
    ads, events = len(corpus.catalogue.oid), len(corpus.train.item)
    if key == AROUND and not bench.folds.plan.value.times:
        return "the events of these files have no times"
    if key == LINEAR and ads > plain_rules.MOST_ITEMS:
        return f"it inverts a table of ads x ads: {plain_rules.MOST_ITEMS:,} ads at most, these files have {ads:,}"
    if key == ALS and events > MOST_EVENTS:
        return f"it takes hours beyond {MOST_EVENTS:,} events, these files have {events:,}"
    return None


def quantise(bench: TencentBench, key: str) -> Result[tuple[TopK, dict[str, float]]]:
    """The kernel in so many bits, with what its vectors take."""
    inputs = bench.folds.corpus, bench.read_contents(True), bench.folds.valid, BITS[key]
    return bench.run.step(plain_rules.answer_in_bits, *inputs, name=f"ladder.{key}")


def fit_network(bench: TencentBench, key: str) -> Result[SequenceTable]:
    """A network."""
    folds, contents = bench.folds, bench.read_contents(encoders.SEQUENCE_RUNGS[key].content)
    inputs = folds.corpus, contents, folds.valid, key, bench.config.model_seed
    return bench.run.step(encoders.fit_rung, *inputs, name=f"ladder.{key}.fit")


def answer_by_network(bench: TencentBench, key: str) -> Result[TopK]:
    """The answer of a sequence model."""
    inputs = bench.folds.corpus, bench.folds.valid, fit_network(bench, key), key
    return bench.run.step(encoders.answer_rung, *inputs, name=f"ladder.{key}.answer")


def generate(bench: TencentBench) -> Result[TopK]:
    """The answer of the same network by semantic ids."""
    inputs = bench.folds.corpus, bench.folds.valid, fit_network(bench, encoders.WITH_CONTENT), bench.config.model_seed
    return bench.run.step(semantic_ids.answer_generatively, *inputs, name="ladder.generative")


def answer_by_pipeline(bench: TencentBench, ranked: bool) -> Result[TopK]:
    """The pipeline's answer, or that of its retrieval alone, for which no list is described and no tree fitted."""
    ready, config, run = bench.folds, bench.config, bench.run
    fusion = fuse(ready, ready.earlier[:1], config, run, "valid")
    name, earlier = ("valid", ready.earlier) if ranked else ("retrieval", [])
    best: Result[TopK] = rank(ready, ready.valid, earlier, config, run, name, fusion).answers.field("best")
    return best
