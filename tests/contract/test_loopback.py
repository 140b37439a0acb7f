"""A whole run on two workers of a Dask cluster here leaves the bytes of a run alone."""

from pathlib import Path

from tests.contract.contract import Contract, Finished, run
from tests.contract.flight import FLIGHT
from tests.contract.tencent import TENCENT
from tests.contract.test_runs import assert_same_submission
from tests.dask_loopback import start_cluster

ONLY = (FLIGHT, TENCENT)


def test_two_workers_leave_the_bytes_of_a_run_alone_which_goes_on_from_them(
    contract: Contract, finished: Finished, tmp_path: Path
) -> None:
    with start_cluster(tmp_path, 2) as started:
        shared = run(contract, finished.raw, tmp_path / "build", more={"RECSYS_CLUSTER": started.address})
    assert_same_submission(shared, finished)
    assert shared.computed() == finished.computed()
    assert run(contract, finished.raw, tmp_path / "build").computed() == set()
