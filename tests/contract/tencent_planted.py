"""Tiny raw files for the Tencent competition whose users follow a planted rule, and edits of them.

The rule: ads stand in a circle, and a user goes round it, one place a step, from a place of its own. Of the steps
seven in ten are clicks up to the reference time, and none behind it: a few ads are shown, and the next place is the
target. Of every fifth user the reference time is a day later. Starts are spread evenly, so that popularity knows
nothing. Embeddings and features say where an ad stands. Late in the log some places get a new ad, and when the target
is asked for some more: ads that no history has, and that only their content tells.
"""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.time_units import DAY_S
from competitions.tencent import submission
from competitions.tencent.io import schema
from tests.unit.tencent.tencent_files import FEATURES, World, write_competition, write_lines

POSITIONS, RENEWED, NEW = 120, 6, 6  # places; those with a new ad in the log, and when the target is asked for
ADS = POSITIONS + RENEWED + NEW
KNOWN = POSITIONS + RENEWED
PERSONS, SILENT, STRANGERS = 160, 30, 4  # with a history; in the indexer alone; in the predict file alone
CLICKS = 0.7  # of all steps before the reference time
DAYS, REFERENCE = 8, 1_748_390_400
RENEWED_AT = REFERENCE - 16 * 3_600
LATER = 5  # every so many users the reference time is a day later
WIDTH = 32
VALUES = {"122": 40_000}  # many, so that the largest file of a run is a model's
FEW_VALUES = 20

SEQUENCES, QUERIES = f"{schema.TRAIN}/{schema.SEQUENCES}", f"{schema.EVAL}/{schema.PREDICT_SEQUENCES}"
INDEXER = f"{schema.TRAIN}/{schema.INDEXER}"

Event = tuple[int, int | None, int]  # ad, action, seconds


@dataclass(frozen=True)
class Person:
    """One user: its host's name, its events, what it clicks next."""

    name: str
    events: tuple[Event, ...]
    answer: int


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
    own = REFERENCE + DAY_S * (number % LATER == 1)
    count, waits = int(rng.integers(14, 25)), int(rng.integers(1, 4))
    times = np.sort(rng.integers(own - DAYS * DAY_S, own, count)).tolist()
    actions = [draw_action(rng) for _ in times]
    if number == 0:  # the second before the reference time is the last at which anybody clicks whose own it is
        times[-1], actions[-1] = REFERENCE - 1, schema.CLICK
    times += (own + np.sort(rng.integers(0, 6 * 3_600, waits))).tolist()
    actions += [schema.EXPOSURE] * waits
    steps = enumerate(zip(times, actions, strict=True), start)
    events = [(ad_at(place, time, position), action, time) for place, (time, action) in steps]
    answer = ad_at(start + len(events), None, position)
    return Person(f"user_{90_000_000 + (number * 7_919) % 1_000_000:08d}", tuple(events), answer)


def ad_at(place: int, time: int | None, positions: list[int]) -> int:
    """The ad of a place at a ``time``; None: when the target is asked for."""
    place %= POSITIONS
    changed = positions[POSITIONS:]
    if place in changed[:RENEWED] and (time is None or time >= RENEWED_AT):
        return POSITIONS + changed.index(place)
    if place in changed[RENEWED:] and time is None:
        return POSITIONS + changed.index(place)
    return place


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
    for one in world.strangers:
        events[one.name][0] = (world.oid[ADS - 1], *events[one.name][0][1:])
    known = sorted((rid, oid) for rid, oid in zip(world.rid, world.oid, strict=True) if rid)
    vectors: dict[int, np.ndarray | None] = dict(zip(world.oid, embed(world.position), strict=True))
    vectors[world.oid[5]] = None
    return World(
        items=tuple(oid for _, oid in known),
        users=(*rids, *(f"user_{number:08d}" for number in range(SILENT))),
        item_features=features,
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
    world = plant()
    write_competition(folder, to_files(world))
    truth.parent.mkdir(parents=True, exist_ok=True)
    rows = [(one.name, world.oid[one.answer]) for one in world.test_persons()]
    pl.DataFrame(rows, schema=["user", "creative_id"], orient="row").write_csv(truth)


def write_sequences(path: Path, lines: list[list[list[Any]]]) -> None:
    write_lines(path, lines, path.with_name(path.name.replace(".jsonl", "_offsets.pkl")))


def write_popular(folder: Path, path: Path) -> None:
    numbers = pickle.loads((folder / INDEXER).read_bytes())
    names, oids = ({rid: key for key, rid in numbers[kind].items()} for kind in ("u", "i"))
    lines = read_sequences(folder / SEQUENCES)
    items = pl.Series("item", [row[1] for line in lines for row in line if row[1]])
    ten = items.value_counts().sort("count", "item", descending=[True, False])["item"][: submission.TOP]
    ads = [oids[rid] for rid in ten]
    test = [line[0][0] for line in read_sequences(folder / QUERIES)]
    rows = [(names.get(user, user), *ads) for user in test]
    pl.DataFrame(rows, schema=list(submission.COLUMNS), orient="row").write_csv(path)


def read_sequences(path: Path) -> list[list[list[Any]]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def edit_users(name: str, edit: Callable[[list[list[list[Any]]]], object]) -> Callable[[Path], None]:
    """An edit in place of the lines of a sequence file, offsets as they then are."""

    def apply(folder: Path) -> None:
        lines = read_sequences(folder / name)
        edit(lines)
        write_sequences(folder / name, lines)

    return apply


def list_files(folder: Path) -> list[tuple[Path, list[list[list[Any]]]]]:
    return [(folder / name, read_sequences(folder / name)) for name in (SEQUENCES, QUERIES)]


def hidden_rows(folder: Path) -> list[tuple[int, int, int]]:
    """What the hold-out hides: from each user's first click on a day before the own reference time on, its rows as
    (user, second, ad).
    """
    hidden = []
    for line in read_sequences(folder / SEQUENCES):
        events = [row for row in line if row[1]]
        clicks = [row[5] for row in events if row[4]]
        own = max([REFERENCE, *(time + 1 for time in clicks)])
        first = next((time for time in clicks if time >= own - DAY_S), None)
        hidden += [(row[0], row[5], row[1]) for row in events if first is not None and row[5] >= first]
    return hidden


def replace_future(folder: Path) -> int:
    """The hidden ads change hands: each of them is taken a third of the circle further on, which is new to everybody;
    another action where there was no click. What anybody was shown stays what it is: candidates are drawn by it.
    """
    world, changed = plant(), 0
    ads = {rid: ad for ad, rid in enumerate(world.rid) if rid}
    hidden = sorted(hidden_rows(folder), key=lambda row: (world.position[ads[row[2]]], row))
    other = {row: hidden[(at + len(hidden) // 3) % len(hidden)][2] for at, row in enumerate(hidden)}
    for path, lines in list_files(folder):
        for row in (row for line in lines for row in line):
            new = other.get((row[0], row[5], row[1])) if isinstance(row[0], int) and row[1] else None
            if new is not None:
                row[1], row[3] = new, describe(ads[new], world.position[ads[new]])
                row[4] = row[4] or (None if row[4] == schema.EXPOSURE else schema.EXPOSURE)
                changed += 1
        write_sequences(path, lines)
    return changed


def add_future(folder: Path) -> int:
    """Behind the target, ads shown to everybody who has one, at the last second; and users who only click then."""
    world, added, asked = plant(), 0, {user for user, *_ in hidden_rows(folder)}
    for path, lines in list_files(folder):
        for number, line in enumerate(lines):
            if line[0][0] in asked:
                last = max(row[5] for row in line if row[1])
                for step in range(3):
                    ad = world.rid[(31 * number + 5 * step) % POSITIONS]
                    line.append([line[0][0], ad, None, None, schema.EXPOSURE if step % 2 else None, last])
                added += 3
        if path.parent.name == schema.TRAIN:
            newcomers = range(PERSONS + 1, PERSONS + SILENT + 1)
            lines += [[[user, world.rid[user % 100], None, None, schema.CLICK, REFERENCE - user]] for user in newcomers]
            added += SILENT
        write_sequences(path, lines)
    return added
