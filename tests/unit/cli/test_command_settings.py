"""Settings that were tuned count on the files that they were found on, and on simulated ones, never on others."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.day.hosts.simulated import REPORT
from common.day.run_record import digest_files
from competitions.cli.options import InputOptions
from competitions.cli.settings import Inputs, load_inputs
from competitions.mgtv.competition import COMPETITION

TUNED = '[watch]\nrounds = 7\n[provenance.lightgbm_softmax]\ndata = "{digest}"\n'


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
    ("digest", "simulated", "taken"), [(None, False, True), ("0", False, False), ("0", True, True)]
)
def test_tuned_settings_count_where_they_were_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], digest: str | None,
    simulated: bool, taken: bool,
) -> None:  # fmt: skip
    inputs = load(tmp_path, monkeypatch, digest, simulated)
    assert (inputs.tuned, inputs.config.watch.rounds == 7, inputs.config.seed) == (taken, taken, 3)
    assert ("is ignored" in capsys.readouterr().err) is not taken


def test_tuned_settings_are_left_aside_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = load(tmp_path, monkeypatch, None, untuned=True)
    assert (inputs.tuned, inputs.config.watch.rounds == 7) == (False, False)
