"""What a run holds between its stages, and what it leaves for its summary."""

from dataclasses import dataclass
from typing import Any

from common.engine.run import Result
from common.io.submission import Checked
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, Embedding, Int64s
from competitions.tencent.inference.retrieval import TopK
from competitions.tencent.inference.stages import Answer
from competitions.tencent.plan import Plan
from competitions.tencent.ranking.ranker import Ranker
from competitions.tencent.ranking.stages import RankedAnswer, RankerInputs
from competitions.tencent.split import Fold
from competitions.tencent.training.inputs import ModelInputs, NetworkSettings
from competitions.tencent.training.trainer import Trained


@dataclass(frozen=True)
class Prepared:
    """What was read, and the two folds: ``valid`` with known targets, ``test`` the host's."""

    corpus: Result[Corpus]
    embeddings: Result[list[Embedding]]
    plan: Result[Plan]
    valid: Result[Fold]
    test: Result[Fold]


@dataclass(frozen=True)
class RankedFold:
    """What was fitted for a fold by ``method = "ranker"``, and its recommendations."""

    name: str
    inputs: Result[RankerInputs]
    ranker: Result[Ranker]
    answer: Result[RankedAnswer]

    @property
    def top(self) -> Result[TopK]:
        """The ten best of every query."""
        top: Result[TopK] = self.answer.ranker
        return top


@dataclass(frozen=True)
class FoldResult:
    """What was fitted for a fold by ``method = "network"``, and its recommendations."""

    name: str
    corpus: Result[Corpus]
    fold: Result[Fold]
    semantic_ids: Result[Int64s | None]
    inputs: Result[ModelInputs]
    settings: NetworkSettings
    trained: Result[Trained]
    answer: Result[Answer]

    @property
    def top(self) -> Result[TopK]:
        """The ten best of every query."""
        top: Result[TopK] = self.answer.vectors
        return top


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated; results are read from disk when needed. ``early``: of the hold-out."""

    config: TencentConfig
    ready: Prepared
    early: FoldResult | RankedFold
    measured: Result[dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves: the ``final`` fit on everything, how many ads were ``filled`` in, the submission."""

    final: FoldResult | RankedFold
    filled: int
    checked: list[Checked]
