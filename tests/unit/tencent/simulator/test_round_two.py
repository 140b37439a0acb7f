"""The files of a simulated round 2, and what the reader makes of them: actions, times, the truth."""

import json

import polars as pl
import pytest

from common.simulation.writer import Simulation
from competitions.tencent.corpus import Corpus
from competitions.tencent.io import reader, schema
from competitions.tencent.simulator import calibration, simulate
from competitions.tencent.simulator.conversions import CONVERTED, Law

SCALE, SEED = 0.0015, 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    folder = tmp_path_factory.mktemp("round2") / "raw"
    return simulate.simulate(folder, SCALE, SEED, Law.ROUND2)


@pytest.fixture(scope="module")
def corpus(made: Simulation) -> Corpus:
    return reader.read_corpus(reader.locate(made.folder))


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


def test_the_marginals_stand_beside_those_of_the_10m_release(made: Simulation) -> None:
    table = calibration.describe(made.folder)
    rows = {name: (value, known) for name, value, known, _ in table.iter_rows()}
    for name, share in (("exposures", 0.9463), ("clicks", 0.0285), ("conversions", 0.0252)):
        value, known = rows[f"{name}, of known actions"]
        assert known == share
        assert value == pytest.approx(share, abs=0.003)
    assert rows["clicks of a user, mean"][1] is None  # documented of round 1 alone
