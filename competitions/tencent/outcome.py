"""What a run holds between its stages, and what it leaves for its summary."""

from dataclasses import dataclass
from typing import Any

from common.pipeline.run import Result
from common.submission import Checked
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, Embedding, Int64s
from competitions.tencent.ensemble.ensemble import Mixed
from competitions.tencent.inference.stages import Answer
from competitions.tencent.split import Fold
from competitions.tencent.training.inputs import ModelInputs, NetworkSettings
from competitions.tencent.training.trainer import Trained


@dataclass(frozen=True)
class Prepared:
    """What was read, and the two folds: ``valid`` with known targets, ``test`` the host's."""

    corpus: Result[Corpus]
    embeddings: Result[list[Embedding]]
    valid: Result[Fold]
    test: Result[Fold]


@dataclass(frozen=True)
class FoldResult:
    """What was fitted for a fold, and its recommendations; ``mixed``: of the open mode, None where that is off."""

    name: str
    corpus: Result[Corpus]
    fold: Result[Fold]
    semantic_ids: Result[Int64s | None]
    inputs: Result[ModelInputs]
    settings: NetworkSettings
    trained: Result[Trained]
    answer: Result[Answer]
    mixed: Result[Mixed] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run leaves for its summary; results are read from disk when needed."""

    config: TencentConfig
    ready: Prepared
    early: FoldResult
    final: FoldResult
    measured: Result[dict[str, dict[str, Any]]]
    filled: int
    checked: list[Checked]
