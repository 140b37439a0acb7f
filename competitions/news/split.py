"""The labelled fold, cut out of the log as the organiser cut the test users, and the test fold itself.

The hidden click of a test user is the last one. In the host's log a session ends exactly 30 s after its last click but
one, so every 30 s step is an example of a target. Where a log lacks that structure the last click stands in.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.learning.split import Fold
from common.time_units import HOUR_MS
from competitions.news.config import SplitSettings

GAP_MS = 30_000  # the step with which a session ends in the host's log: the hidden click is nearly always after it
CELL = ["block", "session"]  # when a click came, and how many clicks its session has until then
BLOCK_HOURS = 4
SESSION_MS = 30 * 60_000  # a longer wait begins a new session
LONG_SESSION = 4  # so many clicks of a session, and more, are one class
MOST_WEIGHT = 3.0  # of a labelled user, where all are judged: a few that stand for many are most of an error
FEWEST_USERS = 5_000  # with a target, of a log where a user may have several queries, and queries several histories
CONTEXT = ("environment", "device_group", "os", "country", "region", "referrer")


def find_targets(clicks: pl.DataFrame) -> pl.DataFrame:
    """The clicks that can serve as targets, with at least one earlier click of the user.

    One row per target: user, item, cut (its time in ms), before (clicks before it), is_last (the user's last click),
    is_latest (of several targets of a user), is_test. Targets are the train users' last clicks, and of test users,
    whose last one nobody knows, every step of exactly ``GAP_MS``; if under half of the train users end on such a step
    the log does not have it, and every last click serves.
    """
    before = pl.int_range(pl.len()).over("user")
    log = clicks.sort("user", "time", "item").with_columns(before=before, is_last=before == pl.len().over("user") - 1)
    is_step = pl.col("time").diff().over("user") == GAP_MS
    is_target = pl.when("is_test").then(is_step).otherwise("is_last") if ends_on_gap(clicks) else pl.col("is_last")
    targets = log.filter(is_target & (pl.col("before") > 0))
    latest = pl.int_range(pl.len(), 0, -1).over("user") == 1
    return targets.select("user", "item", "before", "is_last", is_latest=latest, is_test="is_test", cut="time")


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

    Validation: ``draw_valid``; training: ``draw_train``. ``queries`` carries ``role`` ("train" or "valid") and
    ``weight``, 1 on average of each; of several folds the weights are those of all labelled queries, which are judged
    together.
    """
    cells = stratify(clicks)
    of_last_visible = cells.select("user", *CELL, before=pl.col("index") + 1)
    targets = find_targets(clicks).join(of_last_visible, on=["user", "before"], maintain_order="left")
    # Who is scored is scored once; in a small log a user's earlier step hides too much of what others are judged by.
    if settings.folds > 1 or targets["is_latest"].sum() < FEWEST_USERS:
        targets = targets.filter("is_latest")
    test, key = find_cells(cells), ["user", "before"]
    drawn = draw_valid(targets.filter("is_latest"), test, settings.valid_queries, seed)
    train = draw_train(targets.join(drawn, on=key, how="anti", maintain_order="left"), test, settings, seed)
    train = train.with_columns(role=pl.lit("train"), weight=pl.lit(1.0))
    valid = targets.with_columns(role=pl.lit("valid")).join(drawn, on=key, maintain_order="left")
    ordered = pl.concat([train, valid]).sort("user", "before")
    if settings.folds > 1:
        weights = weigh(ordered.select(*key, *CELL), test).with_columns(pl.col("weight").clip(upper_bound=MOST_WEIGHT))
        ordered = ordered.drop("weight").join(weights, on=key, how="left", maintain_order="left")
    queries = ordered.with_row_index("query").with_columns(pl.col("query").cast(pl.Int32))
    seen = own_past(clicks, queries)
    described = add_context(queries.select("query", "user", "role", "weight"), seen)
    return Fold(cut_history(clicks, described), described, seen, queries.select("query", "item"))


def draw_valid(latest: pl.DataFrame, test: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """The validation queries (user, before, weight): as the test users by the cell of the last visible click.

    Drawn among the train users whose last click is hidden, at most ``most`` and a quarter of them. In cells that none
    of these has, a test user's own latest visible target stands in. Where the two logs share no block, the session
    alone is matched. ``latest``: each user's latest target, with its cell; ``test``: the test users' cells.
    """
    own, others = latest.filter(pl.col("is_last") & ~pl.col("is_test")), latest.filter("is_test")
    pool = pl.concat([own, others.join(own, on=CELL, how="anti")]).sort("user").select("user", "before", *CELL)
    for by in (CELL, ["session"]):
        drawn = resample_to_match(pool, test, by, min(most, own.height // 4), seed)
        if drawn.height:
            return weigh(drawn, test)
    raise UserError(
        f"No validation users can be drawn: {own.height} train users have two clicks or more, and none has as many "
        "clicks in a session as a test user; give a train log of at least 4 such users."
    )


def draw_train(rest: pl.DataFrame, test: pl.DataFrame, settings: SplitSettings, seed: int) -> pl.DataFrame:
    """At most ``train_queries`` of the targets that do not validate: as the test users by the block of the last visible
    click, while there are such, then any.

    Every user's latest target, and every step of the test users in blocks that no train user was seen in: these come
    first, and validation takes most of their latest ones.
    """
    train_blocks = rest.filter(~pl.col("is_test"))["block"].unique().implode()
    pool = rest.filter(pl.col("is_latest") | ~pl.col("block").is_in(train_blocks))
    drawn = resample_to_match(pool, test, ["block"], settings.train_queries, seed)
    left = pool.join(drawn, on=["user", "before"], how="anti", maintain_order="left")
    return pl.concat([drawn, left.sample(min(settings.train_queries - drawn.height, left.height), seed=seed)])


def take_history(clicks: pl.DataFrame, fold: Fold, number: int, histories: int, seed: int) -> Fold:
    """The labelled queries of one of several histories, which they are spread over evenly: it lacks their answers, and
    has those of all others.

    Where all queries share one history, the more of them there are the less it is like the test's, which nobody thins.
    """
    assert fold.answers is not None
    part = np.random.default_rng([seed, histories]).permutation(fold.queries.height) % histories
    queries = fold.queries.filter(pl.Series(part == number))
    seen, answers = (
        each.join(queries, on="query", how="semi", maintain_order="left") for each in (fold.seen, fold.answers)
    )
    return Fold(cut_history(clicks, queries), queries, seen, answers)


def find_cells(cells: pl.DataFrame) -> pl.DataFrame:
    """The last click of each test user, with its cell."""
    return cells.filter("is_target").unique("user", keep="last", maintain_order=True)


def turn_fold(fold: Fold, number: int, folds: int, seed: int) -> Fold:
    """The labelled fold whose queries of the part ``number``, of so many that are drawn evenly, validate, while the
    others train.
    """
    part = np.random.default_rng([seed, folds]).permutation(fold.queries.height) % folds
    role = pl.when(pl.Series(part == number)).then(pl.lit("valid")).otherwise(pl.lit("train"))
    return replace(fold, queries=fold.queries.with_columns(role=role))


def weigh(users: pl.DataFrame, test: pl.DataFrame) -> pl.DataFrame:
    """(user, before, weight): the test's share of the query's cell over the share here; 1 on average.

    Where the two logs share no cell every weight is 1.

    >>> users = pl.DataFrame({"user": [1, 2, 3, 4], "before": 1, "block": [0, 0, 0, 1], "session": [2, 2, 2, 2]})
    >>> test = pl.DataFrame({"user": [8, 9], "block": [0, 1], "session": [2, 2]})
    >>> [round(weight, 2) for weight in weigh(users, test)["weight"]]  # block 0 is three quarters here, half there
    [0.67, 0.67, 0.67, 2.0]
    """
    here, there = (frame.group_by(CELL).agg(pl.len() / frame.height) for frame in (users, test))
    shares = users.join(here, on=CELL).join(there.rename({"len": "test"}), on=CELL, how="left").sort("user", "before")
    weight = (pl.col("test") / pl.col("len")).fill_null(0.0)
    if shares["test"].null_count() == shares.height:
        weight = pl.lit(1.0)
    return shares.select("user", "before", weight=weight / weight.mean())


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


def stratify(clicks: pl.DataFrame) -> pl.DataFrame:
    """The clicks by user and time, with ``index`` and ``CELL`` of each: its block of hours, the class of its session.

    Test users arrive first, and go on for longer: at a given time, and with a given number of clicks, a train user has
    packed them into fewer and longer sessions, which are harder. Hence the session, not the whole history.
    """
    return count_sessions(clicks).select(
        "user",
        "index",
        "is_target",
        block=(pl.col("time") // (BLOCK_HOURS * HOUR_MS)).cast(pl.Int32),
        session=pl.col("session_clicks").clip(upper_bound=LONG_SESSION).cast(pl.Int8),
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


def cut_history(clicks: pl.DataFrame, queries: pl.DataFrame) -> pl.DataFrame:
    """The clicks by user and time, without what the users of ``queries`` (user, clicks: so many it sees) did since the
    first of their hidden clicks.

    Every labelled click leaves the statistics, for all rows alike. (Taking only a row's own click out of each count
    leaks: the label's count is then exactly one lower than the same item's count in any other row.)

    >>> clicks = pl.DataFrame({"user": [1, 1, 1, 2], "time": [5, 9, 9, 9], "item": [7, 7, 8, 8]})
    >>> cut_history(clicks, pl.DataFrame({"user": [1], "clicks": [2]})).rows()
    [(1, 5, 7), (1, 9, 7), (2, 9, 8)]
    """
    ends = queries.group_by("user").agg(end=pl.col("clicks").min())
    log = clicks.sort("user", "time", "item").join(ends, on="user", how="left", maintain_order="left")
    index = pl.int_range(pl.len()).over("user")
    return log.filter(pl.col("end").is_null() | (index < pl.col("end"))).drop("end")


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
