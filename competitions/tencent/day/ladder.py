"""The ladder of baselines: from popularity to the generative answer, each rung on the same hold-out.

make ladder-tencent    make rung-tencent RUNG=als    or    python -m competitions ladder tencent --only als
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
    COUNTS,
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
BASE = "popularity"  # the rung that methods which stand alone build on
MOST_EVENTS = 20_000_000  # of a factorisation
TABLE_STEPS = ("pool", "popularity", "lifts", "rates", *CHANNELS)  # of the ranker, which folds share
SHOWN = 5  # ads of an answer


class Rule(NamedTuple):
    """A rung that a rule of one page answers: key, family, the function to read, how many embeddings it needs."""

    key: str
    family: str
    code: Callable[..., object]
    embeddings: int = 0


RULES = {
    POPULARITY: Rule(BASE, families.POPULARITY, count_events),
    AROUND: Rule("popularity-now", families.POPULARITY, count_around),
    TRANSITIONS: Rule("transitions", families.NEIGHBOURS, count_neighbours),
    COUNTS: Rule("counts", families.NEIGHBOURS, count_neighbours),
    ALS: Rule("als", families.FACTORS, factorise),
    LINEAR: Rule("linear", families.NEIGHBOURS, fit_regression),
    LANGUAGE: Rule("language-model", families.LANGUAGE, score_interests, 1),
    ONE: Rule("one-embedding", families.CONTENT, score_mean, 2),
    NEAREST: Rule("early-fusion", families.CONTENT, score_mean, 1),
    LATE: Rule("late-fusion", families.CONTENT, fuse_late, 2),
    KERNEL: Rule("kernel", families.CONTENT, score_interests, 1),
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
    for name in list_rules(ready):

        def score(name: str = name) -> Scored:
            inputs = (ready.corpus, ready.embeddings, ready.valid)
            return way.record(way.run.step(answer_by_rule, *inputs, name, way.config.seed, name=f"ladder.{name}").value)

        rule = RULES[name]
        needs = list_content_steps(way.run) if rule.embeddings else set()
        yield Rung(rule.key, name, rule.family, score, rule.code, needs, builds_on=BASE)


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
        yield Rung(key, title, families.QUANTISATION, score, answer_in_bits, needs, builds_on=RULES[KERNEL].key)


def list_content_steps(run: Run) -> set[str]:
    """The steps that read embeddings."""
    return {record.name for record in run.timings if record.name.startswith("embedding.")}


def list_rules(ready: Prepared) -> list[str]:
    """The plain rules that these files allow."""
    corpus, embeddings = ready.corpus.value, ready.embeddings.value
    refused = {
        AROUND: not ready.plan.value.times,
        LINEAR: len(corpus.catalogue.oid) > MOST_ITEMS,  # it inverts a table of ads x ads
        ALS: len(corpus.train.item) > MOST_EVENTS,  # hours on a laptop
    }
    return [
        name
        for name, rule in RULES.items()
        if not refused.get(name) and (len(choose_embeddings(embeddings, name)) >= rule.embeddings)
    ]


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
