"""Where the booked options of the validation sessions are lost, and some sessions' lists in words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.answers import Example, describe_answers, rank_answers
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF, LARGE
from competitions.flight.pipeline import Outcome
from competitions.flight.ranking.blending import blend_scores

DAY_MINUTES, FIRST_PAGE = 1_440, 10


def describe_lists(outcome: Outcome) -> dict[str, Any]:
    """The part ``answers`` of a run's insight, of the sessions of more than ten options."""
    data, scores, train = outcome.data.value, outcome.scores.value, outcome.train.value
    valid = data.valid
    blended = blend_scores(outcome.blend.value, scores, valid.group_sizes)
    final = np.ascontiguousarray(blended)
    counted = np.flatnonzero(valid.group_sizes > LARGE)
    ranks = rank_answers(final, valid.labels, valid.group_sizes)[counted]
    models = {
        name: rank_answers(np.ascontiguousarray(column), valid.labels, valid.group_sizes)[counted]
        for name, column in zip(outcome.names, scores.T, strict=True)
    }
    before = [
        ("asked", len(counted)),
        ("among the options", int((ranks > 0).sum())),
        (f"in the first {FIRST_PAGE}", int(((ranks > 0) & (ranks <= FIRST_PAGE)).sum())),
    ]
    starts = np.cumsum(valid.group_sizes) - valid.group_sizes

    def example(number: int) -> Example:
        query = counted[number]
        rows = slice(starts[query], starts[query] + valid.group_sizes[query])
        session = train.sessions.row(int(data.valid_sessions[query]), named=True)
        return describe(train, session, final[rows], valid.labels[rows])

    return describe_answers(ranks, CUTOFF, before, models, example)


def describe(
    train: Searches, session: dict[str, Any], scores: NDArray[np.float64], labels: NDArray[np.float32]
) -> Example:
    """One session in words: the search, the first options of the list, the option that was booked."""
    options = train.options.slice(session["first"], session["size"])
    cheapest = options.select(pl.col("price").min().cast(pl.Float64)).item() or 0.0
    name = name_options(cheapest)
    order = np.argsort(-scores, kind="stable")[:CUTOFF]
    listed = [name(options.row(int(row), named=True)) for row in order]
    trip = "return" if session["round_trip"] else "one way"
    context = f"{session['size']} options, {trip}, the cheapest {cheapest:,.0f}"
    booked = name(options.row(int(labels.argmax()), named=True))
    return Example(f"Session {session['ranker_id'][:8]},", context, listed, booked)


def name_options(cheapest: float) -> Callable[[dict[str, Any]], str]:
    """A function that puts an option into words; prices beside the session's cheapest."""

    def name(option: dict[str, Any]) -> str:
        price = "no price" if option["price"] is None else f"{option['price']:,.0f}"
        if option["price"] is not None and cheapest:
            price += f" ({option['price'] / cheapest - 1:+.0%})"
        legs = [name_leg(option, leg) for leg in ("out", "back") if option[f"{leg}_departure"] is not None]
        return ", ".join([price, *legs])

    return name


def name_leg(option: dict[str, Any], leg: str) -> str:
    """Departure, duration, flights and carrier of a leg; a carrier is its rank by mentions in the train file."""
    minutes = option[f"{leg}_departure"] % DAY_MINUTES
    duration, flights, carrier = (option[f"{leg}_{field}"] for field in ("duration", "segments", "carrier"))
    parts = [f"{leg} {minutes // 60:02d}:{minutes % 60:02d}"]
    parts += [f"{duration // 60} h {duration % 60:02d}"] if duration is not None else []
    parts += ["direct" if flights == 1 else f"{flights} flights"] if flights is not None else []
    parts += [f"carrier {carrier + 1}"] if carrier is not None else []
    return " ".join(parts)
