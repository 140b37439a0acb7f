"""Why a run scored what it did, as its record has it: the types of the part ``insight`` of run.json."""

import msgspec

Number = float | None


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


class Importance(msgspec.Struct):
    """One feature: its share of the gain, what is lost when it is shuffled, the error of that; None: not known."""

    feature: str
    gain: Number = None
    permutation: Number = None
    error: Number = None


class FeatureDrift(msgspec.Struct):
    """One feature: AUC of it alone, its mean and share of missing values on either side; ``reference``: the AUC between
    two times of the labelled data.
    """

    feature: str
    auc: float
    train: Number = None
    test: Number = None
    train_missing: Number = None
    test_missing: Number = None
    reference: Number = None


class Drift(msgspec.Struct):
    """How well a classifier separates the labelled rows from the test's; the ``reference``: two times, ``between`` in
    words, of the labelled ones.
    """

    auc: float
    rows: int
    queries: int
    features: list[FeatureDrift] = []
    reference: Number = None
    between: str = "two periods of the labelled rows"


class Curve(msgspec.Struct):
    """A model's metric on validation after each round; ``best``: the rounds that were kept."""

    name: str
    metric: str
    values: list[Number]
    best: int


class Bin(msgspec.Struct):
    """Rows of about the same prediction."""

    predicted: float
    observed: float
    count: int


class Calibration(msgspec.Struct):
    """The bins of one kind of prediction, from low to high."""

    title: str
    bins: list[Bin]


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
