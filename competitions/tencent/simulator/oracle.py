"""The best possible answer, from the choice model and every user's state: candidates by their exact probability.

The first click after the reference time is drawn as a whole until it is accepted (``ground_truth``), so candidate i has
the probability, up to a factor a user,

    A_i * sum over bands b: share(b) * (P(topic of i | b) w_i(b) / W_topic(b) + P(its advertiser | b) w_i(b) / W_adv(b))

over the candidates that the user was not shown before; A is ``click_model.acceptance_probability``. Where people have a
share, that of each favourite of the user's group and of the companion of the ad clicked last is theirs outright, if it
is such a candidate, and the above has the rest. The ten largest are the answer. In round 2 the host says what each user
will do: the probability is then times P(that action) of the user on candidate i (``conversions``), since a target that
is a click says that the user did not convert.
Score = 0.31 hit rate + 0.69 NDCG, NDCG = 1 / log2(rank + 1) within the ten, as the host has it; means are weighted by
``metrics.ACTION_WEIGHTS`` (all 1 in round 1).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from common.arrays import Bools, Floats, Ints, Singles, join, take
from common.simulation.oracle import Oracle, summarise
from competitions.tencent.io.schema import TOP
from competitions.tencent.metrics import ACTION_WEIGHTS, HIT_WEIGHT, NDCG_WEIGHT, hit_and_ndcg, score_answers
from competitions.tencent.simulator.ad_inventory import FAVOURITES, ad_weights, advertiser_weights, is_running
from competitions.tencent.simulator.click_model import (
    ADVERTISER,
    BACKGROUND,
    CLICKED,
    INTEREST,
    LAST,
    NEXT,
    OF_GROUP,
    VISIT_TOPIC,
    VISIT_TOPIC_FROM,
    Environment,
    UserBatch,
    UserState,
    acceptance_probability,
    interest_weights,
    preference_direction,
)
from competitions.tencent.simulator.ground_truth import Targets
from competitions.tencent.simulator.topics import BAND_SHARE, BANDS, NOW, TOPICS, Codes

TINY = 1e-30
CELLS = 4_000_000  # users times candidates that are weighed at once


@dataclass(frozen=True)
class CandidateWeights:
    """The candidates, ascending ads, and what each band makes of them.

    ``share`` (bands * topics, candidates): w / W of the topic; ``owned`` (candidates, bands): weight of its
    advertiser's; ``column``: an ad's candidate, -1 for none.
    """

    ads: Ints
    advertiser: Codes
    share: sparse.csr_array
    owned: Floats
    column: Codes


@dataclass(frozen=True)
class OracleRanks:
    """One entry a user: rank of the ad clicked, from 1, ties against it; the action of the target; whether nobody was
    shown it; expected hit and NDCG of the answer.
    """

    rank: Ints
    action: NDArray[np.int8]
    unseen: Bools
    expected_hit: Floats
    expected_ndcg: Floats


def weigh_candidates(env: Environment, candidates: Ints) -> CandidateWeights:
    """Weigh the candidates in every band."""
    inventory, topic = env.inventory, env.inventory.ads.topic[candidates].astype(np.int64)
    rows, values, owned = [], [], []
    for band in range(BANDS):
        shown, own = ad_weights(inventory, candidates, NOW + band)
        rows.append(band * TOPICS + topic)
        values.append(shown / inventory.mass[NOW + band, topic, -1])
        owned.append(own)
    columns = np.tile(np.arange(len(candidates)), BANDS)
    cells = (np.concatenate(values).astype(np.float32), (np.concatenate(rows), columns))
    column = np.full(len(inventory.ads), -1, np.int32)
    column[candidates] = np.arange(len(candidates))
    return CandidateWeights(
        ads=candidates,
        advertiser=inventory.ads.advertiser[candidates],
        share=sparse.csr_array(cells, shape=(BANDS * TOPICS, len(candidates))),
        owned=np.stack(owned, axis=1),
        column=column,
    )


def click_probabilities(env: Environment, weights: CandidateWeights, batch: UserBatch) -> Singles:
    """The chance of each candidate to be clicked first, up to a factor a user (users, candidates)."""
    state = batch.state
    topic, by_owner = topic_probabilities(env, state)
    chance = np.ascontiguousarray((weights.share.T @ topic.reshape(len(topic), -1).T.astype(np.float32)).T)
    user, own = np.nonzero(state.advertiser[:, None] == weights.advertiser)
    chance[user, own] += (by_owner[user] * weights.owned[own]).sum(axis=1)
    preference = preference_direction(env, batch.users.taste, state.last)
    chance *= acceptance_probability(preference @ env.inventory.ads.delta[weights.ads].T, env.slope)
    row, at = np.nonzero(batch.past >= 0)  # what was shown is never the target
    column = weights.column[batch.past[row, at]]
    row, column = row[column >= 0], column[column >= 0]
    chance[row, column] = 0.0
    liked = people_probabilities(env, weights, batch)
    liked[row, column] = 0.0
    chance *= ((1.0 - liked.sum(axis=1)) / np.maximum(chance.sum(axis=1), TINY))[:, None]
    chance += liked
    return np.asarray(chance)


def people_probabilities(env: Environment, weights: CandidateWeights, batch: UserBatch) -> Singles:
    """P(clicked first because of other people), of each candidate, shown before or not (users, candidates)."""
    people, state = env.people, batch.state
    chance = np.zeros((len(state.last), len(weights.ads)), np.float32)
    ad = np.column_stack([people.favourites[NOW // BANDS, batch.users.group], people.companion[state.last]])
    share = np.full(ad.shape, people.share * OF_GROUP / FAVOURITES)
    share[:, -1] = np.where(state.last >= 0, people.share * (1.0 - OF_GROUP), 0.0)
    share *= sum(BAND_SHARE[band] * is_running(env.inventory.ads, ad, NOW + band) for band in range(BANDS))
    row, at = np.nonzero(weights.column[ad] >= 0)
    np.add.at(chance, (row, weights.column[ad[row, at]]), share[row, at].astype(np.float32))
    return chance


def topic_probabilities(env: Environment, state: UserState) -> tuple[Floats, Floats]:
    """P(topic) by band (users, bands, topics), and P(advertiser) / its weight (users, bands), each times the band."""
    count = len(state.last)
    row = np.arange(count)
    following = env.topics.successor[state.topic]
    topic, by_owner = np.empty((count, BANDS, TOPICS)), np.zeros((count, BANDS))
    for band in range(BANDS):
        slot = np.full(count, NOW + band)
        liked = interest_weights(env, state.interest, slot).astype(float)
        liked /= liked.sum(axis=1, keepdims=True)
        weight = advertiser_weights(env.inventory, slot, state.advertiser)[1]
        chance = np.tile(CLICKED[BACKGROUND] * env.topics.background[NOW + band], (count, 1))
        visit_topic = CLICKED[VISIT_TOPIC]
        np.add.at(
            chance,
            (row[:, None], state.interest),
            (CLICKED[INTEREST] + visit_topic * VISIT_TOPIC_FROM[0]) * liked,
        )
        idle = np.where(weight > 0, 0.0, CLICKED[ADVERTISER])
        np.add.at(chance, (row, state.topic), CLICKED[LAST] + visit_topic * VISIT_TOPIC_FROM[1] + idle)
        np.add.at(chance, (row, following), CLICKED[NEXT] + visit_topic * VISIT_TOPIC_FROM[2])
        topic[:, band] = BAND_SHARE[band] * chance
        available = weight > 0
        by_owner[available, band] = BAND_SHARE[band] * CLICKED[ADVERTISER] / weight[available]
    return topic, by_owner


def rank_truths(
    env: Environment, weights: CandidateWeights, batch: UserBatch, targets: Targets, seen: Bools
) -> OracleRanks:
    """Rank the candidates for users who all have a target; blocks of users bound the memory."""
    step = max(CELLS // len(weights.ads), 1)
    blocks = [slice(start, start + step) for start in range(0, max(len(targets.ad), 1), step)]
    return join([_rank_block(env, weights, batch.take(at), take(targets, at), seen) for at in blocks])


def _rank_block(
    env: Environment, weights: CandidateWeights, batch: UserBatch, targets: Targets, seen: Bools
) -> OracleRanks:
    chance = click_probabilities(env, weights, batch)
    if env.conversions is not None:
        chance *= env.conversions.action_probability(batch.users.willing, weights.ads, targets.action)
    column = weights.column[targets.ad]
    own = chance[np.arange(len(column)), column]
    best = np.sort(np.partition(chance, -TOP, axis=1)[:, -TOP:], axis=1)[:, ::-1]
    best = best / chance.sum(axis=1, keepdims=True, dtype=np.float64)
    return OracleRanks(
        rank=(chance >= own[:, None]).sum(axis=1),
        action=targets.action,
        unseen=~seen[targets.ad],
        expected_hit=best.sum(axis=1),
        expected_ndcg=best @ (1.0 / np.log2(np.arange(TOP) + 2.0)),
    )


def summarise_ranks(ranks: OracleRanks) -> Oracle:
    """The score, weighted by the action of the target; beside it its two parts, and seen and unseen targets apart."""
    top = np.where(ranks.rank <= TOP, ranks.rank, 0)
    (hit, ndcg), score = hit_and_ndcg(top), score_answers(top)
    details = {
        "hit_rate": hit,
        "ndcg": ndcg,
        "unseen_share": ranks.unseen.astype(np.float64),
        "score_seen": np.where(ranks.unseen, np.nan, score),
        "score_unseen": np.where(ranks.unseen, score, np.nan),
    }
    expected = HIT_WEIGHT * ranks.expected_hit + NDCG_WEIGHT * ranks.expected_ndcg
    return summarise(score, expected, details, np.array(ACTION_WEIGHTS)[ranks.action])
