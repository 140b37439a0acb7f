"""The model hub by its client, against a server of this machine: refusals."""

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import huggingface_hub.file_download
import pytest

from common.day.hosts import huggingface
from common.engine.errors import UserError
from tests.unit.common.day.hosts.fetch_hosts import Hub, serve_hub

PATTERNS = ("seq/*.parquet", "indexer.pkl")
FILES = {"indexer.pkl": b"map" * 1000, "seq/a.parquet": b"a" * 500_000, "seq/b.parquet": b"b" * 7}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serve_hub() as hub:
        hub.files = {"README.md": b"words", "mm_emb/large.parquet": b"large", **FILES}
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setattr(huggingface_hub.file_download.time, "sleep", lambda _: None)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield hub


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "data" / "raw"


def refused(raw: Path) -> str:
    with pytest.raises(UserError) as caught:
        huggingface.fetch("lab/clicks", PATTERNS, raw)
    assert not raw.exists() or not [path for path in raw.iterdir() if path.name != ".cache"]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def read(raw: Path) -> dict[str, bytes]:
    return {path.relative_to(raw).as_posix(): path.read_bytes() for path in raw.rglob("*") if path.is_file()}


def test_only_the_files_that_fit_come_in(hub: Hub, raw: Path) -> None:
    huggingface.fetch("lab/clicks", PATTERNS, raw)
    assert read(raw) == FILES
    assert sorted(hub.fetched) == sorted(FILES)
    assert [path.name for path in raw.parent.iterdir()] == ["raw"]


@pytest.mark.parametrize(
    ("status", "code"), [(403, "GatedRepo"), (401, "RepoNotFound"), (404, "RepoNotFound"), (500, "")]
)
def test_a_refusal_is_one_sentence_that_says_what_may_help(hub: Hub, raw: Path, status: int, code: str) -> None:
    hub.refuse = status, code
    assert "accept the terms of lab/clicks, set HF_TOKEN" in refused(raw)


def test_no_network_is_one_sentence(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert "check the network" in refused(raw)
