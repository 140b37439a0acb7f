"""Who is a candidate, and the best possible answer: candidates by their exact probability, from the choice model and
every user's state.

As the host says, 40 % of the candidates are targets and the rest are drawn from the corpus, evenly: most of them do not
run any longer. Ads that are shown in some history and ads that are not are drawn apart, so that the share of unseen
candidates is the release's. So an ad that still runs is a candidate most likely because somebody clicked it, which the
oracle counts in.

A target is drawn as a whole, time and ad, until it is accepted and new to the user (``click_model.draw_targets``). One
try gives ad i, not shown before, with the probability

    a_i = sum over slots s: P(s) * (A(i) * P(topic of i | s) * w_i / W(topic, s)
          + P(group) * P(i is drawn of the favourites in s))

where A is ``click_model.acceptance_probability``, w the weight of an ad and W of all that run. The target is ad i with
a probability proportional to a_i. That i is a candidate says more: it is because it is this user's target, or for
another reason, of probability c_i; given the candidates the probability is proportional to

    a_i / c_i,   c_i = 1 - (1 - filled_i) * exp(-expected number of other users whose target is i)

A user's number of tries t has the expectation 1 / sum of a, and does not depend on which ad it led to; so the expected
number of targets on i is estimated without bias by the sum of t * a_i over the other users.

The ten largest are the answer. In round 2 the host says what each user will do: the probability is then times P(that
action) of the ad (``Environment.converts``). Score = 0.31 hit rate + 0.69 NDCG, NDCG = 1 / log2(rank + 1) within the
ten, as the host has it; means are weighted by ``metrics.ACTION_WEIGHTS`` (all 1 in round 1).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints, Singles, join, lookup_rows, take
from common.simulation.oracle import Oracle, summarise
from competitions.tencent.io.schema import CONVERSION, TOP
from competitions.tencent.metrics import ACTION_WEIGHTS, HIT_WEIGHT, NDCG_WEIGHT, hit_and_ndcg, score_answers
from competitions.tencent.simulator import click_model as choice
from competitions.tencent.simulator.ads import FAVOURITES, SLOTS, TOPICS, Codes, is_running
from competitions.tencent.simulator.click_model import CLICKED, Environment, Queries
from competitions.tencent.simulator.users import REACH, slot_probabilities

TARGETS, UNSEEN = 0.4, 148_971 / 660_000  # shares of the candidates
LEAST = 400  # candidates of the smallest worlds
TINY = 1e-30
CELLS = 30_000_000  # users times candidates that are weighed at once


@dataclass(frozen=True)
class Candidates:
    """``ads``: ascending; ``filled``: the chance that each would be a candidate if it were nobody's target."""

    ads: Ints
    filled: Floats


def choose_candidates(seen: Bools, targets: Ints, rng: np.random.Generator) -> Candidates:
    """All ``targets`` and ads to fill up; ``seen`` by ad. Fewer where there are fewer ads."""
    is_target = np.zeros(len(seen), bool)
    is_target[targets] = True
    count = max(round(is_target.sum() / TARGETS), LEAST)
    unseen = round(count * UNSEEN)
    chosen, filled = is_target.copy(), np.zeros(len(seen))
    for kind, count_of_kind in ((~seen, unseen), (seen, count - unseen)):
        free = np.flatnonzero(kind & ~is_target)
        wanted = min(max(count_of_kind - int((kind & is_target).sum()), 0), len(free))
        chosen[rng.choice(free, wanted, replace=False)] = True
        filled[kind] = wanted / max(len(free), 1)
    every = np.flatnonzero(chosen)
    return Candidates(every, filled[every])


@dataclass(frozen=True)
class OracleRanks:
    """One entry a user: rank of the target, ties against it; its action; the expected score of the answer."""

    rank: Ints
    action: NDArray[np.int8]
    expected: Floats


def rank_targets(env: Environment, candidates: Candidates, queries: Queries, users: int | None = None) -> OracleRanks:
    """Rank the candidates for the queries, drawn from so many ``users`` (by default they are all). Blocks of users
    whose targets may lie in the same slots bound the memory.
    """
    count, step = len(queries.action), max(CELLS // len(candidates.ads), 1)
    first = queries.first_slot
    order = np.argsort(first, kind="stable")
    together = np.split(order, np.flatnonzero(np.diff(first[order])) + 1)
    blocks = [rows[start : start + step] for rows in together for start in range(0, len(rows), step)]
    tried, coming = np.zeros(len(candidates.ads)), np.zeros(SLOTS)
    for rows in blocks:
        block = take(queries, rows)
        tried += block.tries.astype(np.float32) @ try_probabilities(env, candidates.ads, block)[0]
        coming[int(block.first_slot[0]) + np.arange(REACH)] += block.tries @ _favourite_arrival(env, block)
    whole = users or count
    favoured = whole / count * _spread_favourites(env, candidates.ads, coming)
    tries = tried, favoured, (whole - 1) / max(count - 1, 1)
    parts = [_rank_block(env, candidates, take(queries, rows), *tries) for rows in blocks]
    return take(join(parts), np.argsort(np.concatenate(blocks)))


def _favourite_arrival(env: Environment, queries: Queries) -> Floats:
    """P(slot) times the share of the favourites that the user has not seen (users, REACH)."""
    seen = (_find_favourites(env, queries)[:, :, :, None] == queries.past[:, None, None, :]).any(axis=3)
    return np.asarray(slot_probabilities(queries) * (1.0 - seen.mean(axis=2)))


def _spread_favourites(env: Environment, ads: Ints, coming: Floats) -> Floats:
    """How many tries lead to each ad as a favourite, where so many are ``coming`` in each slot, of any group: a sample
    of the users has too few of one group.
    """
    total, groups = np.zeros(len(ads)), env.favourites.shape[1]
    for slot in np.flatnonzero(coming).tolist():
        column = lookup_rows(ads, env.favourites[slot])
        total += coming[slot] / groups * np.bincount(column[column >= 0], minlength=len(ads))
    return total * CLICKED[choice.GROUP] / FAVOURITES


def try_probabilities(env: Environment, ads: Ints, queries: Queries) -> tuple[Singles, Singles]:
    """The chances that one try gives each of the ``ads``, ascending, as the target, by its topic or popularity and as a
    favourite (users, ads); for users whose ``first_slot`` is the same.
    """
    slots, arrival = int(queries.first_slot[0]) + np.arange(REACH), slot_probabilities(queries)
    topic = topic_probabilities(env, queries, arrival, slots)
    share = env.ads.weight[ads] * is_running(env.ads, ads, slots[:, None])
    share = (share / env.ads.mass[slots[:, None], env.ads.topic[ads], -1]).astype(np.float32)
    bounds = np.searchsorted(env.ads.topic[ads], np.arange(TOPICS + 1)).tolist()
    chance = choice.acceptance_probability(choice.preference_direction(env, queries) @ env.ads.delta[ads].T, env.slope)
    for at, (low, high) in enumerate(pairwise(bounds)):
        chance[:, low:high] *= topic[:, :, at] @ share[:, low:high]
    favoured, column = np.zeros_like(chance), lookup_rows(ads, _find_favourites(env, queries))
    row, slot, seat = np.nonzero(column >= 0)
    np.add.at(favoured, (row, column[row, slot, seat]), CLICKED[choice.GROUP] / FAVOURITES * arrival[row, slot])
    seen = lookup_rows(ads, queries.past)  # what was shown is never the target
    row, event = np.nonzero(seen >= 0)
    chance[row, seen[row, event]] = favoured[row, seen[row, event]] = 0.0
    return chance, favoured


def _find_favourites(env: Environment, queries: Queries) -> Codes:
    """Those of each user's group in the slots of its target (users, REACH, FAVOURITES)."""
    return np.asarray(env.favourites[queries.first_slot[:, None] + np.arange(REACH), queries.group[:, None]])


def topic_probabilities(env: Environment, queries: Queries, arrival: Floats, slots: Ints) -> Singles:
    """P(slot, topic) of a try, favourites left out (users, slots, topics). ``arrival``: P(slot) (users, slots)."""
    topic = CLICKED[choice.BACKGROUND] * arrival[:, :, None] * env.ads.background[slots]
    by_topic, keep = CLICKED[choice.TOPIC] * arrival, choice.hold(slots - queries.slot[:, None])
    liked = 1.0 - (choice.STAY + choice.MOVE) * keep
    for column, weight in (
        (queries.topic, choice.STAY * keep),
        (env.topics.successor[queries.topic], choice.MOVE * keep),
        *((queries.interest[:, at], liked * share) for at, share in enumerate(choice.INTEREST_WEIGHT)),
    ):
        topic[np.arange(len(topic)), :, column] += weight * by_topic
    return topic.astype(np.float32)


def _rank_block(
    env: Environment, candidates: Candidates, queries: Queries, tried: Floats, favoured: Floats, raised: float
) -> OracleRanks:
    """``tried``: by candidate, what is expected of the tries of all users answered, by any reason but the group, and
    ``raised`` the factor from them to all others; ``favoured``: of the tries of all users, as a favourite.
    """
    tries = queries.tries[:, None].astype(np.float32)
    by_topic, as_favourite = try_probabilities(env, candidates.ads, queries)
    expected = np.float32(raised) * np.maximum(tried.astype(np.float32) - tries * by_topic, 0.0)
    expected += np.maximum(favoured.astype(np.float32) - tries * as_favourite, 0.0)
    chance = by_topic + as_favourite
    chance /= np.maximum(1.0 - (1.0 - candidates.filled.astype(np.float32)) * np.exp(-expected), np.float32(TINY))
    if env.converts is not None:
        converts = env.converts[env.ads.advertiser[candidates.ads]].astype(np.float32)
        chance *= np.where(queries.action[:, None] == CONVERSION, converts, 1.0 - converts)
    own = chance[np.arange(len(chance)), lookup_rows(candidates.ads, queries.ad)]
    best = np.sort(np.partition(chance, -TOP, axis=1)[:, -TOP:], axis=1)[:, ::-1]
    best = best / chance.sum(axis=1, keepdims=True, dtype=np.float64)
    return OracleRanks(
        rank=(chance >= own[:, None]).sum(axis=1),
        action=queries.action,
        expected=HIT_WEIGHT * best.sum(axis=1) + NDCG_WEIGHT * (best @ (1.0 / np.log2(np.arange(TOP) + 2.0))),
    )


def summarise_ranks(ranks: OracleRanks) -> Oracle:
    """The score, weighted by the action of the target; beside it its two parts."""
    top = np.where(ranks.rank <= TOP, ranks.rank, 0)
    (hit, ndcg), score = hit_and_ndcg(top), score_answers(top)
    return summarise(score, ranks.expected, {"hit_rate": hit, "ndcg": ndcg}, np.array(ACTION_WEIGHTS)[ranks.action])
