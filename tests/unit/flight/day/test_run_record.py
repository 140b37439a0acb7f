"""What a finished flight run records: scores on the simulated truth, and tables of models."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.day.hosts.simulated import REPORT
from common.engine.run import Result
from common.io.submission import Checked
from common.learning.dataset import RankingDataset
from competitions.flight.day.console_tables import list_models, list_truth
from competitions.flight.day.run_record import find_booked, list_queries, score_truth
from competitions.flight.io import reader, schema
from competitions.flight.pipeline import Outcome
from competitions.flight.ranking.blending import Blend
from competitions.flight.ranking.training_data import FoldData, TrainingData
from competitions.flight.simulator.simulate import TRUTH
from competitions.flight.split import split_folds
from tests.unit.flight.flight_world import make_searches, option, search

ONE = Blend((1.0,))
ORACLE = {
    "hit_rate": {"1": 0.3, "3": 0.6, "5": 0.7, "10": 0.8},
    "hit_rate_3_by_size": {"161+": 0.2},
    "standard_error": {"3": 0.02},
}


def test_the_rows_that_were_booked_are_found_by_their_ids(tmp_path: Path) -> None:
    pl.DataFrame({"Id": [50, 40, 30, 20], "ranker_id": ["a", "a", "b", "b"]}).write_parquet(tmp_path / "test.parquet")
    (tmp_path / "truth.csv").write_text("Id,ranker_id,more\n20,b,x\n50,a,y\n")
    rows = find_booked(tmp_path / "test.parquet", tmp_path / "truth.csv")
    assert sorted(rows) == [0, 3]
    assert rows.dtype == pl.Int64


def stand(folder: Path, **values: Any) -> Outcome:
    """The parts of an outcome that the truth is measured with."""
    parts = {
        "files": reader.RawFiles(folder / schema.TRAIN, folder / schema.TEST),
        "names": ["logit", "baseline"],
    } | values
    fields: dict[str, Any] = dict.fromkeys(Outcome.__dataclass_fields__) | parts
    return Outcome(**fields)


def test_the_submission_and_each_model_are_scored_on_the_simulated_truth(tmp_path: Path) -> None:
    test = make_searches(search(*(option(out_flight=flight) for flight in range(11))))
    ids = range(100, 111)
    pl.DataFrame({"Id": ids}).write_parquet(tmp_path / schema.TEST)
    pl.DataFrame({"Id": ids, "ranker_id": ["a"] * 11, "selected": range(1, 12)}).write_csv(tmp_path / "mine.csv")
    (tmp_path / TRUTH).write_text("Id,ranker_id\n102,a\n")
    (tmp_path / REPORT).write_text(json.dumps({"oracle": ORACLE}))
    answers = np.column_stack([-np.arange(11), np.arange(11)]).astype(np.float32)

    def kept(value: Any) -> Result[Any]:
        return Result("key", lambda: value)

    checked = [Checked(tmp_path / "mine.csv", 11, ())]
    outcome = stand(tmp_path, test=kept(test), test_scores=kept(answers), blend=kept(ONE), checked=checked)
    truth = score_truth(outcome, tmp_path)
    assert (truth.score, truth.oracle, truth.scores["hit_rate@3"]) == (1, 0.6, 1)
    ((_, rows),) = truth.tables
    hits = {row["model"]: (row["@1"], row["@3"]) for row in rows}
    models = {"logit": (0, 1), "baseline": (0, 0), "blend": (0, 1)}
    assert hits == models | {"oracle": (0.3, 0.6)}


def test_a_session_that_several_fits_judge_is_one_query_with_the_share_of_its_hits() -> None:
    """Three sessions judged in two repeats, each in its own order; the last is too small to be scored."""
    train = make_searches(
        search(*[option(out_flight=number) for number in range(11)], day=0, profile=1),
        search(*[option(out_flight=number) for number in range(12)], day=1, profile=1, round_trip=False),
        search(*[option(out_flight=number) for number in range(3)], day=2, profile=2),
    )
    sizes = train.sessions["size"].to_list()
    folds, scores = [], []
    for order, last_is_best in (([0, 1, 2], [False, False, False]), ([2, 1, 0], [False, False, True])):
        labels = np.concatenate([np.eye(1, sizes[number], dtype=np.float32)[0] for number in order])
        own = np.array([sizes[number] for number in order], np.int32)
        rows = RankingDataset(("x",), np.zeros((len(labels), 1), np.float32), labels, own)
        folds.append(FoldData(rows, rows, np.array(order)))
        scores += [np.arange(size) * (1 if last else -1) for size, last in zip(own, last_is_best, strict=True)]
    data = TrainingData(folds[0].train, np.arange(3), tuple(folds))

    def kept(value: Any) -> Result[Any]:
        return Result("key", lambda: value)

    outcome = stand(
        Path(),
        train=kept(train),
        data=kept(data),
        scores=kept(np.concatenate(scores)[:, None].astype(np.float64)),
        blend=kept(ONE),
        split=kept(split_folds(train.sessions, 3, 2, 0)),
    )
    queries = list_queries(outcome)
    assert queries["query"].to_list() == train.sessions["ranker_id"].to_list()[:2]
    assert queries["score"].to_list() == [0.5, 1.0]
    assert queries["trip"].to_list() == ["return", "one way"]
    assert queries["traveller"].to_list() == ["is new", "has booked"]
    assert queries["options"].to_list() == ["11-27", "11-27"]
    assert queries["fold"].unique().to_list() == ["folds of whole sessions"]


def rates(rate: float) -> dict[str, float]:
    return {
        "hit_rate@1": rate / 2,
        "hit_rate@3": rate,
        "hit_rate@3[161+]": rate / 4,
        "error": 0.01,
        "sessions": 900,
    }


def test_models_stand_beside_their_gain_over_the_baseline_where_it_was_fitted() -> None:
    rows = list_models({"baseline": rates(0.4), "blend": rates(0.5)})
    assert rows == [
        {"model": "baseline", "@1": 0.2, "@3": 0.4, "@3[161+]": 0.1, "error": 0.01, "over baseline": "+0.0%"},
        {"model": "blend", "@1": 0.25, "@3": 0.5, "@3[161+]": 0.125, "error": 0.01, "over baseline": "+25.0%"},
    ]
    worse = list_models({"blend": rates(0.3), "baseline": rates(0.4)})
    assert worse[0]["over baseline"] == "-25.0%"
    for models in ({"baseline": rates(0.0)}, {"logit": rates(0.4), "blend": rates(0.5)}):
        assert all("over baseline" not in row for row in list_models(models))


def test_the_oracle_is_the_last_row_of_the_truth() -> None:
    first, last = list_truth({"baseline": rates(0.4)}, ORACLE)
    assert first["model"] == "baseline"
    expected = {"@1": 0.3, "@3": 0.6, "@5": 0.7, "@10": 0.8, "@3[161+]": 0.2}
    assert last == {"model": "oracle", **expected, "error": 0.02, "over baseline": "+50.0%"}
