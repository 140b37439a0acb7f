"""The model hub by its client: what is asked of it, and refusals."""

from pathlib import Path

import pytest

from common.day.hosts import huggingface
from common.engine.errors import UserError
from tests.unit.common.day.hosts.fake_hosts import install_hub

FILES = {"indexer.pkl": b"map", "seq/a.parquet": b"a", "mm_emb/large.parquet": b"large"}


def test_only_the_files_that_fit_come_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_hub(monkeypatch, FILES)
    huggingface.fetch("lab/clicks", ("seq/*.parquet", "indexer.pkl"), tmp_path)
    read = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert read == {"indexer.pkl": b"map", "seq/a.parquet": b"a"}
    assert not (tmp_path / ".cache" / "huggingface").exists()


def test_a_refusal_is_one_sentence_that_says_what_may_help(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_hub(monkeypatch, FILES, ConnectionError("401 Client Error.\nRepository Not Found"))
    with pytest.raises(UserError) as caught:
        huggingface.fetch("lab/clicks", ("indexer.pkl",), tmp_path)
    assert str(caught.value).startswith("The hub's client failed (401 Client Error. Repository Not Found): check the")
    assert "accept the terms of lab/clicks, set HF_TOKEN" in str(caught.value)
