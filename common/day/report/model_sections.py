"""The parts of a report about what carries the score: features, calibration, curves."""

from collections.abc import Sequence
from typing import Any

from common.day.record_schema import NORMAL_95, RunRecord
from common.day.report import formatting as numbers
from common.day.report.charts import Dot, Line, Mark, Marks, MarkTable, Scale, make_plot, make_scale, shares
from common.learning.diagnostics import Bin, Calibration, Curve, Importance

FEATURES_SHOWN = 30
STRONGEST = 3
APART = 5.0  # times the next: off the scale
SAME_METRICS = {"QuerySoftMax": "likelihood"}  # one thing under the names of two libraries


def features(record: RunRecord) -> dict[str, Any] | None:
    """Features by gain, with what is lost without each; by that where a model knows no gain; and the names of all."""
    rows = record.insight.importance
    if not rows and not record.features:
        return None
    by_gain, ranked = rank_features(rows)
    shown = ranked[:FEATURES_SHOWN]
    columns = [shares("gain", [row.gain for row in shown])] if by_gain else []
    permuted = any(row.permutation is not None for row in shown)
    if permuted:
        columns.append(Marks("drop in log likelihood", _losses(shown), reference=0.0))
    # A model that draws its inputs apart may name more of them there than the run lists.
    names = dict.fromkeys([*record.features, *(row.feature for row in rows)]) if record.features else {}
    return {
        "marks": MarkTable("feature", [row.feature for row in shown], columns) if rows else None,
        "by_gain": by_gain,
        "permuted": permuted,
        "names": list(names),
    }


def rank_features(rows: Sequence[Importance]) -> tuple[bool, list[Importance]]:
    """Whether the features are sorted by gain, or where no model knows it by the loss without each; and those that have
    any, the first before.
    """
    by_gain = any(row.gain for row in rows)
    useful = [row for row in rows if row.gain or row.permutation]
    return by_gain, sorted(useful, key=lambda row: -((row.gain if by_gain else row.permutation) or 0.0))


def name_strongest(rows: Sequence[Importance]) -> str | None:
    """The first rows of the features' table in a sentence, by the same measure."""
    by_gain, ranked = rank_features(rows)
    values = [(row.feature, numbers.share(row.gain) if by_gain else numbers.score(row.permutation)) for row in ranked]
    named = [f"{feature} ({value})" for feature, value in values[:STRONGEST] if value]
    return f"{'Highest gain' if by_gain else 'Most important'}: {', '.join(named)}." if named else None


def _losses(rows: Sequence[Importance]) -> list[Mark]:
    """What is lost without each, pale where that may be nothing; the largest does not stretch the scale where it would
    flatten all others.
    """
    largest, second = sorted([0.0, 0.0, *(row.permutation or 0.0 for row in rows)])[:-3:-1]
    marks = []
    for row in rows:
        value, error = row.permutation, row.error
        sure = value is not None and error is not None and abs(value) > NORMAL_95 * error
        beyond = value == largest > APART * second > 0
        marks.append(Mark(value, error, numbers.with_error(value, error), pale=not sure, beyond=beyond))
    return marks


def calibration(kinds: Sequence[Calibration]) -> list[dict[str, Any]]:
    """What was predicted against what came, one plot for each kind of prediction, with its numbers."""
    return [_calibration(kind.title, kind.bins) for kind in kinds if kind.bins]


def _calibration(title: str, bins: Sequence[Bin]) -> dict[str, Any]:
    points = [(one.predicted, one.observed) for one in bins]
    dots = [
        Dot(x, y, f"predicted {numbers.score(x)}, observed {numbers.score(y)}, {numbers.count(one.count)} rows")
        for (x, y), one in zip(points, bins, strict=True)
    ]
    low, high = min(map(min, points)), max(map(max, points))
    whole = sum(one.count * one.predicted for one in bins)
    gap = sum(one.count * abs(one.predicted - one.observed) for one in bins) / whole if whole else None
    return {
        "title": title,
        "plot": make_plot([Line([(low, low), (high, high)], "guide"), Line(points, "thin")], dots, equal=True),
        "gap": gap,
        "rows": sum(one.count for one in bins),
    }


def curves(fits: Sequence[Curve]) -> list[dict[str, Any]]:
    """A small plot for each model: its metric on validation round by round, and where it was stopped.

    Those of one metric have one scale.
    """
    by_metric: dict[str, list[tuple[Curve, list[float]]]] = {}
    for fit in fits:
        values = [value for value in fit.values if value is not None]
        if len(values) > 1:
            by_metric.setdefault(SAME_METRICS.get(fit.metric, fit.metric), []).append((fit, values))
    figures = []
    for metric, alike in by_metric.items():
        scale = make_scale([value for _, values in alike for value in values])
        figures += [_curve(metric, fit, values, scale) for fit, values in alike]
    return figures


def _curve(metric: str, fit: Curve, values: Sequence[float], scale: Scale) -> dict[str, Any]:
    best = min(max(fit.best, 1), len(values))
    caption = f"{metric} {numbers.score(values[best - 1])} at round {best} of {len(values)}"
    dot = Dot(float(best), values[best - 1], caption, "best")
    if best > 1:
        caption += f", {numbers.score(values[best - 1] - values[best // 2])} gained in the second half"
    points = [(float(number), value) for number, value in enumerate(values, 1)]
    plot = make_plot([Line(points)], [dot], upward=scale)
    return {"name": fit.name, "metric": metric, "caption": caption, "plot": plot}
