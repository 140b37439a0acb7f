"""Write train and test of any size in the host's layout, with the bookings of test and the best score anyone can reach.

    python -m competitions simulate flight --out build/flight/simulated --scale 0.02 --seed 1

Every booking is drawn from the model in ``choice_model.py``: the oracle, which ranks by it, knows the ceiling exactly.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from common.arrays import join
from common.day.hosts import TRUTH
from common.engine.progress import track
from common.simulation.oracle import Oracle
from common.simulation.writer import Simulation, check_request, write_simulation
from competitions.flight.simulator.choice_model import draw_bookings
from competitions.flight.simulator.fare_rules import set_rules
from competitions.flight.simulator.offers import list_options
from competitions.flight.simulator.oracle import rank_sessions, summarise_ranks
from competitions.flight.simulator.search_sessions import SimulationState, draw_state
from competitions.flight.simulator.travellers import Sizes, sizes_at
from competitions.flight.simulator.writer import SAMPLE_ROWS, Chunk, file_schema, make_table, make_vocabularies

VERSION = 4  # goes up when the same scale and seed give other files
TRAIN, TEST, SAMPLE = "train.parquet", "test.parquet", "sample_submission.parquet"
CHUNK = 600  # sessions of a row group, about


def simulate(out: Path, scale: float, seed: int) -> Simulation:
    """Simulate into ``out``, replacing only an earlier simulation there; the same arguments give the same bytes.

    Raises ``UserError`` for a scale or seed out of range, and for a folder that holds other files or cannot be written.
    """
    check_request(scale, seed)
    arguments = {"version": VERSION, "scale": scale, "seed": seed}
    return write_simulation(
        out, {TRAIN, TEST, SAMPLE}, arguments, lambda folder: _write_all(folder, sizes_at(scale), seed)
    )


def _write_all(folder: Path, sizes: Sizes, seed: int) -> tuple[dict[str, int], Oracle]:
    state = draw_state(sizes, seed)
    train_rows = sum(table.num_rows for _, table in _write_file(folder / TRAIN, state, False, 0))
    test_rows, ranks, hidden = 0, [], []
    with _parquet(folder / SAMPLE, SAMPLE_ROWS) as sample:
        for chunk, table in _write_file(folder / TEST, state, True, train_rows):
            first = chunk.bookings.first
            position = np.arange(table.num_rows) - np.repeat(first[:-1], np.diff(first))
            listed = table.select(["Id", "ranker_id"])
            sample.write_table(listed.append_column("selected", pa.array(position + 1)))
            hidden.append(listed.take(pa.array(first[:-1] + chunk.bookings.booked)))
            ranks.append(rank_sessions(chunk.bookings, state.sessions.search[chunk.part]))
            test_rows += table.num_rows
    truth = pa.concat_tables(hidden)
    pl.DataFrame({name: truth[name].to_pylist() for name in truth.column_names}).write_csv(folder / TRUTH)
    rows = {
        "train_sessions": sizes.train_sessions,
        "train_rows": train_rows,
        "test_sessions": sizes.test_sessions,
        "test_rows": test_rows,
    }
    return rows, summarise_ranks(join(ranks))


def _write_file(path: Path, state: SimulationState, test: bool, first_id: int) -> Iterator[tuple[Chunk, pa.Table]]:
    """Write train or test chunk by chunk, and hand each chunk on with its rows."""
    texts = make_vocabularies(state.pairs)
    with _parquet(path, file_schema(labelled=not test)) as file:
        for part in track(list_parts(state, test), f"Writing {path.stem}"):
            chunk = make_chunk(state, part)
            table = make_table(chunk, first_id, texts)
            first_id += table.num_rows
            file.write_table(table, row_group_size=table.num_rows)
            yield chunk, table


def _parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Without the stored schema a reader sees plain strings, not the dictionaries that make writing them fast."""
    return pq.ParquetWriter(path, schema, store_schema=False)


def list_parts(state: SimulationState, test: bool) -> list[slice]:
    """Runs of about ``CHUNK`` sessions of one file; the sessions of a search stay together."""
    sessions = state.sessions
    low, high = np.searchsorted(sessions.test, [test, test + 1]).tolist()
    heads = low + np.flatnonzero(~sessions.joined[low:high])
    return [slice(a, b) for a, b in pairwise([*heads[::CHUNK].tolist(), high])]


def make_chunk(state: SimulationState, part: slice) -> Chunk:
    """Options, rules and bookings of the sessions ``part``, which are whole searches."""
    search = state.sessions.search
    options = list_options(state, slice(int(search[part.start]), int(search[part.stop - 1]) + 1))
    rules = set_rules(state, options)
    return Chunk(state, part, options, rules, draw_bookings(state, part, options, rules))
