"""Export a finished run as one stored value that ``service.py`` ranks searches from."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.day.serving.benchmark import Answer, Export, Variant, spread
from common.engine.result_store import write_value
from common.engine.run import Run
from common.io.tables import read_parquet
from competitions.flight import pipeline
from competitions.flight.config import FlightConfig
from competitions.flight.day import service
from competitions.flight.day.service import FlightService
from competitions.flight.features.booking_history import History
from competitions.flight.io.reader import RawFiles, Searches
from competitions.flight.pipeline import Outcome

DESCRIPTION = {
    "request": "a search with all of its options, as the reader codes them -> its options, best first",
    "computed at export": "lifts and preferences of earlier bookings, by traveller, company, route and carrier",
    "computed in the request": "the rows of these tables under the search's keys, all features, models, blend",
    "left out": "parsing the host's columns, network",
    "score": "the run's own, of its validation sessions",
}


def export(files: RawFiles, config: FlightConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test."""
    outcome = pipeline.solve(files, config, run)
    test, score = outcome.test.value, outcome.measured.value[-1]
    chosen = take_searches(test, spread(test.sessions.height, requests))
    write_value(folder / "export", gather(outcome))
    write_value(folder / "requests", chosen)
    expected = list_expected(chosen, read_parquet(outcome.checked[0].path)["selected"])
    variants = [Variant("the run", "whole", score["hit_rate@3"], score["error"])]
    return Export(service.__name__, folder / "export", folder / "requests", variants, expected, DESCRIPTION)


def gather(outcome: Outcome) -> FlightService:
    """What a service of a run needs."""
    latest = int(outcome.snapshots.value.assigned["snapshot"].max())  # type: ignore[arg-type]
    history, blend = take_snapshot(outcome.history.value, latest), outcome.blend.value
    rankers = [ranker.value for ranker in outcome.final_rankers]
    return FlightService(history, latest, rankers, blend, outcome.choice.features.blocks)


def take_snapshot(history: History, snapshot: int) -> History:
    """The tables of one snapshot, which stay sorted by their keys."""
    lifts, preferences = (
        {name: table.filter(snapshot=snapshot) for name, table in tables.items()}
        for tables in (history.lifts, history.preferences)
    )
    return History(lifts, preferences)


def take_searches(searches: Searches, chosen: NDArray[np.int64]) -> Searches:
    """Some searches, one after the other."""
    sessions = searches.sessions[chosen]
    kept = searches.options["session"].is_in(sessions["session"].implode())
    return Searches(sessions, searches.options.filter(kept))


def list_expected(searches: Searches, ranks: pl.Series) -> list[Answer]:
    """The submission's own order of the options of some searches; ``ranks`` by row of the file."""
    own = ranks.gather(searches.options["row"]).to_numpy()
    lists = np.split(own, np.cumsum(searches.sessions["size"].to_numpy())[:-1])
    return [[float(position) for position in np.argsort(one, kind="stable")] for one in lists]
