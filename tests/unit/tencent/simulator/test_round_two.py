"""The files of a simulated round 2, and what the reader makes of them: actions, strangers, cold values, the truth."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from common.day.hosts import REPORT
from common.simulation.writer import Simulation
from competitions.tencent.corpus import Corpus
from competitions.tencent.ids import Oids
from competitions.tencent.io import reader, schema
from competitions.tencent.simulator import calibration, simulate
from competitions.tencent.simulator.conversions import CONVERTED, Law
from competitions.tencent.simulator.topics import REFERENCE

SCALE, SEED = 0.0015, 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    folder = tmp_path_factory.mktemp("round2") / "raw"
    return simulate.simulate(folder, SCALE, SEED, "competition", Law.ROUND2)


@pytest.fixture(scope="module")
def corpus(made: Simulation) -> Corpus:
    return reader.read_corpus(reader.locate(made.folder))


@pytest.fixture(scope="module")
def lines(made: Simulation) -> list[list[list[Any]]]:
    """The lines of the predict file."""
    text = (made.folder / schema.EVAL / schema.PREDICT_SEQUENCES).read_text()
    return [json.loads(line) for line in text.splitlines()]


def read_actions(made: Simulation) -> dict[str, int]:
    actions: dict[str, int] = json.loads((made.folder / schema.EVAL / schema.USER_ACTIONS).read_text())
    return actions


def test_the_host_says_of_every_asked_user_what_it_will_do(made: Simulation, corpus: Corpus) -> None:
    actions, truth = read_actions(made), pl.read_csv(made.truth)
    assert sorted(actions) == sorted(name.decode() for name in corpus.test_users.names)
    assert truth.columns == ["user_id", "user", "creative_id", "action", "timestamp"]
    assert [actions[user] for user in truth["user"]] == truth["action"].to_list()
    assert set(truth["action"]) == {schema.CLICK, schema.CONVERSION}
    assert set(actions) == set(truth["user"])  # all are queried
    assert corpus.actions is not None
    assert corpus.actions.tolist() == [actions[name.decode()] for name in corpus.test_users.names]
    assert made.rows["conversions in the truth"] == (truth["action"] == schema.CONVERSION).sum()
    assert (truth["action"] == schema.CONVERSION).mean() == pytest.approx(CONVERTED, abs=0.05)


def test_behind_the_reference_time_the_log_has_exposures_alone(made: Simulation, corpus: Corpus) -> None:
    events = corpus.test
    behind = events.time >= REFERENCE
    assert set(np.unique(events.action[behind]).tolist()) <= {schema.EXPOSURE, schema.NULL_ACTION}
    assert 0.02 < behind.mean() < 0.2
    assert (pl.read_csv(made.truth)["timestamp"] >= REFERENCE).all()


def test_strangers_stand_in_the_predict_file_alone_by_their_names(
    made: Simulation, corpus: Corpus, lines: list[list[list[Any]]]
) -> None:
    indexer = pickle.loads((made.folder / schema.EVAL / schema.INDEXER).read_bytes())
    named = [line[0][0] for line in lines if isinstance(line[0][0], str)]
    numbered = [line[0][0] for line in lines if not isinstance(line[0][0], str)]
    assert len(named) == made.rows["strangers"] == round(0.03 * made.rows["users"]) > 20
    assert not set(named) & set(indexer["u"])
    assert sorted(numbered) == sorted(indexer["u"].values()) == list(range(1, len(corpus.train) + 1))
    assert len(corpus.test) == len(corpus.train) + len(named)
    assert set(named) <= {name.decode() for name in corpus.test_users.names}
    truth = pl.read_csv(made.truth)
    assert truth.filter(pl.col("user_id").is_null())["user"].is_in(named).all()
    for number, user in truth.filter(pl.col("user_id").is_not_null()).select("user_id", "user").rows():
        assert indexer["u"][user] == number


def test_what_only_strangers_show_keeps_its_original_id_and_its_texts(
    made: Simulation, corpus: Corpus, lines: list[list[list[Any]]]
) -> None:
    indexer = pickle.loads((made.folder / schema.EVAL / schema.INDEXER).read_bytes())
    unseen, texts = set(), 0
    for line in lines:
        stranger = isinstance(line[0][0], str)
        for _, item, profile, features, _, _ in line:
            if item is None:
                values = [one for value in profile.values() for one in (value if isinstance(value, list) else [value])]
                assert stranger or not [value for value in values if isinstance(value, str)]
                texts += sum(isinstance(value, str) for value in values)
            elif item > len(indexer["i"]):
                assert stranger
                assert item not in indexer["i"]
                assert features[schema.CREATIVE] == str(item)
                unseen.add(item)
            else:
                assert features[schema.CREATIVE] == item
    assert texts > 0
    assert len(unseen) > 5
    assert (corpus.catalogue.rows_of(Oids(np.array(sorted(unseen)))) > corpus.catalogue.known).all()
    assert {"predict_seq.jsonl", "indexer.pkl"} <= {note.file for note in corpus.notes}
    candidates = corpus.candidates
    assert (candidates > corpus.catalogue.known).sum() == made.rows["unseen candidates"]


def test_the_release_layout_has_the_same_users_and_no_strangers(tmp_path: Path) -> None:
    ours, again, other = (
        simulate.simulate(tmp_path / name, 0.0005, SEED, layout, Law.ROUND2)
        for name, layout in (("one", "competition"), ("two", "competition"), ("three", "release"))
    )
    files = sorted(path.relative_to(ours.folder) for path in ours.folder.rglob("*") if path.is_file())
    assert [path for path in files if (ours.folder / path).read_bytes() != (again.folder / path).read_bytes()] == []
    assert (other.rows["strangers"], other.rows["users"]) == (0, ours.rows["users"])
    corpus = reader.read_corpus(reader.locate(other.folder))
    assert len(corpus.train) == ours.rows["users"]
    assert corpus.actions is None
    assert (corpus.train.action == schema.CONVERSION).mean() == pytest.approx(0.0252, abs=0.003)
    assert "action" in pl.read_csv(other.truth).columns
    assert json.loads((other.folder / REPORT).read_text())["law"] == "round2"


def test_the_marginals_stand_beside_those_of_the_10m_release(made: Simulation) -> None:
    table = calibration.describe(made.folder)
    rows = {name: (value, known) for name, value, known, _ in table.iter_rows()}
    for name, share in (("exposures", 0.9463), ("clicks", 0.0285), ("conversions", 0.0252)):
        value, known = rows[f"{name}, of known actions"]
        assert known == share
        assert value == pytest.approx(share, abs=0.003)
    assert rows["clicks of a user, mean"][1] is None  # documented of round 1 alone
