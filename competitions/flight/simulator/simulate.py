"""Write train and test of any size in the host's layout, with the bookings of test and the best score anyone can reach.

    python -m competitions simulate flight --out build/flight/simulated --scale 0.02 --seed 1

Every booking is drawn from the model in ``choice_model.py``: the oracle, which ranks by it, knows the ceiling exactly.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from common.day.hosts import TRUTH
from common.engine.progress import track
from common.io.tables import scan_parquet
from common.simulation.oracle import Oracle, summarise
from common.simulation.writer import Simulation, check_request, write_simulation
from competitions.flight.io.schema import TEST, TRAIN, file_schema
from competitions.flight.metrics import CUTOFF, CUTOFFS, LARGE, SIZES
from competitions.flight.simulator.choice_model import Bookings, draw_bookings, list_choices
from competitions.flight.simulator.offers import list_options
from competitions.flight.simulator.search_sessions import SimulationState, draw_state
from competitions.flight.simulator.writer import make_table

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
    state, ranks, truth = draw_state(scale, seed), [], []
    train_rows = sum(len(rows) for _, _, rows in _write_file(folder / TRAIN, state, False, 0))
    for part, bookings, rows in _write_file(folder / TEST, state, True, train_rows):
        truth.append(rows.select("Id", "ranker_id")[bookings.booked_rows])
        ranks.append(rank_sessions(bookings, state.sessions["search"][part]))
    pl.concat(truth).write_csv(folder / TRUTH)
    listed = scan_parquet(folder / TEST).select("Id", "ranker_id").collect()
    in_order = pl.int_range(1, pl.len() + 1).over("ranker_id")
    listed.with_columns(selected=in_order).write_parquet(folder / SAMPLE)
    late = int(state.sessions["test"].sum())
    sizes = {"train_sessions": len(state.sessions) - late, "test_sessions": late}
    return sizes | {"train_rows": train_rows, "test_rows": len(listed)}, summarise_ranks(pl.concat(ranks))


def _write_file(
    path: Path, state: SimulationState, test: bool, first_id: int
) -> Iterator[tuple[slice, Bookings, pl.DataFrame]]:
    """Write train or test chunk by chunk, and hand each chunk on with its bookings and rows."""
    schema = pl.DataFrame(schema=file_schema(labelled=not test)).to_arrow().schema
    with pq.ParquetWriter(path, schema, store_schema=False) as file:
        for part in track(list_parts(state, test), f"Writing {path.stem}"):
            bookings, choices = make_chunk(state, part)
            booked = np.zeros(len(choices), np.int64)
            booked[bookings.booked_rows] = 1
            rows = make_table(state, choices, None if test else pl.Series(booked), first_id)
            first_id += len(rows)
            file.write_table(rows.to_arrow(), row_group_size=len(rows))
            yield part, bookings, rows


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


# --- the oracle ---


def rank_sessions(bookings: Bookings, search: pl.Series) -> pl.DataFrame:
    """By session its ``search`` (which twins share), its ``size``, the oracle's ``rank`` of its booking (ties in file
    order), and how likely the first ``CUTOFF`` have it.
    """
    size = np.diff(bookings.first)
    rows = pl.DataFrame({"session": np.repeat(np.arange(len(size)), size), "probability": bookings.probability})
    rank = rows.select(pl.col("probability").rank("ordinal", descending=True).over("session")).to_series().to_numpy()
    expected = np.add.reduceat(np.where(rank <= CUTOFF, bookings.probability, 0.0), bookings.first[:-1])
    booked = rank[bookings.booked_rows].astype(np.int64)
    return pl.DataFrame({"search": search, "size": size, "rank": booked, "expected": expected})


def summarise_ranks(ranks: pl.DataFrame) -> Oracle:
    """HitRate@3 over the scored sessions; beside it at other cut-offs and by class of sizes."""
    scored = ranks.filter(pl.col("size") > LARGE)
    rank, size = scored["rank"].to_numpy(), scored["size"].to_numpy()
    hit = (rank <= CUTOFF).astype(np.float64)
    details = {f"hit_rate@{k}": (rank <= k).astype(np.float64) for k in CUTOFFS}
    for name, (low, high) in SIZES.items():
        details[f"hit_rate@{CUTOFF}[{name}]"] = np.where((size >= low) & (size <= high), hit, np.nan)
    # Sessions of one search (twins) are not independent, but searches are.
    return summarise(hit, scored["expected"].to_numpy(), details, cluster=scored["search"].to_numpy())
