"""Write raw files of any size in the host's layout, with the truth of the day asked about and the best score possible.

    python -m competitions simulate mgtv --out build/mgtv/simulated --scale 0.02 --seed 1

What is planted, and can be told from the days before: the programmes and how popular their videos are (``catalogue``),
what devices like, follow and remember (``audience``), what they are shown and in which order (``showing``), what they
click (``clicking``), how much of it they watch (``watching``), what profiles and comments say of it (``survey``,
``chatter``).
Every click and play is drawn from a law that the oracle knows, so the ceiling is known. Devices do not influence each
other, so they are simulated in parts, day by day, and memory does not grow with the log.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from common.datasets.simulated import REPORT, written_at_once
from common.errors import UserError
from common.pipeline.progress import track
from competitions.mgtv.io import schema
from competitions.mgtv.simulator.calibration import describe
from competitions.mgtv.simulator.catalogue import make_catalogue, open_day
from competitions.mgtv.simulator.click_model import draw_clicks
from competitions.mgtv.simulator.comments import write_comments
from competitions.mgtv.simulator.constants import DAYS, TEST_DAY, Ints, Sizes, measure
from competitions.mgtv.simulator.oracle import Asked, Oracle, Verdict, has_duration, judge, summarise
from competitions.mgtv.simulator.profiles import write_profiles
from competitions.mgtv.simulator.slates import Scene, make_lists
from competitions.mgtv.simulator.users import (
    Watched,
    begin,
    list_active,
    make_audience,
    remember_clicks,
    remember_shown,
)
from competitions.mgtv.simulator.watch_time_model import draw_completion, find_forms, part_weights
from competitions.mgtv.simulator.writer import DayFiles, Part, QuestionFiles, log_plays, write_videos

__all__ = ["Oracle", "Simulation", "describe", "simulate"]

VERSION = 1  # goes up when the same scale and seed give other files
TRUTH = "truth.csv"
OURS = {
    *(Path(path).parts[0] for path in (schema.SHOWS, schema.CLICKS, schema.PLAYS, schema.VIDEOS, schema.PROFILES)),
    *(Path(path.format(board="A")).parts[0] for path in (schema.COMMENTS, schema.ASKED, schema.SHOWN)),
    TRUTH,
    REPORT,
}
PART = 50_000  # devices simulated at once
ASKED_SHARE, UNSHOWN = 0.4, 0.005  # of the clickers of the day asked about; of the asked, without shown rows


@dataclass(frozen=True)
class Simulation:
    """A finished simulation: its folder, the rows of the files, the oracle's scores."""

    folder: Path
    truth: Path
    scale: float
    seed: int
    rows: dict[str, int]
    oracle: Oracle


def simulate(out: Path, scale: float, seed: int) -> Simulation:
    """Simulate into ``out``, replacing only an earlier simulation there; the same arguments give the same bytes.

    Raises ``UserError`` for a scale or seed out of range, and for a folder that holds other files or cannot be written.
    """
    sizes = measure(scale)
    if seed < 0:
        raise UserError(f"The seed is {seed}; give an integer of 0 or more.")
    with written_at_once(out, OURS) as folder:
        rows, oracle = _write_all(folder, sizes, seed)
        report = {"version": VERSION, "scale": scale, "seed": seed, "rows": rows, "oracle": asdict(oracle)}
        (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return Simulation(out, out / TRUTH, scale, seed, rows, oracle)


def _write_all(folder: Path, sizes: Sizes, seed: int) -> tuple[dict[str, int], Oracle]:
    catalogue, audience = make_catalogue(sizes, seed), make_audience(sizes.devices, seed)
    rows = {
        "devices": sizes.devices,
        "videos": write_videos(folder, catalogue, seed),
        "collections": sizes.collections,
        "profiles": write_profiles(folder, audience, seed),
        "comments": write_comments(folder, catalogue, sizes.comments, seed),
        "impressions": 0,
        "clicks": 0,
        "plays": 0,
    }
    memory = begin(catalogue, audience, seed)
    for day in track(range(1, DAYS + 1), "Simulating days"):
        scene = Scene(catalogue, audience, memory, open_day(catalogue, day))
        files = DayFiles(folder, day, audience.did, catalogue)
        for number, devices in enumerate(list_parts(list_active(audience, day, seed))):
            rng = np.random.default_rng([31, seed, day, number])
            part, watched = live(scene, devices, rng)
            files.add(part, rng)
            remember_shown(memory, part.lists.row_device, part.lists.position, part.lists.video)
            remember_clicks(catalogue, memory, watched)
        for name, count in files.close().items():
            rows[name] += count
    scene = Scene(catalogue, audience, memory, open_day(catalogue, TEST_DAY))
    questions = QuestionFiles(folder, audience.did, catalogue)
    verdicts = []
    for number, devices in enumerate(list_parts(list_active(audience, TEST_DAY, seed))):
        verdicts += ask(scene, devices, questions, np.random.default_rng([31, seed, TEST_DAY, number]))
    return rows | questions.rows, summarise(verdicts)


def list_parts(devices: Ints) -> list[Ints]:
    """Runs of at most ``PART`` devices."""
    return [devices[start : start + PART] for start in range(0, len(devices), PART)]


def live(scene: Scene, devices: Ints, rng: np.random.Generator) -> tuple[Part, Watched]:
    """A day of some devices: what they are shown, click and play, and what they will remember of it."""
    catalogue = scene.catalogue
    lists = make_lists(scene, devices, rng)
    clicks = draw_clicks(scene, lists, rng)
    device, video = lists.row_device[clicks.row], lists.video[clicks.row]
    weights = part_weights(scene, device, video, lists.next[clicks.row])
    completion = draw_completion(weights, find_forms(catalogue, video), rng)
    part = Part(lists, clicks, log_plays(completion, catalogue.videos.duration[video], rng))
    return part, Watched(device, video, clicks.place, completion, rng.random(len(video)))


def ask(scene: Scene, devices: Ints, files: QuestionFiles, rng: np.random.Generator) -> list[Verdict]:
    """The day asked about for some devices: write questions and truth; what the oracle makes of them, if any."""
    part, _ = live(scene, devices, rng)
    lists, clicks = part.lists, part.clicks
    # First clicks come by list, ascending.
    first = np.flatnonzero(clicks.place == 0)
    first = first[rng.random(len(first)) < ASKED_SHARE]
    given = rng.random(len(first)) >= UNSHOWN
    files.add(lists, lists.owner[clicks.row[first]], given, rng)
    completion = part.play[first] / scene.catalogue.videos.duration[part.video[first]]
    true = has_duration(scene, part.video[first]) & (completion > 0)
    first, given, completion = first[true], given[true], completion[true]
    row = clicks.row[first]
    files.add_truth(files.folder / TRUTH, lists.row_device[row], lists.video[row], completion)
    if not len(row):
        return []
    return [judge(scene, lists, clicks, Asked(lists.owner[row], row, completion, given))]
