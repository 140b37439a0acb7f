"""Two machines, here two torchruns on one that need each other to begin, must learn what one process learns."""

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from competitions.tencent.lab.training.distributed import MACHINES, train_anywhere
from tests.unit.tencent.training_inputs import make_training_inputs

ROOT = Path(__file__).resolve().parents[5]


def test_two_machines_learn_what_one_process_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = make_training_inputs(users=21, epochs=2, negatives=6, batch=8)
    one = train_anywhere(inputs, tmp_path / "one.pt")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"--nnodes=2 --master-addr=127.0.0.1 --master-port={port}"
    joining = [
        *options.split(),
        "--node-rank=1",
        "--nproc-per-node=1",
        "-m",
        "competitions.tencent.lab.training.distributed",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *joining], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as other:
        monkeypatch.setenv(MACHINES, f"{options} --node-rank=0")
        monkeypatch.chdir(ROOT)
        two = train_anywhere(inputs, tmp_path / "two.pt")
        errors = other.communicate(timeout=60)[1]
    assert other.returncode == 0, errors
    for name, value in one.weights.items():
        np.testing.assert_allclose(two.weights[name], value, atol=1e-3, err_msg=name)  # Adam makes steps of rounding
    assert two.history.losses == pytest.approx(one.history.losses, rel=1e-4)
