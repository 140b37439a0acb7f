"""A finished run as files that ``service.py`` ranks searches from, and what smaller variants of it score."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.serving.benchmark import Answer, Export, Variant, answer_all, spread
from common.day.serving.feature_tables import write_struct, write_table
from common.day.serving.model_files import write_models
from common.engine.run import Run
from common.learning.gbdt import Ranker
from competitions.flight import pipeline
from competitions.flight.config import FlightConfig
from competitions.flight.day import service
from competitions.flight.features.booking_history import History
from competitions.flight.io.reader import RawFiles, Searches
from competitions.flight.metrics import CUTOFF, LARGE
from competitions.flight.pipeline import Outcome
from competitions.flight.ranking.rankers import BASELINE_BLOCKS
from competitions.flight.ranking.training_data import Histories

MODULE = "competitions.flight.day.service"
DESCRIPTION = {
    "request": "a search with all of its options, as the reader codes them -> its options, best first",
    "computed at export": "lifts and preferences of earlier bookings, by traveller, company, route and carrier",
    "computed in the request": "the rows of these tables under the search's keys, all features, models, blend",
    "left out": "parsing the host's columns, network",
}


@dataclass(frozen=True)
class Artifacts:
    """What can be served: rankers in the order of the run, and the history of one snapshot."""

    rankers: Sequence[Ranker]
    history: History
    snapshot: int


@dataclass(frozen=True)
class Variation:
    """A variant: the indices of its ``rankers``, the ``share`` of their trees that is kept, how they are mixed."""

    name: str
    folder: str
    rankers: tuple[int, ...]
    share: float
    mixture: service.Mixture


def export(files: RawFiles, config: FlightConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test.

    The variants are measured as the run measures its models: the early fits, exported in the same way to a folder that
    does not stay, rank the validation sessions.
    """
    outcome, prepared = pipeline.solve(files, config, run), pipeline.prepare(files, config, run)
    plans = list_plans(outcome, config)
    artifacts = Artifacts([ranker.value for ranker in outcome.final_rankers], outcome.history.value, 0)
    write_artifacts(artifacts, plans, folder / "export")
    test = outcome.test.value
    chosen = spread(test.sessions.height, requests)
    write_requests(test, chosen, folder / "requests")
    variants = measure_variants(outcome, prepared.histories.value, plans)
    ranks = pl.read_parquet(outcome.checked[0].path)["selected"]
    expected = list_expected(test, chosen, ranks)
    return Export(MODULE, folder / "export", folder / "requests", variants, expected, DESCRIPTION)


def list_plans(outcome: Outcome, config: FlightConfig) -> list[Variation]:
    """The run's own blend, fewer trees of it, its best model alone, and the baseline if fitted."""
    temperatures = outcome.blend.value.temperatures
    blocks, names, count = outcome.choice.features.blocks, outcome.names, len(temperatures)
    whole = service.Mixture(blocks=blocks, temperatures=temperatures)
    one = service.Mixture(blocks=blocks, temperatures=(1.0,))
    every = tuple(range(count))
    title = f"{count} models, as chosen" if count > 1 else f"{names[0]}, as chosen"
    plans = [Variation(title, "whole", every, 1.0, whole)]
    if count > 1:
        plans += [
            Variation(f"{count} models, half of the trees", "half", every, 0.5, whole),
            Variation(f"{count} models, a quarter", "quarter", every, 0.25, whole),
        ]
    rates = [scores["hit_rate@3"] for scores in outcome.measured.value[:count]]
    best = rates.index(max(rates))
    plans.append(Variation(f"{names[best]} alone", "one", (best,), 1.0, one))
    plans.append(Variation(f"{names[best]}, half of the trees", "one-half", (best,), 0.5, one))
    if config.baseline.fit:
        alone = service.Mixture(blocks=BASELINE_BLOCKS, temperatures=(1.0,))
        plans.append(Variation("baseline, no history", "baseline", (count,), 1.0, alone))
    return plans


def write_artifacts(artifacts: Artifacts, plans: Sequence[Variation], folder: Path) -> None:
    """Write the tables of the snapshot, and each variant's models."""
    history = artifacts.history
    for kind, frames in {"lifts": history.lifts, "tastes": history.preferences}.items():
        for name, frame in frames.items():
            table = frame.filter(snapshot=artifacts.snapshot)
            write_table(table, service.table_path(folder, kind, name), service.TABLES[kind].get(name))
    write_struct(service.Settings(snapshot=artifacts.snapshot), folder / service.SETTINGS)
    for plan in plans:
        write_models([artifacts.rankers[index] for index in plan.rankers], folder / plan.folder, plan.share)
        write_struct(plan.mixture, folder / plan.folder / service.BLEND)


def write_requests(searches: Searches, chosen: NDArray[np.int64], folder: Path) -> None:
    """Write some searches for ``service.read_requests``."""
    sessions = searches.sessions[chosen]
    write_table(sessions, folder / service.SESSIONS)
    kept = searches.options["session"].is_in(sessions["session"].implode())
    write_table(searches.options.filter(kept), folder / service.OPTIONS)


def measure_variants(outcome: Outcome, histories: Histories, plans: Sequence[Variation]) -> list[Variant]:
    """Each variant's HitRate@3 on the last fold's sessions that would be scored, from that fold's fits served."""
    fold, train = outcome.split.value.folds[-1], outcome.train.value
    valid = fold.roles.filter(role="valid").join(train.sessions, on="session", maintain_order="left")
    valid = valid.filter(pl.col("size") > LARGE)
    snapshot = int(fold.snapshots.assigned.filter(session=valid["session"][0])["snapshot"][0])
    artifacts = Artifacts([cross.value.rankers[-1] for cross in outcome.crosses], histories.folds[-1], snapshot)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_artifacts(artifacts, plans, folder / "export")
        write_requests(train, valid["session"].to_numpy().astype(np.int64), folder / "requests")
        requests = service.read_requests(folder / "requests")
        answers = [answer_all(service.load(folder / "export", plan.folder), requests) for plan in plans]
    booked = valid["booked"].to_list()
    variants = []
    for plan, lists in zip(plans, answers, strict=True):
        hits = np.array([position in ranked[:CUTOFF] for position, ranked in zip(booked, lists, strict=True)])
        variants.append(Variant(plan.name, plan.folder, float(hits.mean()), float(hits.std() / len(hits) ** 0.5)))
    return variants


def list_expected(test: Searches, chosen: NDArray[np.int64], ranks: pl.Series) -> list[Answer]:
    """The submission's own order of the options of some searches; ``ranks`` by row of the file."""
    by_option = ranks.gather(test.options["row"]).to_numpy()
    firsts, sizes = test.sessions["first"].to_numpy()[chosen], test.sessions["size"].to_numpy()[chosen]
    lists = [by_option[first : first + size] for first, size in zip(firsts.tolist(), sizes.tolist(), strict=True)]
    return [[float(position) for position in np.argsort(one, kind="stable")] for one in lists]
