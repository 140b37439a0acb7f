"""The rungs that are sequence models: each is trained by the channel's trainer and answers all queries."""

import msgspec
import numpy as np
import pytest

from competitions.learning.tencent import encoders as rungs
from competitions.learning.tencent import semantic_ids
from competitions.learning.tencent.encoders import SEQUENCE_RUNGS, answer_rung, fit_rung
from competitions.learning.tencent.semantic_ids import answer_generatively
from competitions.tencent.corpus import Corpus
from competitions.tencent.split import Fold
from tests.unit.tencent.retrieval.test_sequence import ADS, SMALL, make_circle, make_contents
from tests.unit.tencent.training_inputs import hide_from, make_corpus


def make_fold() -> tuple[Corpus, Fold]:
    """Asked for the ad behind the last one that is shown."""
    log = make_circle().sequences
    corpus = make_corpus(log, ADS)
    return corpus, hide_from(log, log.offsets[1:] - 1, corpus.candidates)


def shrink(key: str, passes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rung = SEQUENCE_RUNGS[key]
    small = msgspec.structs.replace(SMALL, passes=passes, blocks=rung.settings.blocks)
    monkeypatch.setitem(rungs.SEQUENCE_RUNGS, key, rung._replace(settings=small))


@pytest.mark.parametrize("key", SEQUENCE_RUNGS)
def test_each_rung_learns_the_circle(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(key, 40, monkeypatch)
    corpus, fold = make_fold()
    top = answer_rung(corpus, fold, fit_rung(corpus, make_contents(ADS + 1), fold, key, 0), key)
    assert fold.target is not None
    hits = top.rows[:, 0] == fold.target
    assert hits.mean() > 0.5  # by chance .11: of twelve ads three or so were seen


def test_the_generative_answer_is_the_next_ad_of_the_circle_for_most_and_none_that_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(semantic_ids, "EPOCHS", 200)
    shrink(rungs.WITH_CONTENT, 20, monkeypatch)
    corpus, fold = make_fold()
    table = fit_rung(corpus, make_contents(ADS + 1), fold, rungs.WITH_CONTENT, 0)
    top = answer_generatively(corpus, fold, table, 0)
    assert (top.rows[:, 0] == fold.target).mean() > 0.8
    queries = fold.queries(corpus.train)
    for query in range(len(queries)):
        rows = top.rows[query][top.rows[query] > 0]
        seen = corpus.train.item[queries.starts[query] : queries.ends[query]]
        assert len(rows) == len(set(rows.tolist())) == min(10, ADS - len(set(seen.tolist())))
        assert not np.isin(rows, seen).any()
