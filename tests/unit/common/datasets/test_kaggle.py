"""Kaggle by its client: what comes in is whole or not there; a break is taken up; each refusal is one sentence."""

import json
import re
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from common.datasets import download
from common.datasets import kaggle as kaggle_client
from common.errors import UserError
from tests.unit.common.datasets.fetch_hosts import Kaggle, install_kaggle

TRAIN = bytes(range(256)) * 300
TEST = b"test" * 1000
NAMES = ("train.parquet", "test.parquet")


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kaggle:
    kaggle = install_kaggle(tmp_path)
    monkeypatch.setenv("STAND_IN_KAGGLE", str(kaggle.site))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    kaggle.put("train.parquet", TRAIN)
    kaggle.put("test.parquet", TEST)
    kaggle.put("jsons_raw.tar.kaggle", b"never asked for")
    return kaggle


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "data" / "raw"


def refused(raw: Path) -> str:
    """The sentence that a fetch ends in; nothing may lie in the raw folder then."""
    with pytest.raises(UserError) as caught:
        kaggle_client.fetch("a-contest", NAMES, raw)
    assert not raw.exists() or not list(raw.iterdir())
    told = str(caught.value)
    assert "\n" not in told
    return told


def test_the_named_files_come_in_and_nothing_else_stays(kaggle: Kaggle, raw: Path) -> None:
    kaggle_client.fetch("a-contest", NAMES, raw)
    assert sorted(path.name for path in raw.iterdir()) == [download.ORIGIN, "test.parquet", "train.parquet"]
    assert (raw / "train.parquet").read_bytes() == TRAIN
    assert (raw / "test.parquet").read_bytes() == TEST
    assert download.read_origin(raw) == {"train.parquet": (len(TRAIN), None), "test.parquet": (len(TEST), None)}
    assert [path.name for path in raw.parent.iterdir()] == ["raw"]
    assert [words[1] for words in kaggle.calls()] == ["files", "download", "download"]


def test_a_broken_download_is_taken_up_and_finished_files_are_not_sent_again(kaggle: Kaggle, raw: Path) -> None:
    kaggle.behave(die_after={"test.parquet": 1500})
    assert "check the network" in refused(raw)
    assert (raw.parent / "raw.partial" / "test.parquet").stat().st_size == 1500
    kaggle.behave()
    kaggle_client.fetch("a-contest", NAMES, raw)
    assert kaggle.sent() == [
        f"train.parquet 0-{len(TRAIN)}",
        "test.parquet 0-1500",
        f"test.parquet 1500-{len(TEST)}",
    ]
    assert (raw / "test.parquet").read_bytes() == TEST
    assert not (raw.parent / "raw.partial").exists()


def test_a_file_that_the_client_has_not_finished_is_not_taken_for_whole(kaggle: Kaggle, raw: Path) -> None:
    partial = download.open_partial(raw, [])
    (partial / "train.parquet").write_bytes(TRAIN)
    (partial / "train.parquet.kaggle-partial").write_text("{}")
    (partial / "test.parquet").write_bytes(TEST)
    kaggle_client.fetch("a-contest", NAMES, raw)
    assert kaggle.sent() == [f"train.parquet {len(TRAIN)}-{len(TRAIN)}"]


def test_files_that_are_there_are_neither_fetched_nor_overwritten(kaggle: Kaggle, raw: Path) -> None:
    raw.mkdir(parents=True)
    (raw / "train.parquet").write_bytes(b"mine")
    kaggle_client.fetch("a-contest", NAMES, raw)
    assert (raw / "train.parquet").read_bytes() == b"mine"
    assert kaggle.sent() == [f"test.parquet 0-{len(TEST)}"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, r"make a token at https://www\.kaggle\.com/settings/api.*KAGGLE_API_TOKEN"),
        (403, r"accept the rules at https://www\.kaggle\.com/competitions/a-contest/rules"),
        (404, r"does not find.*competitions/a-contest"),
        (429, r"wait some minutes"),
        (503, r"fault of its own"),
        ("403 Client Error: Forbidden for url: https://x", r"accept the rules at"),
        ("HTTPSConnectionPool(host='api'): Max retries exceeded (Failed to resolve 'api')", r"check the network"),
        ("KeyError: 'x'\n", r"Kaggle's client failed: KeyError: 'x'"),
    ],
)
def test_a_refusal_is_one_sentence(kaggle: Kaggle, raw: Path, status: object, told: str) -> None:
    kaggle.behave(status=status)
    assert re.search(told, refused(raw))


def test_a_missing_client_says_how_to_get_it(kaggle: Kaggle, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(raw / "python"))
    assert refused(raw) == "Kaggle's client is not in this environment: run make install."


def test_a_file_that_kaggle_does_not_list_is_told(kaggle: Kaggle, raw: Path) -> None:
    (kaggle.site / "files" / "test.parquet").unlink()
    assert "lacks test.parquet" in refused(raw)


def test_a_list_that_is_not_understood_is_told(kaggle: Kaggle, raw: Path) -> None:
    kaggle.behave(listed={"train.parquet": "377MB"})
    assert "'377MB' as the size of train.parquet" in refused(raw)


def test_a_download_of_another_size_than_listed_is_thrown_away(kaggle: Kaggle, raw: Path) -> None:
    kaggle.behave(listed={"train.parquet": len(TRAIN) + 1})
    assert f"Kaggle sent {len(TRAIN)} bytes of train.parquet" in refused(raw)
    assert not (raw.parent / "raw.partial" / "train.parquet").exists()


def test_a_download_that_does_not_fit_on_the_disk_is_not_begun(kaggle: Kaggle, raw: Path) -> None:
    kaggle.behave(listed={"train.parquet": 10**18})
    assert "GB more than are free" in refused(raw)
    assert not kaggle.sent()


# --- zip ---


def wrap(kaggle: Kaggle, *members: tuple[str, bytes], mode: int = 0o644) -> None:
    with zipfile.ZipFile(kaggle.site / "zips" / "train.parquet.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for name, body in members:
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(member, body)


def test_a_file_that_comes_wrapped_is_unpacked(kaggle: Kaggle, raw: Path) -> None:
    wrap(kaggle, ("train.parquet", TRAIN))
    kaggle_client.fetch("a-contest", NAMES, raw)
    assert (raw / "train.parquet").read_bytes() == TRAIN
    assert not list(raw.parent.rglob("*.zip"))


@pytest.mark.parametrize("name", ["../train.parquet", "/train.parquet", "a/train.parquet", "other.parquet"])
def test_an_archive_that_names_another_place_is_refused(kaggle: Kaggle, raw: Path, name: str) -> None:
    wrap(kaggle, (name, TRAIN))
    assert "where train.parquet is expected; it is not unpacked" in refused(raw)
    written = {path for path in raw.parents[1].rglob("*.parquet") if kaggle.site not in path.parents}
    assert written == set()


def test_an_archive_of_several_files_or_of_a_link_is_refused(kaggle: Kaggle, raw: Path) -> None:
    wrap(kaggle, ("train.parquet", TRAIN), ("more", b""))
    assert "holds 2 files" in refused(raw)
    wrap(kaggle, ("train.parquet", TRAIN), mode=stat.S_IFLNK | 0o777)
    assert "it is not unpacked" in refused(raw)


def test_an_archive_that_unpacks_to_more_than_listed_is_refused(kaggle: Kaggle, raw: Path) -> None:
    wrap(kaggle, ("train.parquet", TRAIN + b"!"))
    assert f"unpacks to {len(TRAIN) + 1} bytes where the host lists {len(TRAIN)}" in refused(raw)


def test_an_archive_that_lies_about_its_size_writes_no_more_than_listed(kaggle: Kaggle, raw: Path) -> None:
    """The two places in which an archive states the size are altered; its content is a thousand times that."""
    wrap(kaggle, ("train.parquet", bytes(len(TRAIN) * 50)))
    path = kaggle.site / "zips" / "train.parquet.zip"
    size = (len(TRAIN) * 50).to_bytes(4, "little")
    body = path.read_bytes()
    assert body.count(size) == 2
    path.write_bytes(body.replace(size, len(TRAIN).to_bytes(4, "little")))
    told = refused(raw)
    assert "unpack" in told
    assert not [path for path in (raw.parent / "raw.partial").iterdir() if path.stat().st_size > len(TRAIN)]


def test_a_broken_archive_is_refused(kaggle: Kaggle, raw: Path) -> None:
    (kaggle.site / "zips" / "train.parquet.zip").write_bytes(b"PK\x03\x04 and then nothing")
    assert "cannot be unpacked" in refused(raw)


# --- submit ---


def test_a_file_is_handed_in_with_its_message(kaggle: Kaggle, tmp_path: Path) -> None:
    told = kaggle_client.submit("a-contest", tmp_path / "submission.parquet", "a message; $HOME")
    assert told == "Submission ref: 77\na message; $HOME"
    words = [
        "competitions",
        "submit",
        "a-contest",
        "-f",
        str(tmp_path / "submission.parquet"),
        "-m",
        "a message; $HOME",
    ]
    assert kaggle.calls() == [words]
    command = kaggle_client.submit_command("a-contest", tmp_path / "submission.parquet", "a message; $HOME")
    assert command[1:] == words
    assert json.dumps("a message; $HOME")[1:-1] in kaggle_client.show_command(command)


def test_a_submission_that_kaggle_refuses_is_one_sentence(kaggle: Kaggle, tmp_path: Path) -> None:
    kaggle.behave(status=403)
    with pytest.raises(UserError, match="accept the rules"):
        kaggle_client.submit("a-contest", tmp_path / "submission.parquet", "m")
