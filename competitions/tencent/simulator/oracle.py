"""The best answer anyone could give who knows the law and every user's state: the candidates by their exact chance.

The first click after the reference time is drawn as a whole until it is accepted (``asking``), so candidate i has the
chance, up to a factor a user,

    A_i * sum over bands b: share(b) * (P(topic of i | b) w_i(b) / W_topic(b) + P(its advertiser | b) w_i(b) / W_adv(b))

over the candidates that the user was not shown before; A is ``browsing.pleasure``. The ten largest are the answer.
Score = 0.31 hit rate + 0.69 NDCG, NDCG = 1 / log2(rank + 1) within the ten, as the host has it.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy import sparse

from competitions.tencent.simulator import click_model
from competitions.tencent.simulator.ad_inventory import weigh_ads, weigh_advertiser
from competitions.tencent.simulator.click_model import (
    CLICKED,
    MOOD_FROM,
    Scene,
    State,
    find_direction,
    pleasure,
    weigh_interests,
)
from competitions.tencent.simulator.topics import BAND_SHARE, BANDS, NOW, TOPICS, Bools, Codes, Floats, Ints, Singles

TOP = 10
CELLS = 4_000_000  # users times candidates that are weighed at once
HIT_WEIGHT, NDCG_WEIGHT = 0.31, 0.69


@dataclass(frozen=True)
class Question:
    """The candidates, ascending ads, and what each band makes of them.

    ``share`` (bands * topics, candidates): w / W of the topic; ``owned`` (candidates, bands): weight of its
    advertiser's; ``column``: an ad's candidate, -1 for none; ``by_advertiser``: candidates by advertiser.
    """

    ads: Ints
    share: sparse.csr_array
    owned: Floats
    column: Codes
    by_advertiser: Ints
    advertiser: Ints  # of by_advertiser, ascending


@dataclass(frozen=True)
class Verdict:
    """One entry a user: rank of the ad clicked, from 1, ties against it; expected hit and NDCG of the answer."""

    rank: Ints
    unseen: Bools
    expected_hit: Floats
    expected_ndcg: Floats


@dataclass(frozen=True)
class Oracle:
    """Scores over the users judged: realised, as the law expects, seen and unseen targets apart."""

    users: int
    score: float
    standard_error: float
    expected: float
    hit_rate: float
    ndcg: float
    unseen_share: float
    score_seen: float
    score_unseen: float


def pose(scene: Scene, candidates: Ints) -> Question:
    """Weigh the candidates in every band."""
    market, topic = scene.market, scene.market.ads.topic[candidates].astype(np.int64)
    rows, values, owned = [], [], []
    for band in range(BANDS):
        shown, own = weigh_ads(market, candidates, NOW + band)
        rows.append(band * TOPICS + topic)
        values.append(shown / market.mass[NOW + band, topic, -1])
        owned.append(own)
    columns = np.tile(np.arange(len(candidates)), BANDS)
    cells = (np.concatenate(values).astype(np.float32), (np.concatenate(rows), columns))
    column = np.full(len(market.ads), -1, np.int32)
    column[candidates] = np.arange(len(candidates))
    order = np.argsort(market.ads.advertiser[candidates], kind="stable")
    return Question(
        ads=candidates,
        share=sparse.csr_array(cells, shape=(BANDS * TOPICS, len(candidates))),
        owned=np.stack(owned, axis=1),
        column=column,
        by_advertiser=order,
        advertiser=market.ads.advertiser[candidates][order].astype(np.int64),
    )


def weigh_candidates(scene: Scene, question: Question, state: State, taste: Singles, past: Codes) -> Singles:
    """The chance of each candidate to be clicked first, up to a factor a user (users, candidates)."""
    topic, by_owner = weigh_topics(scene, state)
    chance = np.ascontiguousarray((question.share.T @ topic.reshape(len(topic), -1).T.astype(np.float32)).T)
    low = np.searchsorted(question.advertiser, state.advertiser)
    size = np.searchsorted(question.advertiser, state.advertiser, side="right") - low
    row = np.repeat(np.arange(len(low)), size)
    place = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size) + low[row]
    column = question.by_advertiser[place]
    chance[row, column] += (by_owner[row] * question.owned[column]).sum(axis=1)
    direction = find_direction(scene, taste, state.last)
    chance *= pleasure(direction @ scene.market.ads.delta[question.ads].T)
    row, at = np.nonzero(past >= 0)
    column = question.column[past[row, at]]
    chance[row[column >= 0], column[column >= 0]] = 0.0
    return np.asarray(chance)


def weigh_topics(scene: Scene, state: State) -> tuple[Floats, Floats]:
    """P(topic) by band (users, bands, topics), and P(advertiser) / its weight (users, bands), each times the band."""
    count = len(state.last)
    row = np.arange(count)
    following = scene.topics.successor[state.topic]
    topic, by_owner = np.empty((count, BANDS, TOPICS)), np.zeros((count, BANDS))
    for band in range(BANDS):
        slot = np.full(count, NOW + band)
        liked = weigh_interests(scene, state.interest, slot).astype(float)
        liked /= liked.sum(axis=1, keepdims=True)
        weight = weigh_advertiser(scene.market, slot, state.advertiser)[1]
        chance = np.tile(CLICKED[click_model.BACKGROUND] * scene.topics.background[NOW + band], (count, 1))
        mood = CLICKED[click_model.MOOD]
        np.add.at(chance, (row[:, None], state.interest), (CLICKED[click_model.INTEREST] + mood * MOOD_FROM[0]) * liked)
        idle = np.where(weight > 0, 0.0, CLICKED[click_model.ADVERTISER])
        np.add.at(chance, (row, state.topic), CLICKED[click_model.LAST] + mood * MOOD_FROM[1] + idle)
        np.add.at(chance, (row, following), CLICKED[click_model.NEXT] + mood * MOOD_FROM[2])
        topic[:, band] = BAND_SHARE[band] * chance
        there = weight > 0
        by_owner[there, band] = BAND_SHARE[band] * CLICKED[click_model.ADVERTISER] / weight[there]
    return topic, by_owner


def judge(
    scene: Scene, question: Question, state: State, taste: Singles, past: Codes, truth: Ints, seen: Bools
) -> Verdict:
    """Rank the candidates for users of whom each has a ``truth``; blocks of users bound the memory."""
    step = max(CELLS // len(question.ads), 1)
    ranks, hits, gains = [], [], []
    discount = 1.0 / np.log2(np.arange(TOP) + 2.0)
    for start in range(0, len(truth), step):
        block = slice(start, start + step)
        chance = weigh_candidates(scene, question, click_model.take(state, block), taste[block], past[block])
        column = question.column[truth[block]]
        found = chance[np.arange(len(column)), column]
        ranks.append((chance >= found[:, None]).sum(axis=1))
        best = np.sort(np.partition(chance, -TOP, axis=1)[:, -TOP:], axis=1)[:, ::-1] / chance.sum(
            axis=1, keepdims=True, dtype=np.float64
        )
        hits.append(best.sum(axis=1))
        gains.append(best @ discount)
    return Verdict(np.concatenate(ranks), ~seen[truth], np.concatenate(hits), np.concatenate(gains))


def merge(verdicts: list[Verdict]) -> Verdict:
    """One verdict of many."""
    if not verdicts:
        return Verdict(np.empty(0, np.int64), np.empty(0, bool), np.empty(0), np.empty(0))
    return Verdict(*(np.concatenate([getattr(one, field.name) for one in verdicts]) for field in fields(Verdict)))


def score_ranks(rank: Ints) -> tuple[Floats, Floats]:
    """Hit and NDCG by user."""
    hit = (rank <= TOP).astype(float)
    return hit, hit / np.log2(rank + 1.0)


def summarise(verdict: Verdict) -> Oracle:
    """Means over the users; 0 where there is none."""
    hit, ndcg = score_ranks(verdict.rank)
    score = HIT_WEIGHT * hit + NDCG_WEIGHT * ndcg
    expected = HIT_WEIGHT * verdict.expected_hit + NDCG_WEIGHT * verdict.expected_ndcg

    def mean(values: Floats | Bools) -> float:
        return float(values.mean()) if len(values) else 0.0

    return Oracle(
        users=len(score),
        score=mean(score),
        standard_error=float(score.std(ddof=1)) / len(score) ** 0.5 if len(score) > 1 else 0.0,
        expected=mean(expected),
        hit_rate=mean(hit),
        ndcg=mean(ndcg),
        unseen_share=mean(verdict.unseen),
        score_seen=mean(score[~verdict.unseen]),
        score_unseen=mean(score[verdict.unseen]),
    )
