"""Write raw files of any size in the release layout, with the truth and the best score possible.

    python -m competitions simulate tencent --out build/tencent/simulated --scale 0.01 --seed 1
    python -m competitions simulate tencent --law round2 --scale 0.01

What is planted, and can be learned from the histories: ads that are born and die, known by what they are about
(``topics``, ``ads``, ``features``), users with interests who come back and are queried at times of their own
(``users``), what they are shown and click (``click_model``). What no content explains is planted as well: groups
of users click the same ads. What each clicks first behind the reference time is drawn from a model that the oracle
knows (``oracle``), so the ceiling is known. Users do not influence each other and are simulated batch by batch, two
batches at a time.

``--law round2`` makes the same world one of round 2: users convert, by advertiser, all have one reference time, the
target is the first click or conversion behind it, and the host says by user which of the two it is. The shares of the
actions are those of the 10M release; sizes and lengths stay those of the 1M release.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import expit

from common.arrays import Floats, Ints, join, take
from common.engine.progress import running, track
from common.simulation.oracle import Oracle
from common.simulation.writer import Simulation, check_request, write_simulation
from competitions.tencent.corpus import number_rows
from competitions.tencent.io import schema
from competitions.tencent.io.schema import CLICK, CONVERSION
from competitions.tencent.simulator.ads import Ads, draw_favourites, make_ads, make_topics
from competitions.tencent.simulator.click_model import Environment, Queries, acceptance_slope, browse, draw_targets
from competitions.tencent.simulator.features import EMBEDDING, draw_ad_features, embed_ads
from competitions.tencent.simulator.oracle import Candidates, choose_candidates, rank_targets, summarise_ranks
from competitions.tencent.simulator.release import WRITTEN as RELEASE
from competitions.tencent.simulator.release import PublicLog, write_embedding, write_release
from competitions.tencent.simulator.users import make_users

MOST_SCALE = 2.0
VERSION = 6  # goes up when the same scale and seed give other files
WRITTEN = {*RELEASE, schema.USER_ACTIONS}
USERS, GROUP_USERS = 1_001_845, 600  # of the release; of a group of people that click the same ads
BATCH_USERS, THREADS = 20_000, 2  # users simulated at once, and batches
SCORED_USERS, SCORE_ALL_BELOW = 2_000, 20_000  # users whom the oracle answers where a world has more than the latter
CONVERTED = 0.0252 / (0.0285 + 0.0252)  # of the clicks, in the 10M release
ADVERTISER_EFFECT = 1.2  # deviation of the logarithm of an advertiser's odds of a conversion; assumed


def simulate(folder: Path, scale: float, seed: int, round_two: bool = False) -> Simulation:
    """Simulate into ``folder``, replacing only an earlier simulation; the same arguments give the same bytes.

    Raises ``UserError`` for a scale or seed out of range, and for a folder that holds other files or cannot be written.
    """
    check_request(scale, seed, MOST_SCALE)
    arguments: dict[str, float | str] = {"version": VERSION, "scale": scale, "seed": seed}
    if round_two:  # a report that names no law is of the default one
        arguments["law"] = "round2"
    return write_simulation(
        folder, WRITTEN, arguments, lambda partial: _write_all(partial, make_environment(scale, seed, round_two), seed)
    )


def make_environment(scale: float, seed: int, round_two: bool) -> Environment:
    """Draw what all users have in common."""
    topics = make_topics(seed)
    ads = make_ads(topics, scale, seed)
    favourites = draw_favourites(ads, max(1, round(USERS * scale / GROUP_USERS)), seed)
    converts = _draw_conversion_rates(ads, seed) if round_two else None
    return Environment(round(USERS * scale), topics, ads, favourites, acceptance_slope(scale), converts)


def _draw_conversion_rates(ads: Ads, seed: int) -> Floats:
    """P(a click goes on to a conversion) by advertiser, ``CONVERTED`` in the mean over what is shown."""
    from scipy.optimize import brentq  # here: it takes long to import

    shown = np.bincount(ads.advertiser, ads.weight)
    odds = ADVERTISER_EFFECT * np.random.default_rng([22, seed]).standard_normal(len(shown))
    level = brentq(lambda level: float(np.average(expit(odds + level), weights=shown)) - CONVERTED, -50.0, 50.0)
    return np.asarray(expit(odds + level))


def simulate_users(env: Environment, seed: int, start: int) -> tuple[pl.DataFrame, pl.DataFrame, Queries]:
    """The users from ``start`` on: their events as of ``PublicLog``, with ads for items; a row a user (ad, time and
    action of the target); queries of those whom the oracle answers.
    """
    total = env.users
    count, rng = min(BATCH_USERS, total - start), np.random.default_rng([72, seed, start])
    users, times, actions = make_users(env.topics, count, env.favourites.shape[1], env.converts is not None, rng)
    queries = browse(env, users, times, actions, rng)
    draw_targets(env, queries, rng)
    recorded = users.recorded
    item, action = queries.past[recorded], actions[recorded]
    if env.converts is not None:
        for ads, kinds in ((item, action), (queries.ad, queries.action)):
            converts = rng.random(len(ads)) < env.converts[env.ads.advertiser[ads]]
            kinds[(kinds == CLICK) & converts] = CONVERSION
    user = np.repeat(np.arange(start, start + count, dtype=np.int32), users.length)
    time = times[recorded].astype(np.int32)  # 90 million events at scale 1; seconds fit until 2038
    events = pl.DataFrame({"user": user, "item": item, "action": action, "time": time})
    targets = {"ad": queries.ad, "time": queries.time, "action": queries.action}
    scored = count if total <= SCORE_ALL_BELOW else -(-SCORED_USERS * count // total)  # users of a batch are alike
    return events, pl.DataFrame(targets), take(queries, np.arange(scored))


def _write_all(folder: Path, env: Environment, seed: int) -> tuple[dict[str, int], Oracle]:
    starts = range(0, env.users, BATCH_USERS)
    shown = np.zeros(len(env.ads), np.int64)
    parts = []
    with ThreadPoolExecutor(THREADS) as pool:
        batches = pool.map(partial(simulate_users, env, seed), starts)
        for batch in track(batches, "Simulating users", len(starts)):
            shown += np.bincount(batch[0]["item"].to_numpy(), minlength=len(shown))
            parts.append(batch)
    events, targets, queries = zip(*parts, strict=True)
    users = pl.concat(targets)
    candidates = choose_candidates(shown > 0, users["ad"].to_numpy(), np.random.default_rng([71, seed]))
    with running("Scoring the oracle"):
        scores = summarise_ranks(rank_targets(env, candidates, join(queries), env.users))
    with running("Writing the files"):
        parts.clear()
        log = _build_log(env, pl.concat(events, rechunk=True), users, (np.flatnonzero(shown), candidates), seed)
        del events, batch  # 90 million rows at scale 1
        write_release(folder, log)
        blocks = embed_ads(env.topics, env.ads, log.items.to_numpy()[log.numbers.ads], seed)
        write_embedding(folder, EMBEDDING, ((log.numbers.oid[rows], vectors) for rows, vectors in blocks))
    rows = log.count()
    if log.target_action is not None:
        rows["conversions in the truth"] = int((log.target_action == CONVERSION).sum())
    return rows, scores


def _build_log(
    env: Environment, events: pl.DataFrame, users: pl.DataFrame, listed: tuple[Ints, Candidates], seed: int
) -> PublicLog:
    """The log of the ads that are ``listed``: shown, or candidates."""
    candidates = listed[1].ads
    items = np.union1d(listed[0], candidates)
    index = number_rows(items, len(env.ads))
    return PublicLog(
        name="simulated",
        items=pl.Series(items),
        events=events.with_columns(item=index[events["item"].to_numpy()]),
        target=index[users["ad"].to_numpy()].astype(np.int64),
        candidates=index[candidates].astype(np.int64),
        attributes=draw_ad_features(env.ads, items, seed),
        target_time=users["time"].to_numpy(),
        target_action=None if env.converts is None else users["action"].to_numpy(),
    )
