"""Where a training runs: in this process, or under torchrun with one process a GPU (or as many as the settings say).

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

from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.result_store import StepRecord, Store
from competitions.tencent.lab.training.inputs import TrainingInputs
from competitions.tencent.lab.training.trainer import Trained, choose_device, train

INPUTS, TRAINED = "inputs", "trained"
MACHINES = "RECSYS_TORCHRUN"


def train_anywhere(inputs: TrainingInputs, path: Path) -> Trained:
    """Train here, or hand the inputs to torchrun and read its result."""
    processes = inputs.train.processes or max(1, torch.cuda.device_count())
    machines = os.environ.get(MACHINES)
    say(f"  training on {describe_device(processes)}")
    if processes == 1 and not machines:
        return train(inputs, path, inputs.train.checkpoint_s)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        _keep(Path(folder), INPUTS, inputs)
        command = [sys.executable, "-m", "torch.distributed.run", *shlex.split(machines or "--standalone")]
        command += [f"--nproc-per-node={processes}", "-m", __name__, folder, str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            lines = [line for line in ended.stderr.splitlines() if "Error: " in line]
            reason = lines[0].strip() if lines else f"exit code {ended.returncode}"
            raise UserError(
                f"Training in {processes} processes failed ({reason}); what was learned so far is kept in {path}: run"
                " again to go on, or set train.processes=1."
            )
        trained: Trained = Store(Path(folder)).load(TRAINED, TRAINED)
    return trained


def describe_device(processes: int) -> str:
    """Where ``processes`` of this machine train, and how precisely."""
    where, precision = f"the CPU, {torch.get_num_threads()} threads", "float32"
    if gpus := torch.cuda.device_count():
        where = f"{min(processes, gpus)} of {gpus} GPUs ({torch.cuda.get_device_name(0)})"
        precision = "tower and encoder in bf16, scores and losses in float32"
    return f"{where}, {processes} process{'es' if processes > 1 else ''}; {precision}"


def _keep(folder: Path, name: str, value: object) -> None:
    """Write it where other processes find it; large arrays are mapped there, so that all processes share one copy."""
    store = Store(folder)
    with store.draft() as draft:
        draft.write(value)
        draft.publish(name, StepRecord(name=name, seconds=0.0, peak_mib=0.0))


def main(arguments: Sequence[str]) -> None:
    """One of the processes of torchrun, which sets its rank by the environment. The first writes the result.

    ``arguments``: the folder of the inputs and the path of the checkpoint; none on other machines, which get them from
    the first.
    """
    device = choose_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)  # or NCCL takes the first GPU for every process
    # NCCL refuses two processes on one GPU, gloo takes them.
    own_gpu = int(os.environ["LOCAL_WORLD_SIZE"]) <= torch.cuda.device_count()
    dist.init_process_group("nccl" if own_gpu else "gloo")
    try:
        paths = [os.path.abspath(argument) for argument in arguments] or ["", ""]
        dist.broadcast_object_list(paths, src=0, device=device)
        folder, path = map(Path, paths)
        inputs: TrainingInputs = Store(folder).load(INPUTS, INPUTS)
        trained = train(inputs, path, inputs.train.checkpoint_s)
        if dist.get_rank() == 0:
            _keep(folder, TRAINED, trained)
        dist.barrier()
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1:])
