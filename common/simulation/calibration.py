"""The calibration table: what is measured on simulated files, beside what was published of the host's.

``python -m competitions simulate NAME --describe`` prints it. The published values stand in
``simulator/published.csv``, a row a measure: its name, the value of the host's files, where that is from (in a word
that the docstring of ``simulator/calibration.py`` explains), and how it goes with the scale: "not at all", "with
scale", or "otherwise", by no simple rule, so that only full scale compares.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import polars as pl

from common.io.tables import read_csv
from common.simulation.oracle import read_report

Measures: TypeAlias = Mapping[str, pl.Expr]  # by name, what gives one number of a frame


def quantiles(name: str, value: pl.Expr, levels: Iterable[int]) -> dict[str, pl.Expr]:
    """A measure for each level, in percent.

    >>> list(quantiles("age", pl.col("age"), (50, 90)))
    ['age, 50 %', 'age, 90 %']
    """
    return {f"{name}, {level} %": value.quantile(level / 100, "linear") for level in levels}


def calibrate(
    folder: Path, published: Path, parts: Iterable[tuple[pl.LazyFrame, Measures]], without: str = ""
) -> pl.DataFrame:
    """Measure the simulation in ``folder``: one row a measure (measure, simulated, published, source).

    The measures of a part are taken together in one streaming pass over its frame. ``parts`` may be a generator: it is
    not begun where ``folder`` holds no finished simulation, which raises ``UserError``. A published value is the one
    at the simulation's scale, null where it is not known there or is from the source ``without``.
    """
    scale = float(read_report(folder)["scale"])
    measured: dict[str, float | None] = {}
    for frame, measures in parts:
        measured |= frame.select(**measures).collect(engine="streaming").row(0, named=True)
    columns = {"measure": list(measured), "simulated": list(measured.values())}
    table = pl.DataFrame(columns, {"measure": pl.String, "simulated": pl.Float64}, strict=False)
    known = read_csv(published, schema_overrides={"source": pl.String}).filter(pl.col("source") != without)
    grows = pl.col("grows")
    factor = pl.when(grows == "with scale").then(scale).when((grows != "otherwise") | (scale == 1.0)).then(1.0)
    return table.join(known, on="measure", how="left", maintain_order="left").select(
        "measure", "simulated", pl.col("published") * factor, pl.col("source").fill_null("")
    )
