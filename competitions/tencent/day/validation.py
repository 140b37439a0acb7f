"""What the hold-out asked and ranked: a row a user, a row an ad that is retrieved for the first users, and users in
words.
"""

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.evidence import BEYOND, BLEND, Evidence, list_rivals
from common.day.judged import measure_importance
from common.day.record_schema import CLUSTER, PART, Example
from common.learning.dataset import RankingDataset
from common.learning.diagnostics import Importance
from common.learning.gbdt import Ranker
from competitions.tencent import metrics
from competitions.tencent.config import FeatureSettings
from competitions.tencent.corpus import Catalogue, Corpus, Int64s
from competitions.tencent.features.pair_features import pair_features
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.io.schema import CLICK, ITEM_FEATURES, TOP
from competitions.tencent.metrics import rank_targets
from competitions.tencent.pipeline import RankedFold, Validated
from competitions.tencent.ranking import WAYS, count_events, find_hits, score_candidates
from competitions.tencent.retrieval.search import Moment, Search, take_queries
from competitions.tencent.split import Fold

LISTED = 400  # users whose candidates and features every run makes anew: those of 2,000 take a gigabyte
SHUFFLED_ROWS = 80_000  # of these, at most
LENGTHS, LENGTH_NAMES = (5, 20, 100), ("1-5", "6-20", "21-100", "over 100")  # classes of history lengths
FEATURES_SHOWN, RECENT = 3, 3


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per held-out user, and where the fold before is scored as well, per user of that: its share of the Score,
    weighted as the host weighs it (round 2).
    """
    scored = {"hold-out": outcome.early, "one step earlier": outcome.second}
    return pl.concat([list_fold(outcome, name, ranked) for name, ranked in scored.items() if ranked])


def list_fold(outcome: Validated, name: str, ranked: RankedFold) -> pl.DataFrame:
    """The queries of one fold, which the same fits scored."""
    corpus, fold, best = outcome.ready.corpus.value, ranked.fold.value, ranked.answers.value.best
    assert fold.unseen is not None
    return pl.DataFrame(
        {
            "query": pl.Series(corpus.users[fold.users]).cast(pl.String),
            "fold": pl.repeat(name, len(fold.users), eager=True),
            PART: pl.repeat(name, len(fold.users), eager=True),
            "score": metrics.score_queries(fold, best, outcome.config.host),
            CLUSTER: fold.target,  # users who click the same ad are right or wrong together
            "target": pl.Series(np.where(fold.unseen, "an unseen ad", "a seen ad")),
            "history": np.array(LENGTH_NAMES)[np.searchsorted(LENGTHS, fold.queries(corpus.train).lengths)],
        }
    )


def collect_evidence(outcome: Validated) -> Evidence:
    """The candidates of the first users, and the ranks of all."""
    ready, early, chain = outcome.ready, outcome.early, outcome.chain.value
    inputs = early.tables.value, early.ranker.value, outcome.config.ranker.features
    candidates, rows = list_candidates(ready.corpus.value, early.fold.value, *inputs)
    popular = f"Popularity: events {'within a day of the query' if ready.plan.value.times else 'of an ad'}"
    _, first, popularity = WAYS
    rules = {popularity: popular, first: "First stage: retrieval"}
    ranks, stages = count_stages(outcome)
    return Evidence(
        candidates=candidates.select(pl.exclude(chain.answer), pl.col(chain.answer).alias(BLEND)),
        rows=rows,
        ranks=ranks,
        example=lambda query: show_user(outcome, query),
        stages=stages,
        listed="retrieved",
        cutoffs=(TOP,),
        rivals=list_rivals(chain, score_chance(ready.valid.value), rules),
    )


def count_stages(outcome: Validated) -> tuple[Int64s, list[tuple[str, int]]]:
    """The rank of each held-out user's target in the ten ads, and how many targets there are before the search."""
    fold, answers = outcome.ready.valid.value, outcome.early.answers.value
    assert fold.target is not None
    assert fold.unseen is not None
    ranks = rank_targets(fold, answers.best)
    stages = [
        ("all queries", len(fold.users)),
        ("shown in the log before", int((~fold.unseen).sum())),
        ("among the candidates", int(np.isin(fold.target, fold.candidates).sum())),
        ("in the pool at the time of the query", int((answers.known_rank >= 0).sum())),
    ]
    return np.where((ranks == 0) & (answers.known_rank > 0), BEYOND, ranks), stages


def list_candidates(
    corpus: Corpus, fold: Fold, tables: FoldTables, ranker: Ranker | None, settings: FeatureSettings
) -> tuple[pl.DataFrame, RankingDataset]:
    """One row per ad that is retrieved for the first ``LISTED`` queries of a fold, with a score by each of ``WAYS``;
    and their features, made anew: the run holds those of a block of users at a time.
    """
    assert fold.target is not None
    users, target = take_queries(corpus, fold, settings.history, slice(0, LISTED)), fold.target[:LISTED]

    def list_block(moment: Moment, rows: Int64s) -> tuple[tuple[str, ...], list[np.ndarray]]:
        retrieved = moment.retrieve(users.take(rows))
        possible = np.isfinite(retrieved.scores)  # ads that the user has seen are no candidates
        features, names = pair_features(tables, retrieved, settings.blocks)
        popular = count_events(retrieved.popularity)
        scores = np.stack([score_candidates(ranker, moment, retrieved), retrieved.scores, popular], 2)
        owners, hits = np.repeat(rows, possible.sum(1)), find_hits(retrieved, target[rows])
        columns = [column[possible] for column in (features, scores, retrieved.item, hits)]
        return names, [possible.sum(1), owners, *columns]

    names, parts = zip(*Search(tables, settings).each_block(users, list_block, "describing users"), strict=True)
    sizes, owners, features, scores, items, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    listed = {
        "query": pl.Series(corpus.users[fold.users[:LISTED]]).cast(pl.String).gather(owners),
        "item": corpus.catalogue.oid[items],
        "label": labels.astype(np.float32),
        **dict(zip(WAYS, scores.T, strict=True)),
    }
    data = RankingDataset(names[0], features, labels.astype(np.float32), sizes.astype(np.int32))
    return pl.DataFrame(listed), data


def measure_columns(
    corpus: Corpus, fold: Fold, tables: FoldTables, ranker: Ranker, settings: FeatureSettings
) -> list[Importance]:
    """Gain and shuffled likelihood (``measure_importance``) of each column of the ranker, by the first queries."""
    rows = list_candidates(corpus, fold, tables, ranker, settings)[1]
    return measure_importance(rows, [ranker], LISTED, SHUFFLED_ROWS)


def score_chance(fold: Fold) -> Floats:
    """What a random order of the ads scores for each held-out user."""
    assert fold.target is not None
    listed, ranks = np.isin(fold.target, fold.candidates), range(1, min(TOP, len(fold.candidates)) + 1)
    chances = [metrics.score_answers(np.where(listed, rank, 0)) for rank in ranks]
    return np.asarray(np.sum(chances, 0) / len(fold.candidates))


def show_user(outcome: Validated, query: int) -> Example:
    """One held-out user in words: the last clicks, the ten ads, the ad that was clicked."""
    fold, corpus = outcome.ready.valid.value, outcome.ready.corpus.value
    assert fold.target is not None
    histories, user = fold.queries(corpus.train), corpus.users[fold.users[query]].decode()
    events = np.arange(histories.starts[query], histories.ends[query])
    clicked = events[corpus.train.action[events] >= CLICK][-RECENT:][::-1]
    last = "; ".join(name_ad(corpus.catalogue, int(corpus.train.item[event])) for event in clicked)
    context = f"{len(events)} earlier events, the last clicks: {last or 'none'}"
    rows = outcome.early.answers.value.best.rows[query]
    listed = [name_ad(corpus.catalogue, int(row)) for row in rows[rows > 0]]
    return Example(f"{user},", context, listed, name_ad(corpus.catalogue, int(fold.target[query])))


def name_ad(catalogue: Catalogue, row: int) -> str:
    """An ad's original number and its first known features."""
    values = [f"{name}={value}" for name, value in zip(ITEM_FEATURES, catalogue.features[row], strict=True) if value]
    return f"ad {catalogue.oid[row]}" + (f" ({', '.join(values[:FEATURES_SHOWN])})" if values else "")
