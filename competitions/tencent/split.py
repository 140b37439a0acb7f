"""Folds: whose histories may be learned from, who is asked, at what time; and the hold-outs that stand in for answers.

The organiser asks every user at the user's own time: the target is the first ad clicked behind a reference time, and
the history holds all that comes before that target's exposure. So each history ends elsewhere, minutes or hours before
its own target. A hold-out asks the same question earlier (``Rewind``):

- **days**: where the files show the reference time (nobody clicks between it and the own end), the same rule is
  repeated whole days earlier. The first click behind the earlier reference is the target, the history ends there, and
  everybody else's does alike, so that one sees of others what one sees in the test.
- **clicks**: where the log is natural up to each user's own end, some users are rewound by one click, each to before
  the last one, and the others stay whole, as in the test.

Either way makes a fold a step, from the latest, the hold-out, to the earliest; all that an earlier one asks for lies in
what the later one shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from common.arrays import Floats
from common.engine.errors import UserError
from common.engine.progress import say
from common.time_units import DAY_S, HOUR_S
from competitions.tencent.candidate_sampling import CandidateMix, measure_mix, sample_candidates
from competitions.tencent.corpus import Bools, CatalogueRows, Int8s, Int64s, Sequences
from competitions.tencent.io import schema
from competitions.tencent.sequences import Histories, expand_events, last_times, whole


@dataclass(frozen=True)
class Fold:
    """Training histories and queries, as indices into the sequences, which it does not hold. A query is a user at a
    time.

    ``train_ends`` int64 [users of train]: training histories end there. ``users``, ``query_ends`` int64 [queries]: the
    user, and where the history ends that may be seen; ``query_times`` int64 [queries]: of the last event there, in
    seconds. ``candidates``: what may be recommended, ascending. ``condition``: the action that the target will get,
    int64 [queries]. ``target``: row of the catalogue, int64 [queries]; ``unseen``: whether no training history holds
    it; ``target_action``: what the user did with it, int8. The last three are None where the host has the answers; then
    the queries are the test users of the corpus, else users of train.
    """

    train_ends: Int64s
    users: Int64s
    query_ends: Int64s
    query_times: Int64s
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


@dataclass(frozen=True)
class Rewind:
    """How earlier questions are made of a log. ``kind``: "days" or "clicks"; ``queries``: at most so many of each fold,
    from the hold-out to the earliest; ``reference``: the second of the organiser's question, 0 where the files do not
    show it; ``days``: how many one rewind goes back; ``actions``: whether queries say the action of their target, as
    the organiser's do in round 2.
    """

    kind: str
    queries: tuple[int, ...]
    reference: int = 0
    days: int = 0
    actions: bool = False


def take_history(sequences: Sequences, ends: Int64s) -> Histories:
    """The events of every user before ``ends`` int64 [users]."""
    return Histories(sequences, np.arange(len(sequences)), ends)


def build_test_fold(train: Sequences, test: Sequences, candidates: CatalogueRows, actions: Int8s | None) -> Fold:
    """The organiser's own queries: everything may be learned from, all test users are answered.

    ``UserError`` where no list of ten can be made.
    """
    if len(candidates) < schema.TOP:
        raise UserError(
            f"{schema.CANDIDATES}, or {schema.RELEASE_CANDIDATES}/, has {len(candidates)} candidates but each"
            f" user needs {schema.TOP}; download it again."
        )
    queries = whole(test)
    condition = _condition(len(test), actions)
    return Fold(train.offsets[1:], queries.users, queries.ends, last_times(queries), candidates, condition, *[None] * 3)


def _condition(queries: int, actions: Int8s | None) -> Int64s:
    """The action of each query's target: what is said of the user, else a click."""
    if actions is None:
        return np.full(queries, schema.CLICK)
    return np.where(actions == schema.NULL_ACTION, schema.CLICK, actions).astype(np.int64)


def find_reference(train: Sequences) -> tuple[int, float]:
    """The second behind which most users have events but no click up to their own end, and the share of such users.

    Each user's reference lies behind the last click; where histories run on with exposures, before the last event. The
    second that lies in most of these spans is the reference of most. 0 and 0.0 where nobody has such a span.

    >>> log = Sequences(np.array([0, 2, 4]), np.int32([1, 2, 1, 3]), np.int8([1, 0, 1, 0]), np.array([10, 40, 20, 30]))
    >>> find_reference(log)  # (10, 40] and (20, 30] share 21 to 30
    (21, 1.0)
    """
    filled = np.flatnonzero(np.diff(train.offsets))
    if not len(filled):
        return 0, 0.0
    last = _last_click(train)[filled]
    begin = np.where(last >= 0, train.time[last] + 1, train.time[train.offsets[filled]])
    end = train.time[train.offsets[filled + 1] - 1]
    open_ = np.sort(begin[begin <= end])
    if not len(open_):
        return 0, 0.0
    inside = np.arange(1, len(open_) + 1) - np.searchsorted(np.sort(end[begin <= end]), open_)
    at = int(inside.argmax())
    return int(open_[at]), float(inside[at] / len(filled))


def _last_click(train: Sequences) -> Int64s:
    """The last event of each user that can be a target, a click or more; -1 for none."""
    events = np.flatnonzero(train.action >= schema.CLICK)
    stop = np.searchsorted(events, train.offsets[1:])
    first = np.searchsorted(events, train.offsets[:-1])
    return np.where(stop > first, np.append(events, -1)[np.maximum(stop - 1, 0)], -1)


def own_references(log: Sequences, reference: int) -> Int64s:
    """The second behind which each user's next click is the target, int64 [users]: the common ``reference``, or where
    the user clicks behind that, behind the last click.
    """
    last = _last_click(log)
    return np.where(last >= 0, np.maximum(reference, np.append(log.time, 0)[last] + 1), reference)


def measure_lags(log: Sequences, reference: int, days: int = 0) -> Floats:
    """Hours from each user's own reference to the query, float64 [queries]: of the organiser's queries, whose histories
    are the ``log``; or of the hold-out that asks ``days`` earlier.

    >>> log = Sequences(np.array([0, 3]), np.int32([1, 2, 3]), np.int8([0, 1, 0]), 3_600 * np.array([70, 80, 91]))
    >>> measure_lags(log, 90 * 3_600).tolist()  # shown something an hour behind the reference
    [1.0]
    >>> measure_lags(log, 90 * 3_600, days=1).tolist()  # asked for the click behind hour 66: last seen at hour 70
    [4.0]
    """
    own = own_references(log, reference) - days * DAY_S
    ends = _end_at_click(log, own, log.offsets[1:]) if days else log.offsets[1:]
    asked = np.flatnonzero((ends > log.offsets[:-1]) & ((ends < log.offsets[1:]) | (days == 0)))
    return np.asarray((log.time[ends[asked] - 1] - own[asked]) / HOUR_S)


def rewind(train: Sequences, test: Fold, how: Rewind, seed: int) -> list[Fold]:
    """The hold-out and, behind it, the earlier folds that fusion and ranker learn on; none that nobody can be asked in
    but the hold-out, which then has no queries, so that a submission is written all the same.

    ``test``: the organiser's fold, whose candidates those of the folds are like. ``UserError`` without any click.
    """
    if not (train.action >= schema.CLICK).any():
        raise UserError(
            "No event of the sequences is a click: there is nothing to learn from, and nothing can be held out."
            " Check their action_type."
        )
    folds = (_rewind_clicks if how.kind == "clicks" else _rewind_days)(train, test, how, seed)
    nobody = np.empty(0, np.int64)
    return [*folds] or [build_fold(train, train.offsets[1:], nobody, test.candidates, how.actions)]


def _rewind_clicks(train: Sequences, test: Fold, how: Rewind, seed: int) -> Iterator[Fold]:
    """Users in parts; those of a part, and of all parts before it, end before their last click."""
    last = _last_click(train)
    users = np.flatnonzero(last > train.offsets[:-1])
    users = users[_is_new(train, users, last[users]) & np.isin(train.item[last[users]], test.candidates)]
    users = np.random.default_rng([seed, 11]).permutation(users)
    share = min(1.0, len(users) / sum(how.queries))
    ends = train.offsets[1:]
    for part in np.split(users, np.cumsum([int(size * share) for size in how.queries]))[:-1]:
        ends = ends.copy()
        ends[part] = last[part]
        if len(part):
            yield build_fold(train, ends, np.sort(part), test.candidates, how.actions)


def _rewind_days(train: Sequences, test: Fold, how: Rewind, seed: int) -> Iterator[Fold]:
    """Everybody's reference some days earlier, again and again; what the step before shows is all that there is."""
    own = own_references(train, how.reference)
    mix = measure_mix(test.candidates, whole(train), how.reference)
    visible = train.offsets[1:]
    for back, most in enumerate(how.queries, 1):
        step = back * how.days * DAY_S
        ends = _end_at_click(train, own - step, visible)
        users = np.flatnonzero((ends < visible) & (ends > train.offsets[:-1]))
        users = users[_is_new(train, users, ends[users])]
        rng = np.random.default_rng([seed, 11, back])
        users = users if len(users) <= most else np.sort(rng.choice(users, most, replace=False))
        if len(users):
            later, further = take_history(train, visible), max(len(test.users) - len(users), 0)
            candidates = _draw_candidates(later, ends, ends[users], further, mix, how.reference - step, rng)
            yield build_fold(train, ends, users, candidates, how.actions)
        visible = ends


def _end_at_click(train: Sequences, moment: Int64s, visible: Int64s) -> Int64s:
    """The event that each history ends at, without it: the first click (or more) at or behind a ``moment`` [users] and
    before ``visible`` [users], which stays where there is none.

    >>> log = Sequences(np.array([0, 3]), np.int32([1, 2, 3]), np.int8([1, 1, 1]), np.array([10, 20, 30]))
    >>> [_end_at_click(log, np.array([moment]), np.array([2])).tolist() for moment in (5, 15, 25)]
    [[0], [1], [2]]
    """
    events = np.flatnonzero(train.action >= schema.CLICK)
    owner = np.searchsorted(train.offsets, events, side="right") - 1
    is_target = (train.time[events] >= moment[owner]) & (events < visible[owner])
    users, first = np.unique(owner[is_target], return_index=True)
    ends = visible.copy()
    ends[users] = events[is_target][first]
    return ends


def _draw_candidates(
    later: Histories, ends: Int64s, event: Int64s, further: int, mix: CandidateMix, reference: int, rng: Generator
) -> CatalogueRows:
    """The targets and ads as alive around the earlier ``reference`` as the organiser's are around theirs; of what the
    ``later`` fold shows alone. ``further``: how many more users the organiser asks, whose targets are rivals too: the
    ads of as many other hidden clicks stand for these.
    """
    train, history = later.sequences, take_history(later.sequences, ends)
    hidden = np.zeros(len(train.item), bool)
    hidden[later.events()] = True
    hidden[history.events()] = False
    # Unseen rivals are those of the days of the question, not of all days that are hidden.
    hidden &= (train.time >= reference) & (train.time <= train.time[event].max(initial=reference))
    clicks = np.setdiff1d(np.flatnonzero(hidden & (train.action >= schema.CLICK)), event)
    others = rng.choice(clicks, min(further, len(clicks)), replace=False)
    target = train.item[np.concatenate([event, others])].astype(np.int64)
    return sample_candidates(history, target, hidden, mix, reference, rng)


def build_fold(train: Sequences, ends: Int64s, users: Int64s, candidates: CatalogueRows, actions: bool = False) -> Fold:
    """The history of each user of the log stops before event ``ends`` [users], and those of ``users`` are asked which
    of the ``candidates`` stands there; ``actions``: whether queries say those of their targets.
    """
    history, event = take_history(train, ends), ends[users]
    target = train.item[event].astype(np.int64)
    action = train.action[event] if actions else None
    seen = np.zeros(int(max(train.item.max(), candidates.max())) + 1, bool)
    seen[train.item[history.events()]] = True
    queries = history.take(users)
    return Fold(
        train_ends=ends,
        users=users,
        query_ends=queries.ends,
        query_times=last_times(queries),
        candidates=candidates,
        condition=_condition(len(users), action),
        target=target,
        unseen=~seen[target],
        target_action=train.action[event],
    )


def _is_new(train: Sequences, users: Int64s, event: Int64s) -> Bools:
    """Which ``users`` have not seen the ad of their ``event`` before it.

    Where the log holds an exposure and its click as two events, an ad exposed before and clicked behind is no new ad:
    seen ads are never recommended again, so that nobody could be right.
    """
    history = Histories(train, users, event)
    earlier, owner = expand_events(history)
    known = np.zeros(len(users), bool)
    known[owner[train.item[earlier] == train.item[event[owner]]]] = True
    return ~known


def take_fold(folds: list[Fold], at: int) -> Fold:
    """One of several, as a step of its own."""
    return folds[at]


def say_folds(test: Fold, folds: list[Fold]) -> None:
    """What the folds ask beside what the organiser asks: a line each."""
    if not len(folds[0].users):
        say("  nobody can be asked earlier: nothing is held out, and ads are ordered by the even sum of the channels")
    for name, fold in (("test", test), *((f"fold {at}", fold) for at, fold in enumerate(folds))):
        unseen = [] if fold.unseen is None else fold.unseen.tolist()
        share = f", {np.mean(unseen):.1%} of the targets unseen" if unseen else ""
        say(f"  {name}: {len(fold.users):,} queries, {len(fold.candidates):,} candidates{share}")
