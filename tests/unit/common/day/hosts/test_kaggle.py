"""Kaggle by its client, against a server of this machine: what comes in is whole; each refusal is one sentence."""

import io
import shlex
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.day.hosts import kaggle as kaggle_client
from common.engine.errors import UserError
from tests.unit.common.day.hosts.fetch_hosts import CLIENT_LEAKS, Kaggle, serve_kaggle

TRAIN = bytes(range(256)) * 300
TEST = b"test" * 1000
NAMES = ("train.parquet", "test.parquet")
pytestmark = pytest.mark.filterwarnings(CLIENT_LEAKS)


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    with serve_kaggle(monkeypatch, tmp_path / "home") as kaggle:
        kaggle.files = {"train.parquet": TRAIN, "test.parquet": TEST, "jsons_raw.tar.kaggle": b"never fetched"}
        yield kaggle


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "data" / "raw"


def refused(raw: Path) -> str:
    """The sentence that a fetch ends in; nothing may lie in the raw folder then."""
    with pytest.raises(UserError) as caught:
        kaggle_client.fetch("a-contest", NAMES, raw)
    assert not raw.exists() or not list(raw.iterdir())
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_the_named_files_come_in_and_nothing_else_stays(
    kaggle: Kaggle, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle_client.fetch("a-contest", NAMES, raw)
    assert sorted(path.name for path in raw.iterdir()) == ["test.parquet", "train.parquet"]
    assert (raw / "train.parquet").read_bytes() == TRAIN
    assert (raw / "test.parquet").read_bytes() == TEST
    assert [path.name for path in raw.parent.iterdir()] == ["raw"]
    assert kaggle.calls == ["DownloadDataFile", "DownloadDataFile"]
    assert capsys.readouterr().out == ""
    kaggle_client.fetch("a-contest", NAMES, raw)
    assert len(kaggle.calls) == 2  # what is there stays


def test_a_broken_download_is_taken_up_and_finished_files_are_not_sent_again(kaggle: Kaggle, raw: Path) -> None:
    kaggle.files["test.parquet"] = body = TEST * 800
    kaggle.cut = {"test.parquet": 5 << 19}  # within the third MiB, of which nothing is kept
    with pytest.raises(UserError, match="check the network"):
        kaggle_client.fetch("a-contest", NAMES, raw)
    assert [path.name for path in raw.iterdir()] == ["train.parquet"]  # a part is never taken for the file
    kaggle.cut, kaggle.sent = {}, []
    kaggle_client.fetch("a-contest", NAMES, raw)
    assert kaggle.sent == [("test.parquet", None), ("test.parquet", f"bytes={2 << 20}-")]
    assert (raw / "test.parquet").read_bytes() == body
    assert not (raw.parent / "raw.partial").exists()


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503, 400])
def test_a_refusal_is_one_sentence_that_says_what_may_help(kaggle: Kaggle, raw: Path, status: int) -> None:
    kaggle.status = status
    sentence = refused(raw)
    for advice in ("check the network", "KAGGLE_API_TOKEN", "rules at https://www.kaggle.com/competitions/a-contest"):
        assert advice in sentence


def test_no_network_and_no_credentials_are_one_sentence(
    kaggle: Kaggle, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("kagglesdk.kaggle_http_client.get_endpoint", lambda _: "http://127.0.0.1:1")
        assert "check the network" in refused(raw)
    kaggle.calls = []
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setattr("kaggle.api.config", str(raw / "none.json"))
    assert "Kaggle needs a login: create a token at" in refused(raw)
    assert kaggle.calls == []


# --- zip ---


def wrap(name: str, body: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(name, body)
    return archive.getvalue()


def test_a_file_that_comes_wrapped_is_unpacked(kaggle: Kaggle, raw: Path) -> None:
    kaggle.archives = {"train.parquet": wrap("train.parquet", TRAIN)}
    kaggle_client.fetch("a-contest", NAMES, raw)
    assert (raw / "train.parquet").read_bytes() == TRAIN
    assert not list(raw.parent.rglob("*.zip"))


@pytest.mark.parametrize("archive", [wrap("other.parquet", TRAIN), b"PK\x03\x04 and then nothing"])
def test_an_archive_that_is_broken_or_of_another_file_is_removed(kaggle: Kaggle, raw: Path, archive: bytes) -> None:
    kaggle.archives = {"train.parquet": archive}
    sentence = refused(raw)
    assert "train.parquet.zip cannot be unpacked" in sentence
    assert sentence.endswith("it is removed: run this again.")
    assert [path.name for path in raw.parent.rglob("*") if path.is_file()] == [".gitignore"]


# --- submit ---


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    path = tmp_path / "submission.parquet"
    path.write_bytes(b"ranks")
    return path


def test_the_command_is_quoted_for_a_shell(submission: Path) -> None:
    command = shlex.split(kaggle_client.submit_command("a-contest", submission, "a message; $HOME"))
    assert Path(command[0]).name == "kaggle"
    path = str(submission)
    assert command[1:] == ["competitions", "submit", "a-contest", "-f", path, "-m", "a message; $HOME"]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"status": 403}, "accept the rules"),
        ({"upload_status": 400}, r"did not accept the upload of .*submission\.parquet"),
    ],
)
def test_an_upload_that_is_refused_is_one_sentence(
    kaggle: Kaggle, submission: Path, fault: dict[str, int], sentence: str
) -> None:
    vars(kaggle).update(fault)
    with pytest.raises(UserError, match=sentence):
        kaggle_client.submit("a-contest", submission, "m")
