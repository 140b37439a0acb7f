"""Settings meet the log: what ``auto`` in config.toml stands for on these files, each with its reason.

One step decides, prints and records. Whatever config.toml, or ``--set``, gives in place of ``auto`` stays as it
is given.
"""

import math
from dataclasses import dataclass

import polars as pl

from common.engine.decisions import AUTO, Decision, refuse_choice, refuse_unknown
from common.learning.split import Fold
from competitions.news.config import BLOCKS, NewsConfig
from competitions.news.features import EXTRA_BLOCKS
from competitions.news.retrieval.channels import CHANNELS
from competitions.news.split import FEWEST_USERS, GAP_MS, ends_on_gap, terminal_share

MOST_ROWS = 1_500_000  # of candidates of training queries: twice as many take twice the time and gain nothing
LEAST_NEGATIVES = 20
LARGE = 20_000  # training queries of a large log
PATIENCE, PATIENCE_LARGE = 25, 50
# Each history costs its own channels; fewer queries promise too little to be worth that.
MOST_HISTORIES = 4
MOST_HIDDEN = 0.05  # of the clicks, from one history


@dataclass(frozen=True)
class Plan:
    """``histories`` of the labelled queries, ``negatives`` of a training query, ``patience`` of its fits; what was
    decided, and why.
    """

    histories: int
    negatives: int
    patience: int
    decisions: tuple[Decision, ...]


def list_blocks() -> tuple[str, ...]:
    """All blocks of features, those of your own at the end."""
    return (*BLOCKS, *EXTRA_BLOCKS)


def check_names(config: NewsConfig) -> None:
    """Refuse an unknown channel or block."""
    refuse_unknown("recall.channels", config.recall.channels, CHANNELS)
    refuse_choice("rank.blocks", config.rank.blocks, list_blocks())


def make_plan(clicks: pl.DataFrame, fold: Fold, config: NewsConfig) -> Plan:
    """Decide what config.toml leaves to the log, and say which clicks and users the split took."""
    train = fold.queries.filter(role="train").height
    histories, spread = decide_histories(1 - fold.history.height / max(clicks.height, 1), fold.queries.height, config)
    negatives, why = decide_negatives(train, config)
    patience = PATIENCE_LARGE if train >= LARGE else PATIENCE
    waited = "set" if config.rank.patience != AUTO else f"{train:,} training queries"
    patience = int(config.rank.patience) if config.rank.patience != AUTO else patience
    decisions = (
        explain_targets(clicks),
        explain_validation(clicks, fold),
        Decision("split.histories", str(histories), spread),
        Decision("rank.negatives", str(negatives), why),
        Decision("rank.patience", str(patience), waited),
    )
    return Plan(histories, negatives, patience, decisions)


def decide_histories(hidden: float, queries: int, config: NewsConfig) -> tuple[int, str]:
    """So many that each lacks few of the clicks, as the test's lacks none: ``hidden`` is what one of all would."""
    if (given := config.split.histories) != AUTO:
        return int(given), "set"
    wanted = 1 if queries < FEWEST_USERS else min(max(math.ceil(hidden / MOST_HIDDEN), 1), MOST_HISTORIES)
    return (
        wanted,
        f"{queries:,} labelled queries would hide {hidden:.0%} of the clicks from a single history",
    )


def decide_negatives(queries: int, config: NewsConfig) -> tuple[int, str]:
    """All candidates of a training query, or as many as ``MOST_ROWS`` allow: the more, the better the ranker."""
    given, candidates = config.rank.negatives, config.recall.candidates
    if given != AUTO:
        return int(given), "set"
    negatives = max(min(candidates - 1, MOST_ROWS // max(queries, 1)), LEAST_NEGATIVES)
    left = "all candidates are used" if negatives == candidates - 1 else f"not all {candidates} candidates are used"
    return negatives, f"{queries:,} training queries: {left}"


def explain_targets(clicks: pl.DataFrame) -> Decision:
    """Which clicks are targets, as ``find_targets`` takes them."""
    value = f"clicks after a gap of {GAP_MS / 1000:g} s" if ends_on_gap(clicks) else "last clicks"
    share = terminal_share(clicks)
    return Decision("targets", value, f"{share:.0%} of the train users end with a gap of {GAP_MS / 1000:g} s")


def explain_validation(clicks: pl.DataFrame, fold: Fold) -> Decision:
    """Whom the validation users stand for. Test users come first: some end before the train log begins."""
    ends = clicks.filter("is_target").group_by("user").agg(pl.col("time").max())
    begin = clicks.filter(~pl.col("is_test")).select(pl.col("time").min()).item()
    early = ends.select((pl.col("time") < begin).mean()).item()
    valid, weight = fold.queries.filter(role="valid"), pl.col("weight")
    own = valid.select(weight.filter(pl.col("user").is_in(ends["user"].implode())).sum() / weight.sum()).item()
    why = (
        f"{early:.0%} of the test users end before the first click of a train user; earlier clicks of test users have "
    )
    why += f"{own:.0%} of the weight"
    return Decision("validation", "users like the test's by 4 hours and clicks in the session", why)
