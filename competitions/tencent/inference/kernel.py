"""What the kernel over the history (model/interest_kernel.py) adds to the scores of all candidates, in blocks."""

import numpy as np
import torch

from competitions.tencent.corpus import Int64s
from competitions.tencent.model.network import Network
from competitions.tencent.model.score_terms import content_vectors
from competitions.tencent.ranking.search import score_kernel
from competitions.tencent.sequences import Histories, pad


def gather_content(network: Network, rows: Int64s) -> torch.Tensor | None:
    """The content of the candidates on the CPU, [candidates, dimensions]; None for a network without a kernel."""
    if not network.uses_kernel:
        return None
    return content_vectors(network.tower.content.vectors, torch.from_numpy(np.array(rows))).cpu()


@torch.inference_mode()
def kernel_scores(network: Network, histories: Histories, content: torch.Tensor) -> torch.Tensor:
    """What the kernel over the history adds to the scores, float32 [histories, candidates], on the CPU.

    ``content`` of the candidates: [candidates, dimensions].
    """
    kernel, padded = network.interests, pad(histories, network.model_settings.length)
    device = kernel.power.device
    action, mask, item = (torch.from_numpy(part).to(device) for part in (padded.action, padded.mask, padded.item))
    history = content_vectors(network.tower.content.vectors, item.reshape(-1)).cpu()
    weights = kernel.weigh_all(action, mask).cpu().numpy()
    return float(kernel.power) * score_kernel(history, weights, content, float(kernel.log_beta.exp()))
