"""Kaggle by its client: what comes in is whole; each refusal is one sentence."""

import shlex
from pathlib import Path

import pytest

from common.day.hosts import kaggle as kaggle_client
from common.engine.errors import UserError
from tests.unit.common.day.hosts.fake_hosts import Kaggle, install_kaggle, wrap

TRAIN, TEST = bytes(range(256)) * 3, b"test"
NAMES = ("train.parquet", "test.parquet")


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch) -> Kaggle:
    kaggle = install_kaggle(monkeypatch)
    kaggle.files = {"train.parquet": TRAIN, "test.parquet": TEST, "jsons_raw.tar.kaggle": b"never fetched"}
    return kaggle


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


def read(raw: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in raw.iterdir()}


def test_the_named_files_come_in_and_nothing_else_stays(
    kaggle: Kaggle, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle.archives = {"train.parquet": wrap("train.parquet", TRAIN)}  # some come wrapped
    for _ in range(2):  # what is there stays
        kaggle_client.fetch("a-contest", NAMES, raw)
        assert read(raw) == {"train.parquet": TRAIN, "test.parquet": TEST}
        assert [path.name for path in raw.parent.iterdir()] == ["raw"]
    assert kaggle.calls == [*NAMES]
    assert capsys.readouterr().out == ""


def test_a_broken_download_is_never_taken_for_the_file_and_finished_ones_are_not_sent_again(
    kaggle: Kaggle, raw: Path
) -> None:
    kaggle.errors = {"test.parquet": ConnectionError("the line broke\nin two")}
    with pytest.raises(UserError, match=r"^Kaggle's client failed \(the line broke\): check the network"):
        kaggle_client.fetch("a-contest", NAMES, raw)
    assert read(raw) == {"train.parquet": TRAIN}
    assert read(raw.parent / "raw.partial") == {".gitignore": b"*\n", "test.parquet": TEST[:1]}  # to go on with
    kaggle.errors, kaggle.calls = {}, []
    kaggle_client.fetch("a-contest", NAMES, raw)
    assert kaggle.calls == ["test.parquet"]
    assert read(raw) == {"train.parquet": TRAIN, "test.parquet": TEST}


@pytest.mark.parametrize("login", [SystemExit(1), PermissionError("403")])
def test_a_refusal_is_one_sentence_that_says_what_may_help(kaggle: Kaggle, raw: Path, login: BaseException) -> None:
    kaggle.login = login
    sentence = refused(raw)
    for advice in ("KAGGLE_API_TOKEN", "accept the rules at https://www.kaggle.com/competitions/a-contest/rules"):
        assert advice in sentence
    assert ("needs a login" in sentence) is isinstance(login, SystemExit)


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


def test_an_upload_that_is_refused_is_one_sentence(kaggle: Kaggle, submission: Path) -> None:
    kaggle.answer = kaggle.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE
    with pytest.raises(UserError, match=r"did not accept the upload of .*submission\.parquet"):
        kaggle_client.submit("a-contest", submission, "m")
    kaggle.errors = {"submit": PermissionError("403 Client Error")}
    with pytest.raises(UserError, match=r"failed \(403 Client Error\): .*accept the rules"):
        kaggle_client.submit("a-contest", submission, "m")
