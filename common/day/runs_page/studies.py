"""The studies of a competition: their trials, and a slice of each parameter that was searched."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.day.look.page import LogScale
from common.day.record_schema import FiguresFile, Row, decode_file
from common.day.report import formatting as numbers
from common.day.report.charts import Dot, Plot, Scale, make_scale
from common.day.report.tuning_section import tuning
from common.day.runs_page.history import NamedScale, shorten

SLICES_SHOWN = 6
LOGARITHMIC = 30.0  # times the lowest value, from which on a parameter stands on an axis of powers of ten


def read_studies(folder: Path) -> list[dict[str, Any]]:
    """Every study below a competition's folder of the build that has trials; a damaged file has none."""
    studies = []
    for path in sorted((folder / "tuning").glob("*.json")):
        try:
            study = decode_file(path.read_bytes(), FiguresFile)
        except (OSError, ValueError):
            continue
        studies += [shown | {"slices": slice_study(study, shown)} for shown in tuning([study])]
    return studies


def slice_study(study: Row, shown: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A plot for each of the parameters that matter most: its values, and the score of their trials on the axis that
    the history of the study has, at whose floor those far below stand.
    """
    trials = [trial for trial in study["trials"] if numbers.is_number(trial.get("value"))]
    if shown["plot"] is None:
        return []
    importance = study.get("importance") or {}
    names = dict.fromkeys(name for trial in trials for name in trial.get("params") or {})
    ranked = sorted(names, key=lambda name: -float(importance.get(name) or 0.0))
    plots = []
    for name in ranked:
        known = [(trial, trial["params"][name]) for trial in trials if name in (trial.get("params") or {})]
        across, position = scale_values([value for _, value in known])
        if across is not None:
            dots = [
                Dot(
                    position(value),
                    trial["value"],
                    f"trial {trial['number']}: {name} {numbers.alone(value)}, {numbers.score(trial['value'])}",
                    "dot" if str(trial.get("state")).lower() == "complete" else "pale-dot",
                )
                for trial, value in known
            ]
            plots.append({"name": name, "plot": Plot([], dots, across, shown["plot"].upward)})
    return plots[:SLICES_SHOWN]


def scale_values(values: Sequence[Any]) -> tuple[Scale | None, Any]:
    """The axis of a parameter's values, and where on it a value stands; no axis where all trials had one value."""
    if len(set(map(str, values))) < 2:
        return None, None
    if all(map(numbers.is_number, values)):
        low, high = min(values), max(values)
        if low > 0 and high / low >= LOGARITHMIC:
            ticks = [float(power) for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
            return LogScale(math.log10(low), math.log10(high), ticks), math.log10
        return make_scale(values), float
    names = sorted(set(map(str, values)))
    ticks = [float(at) for at in range(len(names))]
    scale = NamedScale(-0.5, len(names) - 0.5, ticks, [shorten(name) for name in names])
    return scale, lambda value: float(names.index(str(value)))
