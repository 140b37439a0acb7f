"""The best possible answer, from the choice model and every user's state: candidates by their exact probability.

A target is drawn as a whole, time and ad, until it is accepted and new to the user (``click_model.draw_targets``). One
try gives ad i, not shown before, with the probability

    a_i = sum over v (same visit, new visit) and slots s: P(v, s) * (A_v(i) * P(topic of i | v, s) * w_i / W(topic, s)
          + P(group) * P(i is drawn of the favourites that run in s))

where A is ``click_model.acceptance_probability``, w the weight of an ad and W of all that run. The target is ad i with
a probability proportional to a_i. That i is a candidate says more: it is because it is this user's target, or for
another reason, of probability c_i; given the candidates the probability is proportional to

    a_i / c_i,   c_i = 1 - (1 - filled_i) * exp(-expected number of other users whose target is i)

A user's number of tries t has the expectation 1 / sum of a, and does not depend on which ad it led to; so the expected
number of targets on i is estimated without bias by the sum of t * a_i over the other users.

The ten largest are the answer. In round 2 the host says what each user will do: the probability is then times P(that
action) of the user on candidate i (``conversions``), since a target that is a click says that the user did not convert.
Score = 0.31 hit rate + 0.69 NDCG, NDCG = 1 / log2(rank + 1) within the ten, as the host has it; means are weighted by
``metrics.ACTION_WEIGHTS`` (all 1 in round 1).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from common.arrays import Bools, Floats, Ints, Singles, join, take
from common.simulation.oracle import Oracle, summarise
from competitions.tencent.io.schema import TOP
from competitions.tencent.metrics import ACTION_WEIGHTS, HIT_WEIGHT, NDCG_WEIGHT, hit_and_ndcg, score_answers
from competitions.tencent.simulator.ad_inventory import FAVOURITES, is_running
from competitions.tencent.simulator.candidates import Candidates
from competitions.tencent.simulator.click_model import (
    BACKGROUND,
    CLICKED,
    GROUP,
    INTEREST,
    INTEREST_WEIGHT,
    LAST,
    NEXT,
    VISIT_TOPIC,
    VISIT_TOPIC_FROM,
    Environment,
    UserBatch,
    acceptance_probability,
    hold_of_last,
    preference_direction,
)
from competitions.tencent.simulator.event_times import REACH, first_slot, slot_probabilities
from competitions.tencent.simulator.topics import BANDS, TOPICS
from competitions.tencent.simulator.users import INTERESTS

TINY = 1e-30
CELLS = 10_000_000  # users times candidates that are weighed at once
VISITS = 2  # the same visit, a new one


@dataclass(frozen=True)
class OracleRanks:
    """One entry a user: rank of the target, ties against it; its action; expected hit and NDCG of the answer."""

    rank: Ints
    action: NDArray[np.int8]
    expected_hit: Floats
    expected_ndcg: Floats


def rank_targets(
    env: Environment,
    candidates: Candidates,
    batch: UserBatch,
    action: NDArray[np.int8],
    users: int | None = None,
) -> OracleRanks:
    """Rank the candidates for the users of ``batch``, drawn from so many ``users`` (by default they are all);
    ``action``: theirs of the target. Blocks of users bound the memory.
    """
    count = len(action)
    tried = np.zeros(len(candidates.ads))
    blocks = _list_blocks(batch, len(candidates.ads))
    for rows in blocks:
        block = batch.take(rows)
        tried += block.targets.tries @ try_probabilities(env, candidates.ads, block).astype(np.float64)
    raised = ((users or count) - 1) / max(count - 1, 1)  # to the number of all other users
    parts = [_rank_block(env, candidates, batch.take(rows), action[rows], (tried, raised)) for rows in blocks]
    return take(join(parts), np.argsort(np.concatenate(blocks)))


def _list_blocks(batch: UserBatch, candidates: int) -> list[Ints]:
    """Rows of users whose targets may lie in the same slots."""
    first, step = first_slot(batch.timeline), max(CELLS // candidates, 1)
    order = np.argsort(first, kind="stable")
    together = np.split(order, np.flatnonzero(np.diff(first[order])) + 1)
    return [rows[start : start + step] for rows in together for start in range(0, len(rows), step)]


def try_probabilities(env: Environment, ads: Ints, batch: UserBatch) -> Singles:
    """The chance that one try gives each of the ``ads``, ascending, as the target (users, ads), for users whose
    ``first_slot`` is the same.
    """
    inventory, state = env.inventory, batch.state
    slots = int(first_slot(batch.timeline)[0]) + np.arange(REACH)
    arrival = slot_probabilities(batch.timeline)
    topic, hold = topic_probabilities(env, batch, arrival, slots)
    share = inventory.ads.weight[ads] * is_running(inventory.ads, ads, slots[:, None])
    share = (share / inventory.mass[slots[:, None], inventory.ads.topic[ads], -1]).astype(np.float32)
    bounds = np.searchsorted(inventory.ads.topic[ads], np.arange(TOPICS + 1)).tolist()
    chance = np.zeros((len(batch.users), len(ads)), np.float32)
    for visit in range(VISITS):
        preference = preference_direction(env, batch.users.taste, state.last, hold[:, visit])
        part = acceptance_probability(preference @ inventory.ads.delta[ads].T, env.slope)
        for at, (low, high) in enumerate(pairwise(bounds)):
            part[:, low:high] *= topic[:, visit, :, at] @ share[:, low:high]
        chance += part
    favourite, runs = find_favourites(env, batch, slots)
    proposed = CLICKED[GROUP] / FAVOURITES * arrival.sum(axis=1).T[:, :, None] * runs
    column = find_columns(ads, favourite)
    slot, row, seat = np.nonzero(column >= 0)
    np.add.at(chance, (row, column[slot, row, seat]), proposed[slot, row, seat].astype(np.float32))
    row, event = np.nonzero(batch.past >= 0)  # what was shown is never the target
    column = find_columns(ads, batch.past[row, event])
    chance[row[column >= 0], column[column >= 0]] = 0.0
    return chance


def find_columns(ads: Ints, wanted: NDArray[np.integer]) -> Ints:
    """The index of each wanted ad among ``ads``, ascending; -1 where it is none of them."""
    column = np.minimum(np.searchsorted(ads, wanted), len(ads) - 1)
    return np.where(ads[column] == wanted, column, -1)


def find_favourites(env: Environment, batch: UserBatch, slots: Ints) -> tuple[Ints, Bools]:
    """The favourites of each user's group in each slot, and whether they run (slots, users, FAVOURITES)."""
    favourite = env.favourites[slots[:, None] // BANDS, batch.users.group].astype(np.int64)
    return favourite, is_running(env.inventory.ads, favourite, slots[:, None, None])


def topic_probabilities(env: Environment, batch: UserBatch, arrival: Floats, slots: Ints) -> tuple[Singles, Floats]:
    """P(visit, slot, topic) of a try, favourites left out (users, VISITS, slots, topics); the hold of the last click
    (users, VISITS). ``arrival``: P(visit, slot) (users, VISITS, slots).
    """
    state, successor = batch.state, env.topics.successor
    row = np.arange(len(arrival))
    before = batch.timeline.time[:, -1]
    hold = np.column_stack([hold_of_last(state, before, np.full(len(row), new)) for new in (False, True)])
    stopped = 1.0 - find_favourites(env, batch, slots)[1].mean(axis=2).T[:, None, :]
    popular = (CLICKED[BACKGROUND] + CLICKED[GROUP] * stopped) * arrival
    topic = popular[:, :, :, None] * env.topics.background[slots]
    liked = INTEREST_WEIGHT * env.topics.rhythm[slots[:, None], state.interest[:, None, :]].astype(np.float64)
    liked /= liked.sum(axis=2, keepdims=True)
    same, new = CLICKED[VISIT_TOPIC] * np.eye(VISITS)  # by visit: its topic is known where it goes on
    interest = CLICKED[INTEREST] + (CLICKED[LAST] + CLICKED[NEXT]) * (1.0 - hold) + new * VISIT_TOPIC_FROM[0]
    for at in range(INTERESTS):
        topic[row, :, :, state.interest[:, at]] += interest[:, :, None] * arrival * liked[:, None, :, at]
    for column, weight in (
        (state.visit_topic, same),
        (successor[state.visit_topic], new * VISIT_TOPIC_FROM[2]),
        (state.topic, new * VISIT_TOPIC_FROM[1] + CLICKED[LAST] * hold),
        (successor[state.topic], CLICKED[NEXT] * hold),
    ):
        topic[row, :, :, column] += weight[..., None] * arrival
    return topic.astype(np.float32), hold


def _rank_block(
    env: Environment,
    candidates: Candidates,
    batch: UserBatch,
    action: NDArray[np.int8],
    tried: tuple[Floats, float],
) -> OracleRanks:
    """``tried``: the sum of tries times chances by candidate, and the factor on it."""
    chance = try_probabilities(env, candidates.ads, batch).astype(np.float64)
    others = tried[1] * np.maximum(tried[0] - batch.targets.tries[:, None] * chance, 0.0)
    chance /= np.maximum(1.0 - (1.0 - candidates.filled) * np.exp(-others), TINY)
    if env.conversions is not None:
        chance *= env.conversions.action_probability(batch.users.willing, candidates.ads, action)
    column = find_columns(candidates.ads, batch.targets.ad)
    own = chance[np.arange(len(column)), column]
    best = np.sort(np.partition(chance, -TOP, axis=1)[:, -TOP:], axis=1)[:, ::-1]
    best = best / chance.sum(axis=1, keepdims=True)
    return OracleRanks(
        rank=(chance >= own[:, None]).sum(axis=1),
        action=action,
        expected_hit=best.sum(axis=1),
        expected_ndcg=best @ (1.0 / np.log2(np.arange(TOP) + 2.0)),
    )


def summarise_ranks(ranks: OracleRanks) -> Oracle:
    """The score, weighted by the action of the target; beside it its two parts."""
    top = np.where(ranks.rank <= TOP, ranks.rank, 0)
    (hit, ndcg), score = hit_and_ndcg(top), score_answers(top)
    expected = HIT_WEIGHT * ranks.expected_hit + NDCG_WEIGHT * ranks.expected_ndcg
    return summarise(score, expected, {"hit_rate": hit, "ndcg": ndcg}, np.array(ACTION_WEIGHTS)[ranks.action])
