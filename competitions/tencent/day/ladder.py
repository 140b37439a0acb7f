"""The ladder of baselines: from popularity to the generative answer, each rung on the same hold-out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import torch

from common.day import ladder as steps
from common.day.ladder import Ladder, Rung
from common.engine.run import Run
from common.learning.als import FactorSettings, factorise, find_users
from competitions.tencent.config import FeatureSettings, TencentConfig
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.day.plain_rules import CONTENT_RUNGS, answer_by_content
from competitions.tencent.ensemble import linear
from competitions.tencent.inference import stages
from competitions.tencent.inference.retrieval import TopK, find_seen, search_scores
from competitions.tencent.io import reader
from competitions.tencent.io.schema import TOP
from competitions.tencent.model import cooccurrence
from competitions.tencent.model.item_attributes import tabulate
from competitions.tencent.model.sparse_history import Floats, weight_histories
from competitions.tencent.outcome import Prepared
from competitions.tencent.pipeline import fit_and_answer, prepare, rank
from competitions.tencent.ranking.stages import evaluate_answers as evaluate_ranked
from competitions.tencent.sequences import DAY_S, Histories, usual_times
from competitions.tencent.split import Fold

Row = dict[str, Any]
PLAIN = {"embeddings": False, "features": False, "actions": False, "condition": False, "times": False}
PLAIN |= {"forecast": False, "kernel": False}
# As both published recipes have it: a dot product of one block's output, every event a target, even negatives.
SASREC = {"encoder": "transformer", "score": "dot", "blocks": 1, "heads": 1, "deep_tower": False, "dropout": 0.2}
EVERY_EVENT = {"click_weight": 1.0, "exposure_weight": 1.0, "exposure_share": 1.0, "even_share": 1.0, "epochs": 3}
SAMPLED = EVERY_EVENT | {"negatives": 256}  # arXiv 2508.06450
# The organiser's baseline_2025: width 32, all features, binary cross-entropy of one negative, Adam at 1e-3.
ONE_NEGATIVE = EVERY_EVENT | {"loss": "one_negative", "rate": 1e-3, "decay": 0.0}
OFFICIAL = SASREC | {"width": 32, "field_width": 32, "features": True, "feature_dropout": 0.0, "id_dropout": 0.0}
PLAIN_RUNGS = {
    "popularity": steps.POPULARITY,
    "transitions": steps.NEIGHBOURS,
    "counts": steps.NEIGHBOURS,
    "ALS": steps.FACTORS,
    "linear": steps.NEIGHBOURS,
}
MOST_EVENTS = 20_000_000  # of a factorisation
FACTORS = FactorSettings(size=64, ridge=1.0, alpha=5.0, rounds=10)
# Where these differ from what the ranker counts: chosen for each method alone.
COUNTS = {"reach": 20, "top": 1_000, "from_attributes": 0.0}
LINEAR = {"past_decay": 0.5, "future_decay": 0.2, "to_attributes": 1.0}
TRANSITIONS = {"reach": 2, "backward": 0.0, "source_power": 0.0, "target_power": 0.0, "concavity": 1.0, "history": 2}
TRANSITIONS |= {"to_attributes": 0.0}
POPULAR_S = 3 * DAY_S  # events of these last days count


def climb(files: reader.RawFiles, config: TencentConfig, run: Run) -> list[Row]:
    """One row per rung: Score with its error, hit rate and NDCG at 10, seen and unseen targets apart."""
    ready = prepare(files, config, run)
    ladder = Ladder(run, "Tencent: the next ad, on the hold-out", "Score")
    ads = len(ready.corpus.value.catalogue.oid)
    for name, family in PLAIN_RUNGS.items():
        if name == "linear" and ads > config.ranker.features.linear.most_items:
            continue  # it inverts a table of ads x ads
        if name == "ALS" and len(ready.corpus.value.train.item) > MOST_EVENTS:
            continue  # hours on a laptop
        with ladder.rung(name, family) as rung:
            corpus, valid, settings = ready.corpus, ready.valid, config.ranker.features
            top = run.step(answer_baseline, corpus, valid, name, settings, config.seed, name=f"ladder.{name}")
            _record(rung, stages.evaluate(valid.value, top.value, config.host))
    content_rungs(ready, config, ladder)
    rank_rungs(ready, config, ladder)
    for network in list_networks(config):
        train_rung(ready, replace_settings(config, network), ladder, network.name)
    return ladder.write()


def content_rungs(ready: Prepared, config: TencentConfig, ladder: Ladder) -> None:
    """Plain rules on an ad's content; none where there are no embeddings."""
    if not ready.embeddings.value:
        return
    needs = {f"embedding.{name}" for name in config.host.embeddings}
    for name in CONTENT_RUNGS:
        with ladder.rung(name, steps.RULE, needs) as rung:
            corpus, embeddings, valid = ready.corpus, ready.embeddings, ready.valid
            top = ladder.run.step(answer_by_content, corpus, embeddings, valid, name, name=f"ladder.{name}")
            _record(rung, stages.evaluate(valid.value, top.value, config.host))


def rank_rungs(ready: Prepared, config: TencentConfig, ladder: Ladder) -> None:
    """The first search alone, and the ranker on top of it, which is what ``make tencent`` does."""
    run = ladder.run
    with ladder.rung("first search: content or counts, by forecast", steps.NEIGHBOURS) as rung:
        ranked = rank(ready, ready.valid, config, run, "valid")
        scores = run.step(evaluate_ranked, ready.valid, ranked.answer, config.host, name="measure").value
        _record(rung, scores["first search"])
    needs = {record.name for record in run.timings if record.name.startswith("valid.")}
    with ladder.rung("+ ranker", steps.DEEP, needs) as rung:
        _record(rung, scores["ranker"])


@dataclass(frozen=True)
class NetworkRung:
    """A rung that is a network: what it changes of the settings of model and training."""

    name: str
    model: dict[str, Any]
    train: dict[str, Any] = field(default_factory=dict)


def list_networks(config: TencentConfig) -> list[NetworkRung]:
    """The rungs that are networks. Inputs that the settings leave out are no rungs; only the last has semantic ids."""
    model = config.model
    official = PLAIN | OFFICIAL | {"embeddings": model.embeddings}
    state = PLAIN | {"encoder": "hstu"}
    rungs = [
        NetworkRung("official baseline", official, ONE_NEGATIVE),
        NetworkRung("two towers, ids only", PLAIN | {"encoder": "two_tower"}),
        NetworkRung("BERT4Rec, ids only", PLAIN | {"encoder": "bert4rec"}),
        NetworkRung("SASRec with sampled softmax, ids only", PLAIN | SASREC, SAMPLED),
        NetworkRung("Transformer, ids only", PLAIN | {"encoder": "transformer"}),
        NetworkRung("HSTU, ids only", state),
    ]
    for name, switches in (
        ("content", ("features", "embeddings")),
        ("action condition", ("actions", "condition")),
        ("time", ("times",)),
        ("forecast", ("forecast",)),
        ("kernel over the history", ("kernel",)),
    ):
        inputs = {switch: getattr(model, switch) for switch in switches}
        if any(inputs.values()):
            state = state | inputs
            rungs.append(NetworkRung(f"+ {name}", state))
    levels = config.train.levels
    return [*rungs, NetworkRung("+ semantic ids", state, {"levels": levels})] if levels else rungs


def replace_settings(config: TencentConfig, rung: NetworkRung) -> TencentConfig:
    """The settings of a rung. Without content the id is the only input, so none is dropped."""
    model = rung.model
    if not (model["features"] or model["embeddings"]):
        model = model | {"id_dropout": 0.0}
    return msgspec.structs.replace(
        config,
        model=msgspec.structs.replace(config.model, **model),
        train=msgspec.structs.replace(config.train, **({"levels": 0} | rung.train)),
    )


def train_rung(ready: Prepared, config: TencentConfig, ladder: Ladder, name: str) -> None:
    """One network; with semantic ids, the generative answer and the mix of the open mode are rungs of their own.

    Both ways to answer come out of one step, so that each of the two rungs is charged with all of it.
    """
    run, step = ladder.run, f"ladder {name}"
    needs = {f"embedding.{name}" for name in config.host.embeddings} if config.model.embeddings else set()
    with ladder.rung(name, steps.SEQUENCE, needs) as rung:
        result = fit_and_answer(ready, ready.valid, config, run, step)
        scores = run.step(stages.evaluate_answers, ready.valid, result.answer, config.host, name="measure").value
        _record(rung, scores["vectors"])
    needs |= {record.name for record in run.timings if record.name.startswith(f"{step}.")}
    if "words" in scores:
        with ladder.rung("generative, the same network", steps.GENERATIVE, needs) as rung:
            _record(rung, scores["words"])


def answer_baseline(corpus: Corpus, fold: Fold, name: str, settings: FeatureSettings, seed: int) -> TopK:
    """The answer of a method without a network."""
    history, queries, rows = fold.history(corpus.train), fold.queries(corpus.train), fold.candidates.rows.values
    seen = find_seen(queries, rows, len(corpus.catalogue.oid))
    score = plan_scores(corpus, history, queries, rows, name, settings, seed)
    return search_scores(lambda block: torch.from_numpy(score(block)), len(queries), seen, TOP)


def plan_scores(
    corpus: Corpus,
    history: Histories,
    queries: Histories,
    rows: Int64s,
    name: str,
    settings: FeatureSettings,
    seed: int,
) -> Callable[[Int64s], Floats]:
    """A function from indices of queries to the scores of the candidates, float32 [block, candidates]."""
    catalogue = corpus.catalogue
    attributes = tabulate(catalogue, settings.attributes)
    counts = msgspec.structs.replace(settings.counts, **COUNTS)
    if name == "popularity":
        popular = count_recent(history, len(catalogue.oid))[rows]
        return lambda block: np.tile(popular, (len(block), 1))
    if name == "ALS":
        even = msgspec.structs.replace(counts, history=0, recency=0.0, fade=1.0)  # every event alike
        seen = weight_histories(history, len(catalogue.oid), even)
        items = factorise(seen, FACTORS, seed)
        return lambda block: (
            find_users(weight_histories(queries.take(block), len(catalogue.oid), even), items, FACTORS) @ items[rows].T
        )
    if name == "linear":
        regression = msgspec.structs.replace(settings.linear, **LINEAR)
        regressed = linear.fit_linear(history, catalogue, attributes, regression)
        return lambda block: linear.score_linear(regressed, queries.take(block), rows)
    if name == "transitions":
        counts = msgspec.structs.replace(counts, **TRANSITIONS)
    counted = cooccurrence.fit_counts(history, catalogue, attributes, counts)
    return lambda block: cooccurrence.score_counts(counted, queries.take(block), rows)


def count_recent(history: Histories, rows: int) -> Floats:
    """The events of each row of the catalogue within ``POPULAR_S`` of the last, float32 [rows]."""
    events, sequences = history.events(), history.sequences
    recent = sequences.time[events] > usual_times(history)[1] - POPULAR_S
    return np.bincount(sequences.item[events], recent, rows).astype(np.float32)


def _record(rung: Rung, scores: dict[str, Any]) -> None:
    """Record the scores of a rung."""
    more = {name: scores[name] for name in ("hit_rate@10", "ndcg@10", "seen", "unseen")}
    rung.record(scores["score"], scores["score_error"], **more)
