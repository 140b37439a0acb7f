"""Two runs side by side: settings, features, code, data, the score by slices; and what a live A/B test would see."""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from common.day.change import list_changed_settings, list_first
from common.day.difference import FEW, Difference, compute_difference, pair_truth, read_pair
from common.day.record_schema import NORMAL_95, Row, RunRecord
from common.day.run_record import NO_SLICE, WEIGHT, average_queries, split_slice
from common.day.stamp import list_differing
from common.engine.errors import UserError

BEFORE, AFTER = pl.col("before"), pl.col("after")
WON, LOST = (AFTER > BEFORE).sum().alias("won"), (AFTER < BEFORE).sum().alias("lost")
OUTCOMES = (
    WON,
    LOST,
    (AFTER == BEFORE).sum().alias("equal"),
    ((BEFORE > 0) & (AFTER > 0)).sum().alias("hit by both"),
    ((BEFORE > 0) & (AFTER <= 0)).sum().alias("only A"),
    ((BEFORE <= 0) & (AFTER > 0)).sum().alias("only B"),
    ((BEFORE <= 0) & (AFTER <= 0)).sum().alias("neither"),
)
SETTINGS, DECISIONS = "Settings that differ", "Settings that the data decided otherwise (auto)"
FEATURES, SCORES = "Features in only one run", "Scores"
SLICES = (
    "Common queries, by fold and slice; the errors do not include the noise of the fits; marked: more than chance makes"
    " of so many slices"
)
OUTCOME = "Queries that B answers better (won), worse (lost) or the same (equal)"
POWER_80 = 0.841621  # standard errors: the normal quantile of a power of 80 %


class Comparison(NamedTuple):
    """What a comparison prints: ``warnings``; ``tables`` by their titles; the ``difference`` on the validation queries
    and, where both runs know it, on the simulated ``truth``.
    """

    warnings: list[str]
    tables: dict[str, list[Row]]
    difference: Difference
    truth: Difference | None


def compare(first: Path, second: Path) -> Comparison:
    """Compare two runs of one competition by their folders. ``UserError`` where they answered other queries."""
    pair, truth = read_pair(first, second), pair_truth(first, second)
    one, other, joined = pair
    tables = {
        SETTINGS: list_changed_settings(one.config, other.config),
        DECISIONS: list_changed_settings(_read_decisions(one), _read_decisions(other)),
        FEATURES: list_changed_features(one, other),
        SCORES: list_scores(one, other),
        SLICES: list_slices(joined),
        OUTCOME: joined.select(*OUTCOMES).to_dicts(),
    }
    # The truth is that of the first fit alone, which is submitted.
    on_truth = None if truth is None else compute_difference(truth, pair.noise)
    return Comparison(list_warnings(one, other, joined.height), tables, pair.difference, on_truth)


def _read_decisions(record: RunRecord) -> Row:
    return {row["setting"]: row["value"] for row in record.summary.get("plan") or []}


def list_slices(joined: pl.DataFrame) -> list[Row]:
    """The paired scores by fold and by value of every slice, of ``FEW`` queries or more. A slice that divides the
    queries as the folds do, days in most logs, is not told twice.
    """
    names = [name for name in joined.columns if name not in (*NO_SLICE, "before", "after")]
    names = [name for name in names if joined.select("fold", name).n_unique() > joined["fold"].n_unique()]
    parts = [
        (f"{name}: {value}", part)
        for name in ("fold", *names)
        for value, part in split_slice(joined, name)
        if part.height >= FEW
    ]
    rows = []
    for label, part in parts:
        means = {name: _measure(part, side)["score"] for name, side in (("A", "before"), ("B", "after"))}
        found = compute_difference(part, compared=len(parts))
        marks = {"B - A": found.mean, "error": found.error, "": "*" if found.beyond else ""}
        rows.append({"slice": label, **means, **marks, **part.select(WON, LOST, queries=pl.len()).row(0, named=True)})
    return rows


def list_scores(one: RunRecord, other: RunRecord) -> list[Row]:
    """The score, the truth and every model, side by side, where both runs have them."""
    sides = [
        {"CV": run.cv, "simulated truth": run.truth} | {row.name: row for row in run.ranking} for run in (one, other)
    ]
    rows = []
    for name, before in sides[0].items():
        after = sides[1].get(name)
        if before and after:
            change = None if before.score is None or after.score is None else after.score - before.score
            row = {"score": name, "A": before.score, "error A": before.error}
            rows.append(row | {"B": after.score, "error B": after.error, "B - A": change})
    return rows


def list_changed_features(one: RunRecord, other: RunRecord) -> list[Row]:
    """Features that only one of the runs has, with their share of the gain where it is known."""
    rows = []
    for side, own, others in (("A", one, other), ("B", other, one)):
        gains = record_gains(own)
        absent = [name for name in own.features if name not in set(others.features)]
        rows += [{"feature": name, "only in": side, "gain": gains.get(name)} for name in absent]
    return rows


def record_gains(record: RunRecord) -> Row:
    """Each feature's share of the gain: of a whole run, else as far as the summary has them."""
    gains: Row = dict(record.summary.get("gains", {}))
    return gains | {row.feature: row.gain for row in record.insight.importance}


def list_warnings(one: RunRecord, other: RunRecord, shared: int) -> list[str]:
    """What makes the two scores hard to compare."""
    warnings = []
    if one.data.digest != other.data.digest:
        warnings.append("the raw files differ: the scores come from different data")
    if shared < max(one.cv.queries, other.cv.queries):
        warnings.append(f"only {shared} of the validation queries are common to both runs; only these are used")
    if one.is_quick != other.is_quick:
        warnings.append(f"{'A' if one.is_quick else 'B'} is a quick run, the other is not: the scores differ by that")
    if (files := list_differing(one.code, other.code)) != []:
        warnings.append(f"the code differs{f', in {list_first(files)}' if files else ''}")
    if one.threads != other.threads:
        names = [", ".join(f"{name} {count}" for name, count in run.threads.items()) for run in (one, other)]
        warnings.append(f"A was computed with threads {names[0]}, B with {names[1]}: rounding may differ")
    return warnings


# --- as a live test would see it ---


def simulate_live_test(first: Path, second: Path) -> tuple[str, list[Row], list[str]]:
    """Two runs with their validation queries as the requests of a live test, a hash of a query sending it to one run: a
    title with both scores; rows of B - A with its 95 % interval, where one run answers each request, as in a live test,
    and where both do; what a live test needs, and the difference as everywhere.
    """
    pair, to_b = read_pair(first, second), pl.col("query").hash(0) % 2 == 1
    record, joined, difference = pair.one, pair.queries, pair.difference
    one, other = (_measure(joined.filter(arm), side) for arm, side in ((~to_b, "before"), (to_b, "after")))
    a, b = (_measure(joined, side) for side in ("before", "after"))
    if min(one["queries"], other["queries"]) < 2:
        raise UserError(f"{joined.height} request(s) are too few to split: each run needs at least 2.")
    live = other["score"] - one["score"], (one["error"] ** 2 + other["error"] ** 2) ** 0.5
    rows = [
        {"answered by": way, "requests of A": to_one, "requests of B": to_other, "B - A": mean, "error": error}
        | {"95 % from": mean - NORMAL_95 * error, "to": mean + NORMAL_95 * error}
        for way, to_one, to_other, (mean, error) in (
            ("one run", one["queries"], other["queries"], live),
            ("both runs", joined.height, joined.height, difference[:2]),
        )
    ]
    needed = describe_needed(difference, (a["error"] ** 2 + b["error"] ** 2) * joined.height)
    title = f"{record.metric} on {joined.height} requests: A {a['score']:.4f}, B {b['score']:.4f}"
    return title, rows, [needed, f"B - A = {difference.sentence}"]


def _measure(joined: pl.DataFrame, side: str) -> Row:
    """The score of a run, ``before`` or ``after``, with the error of independent requests."""
    return average_queries(joined.select(pl.col(side).alias("score"), pl.col(f"^{WEIGHT}$")))


def describe_needed(difference: Difference, variance: float) -> str:
    """How many requests a live test takes; ``variance``: of a request's score, the sum of both runs'."""
    if not difference.changed:
        return "The two runs do not differ: a live test would find nothing."
    mean, reach = difference.mean, NORMAL_95 * difference.error
    least, most = abs(mean) + reach, abs(mean) - reach
    high = f"{count_requests(most, variance):,.0f}" if most > 0 else "no limit"
    return (
        f"A live test needs about {count_requests(mean, variance):,.0f} requests to find {mean:+.4f} with a power of 80"
        f" % ({count_requests(least, variance):,.0f} to {high} over the interval of both runs)."
    )


def count_requests(gain: float, variance: float) -> float:
    """Requests, half of them to each run, of a two-sided test at the level of 5 % that finds a ``gain`` with a power of
    80 %: 2 (z_level + z_power)^2 variance / gain^2.

    >>> round(count_requests(0.1, 2))  # 7.8489 x 2 / 0.01 to each run
    3140
    """
    return 2 * (NORMAL_95 + POWER_80) ** 2 * variance / gain**2 if gain else float("inf")
