"""Where the targets of the held-out users are lost, and some users' lists in words."""

from typing import Any

import numpy as np

from common.day.answers import BEYOND, Example, describe_answers
from competitions.tencent.corpus import Catalogue
from competitions.tencent.io.schema import CLICK, ITEM_FEATURES, TOP
from competitions.tencent.metrics import rank_targets
from competitions.tencent.pipeline import Outcome

FEATURES_SHOWN, RECENT = 3, 3


def describe_lists(outcome: Outcome) -> dict[str, Any]:
    """The part ``answers`` of a run's insight."""
    fold = outcome.ready.valid.value
    assert fold.target is not None
    assert fold.unseen is not None
    answers = outcome.early.answers.value
    ranks = rank_targets(fold, answers.best)
    before = [
        ("asked", len(fold.users)),
        ("shown in the log before", int((~fold.unseen).sum())),
        ("among the candidates", int(np.isin(fold.target, fold.candidates.rows.values).sum())),
    ]
    models = {}
    retrieved = np.ones(len(ranks), bool)  # where every candidate is ranked
    if answers.retrieval_rank is not None:
        retrieved = answers.retrieval_rank > 0
        before.append(("found by the first search", int(retrieved.sum())))
        models = {name: rank_targets(fold, top) for name, top in answers.ways.items()}
    ranks = np.where((ranks == 0) & retrieved, BEYOND, ranks)
    return describe_answers(ranks, TOP, before, models, lambda query: describe(outcome, query))


def describe(outcome: Outcome, query: int) -> Example:
    """One held-out user in words: the last clicks, the ten ads, the ad that was clicked."""
    fold, corpus = outcome.ready.valid.value, outcome.ready.corpus.value
    assert fold.target is not None
    histories, user = fold.queries(corpus.train), corpus.users.names[fold.users[query]].decode()
    events = np.arange(histories.starts[query], histories.ends[query])
    clicked = events[corpus.train.action[events] >= CLICK][-RECENT:][::-1]
    last = "; ".join(name_ad(corpus.catalogue, int(corpus.train.item[event])) for event in clicked)
    context = f"{len(events)} events before, the last clicks: {last or 'none'}"
    columns = outcome.early.answers.value.best.columns[query]
    rows = fold.candidates.rows.values[columns[columns >= 0]]
    listed = [name_ad(corpus.catalogue, int(row)) for row in rows]
    return Example(f"{user},", context, listed, name_ad(corpus.catalogue, int(fold.target[query])))


def name_ad(catalogue: Catalogue, row: int) -> str:
    """An ad's original number and its first known features."""
    values = [f"{name}={value}" for name, value in zip(ITEM_FEATURES, catalogue.features[row], strict=True) if value]
    return f"ad {catalogue.oid[row]}" + (f" ({', '.join(values[:FEATURES_SHOWN])})" if values else "")
