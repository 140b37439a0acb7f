"""Logs to try a new competition on before the host's files are there, with a known best score: what users do next, and
which rows are clicked.
"""

from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats, Ints
from common.day.hosts import TRUTH
from common.learning.metrics import average, score_auc, score_lists, weigh_classes
from common.simulation.oracle import Oracle, summarise
from common.simulation.writer import Simulation, check_request, write_simulation

HOST_USERS, HOST_ITEMS, EVENTS_A_DAY, DAYS, FOLLOW = 100_000, 5_000, 0.4, 30, 0.6
START_S, DAY_S = 1_700_000_000, 86_400
HOST_ROWS, ROWS_PER_USER = 2_000_000, 40


def simulate_log(
    names: tuple[str, str],
    metric: str,
    answers: int,
    days: int,
    out: Path,
    scale: float,
    seed: int,
    follow: float = FOLLOW,
) -> Simulation:
    """``names`` of the files: a log (user_id, item_id, timestamp in seconds), and the users to answer for. With chance
    ``follow`` a user takes the item that follows the last one, else a popular one; hidden is what comes in the ``days``
    behind the log, the first so many different ``answers`` of it.
    """
    check_request(scale, seed)
    rng, users, items = np.random.default_rng(seed), max(round(HOST_USERS * scale), 100), round(HOST_ITEMS * scale**0.5)
    items, events = max(items, 100), round(EVENTS_A_DAY * (DAYS + days))
    chances = 1 / np.arange(1, items + 1) ** 0.8
    chances /= chances.sum()
    after = rng.permutation(items)
    taken = np.empty((users, events), np.int64)
    taken[:, 0] = rng.choice(items, users, p=chances)
    for column in range(1, events):
        other = rng.choice(items, users, p=chances)
        taken[:, column] = np.where(rng.random(users) < follow, after[taken[:, column - 1]], other)
    times = np.sort(rng.integers(0, (DAYS + days) * DAY_S, (users, events)), axis=1) + START_S
    ids = np.repeat(np.arange(users), events)
    log = pl.DataFrame({"user_id": ids, "item_id": taken.ravel(), "timestamp": times.ravel()})
    seen = pl.col("timestamp") < START_S + DAYS * DAY_S
    known = log.filter(seen)
    later = log.filter(~seen).unique(["user_id", "item_id"], keep="first", maintain_order=True)
    truth = later.join(known, on="user_id", how="semi", maintain_order="left")
    truth = truth.group_by("user_id", maintain_order=True).head(answers).select("user_id", "item_id")
    gains = score_best(known, truth, after, metric, answers)

    def write(folder: Path) -> tuple[dict[str, int], Oracle]:
        known.sort("timestamp", "user_id").write_csv(folder / names[0])
        asked = truth.select(pl.col("user_id").unique().sort())
        asked.write_csv(folder / names[1])
        truth.write_csv(folder / TRUTH)
        return {names[0]: known.height, names[1]: asked.height}, summarise(gains, gains)

    return write_simulation(out, {*names}, {"scale": scale, "seed": seed}, write)


def score_best(known: pl.DataFrame, truth: pl.DataFrame, after: Ints, metric: str, answers: int) -> Floats:
    """What each user earns by the items that follow the last one, in a row, one for each that may be hidden, and then
    the most popular ones, which are those of the lowest numbers.
    """
    users, cutoff = truth.group_by("user_id", maintain_order=True).len(), int(metric.partition("@")[2])
    last = users.join(known.group_by("user_id").agg(pl.col("item_id").last()), on="user_id", maintain_order="left")
    chain = [after[last["item_id"].to_numpy()]]
    for _ in range(answers - 1):
        chain.append(after[chain[-1]])
    listed = np.column_stack([*chain, np.tile(np.arange(cutoff), (users.height, 1))])
    rows = pl.DataFrame({"user_id": np.repeat(users["user_id"].to_numpy(), listed.shape[1]), "item_id": listed.ravel()})
    best = rows.unique(maintain_order=True)
    labels = best.join(
        truth.with_columns(right=pl.lit(1.0)), on=["user_id", "item_id"], how="left", maintain_order="left"
    )
    sizes = best.group_by("user_id", maintain_order=True).len()["len"].to_numpy().astype(np.int32)
    right = labels["right"].fill_null(0.0).to_numpy().astype(np.float32)
    return score_lists(metric, -np.arange(best.height, dtype=np.float64), right, sizes, users["len"].to_numpy())


def simulate_rows(names: tuple[str, str], out: Path, scale: float, seed: int, pull: float = 1.0) -> Simulation:
    """``names`` of the files: labelled rows (row_id, user_id, item_id, timestamp in seconds, label) and those to answer
    for, later and without a label. Users and items have tastes and qualities, ``pull`` times as strong as usual.
    """
    check_request(scale, seed)
    rng, count = np.random.default_rng(seed), max(round(HOST_ROWS * scale), 400)
    users, items = max(count // ROWS_PER_USER, 10), max(round(HOST_ITEMS * scale**0.5), 20)
    user, item = rng.integers(0, users, count), (items * rng.random(count) ** 2).astype(np.int64)
    taste, quality, kind = rng.normal(size=(users, 3)), rng.normal(size=items), rng.integers(0, 3, items)
    odds = pull * (0.8 * quality[item] + 0.7 * taste[user, kind[item]] + 0.7 * taste[user, 0]) - 1.5
    label = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    times = np.sort(rng.integers(0, DAYS * DAY_S, count)) + START_S
    rows = pl.DataFrame(
        {"row_id": np.arange(count), "user_id": user, "item_id": item, "item_kind": kind[item], "timestamp": times}
    ).with_columns(label=pl.Series(label))
    test = np.arange(count) >= count * 0.8
    scores, weights = score_auc(label[test], odds[test]), weigh_classes(label[test])
    area, error = average(scores, weights)

    def write(folder: Path) -> tuple[dict[str, int], Oracle]:
        rows.filter(~test).write_csv(folder / names[0])
        rows.filter(test).drop("label").write_csv(folder / names[1])
        rows.filter(test).select("row_id", "label").write_csv(folder / TRUTH)
        oracle = Oracle(int(test.sum()), area, error, area, {})
        return {names[0]: int((~test).sum()), names[1]: int(test.sum())}, oracle

    return write_simulation(out, {*names}, {"scale": scale, "seed": seed}, write)
