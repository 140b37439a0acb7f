"""Write raw files of any size in the host's layout, with the labels of the test day and the best score possible.

    python -m competitions simulate mgtv --out build/mgtv/simulated --scale 0.02 --seed 1

A module says each part of it: ``catalogue``, ``users``, ``slates``, ``click_model``, ``watch_time_model``,
``profiles``, ``comments``. Every click and play is drawn from a distribution that the oracle knows. Devices do not
influence each other: they are simulated in parts, day by day, so that memory does not grow with the log.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Ints
from common.day.hosts import TRUTH
from common.engine.progress import track
from common.simulation.oracle import Oracle
from common.simulation.writer import Simulation, append_csv, check_request, write_simulation
from competitions.mgtv.io import schema
from competitions.mgtv.simulator import writer
from competitions.mgtv.simulator.catalogue import make_catalogue, rate_day
from competitions.mgtv.simulator.click_model import Clicks, draw_clicks
from competitions.mgtv.simulator.comments import write_comments
from competitions.mgtv.simulator.constants import DAYS, TEST_DAY, Sizes, measure_sizes
from competitions.mgtv.simulator.oracle import TruthRows, has_duration, score_slates, summarise_scores
from competitions.mgtv.simulator.profiles import write_profiles
from competitions.mgtv.simulator.slates import SimulationState, Slates, draw_slates
from competitions.mgtv.simulator.users import (
    Users,
    Watched,
    init_history,
    list_active,
    make_users,
    record_clicks,
    record_impressions,
)
from competitions.mgtv.simulator.watch_time_model import draw_completion, find_forms, part_weights

VERSION = 4  # goes up when the same scale and seed give other files
OURS = {
    *(Path(path).parts[0] for path in (schema.SHOWS, schema.CLICKS, schema.PLAYS, schema.VIDEOS, schema.PROFILES)),
    *(Path(path.format(board="A")).parts[0] for path in (schema.COMMENTS, schema.ASKED, schema.SHOWN)),
}
PART = 50_000  # devices simulated at once
TEST_SHARE, UNSHOWN = 0.4, 0.005  # of the clickers of the test day; of these, without shown rows


def simulate(out: Path, scale: float, seed: int) -> Simulation:
    """Simulate into ``out``, replacing only an earlier simulation there; the same arguments give the same bytes.

    Raises ``UserError`` for a scale or seed out of range, and for a folder that holds other files or cannot be written.
    """
    check_request(scale, seed)
    arguments = {"version": VERSION, "scale": scale, "seed": seed}
    return write_simulation(out, OURS, arguments, lambda folder: _write_all(folder, measure_sizes(scale), seed))


def _write_all(folder: Path, sizes: Sizes, seed: int) -> tuple[dict[str, int], Oracle]:
    catalogue, users = make_catalogue(sizes, seed), make_users(sizes.devices, seed)
    rows = {
        "devices": sizes.devices,
        "videos": writer.write_videos(folder, catalogue, seed),
        "collections": sizes.collections,
        "profiles": write_profiles(folder, users, seed),
        "comments": write_comments(folder, catalogue, sizes.comments, seed),
    }
    history = init_history(catalogue, users, seed)
    days = [
        write_day(folder, SimulationState(catalogue, users, history, rate_day(catalogue, day)), seed)
        for day in track(range(1, DAYS + 1), "Simulating days")
    ]
    rows |= dict(zip(("impressions", "clicks", "plays"), np.sum(days, axis=0).tolist(), strict=True))
    counts, oracle = write_test_day(
        folder, SimulationState(catalogue, users, history, rate_day(catalogue, TEST_DAY)), seed
    )
    return rows | counts, oracle


def write_day(folder: Path, state: SimulationState, seed: int) -> tuple[int, int, int]:
    """Write a day and remember it; the rows of its impressions, clicks and plays."""
    shown, frames, day = 0, [], state.popularity.day
    for devices, rng in draw_devices(state.users, day, seed):
        slates, clicks, watched = simulate_day(state, devices, rng)
        copies = writer.copy_shown(slates, clicks, rng)
        shown += writer.write_slates(folder / schema.show_path(day), state, slates, copies)
        frames.append(writer.frame_clicks(state, slates, clicks, watched, rng))
        record_impressions(state.history, slates.row_device, slates.position, slates.video)
        record_clicks(state.catalogue, state.history, watched)
    return shown, *writer.write_clicks(folder, day, pl.concat(frames))


def draw_devices(users: Users, day: int, seed: int) -> Iterator[tuple[Ints, np.random.Generator]]:
    """The devices that get a slate on a day, at most ``PART`` at once, and a generator for each part."""
    devices = list_active(users, day, seed)
    for number, start in enumerate(range(0, len(devices), PART)):
        yield devices[start : start + PART], np.random.default_rng([31, seed, day, number])


def simulate_day(state: SimulationState, devices: Ints, rng: np.random.Generator) -> tuple[Slates, Clicks, Watched]:
    """A day of some devices: what they are shown, click and play, and what they will remember of it."""
    catalogue = state.catalogue
    slates = draw_slates(state, devices, rng)
    clicks = draw_clicks(state, slates, rng)
    device, video = slates.row_device[clicks.row], slates.video[clicks.row]
    weights = part_weights(state, device, video, slates.next[clicks.row])
    completion = draw_completion(weights, find_forms(catalogue, video), rng)
    play = writer.log_plays(completion, catalogue.videos.duration[video], rng)
    return slates, clicks, Watched(device, video, clicks.rank, completion, play, rng.random(len(video)))


def write_test_day(folder: Path, state: SimulationState, seed: int) -> tuple[dict[str, int], Oracle]:
    """Write the slates of the test day and the truth; the rows of the files, and the oracle."""
    rows, scores = {"asked": 0, "shown": 0, "truth": 0}, []
    for devices, rng in draw_devices(state.users, TEST_DAY, seed):
        slates, clicks, watched = simulate_day(state, devices, rng)
        # First clicks come by slate, ascending.
        first = np.flatnonzero(clicks.rank == 0)
        first = first[rng.random(len(first)) < TEST_SHARE]
        given = rng.random(len(first)) >= UNSHOWN
        rows["asked"] += len(first)
        rows["shown"] += writer.write_test(folder, state, slates, slates.owner[clicks.row[first]], given, rng)
        video = watched.video[first]
        completion = watched.play[first] / state.catalogue.videos.duration[video]
        known = has_duration(state, video) & (completion > 0)
        row, given, completion = clicks.row[first[known]], given[known], completion[known]
        truth = writer.pair_rows(state, slates.row_device[row], slates.video[row])
        append_csv(folder / TRUTH, truth.with_columns(completion_rate=pl.Series(completion)))
        rows["truth"] += len(row)
        scores.append(score_slates(state, slates, clicks, TruthRows(slates.owner[row], row, completion, given)))
    return rows, summarise_scores(scores)
