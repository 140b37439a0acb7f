"""The steps of the ranker: earlier questions, forecasts, lists to learn from, the fit, the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.engine.errors import UserError
from common.engine.progress import track
from competitions.tencent.config import FeatureSettings, FitSettings, HostSettings
from competitions.tencent.corpus import Corpus, Embedding, Int64s
from competitions.tencent.inference.retrieval import TopK
from competitions.tencent.inference.stages import evaluate
from competitions.tencent.io.schema import TOP
from competitions.tencent.plan import Plan
from competitions.tencent.ranking.action_rates import count_actions
from competitions.tencent.ranking.ad_statistics import describe_ads
from competitions.tencent.ranking.forecast import Forecast
from competitions.tencent.ranking.lifts import count_lifts
from competitions.tencent.ranking.pair_features import Knowledge
from competitions.tencent.ranking.ranker import Lists, Ranker, fit_ranker
from competitions.tencent.ranking.scoring import BLOCK, Ready, describe_block, score_found
from competitions.tencent.ranking.search import fit_tables, open_search, stack_content
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold, target_columns

PART = 100_000  # queries


@dataclass(frozen=True)
class RankerInputs:
    """What the steps of a fold read: ``forecasts`` has one per question and, last, the fold's own."""

    corpus: Corpus
    embeddings: Sequence[Embedding]
    fold: Fold
    questions: Sequence[Fold]
    forecasts: Sequence[Forecast]
    plan: Plan


@dataclass(frozen=True)
class RankedAnswer:
    """The ten best of every query, by the ``ranker`` and by the first ``search`` alone; ``found``: the first search's
    place of each target from 1, 0 where it was not found, None where the host has the answers.
    """

    ranker: TopK
    search: TopK
    found: Int64s | None


def prepare_fold(inputs: RankerInputs, fold: Fold, forecast: Forecast, settings: FeatureSettings) -> Ready:
    """What is known where a fold's history ends."""
    corpus, plan = inputs.corpus, inputs.plan
    history = fold.history(corpus.train)
    statistics = describe_ads(history, corpus.catalogue, times=plan.times)
    tables = fit_tables(corpus, fold, plan.channels, settings)
    content = stack_content(inputs.embeddings) if "content" in plan.channels else None
    rate = forecast.rate(statistics, fold.candidates.rows.values)
    search = open_search(corpus, fold, content, rate, tables, settings, plan.list_length)
    catalogue = corpus.catalogue
    rates = count_actions(history, catalogue) if plan.actions else None
    knowledge = Knowledge(catalogue, statistics, count_lifts(history, catalogue), rates)
    return Ready(search, knowledge, settings.blocks, fold.condition)


def describe_question(inputs: RankerInputs, at: int, settings: FeatureSettings) -> Lists | None:
    """The lists of an earlier question's queries whose target the search found; None where it found none."""
    fold = inputs.questions[at]
    ready = prepare_fold(inputs, fold, inputs.forecasts[at], settings)
    features, targets = [], []
    names: tuple[str, ...] = ()
    target = target_columns(fold)
    for block in track(list(blocks(len(fold.users), BLOCK)), "describing candidates"):
        columns, scores, described, names = describe_block(ready, block)
        hit = (columns == target[block][:, None]) & np.isfinite(scores)
        found = hit.any(1)
        features.append(described[found])
        targets.append(hit.argmax(1)[found])
    if not sum(map(len, targets)):
        return None
    return Lists(np.concatenate(features), np.concatenate(targets), names)


def join_lists(lists: Sequence[Lists | None]) -> Lists:
    """The lists of several questions."""
    parts = [each for each in lists if each is not None]
    if not parts:
        raise UserError(
            "No earlier question can be asked, or no answer is found: the log is too short for the ranker; take the"
            ' network instead: --set method="network".'
        )
    width = min(part.features.shape[1] for part in parts)
    kept = [part.target < width for part in parts]
    features = np.concatenate([part.features[rows, :width] for part, rows in zip(parts, kept, strict=True)])
    targets = np.concatenate([part.target[rows] for part, rows in zip(parts, kept, strict=True)])
    return Lists(features, targets, parts[0].names)


def learn(lists: Sequence[Lists | None], settings: FitSettings, seed: int) -> Ranker:
    """The ranker of all questions' lists."""
    return fit_ranker(join_lists(lists), settings, seed)


def count_parts(fold: Fold) -> int:
    """The answer is a step for each part of so many queries, so that hours of work survive a kill."""
    return -(-len(fold.users) // PART)


def answer(inputs: RankerInputs, ranker: Ranker, settings: FeatureSettings, part: int) -> RankedAnswer:
    """The ten best candidates of one part's queries; features are held for one block of queries at a time."""
    fold = inputs.fold
    ready = prepare_fold(inputs, fold, inputs.forecasts[-1], settings)
    start, stop = part * PART, min((part + 1) * PART, len(fold.users))
    ranked, searched = TopK.empty(stop - start, TOP), TopK.empty(stop - start, TOP)
    target = None if fold.target is None else target_columns(fold)
    found = np.zeros(stop - start, np.int64)
    for rows in track(list(blocks(stop - start, BLOCK)), "ranking"):
        block = rows + start
        columns, scores, features, _ = describe_block(ready, block)
        searched.put(rows, columns, scores)
        ranked.put(rows, columns, score_found(ranker, scores, features))
        if target is not None:
            hit = (columns == target[block][:, None]) & np.isfinite(scores)
            found[rows] = np.where(hit.any(1), hit.argmax(1) + 1, 0)
    return RankedAnswer(ranked, searched, None if target is None else found)


def join_answers(parts: Sequence[RankedAnswer]) -> RankedAnswer:
    """The answers of all parts."""
    found = [part.found for part in parts if part.found is not None]
    return RankedAnswer(
        TopK.join([part.ranker for part in parts]),
        TopK.join([part.search for part in parts]),
        np.concatenate(found) if found else None,
    )


def evaluate_answers(fold: Fold, answer: RankedAnswer, host: HostSettings) -> dict[str, dict[str, Any]]:
    """The scores of the ranker, and of the first search alone."""
    ways = {"ranker": answer.ranker, "first search": answer.search}
    return {name: evaluate(fold, top, host) for name, top in ways.items()}
