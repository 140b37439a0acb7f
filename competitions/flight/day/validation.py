"""What flight's validation asked and ranked: a row a search, a row an option of its sessions, and sessions in words."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from common.arrays import Ints
from common.day.evidence import BLEND, Evidence, list_rivals, score_random
from common.day.record_schema import WEIGHT, Example, Row
from common.day.run_record import stack_fits
from common.learning.listwise_softmax import Sizes
from common.learning.metrics import rank_answers
from competitions.flight.io.reader import Searches
from competitions.flight.metrics import CUTOFF, LARGE, classify_size
from competitions.flight.pipeline import Validated
from competitions.flight.ranking.submitted_order import order_valid
from competitions.flight.ranking.training_data import TrainingData
from competitions.flight.split import Split, number_searches

DAY_MINUTES, FIRST_PAGE = 1_440, 10
RIVALS = {"cheapest": "The cheapest", "preferences": "First stage: preferences", "shown": "In the order shown"}


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per validation search with more than ten options: how often the booked one is among the first three;
    ``weight``: the sessions of the search; ``part``: the fold whose fit scored it.

    Twin sessions are one row, named by the first, so that they count as one in an error. Repeated folds judge a session
    several times: each repeat is a fit, of one part.
    """
    data, split, train = outcome.data.value, outcome.split.value, outcome.train.value.sessions
    number = np.repeat(np.arange(len(data.folds)), [len(fold.sessions) for fold in data.folds])
    each = len(data.folds) // split.repeats
    judged = train[data.valid_sessions].select(
        "size",
        query=pl.col("ranker_id").cast(pl.String),
        fold=name_folds(data, split, train["time"]),
        repeat=pl.Series(number // each if split.repeats > 1 else np.zeros_like(number)),
        part=pl.Series(np.zeros_like(number) if split.repeats > 1 else number).cast(pl.String),
        options=classify_size(pl.col("size")),
        trip=pl.when("round_trip").then(pl.lit("return")).otherwise(pl.lit("one way")),
        traveller=mark_known(train),
    )
    scored = judged.filter(pl.col("size") > LARGE).drop("size")
    scored = scored.insert_column(2, pl.Series("score", outcome.chain.value.earned))
    repeats = [merge_twins(part.drop("repeat"), train) for part in scored.partition_by("repeat", maintain_order=True)]
    return stack_fits(repeats) if len(repeats) > 1 else repeats[0]


def collect_evidence(outcome: Validated) -> Evidence:
    """One row per option of a validation session, those of at most ten options as well; ``item``: the option's position
    in the session; ``search``: its row in ``list_queries``. Where folds repeat, a session stands as often as it is
    judged, by its ``round``. Ranks are by session, of more than ten options.
    """
    data, searches = outcome.data.value, outcome.train.value
    valid, numbers, stages = data.valid, data.valid_sessions, (outcome.names, outcome.scores.value, outcome.blend.value)
    scores = order_valid(valid, *stages, outcome.chain.value.answer)
    ranks = rank_answers(scores, valid.labels, valid.group_sizes)
    sizes = valid.group_sizes
    counted, starts = np.flatnonzero(sizes > LARGE), np.cumsum(sizes) - sizes
    items = {
        **name_lists(searches.sessions, numbers, sizes)[np.repeat(np.arange(len(sizes)), sizes)].to_dict(),
        "item": np.arange(len(scores)) - np.repeat(starts, sizes),
        "label": valid.labels,
        "round": np.repeat(np.arange(len(data.folds)), [len(fold.valid.labels) for fold in data.folds]),
        **dict(zip(outcome.names, outcome.scores.value.T, strict=True)),
        BLEND: scores,
    }

    def show(at: int) -> Example:
        own = slice(starts[counted[at]], starts[counted[at]] + sizes[counted[at]])
        chosen = [*np.argsort(-scores[own], kind="stable")[:CUTOFF], int(valid.labels[own].argmax())]
        number = int(numbers[counted[at]])
        context, names = describe_session(searches, number, chosen)
        return Example(f"Session {searches.sessions['ranker_id'][number][:8]},", context, names[:-1], names[-1])

    return Evidence(
        candidates=pl.DataFrame(items),
        rows=valid,
        ranks=ranks[counted],
        repeats=outcome.split.value.repeats,
        example=show,
        stages=[("all queries", len(counted))],
        listed="among the options",
        cutoffs=(FIRST_PAGE, CUTOFF),
        rivals=list_rivals(outcome.chain.value, score_random(valid, np.ones(CUTOFF))[counted], RIVALS),
    )


def name_lists(sessions: pl.DataFrame, numbers: Ints, sizes: Sizes) -> pl.DataFrame:
    """Of each judged session, by its number: ``query``, its own name, and ``search``, that of the first of its search
    with more than ten options; null for the others.
    """
    names = sessions["ranker_id"].gather(numbers).cast(pl.String)
    judged = pl.DataFrame({"query": names, "search": number_searches(sessions)[numbers], "large": sizes > LARGE})
    first = pl.col("query").filter("large").first().over("search")
    return judged.select("query", search=pl.when("large").then(first))


def merge_twins(queries: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a search of queries that are one a session and fit, with the mean of its numbers; ``weight``: its
    sessions.
    """
    numbers = sessions.select(query=pl.col("ranker_id").cast(pl.String), search=pl.Series(number_searches(sessions)))
    weight = pl.col("query").n_unique().cast(pl.Float64).alias(WEIGHT)
    merged = [pl.col(pl.Float64).mean(), pl.col(pl.String).first(), weight]
    return (
        queries.join(numbers, on="query", maintain_order="left")
        .group_by("search", maintain_order=True)
        .agg(*merged)
        .drop("search")
    )


def name_folds(data: TrainingData, split: Split, times: pl.Series) -> pl.Series:
    """The fold of each validation session: its period of time; of repeated folds their common name."""
    names = []
    for fold in data.folds:
        days = times.gather(fold.sessions).cast(pl.Datetime("ms")).sort().dt.strftime("%m-%d")
        names += [split.name if split.cross_fitted else f"{days[0]} to {days[-1]}"] * len(fold.sessions)
    return pl.Series(names, dtype=pl.String)


def mark_known(sessions: pl.DataFrame) -> pl.Expr:
    """Whether a session's traveller had booked before it, in words."""
    first = sessions.filter(pl.col("booked").is_not_null()).group_by("profile").agg(pl.col("time").min())
    earliest = pl.col("profile").replace_strict(first["profile"], first["time"], default=None)
    return pl.when(earliest < pl.col("time")).then(pl.lit("has booked")).otherwise(pl.lit("is new"))


def describe_session(train: Searches, number: int, chosen: Sequence[int]) -> tuple[str, list[str]]:
    """A session of the train file in words: the search, and the ``chosen`` of its options."""
    session = train.sessions.row(number, named=True)
    options = train.options.slice(session["first"], session["size"])
    cheapest = options.select(pl.col("price").min().cast(pl.Float64)).item() or 0.0
    trip = "return" if session["round_trip"] else "one way"
    search = f"{session['size']} options, {trip}, the cheapest {cheapest:,.0f}"
    return search, [name_option(options.row(int(at), named=True), cheapest) for at in chosen]


def name_option(option: Row, cheapest: float) -> str:
    """An option in words; prices beside the session's cheapest."""
    price = "no price" if option["price"] is None else f"{option['price']:,.0f}"
    if option["price"] is not None and cheapest:
        price += f" ({option['price'] / cheapest - 1:+.0%})"
    legs = [name_leg(option, leg) for leg in ("out", "back") if option[f"{leg}_departure"] is not None]
    return ", ".join([price, *legs])


def name_leg(option: Row, leg: str) -> str:
    """Departure, duration, flights and carrier of a leg; a carrier is its rank by mentions in the train file."""
    minutes = option[f"{leg}_departure"] % DAY_MINUTES
    duration, flights, carrier = (option[f"{leg}_{field}"] for field in ("duration", "segments", "carrier"))
    parts = [f"{leg} {minutes // 60:02d}:{minutes % 60:02d}"]
    parts += [f"{duration // 60} h {duration % 60:02d}"] if duration is not None else []
    parts += ["direct" if flights == 1 else f"{flights} flights"] if flights is not None else []
    parts += [f"carrier {carrier + 1}"] if carrier is not None else []
    return " ".join(parts)
