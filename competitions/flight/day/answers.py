"""Sessions of a finished flight run in words: the search, the first options of the list, the one that was booked."""

from typing import Any

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.answers import Answers, Example, count_within, rank_answers, rows_of
from competitions.flight.metrics import CUTOFF, LARGE
from competitions.flight.pipeline import Outcome, Validated
from competitions.flight.ranking.blending import blend_scores

DAY_MINUTES, FIRST_PAGE = 1_440, 10


def blend_valid(outcome: Validated) -> Floats:
    """What the lists of the validation sessions are sorted by, (rows,)."""
    return blend_scores(outcome.blend.value, outcome.scores.value, outcome.data.value.valid.group_sizes)


def list_answers(outcome: Outcome) -> Answers:
    """Where the booked options are lost, of the sessions of more than ten options, and some sessions in words."""
    data, train = outcome.data.value, outcome.train.value
    valid, final = data.valid, blend_valid(outcome)
    counted = np.flatnonzero(valid.group_sizes > LARGE)
    ranks = rank_answers(final, valid.labels, valid.group_sizes)[counted]

    def describe(number: int) -> Example:
        """The search, the first options of the list, the option that was booked."""
        query = counted[number]
        rows = rows_of(valid.group_sizes, query)
        session = train.sessions.row(int(data.valid_sessions[query]), named=True)
        options = train.options.slice(session["first"], session["size"])
        cheapest = options.select(pl.col("price").min().cast(pl.Float64)).item() or 0.0
        order = np.argsort(-final[rows], kind="stable")[:CUTOFF]
        listed = [name_option(options.row(int(row), named=True), cheapest) for row in order]
        booked = name_option(options.row(int(valid.labels[rows].argmax()), named=True), cheapest)
        trip = "return" if session["round_trip"] else "one way"
        context = f"{session['size']} options, {trip}, the cheapest {cheapest:,.0f}"
        return Example(f"Session {session['ranker_id'][:8]},", context, listed, booked)

    before = [
        ("all queries", len(counted)),
        ("among the options", int((ranks > 0).sum())),
        (f"in the first {FIRST_PAGE}", count_within(ranks, FIRST_PAGE)),
    ]
    return Answers(ranks, before, describe, outcome.split.value.repeats)


def name_option(option: dict[str, Any], cheapest: float) -> str:
    """An option in words; prices beside the session's cheapest."""
    price = "no price" if option["price"] is None else f"{option['price']:,.0f}"
    if option["price"] is not None and cheapest:
        price += f" ({option['price'] / cheapest - 1:+.0%})"
    legs = [name_leg(option, leg) for leg in ("out", "back") if option[f"{leg}_departure"] is not None]
    return ", ".join([price, *legs])


def name_leg(option: dict[str, Any], leg: str) -> str:
    """Departure, duration, flights and carrier of a leg; a carrier is its rank by mentions in the train file."""
    minutes = option[f"{leg}_departure"] % DAY_MINUTES
    duration, flights, carrier = (option[f"{leg}_{field}"] for field in ("duration", "segments", "carrier"))
    parts = [f"{leg} {minutes // 60:02d}:{minutes % 60:02d}"]
    parts += [f"{duration // 60} h {duration % 60:02d}"] if duration is not None else []
    parts += ["direct" if flights == 1 else f"{flights} flights"] if flights is not None else []
    parts += [f"carrier {carrier + 1}"] if carrier is not None else []
    return " ".join(parts)
