"""Companies and their travellers: what the files show, policies and routes; ``tastes.py`` has their tastes."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from common.arrays import Bools, Floats, Ints
from competitions.flight.simulator.hashing import hashed, hashed_normal
from competitions.flight.simulator.legs import CARRIER_CODES, FERRY, Pairs

# Sessions, users and companies: Kaggle FlightRank 2025, counts of the two files.
TRAIN_SESSIONS, TRAIN_USERS, TRAIN_COMPANIES = 105_539, 32_922, 641
TEST_SESSIONS, TEST_USERS, TEST_COMPANIES, UNSEEN_COMPANIES = 45_231, 18_981, 495, 41
CITY_PAIRS = 2300  # assumed: gives about the 5,769 search routes of train at scale 1
COMPANY_POWER, PAIR_POWER = 0.85, 0.5  # how companies and routes grow with the scale
# Sessions of a train user, 1..10, in users; then 1,425 users up to 53. Kaggle FlightRank 2025 column statistics.
SESSIONS_HISTOGRAM = (12438, 7566, 3930, 2580, 1621, 1146, 833, 607, 422, 354)
UNSEEN_SHARE = 0.07  # of the travellers that only test has; assumed
LATER_USERS, MOST_SESSIONS, LATER_MEAN = 1425, 53, 16.0
TEST_THINNING = 0.63  # test users have 2.38 sessions each, train users 3.21
KNOWN_TEST_USERS = 0.60  # assumed: not published
FOREIGN_SHARE = 0.012  # of the smaller companies pay in another currency; assumed, by the largest prices
COMPANY_SIGMA = 1.0  # of the logarithm of a company's size; assumed
LOYAL_USERS = (0.34, 0.52)  # of the travellers of train, and of those that only test has
MALE, VIP, HOME_NATION = 0.66, 0.04, 0.95
ROUTE_SLOTS, OWN_ROUTES = 10, 3
DIRTY_LOYALTY = ("SU/SU", "- ЮТэйр ЗАО", "S7/ S7", "SU/", "- Аэрофлот", "su")  # noqa: RUF001
# Companies with an agreement, by the size of their travel, with the first carrier and with each other large one:
# set so that 49.1 % of the rows have a code, as in Kaggle FlightRank 2025; which carriers the others are is assumed.
AGREED_FIRST, AGREED_OTHERS = 0.63, 0.20
TARIFF_CODES = 182  # Kaggle FlightRank 2025 column statistics: 0 to 181


@dataclass(frozen=True)
class Sizes:
    """Numbers of sessions, users and companies in the two files, and of city pairs, at a scale."""

    train_sessions: int
    test_sessions: int
    train_users: int
    test_users: int
    train_companies: int
    test_companies: int
    unseen_companies: int
    pairs: int


def sizes_at(scale: float) -> Sizes:
    """Sizes at a scale; 1.0 gives the host's.

    Users grow with the sessions, so that sessions per user stay; companies and routes grow more slowly, so that a small
    world still has several of them and a large one repeats its routes more often.
    """
    slow = scale**COMPANY_POWER
    return Sizes(
        train_sessions=round(TRAIN_SESSIONS * scale),
        test_sessions=round(TEST_SESSIONS * scale),
        train_users=round(TRAIN_USERS * scale),
        test_users=round(TEST_USERS * scale),
        train_companies=max(6, round(TRAIN_COMPANIES * slow)),
        test_companies=max(5, round(TEST_COMPANIES * slow)),
        unseen_companies=max(1, round(UNSEEN_COMPANIES * slow)),
        pairs=max(30, round(CITY_PAIRS * scale**PAIR_POWER)),
    )


@dataclass(frozen=True)
class Companies:
    """One entry a company. ``cap``: prices up to ``cap`` times the cheapest are within the policy."""

    code: Ints
    agreement: Ints  # (companies, carriers): the tariff code with each, -1 for none
    cap: Floats
    business: Floats  # how often its searches include business fares, as a factor
    money: Floats  # units of its currency that a rouble buys
    routes: Ints  # (companies, ROUTE_SLOTS): pairs, the usual first


@dataclass(frozen=True)
class Travellers:
    """One entry a traveller."""

    company: Ints
    code: Ints
    male: Bools
    vip: Bools
    nationality: Ints
    loyalty: Ints  # position in loyalty_names(), -1: none
    routes: Ints  # (travellers, OWN_ROUTES): pairs
    one_way: Floats  # probability that a trip is one way
    train_sessions: Ints
    test_sessions: Ints


def loyalty_names() -> tuple[str, ...]:
    """Values of frequentFlyer, the commonest first, dirty ones last."""
    clubs = ["SU", "S7", "UT", "U6", "TK", "DP", "EK", "QR", "CA", "N4"]
    groups = ["/".join(sorted(group)) for size in (1, 2, 3) for group in combinations(clubs, size)]
    return (*groups, *DIRTY_LOYALTY)


def loyalty_table() -> Bools:
    """Shape (loyalty names, carriers): whether the name holds the carrier; dirty names hold none."""
    clean = [set(name.split("/")) if name not in DIRTY_LOYALTY else set() for name in loyalty_names()]
    return np.array([[carrier in held for carrier in CARRIER_CODES] for held in clean])


def make_companies(pairs: Pairs, sizes: Sizes, seed: int) -> tuple[Companies, Floats]:
    """Companies (those unseen in train last) and their sizes as weights."""
    count = sizes.train_companies + sizes.unseen_companies
    company = np.arange(count)
    rng = np.random.default_rng([2, seed])
    weight = np.exp(COMPANY_SIGMA * hashed_normal(seed, 56, company))
    # Only small ones, lest the prices of a small world be mostly in another currency.
    foreign = (weight < np.median(weight)) & (rng.random(count) < FOREIGN_SHARE)
    kind = rng.random(count)
    companies = Companies(
        code=np.sort(rng.choice(np.arange(12_120, 63_482), count, replace=False))[rng.permutation(count)],
        agreement=_make_agreements(weight, sizes.train_companies, seed),
        cap=1.25 + 1.1 * np.exp(0.6 * hashed_normal(seed, 54, company)),
        business=np.exp(0.7 * hashed_normal(seed, 55, company)),
        money=np.select([foreign & (kind < 0.7), foreign], [5.4, 30.0], 1.0),
        routes=_choose_routes(pairs, weight, rng),
    )
    return companies, weight


def _choose_routes(pairs: Pairs, weight: Floats, rng: np.random.Generator) -> Ints:
    """Shape (companies, ROUTE_SLOTS): pairs such that in each slot a pair has its share of the travellers.

    Drawn by systematic sampling: a few large companies would else make a small world's routes a matter of luck.
    """
    routes = np.empty((len(weight), ROUTE_SLOTS), np.int64)
    steps = np.cumsum(pairs.weight) / pairs.weight.sum()
    for slot in range(ROUTE_SLOTS):
        order = rng.permutation(len(weight))
        middle = np.cumsum(weight[order]) - weight[order] / 2
        routes[order, slot] = np.searchsorted(steps, (middle / weight.sum() + rng.random()) % 1.0)
    return np.minimum(routes, len(steps) - 1)


def _make_agreements(weight: Floats, known: int, seed: int) -> Ints:
    """The tariff code of each company with each carrier, -1 for none; the small ones have none."""
    company, carrier = np.arange(len(weight))[:, None], np.arange(len(CARRIER_CODES))[None]
    agreed = hashed(seed, 75, company, carrier) < AGREED_OTHERS
    agreed[:, 0] = _choose_share(weight, known, AGREED_FIRST)
    agreed[:, FERRY:] = False
    return np.where(agreed, (hashed(seed, 76, company, carrier) * TARIFF_CODES).astype(int), -1)


def _choose_share(weight: Floats, known: int, share: float) -> Bools:
    """Companies that employ a ``share`` of the travellers, of the ``known`` first and of the others.

    The largest first, each is chosen if that brings the sum nearer to the share: else a small world's few large
    companies would decide it.
    """
    chosen = np.zeros(len(weight), bool)
    for some in (np.arange(known), np.arange(known, len(weight))):
        gap = 0.0
        for company in some[np.argsort(-weight[some], kind="stable")]:
            gap += share * weight[company]
            chosen[company] = gap > weight[company] / 2
            gap -= weight[company] * chosen[company]
    return chosen


def make_travellers(companies: Companies, weight: Floats, sizes: Sizes, seed: int) -> Travellers:
    """Travellers: those of train first, then those that only test has."""
    rng = np.random.default_rng([3, seed])
    company, active = _assign_companies(weight, sizes, rng)
    train, test = _count_sessions(sizes, active, rng)
    user = np.arange(len(train))
    slot = np.minimum(-np.log(hashed(seed, 61, user[:, None], np.arange(OWN_ROUTES)[None])) * 2.2, ROUTE_SLOTS - 1)
    return Travellers(
        company=company,
        code=np.sort(rng.choice(np.arange(813, 3_667_552), len(user), replace=False))[rng.permutation(len(user))],
        male=rng.random(len(user)) < MALE,
        vip=rng.random(len(user)) < VIP,
        nationality=np.where(rng.random(len(user)) < HOME_NATION, 36, rng.integers(0, 48, len(user))),
        loyalty=_draw_loyalty(len(user), sizes.train_users, rng),
        routes=companies.routes[company[:, None], slot.astype(int)],
        one_way=0.44 + 0.35 * (hashed(seed, 62, user) - 0.5),
        train_sessions=train,
        test_sessions=test,
    )


def _count_known(sizes: Sizes) -> int:
    """Travellers of both files."""
    return min(round(KNOWN_TEST_USERS * sizes.test_users), sizes.train_users)


def _count_sessions(sizes: Sizes, active: Bools, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Sessions of every traveller in train and in test, with the totals of ``sizes``; in test of the ``active``."""
    known = _count_known(sizes)
    train = _adjust_total(_draw_counts(sizes.train_users, rng), sizes.train_sessions, rng)
    fresh = sizes.test_users - known
    # Who travels much in train is likelier to travel in test, and travels more there.
    keenness = rng.random(sizes.train_users) ** (1.0 / train**0.7)
    again = np.argsort(-(keenness + active[: sizes.train_users]))[:known]
    drawn = 1 + rng.binomial(np.concatenate([train[again], _draw_counts(fresh, rng)]) - 1, TEST_THINNING)
    drawn = _adjust_total(drawn, sizes.test_sessions, rng)
    test = np.zeros(sizes.train_users + fresh, np.int64)
    test[np.concatenate([again, sizes.train_users + np.arange(fresh)])] = drawn
    return np.concatenate([train, np.zeros(fresh, np.int64)]), test


def _draw_counts(users: int, rng: np.random.Generator) -> Ints:
    """Sessions of each user, from the published histogram."""
    weights = np.array([*SESSIONS_HISTOGRAM, LATER_USERS], float)
    counts = 1 + rng.choice(len(weights), users, p=weights / weights.sum())
    later = np.minimum(10 + rng.geometric(1.0 / (LATER_MEAN - 10.0), users), MOST_SESSIONS)
    return np.where(counts > 10, later, counts)


def _adjust_total(counts: Ints, total: int, rng: np.random.Generator) -> Ints:
    """The counts with a session more or less here and there, so that they sum to ``total`` and none is 0."""
    counts = counts.copy()
    while (gap := total - int(counts.sum())) != 0:
        able = np.flatnonzero(counts > 1) if gap < 0 else np.arange(len(counts))
        some = rng.permutation(able)[: abs(gap)]
        counts[some] += np.sign(gap)
    return counts


def _assign_companies(weight: Floats, sizes: Sizes, rng: np.random.Generator) -> tuple[Ints, Bools]:
    """(company, whether it is one of test's) of each traveller, those that only test has last.

    Every company of train has a traveller there; the unseen ones employ only travellers that train lacks.
    """
    old = weight[: sizes.train_companies]
    lasting = np.zeros(len(weight), bool)
    # Large companies are likelier to travel on.
    lasting[np.argsort(-old * rng.exponential(size=len(old)))[: sizes.test_companies - sizes.unseen_companies]] = True
    lasting[len(old) :] = True
    company = rng.choice(len(old), sizes.train_users, p=old / old.sum())
    company[: len(old)] = np.arange(len(old))[: len(company)]
    odds = old * lasting[: len(old)]
    fresh = rng.choice(len(old), sizes.test_users - _count_known(sizes), p=odds / odds.sum())
    unseen = rng.permutation(len(fresh))[: max(sizes.unseen_companies, round(UNSEEN_SHARE * len(fresh)))]
    fresh[unseen] = len(old) + np.arange(len(unseen)) % sizes.unseen_companies
    company = np.concatenate([company, fresh])
    return company, lasting[company]


def _draw_loyalty(users: int, known: int, rng: np.random.Generator) -> Ints:
    names = loyalty_names()
    size = np.array([name.count("/") for name in names])
    odds = 1.0 / (np.arange(len(names)) + 1.5) ** 1.5 + 0.04 * np.array([("SU" in name) for name in names]) / 4.0**size
    odds[0], odds[-len(DIRTY_LOYALTY) :] = 2.3, 0.025
    drawn = rng.choice(len(names), users, p=odds / odds.sum())
    return np.where(rng.random(users) < np.where(np.arange(users) < known, *LOYAL_USERS), drawn, -1)
