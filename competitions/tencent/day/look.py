"""What `make look-tencent` shows of the raw files: histories, actions, times, popularity, ads; train beside test."""

import numpy as np
import polars as pl

from common.day.look.columns import RawTable
from common.day.look.page import Look
from common.engine.run import Run
from common.time_units import HOUR_S
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, Int64s, RawFiles, Sequences
from competitions.tencent.io import reader, schema

ACTIONS = {
    schema.NULL_ACTION: "missing",
    schema.EXPOSURE: "shown",
    schema.CLICK: "clicked",
    schema.CONVERSION: "converted",
}
MOST_VALUES = 1_000  # of a feature whose values are shown


def look(files: RawFiles, config: TencentConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    corpus = run.step(reader.read_corpus, files).value
    run.warn(reader.compare_files(corpus))
    # In the release, and without predict files, both sides are the same sequences.
    has_test = "test_sequences" in files.files
    sides = {"train": corpus.train, "test": corpus.test} if has_test else {"users": corpus.train}
    return Look(
        # Files of the competition's own layout are no tables but JSON and pickles.
        tables=[RawTable(name, {"all": list(at)}) for name, at in (*files.files.items(), *files.embeddings.items())],
        frames={
            "Events": {side: list_events(events) for side, events in sides.items()},
            "Users": {side: pl.DataFrame({"events": np.diff(events.offsets)}) for side, events in sides.items()},
            "Ads": {"train": count_events(corpus)},
            "Features of ads": {
                "all ads": list_features(corpus, slice(1, None)),
                "candidates": list_features(corpus, corpus.candidates),
            },
        },
        notes=(*corpus.notes, *run.notes),
    )


def list_events(events: Sequences) -> pl.DataFrame:
    """A row an event; times are missing where the files have none."""
    day = pl.from_epoch("time", "s").cast(pl.Datetime("ms")).alias("day")
    hour = (pl.col("time") // HOUR_S % 24).alias("hour of the day, UTC")
    gaps, first = np.diff(events.time, prepend=0) / HOUR_S, events.offsets[:-1]
    gaps[first[first < len(gaps)]] = np.nan
    gap = pl.Series("hours since the event before", gaps).fill_nan(None)
    frame = pl.DataFrame({"time": events.time, "action": pl.Series(events.action).replace_strict(ACTIONS)})
    return frame.select("action", day, hour, gap) if events.time.any() else frame.select("action")


def count_events(corpus: Corpus) -> pl.DataFrame:
    """A row an ad that is in a sequence."""
    return pl.DataFrame({"events of an ad": np.unique(corpus.train.item, return_counts=True)[1]})


def list_features(corpus: Corpus, rows: Int64s | slice) -> pl.DataFrame:
    """The ads' features of few values, a row an ad."""
    catalogue = corpus.catalogue
    return pl.DataFrame(
        {
            f"feature {name}": pl.Series(catalogue.features[rows, at]).cast(pl.String).replace("0", "missing")
            for at, name in enumerate(schema.ITEM_FEATURES)
            if catalogue.sizes[at] < MOST_VALUES
        }
    )
