"""Write raw files of any size in either of the host's layouts, with the truth and the best score possible.

    python -m competitions simulate tencent --out build/tencent/simulated --scale 0.01 --seed 1

What is planted, and can be told from the histories: topics that come and go (``world``), ads that are born and die,
known by what they are about (``ads``, ``content``), users with interests (``people``, ``profiles``), what they are
shown and click (``browsing``). What each clicks first after the reference time is drawn from a law that the oracle
knows (``asking``, ``oracle``), so the ceiling is known. Users do not influence each other and are simulated lot by lot.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from common.datasets.simulated import REPORT, written_at_once
from common.errors import UserError
from common.pipeline.progress import running, track
from competitions.tencent.io import schema
from competitions.tencent.io.schema import TRUTH
from competitions.tencent.simulator import oracle
from competitions.tencent.simulator.ad_features import describe_ads, find_place, make_embedder
from competitions.tencent.simulator.ad_inventory import open_market
from competitions.tencent.simulator.ads import make_ads
from competitions.tencent.simulator.calibration import describe
from competitions.tencent.simulator.click_model import Scene, State, browse, take
from competitions.tencent.simulator.ground_truth import choose_candidates, draw_truth
from competitions.tencent.simulator.id_assignment import Numbers, list_ads, number_ads
from competitions.tencent.simulator.jsonl_writer import write_competition
from competitions.tencent.simulator.oracle import Oracle
from competitions.tencent.simulator.topics import DAY, REFERENCE, Codes, Ints, Sizes, make_topics, measure
from competitions.tencent.simulator.user_features import describe_people
from competitions.tencent.simulator.users import People, make_people
from competitions.tencent.simulator.writer import Lot, embed_ads, name_users, write_indexer, write_release, write_truth

__all__ = ["LAYOUTS", "TRUTH", "Oracle", "Simulation", "describe", "simulate"]

VERSION = 1  # goes up when the same scale and seed give other files
LAYOUTS = ("release", "competition")
OURS = {
    schema.RELEASE_SEQUENCES,
    schema.RELEASE_ITEMS,
    schema.RELEASE_USERS,
    schema.RELEASE_CANDIDATES,
    schema.RELEASE_EMBEDDINGS,
    schema.INDEXER,
    schema.TRAIN,
    schema.EVAL,
    TRUTH,
    REPORT,
}
LOT = 20_000  # users simulated at once
JUDGED = 2_000  # users with a truth whom the oracle answers where a world has more than ``ALL_JUDGED``
ALL_JUDGED = 20_000


@dataclass(frozen=True)
class Simulation:
    """A finished simulation: its folder, how much is in the files, the oracle's scores."""

    folder: Path
    truth: Path
    scale: float
    seed: int
    layout: str
    rows: dict[str, int]
    oracle: Oracle


@dataclass(frozen=True)
class Crowd:
    """A lot of users after their histories."""

    start: int
    people: People
    past: Codes
    state: State


def simulate(folder: Path, scale: float, seed: int, layout: str = "release") -> Simulation:
    """Simulate into ``folder``, replacing only an earlier simulation; the same arguments give the same bytes.

    Both layouts of one scale and seed hold the same data. Raises ``UserError`` for a scale, seed or layout out of
    range, and for a folder that holds other files or cannot be written.
    """
    sizes = measure(scale)
    if seed < 0:
        raise UserError(f"The seed is {seed}; give an integer of 0 or more.")
    if layout not in LAYOUTS:
        raise UserError(f"There is no layout {layout!r}; say {' or '.join(LAYOUTS)}.")
    with written_at_once(folder, OURS) as partial:
        rows, verdict = _write_all(partial, sizes, scale, seed, layout)
        report = {"version": VERSION, "scale": scale, "seed": seed, "layout": layout, "reference_time": REFERENCE}
        report["horizon_hours"] = DAY // 3600
        report |= {"rows": rows, "oracle": asdict(verdict)}
        (partial / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return Simulation(folder, folder / TRUTH, scale, seed, layout, rows, verdict)


def _write_all(folder: Path, sizes: Sizes, scale: float, seed: int, layout: str) -> tuple[dict[str, int], Oracle]:
    topics = make_topics(seed)
    market = open_market(make_ads(topics, sizes, scale, seed))
    scene = Scene(topics, market, seed)
    starts = range(0, sizes.users, LOT)
    crowds = [gather_crowd(scene, start, min(LOT, sizes.users - start)) for start in track(starts, "Simulating users")]
    shown = count_shown(crowds, len(market.ads))
    candidates = choose_candidates(market, shown > 0, sizes.candidates, np.random.default_rng([71, seed]))
    truth = ask(scene, crowds, candidates)
    with running("Asking the oracle"):
        verdict = answer(scene, crowds, candidates, truth, shown)
    ads, known = list_ads(shown, candidates, seed)
    numbers = number_ads(ads, known, candidates, describe_ads(topics, market.ads, ads, seed), len(market.ads), seed)
    names = name_users(sizes.users, seed)
    with running("Writing the files"):
        write_files(folder, scene, crowds, numbers, shown, names, layout)
        truths = write_truth(folder / TRUTH, numbers, names, truth)
    rows = {
        "users": sizes.users,
        "events": int(shown.sum()),
        "items": known,
        "candidates": len(candidates),
        "unseen candidates": len(ads) - known,
        "truth": truths,
    }
    return rows, verdict


def gather_crowd(scene: Scene, start: int, count: int) -> Crowd:
    """The users from ``start`` on, and what they have been shown."""
    people = make_people(scene.topics, count, scene.seed, start)
    past, state = browse(scene, people, np.random.default_rng([72, scene.seed, start]))
    return Crowd(start, people, past, state)


def count_shown(crowds: list[Crowd], ads: int) -> Ints:
    """Events of each ad before the reference time."""
    shown = np.zeros(ads, np.int64)
    for crowd in crowds:
        shown += np.bincount(crowd.past[crowd.past >= 0], minlength=ads)
    return shown


def ask(scene: Scene, crowds: list[Crowd], candidates: Ints) -> Ints:
    """The ad that each user clicks first after the reference time, -1 for none."""
    allowed = np.zeros(len(scene.market.ads), bool)
    allowed[candidates] = True
    truth = [
        draw_truth(
            scene, crowd.people, crowd.state, crowd.past, allowed, np.random.default_rng([73, scene.seed, crowd.start])
        )
        for crowd in crowds
    ]
    return np.concatenate(truth)


def answer(scene: Scene, crowds: list[Crowd], candidates: Ints, truth: Ints, shown: Ints) -> Oracle:
    """What the oracle scores, on all users with a truth, or on ``JUDGED`` of many."""
    users = np.flatnonzero(truth >= 0)
    if len(users) > ALL_JUDGED:
        users = np.sort(np.random.default_rng([74, scene.seed]).choice(users, JUDGED, replace=False))
    question = oracle.pose(scene, candidates)
    verdicts = []
    for crowd in crowds:
        rows = users[(users >= crowd.start) & (users < crowd.start + len(crowd.people))] - crowd.start
        if len(rows):
            of_them = (take(crowd.state, rows), crowd.people.taste[rows], crowd.past[rows], truth[crowd.start + rows])
            verdicts.append(oracle.judge(scene, question, *of_them, shown > 0))
    return oracle.summarise(oracle.merge(verdicts))


def write_files(
    folder: Path, scene: Scene, crowds: list[Crowd], numbers: Numbers, shown: Ints, names: list[str], layout_name: str
) -> None:
    """Write everything but the truth."""

    def lots() -> Iterator[Lot]:
        for crowd in crowds:
            profile = describe_people(crowd.people, scene.seed, crowd.start)
            yield Lot(crowd.start, crowd.people, crowd.past, profile)

    embed = make_embedder(scene.seed)
    embedded = embed_ads(numbers, shown, lambda ads: find_place(scene.topics, scene.market.ads, ads), embed, scene.seed)
    if layout_name == "release":
        write_release(folder, numbers, lots, embedded)
        write_indexer(folder / schema.INDEXER, numbers, names, scene.seed)
        return
    write_competition(folder, numbers, lots, embedded, scene.seed)
    for place in (schema.TRAIN, schema.EVAL):
        write_indexer(folder / place / schema.INDEXER, numbers, names, scene.seed)
