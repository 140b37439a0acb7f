"""What carries a fitted model, as plain structs: ``model_diagnostics`` computes them, a record has them as they are.

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
