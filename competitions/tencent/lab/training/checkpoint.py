"""Checkpoints: a training that was killed goes on from the last one, to the same weights bit for bit on a CPU."""

import os
import pickle
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from common.engine.errors import UserError
from common.engine.progress import say
from common.engine.result_store import writing


def save(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, progress: dict[str, Any]) -> None:
    """Write beside, then rename: a partial file is never taken for a checkpoint."""
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    state = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "progress": progress,
    }
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.save(state, temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def load(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Restore all of it and return the progress; None where there is no checkpoint, or none that can be read."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
    except (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError):
        say(f"  the checkpoint {path} cannot be read: training begins anew")
        return None
    progress: dict[str, Any] = state["progress"]
    return progress


def restore(weights: Mapping[str, np.ndarray], network: nn.Module) -> None:
    """Put trained weights into a network of the same settings."""
    try:
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    except RuntimeError as error:
        raise UserError(
            "The kept weights belong to another model; remove build/tencent/cache and run again."
        ) from error
