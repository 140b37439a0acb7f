"""What `make look-tencent` shows of the raw files: histories, actions, times, popularity, ads; train beside test."""

from pathlib import Path

import numpy as np
import polars as pl

from common.day.look.columns import RawTable
from common.day.look.distributions import Curves, concentration, histogram, share_values, timeline
from common.day.look.page import Look
from common.engine.run import Run
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, RawFiles, Sequences
from competitions.tencent.io import reader, schema

ACTIONS = {
    schema.NULL_ACTION: "none given",
    schema.EXPOSURE: "shown",
    schema.CLICK: "clicked",
    schema.CONVERSION: "converted",
}
MOST_VALUES = 1_000  # of a feature whose values are shown
FEWEST_CLICKS = 20  # of a day whose share is drawn
HOUR_S, SECOND_MS = 3_600, 1_000


def look(files: RawFiles, config: TencentConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    corpus = run.step(reader.read_corpus, files).value
    # In the release, and without predict files, both sides are the same sequences.
    has_test = "test_sequences" in files.files
    sides = {"train": corpus.train, "test": corpus.test} if has_test else {"users": corpus.train}
    times = {side: events.time * SECOND_MS for side, events in sides.items() if events.time.any()}
    seen = np.unique(corpus.train.item)
    offered = pl.Series(np.isin(corpus.candidates.rows.values, seen))
    features = {
        "all ads": corpus.catalogue.features[1:],
        "candidates": corpus.catalogue.features[corpus.candidates.rows.values],
    }
    return Look(
        tables=[RawTable(title, {"all": paths}) for title, paths in list_tables(files)],
        pictures={
            "Histories": [
                histogram(
                    "Events of a user", "events", {side: np.diff(events.offsets) for side, events in sides.items()}
                ),
                share_values(
                    "Actions", {side: pl.Series(events.action) for side, events in sides.items()}, names=ACTIONS
                ),
                histogram(
                    "Hours between two events",
                    "hours",
                    {side: find_gaps(one) for side, one in sides.items()},
                    logarithmic=True,
                ),
            ],
            "Times": [
                timeline("Events by day", times),
                histogram(
                    "Hour of the day",
                    "hour (UTC)",
                    {side: time // SECOND_MS // HOUR_S % 24 for side, time in times.items()},
                ),
            ],
            "Popularity": [
                concentration(
                    "How few ads hold how many events",
                    {side: pl.Series(one.item) for side, one in sides.items()},
                    "ads",
                ),
                histogram(
                    "Events of an ad",
                    "events",
                    {"ads": np.unique(corpus.train.item, return_counts=True)[1]},
                    logarithmic=True,
                ),
                share_values(
                    "Candidates", {"candidates": offered}, names={True: "seen in a sequence", False: "never seen"}
                ),
                show_new_ads(corpus.train),
            ],
            "Ads": [
                share_values(
                    f"Feature {name}",
                    {side: pl.Series(values[:, number]) for side, values in features.items()},
                    top=6,
                    names={0: "missing"},
                )
                for number, name in enumerate(schema.ITEM_FEATURES)
                if corpus.catalogue.sizes[number] < MOST_VALUES
            ],
        },
        notes=describe_notes(corpus),
    )


def list_tables(files: RawFiles) -> list[tuple[str, list[Path]]]:
    """The host's files by role; those of the competition's own layout are no tables but JSON and pickles."""
    return [(name, list(paths)) for name, paths in (*files.files.items(), *files.embeddings.items())]


def find_gaps(events: Sequences) -> np.ndarray:
    """Hours from each event to the next of its user."""
    gaps = np.diff(events.time) / HOUR_S
    inside = np.ones(len(gaps), bool)
    ends = events.offsets[1:-1] - 1
    inside[ends[(ends >= 0) & (ends < len(gaps))]] = False
    return gaps[inside]


def show_new_ads(events: Sequences) -> Curves | None:
    """By day, the share of clicks on ads that no earlier day showed: why an id alone says nothing."""
    if not events.time.any():
        return None
    day = (events.time - events.time.min()) // (24 * HOUR_S)
    first = np.full(int(events.item.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, events.item, day)
    clicked = events.action >= schema.CLICK
    counts = np.bincount(day[clicked])
    fresh = np.bincount(day[clicked & (first[events.item] == day)], minlength=len(counts))
    line = [(float(at), fresh[at] / counts[at]) for at in np.flatnonzero(counts >= FEWEST_CLICKS)]
    title = "Clicks on ads that no earlier day showed"
    return Curves(title, "day", "share of clicks", {"users": line}, linear=True) if len(line) > 1 else None


def describe_notes(corpus: Corpus) -> list[dict[str, object]]:
    """What reading settled."""
    return [{"where": n.file, "what": n.what, "rows": n.count, "done": n.first} for n in corpus.notes]
