"""Logs to try a new competition on before the host's files are there, with a known best score: what users do next, and
which rows are clicked.
"""

from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.hosts import TRUTH
from common.learning.metrics import average, score_auc, score_lists, weigh_classes
from common.simulation.oracle import Oracle, summarise
from common.simulation.writer import Simulation, check_request, write_simulation

HOST_USERS, HOST_ITEMS, EVENTS_PER_USER, DAYS, FOLLOW = 100_000, 5_000, 12, 30, 0.6
START_S = 1_700_000_000
HOST_ROWS, ROWS_PER_USER = 2_000_000, 40


def simulate_log(
    out: Path, names: tuple[str, str], scale: float, seed: int, metric: str, answers: int, follow: float = FOLLOW
) -> Simulation:
    """``names`` of the files: a log (user_id, item_id, timestamp in seconds), and the users to answer for. With chance
    ``follow`` a user takes the item that follows the last one, else a popular one; the next ``answers`` are hidden.
    """
    check_request(scale, seed)
    rng, users, items = np.random.default_rng(seed), max(round(HOST_USERS * scale), 100), round(HOST_ITEMS * scale**0.5)
    items = max(items, 100)
    chances = 1 / np.arange(1, items + 1) ** 0.8
    chances /= chances.sum()
    after = rng.permutation(items)
    taken = np.empty((users, EVENTS_PER_USER + answers), np.int64)
    taken[:, 0] = rng.choice(items, users, p=chances)
    for column in range(1, taken.shape[1]):
        other = rng.choice(items, users, p=chances)
        taken[:, column] = np.where(rng.random(users) < follow, after[taken[:, column - 1]], other)
    times = np.sort(rng.integers(0, DAYS * 86_400, (users, EVENTS_PER_USER)), axis=1) + START_S
    seen, hidden = taken[:, :EVENTS_PER_USER], taken[:, EVENTS_PER_USER:]
    ids = np.repeat(np.arange(users), EVENTS_PER_USER)
    log = pl.DataFrame({"user_id": ids, "item_id": seen.ravel(), "timestamp": times.ravel()})
    truth = pl.DataFrame({"user_id": np.repeat(np.arange(users), answers), "item_id": hidden.ravel()})
    gains = score_best(seen[:, -1], hidden, after, metric)

    def write(folder: Path) -> tuple[dict[str, int], Oracle]:
        log.sort("timestamp", "user_id").write_csv(folder / names[0])
        pl.DataFrame({"user_id": np.arange(users)}).write_csv(folder / names[1])
        truth.unique(maintain_order=True).write_csv(folder / TRUTH)
        return {names[0]: log.height, names[1]: users}, summarise(gains, gains)

    return write_simulation(out, {*names}, {"scale": scale, "seed": seed}, write)


def score_best(last: np.ndarray, hidden: np.ndarray, after: np.ndarray, metric: str) -> Floats:
    """What each user earns by the items that follow the last one, in a row, one for each that is hidden, and then the
    most popular ones, which are those of the lowest numbers.
    """
    cutoff, chain = int(metric.partition("@")[2]), [after[last]]
    for _ in range(hidden.shape[1] - 1):
        chain.append(after[chain[-1]])
    listed = np.column_stack([*chain, np.tile(np.arange(cutoff), (len(last), 1))])
    right = (listed[:, :, None] == hidden[:, None, :]).any(2)
    first = np.array([[item not in row[:at] for at, item in enumerate(row)] for row in listed.tolist()])
    counts = np.array([len(set(row)) for row in hidden.tolist()])
    order = np.where(first, -np.arange(listed.shape[1]), -np.inf).ravel().astype(np.float64)
    sizes = np.full(len(last), listed.shape[1], np.int32)
    return score_lists(metric, order, (right & first).ravel().astype(np.float32), sizes, counts)


def simulate_rows(out: Path, names: tuple[str, str], scale: float, seed: int, pull: float = 1.0) -> Simulation:
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
    times = np.sort(rng.integers(0, DAYS * 86_400, count)) + START_S
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
