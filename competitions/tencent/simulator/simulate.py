"""Write raw files of any size in either of the host's layouts, with the truth and the best score possible.

    python -m competitions simulate tencent --out build/tencent/simulated --scale 0.01 --seed 1

What is planted, and can be learned from the histories: topics that come and go (``topics``), ads that are born and die,
known by what they are about (``ads``, ``ad_features``), users with interests (``users``, ``user_features``), what they
are shown and click (``click_model``). What each clicks first after the reference time is drawn from a model that the
oracle knows (``ground_truth``, ``oracle``), so the ceiling is known. Users do not influence each other and are
simulated batch by batch.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from common.datasets.simulated import REPORT, written_at_once
from common.errors import UserError
from common.pipeline.progress import running, track
from competitions.tencent.corpus import join_columns
from competitions.tencent.io import schema
from competitions.tencent.io.schema import TRUTH
from competitions.tencent.simulator import oracle
from competitions.tencent.simulator.ad_features import ad_vectors, describe_ads, make_embedder
from competitions.tencent.simulator.ad_inventory import build_inventory
from competitions.tencent.simulator.ads import make_ads
from competitions.tencent.simulator.calibration import describe
from competitions.tencent.simulator.click_model import Environment, UserState, browse, take
from competitions.tencent.simulator.ground_truth import choose_candidates, draw_truth
from competitions.tencent.simulator.id_assignment import Numbers, list_ads, number_ads
from competitions.tencent.simulator.jsonl_writer import write_competition
from competitions.tencent.simulator.oracle import Oracle
from competitions.tencent.simulator.topics import DAY, REFERENCE, Codes, Ints, Sizes, make_topics, sizes_at_scale
from competitions.tencent.simulator.user_features import describe_users
from competitions.tencent.simulator.users import Users, make_users
from competitions.tencent.simulator.writer import (
    UserBatch,
    embed_ads,
    name_users,
    write_indexer,
    write_release,
    write_truth,
)

__all__ = ["LAYOUTS", "TRUTH", "Oracle", "Simulation", "describe", "simulate"]

VERSION = 1  # goes up when the same scale and seed give other files
LAYOUTS = ("release", "competition")
WRITTEN = {
    schema.RELEASE_SEQUENCES,
    schema.RELEASE_ITEMS,
    schema.RELEASE_USERS,
    schema.RELEASE_CANDIDATES,
    schema.RELEASE_EMBEDDINGS,
    schema.INDEXER,
    schema.TRAIN,
    schema.EVAL,
    TRUTH,
    REPORT,
}
BATCH_USERS = 20_000  # users simulated at once
SCORED_USERS = 2_000  # users with a truth whom the oracle answers where a world has more than ``SCORE_ALL_BELOW``
SCORE_ALL_BELOW = 20_000


@dataclass(frozen=True)
class Simulation:
    """A finished simulation: its folder, how much is in the files, the oracle's scores."""

    folder: Path
    truth: Path
    scale: float
    seed: int
    layout: str
    rows: dict[str, int]
    oracle: Oracle


@dataclass(frozen=True)
class SimulatedUsers:
    """A batch of users after their histories."""

    start: int
    users: Users
    past: Codes
    state: UserState


def simulate(folder: Path, scale: float, seed: int, layout: str = "release") -> Simulation:
    """Simulate into ``folder``, replacing only an earlier simulation; the same arguments give the same bytes.

    Both layouts of one scale and seed hold the same data. Raises ``UserError`` for a scale, seed or layout out of
    range, and for a folder that holds other files or cannot be written.
    """
    sizes = sizes_at_scale(scale)
    if seed < 0:
        raise UserError(f"The seed is {seed}; give an integer of 0 or more.")
    if layout not in LAYOUTS:
        raise UserError(f"There is no layout {layout!r}; say {' or '.join(LAYOUTS)}.")
    with written_at_once(folder, WRITTEN) as partial:
        rows, oracle_scores = _write_all(partial, sizes, scale, seed, layout)
        report = {"version": VERSION, "scale": scale, "seed": seed, "layout": layout, "reference_time": REFERENCE}
        report["horizon_hours"] = DAY // 3600
        report |= {"rows": rows, "oracle": asdict(oracle_scores)}
        (partial / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return Simulation(folder, folder / TRUTH, scale, seed, layout, rows, oracle_scores)


def _write_all(folder: Path, sizes: Sizes, scale: float, seed: int, layout: str) -> tuple[dict[str, int], Oracle]:
    topics = make_topics(seed)
    inventory = build_inventory(make_ads(topics, sizes, scale, seed))
    env = Environment(topics, inventory, seed)
    starts = range(0, sizes.users, BATCH_USERS)
    batches = track(starts, "Simulating users")
    groups = [simulate_users(env, start, min(BATCH_USERS, sizes.users - start)) for start in batches]
    shown = np.zeros(len(inventory.ads), np.int64)  # events of each ad before the reference time
    for group in groups:
        shown += np.bincount(group.past[group.past >= 0], minlength=len(shown))
    candidates = choose_candidates(inventory, shown > 0, sizes.candidates, np.random.default_rng([71, seed]))
    truth = draw_truths(env, groups, candidates)
    with running("Asking the oracle"):
        oracle_scores = score_oracle(env, groups, candidates, truth, shown)
    ads, known = list_ads(shown, candidates, seed)
    features = describe_ads(topics, inventory.ads, ads, seed)
    numbers = number_ads(ads, known, candidates, features, len(inventory.ads), seed)
    names = name_users(sizes.users, seed)
    with running("Writing the files"):
        write_files(folder, env, groups, numbers, shown, names, layout)
        truths = write_truth(folder / TRUTH, numbers, names, truth)
    rows = {
        "users": sizes.users,
        "events": int(shown.sum()),
        "items": known,
        "candidates": len(candidates),
        "unseen candidates": len(ads) - known,
        "truth": truths,
    }
    return rows, oracle_scores


def simulate_users(env: Environment, start: int, count: int) -> SimulatedUsers:
    """The users from ``start`` on, and what they have been shown."""
    users = make_users(env.topics, count, env.seed, start)
    past, state = browse(env, users, np.random.default_rng([72, env.seed, start]))
    return SimulatedUsers(start, users, past, state)


def draw_truths(env: Environment, groups: list[SimulatedUsers], candidates: Ints) -> Ints:
    """The ad that each user clicks first after the reference time, -1 for none."""
    allowed = np.zeros(len(env.inventory.ads), bool)
    allowed[candidates] = True
    truth = []
    for group in groups:
        rng = np.random.default_rng([73, env.seed, group.start])
        truth.append(draw_truth(env, group.users, group.state, group.past, allowed, rng))
    return np.concatenate(truth)


def score_oracle(env: Environment, groups: list[SimulatedUsers], candidates: Ints, truth: Ints, shown: Ints) -> Oracle:
    """What the oracle scores, on all users with a truth, or on ``SCORED_USERS`` of many."""
    users = np.flatnonzero(truth >= 0)
    if len(users) > SCORE_ALL_BELOW:
        users = np.sort(np.random.default_rng([74, env.seed]).choice(users, SCORED_USERS, replace=False))
    weights = oracle.weigh_candidates(env, candidates)
    parts = [oracle.NO_RANKS]
    for group in groups:
        rows = users[(users >= group.start) & (users < group.start + len(group.users))] - group.start
        if len(rows):
            state, taste, past = take(group.state, rows), group.users.taste[rows], group.past[rows]
            target = truth[group.start + rows]
            parts.append(oracle.rank_truths(env, weights, state, taste, past, target, shown > 0))
    return oracle.summarise(join_columns(parts))


def write_files(
    folder: Path,
    env: Environment,
    groups: list[SimulatedUsers],
    numbers: Numbers,
    shown: Ints,
    names: list[str],
    layout_name: str,
) -> None:
    """Write everything but the truth."""

    def batches() -> Iterator[UserBatch]:
        for group in groups:
            profile = describe_users(group.users, env.seed, group.start)
            yield UserBatch(group.start, group.users, group.past, profile)

    embed = make_embedder(env.seed)
    blocks = embed_ads(numbers, shown, lambda ads: ad_vectors(env.topics, env.inventory.ads, ads), embed, env.seed)
    if layout_name == "release":
        write_release(folder, numbers, batches, blocks)
        write_indexer(folder / schema.INDEXER, numbers, names, env.seed)
        return
    write_competition(folder, numbers, batches, blocks, env.seed)
    for subfolder in (schema.TRAIN, schema.EVAL):
        write_indexer(folder / subfolder / schema.INDEXER, numbers, names, env.seed)
