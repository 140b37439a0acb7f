"""Every step of every pipeline can be sent to another process, which finds the same key."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.engine.cluster import _Receiver, _Sender
from common.engine.result import Result
from common.engine.run import Run, function_name
from common.engine.step_key import Keys
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
        stream = io.BytesIO()
        sender = _Sender(stream)
        sender.dump((f, args))
        if sender.reads_raw:
            self.stays.append(name)
        else:
            self.sent.append(name)
            function, received = _Receiver(io.BytesIO(stream.getvalue()), self._store).load()
            assert Keys.key(self._keys, function, received) == self._keys.key(f, args), name
            assert len(stream.getvalue()) < MOST_BYTES, name
        return super().step(f, *args, name=name)


def test_every_step_that_reads_no_raw_file_can_be_sent_under_its_key(
    contract: Contract, finished: Finished, tmp_path: Path
) -> None:
    run = SendingRun(tmp_path / "run", finished.build / contract.name / "cache")
    config = contract.competition.load_config(["seed=0", *contract.small], tuned=False)
    contract.competition.solve(contract.competition.locate(finished.raw, config), config, run)
    assert all(record.kept for record in run.timings)
    assert len(run.sent) > 2 * len(run.stays) > 0
