"""Every step of every pipeline can be sent to another process, which finds the same key."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.engine.cluster import detach
from common.engine.result import Result, list_leaves
from common.engine.run import Run, function_name
from tests.contract.contract import Contract, Finished

MOST_BYTES = 1_000_000  # of what is sent: rows go by the store


class SendingRun(Run):
    """A run that sends every step to itself, and computes it as ever."""

    def __init__(self, folder: Path, cache: Path) -> None:
        super().__init__(folder, cache, quiet=True)
        self.sent: list[str] = []
        self.stays: list[str] = []

    def step(self, f: Callable[..., Any], /, *args: Any, name: str | None = None) -> Result[Any]:
        """Run the step."""
        name = name or function_name(f)
        result = super().step(f, *args, name=name)
        step = result.step
        assert step is not None
        if any(isinstance(leaf, Path) for leaf in list_leaves(args)):
            self.stays.append(name)
        else:
            self.sent.append(name)
            sent = pickle.dumps(detach(step, self.cache))
            received = pickle.loads(sent)
            assert self._keys.key(received.function, received.args) == step.key, name
            assert len(sent) < MOST_BYTES, name
        return result


def test_every_step_that_reads_no_raw_file_can_be_sent_under_its_key(
    contract: Contract, finished: Finished, tmp_path: Path
) -> None:
    run = SendingRun(tmp_path / "run", finished.build / contract.name / "cache")
    config = contract.competition.load_config(["seed=0", *contract.small], tuned=False)
    contract.competition.solve(contract.competition.locate(finished.raw, config), config, run)
    assert all(record.kept for record in run.timings)
    assert len(run.sent) > 2 * len(run.stays) > 0
