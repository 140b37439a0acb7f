"""The labelled fold, cut out of the log as the organiser cut the test users, and the test fold itself.

The hidden click of a test user is the last one. In the host's log a session ends exactly 30 s after its last click but
one, so every 30 s step is an example of a target. Where a log lacks that structure the last click stands in.
"""

import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.learning.split import Fold
from common.time_units import HOUR_MS
from competitions.news.config import SplitSettings

GAP_MS = 30_000  # the step with which a session ends in the host's log: the hidden click is nearly always after it
CELL = ["block", "session"]  # when the last visible click came, and how many clicks its session has
BLOCK_HOURS = 4
SESSION_MS = 30 * 60_000  # a longer wait begins a new session
LONG_SESSION = 4  # so many clicks of a session, and more, are one class
CONTEXT = ("environment", "device_group", "os", "country", "region", "referrer")


def find_targets(clicks: pl.DataFrame) -> pl.DataFrame:
    """Each user's latest click that can serve as a target, with at least one earlier click of the user.

    One row per user: user, item, cut (its time in ms), before (clicks before it), until (the time of the latest of
    these), is_last (the user's last click), is_test. Targets are the steps of exactly ``GAP_MS`` and the train users'
    last clicks; if under half of the train users end on such a step the log does not have it, and every last click
    serves.
    """
    before = pl.int_range(pl.len()).over("user")
    log = clicks.sort("user", "time", "item").with_columns(
        before=before,
        until=pl.col("time").shift(1).over("user"),
        is_last=before == pl.len().over("user") - 1,
    )
    is_step = pl.col("time") - pl.col("until") == GAP_MS
    is_target = is_step | (pl.col("is_last") & ~pl.col("is_test")) if ends_on_gap(clicks) else pl.col("is_last")
    targets = log.filter(is_target & (pl.col("before") > 0))
    latest = targets.unique("user", keep="last", maintain_order=True)
    return latest.select("user", "item", "before", "until", "is_last", "is_test", cut="time")


def ends_on_gap(clicks: pl.DataFrame) -> bool:
    """Whether sessions end on a step of ``GAP_MS``, as in the host's log: half of the train users do."""
    return terminal_share(clicks) >= 0.5


def terminal_share(clicks: pl.DataFrame) -> float:
    """The share of train users whose last step takes exactly ``GAP_MS``."""
    ends = clicks.filter(~pl.col("is_test")).sort("user", "time", "item").group_by("user", maintain_order=True)
    last = ends.agg(wait=pl.col("time").diff().last())
    return float((last["wait"] == GAP_MS).fill_null(value=False).mean() or 0.0)  # type: ignore[arg-type]


def label_fold(clicks: pl.DataFrame, settings: SplitSettings, seed: int) -> Fold:
    """Training and validation queries with their answers, over one history from which all of them are hidden.

    Validation: the last click of train users, drawn so that the block of hours of the last visible click and the
    number of visible clicks in its session are distributed as for the test users; at most a quarter of the train users.
    Blocks and sessions that no train user has: a test user's own latest visible target stands in. ``weight`` of a
    validation query: the test's share of its cell over validation's, 1 on average. Training: the latest targets of
    other users, train and test alike, at most ``train_queries``. ``queries`` carries ``role`` ("train" or "valid").
    """
    targets = find_targets(clicks)
    test = stratify_test(clicks)
    own = stratify_targets(targets.filter(pl.col("is_last") & ~pl.col("is_test")), clicks)
    latest = stratify_targets(targets.filter("is_test"), clicks)
    pool = pl.concat([own, latest.join(own, on=CELL, how="anti")]).sort("user")
    size = min(settings.valid_queries, own.height // 4)
    users = _draw_valid(pool, test, size, seed, own.height)
    rest = targets.join(users, on="user", how="anti", maintain_order="left")
    count = min(settings.train_queries, rest.height)
    train = rest.sample(count, seed=seed, shuffle=True).with_columns(role=pl.lit("train"))
    valid = targets.join(users, on="user", how="semi", maintain_order="left").with_columns(role=pl.lit("valid"))
    chosen = pl.concat([train, valid]).sort("user", "cut", "item")
    history = cut_history(clicks, chosen)
    numbered = chosen.with_row_index("query").with_columns(pl.col("query").cast(pl.Int32))
    seen = own_past(clicks, numbered)
    answers = numbered.select("query", "item")
    weighed = numbered.join(weigh(users, test), on="user", how="left", maintain_order="left")
    roles = weighed.select("query", "user", "role", pl.col("weight").fill_null(1.0))
    return Fold(history, add_context(roles, seen), seen, answers)


def _draw_valid(pool: pl.DataFrame, target: pl.DataFrame, size: int, seed: int, known: int) -> pl.DataFrame:
    """Users like the target's in block and session; where the two logs share no block, in the session alone."""
    for by in (CELL, ["session"]):
        drawn = resample_to_match(pool, target, by, size, seed)
        if drawn.height:
            return drawn.select("user", *CELL)
    raise UserError(
        f"No validation users can be drawn: {known} train users have two clicks or more, and none has as many clicks "
        "in a session as a test user; give a train log of at least 4 such users."
    )


def weigh(users: pl.DataFrame, test: pl.DataFrame) -> pl.DataFrame:
    """(user, weight): the test's share of the user's cell over the share here; 1 on average.

    Where the two logs share no cell every weight is 1.

    >>> users = pl.DataFrame({"user": [1, 2, 3, 4], "block": [0, 0, 0, 1], "session": [2, 2, 2, 2]})
    >>> test = pl.DataFrame({"user": [8, 9], "block": [0, 1], "session": [2, 2]})
    >>> [round(weight, 2) for weight in weigh(users, test)["weight"]]  # block 0 is three quarters here, half there
    [0.67, 0.67, 0.67, 2.0]
    """
    here, there = (frame.group_by(CELL).agg(pl.len() / frame.height) for frame in (users, test))
    shares = users.join(here, on=CELL).join(there.rename({"len": "test"}), on=CELL, how="left").sort("user")
    weight = (pl.col("test") / pl.col("len")).fill_null(0.0)
    if shares["test"].null_count() == shares.height:
        weight = pl.lit(1.0)
    return shares.select("user", weight=weight / weight.mean())


def build_test_fold(clicks: pl.DataFrame) -> Fold:
    """The test: the next click of every test user, everything visible as history."""
    users = clicks.filter("is_target").select("user").unique().sort("user")
    numbered = users.with_row_index("query").select(pl.col("query").cast(pl.Int32), "user", role=pl.lit("test"))
    everything = numbered.with_columns(before=pl.lit(2**31 - 1))
    seen = own_past(clicks, everything)
    return Fold(clicks, add_context(numbered, seen), seen, None)


def own_past(clicks: pl.DataFrame, queries: pl.DataFrame) -> pl.DataFrame:
    """The first ``before`` clicks of each query's user, in order, with ``back`` = 0 for the latest of them."""
    log = clicks.sort("user", "time", "item").with_columns(index=pl.int_range(pl.len()).over("user"))
    own = queries.select("query", "user", "before").join(log, on="user").filter(pl.col("index") < pl.col("before"))
    back = pl.int_range(pl.len(), 0, -1).over("query") - 1
    ordered = own.sort("query", "index").with_columns(back=back.cast(pl.Int32))
    return ordered.select("query", "item", "time", "back", *CONTEXT)


def add_context(queries: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """Add time (ms) and device context of the last visible click, and the number of visible clicks."""
    latest = seen.filter(pl.col("back") == 0).drop("item", "back")
    size = seen.group_by("query").agg(clicks=pl.len().cast(pl.Int32))
    return queries.join(latest, on="query", how="left").join(size, on="query", how="left").sort("query")


def stratify_test(clicks: pl.DataFrame) -> pl.DataFrame:
    """One row per test user: the block of the last visible click, and the class of its session."""
    ends = count_sessions(clicks.filter("is_target")).group_by("user").last().sort("user")
    return ends.select("user", **_strata(pl.col("time"), pl.col("session_clicks")))


def stratify_targets(targets: pl.DataFrame, clicks: pl.DataFrame) -> pl.DataFrame:
    """The same columns of what stays visible of each target's user once it is hidden; one target a user."""
    log = count_sessions(clicks.join(targets, on="user", how="semi"))
    return (
        targets.join(log, on="user")
        .filter(pl.col("index") == pl.col("before") - 1)
        .select("user", **_strata(pl.col("time"), pl.col("session_clicks")))
        .sort("user")
    )


def count_sessions(clicks: pl.DataFrame) -> pl.DataFrame:
    """Clicks by user and time: each one's ``index`` in its user's log from 0 on, and ``session_clicks``, its number in
    its session from 1 on.
    """
    index = pl.int_range(pl.len()).over("user")
    begins = (pl.col("time").diff() > SESSION_MS) | (pl.col("index") == 0)
    first = pl.when(begins).then("index").forward_fill()
    log = clicks.sort("user", "time", "item").with_columns(index=index)
    return log.with_columns(session_clicks=pl.col("index") - first + 1)


def _strata(time: pl.Expr, session_clicks: pl.Expr) -> dict[str, pl.Expr]:
    """Test users arrive first, and go on for longer: at a given time, and with a given number of clicks, a train user
    has packed them into fewer and longer sessions, which are harder. Hence the session, not the whole history.
    """
    return {
        "block": (time // (BLOCK_HOURS * HOUR_MS)).cast(pl.Int32),
        "session": session_clicks.clip(upper_bound=LONG_SESSION).cast(pl.Int8),
    }


def cut_history(clicks: pl.DataFrame, first_hidden: pl.DataFrame) -> pl.DataFrame:
    """Drop, for every user of ``first_hidden`` (user, cut in ms, item), the clicks from its cut on.

    A click at the very millisecond of the cut is kept unless it is the hidden item: the organisers' clocks are coarse.
    Every labelled click leaves the statistics, for all rows alike. (Taking only a row's own click out of each count
    leaks: the label's count is then exactly one lower than the same item's count in any other row.)

    >>> clicks = pl.DataFrame({"user": [1, 1, 1, 2], "time": [5, 9, 9, 9], "item": [7, 7, 8, 8]})
    >>> cut_history(clicks, pl.DataFrame({"user": [1], "cut": [9], "item": [8]})).rows()
    [(1, 5, 7), (1, 9, 7), (2, 9, 8)]
    """
    marked = clicks.join(first_hidden.select("user", "cut", hidden="item"), on="user", how="left")
    late = (pl.col("time") > pl.col("cut")) | ((pl.col("time") == pl.col("cut")) & (pl.col("item") == pl.col("hidden")))
    return marked.filter(~late.fill_null(False)).drop("cut", "hidden")


def resample_to_match(pool: pl.DataFrame, target: pl.DataFrame, by: list[str], size: int, seed: int) -> pl.DataFrame:
    """Draw up to ``size`` rows of ``pool``, without replacement, distributed over ``by`` like ``target``.

    Rows of a cell are drawn with weight (target's share / pool's share) by the exponential-races method (Efraimidis and
    Spirakis 2006); cells that the target lacks are never drawn. Order: that of ``pool``.

    >>> pool = pl.DataFrame({"id": range(6), "length": [1, 1, 1, 1, 2, 3]})
    >>> target = pl.DataFrame({"length": [2, 3, 3]})
    >>> resample_to_match(pool, target, ["length"], size=5, seed=0)["id"].to_list()
    [4, 5]
    """
    share = target.group_by(by).agg(target=pl.len() / max(target.height, 1))
    held = pool.group_by(by).agg(pool=pl.len() / max(pool.height, 1))
    weight = share.join(held, on=by).select(*by, weight=pl.col("target") / pl.col("pool"))
    marked = pool.with_row_index("_row").join(weight, on=by, how="inner").sort("_row")
    # Each row arrives after an exponential time whose rate is its weight: the first ``size`` are the draw.
    races = np.random.default_rng(seed).exponential(size=marked.height) / marked["weight"].to_numpy()
    chosen = np.sort(np.argsort(races, kind="stable")[:size])
    return marked[chosen].drop("_row", "weight")
