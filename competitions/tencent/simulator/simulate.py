"""Write raw files of any size in the release layout, with the truth and the best score possible.

    python -m competitions simulate tencent --out build/tencent/simulated --scale 0.01 --seed 1
    python -m competitions simulate tencent --law round2 --scale 0.01

What is planted, and can be learned from the histories: topics that come and go (``topics``), ads that are born and die,
known by what they are about (``ads``, ``features``), users with interests (``users``) who come back and are queried at
times of their own (``sessions``), what they are shown and click (``click_model``). What no content explains is planted
as well: groups of users click the same ads. What each clicks first behind the reference time is drawn from a model that
the oracle knows (``oracle``), so the ceiling is known. Users do not influence each other and are simulated batch by
batch, two batches at a time.

``--law round2`` makes the same world one of round 2: users convert, by advertiser, all have one reference time, the
target is the first click or conversion behind it, and the host says by user which of the two it is. The shares of the
actions are those of the 10M release; sizes and lengths stay those of the 1M release.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from common.arrays import Bools, Floats, Ints, join
from common.engine.progress import running, track
from common.simulation.oracle import Oracle
from common.simulation.writer import Simulation, check_request, write_simulation
from competitions.tencent.day.standin_release import PublicLog, write_release, write_tables
from competitions.tencent.day.standin_text import embedding_tables
from competitions.tencent.io import schema
from competitions.tencent.io.schema import CLICK, CONVERSION
from competitions.tencent.simulator.ads import Ads, draw_favourites, make_ads
from competitions.tencent.simulator.candidates import choose_candidates
from competitions.tencent.simulator.click_model import Environment, Targets, acceptance_slope, browse, draw_targets
from competitions.tencent.simulator.features import EMBEDDING, draw_ad_features, draw_profiles, embed_ads
from competitions.tencent.simulator.oracle import Queries, join_queries, rank_targets, summarise_ranks
from competitions.tencent.simulator.topics import Codes, Sizes, make_topics, sizes_at_scale, slot_of
from competitions.tencent.simulator.users import LONGEST, make_users

MOST_SCALE = 2.0
VERSION = 5  # goes up when the same scale and seed give other files
WRITTEN = {*schema.RELEASE_FOLDERS.values(), schema.RELEASE_EMBEDDINGS, schema.INDEXER, schema.USER_ACTIONS}
BATCH_USERS, THREADS = 20_000, 2  # users simulated at once, and batches
SCORED_USERS, SCORE_ALL_BELOW = 2_000, 20_000  # users whom the oracle answers where a world has more than the latter
EVENTS = 5_000_000  # counted at once
CONVERTED = 0.0252 / (0.0285 + 0.0252)  # of the clicks, in the 10M release
ADVERTISER_EFFECT = 1.2  # deviation of the logarithm of an advertiser's odds of a conversion; assumed


class Law(StrEnum):
    """By which rules users act: those of round 1, who click, or of round 2, who convert as well."""

    ROUND1 = "round1"
    ROUND2 = "round2"


@dataclass(frozen=True)
class Batch:
    """Some users: lengths of the histories and segments, their events end to end, their targets, and queries of those
    whom the oracle answers.
    """

    length: Ints
    segment: Ints
    item: Codes
    action: NDArray[np.int8]
    time: Ints
    targets: Targets
    target_action: NDArray[np.int8]
    queries: Queries


def simulate(folder: Path, scale: float, seed: int, law: Law = Law.ROUND1) -> Simulation:
    """Simulate into ``folder``, replacing only an earlier simulation; the same arguments give the same bytes.

    Raises ``UserError`` for a scale or seed out of range, and for a folder that holds other files or cannot be written.
    """
    check_request(scale, seed, MOST_SCALE)
    arguments: dict[str, float | str] = {"version": VERSION, "scale": scale, "seed": seed}
    if law is not Law.ROUND1:  # a report that names no law is of the default one
        arguments["law"] = law

    def write(partial: Path) -> tuple[dict[str, int], Oracle]:
        sizes = sizes_at_scale(scale)
        return _write_all(partial, make_environment(sizes, scale, seed, law), sizes, seed)

    return write_simulation(folder, WRITTEN, arguments, write)


def make_environment(sizes: Sizes, scale: float, seed: int, law: Law) -> Environment:
    """Draw what all users have in common."""
    topics = make_topics(seed)
    ads = make_ads(topics, sizes, scale, seed)
    favourites = draw_favourites(ads, topics, sizes.groups, seed)
    converts = _draw_conversion_rates(ads, seed) if law is Law.ROUND2 else None
    return Environment(topics, ads, favourites, acceptance_slope(scale), converts)


def _draw_conversion_rates(ads: Ads, seed: int) -> Floats:
    """P(a click goes on to a conversion) by advertiser, ``CONVERTED`` in the mean over what is shown."""
    from scipy.optimize import brentq  # here: it takes long to import

    shown = np.bincount(ads.advertiser, ads.weight)
    odds = ADVERTISER_EFFECT * np.random.default_rng([22, seed]).standard_normal(len(shown))
    level = brentq(lambda level: float(np.average(expit(odds + level), weights=shown)) - CONVERTED, -50.0, 50.0)
    return np.asarray(expit(odds + level))


def simulate_users(env: Environment, seed: int, total: int, start: int) -> Batch:
    """The users from ``start`` on, of ``total``: what they are shown, and what they click then."""
    count, rng = min(BATCH_USERS, total - start), np.random.default_rng([72, seed, start])
    users, ends = make_users(env.topics, count, env.favourites.shape[1], env.converts is not None, rng)
    past, state = browse(env, users, rng)
    last_slot = slot_of(users.time[:, -1])
    targets = draw_targets(env, ends, last_slot, past, state, rng)
    recorded, actions = users.recorded, np.full(count, CLICK, np.int8)
    ad, action = past[recorded], users.action[recorded]
    if env.converts is not None:
        for clicked, done in ((ad, action), (targets.ad, actions)):
            converts = rng.random(len(clicked)) < env.converts[env.ads.advertiser[clicked]]
            done[(done == CLICK) & converts] = CONVERSION
    # As many of each batch as of the whole, in any order: the users of a batch are alike.
    scored = count if total <= SCORE_ALL_BELOW else -(-SCORED_USERS * count // total)
    queries = Queries(ends, last_slot, past, state, targets, actions).take(np.arange(scored))
    return Batch(users.length, users.segment, ad, action, users.time[recorded], targets, actions, queries)


def _write_all(folder: Path, env: Environment, sizes: Sizes, seed: int) -> tuple[dict[str, int], Oracle]:
    events, batches = _simulate_events(env, sizes, seed)
    shown = np.zeros(len(env.ads), np.int64)
    for start in range(0, len(events["item"]), EVENTS):
        shown += np.bincount(events["item"][start : start + EVENTS], minlength=len(shown))
    targets = np.concatenate([batch.targets.ad for batch in batches])
    candidates = choose_candidates(shown > 0, targets, np.random.default_rng([71, seed]))
    with running("Scoring the oracle"):
        queries = join_queries([batch.queries for batch in batches])
        scores = summarise_ranks(rank_targets(env, candidates, queries, sizes.users))
    with running("Writing the files"):
        log = _build_log(env, events, batches, (shown > 0, candidates.ads), seed)
        numbers = log.number()
        write_release(folder, log, numbers)
        which = log.items.to_numpy()[numbers.ads]
        blocks = embed_ads(env.topics, env.ads, which, shown[which], seed)
        tables = chain.from_iterable(embedding_tables(numbers.oid[rows], vectors) for rows, vectors in blocks)
        write_tables(folder, {f"{schema.RELEASE_EMBEDDINGS}/{EMBEDDING}_parquet": tables})
    rows = log.count(numbers)
    if log.target_action is not None:
        rows["conversions in the truth"] = int((log.target_action == CONVERSION).sum())
    return rows, scores


def _simulate_events(env: Environment, sizes: Sizes, seed: int) -> tuple[dict[str, NDArray[Any]], list[Batch]]:
    """The events of all users end to end (item: an ad), by column, and the batches without theirs."""
    most, end, parts = sizes.users * LONGEST, 0, []
    kinds = {"item": np.int32, "action": np.int8, "time": np.int32}  # 90 million events: times fit until 2038
    events: dict[str, NDArray[Any]] = {name: np.empty(most, kind) for name, kind in kinds.items()}
    starts = range(0, sizes.users, BATCH_USERS)
    with ThreadPoolExecutor(THREADS) as pool:
        batches = pool.map(partial(simulate_users, env, seed, sizes.users), starts)
        for batch in track(batches, "Simulating users", len(starts)):
            start, end = end, end + len(batch.item)
            for name, column in events.items():
                column[start:end] = getattr(batch, name)
            none = np.empty(0, np.int32)
            parts.append(replace(batch, item=none, action=none.astype(np.int8), time=none.astype(np.int64)))
    return {name: column[:end] for name, column in events.items()}, parts


def _build_log(
    env: Environment, events: dict[str, NDArray[Any]], batches: list[Batch], listed: tuple[Bools, Ints], seed: int
) -> PublicLog:
    """The log of the ads that are ``listed``: shown (by ad), or candidates. The ads in ``events`` leave it."""
    is_item, candidates = listed[0].copy(), listed[1]
    is_item[candidates] = True
    items = np.flatnonzero(is_item)
    index = np.full(len(is_item), -1, np.int32)
    index[items] = np.arange(len(items))
    targets = join([batch.targets for batch in batches])
    length, segment, action = (
        np.concatenate([getattr(batch, name) for batch in batches]) for name in ("length", "segment", "target_action")
    )
    user = np.repeat(np.arange(len(length), dtype=np.int32), length)
    return PublicLog(
        name="simulated",
        items=pl.Series(items),
        events=pl.DataFrame({"user": user, "item": index[events.pop("item")], **events}),
        target=index[targets.ad].astype(np.int64),
        candidates=index[candidates].astype(np.int64),
        attributes=draw_ad_features(env.ads, items, seed),
        profiles=draw_profiles(segment, seed),
        target_time=targets.time,
        target_action=None if env.converts is None else action,
    )
