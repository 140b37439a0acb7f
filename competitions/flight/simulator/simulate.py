"""Write train and test of any size in the host's layout, with the bookings of test and the best score anyone can reach.

    python -m competitions simulate flight --out build/flight/simulated --scale 0.02 --seed 1

Every booking is drawn from the model in ``choice_model.py``: the oracle, which ranks by it, knows the ceiling exactly.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from common.day.hosts import TRUTH
from common.engine.progress import track
from common.simulation.oracle import Oracle
from common.simulation.writer import Simulation, check_request, write_simulation
from competitions.flight.io.schema import TEST, TRAIN
from competitions.flight.simulator.choice_model import Bookings, draw_bookings, list_choices
from competitions.flight.simulator.offers import list_options
from competitions.flight.simulator.oracle import rank_sessions, summarise_ranks
from competitions.flight.simulator.search_sessions import SimulationState, draw_state
from competitions.flight.simulator.writer import file_schema, make_table

VERSION = 5  # goes up when the same scale and seed give other files
SAMPLE = "sample_submission.parquet"
CHUNK = 600  # sessions of a row group, about


def simulate(out: Path, scale: float, seed: int) -> Simulation:
    """Simulate into ``out``, replacing only an earlier simulation there; the same arguments give the same bytes.

    Raises ``UserError`` for a scale or seed out of range, and for a folder that holds other files or cannot be written.
    """
    check_request(scale, seed)
    arguments = {"version": VERSION, "scale": scale, "seed": seed}
    return write_simulation(out, {TRAIN, TEST, SAMPLE}, arguments, lambda folder: _write_all(folder, scale, seed))


def _write_all(folder: Path, scale: float, seed: int) -> tuple[dict[str, int], Oracle]:
    state = draw_state(scale, seed)
    train_rows = sum(len(rows) for _, _, rows in _write_file(folder / TRAIN, state, False, 0))
    test_rows, ranks, truth = 0, [], []
    listed = {"Id": pl.Int64(), "ranker_id": pl.String(), "selected": pl.Int64()}
    with _parquet(folder / SAMPLE, listed) as sample:
        for part, bookings, rows in _write_file(folder / TEST, state, True, train_rows):
            named = rows.select("Id", "ranker_id")
            position = np.arange(len(rows)) - np.repeat(bookings.first[:-1], np.diff(bookings.first))
            sample.write_table(named.with_columns(selected=1 + position).to_arrow())
            truth.append(named[bookings.first[:-1] + bookings.booked])
            ranks.append(rank_sessions(bookings, state.sessions["search"][part]))
            test_rows += len(rows)
    pl.concat(truth).write_csv(folder / TRUTH)
    late = int(state.sessions["test"].sum())
    sizes = {"train_sessions": len(state.sessions) - late, "test_sessions": late}
    return sizes | {"train_rows": train_rows, "test_rows": test_rows}, summarise_ranks(pl.concat(ranks))


def _write_file(
    path: Path, state: SimulationState, test: bool, first_id: int
) -> Iterator[tuple[slice, Bookings, pl.DataFrame]]:
    """Write train or test chunk by chunk, and hand each chunk on with its bookings and rows."""
    with _parquet(path, file_schema(labelled=not test)) as file:
        for part in track(list_parts(state, test), f"Writing {path.stem}"):
            bookings, choices = make_chunk(state, part)
            booked = np.zeros(len(choices), np.int64)
            booked[bookings.first[:-1] + bookings.booked] = 1
            rows = make_table(state, choices, None if test else pl.Series(booked), first_id)
            first_id += len(rows)
            file.write_table(rows.to_arrow(), row_group_size=len(rows))
            yield part, bookings, rows


def _parquet(path: Path, schema: Mapping[str, pl.DataType]) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, pl.DataFrame(schema=schema).to_arrow().schema, store_schema=False)


def list_parts(state: SimulationState, test: bool) -> list[slice]:
    """Runs of about ``CHUNK`` sessions of one file; the sessions of a search stay together."""
    low, high = np.searchsorted(state.sessions["test"].to_numpy(), [test, test + 1]).tolist()
    heads = low + np.flatnonzero(~state.sessions["joined"].to_numpy()[low:high])
    return [slice(a, b) for a, b in pairwise([*heads[::CHUNK].tolist(), high])]


def make_chunk(state: SimulationState, part: slice) -> tuple[Bookings, pl.DataFrame]:
    """Bookings and choices of the sessions ``part``, which are whole searches."""
    search = state.sessions["search"]
    options = list_options(state, state.searches[search[part.start] : search[part.stop - 1] + 1])
    choices = list_choices(state, part, options)
    return draw_bookings(state, part, choices), choices
