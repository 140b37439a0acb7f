"""What ``tune`` does with a study: what a trial and a judging are given, what is written and said."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import polars as pl
import pytest

from common.competition import Competition
from common.day.tuning.task import Task, Verdict, judge_trial, split_halves
from common.engine.errors import UserError
from competitions.cli import tuning
from competitions.cli.options import TuneOptions
from competitions.cli.settings import Inputs
from competitions.news.competition import COMPETITION
from competitions.news.config import NewsConfig
from tests.conftest import Call, CommandResult
from tests.unit.common.day.records import make_judged

SPACE = "[recall]\ncandidates = { low = 100, high = 200 }\nper_channel = { low = 60, high = 190 }\n"
Tune = Callable[..., tuple[CommandResult, list[NewsConfig]]]


@pytest.fixture
def tune(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: Call) -> Tune:
    """``tune news`` where a planted share of the queries is answered by the number of candidates, and the settings of
    every fit in their order; lists of more than 180 score
    higher, and other queries.
    """
    storage, fits = optuna.storages.InMemoryStorage(), list[NewsConfig]()  # a journal waits for the disk
    (tmp_path / "own.toml").write_text(SPACE)

    def judge(outcome: object, config: NewsConfig) -> Any:
        fits.append(config)
        if config.rank.rounds == 1:
            raise UserError("nothing to rank")
        candidates = config.recall.candidates
        noise = np.random.default_rng([config.fit_seed, candidates]).normal(0, 0.01, 400)
        queries = pl.DataFrame({"query": [str(n) for n in range(400)], "fold": "all", "cluster": np.arange(400) // 2})
        scored = queries.with_columns(
            score=pl.Series(noise + (candidates - 150) / 100 + (config.recall.per_channel > 180))
        )
        return make_judged(queries=scored.head(300) if config.recall.per_channel > 180 else scored)

    monkeypatch.setattr(tuning, "open_storage", lambda url, folder: storage)
    competition = replace(COMPETITION, validate=lambda files, config, run: None, judge=judge)

    def load_inputs(options: TuneOptions) -> Inputs:
        return Inputs(competition, competition.load_config(options.settings, tuned=False), tmp_path, [], False)

    monkeypatch.setattr(tuning, "load_inputs", load_inputs)
    monkeypatch.setattr(Competition, "tuned", tmp_path / "tuned.toml")

    def run(*words: object) -> tuple[CommandResult, list[NewsConfig]]:
        fits.clear()
        return call("tune", "news", "--build", tmp_path, "--space", tmp_path / "own.toml", *words), list(fits)

    return run


def test_a_clear_gain_is_written_with_where_it_comes_from(tune: Tune, tmp_path: Path) -> None:
    (code, out, err), fits = tune("--trials", 8, "rank.rounds=70")
    assert code == 0, err
    found = tomllib.loads((tmp_path / "tuned.toml").read_text())
    *trials, last = fits
    assert found["recall"]["candidates"] == last.recall.candidates > 150
    assert found["provenance"]["trials"] == 8
    assert "kept: clear gain" in out
    # Today's settings twice, seven trials: quick ones, but for what was typed. Then three fits of both by whole ones.
    assert len(trials) + 1 == 2 + 7 + 6
    assert [(one.rank.negatives, one.rank.rounds) for one in fits] == [(20, 70)] * 9 + [("auto", 70)] * 6
    assert [one.fit_seed for one in fits[9:]] == [0, 1, 2] * 2
    assert max(one.recall.per_channel for one in trials) > 180 >= last.recall.per_channel
    (code, out, err), fits = tune("--trials", 8, "rank.rounds=70")  # nothing is left to try; it is judged again
    assert "continues after 8 finished trials" in err
    assert len(fits) == 1 + 6


def test_what_is_wrong_with_the_files_ends_the_command_and_not_a_trial(tune: Tune) -> None:
    assert tune("rank.rounds=1")[0] == (1, "", "error: nothing to rank\n")


def test_no_query_that_judges_is_seen_by_a_trial(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, judged = list[pl.DataFrame](), list[pl.DataFrame]()
    average = tuning.average_queries
    monkeypatch.setattr(tuning, "average_queries", lambda queries: seen.append(queries) or average(queries))

    def judge(task: Task, *study: Any) -> Verdict:
        judged.append(task.judge({}))
        return judge_trial(task, *study)

    monkeypatch.setattr(tuning, "judge_trial", judge)
    assert tune("--trials", 3)[0][0] == 0
    assert seen
    assert not set(seen[0]["cluster"]) & set(judged[0]["cluster"])
    assert split_halves(judged[0])[1].height == judged[0].height


def test_where_nothing_is_better_nothing_is_judged_and_nothing_written(tune: Tune, tmp_path: Path) -> None:
    (code, out, err), fits = tune("--minutes", 60, "--trials", 2, "recall.candidates=1000")
    assert code == 0, err
    assert "No trial was better than today's settings" in out
    assert out.endswith("The settings are unchanged\n")
    assert len(fits) == 3
    assert not (tmp_path / "tuned.toml").exists()


@pytest.mark.parametrize("text", ["[recal]\nx = { low = 1, high = 2 }", None])
def test_a_wrong_space_is_one_sentence_before_a_file_is_read(
    text: str | None, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "load_inputs", None)
    path = tmp_path / "my.toml"
    if text:
        path.write_text(text)
    code, out, err = call("tune", "news", "--space", path, "--build", tmp_path / "build")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert str(path) in err
    assert not (tmp_path / "build").exists()


def test_the_address_may_be_given_by_the_environment(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    address = "postgresql+psycopg://me:hidden-word@127.0.0.1:1/none"
    monkeypatch.setenv("RECSYS_STORAGE", address)

    def stop(url: str | None, folder: Path) -> None:
        raise UserError("stopped here" if url == address else "another address")

    monkeypatch.setattr(tuning, "open_storage", stop)  # before a file is read, or simulated
    assert call("tune", "news") == (1, "", "error: stopped here\n")
