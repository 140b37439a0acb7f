"""Where a training runs: in this process, or under torchrun with one process a GPU (or as many as are asked for).

Several machines train together where the environment variable ``RECSYS_TORCHRUN`` holds torchrun's options for that,
see competitions/BEYOND.md: where a training runs is not what it computes, so they are no setting and enter no key.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import distributed as dist

from common.errors import UserError
from common.pipeline.result_store import StepRecord, Store
from competitions.tencent.training.trainer import Lesson, Trained, choose_device, train

LESSON, TRAINED = "lesson", "trained"
MACHINES = "RECSYS_TORCHRUN"


def count_processes(asked: int) -> int:
    """How many processes train: as many as asked for, 0 for one a GPU and one where there is none."""
    return asked or max(1, torch.cuda.device_count())


def train_anywhere(lesson: Lesson, path: Path) -> Trained:
    """Train here, or hand the lesson to torchrun and read what it made."""
    processes = count_processes(lesson.train.processes)
    machines = os.environ.get(MACHINES)
    if processes == 1 and not machines:
        return train(lesson, path, lesson.train.checkpoint_s)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        _keep(Path(folder), LESSON, lesson)
        command = [sys.executable, "-m", "torch.distributed.run", *shlex.split(machines or "--standalone")]
        command += [f"--nproc-per-node={processes}", "-m", __name__, folder, str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            lines = [line for line in ended.stderr.splitlines() if "Error: " in line]
            told = lines[0].strip() if lines else f"exit code {ended.returncode}"
            raise UserError(
                f"Training in {processes} processes failed ({told}); what was learned so far is kept in {path}: run"
                " again to go on, or set train.processes=1."
            )
        trained: Trained = Store(Path(folder)).load(TRAINED, TRAINED)
    return trained


def _keep(folder: Path, name: str, value: object) -> None:
    """Write it where other processes find it; large arrays are mapped there, so that all processes share one copy."""
    store = Store(folder)
    with store.draft() as draft:
        draft.write(value)
        draft.publish(name, StepRecord(name=name, seconds=0.0, peak_mib=0.0))


def main(told: Sequence[str]) -> None:
    """One of the processes of torchrun, which tells it by the environment who it is. The first writes the result.

    ``told``: the folder of the lesson and the path of the checkpoint; nothing on other machines, which ask the first.
    """
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        places = [os.path.abspath(place) for place in told] or ["", ""]
        dist.broadcast_object_list(places, src=0, device=choose_device())
        folder, path = (Path(place) for place in places)
        lesson: Lesson = Store(folder).load(LESSON, LESSON)
        trained = train(lesson, path, lesson.train.checkpoint_s)
        if dist.get_rank() == 0:
            _keep(folder, TRAINED, trained)
        dist.barrier()
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1:])
