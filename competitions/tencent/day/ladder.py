"""The ladder of baselines: from popularity to the generative answer, each step on the same hold-out.

make ladder-tencent    make rung-tencent RUNG=als    or    python -m competitions ladder tencent --only als
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from common.day.methods import families
from common.day.methods.ladder import Ladder, Lists, Rung, Scored
from common.engine.run import Result, Run, collect
from common.learning.als import factorise
from competitions.tencent import metrics, ranking
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Catalogue, Int64s, RawFiles
from competitions.tencent.io import schema
from competitions.tencent.lab import plain_rules
from competitions.tencent.lab.quantisation import BITS, answer_in_bits
from competitions.tencent.lab.rungs import (
    GENERATIVE,
    SEQUENCE_RUNGS,
    WITH_CONTENT,
    answer_generatively,
    answer_rung,
    fit_rung,
)
from competitions.tencent.pipeline import Folds, Prepared, add_embeddings, fuse, name_embeddings, prepare_folds, rank
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.counts import count_neighbours
from competitions.tencent.retrieval.regression import MOST_ITEMS, fit_regression
from competitions.tencent.retrieval.search import Search
from competitions.tencent.retrieval.sequence import SequenceTable
from competitions.tencent.top_k import TopK

METRIC = "Score"
BASE = "popularity"  # which methods that stand alone build on
MOST_EVENTS = 20_000_000  # of a factorisation
SHOWN, RECENT = 5, 6  # ads of an answer; events of a history


class Rule(NamedTuple):
    """A step that a rule of one page answers: key, family, the function to read, how many embeddings it needs, its
    formula where that is not the family's.
    """

    key: str
    family: str
    code: Callable[..., object]
    embeddings: int = 0
    formula: str = ""


LATE_FORMULA = "score = sum over embeddings of (cosine - mean) / deviation"
KERNEL_FORMULA = "score(j) = log sum over events of weight exp(beta (cosine - 1)) + log(others' events within a day)"
RULES = {
    plain_rules.POPULARITY: Rule(BASE, families.POPULARITY, plain_rules.count_events),
    plain_rules.AROUND: Rule("popularity-now", families.POPULARITY, plain_rules.count_around),
    plain_rules.TRANSITIONS: Rule("transitions", families.NEIGHBOURS, count_neighbours),
    plain_rules.COUNTS: Rule("counts", families.NEIGHBOURS, count_neighbours),
    plain_rules.ALS: Rule("als", families.FACTORS, factorise),
    plain_rules.LINEAR: Rule("linear", families.LINEAR, fit_regression),
    plain_rules.LANGUAGE: Rule("language-model", families.LANGUAGE, plain_rules.score_interests, 1),
    plain_rules.NEAREST: Rule("early-fusion", families.CONTENT, plain_rules.score_mean, 1),
    plain_rules.LATE: Rule("late-fusion", families.CONTENT, plain_rules.fuse_late, 2, LATE_FORMULA),
    plain_rules.KERNEL: Rule("kernel", families.CONTENT, plain_rules.score_interests, 1, KERNEL_FORMULA),
}


@dataclass(frozen=True)
class Climb:
    """What the steps begin with; each part is made when the first of them needs it."""

    files: RawFiles
    config: TencentConfig
    run: Run

    @cached_property
    def folds(self) -> Folds:
        """The log and its folds."""
        return prepare_folds(self.files, self.config, self.run)

    @cached_property
    def ready(self) -> Prepared:
        """The same with the embeddings."""
        return add_embeddings(self.folds, self.files, self.config, self.run)

    @property
    def contents(self) -> Result[list[Content]]:
        """The embeddings."""
        return collect([*self.ready.contents.values()])

    @property
    def given(self) -> list[Result[Any]]:
        """What every step begins with."""
        return [self.folds.corpus, self.folds.valid, self.folds.plan]

    def record(self, top: TopK, *made_by: Result[Any]) -> Scored:
        """A method by its answer of the hold-out."""
        fold, host = self.folds.valid.value, self.config.host
        scores, ranks = metrics.evaluate(fold, top, host), metrics.rank_targets(fold, top)
        more = {name: scores[name] for name in ("hit_rate@10", "ndcg@10", "seen", "unseen")}
        lists = self.list_first(top, ranks)
        return Scored(metrics.score_answers(ranks), metrics.list_weights(fold, host), more, lists, made_by)

    def list_first(self, top: TopK, ranks: Int64s) -> Lists:
        """The first ads of every answer; one that shows fewer is shorter."""
        fold, ads = self.folds.valid.value, top.rows[:, :SHOWN]
        assert fold.target is not None
        queries = pl.select(pl.format("user {}", pl.Series(np.arange(len(ads))))).to_series()
        shown = {
            "query": queries.gather(np.repeat(np.arange(len(ads)), ads.shape[1])),
            "rank": np.tile(np.arange(1, ads.shape[1] + 1), len(ads)),
            "item": name_ads(self.folds.corpus.value.catalogue, ads.ravel()),
            "answer": (ads == fold.target[:, None]).ravel(),
        }
        ranked = pl.DataFrame({"query": queries, "rank": ranks}).filter(pl.col("rank") > 0)
        return Lists(queries, ranked, pl.DataFrame(shown).filter(pl.Series(ads.ravel() > 0)))

    def describe(self, queries: Sequence[str]) -> pl.DataFrame:
        """The last events and the target of some queries in words: query, history, answer."""
        fold, corpus = self.folds.valid.value, self.folds.corpus.value
        assert fold.target is not None
        histories, words = fold.queries(corpus.train), []
        for query in queries:
            number = int(query.split()[1])
            events = np.arange(histories.starts[number], histories.ends[number])[-RECENT:]
            clicked = np.where(corpus.train.action[events] >= schema.CLICK, "clicked ", "")
            ads = name_ads(corpus.catalogue, corpus.train.item[events].astype(np.int64))
            history = "; ".join(f"{click}{ad}" for click, ad in zip(clicked, ads, strict=True))
            answer = name_ads(corpus.catalogue, fold.target[number : number + 1])[0]
            words.append({"query": query, "history": history or "no event before", "answer": answer})
        return pl.DataFrame(words)


def name_ads(catalogue: Catalogue, rows: Int64s) -> pl.Series:
    """The original number of each of some ads, with its first known feature, which stands for a category."""
    features = catalogue.features[rows]
    first = (features > 0).argmax(1)
    value = np.take_along_axis(features, first[:, None], 1)[:, 0]
    names = pl.Series(schema.ITEM_FEATURES).gather(first)
    named = pl.format("ad {} ({}={})", pl.Series(catalogue.oid[rows]), names, pl.Series(value))
    return pl.select(
        pl.when(pl.Series(value > 0)).then(named).otherwise(pl.format("ad {}", pl.Series(catalogue.oid[rows])))
    ).to_series()


def make_ladder(files: RawFiles, config: TencentConfig, run: Run) -> Ladder:
    """Score with its error; beside it hit rate and NDCG at 10, seen and unseen targets apart."""
    way = Climb(files, config, run)
    rungs = [*list_plain(way), *list_quantised(way), *list_networks(way), *list_ranked(way)]
    title = "Tencent: the next ad, on the hold-out"
    return Ladder(run, title, METRIC, files, rungs, lambda: way.given, way.describe)


def list_plain(way: Climb) -> Iterator[Rung]:
    """Steps that a rule of one page answers."""
    for name, rule in RULES.items():
        measure, lacks = partial(measure_rule, way, name), partial(lack_of, way, name)
        yield Rung(rule.key, name, rule.family, measure, rule.code, BASE, rule.formula, lacks)


def measure_rule(way: Climb, name: str) -> Scored:
    """A rule; one without content reads no embedding."""
    folds = way.folds
    contents: Result[list[Content]] | list[Content] = way.contents if RULES[name].embeddings else []
    inputs = folds.corpus, contents, folds.valid, name, way.config.seed
    answer = way.run.step(plain_rules.answer_by_rule, *inputs, name=f"ladder.{RULES[name].key}")
    return way.record(answer.value, answer)


def lack_of(way: Climb, name: str) -> str | None:
    """Why a rule cannot answer these files; None where it can."""
    needed = RULES[name].embeddings
    if needed:
        embeddings = name_embeddings(way.files, way.config)  # without a look into them
        found = sum(plain_rules.goes_by(name, embedding) for embedding in embeddings)
        of = " of texts" if name == plain_rules.LANGUAGE else ""
        return f"it needs {needed} embedding(s){of}, these files have {found}" if found < needed else None
    corpus = way.folds.corpus.value
    ads, events = len(corpus.catalogue.oid), len(corpus.train.item)
    if name == plain_rules.AROUND and not way.folds.plan.value.times:
        return "the events of these files have no times"
    if name == plain_rules.LINEAR and ads > MOST_ITEMS:
        return f"it inverts a table of ads x ads: {MOST_ITEMS:,} ads at most, these files have {ads:,}"
    if name == plain_rules.ALS and events > MOST_EVENTS:
        return f"it takes hours beyond {MOST_EVENTS:,} events, these files have {events:,}"
    return None


def list_quantised(way: Climb) -> Iterator[Rung]:
    """The kernel's vectors in fewer bits."""
    for key, bits in BITS.items():
        title, below = f"kernel, vectors of {bits} bits a number", RULES[plain_rules.KERNEL].key
        measure, lacks = partial(measure_bits, way, key), partial(lack_of, way, plain_rules.KERNEL)
        yield Rung(key, title, families.QUANTISATION, measure, answer_in_bits, below, lacks=lacks)


def measure_bits(way: Climb, key: str) -> Scored:
    """The kernel in so many bits, with what its vectors take."""
    ready = way.ready
    answer = way.run.step(answer_in_bits, ready.corpus, way.contents, ready.valid, BITS[key], name=f"ladder.{key}")
    top, costs = answer.value
    scored = way.record(top, answer)
    return replace(scored, more={**scored.more, **costs})


def list_networks(way: Climb) -> Iterator[Rung]:
    """Sequence models; the last is asked a second time, for semantic ids."""
    for name, rung in SEQUENCE_RUNGS.items():
        below = None if name == WITH_CONTENT else BASE
        yield Rung(rung.key, name, families.SEQUENCE, partial(measure_network, way, name), rung.build, below)
    yield Rung("generative", GENERATIVE, families.GENERATIVE, partial(generate, way), answer_generatively)


def fit_network(way: Climb, name: str) -> Result[SequenceTable]:
    """A network; one on ids alone reads no embedding."""
    folds, content = way.folds, SEQUENCE_RUNGS[name].settings.content
    contents: Result[list[Content]] | list[Content] = way.contents if content else []
    inputs = folds.corpus, contents, folds.valid, name, way.config.model_seed
    return way.run.step(fit_rung, *inputs, name=f"ladder.{name}.fit")


def measure_network(way: Climb, name: str) -> Scored:
    """The answer of a sequence model."""
    folds, fitted = way.folds, fit_network(way, name)
    answer = way.run.step(answer_rung, folds.corpus, folds.valid, fitted, name, name=f"ladder.{name}.answer")
    return way.record(answer.value, answer)


def generate(way: Climb) -> Scored:
    """The answer of the same network by semantic ids."""
    folds, fitted = way.folds, fit_network(way, WITH_CONTENT)
    inputs = folds.corpus, folds.valid, fitted, WITH_CONTENT, way.config.model_seed
    answer = way.run.step(answer_generatively, *inputs, name=f"ladder.{GENERATIVE}")
    return way.record(answer.value, answer)


def list_ranked(way: Climb) -> Iterator[Rung]:
    """Retrieval alone, and the ranker on top of it, which is what ``make tencent`` does."""
    title = "first search: all channels, weighted"
    yield Rung("retrieval", title, families.RETRIEVAL, partial(measure_pipeline, way, False), Search, BASE)
    yield Rung("ranker", "+ ranker", families.BOOSTING, partial(measure_pipeline, way, True), ranking.fit)


def measure_pipeline(way: Climb, ranked: bool) -> Scored:
    """The pipeline's answer, or that of its first search, for which no list is described and no tree fitted."""
    ready, config, run = way.ready, way.config, way.run
    fusion = fuse(ready, ready.earlier[:1], config, run, "valid")
    name, earlier = ("valid", ready.earlier) if ranked else ("retrieval", [])
    answers = rank(ready, ready.valid, earlier, config, run, name, fusion).answers
    return way.record(answers.value.best, answers)
