"""AdamW, or Muon for the matrices inside the network; the course of the learning rate."""

import math

import torch
from torch import nn

from competitions.tencent.config import TrainSettings

BETAS = (0.9, 0.98)


def build_optimizers(network: nn.Module, settings: TrainSettings) -> list[torch.optim.Optimizer]:
    """AdamW with decay on matrices and tables, none on vectors. Muon (Jordan et al. 2024) orthogonalises the updates of
    matrices that map one hidden layer to another; tables and everything else stay with AdamW.
    """
    tables = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    named = [(name, part) for name, part in network.named_parameters() if part.requires_grad]
    inner = [
        part
        for name, part in named
        if settings.optimizer == "muon" and part.ndim == 2 and id(part) not in tables and ".blocks." in name
    ]
    chosen = {id(part) for part in inner}
    rest = [part for _, part in named if id(part) not in chosen]
    groups = [
        {"params": [part for part in rest if part.ndim >= 2], "weight_decay": settings.decay},
        {"params": [part for part in rest if part.ndim < 2], "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=settings.rate, betas=BETAS)]
    if inner:
        optimizers.append(torch.optim.Muon(inner, lr=settings.muon_rate, weight_decay=settings.decay))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def set_rate(optimizers: list[torch.optim.Optimizer], step: int, steps: int, warmup: float) -> None:
    """The rate of a step: a straight rise over ``warmup`` of all steps, then a cosine down to 0."""
    done = step / max(1, steps)
    share = done / warmup if done < warmup else 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * max(share, 1e-3)
