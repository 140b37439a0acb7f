"""The parts of a report about what carries the score and what may break it: features, calibration, curves, drift."""

from collections.abc import Sequence
from typing import Any

from common.day.report import formatting as numbers
from common.day.report.charts import Column, Dot, Line, Mark, MarkTable, make_plot, shares, thin
from common.day.report.checks import follows_from_calendar
from common.day.report.record import Row
from common.day.report.tables import make_table

FEATURES_SHOWN = 30
DRIFT_SHOWN = 20
MOST_DOTS = 40
AXES = ("predicted", "observed")  # of a calibration
CUT_PER_CENT = 10  # of the rounds: the first climb would flatten what matters


def features(record: Row) -> dict[str, Any] | None:
    """Features by gain, with what is lost without each; by that where a model knows no gain; and the names of all."""
    rows, names = record["insight"]["importance"], record["features"]
    if not rows and not names:
        return None
    by_gain = any(row.get("gain") for row in rows)
    key = "gain" if by_gain else "permutation"
    useful = [row for row in rows if row.get("gain") or row.get("permutation")]
    shown = sorted(useful, key=lambda row: -float(row.get(key) or 0.0))[:FEATURES_SHOWN]
    columns = [shares("gain", [row.get("gain") for row in shown])] if by_gain else []
    permuted = any(numbers.is_number(row.get("permutation")) for row in shown)
    if permuted:
        columns.append(Column("lost", [_loss(row) for row in shown], reference=0.0))
    return {
        "marks": MarkTable("feature", [str(row.get("feature", "")) for row in shown], columns) if rows else None,
        "by_gain": by_gain,
        "permuted": permuted,
        "unused": sum(not row.get("gain") for row in rows) if by_gain else 0,
        "total": len(rows),
        # A model that draws its inputs apart may name more of them there than the run lists.
        "names": list(dict.fromkeys([*names, *(str(row.get("feature", "")) for row in rows)])) if names else [],
    }


def _loss(row: Row) -> Mark:
    value, error = row.get("permutation"), row.get("error")
    unsure = numbers.is_number(value) and numbers.is_number(error) and abs(value) < 2 * error
    return Mark(value, error, numbers.with_error(value, error), pale=unsure)


def calibration(record: Row) -> list[dict[str, Any]]:
    """What was predicted against what came, one plot for each kind of prediction, with its numbers."""
    drawn = []
    for kind in record["insight"]["calibration"]:
        bins = [one for one in kind.get("bins") or [] if all(map(numbers.is_number, map(one.get, AXES)))]
        drawn += [_calibration(str(kind.get("title", "")), bins)] if bins else []
    return drawn


def _calibration(title: str, bins: Sequence[Row]) -> dict[str, Any]:
    points = [(float(one["predicted"]), float(one["observed"])) for one in bins]
    counts = [int(one.get("count") or 0) for one in bins]
    dots = [
        Dot(x, y, f"predicted {numbers.score(x)}, came {numbers.score(y)}, {numbers.count(one.get('count'))} rows")
        for (x, y), one in zip(points, bins, strict=True)
    ]
    low, high = min(map(min, points)), max(map(max, points))
    gap = sum(rows * abs(x - y) for rows, (x, y) in zip(counts, points, strict=True)) / (sum(counts) or 1)
    return {
        "title": title,
        "plot": make_plot([Line([(low, low), (high, high)], "guide"), Line(points, "thin")], dots, equal=True),
        "gap": gap,
        "rows": sum(counts),
        "bins": make_table(bins, tints=False),
    }


def curves(record: Row) -> list[dict[str, Any]]:
    """A small plot for each model: its metric on validation round by round, and where it was stopped."""
    curves = record["insight"]["curves"]
    known = [(one, [float(v) for v in one.get("values") or [] if numbers.is_number(v)]) for one in curves]
    return [_curve(one, values) for one, values in known if len(values) > 1]


def _curve(one: Row, values: Sequence[float]) -> dict[str, Any]:
    metric, last = str(one.get("metric", "")), len(values)
    if one.get("falls"):  # a loss in training: nothing was stopped by it, so no round is marked
        caption = f"{metric} {numbers.score(values[0])} at round 1, {numbers.score(values[-1])} at round {last}"
        points = thin(values, last)
        dots = [Dot(x, y, f"round {x:.0f}: {numbers.score(y)}") for x, y in points[:MOST_DOTS]]
    else:
        best, start = min(max(int(one.get("best") or last), 1), last), last * CUT_PER_CENT // 100
        caption = f"{metric} {numbers.score(values[best - 1])} at round {best} of {last}"
        points = [point for point in thin(values, best) if point[0] > start or point[1] >= values[start]]
        dots = [Dot(float(best), values[best - 1], caption, "best")]
    return {
        "name": str(one.get("name", "")),
        "metric": metric,
        "caption": caption,
        "plot": make_plot([Line(points)], dots),
    }


def drift(record: Row) -> dict[str, Any] | None:
    """How far train and test rows differ, and by which features."""
    drift = record["insight"]["drift"]
    if not numbers.is_number(drift.get("auc")):
        return None
    rows = (drift.get("features") or [])[:DRIFT_SHOWN]
    alone = [
        Mark(row.get("auc"), text=numbers.score(row.get("auc"), 3), pale=follows_from_calendar(row)) for row in rows
    ]
    columns = [Column("AUC alone", alone, reference=0.5)]
    if any(numbers.is_number(row.get("reference")) for row in rows):
        columns.append(
            Column("any two times", [Mark(text=numbers.score(row.get("reference"), 3)) for row in rows], "plain")
        )
    for part in ("train", "test"):
        means = [Mark(text=numbers.significant(row.get(part)) or "none") for row in rows]
        columns.append(Column(f"{part} mean", means, "plain"))
    if any(row.get("train_missing") or row.get("test_missing") for row in rows):
        for part in ("train", "test"):
            missing = [Mark(text=numbers.share(row.get(f"{part}_missing"))) for row in rows]
            columns.append(Column(f"{part} missing", missing, "plain"))
    marks = MarkTable("feature", [str(row.get("feature", "")) for row in rows], columns) if rows else None
    return {
        "auc": float(drift["auc"]),
        "rows": drift.get("rows"),
        "marks": marks,
        "reference": drift.get("reference"),
        "between": drift.get("between"),
        "calendar": follows_from_calendar(drift),
    }
