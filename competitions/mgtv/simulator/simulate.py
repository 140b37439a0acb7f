"""Write raw files of any size in the host's layout, with the labels of the test day and the best score possible.

    python -m competitions simulate mgtv --out build/mgtv/simulated --scale 0.02 --seed 1

A module says each part of it: ``catalogue``, ``users``, ``slates``, ``click_model``, ``watch_time_model``,
``profiles``, ``comments``. Every click and play is drawn from a distribution that the oracle knows. Devices do not
influence each other: they are simulated in parts, day by day, so that memory does not grow with the log.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.arrays import Ints
from common.day.hosts import TRUTH
from common.engine.progress import track
from common.simulation.oracle import Oracle
from common.simulation.writer import Simulation, check_request, write_simulation
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.catalogue import make_catalogue, rate_day
from competitions.mgtv.simulator.click_model import draw_clicks
from competitions.mgtv.simulator.comments import write_comments
from competitions.mgtv.simulator.constants import DAYS, TEST_DAY, Sizes, measure_sizes
from competitions.mgtv.simulator.oracle import OracleScores, TruthRows, has_duration, score_slates, summarise_scores
from competitions.mgtv.simulator.profiles import write_profiles
from competitions.mgtv.simulator.slates import SimulationState, draw_slates
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
from competitions.mgtv.simulator.writer import DayFiles, DayPart, TestFiles, log_plays, write_videos

VERSION = 2  # goes up when the same scale and seed give other files
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
        "videos": write_videos(folder, catalogue, seed),
        "collections": sizes.collections,
        "profiles": write_profiles(folder, users, seed),
        "comments": write_comments(folder, catalogue, sizes.comments, seed),
        "impressions": 0,
        "clicks": 0,
        "plays": 0,
    }
    history = init_history(catalogue, users, seed)
    for day in track(range(1, DAYS + 1), "Simulating days"):
        state = SimulationState(catalogue, users, history, rate_day(catalogue, day))
        files = DayFiles(folder, day, users.did, catalogue)
        for devices, rng in draw_devices(users, day, seed):
            part = simulate_day(state, devices, rng)
            files.add(part, rng)
            record_impressions(history, part.slates.row_device, part.slates.position, part.slates.video)
            record_clicks(catalogue, history, part.watched)
        for name, count in files.close().items():
            rows[name] += count
    state = SimulationState(catalogue, users, history, rate_day(catalogue, TEST_DAY))
    files_of_test = TestFiles(folder, users.did, catalogue)
    scores = []
    for devices, rng in draw_devices(users, TEST_DAY, seed):
        scores += simulate_test_day(state, devices, files_of_test, rng)
    return rows | files_of_test.rows, summarise_scores(scores)


def draw_devices(users: Users, day: int, seed: int) -> Iterator[tuple[Ints, np.random.Generator]]:
    """The devices that get a slate on a day, at most ``PART`` at once, and a generator for each part."""
    devices = list_active(users, day, seed)
    for number, start in enumerate(range(0, len(devices), PART)):
        yield devices[start : start + PART], np.random.default_rng([31, seed, day, number])


def simulate_day(state: SimulationState, devices: Ints, rng: np.random.Generator) -> DayPart:
    """A day of some devices: what they are shown, click and play, and what they will remember of it."""
    catalogue = state.catalogue
    slates = draw_slates(state, devices, rng)
    clicks = draw_clicks(state, slates, rng)
    device, video = slates.row_device[clicks.row], slates.video[clicks.row]
    weights = part_weights(state, device, video, slates.next[clicks.row])
    completion = draw_completion(weights, find_forms(catalogue, video), rng)
    play = log_plays(completion, catalogue.videos.duration[video], rng)
    return DayPart(slates, clicks, Watched(device, video, clicks.rank, completion, rng.random(len(video))), play)


def simulate_test_day(
    state: SimulationState, devices: Ints, files: TestFiles, rng: np.random.Generator
) -> list[OracleScores]:
    """The test day of some devices: write slates and labels; what the oracle scores on them, if there are any."""
    part = simulate_day(state, devices, rng)
    slates, clicks, video = part.slates, part.clicks, part.watched.video
    # First clicks come by slate, ascending.
    first = np.flatnonzero(clicks.rank == 0)
    first = first[rng.random(len(first)) < TEST_SHARE]
    given = rng.random(len(first)) >= UNSHOWN
    files.add(slates, slates.owner[clicks.row[first]], given, rng)
    completion = part.play[first] / state.catalogue.videos.duration[video[first]]
    known = has_duration(state, video[first]) & (completion > 0)
    first, given, completion = first[known], given[known], completion[known]
    row = clicks.row[first]
    files.add_truth(files.folder / TRUTH, slates.row_device[row], slates.video[row], completion)
    if not len(row):
        return []
    return [score_slates(state, slates, clicks, TruthRows(slates.owner[row], row, completion, given))]
