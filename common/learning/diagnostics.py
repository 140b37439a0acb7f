"""What carries a fitted model and what may break it, as plain structs: ``model_diagnostics`` and
``adversarial_validation`` compute them, a run's record has them as they are.

Alone in a module without arrays: who reads a record loads no learning library.
"""

import msgspec

Number = float | None


class Importance(msgspec.Struct):
    """One feature: its share of the gain, 0 to 1, the metric lost when it is shuffled, and the error of that. A network
    knows no gain.
    """

    feature: str
    gain: Number = None
    permutation: Number = None
    error: Number = None


class Bin(msgspec.Struct):
    """Rows of about the same prediction: mean prediction, mean of what came, number of rows."""

    predicted: float
    observed: float
    count: int


class Calibration(msgspec.Struct):
    """The bins of one kind of prediction, from low to high."""

    title: str
    bins: list[Bin]


class Curve(msgspec.Struct):
    """A model's metric on validation after each round, higher is better; ``best``: the rounds that were kept."""

    name: str
    metric: str
    values: list[Number]
    best: int


class FeatureDrift(msgspec.Struct):
    """One feature: AUC of it alone, .5 to 1, its mean (None: every value is missing) and share of missing values on
    either side; ``reference``: its AUC between two times of the labelled data.
    """

    feature: str
    auc: float
    train: Number = None
    test: Number = None
    train_missing: Number = None
    test_missing: Number = None
    reference: Number = None


class Drift(msgspec.Struct):
    """AUC of the classifier, .5 or about that where nothing differs; the rows that it saw, and the queries of the side
    with fewer: of few ones the AUC is chance; features, worst first.

    ``reference``: the AUC ``between`` two times of the labelled data: what the calendar alone moves, and moves every
    day. None where no such pair was compared.
    """

    auc: float
    rows: int
    queries: int
    features: list[FeatureDrift] = []
    reference: Number = None
    between: str = ""
