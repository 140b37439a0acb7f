"""Raw files of any size: with chance FOLLOW a user takes the item that follows the last one, else a popular one."""

from pathlib import Path

import numpy as np
import polars as pl

from common.day.hosts import TRUTH
from common.simulation.oracle import Oracle, summarise
from common.simulation.writer import Simulation, check_request, write_simulation
from competitions.template.io.reader import EVENTS, USERS

HOST_USERS, HOST_ITEMS, EVENTS_PER_USER, DAYS, FOLLOW = 100_000, 5_000, 12, 30, 0.6
RANKED = 5  # as many items as the metric looks at


def simulate(out: Path, scale: float, seed: int, follow: float = FOLLOW) -> Simulation:
    """Simulate into ``out``; the same arguments give the same bytes."""
    check_request(scale, seed)
    rng, users, items = np.random.default_rng(seed), max(round(HOST_USERS * scale), 100), round(HOST_ITEMS * scale**0.5)
    items = max(items, 100)
    chances = 1 / np.arange(1, items + 1) ** 0.8
    chances /= chances.sum()
    after = rng.permutation(items)
    clicks = np.empty((users, EVENTS_PER_USER + 1), np.int64)  # the last one is hidden
    clicks[:, 0] = rng.choice(items, users, p=chances)
    for column in range(1, EVENTS_PER_USER + 1):
        other = rng.choice(items, users, p=chances)
        clicks[:, column] = np.where(rng.random(users) < follow, after[clicks[:, column - 1]], other)
    times = np.sort(rng.integers(0, DAYS * 86_400, (users, EVENTS_PER_USER)), axis=1) + 1_700_000_000
    best = np.column_stack([after[clicks[:, -2]], np.tile(np.arange(RANKED), (users, 1))])  # popular items come first
    hit = best == clicks[:, -1:]
    rank = hit.argmax(axis=1) + 1
    gains = np.where(hit.any(axis=1) & (rank <= RANKED), 1 / rank, 0.0)
    chance = (1 - follow) * chances[best]
    chance[:, 0] += follow
    chance[:, 1:][best[:, 1:] == best[:, :1]] = 0.0  # an item counts where it stands first
    oracle = summarise(gains, chance[:, :RANKED] @ (1 / np.arange(1, RANKED + 1)))
    ids = np.repeat(np.arange(users), EVENTS_PER_USER)
    log = pl.DataFrame({"user_id": ids, "item_id": clicks[:, :-1].ravel(), "timestamp": times.ravel()})

    def write(folder: Path) -> tuple[dict[str, int], Oracle]:
        log.sort("timestamp", "user_id").write_csv(folder / EVENTS)
        pl.DataFrame({"user_id": np.arange(users)}).write_csv(folder / USERS)
        pl.DataFrame({"user_id": np.arange(users), "item_id": clicks[:, -1]}).write_csv(folder / TRUTH)
        return {EVENTS: log.height, USERS: users}, oracle

    return write_simulation(out, {EVENTS, USERS}, {"scale": scale, "seed": seed}, write)
