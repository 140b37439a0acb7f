"""AdamW, and the course of the learning rate."""

import math

import torch
from torch import nn

from competitions.tencent.lab.config import TrainSettings

BETAS = (0.9, 0.98)


def build_optimizer(network: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW with decay on matrices and tables, none on vectors."""
    parameters = [part for part in network.parameters() if part.requires_grad]
    groups = [
        {"params": [part for part in parameters if part.ndim >= 2], "weight_decay": settings.decay},
        {"params": [part for part in parameters if part.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.rate, betas=BETAS)


def set_rate(optimizer: torch.optim.Optimizer, step: int, steps: int, settings: TrainSettings) -> None:
    """The rate of a step: a straight rise over ``warmup`` of all steps, then a cosine down to 0."""
    done, warmup = step / max(1, steps), settings.warmup
    share = done / warmup if done < warmup else 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))
    for group in optimizer.param_groups:
        group["lr"] = settings.rate * max(share, 1e-3)
