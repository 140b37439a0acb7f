"""Which order of the options is handed in: the blend's, one model's, or that of a plain rule."""

from collections.abc import Sequence

import numpy as np

from common.arrays import Floats, Ints
from common.learning.blending import Blend, blend_scores
from common.learning.chain import Chain, Order, judge_chain, order_rows, score_rule
from common.learning.dataset import Matrix, RankingDataset, to_matrix
from common.learning.listwise_softmax import Sizes
from competitions.flight.features.booking_history import History
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import LARGE
from competitions.flight.ranking.blending import find_hits
from competitions.flight.ranking.rankers import build_slices
from competitions.flight.ranking.training_data import TrainingData

BLEND = "blend"
# Orders without a ranker. The preferences are estimated from other bookings; "shown": by the position on the page.
RULES: dict[str, Order] = {"cheapest": ("core_log_price", -1.0), "preferences": ("taste_total", 1.0), "shown": None}


def find_rules(names: Sequence[str]) -> dict[str, Order]:
    """The rules that these features allow; the order shown stands in for preferences that are not known."""
    known: dict[str, Order] = {rule: order for rule, order in RULES.items() if order and order[0] in names}
    return known if "preferences" in known else known | {"shown": None}


def judge_orders(
    data: TrainingData, models: Sequence[str], scores: Floats, blend: Blend, searches: Ints, answer: str
) -> Chain:
    """Whether the blend's order is handed in, by the validation sessions that are scored; those of a search rise and
    fall together. ``scores`` (rows, models); ``searches``: by session of the train file.
    """
    valid = data.valid
    counted, hits = valid.group_sizes > LARGE, {}
    for name in (BLEND, *models, *find_rules(valid.names)):
        ordered = order_valid(valid, models, scores, blend, name)
        hits[name] = find_hits(ordered, valid.labels, valid.group_sizes)[counted]
    return judge_chain(("rank.answer", answer), hits, None, searches[data.valid_sessions[counted]])


def order_valid(valid: RankingDataset, models: Sequence[str], scores: Floats, blend: Blend, answer: str) -> Floats:
    """The scores (rows,) of the validation rows by the order of a stage."""
    if answer in RULES:
        return score_rule(valid, RULES[answer])
    return take_model(models, scores, blend, valid.group_sizes, answer)


def take_model(models: Sequence[str], scores: Floats, blend: Blend, sizes: Sizes, answer: str) -> Floats:
    """A model's column of the scores (rows, models), or their blend."""
    if answer == BLEND:
        return blend_scores(blend, scores, sizes)
    return np.ascontiguousarray(scores[:, list(models).index(answer)])


def order_test(test: Searches, models: Sequence[str], scores: Matrix, blend: Blend, answer: str) -> Floats:
    """The same of the test's options by the order of a model, or of the blend."""
    return take_model(models, scores.astype(np.float64), blend, test.sessions["size"].to_numpy(), answer)


def order_test_by_rule(test: Searches, history: History, answer: str) -> Floats:
    """The same by a plain rule."""
    values, sizes = np.zeros(test.options.height), test.sessions["size"].to_numpy()
    if order := RULES[answer]:
        feature, sign = order
        slices = build_slices(test, history, [feature.partition("_")[0]], answer)
        values = sign * np.concatenate([to_matrix(frame.select(feature))[:, 0] for frame in slices])
    return order_rows(values, np.repeat(np.arange(len(sizes)), sizes))
