"""The Tencent simulator's files: both layouts, the same bytes again, marginals, ids and cold values, refusals."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.simulation.writer import Simulation
from competitions.tencent.corpus import Corpus, Embedding
from competitions.tencent.ids import Oids
from competitions.tencent.io import reader, schema
from competitions.tencent.io.encoder import take_users
from competitions.tencent.io.schema import ITEM_FEATURES
from competitions.tencent.simulator import calibration, simulate
from competitions.tencent.simulator.conversions import Law
from competitions.tencent.simulator.jsonl_writer import write_competition
from competitions.tencent.simulator.topics import REFERENCE, sizes_at_scale
from competitions.tencent.simulator.writer import write_release

SCALE, SMALL, SEED = 0.003, 0.0005, 3


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


def read_embedding(folder: Path, corpus: Corpus) -> Embedding:
    files = reader.locate(folder)
    return reader.read_embedding(files.embeddings["emb_81_32"], corpus.catalogue, "emb_81_32")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same small world in the layout of the competition and in that of the release."""

    def write_both(folder: Path, numbers: Any, names: Any, batches: Any, blocks: Any, seed: int) -> None:
        vectors = list(blocks)
        write_competition(folder, numbers, names, batches, vectors, seed)
        (folder / "release").mkdir()
        write_release(folder / "release", numbers, names, batches, vectors, seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "write_competition", write_both)
        folder = simulate.simulate(tmp_path_factory.mktemp("pair") / "raw", SMALL, SEED, Law.ROUND2).folder
    return folder, folder / "release"


def test_both_layouts_hold_the_same_data(pair: tuple[Path, Path]) -> None:
    lines, release = pair
    one, two = (reader.read_corpus(reader.locate(folder)) for folder in (release, lines))
    for part in ("train", "users", "catalogue"):
        for name, values in vars(getattr(one, part)).items():
            np.testing.assert_array_equal(values, getattr(getattr(two, part), name), f"{part}.{name}")
    assert one.candidates.tolist() == two.candidates.tolist()
    vectors = [read_embedding(folder, read).vectors for folder, read in ((release, one), (lines, two))]
    np.testing.assert_array_equal(vectors[0], vectors[1])
    # The test users are all users; their lines stand in another order.
    names, others = two.test_users.names.tolist(), one.test_users.names.tolist()
    assert names != others
    assert sorted(names) == sorted(others)
    order = np.array([others.index(name) for name in names])
    ours = take_users(one.test, order)
    for column in ("offsets", "item", "action", "time"):
        np.testing.assert_array_equal(getattr(two.test, column), getattr(ours, column))


def test_profile_rows_stand_anywhere_and_events_bear_their_features(pair: tuple[Path, Path]) -> None:
    folder = pair[0] / "train"
    table = json.loads((folder / "item_feat_dict.json").read_text())
    shares = []
    for at, text in enumerate((folder / "seq.jsonl").read_text().splitlines(), 1):
        line = json.loads(text)
        (profile,) = [number for number, row in enumerate(line) if row[1] is None]
        assert {row[0] for row in line} == {at}
        shares.append(profile / (len(line) - 1))
        events = [row for row in line if row[1] is not None]
        assert all(row[3] == table[str(row[1])] and row[3]["111"] == row[1] for row in events)
        assert [row[5] for row in events] == sorted(row[5] for row in events)
    assert 0.6 < np.mean([share == 1 for share in shares]) < 0.8
    assert min(shares) < 0.1


def test_the_report_counts_what_is_in_the_files(made: Simulation, corpus: Corpus) -> None:
    assert made.rows["users"] == len(corpus.train) == sizes_at_scale(SCALE).users
    assert made.rows["events"] == len(corpus.train.item)
    assert made.rows["items"] == corpus.catalogue.known
    assert made.rows["candidates"] == len(corpus.candidates) == sizes_at_scale(SCALE).candidates
    assert made.rows["truth"] == pl.read_csv(made.truth).height == made.oracle.queries


def test_the_truth_is_a_candidate_that_the_user_has_not_seen(made: Simulation, corpus: Corpus) -> None:
    truth = pl.read_csv(made.truth)
    assert truth["user_id"].is_unique().all()
    names = corpus.users.names[truth["user_id"].to_numpy() - 1]
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
    rid = np.arange(1, known + 1)
    # Neither number tells anything of an item.
    for about in (first[1:], born[1:], np.log(shown[1:])):
        assert abs(np.corrcoef(rid, about)[0, 1]) < 0.04
        assert abs(np.corrcoef(oid[:known], about)[0, 1]) < 0.04
    assert abs(np.corrcoef(rid, oid[:known])[0, 1]) < 0.04
    assert set(indexer["i"].values()) == set(range(1, known + 1))
    assert set(indexer["u"].values()) == set(range(1, len(corpus.train) + 1))
    assert all(sorted(codes.values()) == list(range(1, len(codes) + 1)) for codes in indexer["f"].values())
    assert len(indexer["f"]) == 22


def test_cold_values_are_those_that_the_indexer_lacks(made: Simulation, corpus: Corpus, indexer: Any) -> None:
    frame = pl.read_parquet(made.folder / "candidate")
    unseen = ~frame["item_id"].is_in(list(indexer["i"]))
    assert unseen.sum() == made.rows["unseen candidates"]
    total = 0
    for name in ITEM_FEATURES:
        cold = frame[name].struct.field("cold_start") == 1
        value = frame[name].struct.field("feature_value")
        assert not (cold & ~unseen).any()
        texts = value.filter(cold).cast(pl.Int64)
        assert not set(texts) & set(indexer["f"][name])
        codes = value.filter(~cold).drop_nulls().cast(pl.Int64)
        assert set(codes) <= set(indexer["f"][name].values())
        total += int(cold.sum())
    assert total > 50
    known = frame.filter(~unseen).sort("item_id")
    items = pl.read_parquet(made.folder / "item_feat").with_columns(
        oid=pl.Series(corpus.catalogue.oid[1 : made.rows["items"] + 1])
    )
    items = items.filter(pl.col("oid").is_in(known["item_id"].implode())).sort("oid")
    for name in ITEM_FEATURES:
        value = known[name].struct.field("feature_value").cast(pl.Int64)
        assert value.equals(items[name], null_equal=True, check_names=False)


def test_marginals_are_near_the_documented(measured: dict[str, tuple[float, float | None]]) -> None:
    # Small worlds have fewer items of one event and a shorter head; both come nearer to the release as they grow.
    by_width = {
        0.01: ["exposures", "items with embedding 81"],
        0.02: ["events", "length, mean", "unseen candidates"],
        0.03: ["unseen candidates with embedding 81"],
        0.05: ["clicks", "gaps of 1-59 min", "gaps of 1-23 h", "clicks of a user, mean"],
        0.1: ["users with a null action", "gap in seconds, 50 %", "gap in seconds, 90 %", "click share, 90 %"],
        0.12: ["span in days, mean"],
        0.15: ["null actions", "gaps of 1-6 d"],
        0.2: ["events of the top 10 %"],
        0.25: ["values of 121 an item"],
        0.3: ["items", "items of 2-5 events"],
        0.35: [f"clicks on ads unseen before the cut, day {day}" for day in range(5)],
        0.4: ["cold among unseen candidates, 121"],
        0.45: ["items of 1 events"],
    }
    by_width[0.1] += [f"clicks of the fifteen days, day {day}" for day in range(5)]
    by_width[0.05] += [f"items with {name}" for name in ITEM_FEATURES]
    by_width[0.1] += [f"users with {name}" for name in schema.USER_FEATURES]
    off = {}
    for width, name in ((width, name) for width, names in by_width.items() for name in names):
        value, known = measured[name]
        assert known is not None
        if abs(value - known) > width * known:
            off[name] = (value, known)
    assert off == {}
