"""Why a run scored what it did, as its record has it: the types of the part ``insight`` of run.json."""

import msgspec

from common.learning.diagnostics import Calibration, Curve, Drift, Importance


class Stage(msgspec.Struct):
    """A stage of the funnel: the right answers that reach it, and those lost there."""

    stage: str
    queries: float
    share: float = 0.0
    lost: float = 0.0


class RankCount(msgspec.Struct):
    """How many right answers stand at a rank, or class of ranks."""

    rank: str
    queries: float
    share: float


class ExampleQuery(msgspec.Struct):
    """A query in words; its right answer stood at ``rank``, None: not in the list, and was a ``candidate`` or not."""

    kind: str
    query: str
    context: str
    listed: list[str]
    answer: str
    rank: int | None = None
    candidate: bool = False


class AnswerRecord(msgspec.Struct):
    """Where right answers are lost, of lists whose first ``cutoff`` count; ``lost``: queries that lost.csv has."""

    cutoff: int = 1
    missed: str = "not among the candidates"
    funnel: list[Stage] = []
    ranks: list[RankCount] = []
    examples: list[ExampleQuery] = []
    lost: int = 0


class Shuffled(msgspec.Struct):
    """What a shuffled feature loses; the features that are the score of an earlier stage."""

    lost: str = "score"
    given: list[str] = []


class Diagnostics(msgspec.Struct, kw_only=True):
    """Why the score of a whole run is what it is; empty in one that stopped after validation."""

    importance: list[Importance] = []
    features: Shuffled = msgspec.field(default_factory=Shuffled)
    drift: Drift | None = None
    curves: list[Curve] = []
    answers: AnswerRecord = msgspec.field(default_factory=AnswerRecord)
    calibration: list[Calibration] = []
