"""Kaggle's client and the hub's, in whose stead the tests download and hand in without a network."""

import fnmatch
import io
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest


class Kaggle:
    """Kaggle's client for the competition ``a-contest``.

    ``files``: by name; ``archives``: by file, the zip archive that is sent instead. ``login`` and ``errors``: what is
    raised when the client logs in, and over a file or an upload. ``answer``: what it says of an upload.
    """

    COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE = "Could not submit to competition"

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.archives: dict[str, bytes] = {}
        self.login: BaseException | None = None
        self.errors: dict[str, Exception] = {}
        self.answer = "Successfully submitted"
        self.calls: list[str] = []
        self.uploads: list[tuple[str, bytes, str]] = []  # file, its content, the message

    def authenticate(self) -> None:
        print("words of the client")
        if self.login:
            raise self.login

    def competition_download_file(self, competition: str, name: str, folder: str, quiet: bool) -> None:
        assert competition == "a-contest"
        self.calls.append(name)
        if name in self.archives:
            Path(folder, f"{name}.zip").write_bytes(self.archives[name])
            return
        Path(folder, name).write_bytes(self.files[name][:1] if name in self.errors else self.files[name])
        if name in self.errors:
            raise self.errors[name]

    def competition_submit(self, path: str, message: str, competition: str, quiet: bool) -> SimpleNamespace:
        assert competition == "a-contest"
        self.calls.append("submit")
        if "submit" in self.errors:
            raise self.errors["submit"]
        self.uploads.append((Path(path).name, Path(path).read_bytes(), message))
        return SimpleNamespace(message=self.answer, ref=77)


def wrap(name: str, body: bytes) -> bytes:
    """A zip archive of one file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(name, body)
    return archive.getvalue()


def install_kaggle(monkeypatch: pytest.MonkeyPatch) -> Kaggle:
    kaggle = Kaggle()
    monkeypatch.setitem(sys.modules, "kaggle", SimpleNamespace(api=kaggle))
    return kaggle


def install_hub(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], error: Exception | None = None) -> None:
    """The hub with these files of the data set ``lab/clicks``; ``error`` is raised in place of all of them."""

    def snapshot_download(
        repository: str, repo_type: str, local_dir: Path, allow_patterns: list[str], endpoint: str | None
    ) -> None:
        assert (repository, repo_type) == ("lab/clicks", "dataset")
        (local_dir / ".cache" / "huggingface").mkdir(parents=True)
        if error:
            raise error
        for name in (name for name in files if any(fnmatch.fnmatch(name, each) for each in allow_patterns)):
            (local_dir / name).parent.mkdir(exist_ok=True)
            (local_dir / name).write_bytes(files[name])

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
