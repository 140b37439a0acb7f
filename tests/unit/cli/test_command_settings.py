"""Settings that were tuned count on the files that they were found on, and on simulated ones, never on others."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.competition import Competition
from common.day.hosts.simulated import REPORT
from common.day.run_record import digest_files
from competitions.cli.settings import load_settings
from competitions.mgtv.competition import COMPETITION

TUNED = '[watch]\nrounds = 7\n[provenance.lightgbm_softmax]\ndata = "{digest}"\n'


def lay_out(tmp_path: Path, digest: str | None) -> tuple[Competition, list[Path]]:
    """A competition with a tuned.toml, and its raw files; ``digest``: None for that of these files."""
    raw = tmp_path / "raw"
    raw.mkdir()
    files = [raw / "log.csv"]
    files[0].write_text("a\n1\n")
    (tmp_path / "config.toml").write_text((COMPETITION.folder / "config.toml").read_text())
    own = digest_files(files, tmp_path)[:8] if digest is None else digest
    (tmp_path / "tuned.toml").write_text(TUNED.format(digest=own))
    return replace(COMPETITION, folder=tmp_path), files


@pytest.mark.parametrize(
    ("digest", "simulated", "taken"), [(None, False, True), ("0", False, False), ("0", True, True)]
)
def test_tuned_settings_count_where_they_were_found(
    tmp_path: Path, digest: str | None, simulated: bool, taken: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    competition, files = lay_out(tmp_path, digest)
    if simulated:
        (tmp_path / "raw" / REPORT).write_text("{}")
    config, tuned = load_settings(competition, tmp_path / "raw", files, ["seed=3"], tmp_path)
    assert (tuned, config.watch.rounds == 7, config.seed) == (taken, taken, 3)
    assert ("left aside" in capsys.readouterr().err) is not taken


def test_no_settings_are_said_to_be_tuned_where_there_are_none(tmp_path: Path) -> None:
    competition, files = lay_out(tmp_path, None)
    competition.tuned.unlink()
    assert not load_settings(competition, tmp_path / "raw", files, [], tmp_path)[1]
