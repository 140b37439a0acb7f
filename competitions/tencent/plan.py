"""Settings meet the files: what ``auto`` in config.toml stands for on these, each with its reason.

One step decides, prints and records. Whatever config.toml, or ``--set``, gives in place of ``auto`` stays as it is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from msgspec import structs

from common.engine.decisions import AUTO, Decision, refuse_choice, refuse_unknown
from common.time_units import DAY_S
from competitions.tencent.config import FitSettings, SequenceSettings, SplitSettings, TencentConfig
from competitions.tencent.corpus import Corpus, Sequences
from competitions.tencent.features import popularity
from competitions.tencent.features.pair_features import BLOCKS
from competitions.tencent.io import schema
from competitions.tencent.retrieval import content, counts, covisits, sequence
from competitions.tencent.retrieval.registry import CHANNELS
from competitions.tencent.split import Rewind, find_reference, measure_lags

EARLIER = {"days": 2, "clicks": 1}  # folds
REFERENCE_SHARE = 0.5  # of the users with events but no click behind the reference, and more
QUERY_SHARE, MOST_DAYS = 0.5, 7  # of the users who click within the days of a step, if so many days do
SLOW = 0.8  # of the test's queries that lie no more than these days behind their own references
FAR_APART = 1 / 3  # of the test's: so much less or more is another question
SHORT, LONG, FEW_ADS = 200, 300, 30_000  # lists; of more candidates a short one holds too few targets
MOST_SECONDS = 150.0  # of all fits of the sequence channel, on one thread, or a tenth of what the answers take:
ANSWERED = 150  # queries a second
REWOUND_SHARE, FEW_USERS = 0.2, 1_000  # of the users a fold rewinds a click where times are used; never fewer
SMALL_LOG, MANY_SEEDS = 5_000, 3  # users to answer, below which one fit is a draw; fits whose scores are averaged then
ORDER_ONLY = 0.95  # of all steps of one length: the times are ranks in the order


@dataclass(frozen=True)
class Plan:
    """What is held out (``rewind``), and how ``slow`` the queries of the hold-out and of the test are (``find_slow``),
    where it goes back by days; whether ``times`` say more than the order; whether there are ``exposures`` beside the
    clicks; which events are ``counted`` in pairs, "events" or "clicks"; ``channels`` of retrieval, the ``list_length``
    that it returns; the settings of the ``sequence`` model and of the ranker's ``trees``, with how many fits are
    averaged; what was decided, and why.

    Decided once, of the whole log: a fold that chose for itself would give the ranker other columns.
    """

    rewind: Rewind
    slow: tuple[float, float] | None
    times: bool
    exposures: bool
    counted: str
    channels: tuple[str, ...]
    list_length: int
    sequence: SequenceSettings
    trees: FitSettings
    decisions: tuple[Decision, ...]

    @property
    def other_question(self) -> str:
        """How the hold-out's question differs from the test's, in words; nothing where it hardly does."""
        if self.slow is None or self.slow[0] >= (1 - FAR_APART) * self.slow[1]:
            return ""
        return f"but the hold-out asks another question: {say_slow(self.slow)}"

    @property
    def kinds(self) -> tuple[str, ...]:
        """What popularity counts in windows of time; nothing where times say nothing."""
        return (popularity.EVENTS, *[popularity.CLICKS] * self.exposures) if self.times else ()


def check_names(config: TencentConfig) -> None:
    """Refuse blocks and channels that no registry has (``ValueError``)."""
    refuse_choice("ranker.features.blocks", config.ranker.features.blocks, tuple(BLOCKS))
    if config.ranker.channels != AUTO:
        refuse_unknown("ranker.channels", config.ranker.channels, tuple(CHANNELS))


def make_plan(corpus: Corpus, embeddings: int, config: TencentConfig) -> Plan:
    """Decide what is left to the files. ``embeddings``: how many there are."""
    actions, clicks = corpus.actions is not None, corpus.train.action >= schema.CLICK
    exposures = bool(clicks.any() and not clicks.all())
    times, of_times = decide_times(corpus.train)
    counted, of_counts = decide_counted(corpus.train, config.ranker.counted)
    # Whether and how many users can be asked is said by the folds themselves, before anything is fitted.
    rewind, of_rewind = decide_rewind(corpus.train, corpus.test, times, actions, config.split)
    slow = measure_slow(corpus, rewind)
    channels, of_channels = decide_channels(corpus, embeddings, times, len(rewind.queries) + 1, config)
    length, of_length = decide_list_length(len(corpus.candidates), config.ranker.list_length)
    (networks, trees), of_seeds = decide_seeds(len(corpus.test_users), config.sequence.seeds, config.ranker.fit.seeds)
    of_actions = f"{schema.USER_ACTIONS} {'gives' if actions else 'is not there to give'} them for the host's queries"
    of_clicks = f"{clicks.mean():.0%} of the events are clicks" if len(clicks) else "no events"
    decisions = (
        Decision("actions of the targets", "given" if actions else "not given", of_actions),
        Decision("times", "used" if times else "not used", of_times),
        Decision("clicks and exposures", "counted apart" if exposures else "counted alike", of_clicks),
        Decision("ranker.counted", counted, of_counts),
        Decision("split.kind", rewind.kind, f"{of_rewind}{f'; {say_slow(slow)}' if slow else ''}"),
        Decision("ranker.channels", ", ".join(channels), of_channels),
        Decision("ranker.list_length", str(length), of_length),
        Decision("sequence.seeds, ranker.fit.seeds", f"{networks}, {trees}", of_seeds),
    )
    averaged = structs.replace(config.sequence, seeds=networks), structs.replace(config.ranker.fit, seeds=trees)
    return Plan(rewind, slow, times, exposures, counted, channels, length, *averaged, decisions)


def decide_times(train: Sequences) -> tuple[bool, str]:
    """Not where nearly all steps between events take the same time."""
    inside = np.ones(max(len(train.time) - 1, 0), bool)
    ends = train.offsets[1:-1]
    inside[ends[(ends > 0) & (ends < len(train.time))] - 1] = False
    steps = np.diff(train.time)[inside]
    share = float(np.unique(steps, return_counts=True)[1].max() / len(steps)) if len(steps) else 0.0
    if share >= ORDER_ONLY:
        return False, f"{share:.0%} of the gaps between events are equal: times only give the order"
    return True, f"times differ: the most common gap between events is {share:.0%} of all gaps"


def decide_counted(train: Sequences, given: str) -> tuple[str, str]:
    """All events in pairs where that takes seconds, else clicks alone."""
    if given != AUTO:
        return given, "set"
    pairs, most = counts.count_pairs(np.diff(train.offsets)), counts.AFFORDABLE_PAIRS
    return "events" if pairs <= most else "clicks", f"{pairs:,} pairs of events: all are counted up to {most:,}"


def decide_rewind(
    train: Sequences, test: Sequences, times: bool, actions: bool, given: SplitSettings
) -> tuple[Rewind, str]:
    """Days where the files show when the organiser asks, clicks where not, and where times only give the order.
    ``test``: the histories of the organiser's queries; ``actions``: see ``Rewind``.
    """
    (reference, share), kind, why = find_reference(train), given.kind, "set"
    if kind == AUTO and not times:
        kind, why = "clicks", "times only give the order; some users are asked a click earlier"
    elif kind == AUTO and share < REFERENCE_SHARE:
        why = f"{share:.0%} of the users have events but no click behind one moment: it is no reference time"
        kind, why = "clicks", f"{why}; some users are asked a click earlier"
    kind = "clicks" if kind == "clicks" else "days"
    earlier = EARLIER[kind] if isinstance(given.earlier, str) else given.earlier
    queries = (given.queries, *[given.earlier_queries] * earlier)
    if kind == "clicks":
        # What others do just then must be about as dense as in the test, where nobody's last click is hidden.
        most = max(FEW_USERS, int(REWOUND_SHARE * len(train))) if times else max(queries)
        return Rewind(kind, tuple(min(each, most) for each in queries), actions=actions), why
    reference = reference if share else int(train.time.max(initial=0)) + 1  # where days are asked for all the same
    moment = datetime.fromtimestamp(reference, UTC)
    why = f"{share:.0%} of the users have events but no click behind {moment:%Y-%m-%d %H:%M} UTC: the reference time"
    if not isinstance(given.days, str):
        return Rewind(kind, queries, reference, given.days, actions), f"{why}; {given.days} days a step: set"
    slow = find_slow(test, reference)
    reaching = (days for days in range(1, MOST_DAYS) if 24 * days >= slow and share_of_users(train, reference, days))
    days = next(reaching, MOST_DAYS)
    why = f"{why}; all are asked {days} days earlier, the fewest up to {MOST_DAYS} in which {QUERY_SHARE:.0%} click"
    why = f"{why} and {SLOW:.0%} of the test's users are asked"
    return Rewind(kind, queries, reference, days, actions), why


def share_of_users(train: Sequences, reference: int, days: int) -> bool:
    """Whether ``QUERY_SHARE`` of the users click within so many ``days`` before the reference."""
    inside = (train.time >= reference - days * DAY_S) & (train.time < reference) & (train.action >= schema.CLICK)
    owner = np.searchsorted(train.offsets, np.flatnonzero(inside), side="right")
    return bool(len(np.unique(owner)) >= QUERY_SHARE * len(train))


def find_slow(log: Sequences, reference: int, days: int = 0) -> float:
    """The hours within which ``SLOW`` of the queries lie, see ``measure_lags``; -inf where nobody is asked."""
    lags = measure_lags(log, reference, days)
    return float(np.quantile(lags, SLOW)) if len(lags) else -np.inf


def measure_slow(corpus: Corpus, rewind: Rewind) -> tuple[float, float] | None:
    """``find_slow`` of the hold-out and of the test; None where a rewind goes by clicks, or nobody is asked."""
    if rewind.kind != "days":
        return None
    slow = find_slow(corpus.train, rewind.reference, rewind.days), find_slow(corpus.test, rewind.reference)
    return slow if np.isfinite(slow).all() else None


def say_slow(slow: tuple[float, float]) -> str:
    """Both in words."""
    of_test = f"of the test's within {slow[1]:,.0f} h"
    return f"{SLOW:.0%} of the hold-out's queries lie within {slow[0]:,.0f} h of their own references, {of_test}"


def decide_channels(
    corpus: Corpus, embeddings: int, times: bool, folds: int, config: TencentConfig
) -> tuple[tuple[str, ...], str]:
    """All that the files allow, ``covisits`` where ``times`` say more than the order, the sequence channel where its
    fits take no more than ``MOST_SECONDS`` or a tenth of all answers: fusion weights, learned on the log, settle how
    much each counts for, and which leave again. ``folds``: how many histories they are fitted on.
    """
    given, ads = config.ranker.channels, len(corpus.catalogue.oid)
    if not isinstance(given, str):
        return tuple(given), "set"
    what = f"{embeddings} embedding{'s' if embeddings != 1 else ''}, {ads:,} ads"
    why = f"{what}: all channels they allow, with learned weights"
    missing = {content.CHANNEL.name: not embeddings, covisits.NAME: not times}
    chosen = [name for name in CHANNELS if not missing.get(name)]
    seconds = folds * sequence.estimate_seconds(len(corpus.train.item), ads, config.sequence)
    if seconds > max(MOST_SECONDS, 0.1 * len(corpus.test_users) / ANSWERED):
        chosen.remove(sequence.SEQUENCE)
        why += f"; {sequence.SEQUENCE} would need about {seconds / 60:,.0f} minutes"
    return tuple(chosen), why


def decide_seeds(users: int, *given: str | int) -> tuple[list[int], str]:
    """Fits of the sequence model and of the ranker: the mean of several where few users are asked, since another seed
    then moves a score by more than what people try.
    """
    count = MANY_SEEDS if users < SMALL_LOG else 1
    return [count if isinstance(each, str) else each for each in given], f"{users:,} users to answer"


def decide_list_length(candidates: int, given: str | int) -> tuple[int, str]:
    """The more candidates there are, the further down retrieval has the target (LOG.md)."""
    if not isinstance(given, str):
        return given, "set"
    return (LONG if candidates > FEW_ADS else SHORT), f"{candidates:,} candidates"
