"""The model hub by its client: what is asked of it, and refusals."""

from pathlib import Path

import pytest

from common.day.hosts import huggingface
from common.engine.errors import UserError

DOWNLOAD = "huggingface_hub.snapshot_download"


def test_the_patterns_go_to_the_client_whose_ledger_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def download(repository: str, repo_type: str, local_dir: Path, allow_patterns: list[str], endpoint: object) -> None:
        assert (repository, repo_type, allow_patterns) == ("lab/clicks", "dataset", ["seq/*.parquet"])
        (local_dir / ".cache" / "huggingface").mkdir(parents=True)
        (local_dir / "a.parquet").touch()

    monkeypatch.setattr(DOWNLOAD, download)
    huggingface.fetch("lab/clicks", ("seq/*.parquet",), tmp_path)
    assert (tmp_path / "a.parquet").exists()
    assert not (tmp_path / ".cache" / "huggingface").exists()


def test_a_refusal_is_one_sentence_that_says_what_may_help(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("401 Client Error.\nRepository Not Found")

    monkeypatch.setattr(DOWNLOAD, refuse)
    with pytest.raises(UserError) as caught:
        huggingface.fetch("lab/clicks", ("indexer.pkl",), tmp_path)
    assert str(caught.value).startswith("The hub's client failed (401 Client Error. Repository Not Found): check the")
    assert "accept the terms of lab/clicks, set HF_TOKEN" in str(caught.value)
