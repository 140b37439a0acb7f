"""What each part is worth: from popularity to the generative answer, each rung on the same hold-out."""

import time
from typing import Any

import msgspec
import numpy as np
import torch

from common.run import Run
from competitions.tencent import counts, learn, linear, raw
from competitions.tencent.attributes import tabulate
from competitions.tencent.config import TencentConfig
from competitions.tencent.data import Corpus, Int64s
from competitions.tencent.open_settings import OpenSettings
from competitions.tencent.past import Floats
from competitions.tencent.pipeline import Prepared, learn_and_answer, measure, mix_in, prepare
from competitions.tencent.retrieve import Top, find_seen, search_scores
from competitions.tencent.splits import Fold

Row = dict[str, Any]
PLAIN = {"embeddings": False, "features": False, "actions": False, "condition": False, "times": False, "memory": False}
TRANSITIONS = {"reach": 2, "backward": 0.0, "source_power": 0.0, "target_power": 0.0, "concavity": 1.0, "history": 2}


def climb(files: raw.RawFiles, config: TencentConfig, run: Run) -> list[Row]:
    """One row per rung: Score, hit rate and NDCG at 10, seen and unseen targets apart, seconds."""
    ready = prepare(files, config, run)
    rows = []
    for name in ("popularity", "transitions", "counts", "linear"):
        if name == "linear" and len(ready.corpus.value.catalogue.oid) > config.open.linear.most_items:
            continue  # it inverts a table of ads x ads
        began = time.perf_counter()
        found = run.step(answer_plainly, ready.corpus, ready.valid, name, config.open, name=f"ladder.{name}")
        rows.append(describe(name, learn.measure(ready.valid.value, found.value, config.host), began))
    for name, model, levels in list_networks(config):
        rows += train_rung(ready, replace_settings(config, model, levels), run, name)
    return rows


def list_networks(config: TencentConfig) -> list[tuple[str, dict[str, Any], int]]:
    """The rungs that are networks: name, settings of the model, levels of semantic ids. Inputs that the settings leave
    out are no rungs.
    """
    model = config.model
    rungs: list[tuple[str, dict[str, Any], int]] = [("Transformer, ids only", PLAIN | {"encoder": "transformer"}, 0)]
    state = PLAIN | {"encoder": "hstu"}
    rungs.append(("HSTU, ids only", state, 0))
    for name, switches in (
        ("content", ("features", "embeddings")),
        ("action condition", ("actions", "condition")),
        ("time", ("times",)),
        ("wide part", ("memory",)),
    ):
        wanted = {switch: getattr(model, switch) for switch in switches}
        if any(wanted.values()):
            state = state | wanted
            rungs.append((f"+ {name}", state, 0))
    return [*rungs, ("+ semantic ids", state, config.train.levels)] if config.train.levels else rungs


def replace_settings(config: TencentConfig, model: dict[str, Any], levels: int) -> TencentConfig:
    """The settings of a rung. Without content every id must speak, so none is hidden."""
    if not (model["features"] or model["embeddings"]):
        model = model | {"id_dropout": 0.0}
    return msgspec.structs.replace(
        config,
        model=msgspec.structs.replace(config.model, **model),
        train=msgspec.structs.replace(config.train, levels=levels),
    )


def train_rung(ready: Prepared, config: TencentConfig, run: Run, name: str) -> list[Row]:
    """One network; with semantic ids, the generative answer and the mix of the open mode are rows of their own."""
    began = time.perf_counter()
    taught = learn_and_answer(ready, ready.valid, config, run, f"ladder {name}")
    last = bool(config.train.levels)
    if last:
        taught = mix_in(ready, ready.valid, taught, None, config, run, f"ladder {name}")
    scores = run.step(measure, ready.valid, taught.answer, taught.mixed, config.host).value
    names = {"vectors": name, "words": "generative, the same network", "open mode": "open mode: + counts + linear"}
    rows = [describe(names[way], scores[way], began) for way in names if way in scores]
    seconds = taught.trained.value.course.seconds
    return [row | {"seconds": seconds} for row in rows]


def answer_plainly(corpus: Corpus, fold: Fold, name: str, settings: OpenSettings) -> Top:
    """The answer of a method without a network."""
    history, queries, rows = fold.history(corpus.train), fold.queries(corpus.train), fold.candidates.rows.values
    seen = find_seen(queries, rows, len(corpus.catalogue.oid))
    attributes = tabulate(corpus.catalogue, settings.attributes)
    if name == "popularity":
        popular = counts.count_popularity(history, corpus.catalogue, settings.popularity)[rows]

        def score(block: Int64s) -> Floats:
            return np.tile(popular, (len(block), 1))

    elif name == "linear":
        regressed = linear.fit_linear(history, corpus.catalogue, attributes, settings.linear)

        def score(block: Int64s) -> Floats:
            return linear.score_linear(regressed, queries.take(block), rows)

    else:
        chosen = settings.counts
        if name == "transitions":
            chosen = msgspec.structs.replace(chosen, **TRANSITIONS, from_attributes=0.0, to_attributes=0.0)
        counted = counts.fit_counts(history, corpus.catalogue, attributes, chosen)

        def score(block: Int64s) -> Floats:
            return counts.score_counts(counted, queries.take(block), rows)

    return search_scores(lambda block: torch.from_numpy(score(block)), len(queries), seen, learn.TOP)


def describe(name: str, scores: dict[str, Any], began: float) -> Row:
    """A rung as a row."""
    return {
        "rung": name,
        "score": scores["score"],
        "error": scores["score_error"],
        "hit_rate@10": scores["hit_rate@10"],
        "ndcg@10": scores["ndcg@10"],
        "seen": scores["seen"],
        "unseen": scores["unseen"],
        "seconds": time.perf_counter() - began,
    }
