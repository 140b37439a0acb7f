"""Tiny raw files for the Tencent competition whose users follow a planted rule, and edits of them.

The rule: ads stand in a circle, and a user goes round it, one place a step, from a place of its own. Of the steps
seven in ten are clicks, so that the first click is of the next place, or the one after it, or one further. Starts are
spread evenly, so that popularity knows nothing. Embeddings and features say where an ad stands. Late in the log some
places get a new ad, after the reference time some more: ads that no history has, and that only their content tells.
"""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from competitions.tencent import submission
from competitions.tencent.io import schema
from tests.unit.tencent import tencent_files
from tests.unit.tencent.tencent_files import FEATURES, World, write_lines

POSITIONS, RENEWED, NEW = 120, 6, 6  # places; those with a new ad in the log, and after the reference time
ADS = POSITIONS + RENEWED + NEW
KNOWN = POSITIONS + RENEWED
PERSONS, SILENT, STRANGERS = 160, 30, 4  # with a history; in the indexer alone; in the predict file alone
CLICKS = 0.7  # of all steps
DAY_S = 86_400
DAYS, REFERENCE = 8, 1_748_390_400
RENEWED_AT = REFERENCE - 16 * 3_600
SHIFT = 40  # longer than any history: the ad so many places further is new to everybody
WIDTH = 32
VALUES = {"122": 40_000}  # many, so that the largest file of a run is a model's
FEW_VALUES = 20
VALID_SHARE = 0.1

Event = tuple[int, int | None, int]  # ad, action, seconds


@dataclass(frozen=True)
class Person:
    """One user: its host's name, its events, what it clicks within a day behind the reference time, its features."""

    name: str
    events: tuple[Event, ...]
    answer: int | None
    features: dict[str, Any] | None


@dataclass(frozen=True)
class Planted:
    """Ads are numbered 0..ADS - 1 here. ``rid`` of the known, ``oid``, ``position`` by ad; ``persons`` by re-id."""

    oid: list[int]
    rid: list[int]
    position: list[int]
    persons: tuple[Person, ...]
    strangers: tuple[Person, ...]
    order: list[int]  # of the predict file, indices into persons and, behind them, strangers

    def test_persons(self) -> list[Person]:
        return [(*self.persons, *self.strangers)[position] for position in self.order]


def plant(strangers: int = STRANGERS) -> Planted:
    """The world, always the same."""
    rng = np.random.default_rng(7)
    oid = (20_000_000_000 + rng.permutation(10 * ADS)[:ADS]).tolist()
    rid = [*(1 + rng.permutation(KNOWN)).tolist(), *[0] * NEW]
    changed = rng.permutation(POSITIONS)[: RENEWED + NEW].tolist()
    position = [*range(POSITIONS), *changed]
    starts = rng.permutation(np.arange(PERSONS) * POSITIONS // PERSONS).tolist()
    persons = tuple(live(rng, number, start, position) for number, start in enumerate(starts))
    more = [live(rng, PERSONS + SILENT + number, 7 * number, position) for number in range(strangers)]
    order = rng.permutation(PERSONS + len(more)).tolist()
    return Planted(oid, rid, position, persons, tuple(more), order)


def live(rng: np.random.Generator, number: int, start: int, position: list[int]) -> Person:
    count = int(rng.integers(14, 25))
    times = np.sort(rng.integers(REFERENCE - DAYS * DAY_S, REFERENCE, count)).tolist()
    events = [(ad_at(start + step, time, position), draw_action(rng), time) for step, time in enumerate(times)]
    waits, later = int(rng.geometric(CLICKS)) - 1, int(rng.poisson(count * VALID_SHARE))
    answer = ad_at(start + count + waits, REFERENCE + 1, position) if waits < later else None
    features = {"103": 1 + number % 5, "104": 2, "106": [1 + number % 3, 4]} if number % 10 else None
    return Person(f"user_{90_000_000 + (number * 7_919) % 1_000_000:08d}", tuple(events), answer, features)


def ad_at(position: int, time: int, positions: list[int]) -> int:
    position %= POSITIONS
    changed = positions[POSITIONS:]
    if time >= RENEWED_AT and position in changed[:RENEWED]:
        return POSITIONS + changed.index(position)
    if time >= REFERENCE and position in changed[RENEWED:]:
        return POSITIONS + changed.index(position)
    return position


def draw_action(rng: np.random.Generator) -> int | None:
    if rng.random() < CLICKS:
        return schema.CONVERSION if rng.random() < 0.1 else schema.CLICK
    return None if rng.random() < 0.1 else schema.EXPOSURE


def describe(ad: int, position: int) -> dict[str, Any]:
    cold: int | str = "9000" if ad >= KNOWN else 1 + position % 3
    return {"100": 1 + position // 10, "101": cold, "122": 1 + ad}


def embed(positions: list[int]) -> np.ndarray:
    angles = 2 * np.pi * np.array(positions)[:, None] * np.arange(1, WIDTH // 2 + 1) / POSITIONS
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / np.tile(np.arange(1, WIDTH // 2 + 1), 2) ** 0.5
    noise = 0.02 * np.random.default_rng(8).standard_normal(waves.shape)
    return np.asarray(waves + noise, np.float32)


def to_files(world: Planted) -> World:
    """What the files say. Strangers bear a name for a re-id, and have an ad in their history that the indexer lacks."""
    rids = {one.name: rid for rid, one in enumerate(world.persons, 1)}
    everybody = {rids.get(one.name, one.name): one for one in (*world.persons, *world.strangers)}
    features = {world.rid[ad] or world.oid[ad]: describe(ad, world.position[ad]) for ad in range(ADS)}
    events = {
        user: [(world.rid[ad] or world.oid[ad], *rest) for ad, *rest in one.events] for user, one in everybody.items()
    }
    profiles = {user: dict(one.features) for user, one in everybody.items() if one.features}
    for user in rids.keys() ^ (one.name for one in everybody.values()):
        events[user][0] = (world.oid[ADS - 1], *events[user][0][1:])
        if user in profiles:
            profiles[user]["105"] = "8000"
    known = sorted((rid, oid) for rid, oid in zip(world.rid, world.oid, strict=True) if rid)
    vectors: dict[int, np.ndarray | None] = dict(zip(world.oid, embed(world.position), strict=True))
    vectors[world.oid[5]] = None
    return World(
        items=tuple(oid for _, oid in known),
        users=(*rids, *(f"user_{number:08d}" for number in range(SILENT))),
        item_features=features,
        user_features=profiles,
        events={user: tuple(rows) for user, rows in events.items()},
        candidates=tuple(
            (world.oid[ad], describe(ad, world.position[ad]))
            for ad in np.random.default_rng(9).permutation(ADS).tolist()
        ),
        order=tuple(rids.get(one.name, one.name) for one in world.test_persons()),
        vectors=vectors,
        sizes={name: VALUES.get(name, FEW_VALUES) for name in FEATURES},
    )


def write_raw(folder: Path, truth: Path) -> None:
    write_competition(folder, truth, plant())


def write_competition(folder: Path, truth: Path, world: Planted) -> None:
    tencent_files.write_competition(folder, to_files(world))
    write_truth(truth, world)


def write_release(folder: Path, truth: Path, world: Planted) -> None:
    """The same data in the release layout, users in the order of the predict file. There must be no strangers."""
    tencent_files.write_release(folder, to_files(world))
    write_truth(truth, world)


def write_sequences(path: Path, lines: list[list[list[Any]]]) -> None:
    write_lines(path, lines, path.with_name(path.name.replace(".jsonl", "_offsets.pkl")))


def write_truth(path: Path, world: Planted) -> None:
    rows = [(one.name, world.oid[one.answer]) for one in world.test_persons() if one.answer is not None]
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, schema=["user", "creative_id"], orient="row").write_csv(path)


def write_popular(folder: Path, path: Path) -> None:
    numbers = pickle.loads((folder / schema.TRAIN / schema.INDEXER).read_bytes())
    names, oids = ({rid: key for key, rid in numbers[kind].items()} for kind in ("u", "i"))
    lines = read_sequences(folder / schema.TRAIN / schema.SEQUENCES)
    items = pl.Series("item", [row[1] for line in lines for row in line if row[1]])
    ten = items.value_counts().sort("count", "item", descending=[True, False])["item"][: submission.TOP]
    ads = [oids[rid] for rid in ten]
    test = [line[0][0] for line in read_sequences(folder / schema.EVAL / schema.PREDICT_SEQUENCES)]
    rows = [(names.get(user, user), *ads) for user in test]
    pl.DataFrame(rows, schema=list(submission.COLUMNS), orient="row").write_csv(path)


def read_sequences(path: Path) -> list[list[list[Any]]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def find_cut(folder: Path) -> int:
    """Where the hold-out begins: behind the cut lies about the last tenth of all clicks, and days that are whole."""
    rows = [row for line in read_sequences(folder / schema.TRAIN / schema.SEQUENCES) for row in line if row[1]]
    cut, end = np.quantile([row[5] for row in rows if row[4]], 1 - VALID_SHARE), max(row[5] for row in rows) + 1
    return int(end - max(round((end - cut) / DAY_S), 1) * DAY_S)


def list_files(folder: Path) -> list[tuple[Path, list[list[list[Any]]]]]:
    paths = (folder / schema.TRAIN / schema.SEQUENCES, folder / schema.EVAL / schema.PREDICT_SEQUENCES)
    return [(path, read_sequences(path)) for path in paths]


def replace_future(folder: Path) -> int:
    """From the cut on, ads that stand elsewhere, and another action where there was no click."""
    world, cut, changed = plant(), find_cut(folder), 0
    ads = {rid: ad for ad, rid in enumerate(world.rid) if rid}
    for path, lines in list_files(folder):
        for row in (row for line in lines for row in line):
            if row[1] in ads and row[5] >= cut:
                other = (world.position[ads[row[1]]] + SHIFT) % POSITIONS
                row[1], row[3] = world.rid[other], describe(other, other)
                row[4] = row[4] or (None if row[4] == schema.EXPOSURE else schema.EXPOSURE)
                changed += 1
        write_sequences(path, lines)
    return changed


def add_future(folder: Path) -> int:
    """Behind the cut, ads shown to everybody, and users who do nothing before it. A click would move the cut."""
    world, cut, added = plant(), find_cut(folder), 0
    for path, lines in list_files(folder):
        for number, line in enumerate(lines):
            for step in range(3):
                ad = (31 * number + 5 * step) % KNOWN
                action = schema.EXPOSURE if step % 2 else None
                line.append([line[0][0], world.rid[ad], None, None, action, cut + 4_000 * step])
                added += 1
        if path.parent.name == schema.TRAIN:
            newcomers = range(PERSONS + 1, PERSONS + SILENT + 1)
            lines += [[[user, world.rid[user % KNOWN], None, None, schema.EXPOSURE, cut + user]] for user in newcomers]
            added += SILENT
        write_sequences(path, lines)
    return added
