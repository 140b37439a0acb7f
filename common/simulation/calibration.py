"""The calibration table: what is measured on simulated files, beside what was published of the host's.

``python -m competitions simulate NAME --describe`` prints it. A competition declares ``Measure``s; one without a
published value shows what was assumed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import polars as pl

from common.simulation.writer import read_report

# How a published value goes with the scale. "otherwise": by no simple rule, so that only full scale compares.
Growth: TypeAlias = Literal["not at all", "with scale", "otherwise"]


@dataclass(frozen=True)
class Measure:
    """One row of the table: an expression that gives one number of a frame, and the number published (None: none).

    ``source``: where the published one is from, in a word that the module's docstring explains.
    """

    name: str
    value: pl.Expr
    published: float | None = None
    source: str = ""
    grows: Growth = "not at all"


def quantiles(name: str, value: pl.Expr, published: Mapping[int, float | None], source: str = "") -> list[Measure]:
    """A measure for each level, in percent, of ``published``.

    >>> [measure.name for measure in quantiles("age", pl.col("age"), {50: 7.6, 90: None})]
    ['age, 50 %', 'age, 90 %']
    """
    return [
        Measure(f"{name}, {level} %", value.quantile(level / 100, "linear"), known, source)
        for level, known in published.items()
    ]


def top_share(column: str, top: int | pl.Expr) -> pl.Expr:
    """The share of the rows that has one of the ``top`` most frequent values of a column.

    >>> pl.DataFrame({"item": [1, 1, 1, 2, 3]}).select(top_share("item", 1)).item()
    0.6
    """
    return pl.col(column).unique_counts().top_k(top).sum() / pl.len()


def calibrate(folder: Path, parts: Iterable[tuple[pl.LazyFrame, Sequence[Measure]]]) -> pl.DataFrame:
    """Measure the simulation in ``folder``: one row a measure (measure, simulated, published, source).

    The measures of a part are taken together in one streaming pass over its frame. ``parts`` may be a generator: it is
    not begun where ``folder`` holds no finished simulation, which raises ``UserError``. A published value is the one
    at the simulation's scale, null where it is not known there.
    """
    scale = float(read_report(folder)["scale"])
    rows = []
    for frame, measures in parts:
        values = frame.select(measure.value.alias(measure.name) for measure in measures).collect(engine="streaming")
        for measure, value in zip(measures, values.row(0), strict=True):
            rows.append((measure.name, value, expected_at(measure, scale), measure.source))
    columns = {"measure": pl.String, "simulated": pl.Float64, "published": pl.Float64, "source": pl.String}
    return pl.DataFrame(rows, columns, orient="row", strict=False)


def expected_at(measure: Measure, scale: float) -> float | None:
    """The published value at a scale.

    >>> expected_at(Measure("users", pl.len(), 200_000, grows="with scale"), 0.5)
    100000.0
    """
    if measure.published is None or (measure.grows == "otherwise" and scale != 1.0):
        return None
    return measure.published * (scale if measure.grows == "with scale" else 1.0)
