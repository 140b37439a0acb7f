"""What `make look-tencent` shows of the raw files: histories, actions, times, popularity, ads; train beside test."""

import numpy as np
import polars as pl

from common.day.look.columns import RawTable
from common.day.look.distributions import Curves, Picture, concentration, histogram, share_values, timeline
from common.day.look.page import Look
from common.engine.run import Run
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, RawFiles, Sequences
from competitions.tencent.io import reader, schema

ACTIONS = {
    schema.NULL_ACTION: "missing",
    schema.EXPOSURE: "shown",
    schema.CLICK: "clicked",
    schema.CONVERSION: "converted",
}
MOST_VALUES = 1_000  # of a feature whose values are shown
FEWEST_CLICKS = 20  # of a day whose share is drawn
HOUR_S, SECOND_MS = 3_600, 1_000

Sides = dict[str, Sequences]


def look(files: RawFiles, config: TencentConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    corpus = run.step(reader.read_corpus, files).value
    # In the release, and without predict files, both sides are the same sequences.
    has_test = "test_sequences" in files.files
    sides = {"train": corpus.train, "test": corpus.test} if has_test else {"users": corpus.train}
    return Look(
        # Files of the competition's own layout are no tables but JSON and pickles.
        tables=[RawTable(name, {"all": list(at)}) for name, at in (*files.files.items(), *files.embeddings.items())],
        pictures={
            "Histories": show_histories(sides),
            "Times": show_times(sides),
            "Popularity": show_popularity(sides, corpus),
            "Ads": show_features(corpus),
        },
        notes=corpus.notes,
    )


def show_histories(sides: Sides) -> list[Picture | None]:
    """How much users do, what, and how long they pause."""
    lengths = {side: np.diff(events.offsets) for side, events in sides.items()}
    actions = {side: pl.Series(events.action) for side, events in sides.items()}
    gaps = {side: list_gaps(events) for side, events in sides.items()}
    return [
        histogram("Events of a user", "events", lengths),
        share_values("Actions", actions, names=ACTIONS),
        histogram("Hours between two events", "hours", gaps, logarithmic=True),
    ]


def list_gaps(events: Sequences) -> np.ndarray:
    """Hours from each event to the next of its user."""
    gaps = np.diff(events.time) / HOUR_S
    inside = np.ones(len(gaps), bool)
    ends = events.offsets[1:-1] - 1
    inside[ends[(ends >= 0) & (ends < len(gaps))]] = False
    return gaps[inside]


def show_times(sides: Sides) -> list[Picture | None]:
    """By day and by hour; sides whose events have no time are left out."""
    times = {side: events.time * SECOND_MS for side, events in sides.items() if events.time.any()}
    hours = {side: time // SECOND_MS // HOUR_S % 24 for side, time in times.items()}
    return [timeline("Events by day", times), histogram("Hour of the day", "hour (UTC)", hours)]


def show_popularity(sides: Sides, corpus: Corpus) -> list[Picture | None]:
    """How events are spread over ads, and how many ads are new."""
    seen, counts = np.unique(corpus.train.item, return_counts=True)
    offered = {"candidates": pl.Series(np.isin(corpus.candidates, seen))}
    items = {side: pl.Series(events.item) for side, events in sides.items()}
    return [
        concentration("Share of events of the most frequent ads", items, "ads"),
        histogram("Events of an ad", "events", {"ads": counts}, logarithmic=True),
        share_values("Candidates", offered, names={True: "seen in a sequence", False: "never seen"}),
        show_new_ads(corpus.train),
    ]


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
    title = "Clicks on ads not seen on earlier days"
    return Curves(title, "day", "share of clicks", {"users": line}, linear=True) if len(line) > 1 else None


def show_features(corpus: Corpus) -> list[Picture | None]:
    """Values of the ads' features of few values."""
    catalogue = corpus.catalogue
    sides = {"all ads": catalogue.features[1:], "candidates": catalogue.features[corpus.candidates]}
    return [
        share_values(
            f"Feature {name}", {side: pl.Series(of[:, at]) for side, of in sides.items()}, top=6, names={0: "missing"}
        )
        for at, name in enumerate(schema.ITEM_FEATURES)
        if catalogue.sizes[at] < MOST_VALUES
    ]
