"""What a blend takes of a tencent run, and how it answers: of the host's users a run keeps the ten ads alone, so that a
blend has the ads that one run or another answers.
"""

from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.blend import Blending
from common.learning.listwise_softmax import Sizes, find_starts
from common.learning.metrics import rank_answers
from competitions.tencent import submission
from competitions.tencent.corpus import Int64s, Oids
from competitions.tencent.io import reader
from competitions.tencent.io.schema import TOP
from competitions.tencent.metrics import list_weights, score_answers, weigh_scores
from competitions.tencent.pipeline import Outcome
from competitions.tencent.top_k import TopK


def list_test(outcome: Outcome) -> pl.DataFrame:
    """A row an ad of a test user; ads that fill a list up stand behind the others."""
    corpus, fold, answers = outcome.ready.corpus.value, outcome.ready.test.value, outcome.final.answers.value
    ads, _ = submission.choose_ads(corpus, fold, answers)
    return list_ads(pl.Series(corpus.test_users).cast(pl.String), ads, answers.best)


def list_valid(outcome: Outcome) -> pl.DataFrame:
    """A row an ad of a held-out user; ``weight``: what a user's Score counts, in the mean 1."""
    corpus, fold, best = outcome.ready.corpus.value, outcome.ready.valid.value, outcome.early.answers.value.best
    assert fold.target is not None
    weights = weigh_scores(np.ones(len(fold.users)), list_weights(fold, outcome.config.host))
    marks = {"label": (best.rows == fold.target[:, None]).astype(np.float32), "weight": np.repeat(weights, TOP)}
    listed = list_ads(pl.Series(corpus.users[fold.users]).cast(pl.String), corpus.catalogue.oid[best.rows], best)
    marked = listed.with_columns(pl.Series(name, values.reshape(-1)) for name, values in marks.items())
    return marked.filter(pl.lit(pl.Series(best.rows.reshape(-1) > 0)))


def list_ads(users: pl.Series, ads: Int64s, best: TopK) -> pl.DataFrame:
    """Ten ``ads`` a user with the scores of the answer; where it has none, lower ones that fall."""
    known = np.isfinite(best.scores)
    lowest = np.where(known, best.scores, np.inf).min(1, keepdims=True, initial=0)
    scores = np.where(known, best.scores, lowest - 1 - np.arange(best.scores.shape[1]))
    columns = {"item": ads.reshape(-1), "score": scores.reshape(-1).astype(np.float32)}
    return pl.DataFrame({"query": users.gather(np.repeat(np.arange(len(users)), best.scores.shape[1])), **columns})


def earn(candidates: pl.DataFrame, sizes: Sizes) -> Floats:
    """What each user's ten ads add to the Score."""
    ranks = rank_answers(candidates["score"].to_numpy(), candidates["label"].to_numpy(), sizes)
    weights = candidates["weight"].to_numpy()[find_starts(sizes)]
    return np.asarray(score_answers(np.where(ranks <= TOP, ranks, 0)) * weights)


def answer(candidates: pl.DataFrame, files: reader.RawFiles, folder: Path) -> list[Path]:
    """The submission of scored ads, in both forms."""
    names = reader.read_corpus(files).test_users
    best = pl.col("item").sort_by("score", descending=True, maintain_order=True).head(TOP)
    users = pl.DataFrame({"query": pl.Series(names).cast(pl.String)})
    lists = users.join(candidates.group_by("query").agg(best), on="query", how="left", maintain_order="left")
    return submission.write_submissions(names, Oids(lists["item"].list.to_array(TOP).to_numpy()), folder)


BLENDING = Blending(list_test=list_test, list_valid=list_valid, earn=earn, answer=answer, labels=("label", "weight"))
