"""The Tencent simulator's files: ids and cold values, embeddings and what fields say of ads, marginals."""

import pickle
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.simulation.writer import Simulation
from competitions.tencent.corpus import Corpus, Oids
from competitions.tencent.io import reader, schema
from competitions.tencent.io.schema import ITEM_FEATURES
from competitions.tencent.simulator import calibration, simulate
from competitions.tencent.simulator.ads import TARGETS
from competitions.tencent.simulator.topics import REFERENCE, sizes_at_scale

SCALE, SEED = 0.003, 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return simulate.simulate(tmp_path_factory.mktemp("simulated") / "raw", SCALE, SEED)


@pytest.fixture(scope="module")
def corpus(made: Simulation) -> Corpus:
    return reader.read_corpus(reader.locate(made.folder))


@pytest.fixture(scope="module")
def indexer(made: Simulation) -> Any:
    return pickle.loads((made.folder / schema.INDEXER).read_bytes())


@pytest.fixture(scope="module")
def measured(made: Simulation) -> dict[str, tuple[float, float | None]]:
    table = calibration.describe(made.folder)
    return {name: (value, known) for name, value, known, _ in table.iter_rows()}


def test_the_report_counts_what_is_in_the_files(made: Simulation, corpus: Corpus) -> None:
    assert made.rows["users"] == len(corpus.train) == sizes_at_scale(SCALE).users
    assert made.rows["events"] == len(corpus.train.item)
    assert made.rows["items"] == corpus.catalogue.known
    truth = pl.read_csv(made.truth)
    assert made.rows["candidates"] == len(corpus.candidates) == round(truth["creative_id"].n_unique() / TARGETS)
    assert made.rows["truth"] == truth.height == made.oracle.queries


def test_the_truth_is_a_candidate_that_the_user_has_not_seen(made: Simulation, corpus: Corpus) -> None:
    truth = pl.read_csv(made.truth)
    assert truth["user_id"].is_unique().all()
    names = corpus.users[truth["user_id"].to_numpy() - 1]
    assert [name.decode() for name in names.tolist()] == truth["user"].to_list()
    rows = corpus.catalogue.rows_of(Oids(truth["creative_id"].to_numpy()))
    assert np.isin(rows, corpus.candidates).all()
    events = corpus.train
    assert truth.height == len(events)  # every user is queried
    for user, row, time in zip(truth["user_id"].to_list(), rows.tolist(), truth["timestamp"].to_list(), strict=True):
        own = slice(events.offsets[user - 1], events.offsets[user])
        assert row not in events.item[own]
        assert time >= max(REFERENCE, events.time[own].max())


def test_ids_are_shuffled_and_unlike(corpus: Corpus, indexer: Any) -> None:
    known = corpus.catalogue.known
    oid = corpus.catalogue.oid[1:]
    assert 2e10 <= oid.min() < oid.max() < 2.1e10
    assert len(np.unique(oid)) == len(oid)
    first = np.full(known + 1, len(corpus.train.item))
    np.minimum.at(first, corpus.train.item, np.arange(len(corpus.train.item)))
    born = np.full(known + 1, REFERENCE)
    np.minimum.at(born, corpus.train.item, corpus.train.time)
    shown = np.bincount(corpus.train.item, minlength=known + 1)
    # Neither number tells anything of an item, nor of the other.
    numbers = np.corrcoef([np.arange(1, known + 1), oid[:known], first[1:], born[1:], np.log(shown[1:])])[:2]
    assert np.abs(numbers - np.eye(2, 5)).max() < 0.04
    assert set(indexer["i"].values()) == set(range(1, known + 1))
    assert set(indexer["u"].values()) == set(range(1, len(corpus.train) + 1))
    assert all(sorted(codes.values()) == list(range(1, len(codes) + 1)) for codes in indexer["f"].values())
    assert len(indexer["f"]) == 14  # of ads: features of users are left out


def test_cold_values_are_those_that_the_indexer_lacks(made: Simulation, corpus: Corpus, indexer: Any) -> None:
    frame = pl.read_parquet(made.folder / "candidate")
    unseen = ~frame["item_id"].is_in(list(indexer["i"]))
    assert unseen.sum() == made.rows["unseen candidates"]
    oid = pl.Series(corpus.catalogue.oid[1 : made.rows["items"] + 1])
    items = pl.read_parquet(made.folder / "item_feat").with_columns(item_id=oid)
    both = frame.select("item_id").join(items, on="item_id", how="left", maintain_order="left")
    total = 0
    for name in ITEM_FEATURES:
        cold = frame[name].struct.field("cold_start") == 1
        value = frame[name].struct.field("feature_value").cast(pl.Int64)
        assert not (cold & ~unseen).any()
        assert not set(value.filter(cold)) & set(indexer["f"][name])
        assert set(value.filter(~cold).drop_nulls()) <= set(indexer["f"][name].values())
        assert value.filter(~unseen).equals(both[name].filter(~unseen), null_equal=True, check_names=False)
        total += int(cold.sum())
    assert total > 50


def test_embeddings_and_fields_say_what_an_ad_is_about(made: Simulation, corpus: Corpus) -> None:
    files = reader.locate(made.folder)
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


def test_marginals_are_near_the_documented(measured: dict[str, tuple[float, float | None]]) -> None:
    # Small worlds have fewer items of one event and a shorter head; both come nearer to the release as they grow.
    by_width = {
        0.01: ["exposures", "targets among the candidates"],
        0.02: ["events", "length, mean", "unseen candidates"],
        0.05: ["clicks", "gaps of 1-59 min", "gaps of 1-23 h", "clicks of a user, mean"],
        0.1: ["users with a null action", "gap in seconds, 50 %", "gap in seconds, 90 %"],
        0.12: ["span in days, mean"],
        0.15: ["null actions", "gaps of 1-6 d"],
        0.2: [f"clicks of the fifteen days, day {day}" for day in range(5)],
        0.25: ["values of 121 an item", "items", "first clicks on unseen ads"],
        0.3: ["items of 2-5 events", "events of the top 10 %"],
        0.35: [f"clicks on ads unseen before the cut, day {day}" for day in range(5)],
        0.4: ["first clicks on head ads", "cold among unseen candidates, 121"],
    }
    by_width[0.05] += [f"items with {name}" for name in ITEM_FEATURES]
    off = {}
    for width, name in ((width, name) for width, names in by_width.items() for name in names):
        value, known = measured[name]
        assert known is not None
        if abs(value - known) > width * known:
            off[name] = (value, known)
    assert off == {}
