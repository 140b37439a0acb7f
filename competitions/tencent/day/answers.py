"""Where the targets of the held-out users are lost, and some users' lists in words."""

from typing import Any

import numpy as np

from common.day.answers import BEYOND, Answers, Example, describe_answers
from competitions.tencent.corpus import Catalogue
from competitions.tencent.inference.stages import rank_targets
from competitions.tencent.io.schema import CLICK, ITEM_FEATURES, TOP
from competitions.tencent.outcome import Outcome, RankedFold

FEATURES_SHOWN, RECENT = 3, 3


def describe_lists(outcome: Outcome) -> dict[str, Any]:
    """The part ``answers`` of a run's insight."""
    fold, early = outcome.ready.valid.value, outcome.early
    assert fold.target is not None
    assert fold.unseen is not None
    ranks = rank_targets(fold, early.top.value)
    asked = len(fold.users)
    offered = int(np.isin(fold.target, fold.candidates.rows.values).sum())
    before = [
        ("asked", asked),
        ("shown in the log before", int((~fold.unseen).sum())),
        ("among the candidates", offered),
    ]
    models = {}
    if isinstance(early, RankedFold):
        answer = early.answer.value
        assert answer.found is not None
        before.append(("found by the first search", int((answer.found > 0).sum())))
        models = {"ranker": ranks, "first search": rank_targets(fold, answer.search)}
        ranks = np.where((ranks == 0) & (answer.found > 0), BEYOND, ranks)
    else:
        ranks = np.where(ranks == 0, BEYOND, ranks)  # every candidate is ranked
    return describe_answers(Answers(ranks, before, lambda query: describe(outcome, query), models), TOP)


def describe(outcome: Outcome, query: int) -> Example:
    """One held-out user in words: the last clicks, the ten ads, the ad that was clicked."""
    fold, corpus = outcome.ready.valid.value, outcome.ready.corpus.value
    assert fold.target is not None
    histories, user = fold.queries(corpus.train), corpus.users.names[fold.users[query]].decode()
    events = np.arange(histories.starts[query], histories.ends[query])
    clicked = events[corpus.train.action[events] >= CLICK][-RECENT:][::-1]
    last = "; ".join(name_ad(corpus.catalogue, int(corpus.train.item[event])) for event in clicked)
    context = f"{len(events)} events before, the last clicks: {last or 'none'}"
    columns = outcome.early.top.value.columns[query]
    rows = fold.candidates.rows.values[columns[columns >= 0]]
    listed = [name_ad(corpus.catalogue, int(row)) for row in rows]
    return Example(f"{user},", context, listed, name_ad(corpus.catalogue, int(fold.target[query])))


def name_ad(catalogue: Catalogue, row: int) -> str:
    """An ad's original number and its first known features."""
    values = [f"{name}={value}" for name, value in zip(ITEM_FEATURES, catalogue.features[row], strict=True) if value]
    return f"ad {catalogue.oid[row]}" + (f" ({', '.join(values[:FEATURES_SHOWN])})" if values else "")
