"""What is sent of a step, what a worker refuses, and what is done here instead; Dask itself in tests/contract."""

import importlib
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.engine import cluster as clusters
from common.engine.cluster import Cluster
from common.engine.code_fingerprint import PROJECT_ROOT
from common.engine.errors import UserError
from common.engine.result_store import Store, prune
from common.engine.run import Run, collect, derive
from common.engine.step_key import Keys

LARGE = 300_000  # numbers of 8 bytes: kept as a file of their own


@dataclass(frozen=True)
class Pair:
    left: Any
    right: Any

    @property
    def total(self) -> float:
        return float(np.sum(self.left) + np.sum(self.right))


def count_to(number: int) -> np.ndarray:
    return np.arange(number)


def make_pair(number: int) -> Pair:
    return Pair(np.arange(number), number)


def add_all(values: Any, more: Any = 0) -> float:
    values = values.values() if isinstance(values, dict) else values
    return float(sum(np.sum(value) for value in values) + np.sum(more))


def total(pair: Pair) -> float:
    return pair.total


def read(path: Path) -> str:
    return path.read_text()


def refuse(word: str) -> None:
    raise UserError(f"{word} is refused.")


class Client:
    """One worker, in this process."""

    id = "client"

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}  # the bytes of each task
        self.before: dict[str, int] = {}  # how many tasks it waits for

    def submit(
        self, compute: Callable[..., str], folder: Path, name: str, step: bytes, *before: object, key: str
    ) -> "Future[str]":
        """What Dask gives for a task, done at once."""
        self.sent[name], self.before[name] = len(step), len(before)
        future: Any = Future()
        try:
            future.set_result(compute(folder, name, step, *before))
            future.status = "finished"
        except Exception as error:
            future.set_exception(pickle.loads(pickle.dumps(error)))
            future.status = "error"
        done: Future[str] = future
        return done


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What Dask says of the worker."""
    one = SimpleNamespace(name="one", state=SimpleNamespace(nthreads=1))
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(get_worker=lambda: one))
    clusters.open_store.cache_clear()
    clusters.open_keys.cache_clear()
    return one


@pytest.fixture
def run(tmp_path: Path, worker: SimpleNamespace) -> Run:
    return start(tmp_path)


def start(folder: Path, root: Path = PROJECT_ROOT) -> Run:
    made = Run(folder / "run", folder / "cache", root=root)
    made.cluster = Cluster(Client(), Store(folder / "cache"))
    return made


def client_of(run: Run) -> Client:
    client: Client = run.cluster._client  # type: ignore[union-attr]
    return client


def test_results_go_as_keys_and_come_back_from_the_store(run: Run, tmp_path: Path) -> None:
    """Whole, a field, several in a list or by name, made of others and of plain values."""
    large, pair = run.step(count_to, LARGE), run.step(make_pair, LARGE)
    one = float(np.arange(LARGE).sum())
    named = run.step(add_all, collect({"a": large, "b": pair.field("left")}), name="named")
    derived = run.step(total, derive(Pair, large, derive(add_all, [pair.field("left")], np.ones(3))), name="derived")
    assert (named.value, derived.value) == (2 * one, 2 * one + 3)
    client = client_of(run)
    assert max(client.sent.values()) < 5_000 < large.value.nbytes
    assert client.before["derived"] == 2  # both were under way
    alone = Run(tmp_path / "run", tmp_path / "cache")
    left = alone.step(make_pair, LARGE).field("left")
    assert alone.step(add_all, collect({"a": alone.step(count_to, LARGE), "b": left}), name="named").value == 2 * one
    assert all(record.kept for record in alone.timings)


def test_each_step_is_computed_once_and_noted_with_its_worker_but_one_that_reads_a_raw_file_stays_here(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run.step(count_to, 3).value.tolist() == [0, 1, 2]
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("  count_to")]
    assert line.endswith(" MiB  on one")
    for _ in range(2):
        run.step(count_to, 4, name="twice")
    (tmp_path / "raw.csv").write_text("a")
    assert run.step(read, tmp_path / "raw.csv").value == "a"
    run.cluster.wait()  # type: ignore[union-attr]
    noted = [(record.name, record.kept) for record in run.timings]
    assert noted == [("count_to", False), ("count_to", True), ("read", False), ("twice", False)]
    assert client_of(run).sent.keys() == {"count_to", "twice"}


def test_what_a_step_refuses_is_raised_as_it_is(run: Run) -> None:
    refused = run.step(refuse, "a")
    with pytest.raises(UserError, match=r"^a is refused\.$"):
        _ = refused.value
    run.step(refuse, "b")
    with pytest.raises(UserError, match=r"^b is refused\.$"):
        run.cluster.wait()  # type: ignore[union-attr]


@pytest.mark.parametrize("loss", ["damaged", "pruned"])
def test_an_input_that_a_worker_cannot_read_is_made_here_again(run: Run, tmp_path: Path, loss: str) -> None:
    large = run.step(count_to, LARGE)
    assert large.value.size == LARGE
    if loss == "pruned":
        prune(tmp_path / "cache", 0)
    else:
        (file,) = (tmp_path / "cache").glob("count_to-*/0.npy")
        file.write_bytes(b"?" * file.stat().st_size)
    assert run.step(add_all, [large]).value == np.arange(LARGE).sum()
    assert [record.name for record in run.timings if not record.kept].count("add_all") == 1


# --- what a worker refuses ---


def test_a_worker_that_computes_several_steps_at_once(run: Run, worker: SimpleNamespace) -> None:
    worker.state.nthreads = 4
    with pytest.raises(UserError, match="worker one computes several steps at once: start it with --nthreads 1"):
        _ = run.step(count_to, 3).value


@pytest.mark.parametrize("edit", [("np.sum(more)", "np.max(more)"), ("np.sum(self.right)", "np.max(self.right)")])
def test_a_worker_of_another_revision(run: Run, edit: tuple[str, str], tmp_path: Path) -> None:
    """Of the function, or of a class that its argument is made of."""
    sources = clusters.open_keys().code._sources
    sources[__name__] = Path(__file__).read_text().replace(f"{edit[0]})", f"{edit[1]})", 1)
    result = run.step(add_all, [1.0]) if "more" in edit[0] else run.step(total, Pair(1, 2))
    with pytest.raises(UserError, match=r"worker one has a different (add_all|total): its revision of the project"):
        _ = result.value
    assert list((tmp_path / "cache").glob("*-*")) == []


def test_a_worker_that_imported_a_file_before_it_was_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worker: SimpleNamespace
) -> None:
    """Whether its step reached the file or not."""
    far, near = tmp_path / "imported_far.py", tmp_path / "imported_near.py"
    far.write_text("def turn(x):\n    return x\n")
    near.write_text(
        "import imported_far\n\ndef one(x):\n    return x\n\ndef two(x):\n    return imported_far.turn(x)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    keys = Keys(tmp_path, tmp_path)
    monkeypatch.setattr(clusters, "open_keys", lambda: keys)
    steps = importlib.import_module("imported_near")
    assert start(tmp_path, tmp_path).step(steps.one, 1).value == 1
    far.write_text("def turn(x):\n    return -x\n")
    with pytest.raises(UserError, match="has a different two"):
        _ = start(tmp_path, tmp_path).step(steps.two, 1).value
