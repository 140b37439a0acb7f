"""Models of the choice that lost to LightGBM, or added nothing mixed with it: rungs of the ladder, see FIGURES.md."""

from collections.abc import Mapping
from typing import Any

# Kind, as common/learning/gbdt.py names it: parameters in the library's words, as tuned on simulated data.
PEERS: Mapping[str, Mapping[str, Any]] = {
    "xgboost_softmax": {
        "learning_rate": 0.0654,
        "max_depth": 10,
        "min_child_weight": 81.0,
        "colsample_bytree": 0.445,
        "subsample": 0.896,
        "reg_lambda": 3.86,
        "max_bin": 64,
    },
    "catboost_softmax": {
        "loss_function": "QuerySoftMax",
        "learning_rate": 0.102,
        "depth": 5,
        "l2_leaf_reg": 12.8,
        "rsm": 0.2,
        "border_count": 32,
    },
    "logit": {"l2": 0.0003},
}
