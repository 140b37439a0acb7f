"""Every step of every pipeline can be sent to another process, which finds the same key."""

import pickle
from pathlib import Path

from common.engine.cluster import detach
from common.engine.result import walk
from tests.contract.contract import Contract, Finished, solve_again

MOST_BYTES = 1_000_000  # of what is sent: rows go by the store


def test_every_step_that_reads_no_raw_file_can_be_sent_under_its_key(
    contract: Contract, finished: Finished, tmp_path: Path
) -> None:
    run = solve_again(contract, finished, tmp_path / "run")
    assert all(record.kept for record in run.timings)
    steps = [(name, result.step) for name, result in run.results if result.step]
    stays = [name for name, step in steps if any(isinstance(leaf, Path) for leaf in walk(step.args))]
    for name, step in ((name, step) for name, step in steps if name not in stays):
        sent = pickle.dumps(detach(step, run.cache))
        received = pickle.loads(sent)
        assert run._keys.key(received.function, received.args) == step.key, name
        assert len(sent) < MOST_BYTES, name
    assert len(steps) == len(run.timings) > 3 * len(stays) > 0
