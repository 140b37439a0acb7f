"""The rungs that are sequence models: each is trained by the channel's trainer and answers all queries."""

import msgspec
import numpy as np
import pytest

from competitions.tencent.corpus import Corpus
from competitions.tencent.lab import generative, rungs
from competitions.tencent.lab.rungs import SEQUENCE_RUNGS, SequenceRung, answer_generatively, answer_rung, fit_rung
from competitions.tencent.sequences import Histories, last_times
from competitions.tencent.split import Fold
from tests.unit.tencent.retrieval.test_sequence import ADS, SMALL, make_circle, make_contents
from tests.unit.tencent.training_inputs import make_corpus


def make_fold() -> tuple[Corpus, Fold]:
    """Asked for the ad behind the last one that is shown."""
    history = make_circle()
    log = history.sequences
    corpus = make_corpus(log, ADS)
    ends, clicks = history.ends - 1, np.ones(len(history), np.int64)
    target = log.item[ends].astype(np.int64)
    times = last_times(Histories(log, history.users, ends))
    return corpus, Fold(
        ends, history.users, ends, times, corpus.candidates, clicks, target, clicks > 1, clicks.astype(np.int8)
    )


@pytest.mark.parametrize("name", SEQUENCE_RUNGS)
def test_each_rung_learns_the_circle(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rung = SEQUENCE_RUNGS[name]
    own = {key: getattr(rung.settings, key) for key in ("blocks", "content")}
    small = SequenceRung(rung.key, rung.build, msgspec.structs.replace(SMALL, passes=40, **own))
    monkeypatch.setitem(rungs.SEQUENCE_RUNGS, name, small)
    corpus, fold = make_fold()
    table = fit_rung(corpus, make_contents(ADS + 1), fold, name, 0)
    top = answer_rung(corpus, fold, table, name)
    assert fold.target is not None
    hits = top.rows[:, 0] == fold.target
    assert hits.mean() > 0.5  # by chance .11: of twelve ads three or so were seen


def test_the_generative_answer_is_of_the_candidates_without_the_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generative, "EPOCHS", 2)
    name = rungs.WITH_CONTENT
    monkeypatch.setitem(
        rungs.SEQUENCE_RUNGS,
        name,
        SequenceRung("small", SEQUENCE_RUNGS[name].build, msgspec.structs.replace(SMALL, passes=1)),
    )
    corpus, fold = make_fold()
    table = fit_rung(corpus, make_contents(ADS + 1), fold, name, 0)
    top = answer_generatively(corpus, fold, table, name, 0)
    queries = fold.queries(corpus.train)
    for query in range(len(queries)):
        rows = top.rows[query][top.rows[query] > 0]
        seen = corpus.train.item[queries.starts[query] : queries.ends[query]]
        assert len(rows) == len(set(rows.tolist())) == min(10, ADS - len(set(seen.tolist())))
        assert not np.isin(rows, seen).any()


def test_rungs_of_ids_alone_read_nothing_else() -> None:
    assert list(SEQUENCE_RUNGS)[-1] == rungs.WITH_CONTENT
    assert [rung.settings.content for rung in SEQUENCE_RUNGS.values()] == [False] * (len(SEQUENCE_RUNGS) - 1) + [True]
