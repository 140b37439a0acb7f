"""The calibration table: what is measured on simulated files, beside what was published of the host's.

``python -m competitions simulate NAME --describe`` prints it. A measure is a row of ``simulator/published.csv``: the
frame that it is taken of (``simulator/calibration.py`` builds these), its name, its SQL expression over that frame's
columns, the value of the host's files where it is known, where that is from (in a word that the docstring of
``simulator/calibration.py`` explains), and how it goes with the scale: "not at all", "with scale", or "otherwise", by
no simple rule, so that only full scale compares.
"""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from common.io.tables import read_csv
from common.simulation.oracle import read_report


def calibrate(
    folder: Path, published: Path, frames: Iterable[tuple[str, pl.LazyFrame]], without: str = ""
) -> pl.DataFrame:
    """Measure the simulation in ``folder``: one row a measure (measure, simulated, published, source).

    The measures of a frame are taken together in one streaming pass. ``frames`` may be a generator: it is not begun
    where ``folder`` holds no finished simulation, which raises ``UserError``. A published value is the one at the
    simulation's scale, null where it is not known there or is from the source ``without``.
    """
    scale = float(read_report(folder)["scale"])
    table = read_csv(published, schema_overrides={"source": pl.String})
    measured: dict[str, float | None] = {}
    for name, frame in frames:
        of_frame = table.filter(pl.col("frame") == name).select("measure", "expression")
        measures = {measure: pl.sql_expr(expression) for measure, expression in of_frame.iter_rows()}
        measured |= frame.select(**measures).collect(engine="streaming").row(0, named=True)
    simulated = pl.Series([measured[measure] for measure in table["measure"]], dtype=pl.Float64, strict=False)
    grows = pl.col("grows")
    factor = pl.when(grows == "with scale").then(scale).when((grows != "otherwise") | (scale == 1.0)).then(1.0)
    known = pl.when(pl.col("source") != without)
    return table.select(
        "measure",
        simulated.fill_nan(None).alias("simulated"),
        known.then(pl.col("published") * factor),
        known.then("source").otherwise(pl.lit("")),
    )
