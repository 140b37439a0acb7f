"""Steps computed by the workers of a Dask cluster that shares the build folder.

    with connect("tcp://host:8786", run.cache) as run.cluster:
        pipeline.solve(files, config, run)

A step that reads no raw file becomes a task, which waits for the steps whose results it takes and for no other: folds,
models, channels and the parts of an answer are computed side by side. A worker opens the same store, computes under the
step's key and keeps the result there. Only arguments travel; a result among them is sent as its key. Where a step is
computed is not what it computes: no address is in a key, and a run alone goes on from what workers have kept.
How to start a cluster, and what fails how: competitions/BEYOND.md.
"""

import contextlib
import functools
import logging
import os
import pickle
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from common.engine import progress
from common.engine.errors import UserError
from common.engine.result import Result, Step, replace_results, walk
from common.engine.result_store import Store
from common.engine.step_key import Keys
from common.engine.stored_entry import StepRecord

CONNECT_S = 10.0
POLL_S = 0.02
HELP = "see competitions/BEYOND.md for how to start one"
KEPT = "Finished steps are kept: run again to continue, or run without the cluster."


class SentStep(NamedTuple):
    """A step under way, who is told its cost and where it was computed, and Dask's future of the latter."""

    step: Step
    note: Callable[[StepRecord, str], None]
    future: Any


@contextlib.contextmanager
def connect(address: str | None, cache: Path) -> Iterator["Cluster | None"]:
    """The cluster at ``address`` for the steps whose results are kept in ``cache``; None where there is no address.

    At the end all steps are waited for. Raises ``UserError`` where nobody answers, and for what ``Cluster.wait`` does.
    """
    if address is None:
        yield None
        return
    import distributed  # a run alone must not wait for it

    for name in ("distributed", "distributed.client"):  # which print a stack for what is a sentence here
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        host, _, port = address.rpartition("/")[2].rpartition(":")
        # A client that meets nobody ends with a stack.
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
        client: Any = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UserError(f"No Dask scheduler answers at {address!r} within {CONNECT_S:.0f} s: {HELP}.") from error
    store = Store(cache)
    try:
        _require_workers(client, store.folder)
        cluster = Cluster(client, store)
        yield cluster
        cluster.wait()
    finally:
        client.close(timeout=CONNECT_S)


def _require_workers(client: Any, folder: Path) -> None:
    """Refuse a cluster without workers, or with one that is outside the project or cannot open the store."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
        count = len(client.run(Store, folder))
    except TimeoutError as error:
        raise UserError(f"The Dask scheduler has had no workers for {CONNECT_S:.0f} s: {HELP}.") from error
    except Exception as error:  # whatever a worker raises that finds other modules, or none
        raise UserError(
            f"A Dask worker cannot run this project ({error}): start all of them in the project's folder, with its"
            " environment."
        ) from error
    progress.say(f"Steps are computed by the workers of {client.scheduler.address}, now {count}.")


class Cluster:
    """The steps that are under way on a cluster."""

    def __init__(self, client: Any, store: Store) -> None:
        """``client`` is a ``distributed.Client``."""
        self._client = client
        self._store = store
        self._tasks: dict[Path, SentStep] = {}  # by the entry that is being made

    def is_pending(self, step: Step) -> bool:
        """Whether the step is under way."""
        return self._entry(step) in self._tasks

    def submit(self, step: Step, note: Callable[[StepRecord, str], None]) -> bool:
        """Have a step computed; False for one that reads raw files. ``note`` is told its cost and where, when done."""
        given = list(walk(step.args))
        if any(isinstance(each, Path) for each in given):
            return False
        before = {self._entry(each) for each in given if isinstance(each, Step) and self.is_pending(each)}
        folder = self._store.folder
        sent = folder, step.name, pickle.dumps(detach(step, folder), protocol=5)
        key = f"{step.name}-{step.key}-{self._client.id}"  # of this run: another may keep its results elsewhere
        future = self._client.submit(compute_sent, *sent, *(self._tasks[entry].future for entry in before), key=key)
        self._tasks[self._entry(step)] = SentStep(step, note, future)
        return True

    def wait(self, step: Step | None = None) -> None:
        """Until a step is done, or all are; whatever is done meanwhile is noted.

        Raises what a step raises; ``UserError`` where the scheduler is lost, where a step ended one worker after the
        other, and where a worker would not compute the same. Where all workers are lost, it waits for another.
        """
        while self._tasks if step is None else self.is_pending(step):
            with progress.running(f"{len(self._tasks)} steps on the cluster"):
                while not (done := [entry for entry, task in self._tasks.items() if task.future.done()]):
                    time.sleep(POLL_S)
            for entry in done:
                # To finish one may wait for another here, which an input that has to be made again does.
                if task := self._tasks.pop(entry, None):
                    self._finish(task)

    def _finish(self, task: SentStep) -> None:
        future = task.future
        if future.status not in ("finished", "error"):  # cancelled, once the client has given up to connect again
            raise UserError(f"The Dask scheduler was lost: start it and its workers again. {KEPT}")
        error = future.exception() if future.status == "error" else None
        if isinstance(error, UserError):
            raise error
        if type(error).__name__ == "KilledWorker":
            raise UserError(
                f"Every worker that began {task.step.name} was lost (see their logs; the cause is often memory):"
                f" start fewer on a machine. {KEPT}"
            ) from error
        os.listdir(self._store.folder)  # to open a folder asks its server anew, where it is one over a network
        if error is None and (record := self._store.find(task.step.name, task.step.key)):
            task.note(record, f"  on {future.result()}")
        else:  # what it takes, or has made, cannot be seen here or was damaged; any other error comes again here
            task.note(task.step.compute(self._store), "")

    def _entry(self, step: Step) -> Path:
        return self._store.path(step.name, step.key)


def detach(step: Step, folder: Path) -> Step:
    """A step as it goes to a worker: each kept result among its arguments as the way to read it."""

    def replace(result: Result[Any]) -> Result[Any]:
        if result.step is None:
            return Result(result.make, replace_results(result.args, replace))
        name, key = result.step.name, result.step.key
        return Result(read_input, (folder, name, key), Step(name, key, result.step.function, ()))

    return Step(step.name, step.key, step.function, replace_results(step.args, replace))


# --- On a worker ---

open_store = functools.cache(Store)


@functools.cache
def open_keys() -> Keys:
    """One for the life of a process, in which a module stays what it was when it was imported. It meets no raw file."""
    return Keys(Path())


def read_input(folder: Path, name: str, key: str) -> Any:
    """The kept result of a step."""
    return open_store(folder).load(name, key)


def compute_sent(folder: Path, name: str, sent: bytes, *_: object) -> str:
    """Compute a step, pickled, unless its result is kept in a folder; behind it stand the tasks before it. Returns the
    name of this worker.

    Raises ``UserError`` where this worker would compute several steps at once, or by other code.
    """
    import distributed

    worker, keys = distributed.get_worker(), open_keys()
    if worker.state.nthreads != 1:
        raise UserError(f"The Dask worker {worker.name} computes several steps at once: start it with --nthreads 1.")
    try:
        step: Step | None = pickle.loads(sent)
    except (ImportError, AttributeError):  # a module or a function that is not there
        step = None
    if step is None or keys.key(step.function, step.args) != step.key:
        raise UserError(
            f"The Dask worker {worker.name} has a different {name}: its revision of the project or its"
            f" libraries differ. Update it to those of this machine and start it again. {KEPT}"
        )
    store = open_store(folder)
    try:
        if store.find(step.name, step.key) is None:
            step.compute(store)
    finally:
        keys.code.note_imported()  # a later edit of it is none of this process
    return str(worker.name)
