"""What is fixed before anyone travels: the sizes at a scale, the vocabularies, the cities, and hashed uniform numbers.

A code is a position in a vocabulary. A *hashed* number is a function of its keys and the seed alone: a company's habit
or a flight's price on a date is the same wherever it is computed, and no table of it is kept.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from common.arrays import Bools, Floats, Ints
from common.io.tables import read_csv

# Sessions, users and companies: Kaggle FlightRank 2025, counts of the two files.
TRAIN_SESSIONS, TRAIN_USERS, TRAIN_COMPANIES = 105_539, 32_922, 641
TEST_SESSIONS, TEST_USERS, TEST_COMPANIES, UNSEEN_COMPANIES = 45_231, 18_981, 495, 41
CITY_PAIRS = 2300  # assumed: gives about the 5,769 search routes of train at scale 1
COMPANY_POWER, PAIR_POWER = 0.85, 0.5  # how companies and routes grow with the scale

CITY_COUNT, RUSSIAN_SHARE = 500, 0.6
MOSCOW, PETERSBURG = 0, 1
HERE = Path(__file__).parent
CITIES = read_csv(HERE / "cities.csv")  # rounded geography: degrees, hours from UTC, whether outside Russia
# Airports by city, the first the usual one; a city not named has one airport of its own name.
AIRPORTS = {"MOW": ("SVO", "DME", "VKO", "ZIA"), "BJS": ("PEK", "PKX"), "SHA": ("PVG", "SHA"), "IST": ("IST", "SAW")}

# Shares inside and outside Russia, hub, price level, which airport of Moscow, whether baggage is counted in kg. The
# weights are set so that the shares of segments come near the published counts of carrier codes. The last row is that
# of FV, which flies half of SU's flights and sells none, and of every carrier that is not in the table.
CARRIERS = read_csv(HERE / "carriers.csv")
FERRY = len(CARRIERS) - 1
CYRILLIC = ("ВГ", "ЮВ", "КЛ", "ДР", "ИЖ", "АМ")  # small carriers without a Latin code  # noqa: RUF001
CARRIER_COUNT = 160
AIRCRAFT = ("SU9", "320", "321", "73H", "738", "319", "32N", "333", "77W", "E90", "32B", "332", "AT7", "DH4", "789")
AIRCRAFT_COUNT = 100
DIRTY_LOYALTY = ("SU/SU", "- ЮТэйр ЗАО", "S7/ S7", "SU/", "- Аэрофлот", "su")  # noqa: RUF001


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


def hashed(seed: int, *keys: ArrayLike) -> Floats:
    """Uniform numbers in (0, 1), a function of ``seed`` and the keys (integers of one shape, or scalars).

    Each key is stirred in by the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
    """
    state = np.atleast_1d(np.uint64(seed))
    for key in keys:
        state = _stir(state ^ np.atleast_1d(np.asarray(key)).astype(np.uint64))
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def hashed_normal(seed: int, *keys: ArrayLike) -> Floats:
    """Standard normal numbers, a function of ``seed`` and the keys."""
    normal: Floats = ndtri(hashed(seed, *keys))
    return normal


def _stir(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@dataclass(frozen=True)
class Cities:
    """One entry a city: its code, position in radians, hours from UTC, whether abroad, its first airport's code."""

    names: tuple[str, ...]
    latitude: Floats
    longitude: Floats
    zone_hours: Ints
    abroad: Bools
    airport: Ints
    airport_count: Ints
    airports: tuple[str, ...]


def make_cities() -> Cities:
    """The named cities, then invented ones in the same lands; the same for every seed."""
    extra = CITY_COUNT - len(CITIES)
    rng = np.random.default_rng(1)
    known = CITIES["code"].to_list()
    names = (*known, *_invent(rng, extra, 3, {*known, *(name for group in AIRPORTS.values() for name in group)}))
    abroad = rng.random(extra) > RUSSIAN_SHARE
    longitude = np.where(abroad, rng.uniform(-5, 125, extra), rng.uniform(30, 140, extra))
    latitude = np.where(abroad, rng.uniform(5, 50, extra), rng.uniform(46, 68, extra))
    zone = np.where(abroad, longitude // 15, np.clip(longitude // 15 + 1, 3, 11)).astype(np.int64)
    by_city = [AIRPORTS.get(name, (name,)) for name in names]
    counts = np.array([len(group) for group in by_city])
    return Cities(
        names=names,
        latitude=np.radians(np.append(CITIES["latitude"], latitude)),
        longitude=np.radians(np.append(CITIES["longitude"], longitude)),
        zone_hours=np.append(CITIES["utc_hours"], zone),
        abroad=np.append(CITIES["abroad"], abroad),
        airport=np.cumsum(counts) - counts,
        airport_count=counts,
        airports=tuple(name for group in by_city for name in group),
    )


def flight_minutes(cities: Cities, start: Ints, end: Ints) -> Ints:
    """Scheduled minutes of a flight between two cities: 40 on the ground and slow, then 12.8 km a minute; in fives."""
    phi, psi = cities.latitude[start], cities.latitude[end]
    angle = np.sin(phi) * np.sin(psi) + np.cos(phi) * np.cos(psi) * np.cos(
        cities.longitude[start] - cities.longitude[end]
    )
    km = 6371.0 * np.arccos(np.clip(angle, -1.0, 1.0))
    minutes: Ints = (np.round((40 + km / 12.8) / 5) * 5).astype(np.int64)
    return minutes


def carrier_names() -> tuple[str, ...]:
    """Carrier codes: those of the table, the Cyrillic ones, then invented ones."""
    known = (*CARRIERS["code"], *CYRILLIC)
    return known + _invent(np.random.default_rng(2), CARRIER_COUNT - len(known), 2, set(known))


def aircraft_names() -> tuple[str, ...]:
    """Aircraft codes, the commonest first."""
    return AIRCRAFT + _invent(np.random.default_rng(3), AIRCRAFT_COUNT - len(AIRCRAFT), 3, set(AIRCRAFT))


def _invent(rng: np.random.Generator, count: int, length: int, taken: set[str]) -> tuple[str, ...]:
    """``count`` new codes of capital letters."""
    names = dict.fromkeys("".join(row) for row in rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), (4 * count, length)))
    return tuple(name for name in names if name not in taken)[:count]
