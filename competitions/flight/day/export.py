"""Export a finished run as a service, and requests of the test with the answers of its submission."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl

from common.day.serving.service import Answer, Export, spread
from common.engine.run import Run
from common.io.tables import read_parquet
from competitions.flight import pipeline
from competitions.flight.config import FlightConfig
from competitions.flight.day.service import FlightService
from competitions.flight.features.booking_history import History
from competitions.flight.io.encoding import learn_codes
from competitions.flight.io.parquet import open_source
from competitions.flight.io.reader import Codes, RawFiles
from competitions.flight.pipeline import Outcome


def export(files: RawFiles, config: FlightConfig, run: Run, requests: int) -> Export:
    """The final fits, with so many ``requests`` of the test."""
    outcome = pipeline.solve(files, config, run)
    sessions, score = outcome.test.value.sessions["ranker_id"], outcome.measured.value[-1]
    chosen = sessions[spread(len(sessions), requests)]
    service = gather(outcome, run.step(learn_codes, files.train).value)
    expected = list_expected(outcome.checked[0].path, chosen)
    return Export(
        {"no vectors": service}, list(list_bodies(files.test, chosen)), expected, (score["hit_rate@3"], score["error"])
    )


def gather(outcome: Outcome, codes: Codes) -> FlightService:
    """What a service of a run needs."""
    latest, until = outcome.snapshots.value.assigned.sort("snapshot").select("snapshot", "until").row(-1)
    history, blend = take_snapshot(outcome.history.value, latest), outcome.blend.value
    rankers = [ranker.value for ranker in outcome.final_rankers]
    return FlightService(history, latest, until, rankers, blend, outcome.choice.features.blocks, codes)


def take_snapshot(history: History, snapshot: int) -> History:
    """The tables of one snapshot, which stay sorted by their keys."""
    lifts, preferences = (
        {name: table.filter(snapshot=snapshot) for name, table in tables.items()}
        for tables in (history.lifts, history.preferences)
    )
    return History(lifts, preferences)


def list_bodies(test: Path, sessions: pl.Series) -> Iterator[bytes]:
    """The host's rows of some sessions, in their order."""
    for rows in split_sessions(open_source(test, labelled=False).frame, sessions):
        options = [{name: value for name, value in row.items() if value is not None} for row in rows.to_dicts()]
        yield msgspec.json.encode({"options": options})


def list_expected(path: Path, sessions: pl.Series) -> list[Answer]:
    """The submission's own order of the options of some sessions."""
    ranked = split_sessions(read_parquet(path).lazy(), sessions)
    return [{"options": rows.sort("selected")["Id"].to_list()} for rows in ranked]


def split_sessions(rows: pl.LazyFrame, sessions: pl.Series) -> list[pl.DataFrame]:
    """The rows of each of some sessions, in their order."""
    chosen = rows.filter(pl.col("ranker_id").is_in(sessions.implode())).collect()
    parts = chosen.partition_by("ranker_id", as_dict=True)
    return [parts[(session,)] for session in sessions]
