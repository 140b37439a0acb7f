"""Kaggle by its client: what comes in is whole; each refusal is one sentence."""

import io
import shlex
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.day.hosts import kaggle as kaggle_client
from common.engine.errors import UserError

FILES = {"train.parquet": bytes(range(256)) * 3, "test.parquet": b"test"}


class Kaggle:
    """Kaggle's client: ``sent`` is what it writes for a file, by the name of what it writes."""

    COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE = "Could not submit to competition"

    def __init__(self) -> None:
        self.sent = {name: (name, content) for name, content in FILES.items()}
        self.login: BaseException | None = None
        self.fault: Exception | None = None  # over the test file, half of which is sent
        self.calls: list[str] = []

    def authenticate(self) -> None:
        print("words of the client")
        if self.login:
            raise self.login

    def competition_download_file(self, competition: str, name: str, folder: str, quiet: bool) -> None:
        self.calls.append(name)
        written, content = self.sent[name]
        broken = self.fault is not None and name == "test.parquet"
        Path(folder, written).write_bytes(content[:1] if broken else content)
        if self.fault and broken:
            raise self.fault

    def competition_submit(self, path: str, message: str, competition: str, quiet: bool) -> SimpleNamespace:
        return SimpleNamespace(message=self.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE, ref=77)


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch) -> Kaggle:
    kaggle = Kaggle()
    monkeypatch.setitem(sys.modules, "kaggle", SimpleNamespace(api=kaggle))
    return kaggle


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "data" / "raw"


def fetch(raw: Path) -> dict[str, bytes]:
    kaggle_client.fetch("a-contest", [*FILES], raw)
    return read(raw)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def zip_file(name: str, body: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(name, body)
    return archive.getvalue()


def test_the_named_files_come_in_once_and_nothing_else_stays(
    kaggle: Kaggle, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = zip_file("train.parquet", FILES["train.parquet"])
    kaggle.sent["train.parquet"] = ("train.parquet.zip", packed)  # some come wrapped
    for _ in range(2):  # what is there stays
        assert fetch(raw) == FILES
        assert [path.name for path in raw.parent.iterdir()] == ["raw"]
    assert kaggle.calls == [*FILES]
    assert capsys.readouterr().out == ""


def test_a_broken_download_is_gone_on_with_and_finished_files_are_not_sent_again(kaggle: Kaggle, raw: Path) -> None:
    kaggle.fault = ConnectionError("the line broke\nin two")
    with pytest.raises(UserError, match=r"^Kaggle's client failed \(the line broke\): check the network"):
        fetch(raw)
    assert [*read(raw)] == ["train.parquet"]
    assert read(raw.parent / "raw.partial") == {".gitignore": b"*\n", "test.parquet": b"t"}
    kaggle.fault, kaggle.calls = None, []
    assert fetch(raw) == FILES
    assert kaggle.calls == ["test.parquet"]


@pytest.mark.parametrize("login", [SystemExit(1), PermissionError("403")])
def test_a_refusal_is_one_sentence_that_says_what_may_help(kaggle: Kaggle, raw: Path, login: BaseException) -> None:
    kaggle.login = login
    with pytest.raises(UserError, match=r"KAGGLE_API_TOKEN.*accept the rules at https://.*/a-contest/rules") as caught:
        fetch(raw)
    assert ("needs a login" in str(caught.value)) is isinstance(login, SystemExit)


@pytest.mark.parametrize("archive", [zip_file("other.parquet", b"x"), b"PK\x03\x04 and then nothing"])
def test_an_archive_that_is_broken_or_of_another_file_is_removed(kaggle: Kaggle, raw: Path, archive: bytes) -> None:
    kaggle.sent["train.parquet"] = ("train.parquet.zip", archive)
    with pytest.raises(UserError, match=r"train\.parquet\.zip cannot be unpacked .*it is removed: run this again\.$"):
        fetch(raw)
    assert [path.name for path in raw.parent.rglob("*") if path.is_file()] == [".gitignore"]


def test_an_upload_is_quoted_for_a_shell_and_refused_in_one_sentence(kaggle: Kaggle) -> None:
    submission = Path("submission.parquet")
    command = shlex.split(kaggle_client.submit_command("a-contest", submission, "a message; $HOME"))
    assert Path(command[0]).name == "kaggle"
    assert command[1:] == ["competitions", "submit", "a-contest", "-f", str(submission), "-m", "a message; $HOME"]
    with pytest.raises(UserError, match=r"did not accept the upload of submission\.parquet"):
        kaggle_client.submit("a-contest", submission, "m")
