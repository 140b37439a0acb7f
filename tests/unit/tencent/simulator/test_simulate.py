"""The Tencent simulator's files: embeddings and what fields say of ads, which no digest holds, and marginals."""

import numpy as np
import pytest

from common.simulation.writer import Simulation
from competitions.tencent.io import reader
from competitions.tencent.io.schema import ITEM_FEATURES
from competitions.tencent.simulator import calibration, simulate

SCALE, SEED = 0.003, 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return simulate.simulate(tmp_path_factory.mktemp("simulated") / "raw", SCALE, SEED)


def test_embeddings_and_fields_say_what_an_ad_is_about(made: Simulation) -> None:
    files = reader.locate(made.folder)
    corpus = reader.read_corpus(files)
    vectors = reader.read_embedding(files.embeddings["emb_81_32"], corpus.catalogue, "emb_81_32")
    has = np.flatnonzero((vectors != 0).any(axis=1))
    assert len(has) / (len(vectors) - 1) == pytest.approx(0.96, abs=0.01)
    rng = np.random.default_rng(0)
    unit = vectors[has] / np.linalg.norm(vectors[has], axis=1, keepdims=True)
    likeness = []
    for name in ("101", "119", "122", "121"):
        value = corpus.catalogue.features[has, ITEM_FEATURES.index(name)]
        order = np.lexsort((rng.random(len(value)), value))
        same = (np.diff(value[order]) == 0) & (value[order][1:] > 0)
        likeness.append(float((unit[order][1:][same] * unit[order][:-1][same]).sum(axis=1).mean()))
    # Finer values say more: of any two ads nothing, of a kind of topics something, of an advertiser most.
    assert abs((unit[rng.permutation(len(unit))] * unit).sum(axis=1).mean()) < 0.05
    assert 0.1 < likeness[0] < likeness[1] < likeness[2]


def test_marginals_are_near_the_documented(made: Simulation) -> None:
    measured = {name: (value, known) for name, value, known, _ in calibration.describe(made.folder).iter_rows()}
    # Small worlds have fewer items of one event and a shorter head; both come nearer to the release as they grow.
    by_width = {
        0.01: ["exposures", "targets among the candidates"],
        0.02: ["events", "length, mean", "unseen candidates"],
        0.05: ["clicks", "gaps of 1-59 min", "gaps of 1-23 h", "clicks of a user, mean"],
        0.1: ["users with a null action", "gap in seconds, 50 %", "gap in seconds, 90 %"],
        0.12: ["span in days, mean"],
        0.15: ["null actions", "gaps of 1-6 d"],
        0.25: ["values of 121 an item", "items", "first clicks on unseen ads"],
        0.3: ["items of 2-5 events", "events of the top 10 %"],
        0.35: [f"clicks on ads unseen before the cut, day {day}" for day in range(5)],
        0.4: ["first clicks on head ads", "cold among unseen candidates, 121"],
    }
    by_width[0.05] += [f"items with {name}" for name in ITEM_FEATURES]
    by_width[0.25] += [f"clicks of the fifteen days, day {day}" for day in range(5)]
    off = {}
    for width, name in ((width, name) for width, names in by_width.items() for name in names):
        value, known = measured[name]
        assert known is not None
        if abs(value - known) > width * known:
            off[name] = (value, known)
    assert off == {}
