"""Settings meet the files: what ``auto`` in config.toml stands for on these, each with its reason.

One step decides, prints and records. Whatever config.toml, or ``--set``, gives in place of ``auto`` stays as it is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np

from common.engine.decisions import AUTO, Decision, refuse_choice, refuse_unknown
from common.time_units import DAY_S
from competitions.tencent.config import HostSettings, SplitSettings, TencentConfig
from competitions.tencent.corpus import Corpus, Int8s, Sequences
from competitions.tencent.features.pair_features import BLOCKS
from competitions.tencent.io import schema
from competitions.tencent.retrieval import content, sequence
from competitions.tencent.retrieval.registry import CHANNELS
from competitions.tencent.split import Rewind, eligible_events, find_reference

EARLIER = {"days": 2, "clicks": 1}  # folds
REFERENCE_SHARE = 0.5  # of the users with events but no click behind the reference, and more
QUERY_SHARE, MOST_DAYS = 0.5, 7  # of the users who click within the days of a step, if so many days do
SHORT, LONG, MANY = 200, 300, 30_000  # lists; of more candidates than MANY a short one holds too few targets
MOST_SECONDS = 150.0  # of all fits of the sequence channel, on one thread
ORDER_ONLY = 0.95  # of all steps of one length: the times are ranks in the order


@dataclass(frozen=True)
class Plan:
    """What is scored (``host``) and held out (``split``, ``rewind``), with nothing left to decide; whether ``times``
    say more than the order; ``channels`` of retrieval, the ``list_length`` that it returns; what was decided, and why.
    """

    host: HostSettings
    split: SplitSettings
    rewind: Rewind
    times: bool
    channels: tuple[str, ...]
    list_length: int
    decisions: tuple[Decision, ...]


def check_names(config: TencentConfig) -> None:
    """Refuse blocks and channels that no registry has (``ValueError``)."""
    refuse_choice("ranker.features.blocks", config.ranker.features.blocks, tuple(BLOCKS))
    if config.ranker.channels != AUTO:
        refuse_unknown("ranker.channels", config.ranker.channels, tuple(CHANNELS))


def make_plan(corpus: Corpus, embeddings: int, config: TencentConfig) -> Plan:
    """Decide what is left to the files. ``embeddings``: how many there are."""
    host, division, train = config.host, config.split, corpus.train
    target, why = decide_target(train, corpus.actions, host.target)
    decisions = [Decision("host.target", target, why)]
    actions, why = decide_actions(corpus.actions, host.actions)
    decisions.append(Decision("host.actions", str(actions).lower(), why))
    times, why = decide_times(train)
    decisions.append(Decision("times", "used" if times else "not used", why))
    rewind, why = decide_rewind(train, target, division)
    decisions.append(Decision("split.kind", rewind.kind, why))
    earlier = EARLIER[rewind.kind] if isinstance(division.earlier, str) else division.earlier
    # Whether and how many users can be asked is said by the folds themselves, before anything is fitted.
    chosen, why = decide_channels(corpus, embeddings, earlier + 2, config)
    decisions.append(Decision("ranker.channels", ", ".join(chosen), why))
    length, why = decide_list_length(len(corpus.candidates), config.ranker.list_length)
    decisions.append(Decision("ranker.list_length", str(length), why))
    return Plan(
        host=msgspec.structs.replace(host, target=target, actions=actions),
        split=msgspec.structs.replace(division, kind=rewind.kind, earlier=earlier),
        rewind=rewind,
        times=times,
        channels=chosen,
        list_length=length,
        decisions=tuple(decisions),
    )


def decide_target(train: Sequences, actions: Int8s | None, given: str) -> tuple[str, str]:
    """Round 2's target where the host says what each test user will do, or anything in the log is a conversion."""
    if given != AUTO:
        return given, "set"
    conversions = int((train.action == schema.CONVERSION).sum())
    share = f"{conversions / max(len(train.action), 1):.2%} of the events are conversions"
    if actions is not None:
        return "conversion_or_click", f"round 2: {schema.USER_ACTIONS} gives the action of each test user, {share}"
    if conversions:
        return "conversion_or_click", f"round 2: {share}"
    return "click", "round 1: no event is a conversion"


def decide_actions(actions: Int8s | None, given: str | bool) -> tuple[bool, str]:
    """Where the host says what each test user will do, the hold-out's queries say it as well, and else not."""
    if not isinstance(given, str):
        return given, "set"
    if actions is None:
        return False, f"there is no {schema.USER_ACTIONS}"
    return True, f"{schema.USER_ACTIONS} gives them for the host's queries"


def decide_times(train: Sequences) -> tuple[bool, str]:
    """Not where nearly all steps between events take the same time."""
    share = steady_share(train)
    if share >= ORDER_ONLY:
        return False, f"{share:.0%} of the gaps between events are equal: times only give the order"
    return True, f"times differ: the most common gap between events is {share:.0%} of all gaps"


def decide_rewind(train: Sequences, target: str, given: SplitSettings) -> tuple[Rewind, str]:
    """Days where the files show when the organiser asks, clicks where not, and where times only give the order."""
    if given.kind == AUTO and not decide_times(train)[0]:
        return Rewind("clicks"), "times only give the order; some users are asked a click earlier"
    reference, share = find_reference(train, target)
    if given.kind == "clicks" or (given.kind == AUTO and share < REFERENCE_SHARE):
        why = f"{share:.0%} of the users have events but no click behind one moment: it is no reference time"
        return Rewind("clicks"), "set" if given.kind != AUTO else f"{why}; some users are asked a click earlier"
    reference = reference if share else int(train.time.max(initial=0)) + 1  # where days are asked for all the same
    moment = datetime.fromtimestamp(reference, UTC)
    when = f"{share:.0%} of the users have events but no click behind {moment:%Y-%m-%d %H:%M} UTC: the reference time"
    if not isinstance(given.days, str):
        return Rewind("days", reference, given.days), f"{when}; {given.days} days a step: set"
    days = next((days for days in range(1, MOST_DAYS) if share_of_users(train, target, reference, days)), MOST_DAYS)
    return Rewind(
        "days", reference, days
    ), f"{when}; all are asked {days} days earlier: {QUERY_SHARE:.0%} click in so many"


def share_of_users(train: Sequences, target: str, reference: int, days: int) -> bool:
    """Whether ``QUERY_SHARE`` of the users have a target within so many ``days`` before the reference."""
    inside = (train.time >= reference - days * DAY_S) & (train.time < reference) & eligible_events(train, target)
    owner = np.searchsorted(train.offsets, np.flatnonzero(inside), side="right")
    return bool(len(np.unique(owner)) >= QUERY_SHARE * len(train))


def steady_share(train: Sequences) -> float:
    """The share of the commonest time between two events of a user; 0 where no user has two."""
    inside = np.ones(max(len(train.time) - 1, 0), bool)
    ends = train.offsets[1:-1]
    inside[ends[(ends > 0) & (ends < len(train.time))] - 1] = False
    steps = np.diff(train.time)[inside]
    if not len(steps):
        return 0.0
    return float(np.unique(steps, return_counts=True)[1].max() / len(steps))


def decide_channels(corpus: Corpus, embeddings: int, folds: int, config: TencentConfig) -> tuple[tuple[str, ...], str]:
    """All that the files allow, the sequence channel where its fits take no more than ``MOST_SECONDS``: fusion weights,
    learned on the log, settle how much each counts for, and which leave again. ``folds``: how many histories they are
    fitted on.
    """
    given, ads = config.ranker.channels, len(corpus.catalogue.oid)
    if not isinstance(given, str):
        return tuple(given), "set"
    why = f"{embeddings} embedding{'s' if embeddings != 1 else ''}, {ads:,} ads: all channels they allow, with learned"
    why += " weights"
    chosen = [name for name in CHANNELS if embeddings or name != content.CHANNEL.name]
    seconds = folds * sequence.estimate_seconds(len(corpus.train.item), ads, config.sequence)
    if seconds > MOST_SECONDS:
        chosen.remove(sequence.SEQUENCE)
        why += f"; {sequence.SEQUENCE} would need about {seconds / 60:,.0f} minutes"
    return tuple(chosen), why


def decide_list_length(candidates: int, given: str | int) -> tuple[int, str]:
    """The more candidates there are, the further down retrieval has the target (LOG.md)."""
    if not isinstance(given, str):
        return given, "set"
    return (LONG if candidates > MANY else SHORT), f"{candidates:,} candidates"
