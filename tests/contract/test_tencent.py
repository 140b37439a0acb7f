"""What only Tencent has: two layouts, profiles anywhere, unseen ads, round 2, ways to ask earlier and to answer."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from competitions.tencent.io import schema
from competitions.tencent.io.schema import TRUTH
from tests.conftest import Call
from tests.contract.contract import Finished, solve, solve_again
from tests.contract.tencent import EARLIER, TENCENT
from tests.contract.tencent_planted import (
    ADS,
    KNOWN,
    PERSONS,
    STRANGERS,
    list_files,
    plant,
    write_sequences,
)
from tests.contract.test_submission import read_scores

ONLY = (TENCENT,)


def read_answers(finished: Finished) -> dict[str, tuple[int, ...]]:
    """The ten ads of each user, in the order of the file."""
    return {user: tuple(ads) for user, *ads in pl.read_csv(finished.submission).rows()}


def read_seen(finished: Finished) -> dict[str, set[int]]:
    """The original ids of each test user's history."""
    world = plant()
    seen = {one.name: {world.oid[ad] for ad, *_ in one.events} for one in world.test_persons()}
    for one in world.strangers:
        seen[one.name] = {world.oid[ad] for ad, *_ in one.events[1:]} | {world.oid[ADS - 1]}
    return seen


def test_everybody_is_answered_in_the_order_asked_by_ads_that_are_new_to_them(finished: Finished) -> None:
    answers, seen = read_answers(finished), read_seen(finished)
    assert list(answers) == [one.name for one in plant().test_persons()]
    assert [user for user, ads in answers.items() if seen[user] & set(ads)] == []
    assert finished.summary["filled"] == 0


@pytest.mark.nightly
def test_ads_that_nobody_has_seen_are_found_by_their_content(finished: Finished, call: Call) -> None:
    """A few new ads in the logs of 160 users are too little to learn what new ads are worth: popularity is left out."""
    settings = ('ranker.features.blocks=["search","content","shares"]', "ranker.channels=content")
    world, answers = plant(), read_answers(solve(call, TENCENT, finished.raw, finished.build, *settings))
    chosen = [one for one in (*world.persons, *world.strangers) if one.answer >= KNOWN]
    assert len(chosen) > 3
    assert [one.name for one in chosen if world.oid[one.answer] in answers[one.name][:5]]
    rows = [world.oid[one.answer] in answers[one.name] for one in chosen]
    assert np.mean(rows) >= 0.5  # of ads drawn by chance a thirteenth


def test_without_predict_files_a_run_ends_with_the_score_on_validation(
    folder: Path, call: Call, tmp_path: Path
) -> None:
    """The layout of the organiser's sample: any item could be the target, and there are no queries."""
    shutil.rmtree(folder / schema.EVAL)
    (folder / "TencentGR_1k").mkdir()
    (folder / schema.TRAIN).rename(folder / "TencentGR_1k" / "TencentGR_1k")
    made = solve(call, TENCENT, folder, tmp_path / "build")
    (line,) = [line for line in made.out.splitlines() if line.startswith("Stopped after validation")]
    assert "predict_seq.jsonl and predict_set.jsonl are not in the files" in line
    assert "without --until" not in made.out
    assert "On the board" not in made.out  # whose candidates are others
    record = made.record
    assert (record["until"], record["submission"]["paths"]) == ("cv", [])
    assert record["cv"]["score"] > TENCENT.floor
    folds = made.tables["What the hold-out asks beside what the test asks"]
    assert max(fold["candidates"] for fold in folds) == KNOWN


@pytest.mark.nightly
def test_who_is_asked_a_click_earlier_learns_the_rule_as_well(finished: Finished, call: Call) -> None:
    after = solve(call, TENCENT, finished.raw, finished.build, "split.kind=clicks")
    assert after.summary["cv"]["score"] > 0.6
    assert call("check", "tencent", after.submission, "--raw", finished.raw)[0] == 0


def test_where_nobody_can_be_asked_earlier_a_submission_is_written_all_the_same(
    folder: Path, call: Call, tmp_path: Path
) -> None:
    """The first event of each user is the only click: before it lies nothing that one could be asked about."""
    for path, lines in list_files(folder):
        for line in lines:
            events = sorted((row for row in line if row[1]), key=lambda row: row[5])
            for row in events:
                row[4] = schema.CLICK if row is events[0] else schema.EXPOSURE
        write_sequences(path, lines)
    made = solve(call, TENCENT, folder, tmp_path / "build")
    assert "nobody can be asked earlier" in made.err
    assert call("check", "tencent", made.submission, "--raw", folder)[0] == 0
    answers = read_answers(made)
    assert len(answers) == PERSONS + STRANGERS
    assert len({ads[0] for ads in answers.values()}) > 60  # each is answered by the own history


def test_the_ranker_beats_retrieval_and_says_what_that_found(finished: Finished) -> None:
    ways = {row["way"]: row for row in finished.tables["Methods on the hold-out"]}
    (recall,) = finished.tables["Recall of retrieval"]
    assert ways["ranker"]["score"] >= ways["retrieval"]["score"] > ways["popularity"]["score"]
    # Of round 2: the hit rate weighs conversions, recall counts all alike.
    assert ways["retrieval"]["hit_rate@10"] == pytest.approx(recall["within 10"], abs=0.02)
    assert recall["within 10"] <= recall["within 50"] <= recall["in the list"] <= 1.0
    decided = {row["setting"]: row["value"] for row in finished.summary["plan"]}
    assert (decided["split.kind"], decided["ranker.list_length"]) == ("days", "40")


def test_fusion_is_learned_on_the_latest_earlier_fold_and_the_last_fit_on_the_hold_out_too(
    finished: Finished, tmp_path: Path
) -> None:
    again = solve_again(TENCENT, finished, tmp_path / "run")
    assert again.args("valid.fusion")[1].step.name == "ask1"
    assert [len(again.args(f"{fold}.fit")[0].value) for fold in ("valid", "test")] == [EARLIER, EARLIER + 1]


# --- round two ---

ROUND_TWO = ("--law", "round2", "--scale", "0.001", "--seed", "3", "--build", "build")
SETTINGS = ("ranker.fit.rounds=60", "split.earlier=2", "ranker.list_length=50")


@pytest.mark.nightly
def test_round_two_from_the_simulation_to_the_score(call: Call, tmp_path: Path) -> None:
    code, out, err = call("simulate", "tencent", *ROUND_TWO)
    assert (code, "-round2: " in out, "conversions in the truth" in out) == (0, True, True), out + err
    (raw,) = (tmp_path / "build/tencent/simulated").iterdir()
    options = [part for setting in SETTINGS for part in ("--set", setting)]
    code, out, err = call("run", "tencent", "--untuned", *ROUND_TWO, *options)
    assert code == 0, out + err
    assert "actions of the targets = given: user_action_type.json" in out + err
    (folder,) = (path.parent for path in (tmp_path / "build/tencent").glob("*/run.json"))
    record = json.loads((folder / "run.json").read_text())
    submission = folder / "submission.csv"
    assert call("check", "tencent", submission, "--raw", raw)[0] == 0
    scores = read_scores(call("score", "tencent", submission, "--truth", raw / TRUTH))
    assert scores["score"] == pytest.approx(record["truth"]["score"], abs=5e-5)
    # The oracle's figure is of the same kind: above the run's, below what is possible.
    assert TENCENT.ceiling / 2 < record["truth"]["score"] < record["truth"]["oracle"] < 1.0
    decided = {row["setting"]: row["value"] for row in record["summary"]["plan"]}
    assert decided["actions of the targets"] == "given"
