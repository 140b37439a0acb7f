"""The same model read on other splits: what the score would be told to be, and why.

``second``: the last month validates. ``random``: a diagnostic on which nothing is chosen. Random sessions validate and
history is all other folds' bookings, later ones and twin searches included: the gap to the split by time is what a
random GroupKFold with target statistics promises and the leaderboard does not keep.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from competitions.flight import gather, history, rank, splits
from competitions.flight.config import SampleSettings
from competitions.flight.history import Log
from competitions.flight.raw import Searches
from competitions.flight.splits import Split


def read_split(
    train: Searches,
    log: Log,
    split: Split,
    kind: str,
    parameters: Mapping[str, Any],
    blocks: Sequence[str],
    sample: SampleSettings,
    rounds: int,
    patience: int,
    seed: int,
) -> dict[str, float]:
    """``rank.measure`` of one model that was fitted and judged on ``split``."""
    past = history.look_up(log, split.views)
    labelled = gather.gather_rows(train, split, past, blocks, sample, seed)
    ranker = rank.fit_early(labelled, kind, parameters, blocks, rounds, patience, seed)
    scores = rank.score_valid(labelled, [ranker])
    return rank.measure(scores[:, 0], labelled.valid.labels, labelled.valid.sizes)


def split_last_days(train: Searches, days: float, stretch_days: float) -> Split:
    """The last days of the log validate."""
    cut = int(train.sessions["time"].max()) - int(days * splits.DAY_MS)  # type: ignore[arg-type]
    return splits.split_by_time(train.sessions, cut, stretch_days, "the last days")


def split_random(train: Searches, share: float, seed: int) -> Split:
    """Random sessions validate."""
    return splits.split_at_random(train.sessions, share, seed)
