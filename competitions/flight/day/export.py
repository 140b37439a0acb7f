"""A finished run as files that ``service.py`` ranks searches from, and what smaller variants of it score."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.serving.benchmark import Answer, Export, Variant, cut_trees, judge_variants, spread
from common.day.serving.feature_tables import write_struct, write_table
from common.day.serving.model_files import write_variants
from common.engine.run import Run
from common.io.tables import read_parquet
from competitions.flight import pipeline
from competitions.flight.config import FlightConfig
from competitions.flight.day import service
from competitions.flight.features.booking_history import History
from competitions.flight.io.reader import RawFiles, Searches
from competitions.flight.metrics import CUTOFF, LARGE
from competitions.flight.pipeline import Outcome
from competitions.flight.ranking.rankers import BASELINE_BLOCKS

DESCRIPTION = {
    "request": "a search with all of its options, as the reader codes them -> its options, best first",
    "computed at export": "lifts and preferences of earlier bookings, by traveller, company, route and carrier",
    "computed in the request": "the rows of these tables under the search's keys, all features, models, blend",
    "left out": "parsing the host's columns, network",
}


def export(files: RawFiles, config: FlightConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test.

    The variants are judged by HitRate@3 on the last fold's sessions that would be scored: that fold's fits, exported in
    the same way, rank them.
    """
    outcome, prepared = pipeline.solve(files, config, run), pipeline.prepare(files, config, run)
    variants, test, train = list_variants(outcome, config), outcome.test.value, outcome.train.value
    write_history(outcome.history.value, 0, folder / "export")
    write_variants([ranker.value for ranker in outcome.final_rankers], variants, folder / "export")
    chosen = spread(test.sessions.height, requests)
    write_requests(test, chosen, folder / "requests")
    fold = outcome.split.value.folds[-1]
    valid = fold.roles.filter(role="valid").join(train.sessions, on="session", maintain_order="left")
    valid = valid.filter(pl.col("size") > LARGE)
    snapshot = int(fold.snapshots.assigned.filter(session=valid["session"][0])["snapshot"][0])

    def write(exported: Path, searches: Path) -> None:
        write_history(prepared.histories.value.folds[-1], snapshot, exported)
        write_variants([cross.value.rankers[-1] for cross in outcome.crosses], variants, exported)
        write_requests(train, valid["session"].to_numpy().astype(np.int64), searches)

    def score(answers: list[Answer]) -> NDArray[np.float64]:
        pairs = zip(valid["booked"].to_list(), answers, strict=True)
        return np.array([float(booked in ranked[:CUTOFF]) for booked, ranked in pairs])

    judged = judge_variants(service, variants, write, score)
    expected = list_expected(test, chosen, read_parquet(outcome.checked[0].path)["selected"])
    return Export(service.__name__, folder / "export", folder / "requests", judged, expected, DESCRIPTION)


def list_variants(outcome: Outcome, config: FlightConfig) -> list[Variant]:
    """The run's own blend, fewer trees of it, its best model alone, and the baseline if fitted."""
    temperatures, weights = outcome.blend.value.temperatures, outcome.blend.value.weights
    blocks, names, count = outcome.choice.features.blocks, outcome.names, len(temperatures)
    mixture = service.Mixture(blocks=blocks, temperatures=temperatures, weights=weights)
    alone = service.Mixture(blocks=blocks, temperatures=(1.0,), weights=(1.0,))
    rates = [scores["hit_rate@3"] for scores in outcome.measured.value[:count]]
    best, title = rates.index(max(rates)), f"{count} models" if count > 1 else names[0]
    whole = Variant(f"{title}, as chosen", "whole", rankers=tuple(range(count)), blend=mixture)
    one = Variant(f"{names[best]} alone", "one", rankers=(best,), blend=alone)
    variants = [
        whole,
        *(cut_trees(whole, title, {"half": 0.5, "quarter": 0.25}) if count > 1 else []),
        one,
        *cut_trees(one, names[best], {"one-half": 0.5}),
    ]
    if config.baseline.fit:
        first = service.Mixture(blocks=BASELINE_BLOCKS, temperatures=(1.0,), weights=(1.0,))
        variants.append(Variant("baseline, no history", "baseline", rankers=(count,), blend=first))
    return variants


def write_history(history: History, snapshot: int, folder: Path) -> None:
    """Write the tables of one snapshot."""
    for kind, frames in {"lifts": history.lifts, "tastes": history.preferences}.items():
        for name, frame in frames.items():
            table = frame.filter(snapshot=snapshot)
            write_table(table, service.table_path(folder, kind, name), service.TABLES[kind].get(name))
    write_struct(service.Settings(snapshot=snapshot), folder / service.SETTINGS)


def write_requests(searches: Searches, chosen: NDArray[np.int64], folder: Path) -> None:
    """Write some searches for ``service.read_requests``."""
    sessions = searches.sessions[chosen]
    write_table(sessions, folder / service.SESSIONS)
    kept = searches.options["session"].is_in(sessions["session"].implode())
    write_table(searches.options.filter(kept), folder / service.OPTIONS)


def list_expected(test: Searches, chosen: NDArray[np.int64], ranks: pl.Series) -> list[Answer]:
    """The submission's own order of the options of some searches; ``ranks`` by row of the file."""
    by_option = ranks.gather(test.options["row"]).to_numpy()
    firsts, sizes = test.sessions["first"].to_numpy()[chosen], test.sessions["size"].to_numpy()[chosen]
    lists = [by_option[first : first + size] for first, size in zip(firsts.tolist(), sizes.tolist(), strict=True)]
    return [[float(position) for position in np.argsort(one, kind="stable")] for one in lists]
