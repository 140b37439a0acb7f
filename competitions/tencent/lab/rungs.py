"""The rungs of the ladder that are networks: published recipes, then one kind of input after the other."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from competitions.tencent.config import TencentConfig
from competitions.tencent.lab.config import NetworkSettings

PLAIN = {"embeddings": False, "features": False, "actions": False, "condition": False, "times": False}
PLAIN |= {"forecast": False, "kernel": False}
# As both published recipes have it: a dot product of one block's output, every event a target, even negatives.
SASREC = {"encoder": "transformer", "score": "dot", "blocks": 1, "heads": 1, "deep_tower": False, "dropout": 0.2}
EVERY_EVENT = {"click_weight": 1.0, "exposure_weight": 1.0, "exposure_share": 1.0, "even_share": 1.0, "epochs": 3}
SAMPLED = EVERY_EVENT | {"negatives": 256}  # arXiv 2508.06450
# The organiser's baseline_2025: width 32, all features, binary cross-entropy of one negative, Adam at 1e-3.
ONE_NEGATIVE = EVERY_EVENT | {"loss": "one_negative", "rate": 1e-3, "decay": 0.0}
OFFICIAL = SASREC | {"width": 32, "field_width": 32, "features": True, "feature_dropout": 0.0, "id_dropout": 0.0}


@dataclass(frozen=True)
class NetworkRung:
    """A rung that is a network: what it changes of the settings of model and training."""

    name: str
    model: dict[str, Any]
    train: dict[str, Any] = field(default_factory=dict)


def list_networks(settings: NetworkSettings) -> list[NetworkRung]:
    """The rungs that are networks. Inputs that the settings leave out are no rungs; only the last has semantic ids."""
    model = settings.model
    official = PLAIN | OFFICIAL | {"embeddings": model.embeddings}
    state = PLAIN | {"encoder": "hstu"}
    rungs = [
        NetworkRung("official baseline", official, ONE_NEGATIVE),
        NetworkRung("two towers, ids only", PLAIN | {"encoder": "two_tower"}),
        NetworkRung("BERT4Rec, ids only", PLAIN | {"encoder": "bert4rec"}),
        NetworkRung("SASRec with sampled softmax, ids only", PLAIN | SASREC, SAMPLED),
        NetworkRung("Transformer, ids only", PLAIN | {"encoder": "transformer"}),
        NetworkRung("HSTU, ids only", state),
    ]
    for name, switches in (
        ("content", ("features", "embeddings")),
        ("action condition", ("actions", "condition")),
        ("time", ("times",)),
        ("forecast", ("forecast",)),
        ("kernel over the history", ("kernel",)),
    ):
        inputs = {switch: getattr(model, switch) for switch in switches}
        if any(inputs.values()):
            state = state | inputs
            rungs.append(NetworkRung(f"+ {name}", state))
    levels = settings.train.levels
    return [*rungs, NetworkRung("+ semantic ids", state, {"levels": levels})] if levels else rungs


def replace_settings(config: TencentConfig, rung: NetworkRung) -> TencentConfig:
    """The settings of a rung. Without content the id is the only input, so none is dropped."""
    model = rung.model
    if not (model["features"] or model["embeddings"]):
        model = model | {"id_dropout": 0.0}
    own = config.network
    changed = {"model": own.get("model", {}) | model, "train": own.get("train", {}) | {"levels": 0} | rung.train}
    return msgspec.structs.replace(config, method="network", network=own | changed)
