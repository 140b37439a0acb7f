"""Write raw files of any size in the host's layout, with the truth and the best score possible.

    python -m competitions simulate tencent --out build/tencent/simulated --scale 0.01 --seed 1
    python -m competitions simulate tencent --law round2 --scale 0.01

What is planted, and can be learned from the histories: topics that come and go (``topics``), ads that are born and die,
known by what they are about (``ads``, ``ad_features``), users with interests (``users``) who come back and are queried
at times of their own (``event_times``), what they are shown and click (``click_model``). What no content explains is
planted as well: groups of users click the same ads. What each clicks first behind the reference time is drawn from a
model that the oracle knows (``oracle``), so the ceiling is known. Users do not influence each
other and are simulated batch by batch.

``--law round2`` makes the same world one of round 2: users convert (``conversions``), all have one reference time, the
target is the first click or conversion behind it, and the host says by user which of the two it is. The shares of the
actions are those of the 10M release; sizes and lengths stay those of the 1M release.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.arrays import join
from common.engine.progress import running, track
from common.simulation.oracle import Oracle
from common.simulation.writer import Simulation, check_request, write_simulation
from competitions.tencent.io import schema
from competitions.tencent.io.schema import CLICK, CONVERSION, TRUTH
from competitions.tencent.simulator import oracle
from competitions.tencent.simulator.ad_features import draw_ad_features, embed_ads
from competitions.tencent.simulator.ad_inventory import build_inventory, draw_favourites
from competitions.tencent.simulator.ads import make_ads
from competitions.tencent.simulator.candidates import Candidates, choose_candidates
from competitions.tencent.simulator.click_model import (
    Environment,
    UserBatch,
    acceptance_slope,
    join_batches,
    simulate_users,
)
from competitions.tencent.simulator.conversions import Law, draw_conversions, fit_level, make_conversions
from competitions.tencent.simulator.id_assignment import list_ads, number_ads
from competitions.tencent.simulator.jsonl_writer import write_competition
from competitions.tencent.simulator.topics import Sizes, make_topics, sizes_at_scale
from competitions.tencent.simulator.writer import name_users, write_release, write_truth

MOST_SCALE = 2.0
VERSION = 4  # goes up when the same scale and seed give other files
WRITTEN = {
    *schema.RELEASE_FOLDERS.values(),
    schema.RELEASE_EMBEDDINGS,
    schema.INDEXER,
    schema.TRAIN,
    schema.EVAL,
}
BATCH_USERS = 20_000  # users simulated at once
SCORED_USERS = 2_000  # users with a truth whom the oracle answers where a world has more than ``SCORE_ALL_BELOW``
SCORE_ALL_BELOW = 20_000


def simulate(folder: Path, scale: float, seed: int, law: Law = Law.ROUND1) -> Simulation:
    """Simulate into ``folder``, replacing only an earlier simulation; the same arguments give the same bytes.

    Round 1 is written in the release layout. What round 2 adds, the actions that the host tells, stands in the
    competition layout alone. Raises ``UserError`` for a scale or seed out of range, and for a folder that holds other
    files or cannot be written.
    """
    check_request(scale, seed, MOST_SCALE)
    arguments: dict[str, float | str] = {"version": VERSION, "scale": scale, "seed": seed}
    if law is not Law.ROUND1:  # a report that names no law is of the default one
        arguments["law"] = law
    sizes = sizes_at_scale(scale)

    def write(partial: Path) -> tuple[dict[str, int], Oracle]:
        return _write_all(partial, make_environment(sizes, scale, seed, law), sizes)

    return write_simulation(folder, WRITTEN, arguments, write)


def make_environment(sizes: Sizes, scale: float, seed: int, law: Law) -> Environment:
    """Draw what all users have in common."""
    topics = make_topics(seed)
    ads = make_ads(topics, sizes, scale, seed)
    inventory = build_inventory(ads)
    favourites = draw_favourites(inventory, topics, sizes.groups, seed)
    conversions = make_conversions(ads, seed) if law is Law.ROUND2 else None
    return Environment(topics, inventory, favourites, seed, acceptance_slope(scale), conversions)


def _write_all(folder: Path, env: Environment, sizes: Sizes) -> tuple[dict[str, int], Oracle]:
    seed, inventory, round_two = env.seed, env.inventory, env.conversions is not None
    starts = track(range(0, sizes.users, BATCH_USERS), "Simulating users")
    batches = [simulate_users(env, start, min(BATCH_USERS, sizes.users - start)) for start in starts]
    env, batches = convert(env, batches)
    names = name_users(sizes.users, seed)
    shown = np.zeros(len(inventory.ads), np.int64)
    for batch in batches:
        shown += np.bincount(batch.past[batch.past >= 0], minlength=len(shown))
    targets = join([batch.targets for batch in batches])
    candidates = choose_candidates(inventory, shown > 0, targets, sizes.candidates, np.random.default_rng([71, seed]))
    actions = draw_actions(env, batches)
    with running("Scoring the oracle"):
        oracle_scores = score_oracle(env, batches, candidates, actions)
    ads, known = list_ads(shown, candidates.ads, seed)
    features = draw_ad_features(env.topics, inventory.ads, ads, seed)
    numbers = number_ads(ads, known, candidates.ads, features, len(inventory.ads), seed)
    with running("Writing the files"):
        blocks = embed_ads(env.topics, inventory.ads, numbers, shown, seed)
        write = write_competition if round_two else write_release
        write(folder, numbers, names, batches, blocks, seed)
        write_truth(folder / TRUTH, numbers, names, targets.ad, actions if round_two else None, targets.time)
        if round_two:
            said = json.dumps(dict(zip(names, actions.tolist(), strict=True)))
            (folder / schema.EVAL / schema.USER_ACTIONS).write_text(said, encoding="utf-8")
    rows = {
        "users": sizes.users,
        "events": int(shown.sum()),
        "items": known,
        "candidates": len(candidates.ads),
        "unseen candidates": int((shown[candidates.ads] == 0).sum()),
        "truth": len(targets.ad),
    }
    if round_two:
        rows["conversions in the truth"] = int((actions == CONVERSION).sum())
    return rows, oracle_scores


def convert(env: Environment, batches: list[UserBatch]) -> tuple[Environment, list[UserBatch]]:
    """The same where some of the histories' clicks are conversions, at the release's share; unchanged in round 1."""
    if env.conversions is None:
        return env, batches
    clicked = [np.nonzero((batch.users.action == CLICK) & (batch.past >= 0)) for batch in batches]
    pairs = [
        (batch.users.willing[at[0]], batch.past[at].astype(np.int64))
        for batch, at in zip(batches, clicked, strict=True)
    ]
    level = fit_level(np.concatenate([env.conversions.log_odds(*pair) for pair in pairs]))
    model = replace(env.conversions, level=level)
    converted = []
    for batch, at, pair in zip(batches, clicked, pairs, strict=True):
        action = batch.users.action.copy()
        drawn = draw_conversions(model, *pair, np.random.default_rng([75, env.seed, batch.start]))
        action[at] = np.where(drawn, CONVERSION, CLICK)
        converted.append(replace(batch, users=replace(batch.users, action=action)))
    return replace(env, conversions=model), converted


def draw_actions(env: Environment, batches: list[UserBatch]) -> NDArray[np.int8]:
    """What each user does with the target: a click, in round 2 a conversion where the user goes on to one."""
    count = sum(len(batch.users) for batch in batches)
    if env.conversions is None:
        return np.full(count, CLICK, np.int8)
    willing = np.concatenate([batch.users.willing for batch in batches])
    ads = np.concatenate([batch.targets.ad for batch in batches])
    drawn = draw_conversions(env.conversions, willing, ads, np.random.default_rng([73, env.seed]))
    return np.where(drawn, CONVERSION, CLICK).astype(np.int8)


def score_oracle(
    env: Environment, batches: list[UserBatch], candidates: Candidates, actions: NDArray[np.int8]
) -> Oracle:
    """What the oracle scores, on all users, or on ``SCORED_USERS`` of many."""
    users = np.arange(len(actions))
    if len(users) > SCORE_ALL_BELOW:
        users = np.sort(np.random.default_rng([74, env.seed]).choice(users, SCORED_USERS, replace=False))
    parts = []
    for batch in batches:
        at = users[(users >= batch.start) & (users < batch.start + len(batch.users))]
        parts.append(batch.take(at - batch.start))
    ranks = oracle.rank_targets(env, candidates, join_batches(parts), actions[users], len(actions))
    return oracle.summarise_ranks(ranks)
