"""The hold-out that stands in for the answers nobody was given: what is hidden, the queries, the candidates.

The organiser's target is the first ad clicked after a reference time, attributed to its exposure. Here the reference is
a cut that lies about ``valid_share`` of all clicks before the end, at the same time of day: events from the cut on are
hidden, the target is the first click behind it, and the candidates are ads as alive then as the organiser's are at the
end, as many of them unseen before the cut. In round 2 the target is the first conversion where there is one, else the
first click; the query says which of the two where the files say it. Where times say nothing, each user's last click
is the target.
"""

import contextlib
import dataclasses
from dataclasses import dataclass

import msgspec
import numpy as np

from common.engine.errors import UserError
from common.time_units import DAY_S, HOUR_S
from competitions.tencent.candidate_sampling import CandidateMix, measure_mix, sample_candidates
from competitions.tencent.config import HostSettings, SplitSettings
from competitions.tencent.corpus import Bools, Corpus, Int8s, Int64s, Sequences
from competitions.tencent.ids import CatalogueRows
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories, usual_times, whole
from competitions.tencent.top_k import number_columns


@dataclass(frozen=True)
class Fold:
    """Training histories and queries, as indices into the sequences, which it does not hold.

    ``train_ends`` int64 [users of train]: training histories end there. ``users``, ``query_ends`` int64 [queries]: the
    user, and where the history ends that may be seen. ``candidates``: what may be recommended. ``condition``: the
    action that the target will get, int64 [queries]. ``target``: row of the catalogue, int64 [queries]; ``unseen``:
    whether no training history holds it; ``target_action``: what the user did with it, int8. The last three are None
    where the host has the answers; then the queries are the test users of the corpus, else users of train.
    """

    train_ends: Int64s
    users: Int64s
    query_ends: Int64s
    candidates: CatalogueRows
    condition: Int64s
    target: Int64s | None
    unseen: Bools | None
    target_action: Int8s | None

    def history(self, train: Sequences) -> Histories:
        """What may be learned from."""
        return take_history(train, self.train_ends)

    def queries(self, sequences: Sequences) -> Histories:
        """What may be seen of each query's user."""
        return Histories(sequences, self.users, self.query_ends)


def take_history(sequences: Sequences, ends: Int64s) -> Histories:
    """The events of every user before ``ends`` int64 [users]."""
    return Histories(sequences, np.arange(len(sequences)), ends)


def target_columns(fold: Fold) -> Int64s:
    """The targets of a fold (rows) as columns of its candidates, -1 for none. ``ValueError`` without targets."""
    if fold.target is None:
        raise ValueError("the host has the answers")
    return number_columns(fold.candidates, int(max(fold.candidates.max(), fold.target.max())) + 1)[fold.target]


def build_test_fold(
    train: Sequences, test: Sequences, candidates: CatalogueRows, actions: Int8s | None, host: HostSettings
) -> Fold:
    """The organiser's own queries: everything may be learned from, all test users are answered.

    ``UserError`` where no list of ten can be made.
    """
    if len(candidates) < schema.TOP:
        raise UserError(
            f"{schema.CANDIDATES}, or {schema.RELEASE_CANDIDATES}/, has {len(candidates)} candidates but each"
            f" user needs {schema.TOP}; download it again."
        )
    condition = _condition(len(test), actions, host)
    return Fold(train.offsets[1:], np.arange(len(test)), test.offsets[1:], candidates, condition, None, None, None)


def _condition(queries: int, actions: Int8s | None, host: HostSettings) -> Int64s:
    """The action of each query's target: what is said of the user, else the setting."""
    default = schema.CONVERSION if host.target == "conversion" else schema.CLICK
    if actions is None:
        return np.full(queries, default)
    return np.where(actions == schema.NULL_ACTION, default, actions).astype(np.int64)


def hold_out(
    train: Sequences, candidates: CatalogueRows, host: HostSettings, settings: SplitSettings, seed: int
) -> Fold:
    """The validation fold of these sequences. ``UserError`` where nothing can be held out."""
    rng = np.random.default_rng([seed, 11])
    everything = train.offsets[1:]
    if settings.kind == "last":
        return _last_event_fold(train, everything, candidates, 1, host, settings, rng)
    eligible = eligible_events(train, host.target)
    if not eligible.any():
        raise UserError(f"No event of the sequences is a {_target_name(host)}: nothing can be held out for validation.")
    cut = align_cut(whole(train), int(np.quantile(train.time[eligible], 1 - settings.valid_share)))
    mix = measure_mix(candidates, whole(train))
    return _cut_fold(train, everything, mix, cut, host, settings, rng)


def align_cut(history: Histories, cut: int) -> int:
    """The time nearest to ``cut`` that lies whole days before the end of these histories, where that is in their later
    half; else ``cut``.

    The host asks where the log ends, at midnight say, for the day that follows. Asked in the evening, what comes first
    is an evening's click on an ad that has been running all day: of the hold-out's targets .235 were unseen, of the
    truth's .33, and what is popular is another at every hour.
    """
    end, first = end_time(history), usual_times(history)[0]
    days = round((end - cut) / DAY_S)
    aligned = end - days * DAY_S
    return aligned if days and aligned >= (first + end) // 2 else cut


def earlier_folds(
    train: Sequences, candidates: CatalogueRows, fold: Fold, host: HostSettings, settings: SplitSettings, seed: int
) -> list[Fold]:
    """Folds at ``settings.earlier`` earlier cuts of what ``fold`` shows: what a ranker learns from, latest first.

    Each lies one horizon (or less, so that all lie in the later half of the log; one event of every user, where times
    say nothing) further back. Targets lie before the end of what ``fold`` shows; nothing behind that end is read. Cuts
    that leave no query are left out.
    """
    count = settings.earlier
    assert isinstance(count, int), "the plan decides"
    settings = msgspec.structs.replace(settings, queries=settings.earlier_queries)
    folds, history = [], fold.history(train)
    events = history.events()
    if not len(events):
        return []
    now, first = end_time(history), usual_times(history)[0]
    step = min(round(settings.horizon_hours * HOUR_S), (now - first) // (2 * count))
    mix = measure_mix(fold.candidates, history)  # not the host's, whose age only what lies behind the fold would tell
    for back in range(1, count + 1):
        rng = np.random.default_rng([seed, 11, back])
        with contextlib.suppress(EmptyFoldError):
            if settings.kind == "last":
                folds.append(_last_event_fold(train, fold.train_ends, candidates, back, host, settings, rng))
            else:
                folds.append(_cut_fold(train, fold.train_ends, mix, now - back * step, host, settings, rng))
    return folds


def end_corpus(corpus: Corpus, fold: Fold) -> Corpus:
    """The corpus as it was where the fold's history ends: without the fold's targets."""
    history, train = fold.history(corpus.train), corpus.train
    events = history.events()
    offsets = np.concatenate([[0], np.cumsum(history.lengths)])
    ended = Sequences(offsets, train.item[events], train.action[events], train.time[events])
    # The fold's candidates: at its end they are what the host's are at the end of the log.
    return dataclasses.replace(corpus, train=ended, candidates=fold.candidates)


class EmptyFoldError(UserError):
    """No user has a target behind this cut."""


def end_time(history: Histories) -> int:
    """The second behind the last event; an event that lies apart from all others, with a wrong date, is none."""
    return usual_times(history)[1] + 1


def eligible_events(train: Sequences, target: str) -> Bools:
    """The events that can be a target: conversions where these alone are asked for, else clicks and conversions."""
    eligible: Bools = train.action == schema.CONVERSION if target == "conversion" else train.action >= schema.CLICK
    return eligible


def _target_name(host: HostSettings) -> str:
    return "conversion" if host.target == "conversion" else "click"


def take_fold(folds: list[Fold], at: int) -> Fold:
    """One of several, as a step of its own."""
    return folds[at]


def _last_event_fold(
    train: Sequences,
    visible: Int64s,
    candidates: CatalogueRows,
    back: int,
    host: HostSettings,
    settings: SplitSettings,
    rng: np.random.Generator,
) -> Fold:
    """Of what is ``visible`` (ends int64 [users]) each user's last click but ``back`` - 1 is the target, and it and all
    that follows are hidden; of who has fewer clicks, all from the first one on. Conversions where these are asked for.
    """
    eligible = np.flatnonzero(eligible_events(train, host.target))
    first, stop = (np.searchsorted(eligible, bounds) for bounds in (train.offsets[:-1], visible))
    chosen = np.maximum(stop - back, first)
    ends = np.where(
        stop > first, np.append(eligible, 0)[chosen], visible
    )  # one more: of who has none behind all others
    history = Histories(train, np.arange(len(train)), ends)
    users = np.flatnonzero((stop - first >= back) & (history.lengths > 0))
    if not len(users):
        raise EmptyFoldError(
            f"No user has a {_target_name(host)} and an event before it: nothing can be held out for validation."
            " Check that the sequences are complete and that host.target fits them."
        )
    user, event = _drop_seen_targets(train, users, history.ends[users], history.ends)
    keep = np.isin(train.item[event], candidates)  # an ad that is no candidate can never be right
    if not keep.any():
        raise EmptyFoldError(
            "No user ends on a candidate that is new to the user: nothing can be held out for"
            " validation. Check that sequences and candidates are from one download."
        )
    queries = history.take(_sample(user[keep], settings.queries, rng))
    return _build_fold(history, queries, candidates, queries.ends, host)


def _cut_fold(
    train: Sequences,
    visible: Int64s,
    mix: CandidateMix,
    cut: int,
    host: HostSettings,
    settings: SplitSettings,
    rng: np.random.Generator,
) -> Fold:
    """Of what is ``visible`` (ends int64 [users]) everything from the cut on is hidden; the target is the first click
    within the horizon behind it, or the first conversion.
    """
    shown = np.zeros(len(train.time), bool)
    shown[Histories(train, np.arange(len(train)), visible).events()] = True
    earlier = np.concatenate([[0], np.cumsum(shown & (train.time < cut))])
    ends = train.offsets[:-1] + earlier[train.offsets[1:]] - earlier[train.offsets[:-1]]
    # Events are in order of time within a user, so that the visible ones before the cut are a prefix.
    history = Histories(train, np.arange(len(train)), ends)
    behind = shown & (train.time >= cut)
    events = np.flatnonzero(
        behind & eligible_events(train, host.target) & (train.time < cut + settings.horizon_hours * HOUR_S)
    )
    owner = np.searchsorted(train.offsets, events, side="right") - 1
    if host.target == "conversion_or_click":  # conversions go before clicks; the sort keeps the order of each kind
        order = np.lexsort((train.action[events] != schema.CONVERSION, owner))
        owner, events = owner[order], events[order]
    users, first = np.unique(owner, return_index=True)
    user, event = _drop_seen_targets(train, users, events[first], ends)
    chosen = _sample(np.flatnonzero(ends[user] > train.offsets[user]), settings.queries, rng)
    if not len(chosen):
        raise EmptyFoldError(
            f"No user has a {_target_name(host)} within split.horizon_hours = {settings.horizon_hours:g} after the cut"
            " and a history before it: set split.valid_share or split.horizon_hours higher."
        )
    event = event[chosen]
    target, share, most = train.item[event].astype(np.int64), settings.unseen_share, settings.candidates
    sampled = sample_candidates(history, target, behind, mix, share, most, rng)
    return _build_fold(history, history.take(user[chosen]), sampled, event, host)


def _build_fold(
    history: Histories, queries: Histories, candidates: CatalogueRows, event: Int64s, host: HostSettings
) -> Fold:
    """``event``: the target's, of each query."""
    train = history.sequences
    target = train.item[event].astype(np.int64)
    action = train.action[event] if host.actions is True else None
    seen = np.unique(train.item[history.events()])
    return Fold(
        train_ends=history.ends,
        users=queries.users,
        query_ends=queries.ends,
        candidates=candidates,
        condition=_condition(len(queries), action, host),
        target=target,
        unseen=~np.isin(target, seen),
        target_action=train.action[event],
    )


def _drop_seen_targets(train: Sequences, user: Int64s, event: Int64s, ends: Int64s) -> tuple[Int64s, Int64s]:
    """Without the users whose click belongs to an ad that the history already shows.

    Where the log holds an exposure and its click as two events, an ad exposed before the cut and clicked behind it is
    no new ad: seen ads are never recommended again, so that nobody could be right.
    """
    history = Histories(train, user, ends[user])
    owner = np.repeat(np.arange(len(user)), history.lengths)
    known = np.zeros(len(user), bool)
    known[owner[train.item[history.events()] == train.item[event[owner]]]] = True
    return user[~known], event[~known]


def _sample(indices: Int64s, most: int, rng: np.random.Generator) -> Int64s:
    """At most so many, in their order."""
    return indices if len(indices) <= most else np.sort(rng.choice(indices, most, replace=False))
