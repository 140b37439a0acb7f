"""The same model read on other splits: what the score would be told to be, and why.

``second``: the last month validates. ``random``: a diagnostic on which nothing is chosen. Random sessions validate and
history is all other folds' bookings, later ones and twin searches included: the gap to the split by time is what a
random GroupKFold with target statistics promises and the leaderboard does not keep.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from competitions.flight import split as splitting
from competitions.flight.config import SampleSettings
from competitions.flight.features import booking_history
from competitions.flight.features.booking_history import Log
from competitions.flight.io.reader import Searches
from competitions.flight.ranking import rankers, training_data
from competitions.flight.split import Split


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
    past = booking_history.look_up(log, split.views)
    labelled = training_data.gather_rows(train, split, past, blocks, sample, seed)
    ranker = rankers.fit_early(labelled, kind, parameters, blocks, rounds, patience, seed)
    scores = rankers.score_valid(labelled, [ranker])
    return rankers.measure(scores[:, 0], labelled.valid.labels, labelled.valid.group_sizes)


def split_last_days(train: Searches, days: float, stretch_days: float) -> Split:
    """The last days of the log validate."""
    cut = int(train.sessions["time"].max()) - int(days * splitting.DAY_MS)  # type: ignore[arg-type]
    return splitting.split_by_time(train.sessions, cut, stretch_days, "the last days")


def split_random(train: Searches, share: float, seed: int) -> Split:
    """Random sessions validate."""
    return splitting.split_at_random(train.sessions, share, seed)
