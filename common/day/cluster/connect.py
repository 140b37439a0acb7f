"""Boosted trees fitted on the workers of a Dask cluster in place of this process.

    with cluster.use("tcp://host:8786"):
        ranker = rankers.fit("xgboost_ndcg", ...)  # each worker holds a share of the queries

Only the rows travel: features are built here, and what comes back is an ordinary ``Ranker``. The address is no argument
of any step and enters no key: a kept fit stays valid wherever it was made, and its scores differ from those of another
machine by the order of sums and the draw of bins, well within their standard error. How to start a cluster:
competitions/BEYOND.md.
"""

import contextlib
import hashlib
import importlib
import platform
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.engine import progress
from common.engine.errors import UserError
from common.learning.gbdt import remote_fitter

CONNECT_S = 10.0
WORKERS_S = 10.0
CLOSE_S = 10.0
SHARED = ("numpy", "lightgbm", "xgboost", "distributed")  # what both ends of a fit must have alike
ADVICE = "see competitions/BEYOND.md for how to start one"


@contextlib.contextmanager
def use(address: str | None) -> Iterator[None]:
    """Fit LightGBM's and XGBoost's models on the workers of the scheduler at ``address`` inside the block; None: here.

    Raises ``UserError`` where nobody answers, there is no worker, or a machine runs other code or libraries.
    """
    if address is None:
        yield
        return
    # Here and not above: a run without a cluster must not wait for the import.
    from common.day.cluster.fit import Cluster

    client = _connect(address)
    try:
        workers = _find_workers(client, address)
        _compare(client)
        progress.say(f"Boosted trees are fitted on {len(workers)} workers of {address}.")
        token = remote_fitter.set(Cluster(client, workers).fit)
        try:
            yield
        finally:
            remote_fitter.reset(token)
    finally:
        _close(client)


def _close(client: Any) -> None:
    """Close the connection; a close that hangs must not keep the run from ending."""
    closing = threading.Thread(target=client.close, daemon=True)
    closing.start()
    closing.join(CLOSE_S)


def _connect(address: str) -> Any:
    from common.day.cluster.fit import OrderedClient

    try:
        return OrderedClient(address, CONNECT_S)
    except (OSError, ValueError) as error:
        raise UserError(
            f"No Dask scheduler answers at {address!r} within {CONNECT_S:.0f} s ({_first_line(error)}): {ADVICE}."
        ) from error


def _find_workers(client: Any, address: str) -> list[str]:
    """The addresses of the workers, in the order of their names: the same shares go to the same names every time."""
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError as error:
        raise UserError(
            f"The Dask scheduler at {address} has no workers, {WORKERS_S:.0f} s waited: start some, {ADVICE}."
        ) from error
    workers = client.scheduler_info()["workers"]
    return sorted(workers, key=lambda address: (str(workers[address]["name"]), address))


def _compare(client: Any) -> None:
    """Refuse a cluster of which a machine would compute something else."""
    here = list_versions()
    machines = client.run(list_versions, on_error="return")
    with contextlib.suppress(Exception):  # what the scheduler cannot run, the workers cannot either
        machines["the scheduler"] = client.run_on_scheduler(list_versions)
    for machine, there in sorted(machines.items()):
        if isinstance(there, BaseException):
            raise UserError(
                f"The Dask worker {machine} cannot run this project ({_first_line(there)}): start it in the project's"
                " folder and with its environment."
            ) from there
        for name, version in here.items():
            if there.get(name) != version:
                raise UserError(
                    f"{machine} has {name} {there.get(name)}, this machine {version}: all machines of a cluster need"
                    " the same revision of the project and the same environment."
                )


def list_versions() -> dict[str, str]:
    """What must be the same on all machines: Python, the libraries of a fit, and this package's source (a digest)."""
    versions = {"Python": ".".join(platform.python_version_tuple()[:2])}
    versions |= {name: importlib.import_module(name).__version__ for name in SHARED}
    source = hashlib.blake2b(digest_size=6)
    for file in sorted(Path(__file__).parents[2].rglob("*.py")):
        source.update(file.read_bytes())
    return versions | {"source of common/": source.hexdigest()}


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
