"""Settings of a command: those that were tuned count where they were found; what is refused in every competition."""

import functools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from common.day.hosts.simulated import REPORT
from common.day.run_record import digest_files
from common.engine.config import list_types
from common.engine.errors import UserError
from competitions import NAMES, find_competition
from competitions.cli.options import InputOptions
from competitions.cli.settings import Inputs, load_inputs
from competitions.mgtv.competition import COMPETITION
from tests.conftest import Call, replace_part


def list_values(name: str) -> dict[str, Any]:
    """Every setting of a competition by its dotted key."""
    config = msgspec.to_builtins(find_competition(name).load_config())

    def at(key: str) -> Any:
        value = config
        for part in key.split("."):
            value = value[part] if value is not None else None
        return value

    return {key: at(key) for key in list_types(find_competition(name).config)}


LISTS = [
    ("news", "rank.blocks", "pair"),
    ("news", "recall.channels", "content"),
    ("flight", "rank.models", "catboost_softmax"),
    ("mgtv", "watch.blocks", "pair"),
    ("tencent", "ranker.channels", "content"),
    ("tencent", "ranker.features.blocks", "search"),
]


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("news", "rank.lightgbm_lambdarank"),
        ("flight", "rank.lightgbm_softmax"),
        ("flight", "rank.catboost_softmax"),
        ("mgtv", "watch.lightgbm_softmax"),
        ("mgtv", "completion.parameters"),
    ],
)
def test_a_librarys_own_seed_and_rounds_and_what_is_no_number_are_refused(name: str, section: str) -> None:
    for parameter in ("seed", "random_state", "random_seed", "bagging_seed"):
        assert "use the setting `seed` for the seed of the fits" in (refuse(name, f"{section}.{parameter}=3") or "")
    stage = section.partition(".")[0]
    for setting, names in (
        ("rounds", ("num_iterations", "n_estimators", "iterations", "num_boost_round")),
        ("patience", ("early_stopping_round", "early_stopping_rounds", "od_wait")),
    ):
        for parameter in names:
            refused = refuse(name, f"{section}.{parameter}=3")
            assert refused == f"{section}.{parameter} is refused: use the setting {stage}.{setting}."
    if section == "completion.parameters":  # what the fit sets itself
        assert all(
            "completion.bins" in (refuse(name, f"{section}.{what}") or "") for what in ("num_class=5", "metric=n")
        )
    for parameter, value in list_values(name)[section].items():
        for wrong in ("{a=1}", *(("[3, 4]", "text") if isinstance(value, int | float) else ())):
            assert f"{section}.{parameter} cannot be" in (refuse(name, f"{section}.{parameter}={wrong}") or ""), wrong


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_two_bounds(name: str) -> None:
    """So that none of twenty digits, and no infinity, meets a library or a loop."""
    competition = find_competition(name)
    for key in (key for key, value in list_values(name).items() if not isinstance(value, dict)):
        for wrong in ("-1e18", "1e300", "inf", "nan", "99999999999999999999", "[99999999999999999999]", "[inf]"):
            try:
                config = msgspec.to_builtins(competition.load_config([f"{key}={wrong}"]))
            except UserError:
                continue
            taken = functools.reduce(lambda table, part: table[part], key.split("."), config)
            items = taken if isinstance(taken, list) else [taken]
            assert not [item for item in items if isinstance(item, int | float)], (key, wrong)


@pytest.mark.parametrize(("name", "key", "word"), LISTS)
def test_a_name_that_stands_twice_and_an_empty_list_are_refused(name: str, key: str, word: str) -> None:
    for text in (f"[{word}, {word}]", "[]"):
        assert key in (refuse(name, f"{key}={text}") or ""), text


def refuse(name: str, setting: str) -> str | None:
    """What is said of a setting, None where it is taken."""
    try:
        find_competition(name).load_config([setting])
    except UserError as error:
        return str(error)
    return None


# --- the seed ---


@pytest.mark.parametrize(("typed", "seed"), [(None, 7), (0, 0)])
def test_the_seed_of_config_toml_counts_unless_one_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call, typed: int | None, seed: int
) -> None:
    seen: list[int] = []
    text = (COMPETITION.folder / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(text.replace("\nseed = 0", "\nseed = 7"))
    made = SimpleNamespace(rows={}, oracle=1)
    host = replace(COMPETITION.host, write=lambda folder, scale, number: seen.append(number) or made)
    replace_part(monkeypatch, "mgtv", folder=tmp_path, host=host, locate=lambda raw, config: [])
    inputs = load_inputs(InputOptions(name="mgtv", seed=typed, build=tmp_path))
    assert (inputs.config.seed, inputs.folder.name) == (seed, f"scale{host.scale:g}-seed{seed}")
    assert call("simulate", "mgtv", *([] if typed is None else ["--seed", typed]))[0] == 0
    assert seen == [seed, seed]


# --- tuned settings ---

TUNED = '[watch]\nrounds = 7\n[provenance]\ndata = "{digest}"\n'


def load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digest: str | None, simulated: bool = False, **options: bool
) -> Inputs:
    """A command's settings beside a tuned.toml that was found on files of this ``digest``, None: on these."""
    raw = tmp_path / "raw"
    raw.mkdir()
    files = [raw / "log.csv"]
    files[0].write_text("a\n1\n")
    if simulated:
        (raw / REPORT).write_text("{}")
    (tmp_path / "config.toml").write_text((COMPETITION.folder / "config.toml").read_text())
    own = digest_files(files, tmp_path)[:8] if digest is None else digest
    (tmp_path / "tuned.toml").write_text(TUNED.format(digest=own))
    competition = replace(COMPETITION, folder=tmp_path, locate=lambda raw, config: files)
    monkeypatch.setattr("competitions.cli.settings.find_competition", lambda name: competition)
    return load_inputs(InputOptions(name="mgtv", raw=raw, seed=3, build=tmp_path, **options))


@pytest.mark.parametrize(
    ("digest", "simulated", "untuned", "taken"),
    [
        (None, False, False, True),
        (None, False, True, False),
        ("0", False, False, False),
        ("simulated 0", True, False, True),
    ],
)
def test_tuned_settings_count_where_they_were_found_unless_they_are_left_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], digest: str | None,
    simulated: bool, untuned: bool, taken: bool,
) -> None:  # fmt: skip
    inputs = load(tmp_path, monkeypatch, digest, simulated, untuned=untuned)
    assert (inputs.tuned, inputs.config.watch.rounds == 7, inputs.config.seed) == (taken, taken, 3)
    assert ("is ignored" in capsys.readouterr().err) is not (taken or untuned)
