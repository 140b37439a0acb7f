"""What a finished Tencent run reports: scores by user, ways to answer, training, and why the score is so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.day.judged import Judged
from common.day.record_schema import Row, Scored
from common.day.run_record import SimulatedTruth, average_queries
from common.engine.progress import say
from common.learning.model_diagnostics import share_gains
from common.simulation.oracle import read_oracle
from common.time_units import HOUR_S
from competitions.tencent import metrics, submission
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.day.validation import collect_evidence, list_queries, measure_columns
from competitions.tencent.io.schema import TRUTH
from competitions.tencent.pipeline import Outcome, RankedFold, Validated
from competitions.tencent.plan import FAR_APART
from competitions.tencent.retrieval.search import SEARCH_SCORE
from competitions.tencent.sequences import Histories, expand_events
from competitions.tencent.split import Fold

METRIC = "score"
MEANING = ".31 x hit rate + .69 x NDCG of ten ads: how often, and how high, the clicked ad is in the list"
WHY = "users who click the same ad are right or wrong together"
FURTHER = ", and the truth is one event later than the hold-out"
SAMPLE = 10_000  # queries whose histories are compared; sampled before their events are gathered
SAMPLED_LOG = 100_000  # users in whose events others are counted: nine million of the host's ninety
AROUND_H = {"an hour": 1, "a day": 24}
OTHERS = "others' events within {}"
COMPARED = ("history, mean", "candidates", OTHERS.format("a day"))
MANY_USERS = 100_000  # to answer: another fit takes half an hour


def judge(outcome: Validated, config: TencentConfig) -> Judged:
    """What a run reports, or one that stopped after validation."""
    ready, early, ways = outcome.ready, outcome.early, dict(outcome.measured.value)
    corpus, plan, valid = ready.corpus.value, ready.plan.value, ready.valid.value
    expected = metrics.expect_score(valid, early.answers.value.best, outcome.config.host, plan.times)
    best = next(iter(ways))
    queries, error, why = list_queries(outcome), expected["error"], WHY if plan.times else WHY + FURTHER
    ways[best] = ways[best] | {"score_error": error}  # what is submitted: its error is the headline's
    if outcome.second:  # the score of two folds is that of a quick run, and promises nothing of the test
        both = average_queries(queries)
        ways[best] = ways[best] | {"score": both["score"], "score_error": both["error"]}
        error, why = both["error"], WHY
    judged = Judged(
        metric=METRIC,
        meaning=MEANING,
        fits=1 if len(corpus.test_users) > MANY_USERS else 2,
        queries=queries,
        evidence=(lambda: collect_evidence(outcome)) if len(valid.users) else None,
        error=error,
        why=why,
        ranking=[Scored(name, row["score"], row["score_error"]) for name, row in ways.items()],
        plan=lambda: [*plan.decisions, outcome.chain.value.decision],
        tables=lambda: list_tables(outcome, ways),
        notes=lambda: corpus.notes,
        features=lambda: list(early.ranker.value.gain) if early.ranker.value else [],
    )
    if not isinstance(outcome, Outcome):
        return judged
    inputs = (ready.corpus, early.fold, early.tables, early.ranker, config.ranker.features)
    return replace(
        judged,
        submissions=outcome.checked,
        importance=(measure_columns, *inputs) if early.ranker.value and judged.evidence else None,
        given=(SEARCH_SCORE,),
        summary=lambda: {"filled": outcome.filled},
    )


def list_tables(outcome: Validated, ways: Mapping[str, Row]) -> list[tuple[str, Sequence[Row]]]:
    """What a run tells beside its score; ``ways``: the scores of each way to answer."""
    ready, early = outcome.ready, outcome.early
    corpus, plan = ready.corpus.value, ready.plan.value
    folds = {"hold-out": ready.valid.value, "test": ready.test.value}
    folds |= {f"earlier {at}": fold.value for at, fold in enumerate(ready.earlier, 1)}
    questions = [measure_fold(name, corpus, fold, plan.times) for name, fold in folds.items()]
    warn_of_difference(questions)
    fits = {"validation": early} | ({"test": outcome.final} if isinstance(outcome, Outcome) else {})
    return [
        ("Channels of retrieval, by their fusion weights", list(early.fusion.value.rows)),
        ("Methods on the hold-out", [{"way": name, **row} for name, row in ways.items()]),
        ("What the hold-out asks beside what the test asks", questions),
        ("Training", [{"training": name, **measure_training(fit)} for name, fit in fits.items()]),
        ("Recall of retrieval", [measure_recall(early.answers.value.known_rank)]),
    ]


def measure_training(fit: RankedFold) -> Row:
    """The trees of a fit; none where there were too few lists to learn from."""
    ranker = fit.ranker.value
    if ranker is None:
        return {"trees": 0, "features": 0, "largest gain": ""}
    return {"trees": ranker.rounds, "features": len(ranker.gain), "largest gain": next(iter(share_gains([ranker])))}


def measure_recall(rank: Int64s) -> dict[str, float]:
    """Recall of retrieval by the length of the list."""
    queries = max(len(rank), 1)
    shares = {f"within {most}": float(((rank > 0) & (rank <= most)).sum() / queries) for most in (10, 50, 100)}
    return shares | {"in the list": float((rank > 0).sum() / queries)}


def measure_fold(name: str, corpus: Corpus, fold: Fold, times: bool) -> Row:
    """What a fold asks, and where the ``times`` of the log mean anything, when: where the hold-out differs from the
    test, its score says less of the test's.
    """
    history = fold.history(corpus.train)
    queries = fold.queries(corpus.test if fold.target is None else corpus.train)
    count, when = len(queries), dict[str, float]()
    seen = np.zeros(len(corpus.catalogue.oid), bool)
    seen[corpus.train.item[history.events()]] = True
    if times and count:
        known = fold.target is not None or np.array_equal(corpus.users, corpus.test_users)
        when = measure_times(history, queries, fold.query_times, known=known)
    return {
        "fold": name,
        "training events": int(history.lengths.sum()),
        "queries": count,
        "history, mean": float(queries.lengths.mean()) if count else 0.0,
        "candidates": len(fold.candidates),
        "unseen candidates": float((~seen[fold.candidates]).mean()),
        "unseen targets": float(fold.unseen.mean()) if fold.unseen is not None and count else None,
        **when,
    }


def measure_times(history: Histories, queries: Histories, times: Int64s, *, known: bool) -> dict[str, float]:
    """The spread of the query times in hours from their median, and the median events of others within an hour and
    within a day of one, on either side: what can be known of now. ``known``: whether the ``history`` holds the events
    of the ``queries``' users as well. Of a large log some queries and the events of some users are taken.
    """
    low, middle, high = np.quantile(times, (0.1, 0.5, 0.9)) / HOUR_S
    row = {"10 % of query times, h": float(low - middle), "90 % of query times, h": float(high - middle)}
    chosen, part = sample_rows(len(queries), SAMPLE), history.take(sample_rows(len(history), SAMPLED_LOG))
    queries, times = queries.take(chosen), times[chosen]
    log, share = np.sort(history.sequences.time[part.events()]), len(part) / max(len(history), 1)
    event, owner = expand_events(queries)
    ago = times[owner] - queries.sequences.time[event]
    for within, hours in AROUND_H.items():
        first, last = np.searchsorted(log, [times - hours * HOUR_S, times + hours * HOUR_S + 1])
        own = np.bincount(owner[ago <= hours * HOUR_S], minlength=len(queries)) if known else 0
        own = own * np.isin(queries.users, part.users)
        row[OTHERS.format(within)] = float(np.median(last - first - own) / share)
    return row


def warn_of_difference(rows: Sequence[Row]) -> None:
    """A line where the hold-out asks another question than the test."""
    valid, test = rows[:2]
    names = [name for name in COMPARED if name in valid and name in test]
    apart = [name for name in names if abs(valid[name] - test[name]) > FAR_APART * test[name]]
    if apart and valid["queries"]:
        said = "; ".join(f"{name} {valid[name]:,.1f}, the test's {test[name]:,.1f}" for name in apart)
        say(f"  The hold-out asks another question than the test, its score may mislead: {said}")


def score_truth(outcome: Outcome, raw: Path) -> SimulatedTruth:
    """The submission's scores on the truth of simulated raw files."""
    path, truth, weights = outcome.checked[0].path, raw / TRUTH, outcome.config.host.weights
    scores = submission.score_submission(path, truth, weights=weights)
    queries = submission.score_queries(path, truth, weights)
    return SimulatedTruth(scores["score"], scores["score_error"], read_oracle(raw).score, scores, queries)


def sample_rows(rows: int, most: int) -> Int64s:
    """``most`` of so many rows, drawn evenly, in their order; all where there are no more.

    >>> sample_rows(3, 5).tolist(), len(sample_rows(9, 5))
    ([0, 1, 2], 5)
    """
    return np.arange(rows) if rows <= most else np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
