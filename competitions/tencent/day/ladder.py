"""The ladder of baselines: from popularity to the generative answer, each rung on the same hold-out.

make ladder-tencent    make rung-tencent RUNG=als    or    python -m competitions ladder tencent --only als
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from common.day import ladder as families
from common.day.ladder import Ladder, Rung, Scored
from common.engine.run import Result, Run, collect
from common.learning.als import factorise
from competitions.tencent import metrics, ranking
from competitions.tencent.config import TencentConfig
from competitions.tencent.io import reader
from competitions.tencent.lab.plain_rules import (
    ALS,
    AROUND,
    CONTENT_RULES,
    COUNTS,
    FUSED,
    KERNEL,
    LANGUAGE,
    LATE,
    LINEAR,
    NEAREST,
    ONE,
    POPULARITY,
    TRANSITIONS,
    answer_by_rule,
    choose_embeddings,
    count_around,
    count_events,
    fuse_late,
    score_interests,
    score_mean,
)
from competitions.tencent.lab.quantisation import BITS, answer_in_bits
from competitions.tencent.lab.rungs import (
    GENERATIVE,
    SEQUENCE_RUNGS,
    WITH_CONTENT,
    answer_generatively,
    answer_rung,
    fit_rung,
)
from competitions.tencent.pipeline import Prepared, prepare, rank
from competitions.tencent.retrieval.counts import count_neighbours
from competitions.tencent.retrieval.registry import CHANNELS
from competitions.tencent.retrieval.regression import MOST_ITEMS, fit_regression
from competitions.tencent.retrieval.search import Search
from competitions.tencent.retrieval.sequence import SequenceTable
from competitions.tencent.top_k import TopK

Row = dict[str, Any]
PLAIN_RUNGS = {
    POPULARITY: families.POPULARITY,
    AROUND: families.POPULARITY,
    TRANSITIONS: families.NEIGHBOURS,
    COUNTS: families.NEIGHBOURS,
    ALS: families.FACTORS,
    LINEAR: families.NEIGHBOURS,
}
BASE = "popularity"  # the rung that methods which stand alone build on
MOST_EVENTS = 20_000_000  # of a factorisation
TABLE_STEPS = ("pool", "popularity", "lifts", "rates", *CHANNELS)  # of the ranker, which folds share
SHOWN = 5  # ads of an answer
# The key of each rung, and the function to read.
PLAIN_CODE: dict[str, tuple[str, Callable[..., object]]] = {
    POPULARITY: (BASE, count_events),
    AROUND: ("popularity-now", count_around),
    TRANSITIONS: ("transitions", count_neighbours),
    COUNTS: ("counts", count_neighbours),
    ALS: ("als", factorise),
    LINEAR: ("linear", fit_regression),
    LANGUAGE: ("language-model", score_interests),
    ONE: ("one-embedding", score_mean),
    NEAREST: ("early-fusion", score_mean),
    LATE: ("late-fusion", fuse_late),
    KERNEL: ("kernel", score_interests),
}


@dataclass(frozen=True)
class Climb:
    """What every rung needs."""

    ready: Prepared
    config: TencentConfig
    run: Run

    def record(self, top: TopK) -> Scored:
        """A rung by its answer of the hold-out."""
        fold, host = self.ready.valid.value, self.config.host
        scores = metrics.evaluate(fold, top, host)
        each, weights = metrics.score_answers(metrics.rank_targets(fold, top)), metrics.list_weights(fold, host)
        more = {name: scores[name] for name in ("hit_rate@10", "ndcg@10", "seen", "unseen")}
        return Scored(each, weights, more, self.list_first(top))

    def list_first(self, top: TopK) -> pl.DataFrame:
        """The first ads of every answer; one that shows fewer is shorter."""
        fold, ads = self.ready.valid.value, top.rows[:, :SHOWN]
        assert fold.target is not None
        shape = ads.shape
        rows = {
            "query": np.repeat(np.arange(shape[0]), shape[1]),
            "rank": np.tile(np.arange(1, shape[1] + 1), shape[0]),
            "ad": ads.ravel(),
            "answer": (ads == fold.target[:, None]).ravel(),
        }
        oid = pl.Series(self.ready.corpus.value.catalogue.oid)
        listed = pl.DataFrame(rows).filter(pl.col("ad") > 0)
        item = pl.format("ad {}", oid.gather(listed["ad"]))
        return listed.select(query=pl.format("user {}", "query"), rank="rank", item=item, answer="answer")


def climb(files: reader.RawFiles, config: TencentConfig, run: Run, only: str | None = None) -> list[Row]:
    """One row per rung: Score with its error, hit rate and NDCG at 10, seen and unseen targets apart.

    ``only``: the key of one rung.
    """
    way = Climb(prepare(files, config, run), config, run)
    rungs = [*list_plain(way), *list_quantised(way), *list_networks(way), *list_ranked(way)]
    return Ladder(run, "Tencent: the next ad, on the hold-out", "Score", files).climb(rungs, only)


def list_plain(way: Climb) -> Iterator[Rung]:
    """Rungs that a rule of one page answers."""
    ready = way.ready
    for name, family in list_rules(ready).items():

        def score(name: str = name) -> Scored:
            inputs = (ready.corpus, ready.embeddings, ready.valid)
            return way.record(way.run.step(answer_by_rule, *inputs, name, way.config.seed, name=f"ladder.{name}").value)

        key, code = PLAIN_CODE[name]
        needs = list_content_steps(way.run) if name in CONTENT_RULES else set()
        yield Rung(key, name, family, score, code, needs, builds_on=BASE)


def list_quantised(way: Climb) -> Iterator[Rung]:
    """The kernel's vectors in fewer bits, where there are embeddings."""
    ready = way.ready
    for key, bits in BITS.items() if ready.embeddings.value else ():

        def score(key: str = key, bits: int = bits) -> Scored:
            inputs = (ready.corpus, ready.embeddings, ready.valid, bits)
            top, costs = way.run.step(answer_in_bits, *inputs, name=f"ladder.{key}").value
            scored = way.record(top)
            return replace(scored, more={**scored.more, **costs})

        needs, title = list_content_steps(way.run), f"kernel, vectors of {bits} bits a number"
        yield Rung(key, title, families.QUANTISATION, score, answer_in_bits, needs, builds_on=PLAIN_CODE[KERNEL][0])


def list_content_steps(run: Run) -> set[str]:
    """The steps that read embeddings."""
    return {record.name for record in run.timings if record.name.startswith("embedding.")}


def list_rules(ready: Prepared) -> dict[str, str]:
    """The plain rules that these files allow, and the family of each."""
    rules, corpus = dict(PLAIN_RUNGS), ready.corpus.value
    if not ready.plan.value.times:
        del rules[AROUND]
    if len(corpus.catalogue.oid) > MOST_ITEMS:
        del rules[LINEAR]  # it inverts a table of ads x ads
    if len(corpus.train.item) > MOST_EVENTS:
        del rules[ALS]  # hours on a laptop
    found = {name: len(choose_embeddings(ready.embeddings.value, name)) for name in CONTENT_RULES}
    content = [name for name, count in found.items() if count > (name in FUSED)]
    return rules | {name: families.LANGUAGE if name == LANGUAGE else families.CONTENT for name in content}


def list_networks(way: Climb) -> Iterator[Rung]:
    """Sequence models; the last is asked a second time, for semantic ids."""
    run, ready, seed = way.run, way.ready, way.config.model_seed

    def fit(name: str) -> Result[SequenceTable]:
        contents = collect([*ready.contents.values()])
        return run.step(fit_rung, ready.corpus, contents, ready.valid, name, seed, name=f"ladder.{name}.fit")

    for name, rung in SEQUENCE_RUNGS.items():

        def score(name: str = name) -> Scored:
            label = f"ladder.{name}.answer"
            return way.record(run.step(answer_rung, ready.corpus, ready.valid, fit(name), name, name=label).value)

        needs = list_content_steps(run) if rung.settings.content else set()
        below = None if name == WITH_CONTENT else BASE
        yield Rung(rung.key, name, families.SEQUENCE, score, rung.build, needs, builds_on=below)

    def generate() -> Scored:
        inputs = (ready.corpus, ready.valid, fit(WITH_CONTENT), WITH_CONTENT, seed)
        return way.record(run.step(answer_generatively, *inputs, name=f"ladder.{GENERATIVE}").value)

    needs = list_content_steps(run) | {f"ladder.{WITH_CONTENT}.fit"}
    yield Rung("generative", GENERATIVE, families.GENERATIVE, generate, answer_generatively, needs)


def list_ranked(way: Climb) -> Iterator[Rung]:
    """Retrieval alone, and the ranker on top of it, which is what ``make tencent`` does."""

    def score(stage: str) -> Scored:
        ranked = rank(way.ready, way.ready.valid, way.ready.earlier, way.config, way.run, "valid")
        return way.record(ranked.answers.value.ways[stage])

    title, lists = "first search: all channels, weighted", {"describe", "valid.fit"}  # which it could do without
    submitted, first = ranking.WAYS
    yield Rung("retrieval", title, families.RETRIEVAL, lambda: score(first), Search, free=lists, builds_on=BASE)
    needs = {"valid.", "describe", *TABLE_STEPS}
    yield Rung("ranker", "+ ranker", families.BOOSTING, lambda: score(submitted), ranking.fit, needs)
