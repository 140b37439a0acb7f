"""The store: round trips, entries that are complete or not there, what the disk refuses, and pruning."""

import datetime
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse
from polars.testing import assert_frame_equal

from common.engine.errors import UserError
from common.engine.result_store import Store, prune
from common.io.lock import hold, name_draft
from common.simulation.writer import written_at_once

KEY = "0123456789abcdef" * 4


def save(store: Store, value: Any, key: str = KEY) -> Path:
    store.keep("step", key, lambda: value)
    return store.path("step", key)


def round_trip(tmp_path: Path, value: Any) -> Any:
    store = Store(tmp_path)
    save(store, value)
    return store.load("step", KEY)


@dataclass
class Embeddings:
    items: np.ndarray[Any, Any]
    vectors: np.ndarray[Any, Any]


def test_frames_containers_dataclasses_and_sparse_matrices_come_back(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "a": pl.Series([1, None, 3], dtype=pl.Int8),
            "s": ["x", None, "a longer string than twelve bytes"],
            "t": [datetime.datetime(2020, 1, 1)] * 3,
            "l": [[1], None, [2, 3]],
            "r": [{"k": 1.5}] * 3,
            "e": pl.Series(["x", "y", "x"], dtype=pl.Enum(["y", "x"])),
            "n": [None] * 3,
        }
    )
    frames = [frame, frame.head(0), pl.DataFrame(), frame.slice(1, 1), pl.concat([frame, frame], rechunk=False), frame]
    embeddings = Embeddings(np.arange(3, dtype=np.int32), np.arange(600_000, dtype=np.float32).reshape(2, -1))
    matrix = scipy.sparse.random(500, 500, density=0.9, format="csr", random_state=1)
    ragged = np.array([1, "a", None], dtype=object)
    back = round_trip(tmp_path, {"frames": frames, "embeddings": embeddings, "matrix": matrix, "ragged": ragged})
    for one, other in zip(back["frames"], frames, strict=True):
        assert_frame_equal(one, other)
    np.testing.assert_array_equal(back["embeddings"].items, embeddings.items)
    np.testing.assert_array_equal(back["embeddings"].vectors, embeddings.vectors)
    assert back["embeddings"].vectors.dtype == np.float32
    assert (back["matrix"] != matrix).nnz == 0
    assert back["ragged"].tolist() == [1, "a", None]


def test_large_values_are_mapped_arrays_read_only_and_a_lazy_frame_is_refused(tmp_path: Path) -> None:
    frame = round_trip(tmp_path / "frame", pl.DataFrame({"a": range(1000)}))
    prune(tmp_path / "frame", 0)  # which the frame outlives
    assert (frame.n_chunks(), frame.with_columns(b=pl.col("a") * 2)["b"].sum()) == (1, 999_000)
    array = round_trip(tmp_path / "array", np.zeros((1000, 200), order="F"))
    assert isinstance(array.base, np.memmap)
    assert array.flags.f_contiguous
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with pytest.raises(TypeError, match="collect it first"):
        round_trip(tmp_path / "lazy", [pl.LazyFrame({"a": [1]})])
    assert list((tmp_path / "lazy").iterdir()) == []


def test_an_entry_is_found_once_published_until_it_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path)
    record = store.keep("step", KEY, lambda: store.find("step", KEY))
    assert store.load("step", KEY) is None
    assert store.find("step", KEY) == record
    assert capsys.readouterr().err == ""
    assert store.find("step", "f" * 64) is None
    (store.path("step", KEY) / "entry.json").write_text("{")
    assert store.find("step", KEY) is None
    assert "step: its kept result is damaged" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    save(store, 1)
    assert store.find("step", KEY[:16] + "f" * 48) is None  # the same folder, another key
    assert store.path("fit a/b: LightGBM", KEY).name == f"fit_a_b_LightGBM-{KEY[:16]}"


def test_of_two_runs_with_one_step_the_first_entry_stays(tmp_path: Path) -> None:
    first, second = Store(tmp_path), Store(tmp_path)
    first.keep("step", KEY, lambda: f"slow, behind {save(second, 'fast').name}")
    assert first.load("step", KEY) == "fast"
    assert [path.name for path in tmp_path.iterdir()] == [f"step-{KEY[:16]}"]


@pytest.mark.parametrize("file", ["value.pkl", "0.arrow", "1.npy"])
@pytest.mark.parametrize("kept", [0, -1, None])
def test_an_entry_that_is_not_whole_cannot_be_loaded(tmp_path: Path, file: str, kept: int | None) -> None:
    """A library notices that a file was cut short, before it maps it."""
    store = Store(tmp_path)
    path = save(store, [pl.DataFrame({"a": [1]}), np.zeros(200_000)]) / file
    if kept is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever the library raises: the step is computed again
        store.load("step", KEY)


@pytest.mark.parametrize("changed", ["owner", ".", "entry.json", "value.pkl", "0.arrow"])
def test_what_another_user_owns_or_may_write_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    store = Store(tmp_path)
    path = save(store, pl.DataFrame({"a": [1]}))
    if changed == "owner":
        monkeypatch.setattr("os.getuid", lambda: os.stat(tmp_path).st_uid + 1)
    else:
        (path / changed).chmod(0o777)
        tmp_path.chmod(0o770)
    with pytest.raises(PermissionError, match="another user"):
        store.load("step", KEY)
    with pytest.raises(UserError, match=r"another user or others may write to it.*choose another folder with --build"):
        Store(tmp_path)


def test_under_a_umask_that_lets_a_group_write_a_store_is_of_this_user_alone(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        with written_at_once(tmp_path / "build" / "news" / "simulated" / "one", []):
            store = Store(tmp_path / "build" / "news" / "cache")
        save(store, np.zeros(1_000_000))
    finally:
        os.umask(before)
    assert not (tmp_path / "build").stat().st_mode & 0o077
    assert not store.folder.stat().st_mode & 0o077
    assert Store(store.folder).find("step", KEY) is not None
    assert len(store.load("step", KEY)) == 1_000_000


def test_what_a_killed_run_was_writing_goes_after_a_day(tmp_path: Path) -> None:
    killed, slow = name_draft("tmp"), name_draft("tmp")
    for name in (killed, slow, "digests.json"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.npy").write_text("half")
    os.utime(tmp_path / killed, (2, 2))
    Store(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {slow, "digests.json"}


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("numpy.save", OSError("9 requested and 4 written")),  # what an array could write in part
        ("polars.DataFrame.write_ipc", FULL),
        ("pathlib.Path.rename", FULL),
    ],
)
def test_what_the_disk_refuses_is_a_user_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, error: OSError
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    store = Store(tmp_path)
    save(store, "kept", "e" * 64)
    monkeypatch.setattr(target, refuse)
    with pytest.raises(
        UserError, match=f"{tmp_path}: ({os.strerror(errno.ENOSPC)}|9 requested).*Free space.*run again"
    ):
        save(store, [pl.DataFrame({"a": [1]}), np.zeros(1_000_000)])
    monkeypatch.undo()
    assert store.load("step", "e" * 64) == "kept"
    assert [path.name for path in tmp_path.iterdir()] == [f"step-{'e' * 16}"]


def test_prune_removes_the_least_recently_used_entries(tmp_path: Path) -> None:
    tmp_path /= "cache"
    store = Store(tmp_path)
    keys = [letter * 64 for letter in "abcd"]
    for key in keys:
        save(store, np.zeros(1_000_000, dtype=np.uint8).tobytes(), key)  # a little more than 1 MB each
    for age, key in enumerate(keys):
        os.utime(store.path("step", key), (1_000 - age, 1_000 - age))
    store.find("step", keys[2])  # using an entry makes it the most recent
    (tmp_path / "digests.json").write_text("{}")
    assert prune(tmp_path, 2.5e6 / 2**30) == 2
    assert [key[0] for key in keys if store.find("step", key)] == ["a", "c"]
    assert (tmp_path / "digests.json").exists()
    assert prune(tmp_path, 1.0) == 0
    with hold(tmp_path.parent / "slow"), hold(tmp_path.parent / "later"):  # what the slow one has used stays
        for name, began in (("slow", 500), ("later", os.stat(store.path("step", keys[2])).st_mtime + 5)):
            for lock in (tmp_path.parent / name).iterdir():
                os.utime(lock, (began, began))
        os.utime(store.path("step", keys[0]), (400, 400))
        assert prune(tmp_path, 0) == 1
    assert prune(tmp_path, 0) == 1
