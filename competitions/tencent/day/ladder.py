"""The ladder of baselines: from popularity to the generative answer, each rung on the same hold-out."""

from typing import Any

from common.day import ladder as families
from common.day.ladder import Ladder, Rung
from common.engine.run import Run, collect
from competitions.tencent import metrics
from competitions.tencent.config import TencentConfig
from competitions.tencent.io import reader
from competitions.tencent.lab.plain_rules import (
    ALS,
    CONTENT_RULES,
    COUNTS,
    LINEAR,
    POPULARITY,
    TRANSITIONS,
    answer_by_rule,
    choose_embeddings,
)
from competitions.tencent.lab.rungs import (
    GENERATIVE,
    SEQUENCE_RUNGS,
    WITH_CONTENT,
    answer_generatively,
    answer_rung,
    fit_rung,
)
from competitions.tencent.pipeline import Prepared, prepare, rank
from competitions.tencent.retrieval.registry import CHANNELS
from competitions.tencent.retrieval.regression import MOST_ITEMS
from competitions.tencent.top_k import TopK

Row = dict[str, Any]
PLAIN_RUNGS = {
    POPULARITY: families.POPULARITY,
    TRANSITIONS: families.NEIGHBOURS,
    COUNTS: families.NEIGHBOURS,
    ALS: families.FACTORS,
    LINEAR: families.NEIGHBOURS,
}
MOST_EVENTS = 20_000_000  # of a factorisation
TABLE_STEPS = ("ads", "lifts", "rates", *CHANNELS)  # of the ranker, which folds share


def climb(files: reader.RawFiles, config: TencentConfig, run: Run) -> list[Row]:
    """One row per rung: Score with its error, hit rate and NDCG at 10, seen and unseen targets apart."""
    ready = prepare(files, config, run)
    ladder = Ladder(run, "Tencent: the next ad, on the hold-out", "Score", files)
    for name, family in list_rules(ready).items():
        needs = list_content_steps(run) if name in CONTENT_RULES else set()
        with ladder.rung(name, family, needs, builds_on=POPULARITY) as rung:
            corpus, embeddings, valid = ready.corpus, ready.embeddings, ready.valid
            top = run.step(answer_by_rule, corpus, embeddings, valid, name, config.seed, name=f"ladder.{name}")
            _record(rung, ready, top.value, config)
    for name in SEQUENCE_RUNGS:
        train_rung(ready, config, ladder, name)
    rank_rungs(ready, config, ladder)
    return ladder.write()


def list_content_steps(run: Run) -> set[str]:
    """The steps that read embeddings."""
    return {record.name for record in run.timings if record.name.startswith("embedding.")}


def list_rules(ready: Prepared) -> dict[str, str]:
    """The plain rules that these files allow, and the family of each."""
    rules, corpus = dict(PLAIN_RUNGS), ready.corpus.value
    if len(corpus.catalogue.oid) > MOST_ITEMS:
        del rules[LINEAR]  # it inverts a table of ads x ads
    if len(corpus.train.item) > MOST_EVENTS:
        del rules[ALS]  # hours on a laptop
    content = [name for name in CONTENT_RULES if choose_embeddings(ready.embeddings.value, name)]
    return rules | dict.fromkeys(content, families.RULE)


def rank_rungs(ready: Prepared, config: TencentConfig, ladder: Ladder) -> None:
    """Retrieval alone, and the ranker on top of it, which is what ``make tencent`` does."""
    run = ladder.run
    with ladder.rung("first search: all channels, weighed", families.NEIGHBOURS, builds_on=POPULARITY) as rung:
        ranked = rank(ready, ready.valid, config, run, "valid")
        _record(rung, ready, ranked.answers.value.ways["first search"], config)
    needs = {record.name for record in run.timings if record.name.startswith("valid.") or record.name in TABLE_STEPS}
    with ladder.rung("+ ranker", families.DEEP, needs) as rung:
        _record(rung, ready, ranked.answers.value.ways["ranker"], config)


def train_rung(ready: Prepared, config: TencentConfig, ladder: Ladder, name: str) -> None:
    """One sequence model; the last is asked a second time, for semantic ids."""
    run, corpus, valid, seed, label = ladder.run, ready.corpus, ready.valid, config.model_seed, f"ladder.{name}"
    needs = list_content_steps(run) if SEQUENCE_RUNGS[name].settings.content else set()
    with ladder.rung(name, families.SEQUENCE, needs, builds_on=None if name[0] == "+" else POPULARITY) as rung:
        table = run.step(fit_rung, corpus, collect([*ready.contents.values()]), valid, name, seed, name=f"{label}.fit")
        _record(rung, ready, run.step(answer_rung, corpus, valid, table, name, name=f"{label}.answer").value, config)
    if name == WITH_CONTENT:
        with ladder.rung(GENERATIVE, families.GENERATIVE, needs | {f"{label}.fit"}) as rung:
            top = run.step(answer_generatively, corpus, valid, table, name, seed, name=f"ladder.{GENERATIVE}")
            _record(rung, ready, top.value, config)


def _record(rung: Rung, ready: Prepared, top: TopK, config: TencentConfig) -> None:
    """Record the scores of a rung by its answer of the hold-out."""
    fold = ready.valid.value
    scores = metrics.evaluate(fold, top, config.host)
    each, weights = metrics.score_answers(metrics.rank_targets(fold, top)), metrics.list_weights(fold, config.host)
    more = {name: scores[name] for name in ("hit_rate@10", "ndcg@10", "seen", "unseen")}
    rung.record(each, weights, **more)
