"""A connected cluster: which fits go to it, and what is done when a worker is lost on the way."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import distributed

from common.day.cluster import dask_lightgbm, dask_xgboost
from common.engine import progress
from common.engine.errors import UserError
from common.learning.fit_task import Fit, FitTask

POLL_S = 0.5
RESTART_S = 30.0
FITTERS = {
    "lightgbm_softmax": dask_lightgbm.fit,
    "lightgbm": dask_lightgbm.fit,
    "xgboost_softmax": dask_xgboost.fit,
    "xgboost": dask_xgboost.fit,
}


class OrderedClient(distributed.Client):
    """A client whose ``who_has`` keeps the order of its futures: LightGBM numbers its machines in that order.

    A machine computes the bins of the features that fall to its number: in the order of a set, as Dask has it, the same
    fit would give other trees every time.
    """

    def __init__(self, address: str, timeout: float) -> None:
        """Connect. One that cannot is closed here: left to the garbage collector, it may close itself while the next
        client is being made, and both wait for the same lock.
        """
        try:
            super().__init__(address, timeout=timeout, set_as_default=False)  # type: ignore[no-untyped-call]
        except BaseException:
            with contextlib.suppress(Exception):
                self.close(timeout=timeout)  # type: ignore[no-untyped-call]
            self.status = "closed"
            raise

    def who_has(self, futures: Any = None, **kwargs: Any) -> Any:
        """The workers that hold each of some futures, by key."""
        workers = super().who_has(futures, **kwargs)  # type: ignore[no-untyped-call]
        return workers if futures is None else {future.key: workers[future.key] for future in futures}


class Cluster:
    """A client of a scheduler, and the addresses of the workers that share every fit."""

    def __init__(self, client: Any, workers: Sequence[str]) -> None:
        """``client`` is a ``distributed.Client``."""
        self._client = client
        self._workers = list(workers)
        self._kept_here: set[str] = set()

    def fit(self, family: str, task: FitTask) -> Fit | None:
        """Fit a task on the workers; None for a family whose library cannot share a fit.

        Raises ``UserError`` when a worker or the scheduler is lost before the fit is done.
        """
        fitter = FITTERS.get(family)
        if fitter is None:
            if family not in self._kept_here:
                self._kept_here.add(family)
                progress.say(f"  {family} cannot be fitted by several machines and stays on this one")
            return None
        fewest = min(len(rows.group_sizes) for rows in (task.train, task.valid) if rows is not None)
        workers = self._workers[:fewest]  # none may be left without a query
        if not workers:
            return None
        with self._turn(workers):
            return self._watch(lambda: fitter(self._client, workers, family, task), workers)

    @contextlib.contextmanager
    def _turn(self, workers: Sequence[str]) -> Iterator[None]:
        """One fit at a time, of all runs: halves of two on different workers would wait for each other for ever."""
        make: Any = distributed.Lock
        lock = make("recsys fit", scheduler_rpc=self._client.scheduler, loop=self._client.loop)
        while not lock.acquire(timeout=POLL_S):
            self._refuse_loss(workers)
        try:
            yield
        finally:
            with contextlib.suppress(Exception):  # a scheduler that was lost has forgotten it
                lock.release()

    def _watch(self, work: Callable[[], Fit], workers: Sequence[str]) -> Fit:
        """Wait for the work as long as all workers are there: a library may wait for a lost one for ever."""
        done: queue.SimpleQueue[Fit | BaseException] = queue.SimpleQueue()

        def run() -> None:
            try:
                with self._client.as_current():  # what a library puts into its tasks finds its client by that
                    done.put(work())
            except BaseException as error:  # handed to the thread that waits
                done.put(error)

        threading.Thread(target=run, daemon=True).start()
        while True:
            try:
                result = done.get(timeout=POLL_S)
            except queue.Empty:
                self._refuse_loss(workers)
                continue
            if isinstance(result, BaseException):
                self._refuse_loss(workers, result)
                self._free(workers)
                raise result
            return result

    def _refuse_loss(self, workers: Sequence[str], cause: BaseException | None = None) -> None:
        try:
            alive = self._client.nthreads()
        except Exception as error:  # whatever a lost connection raises
            raise UserError(
                "The Dask scheduler was lost during a fit: start it again and run again, the finished steps are kept."
            ) from error
        lost = [worker for worker in workers if worker not in alive]
        if lost:
            self._free([worker for worker in workers if worker in alive])
            raise UserError(
                f"The Dask worker {lost[0]} was lost during a fit (its log says why; often it is memory): start it"
                " again and run again, the finished steps are kept."
            ) from cause

    def _free(self, workers: Sequence[str]) -> None:
        """Restart workers that may wait inside a library for one that will not answer; those without a nanny cannot."""
        with contextlib.suppress(Exception):
            self._client.restart_workers(list(workers), timeout=RESTART_S)
