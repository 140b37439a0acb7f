"""Write raw files of any size in either of the host's layouts, with the truth and the best score possible.

    python -m competitions simulate tencent --out build/tencent/simulated --scale 0.01 --seed 1
    python -m competitions simulate tencent --law round2 --scale 0.01

What is planted, and can be learned from the histories: topics that come and go (``topics``), ads that are born and die,
known by what they are about (``ads``, ``ad_features``), users with interests (``users``, ``user_features``), what they
are shown and click (``click_model``). What no content explains is planted as well: groups of users click the same ads,
and ads follow each other (``People``). What each clicks first after the reference time is drawn from a model that the
oracle knows (``ground_truth``, ``oracle``), so the ceiling is known. Users do not influence each other and are
simulated batch by batch.

``--law round2`` makes the same world one of round 2: users convert (``conversions``), the target is the conversion
if there is one and the host says by user which of the two it is, and some users are strangers (``id_assignment``). The
shares of the actions are those of the 10M release; sizes, lengths and times stay those of the 1M release.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.arrays import Ints, join, take
from common.engine.errors import UserError
from common.engine.progress import running, track
from common.simulation.oracle import Oracle
from common.simulation.writer import Simulation, check_request, write_simulation
from competitions.tencent.io import schema
from competitions.tencent.io.schema import CLICK, CONVERSION, TRUTH
from competitions.tencent.simulator import oracle
from competitions.tencent.simulator.ad_features import draw_ad_features, embed_ads
from competitions.tencent.simulator.ad_inventory import build_inventory, make_people
from competitions.tencent.simulator.ads import make_ads
from competitions.tencent.simulator.click_model import PEOPLE, Environment, UserBatch, acceptance_slope, browse
from competitions.tencent.simulator.conversions import Law, draw_conversions, fit_level, make_conversions
from competitions.tencent.simulator.ground_truth import Targets, choose_candidates, draw_targets
from competitions.tencent.simulator.id_assignment import STRANGERS, UserNames, list_ads, number_ads
from competitions.tencent.simulator.jsonl_writer import write_competition
from competitions.tencent.simulator.topics import DAY, REFERENCE, Sizes, make_topics, sizes_at_scale
from competitions.tencent.simulator.users import OTHERS, ROUND2_OTHERS, make_users
from competitions.tencent.simulator.writer import name_users, write_release, write_truth

MOST_SCALE = 2.0
VERSION = 3  # goes up when the same scale and seed give other files
LAYOUTS = {"release": write_release, "competition": write_competition}
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


def simulate(folder: Path, scale: float, seed: int, layout: str = "release", law: Law = Law.ROUND1) -> Simulation:
    """Simulate into ``folder``, replacing only an earlier simulation; the same arguments give the same bytes.

    Both layouts of one scale and seed hold the same data; in round 2 but for the strangers, of whom the release layout
    has none. Raises ``UserError`` for a scale, seed or layout out of range, and for a folder that holds other files or
    cannot be written.
    """
    check_request(scale, seed, MOST_SCALE)
    if layout not in LAYOUTS:
        raise UserError(f"There is no layout {layout!r}; choose {' or '.join(LAYOUTS)}.")
    arguments = {"version": VERSION, "scale": scale, "seed": seed, "layout": layout, "reference_time": REFERENCE}
    arguments["horizon_hours"] = DAY // 3600
    if law is not Law.ROUND1:  # a report that names no law is of the default one
        arguments["law"] = law
    sizes = sizes_at_scale(scale)

    def write(partial: Path) -> tuple[dict[str, int], Oracle]:
        return _write_all(partial, make_environment(sizes, scale, seed, law), sizes, layout)

    return write_simulation(folder, WRITTEN, arguments, write)


def make_environment(sizes: Sizes, scale: float, seed: int, law: Law) -> Environment:
    """Draw what all users have in common."""
    topics = make_topics(seed)
    ads = make_ads(topics, sizes, scale, seed)
    people = make_people(ads, sizes.groups, PEOPLE, seed)
    conversions = make_conversions(ads, seed) if law is Law.ROUND2 else None
    return Environment(topics, build_inventory(ads), people, seed, acceptance_slope(scale), conversions)


def _write_all(folder: Path, env: Environment, sizes: Sizes, layout: str) -> tuple[dict[str, int], Oracle]:
    seed, inventory, round_two = env.seed, env.inventory, env.conversions is not None
    starts = track(range(0, sizes.users, BATCH_USERS), "Simulating users")
    batches = [simulate_users(env, start, min(BATCH_USERS, sizes.users - start)) for start in starts]
    env, batches = convert(env, batches)
    strangers = round(STRANGERS * sizes.users) if round_two and layout == "competition" else 0
    names = name_users(sizes.users, seed, strangers)
    shown, strange = count_shown(batches, names, len(inventory.ads))
    candidates = choose_candidates(inventory, shown > 0, sizes.candidates, np.random.default_rng([71, seed]))
    targets = draw_all_targets(env, batches, candidates)
    with running("Scoring the oracle"):
        oracle_scores = score_oracle(env, batches, candidates, targets, shown)
    ads, known = list_ads(shown, np.union1d(candidates, np.flatnonzero(strange)), seed)
    features = draw_ad_features(env.topics, inventory.ads, ads, seed)
    numbers = number_ads(ads, known, candidates, features, len(inventory.ads), seed)
    with running("Writing the files"):
        blocks = embed_ads(env.topics, inventory.ads, numbers, shown, seed)
        LAYOUTS[layout](folder, numbers, names, batches, blocks, seed)
        truths = write_truth(folder / TRUTH, numbers, names, targets.ad, targets.action if round_two else None)
        if round_two and layout == "competition":
            # Every test user stands there, an exposure where there is no target.
            said = json.dumps(dict(zip(names.names, targets.action.tolist(), strict=True)))
            (folder / schema.EVAL / schema.USER_ACTIONS).write_text(said, encoding="utf-8")
    rows = {
        "users": sizes.users,
        "events": int(shown.sum()),
        "items": known,
        "candidates": len(candidates),
        "unseen candidates": int((shown[candidates] == 0).sum()),
        "truth": truths,
    }
    if round_two:
        rows |= {"strangers": strangers, "conversions in the truth": int((targets.action == CONVERSION).sum())}
    return rows, oracle_scores


def count_shown(batches: list[UserBatch], names: UserNames, ads: int) -> tuple[Ints, Ints]:
    """Events of each ad before the reference time, those of the log and those of strangers."""
    past = np.concatenate([batch.past for batch in batches])
    log, strangers = (
        np.bincount(part[part >= 0], minlength=ads) for part in (past[: names.known], past[names.known :])
    )
    return log, strangers


def simulate_users(env: Environment, start: int, count: int) -> UserBatch:
    """The users from ``start`` on, and what they have been shown."""
    others = OTHERS if env.conversions is None else ROUND2_OTHERS
    users = make_users(env.topics, count, env.seed, start, others, env.people.groups)
    past, state = browse(env, users, np.random.default_rng([72, env.seed, start]))
    return UserBatch(start, users, past, state)


def convert(env: Environment, batches: list[UserBatch]) -> tuple[Environment, list[UserBatch]]:
    """The same where some of the clicks before the reference time are conversions, at the release's share; unchanged
    in round 1.
    """
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


def draw_all_targets(env: Environment, batches: list[UserBatch], candidates: Ints) -> Targets:
    """The target of each user after the reference time."""
    allowed = np.zeros(len(env.inventory.ads), bool)
    allowed[candidates] = True
    return join(
        [draw_targets(env, batch, allowed, np.random.default_rng([73, env.seed, batch.start])) for batch in batches]
    )


def score_oracle(env: Environment, batches: list[UserBatch], candidates: Ints, targets: Targets, shown: Ints) -> Oracle:
    """What the oracle scores, on all users with a target, or on ``SCORED_USERS`` of many."""
    users = np.flatnonzero(targets.ad >= 0)
    if len(users) > SCORE_ALL_BELOW:
        users = np.sort(np.random.default_rng([74, env.seed]).choice(users, SCORED_USERS, replace=False))
    weights = oracle.weigh_candidates(env, candidates)
    parts = []
    for batch in batches:
        at = users[(users >= batch.start) & (users < batch.start + len(batch.users))]
        parts.append(oracle.rank_truths(env, weights, batch.take(at - batch.start), take(targets, at), shown > 0))
    return oracle.summarise_ranks(join(parts))
