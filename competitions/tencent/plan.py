"""Settings meet the files: what ``auto`` in config.toml stands for on these, each with its reason.

One step decides, prints and records. Whatever config.toml, or ``--set``, gives in place of ``auto`` stays as it is.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
import torch

from common.engine.decisions import AUTO, Decision, refuse_choice, refuse_unknown
from competitions.tencent.config import HostSettings, SplitSettings, TencentConfig
from competitions.tencent.corpus import Corpus, Int8s, Sequences
from competitions.tencent.features.pair_features import BLOCKS
from competitions.tencent.io import schema
from competitions.tencent.retrieval import content
from competitions.tencent.retrieval.channel import LogSize
from competitions.tencent.retrieval.registry import CHANNELS
from competitions.tencent.split import eligible_events

DAYS, STEPS = 4, 2
SHORT, LONG, MANY = 200, 600, 30_000  # lists; of more candidates than MANY a short one holds too few targets
MOST_SECONDS = 400.0  # of a channel on one thread, in all folds together
ORDER_ONLY = 0.95  # of all steps of one length: the times are ranks in the order


@dataclass(frozen=True)
class Plan:
    """What is scored (``host``) and held out (``split``), with nothing left to decide; ``channels`` of retrieval, the
    ``list_length`` that it returns; what was decided, and why.
    """

    host: HostSettings
    split: SplitSettings
    channels: tuple[str, ...]
    list_length: int
    decisions: tuple[Decision, ...]

    @property
    def times(self) -> bool:
        """Whether times say more than the order."""
        return self.split.kind == "time"


def check_names(config: TencentConfig) -> None:
    """Refuse blocks and channels that no registry has (``ValueError``)."""
    refuse_choice("ranker.features.blocks", config.ranker.features.blocks, tuple(BLOCKS))
    if config.ranker.channels != AUTO:
        refuse_unknown("ranker.channels", config.ranker.channels, tuple(CHANNELS))


def make_plan(
    corpus: Corpus,
    embeddings: int,
    host: HostSettings,
    division: SplitSettings,
    channels: str | tuple[str, ...],
    list_length: str | int,
) -> Plan:
    """Decide what is left to the files. ``embeddings``: how many there are; ``channels``, ``list_length``: as set."""
    target, why = decide_target(corpus.train, corpus.actions, host.target)
    decisions = [Decision("host.target", target, why)]
    actions, why = decide_actions(corpus.actions, host.actions)
    decisions.append(Decision("host.actions", str(actions).lower(), why))
    kind, why = decide_kind(corpus.train, division.kind)
    decisions.append(Decision("split.kind", kind, why + count_targetless(corpus.train, kind, target)))
    earlier, why = decide_earlier(kind, division.earlier)
    decisions.append(Decision("split.earlier", str(earlier), why))
    size = LogSize(len(corpus.train.item), len(corpus.catalogue.oid), torch.cuda.is_available())
    # The hold-out, the organiser's queries, and the earlier folds of both, of which all but one end alike.
    chosen, why = decide_channels(size, embeddings, earlier + 2, channels)
    decisions.append(Decision("ranker.channels", ", ".join(chosen), why))
    length, why = decide_list_length(len(corpus.candidates), list_length)
    decisions.append(Decision("ranker.list_length", str(length), why))
    return Plan(
        host=msgspec.structs.replace(host, target=target, actions=actions),
        split=msgspec.structs.replace(division, kind=kind, earlier=earlier),
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


def decide_kind(train: Sequences, given: str) -> tuple[str, str]:
    """ "last" where nearly all steps between events take the same time."""
    if given != AUTO:
        return given, "set"
    share = steady_share(train)
    if share >= ORDER_ONLY:
        return "last", f"{share:.0%} of the gaps between events are equal: times only give the order"
    return "time", f"times differ: the most common gap between events is {share:.0%} of all gaps"


def count_targetless(train: Sequences, kind: str, target: str) -> str:
    """How many users have no event that can be a target, in words; nothing where the hold-out is cut by time."""
    clicks = np.add.reduceat(eligible_events(train, target), train.offsets[:-1][np.diff(train.offsets) > 0])
    without = len(train) - int((clicks > 0).sum())
    name = "conversion" if target == "conversion" else "click"
    return f"; {without:,} of {len(train):,} users have no {name} to hold out" if kind == "last" and without else ""


def steady_share(train: Sequences) -> float:
    """The share of the commonest time between two events of a user; 0 where no user has two."""
    inside = np.ones(max(len(train.time) - 1, 0), bool)
    ends = train.offsets[1:-1]
    inside[ends[(ends > 0) & (ends < len(train.time))] - 1] = False
    steps = np.diff(train.time)[inside]
    if not len(steps):
        return 0.0
    return float(np.unique(steps, return_counts=True)[1].max() / len(steps))


def decide_earlier(kind: str, given: str | int) -> tuple[int, str]:
    """Days where there are days; steps back from the last event cost a fit of all tables each, and lose short
    histories.
    """
    if not isinstance(given, str):
        return given, "set"
    return (DAYS, "cuts one day apart") if kind == "time" else (STEPS, "cuts one event apart")


def decide_channels(
    size: LogSize, embeddings: int, folds: int, given: str | tuple[str, ...]
) -> tuple[tuple[str, ...], str]:
    """All that the files allow and that are fitted in time: fusion weights, learned on the log, settle how much each
    counts for, and which leave again. ``folds``: how many histories they are fitted on.
    """
    if not isinstance(given, str):
        return tuple(given), "set"
    some = f"{embeddings} embedding{'s' if embeddings != 1 else ''}, {size.ads:,} ads"
    allowed = {name: each for name, each in CHANNELS.items() if embeddings or name != content.CHANNEL.name}
    seconds = {name: folds * channel.seconds(size) for name, channel in allowed.items()}
    slow = [f"{name} would need about {one / 60:,.0f} minutes" for name, one in seconds.items() if one > MOST_SECONDS]
    chosen = tuple(name for name, one in seconds.items() if one <= MOST_SECONDS)
    return chosen, "; ".join([f"{some}: all channels they allow, with learned weights", *slow])


def decide_list_length(candidates: int, given: str | int) -> tuple[int, str]:
    """The more candidates there are, the further down retrieval has the target (FIGURES.md)."""
    if not isinstance(given, str):
        return given, "set"
    return (LONG if candidates > MANY else SHORT), f"{candidates:,} candidates"
