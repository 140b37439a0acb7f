"""Write raw files of any size in the host's layout, with the labels of the test day and the best score possible.

    python -m competitions simulate mgtv --out build/mgtv/simulated --scale 0.02 --seed 1

A module says each part of it: ``catalogue``, ``users``, ``slates``, ``click_model``, ``watch_time_model``,
``tables``. Every click and play is drawn from a distribution that the oracle knows. Devices do not
influence each other: they are simulated in parts, day by day, so that memory does not grow with the log.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats, Ints
from common.day.hosts import TRUTH
from common.engine.progress import track
from common.simulation.oracle import Oracle
from common.simulation.writer import Simulation, append_csv, check_request, write_simulation
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.catalogue import make_catalogue, rate_day
from competitions.mgtv.simulator.click_model import draw_clicks
from competitions.mgtv.simulator.constants import DAYS, START, TEST_DAY
from competitions.mgtv.simulator.oracle import score_slates, summarise_scores
from competitions.mgtv.simulator.slates import SimulationState, Slates, draw_slates
from competitions.mgtv.simulator.tables import write_comments, write_profiles, write_videos
from competitions.mgtv.simulator.users import (
    Users,
    Watched,
    init_history,
    list_active,
    make_users,
    record_clicks,
    record_impressions,
)
from competitions.mgtv.simulator.watch_time_model import draw_completion, part_weights

VERSION = 5  # goes up when the same scale and seed give other files
ASKED, SHOWN = schema.ASKED.format(board="A"), schema.SHOWN.format(board="A")
WRITTEN = (schema.SHOWS, schema.CLICKS, schema.PLAYS, schema.VIDEOS, schema.PROFILES, schema.COMMENTS, ASKED, SHOWN)
OURS = {Path(path).parts[0] for path in WRITTEN}
PART = 50_000  # devices simulated at once
TEST_SHARE = 0.4  # of the clickers of the test day
LAST_START_S, GAP_S = 80_000, 300  # a device's first click is before it; between two of its clicks


def simulate(out: Path, scale: float, seed: int) -> Simulation:
    """Simulate into ``out``, see ``write_simulation``; the same arguments give the same bytes."""
    check_request(scale, seed)
    arguments = {"version": VERSION, "scale": scale, "seed": seed}
    return write_simulation(out, OURS, arguments, lambda folder: _write_all(folder, scale, seed))


def _write_all(folder: Path, scale: float, seed: int) -> tuple[dict[str, int], Oracle]:
    catalogue, users = make_catalogue(scale, seed), make_users(scale, seed)
    rows = {
        "devices": len(users.did),
        "videos": write_videos(folder, catalogue, seed),
        "profiles": write_profiles(folder, users, seed),
        "comments": write_comments(folder, catalogue, scale, seed),
    }
    history = init_history(catalogue, users, seed)
    days = [
        write_day(folder, SimulationState(catalogue, users, history, rate_day(catalogue, day)), seed)
        for day in track(range(1, DAYS + 1), "Simulating days")
    ]
    rows |= dict(zip(("impressions", "clicks"), np.sum(days, axis=0).tolist(), strict=True))
    test = SimulationState(catalogue, users, history, rate_day(catalogue, TEST_DAY))
    counts, oracle = write_test_day(folder, test, seed)
    return rows | counts, oracle


def write_day(folder: Path, state: SimulationState, seed: int) -> tuple[int, int]:
    """Write a day and remember it; the rows of its impressions and clicks."""
    shown, frames, day = 0, [], state.popularity.day
    for devices, rng in draw_devices(state.users, day, seed):
        slates, _, watched = simulate_day(state, devices, rng)
        append_csv(folder / schema.show_path(day), pair_rows(state, slates.row_device, slates.video))
        shown += len(slates.video)
        frames.append(frame_clicks(state, watched, rng))
        record_impressions(state.history, slates.row_device, slates.position, slates.video)
        record_clicks(state.catalogue, state.history, watched)
    clicks = pl.concat(frames)
    write_clicks(folder, day, clicks)
    return shown, clicks.height


def draw_devices(users: Users, day: int, seed: int) -> Iterator[tuple[Ints, np.random.Generator]]:
    """The devices that get a slate on a day, at most ``PART`` at once, and a generator for each part."""
    devices = list_active(users, day, seed)
    for number, start in enumerate(range(0, len(devices), PART)):
        yield devices[start : start + PART], np.random.default_rng([31, seed, day, number])


def simulate_day(state: SimulationState, devices: Ints, rng: np.random.Generator) -> tuple[Slates, Floats, Watched]:
    """A day of some devices: what they are shown, each row's chance of the first click, and what they watch."""
    slates = draw_slates(state, devices, rng)
    row, rank, chance = draw_clicks(state, slates, rng)
    device, video = slates.row_device[row], slates.video[row]
    weights = part_weights(state, device, video, slates.next[row])
    return slates, chance, Watched(row, device, video, rank, draw_completion(weights, rng), rng.random(len(video)))


def write_test_day(folder: Path, state: SimulationState, seed: int) -> tuple[dict[str, int], Oracle]:
    """Write the test day's devices, their slates and the truth; the rows of the files, and the oracle."""
    rows, scores = {"shown": 0, "truth": 0}, []
    for devices, rng in draw_devices(state.users, TEST_DAY, seed):
        slates, chance, watched = simulate_day(state, devices, rng)
        first = np.flatnonzero((watched.rank == 0) & (rng.random(len(watched.rank)) < TEST_SHARE))
        row, completion = watched.row[first], watched.completion[first]
        truth = pair_rows(state, watched.device[first], watched.video[first])
        append_csv(folder / ASKED, truth.select("did"))
        append_csv(folder / TRUTH, truth.with_columns(completion_rate=pl.Series(completion)))
        asked = np.isin(slates.owner, slates.owner[row])
        shown = pair_rows(state, slates.row_device[asked], slates.video[asked])
        append_csv(folder / SHOWN, shown)
        rows["shown"] += shown.height
        rows["truth"] += len(row)
        scores.append(score_slates(state, slates, chance, row, completion))
    return rows, summarise_scores(pl.concat(scores))


def frame_clicks(state: SimulationState, watched: Watched, rng: np.random.Generator) -> pl.DataFrame:
    """One row a click of some devices: what the day's files have of it, once the day is whole and sorted by time."""
    catalogue, start = state.catalogue, rng.integers(0, LAST_START_S, len(state.users.activity))
    return pair_rows(state, watched.device, watched.video).with_columns(
        item_cid=pl.Series(catalogue.collections.code[catalogue.videos.collection[watched.video]]),
        second=pl.Series(start[watched.device] + GAP_S * watched.rank),
        play_time=pl.Series(watched.completion * catalogue.videos.duration[watched.video]),
    )


def write_clicks(folder: Path, day: int, frame: pl.DataFrame) -> None:
    """Write the clicks of a day, and what was played of them."""
    time = pl.lit(START + timedelta(days=day - 1)) + pl.duration(seconds="second")
    frame = frame.sort("second", "did").with_columns(click_time=time.dt.strftime("%Y-%m-%d %H:%M:%S"))
    append_csv(folder / schema.click_path(day), frame.select("did", "vid", "item_cid", "click_time"))
    append_csv(folder / schema.play_path(day), frame.select("did", "vid", "item_cid", "play_time"), float_precision=3)


def pair_rows(state: SimulationState, device: Ints, video: Ints) -> pl.DataFrame:
    """Columns did and vid."""
    return pl.DataFrame({"did": state.users.did.gather(device), "vid": state.catalogue.videos.code[video]})
