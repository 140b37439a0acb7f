"""What a person should look at twice, found by plain rules over a run's record: one sentence and a place each."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from scipy.special import chdtrc

from common.report import formatting as numbers

Row = Mapping[str, Any]
APART = 2.0  # standard errors of a difference
UNLIKELY = 0.01
DRIFT_AUC = 0.7
DOMINANT = 0.4


class Finding(NamedTuple):
    """A sentence, and the section of the page that shows more, if any."""

    says: str
    place: str | None = None


def find(record: Row) -> list[Finding]:
    """All findings, the gravest kinds first."""
    rules: tuple[Callable[[Row], Iterator[Finding]], ...] = (
        _far_from_truth,
        _far_from_leaderboard,
        _uneven_folds,
        _drifting,
        _dominant,
        _harmful,
        _unfinished,
        _read_with_notes,
        _unrecorded,
    )
    return [finding for rule in rules for finding in rule(record)]


def _far_from_truth(record: Row) -> Iterator[Finding]:
    truth = record.get("truth") or {}
    yield from _compare(record, truth.get("score"), truth.get("error"), "the simulated truth", "truth")


def _far_from_leaderboard(record: Row) -> Iterator[Finding]:
    for entry in record.get("leaderboard") or []:
        yield from _compare(record, entry.get("score"), entry.get("error"), "the leaderboard", "leaderboard")


def _compare(record: Row, other: Any, error: Any, name: str, place: str) -> Iterator[Finding]:
    cv = record.get("cv") or {}
    score: Any = cv.get("score")
    own: Any = cv.get("error")
    if not (numbers.is_number(other) and numbers.is_number(score) and numbers.is_number(own)):
        return
    both = (own**2 + (error if numbers.is_number(error) else own) ** 2) ** 0.5
    if abs(score - other) > APART * both:
        side = "above" if score > other else "below"
        yield Finding(
            f"Cross-validation ({numbers.score(score)}) is {side} {name} ({numbers.score(other)}) by "
            f"{abs(score - other) / both:.1f} standard errors of the difference.",
            place,
        )


def _uneven_folds(record: Row) -> Iterator[Finding]:
    rows = [row for row in (record.get("cv") or {}).get("folds") or [] if numbers.is_number(row.get("score"))]
    if len(rows) == 1:
        yield Finding("There is one fold only: the error does not know how much days differ.", "folds")
    rows = [row for row in rows if numbers.is_number(row.get("error")) and row["error"] > 0]
    if len(rows) < 2:
        return
    weights = [1 / row["error"] ** 2 for row in rows]
    mean = sum(w * row["score"] for w, row in zip(weights, rows, strict=True)) / sum(weights)
    square = sum(w * (row["score"] - mean) ** 2 for w, row in zip(weights, rows, strict=True))
    chance = float(chdtrc(len(rows) - 1, square))
    if chance < UNLIKELY:
        worst = min(rows, key=lambda row: float(row["score"]))
        yield Finding(
            f"The folds differ by more than their errors explain (chi-square test, p {_name_chance(chance)}); "
            f"the lowest is {worst.get('fold')} with {numbers.score(worst['score'])}.",
            "folds",
        )


def _name_chance(chance: float) -> str:
    return "below .001" if chance < 0.001 else f"= {numbers.score(chance, 3)}"


def _drifting(record: Row) -> Iterator[Finding]:
    drift = (record.get("insight") or {}).get("drift") or {}
    if numbers.is_number(drift.get("auc")) and drift["auc"] >= DRIFT_AUC:
        worst = next(iter(drift.get("features") or []), None)
        led = f", by {worst['feature']} before all" if worst else ""
        yield Finding(f"Train and test rows can be told apart (AUC {numbers.score(drift['auc'], 3)}{led}).", "drift")


def _dominant(record: Row) -> Iterator[Finding]:
    for row in (record.get("insight") or {}).get("importance") or []:
        if numbers.is_number(row.get("gain")) and row["gain"] > DOMINANT:
            yield Finding(
                f"{row.get('feature')} alone has {numbers.share(row['gain'])} of the gain: a leak looks like that.",
                "features",
            )


def _harmful(record: Row) -> Iterator[Finding]:
    rows = (record.get("insight") or {}).get("importance") or []
    judged = [row for row in rows if numbers.is_number(row.get("permutation")) and numbers.is_number(row.get("error"))]
    harmful = [str(row.get("feature")) for row in judged if row["permutation"] < -3 * row["error"]]
    if harmful:
        yield Finding(f"The score rises when {', '.join(harmful)} is shuffled: it may do harm.", "features")


def _unfinished(record: Row) -> Iterator[Finding]:
    curves = (record.get("insight") or {}).get("curves") or []
    last = [str(one.get("name")) for one in curves if one.get("values") and one.get("best") == len(one["values"])]
    if last:
        yield Finding(f"Best in the last round allowed: {', '.join(last)}. More rounds may give more.", "curves")


def _read_with_notes(record: Row) -> Iterator[Finding]:
    notes = record.get("notes") or []
    if notes:
        rows = sum(int(note["rows"]) for note in notes if numbers.is_number(note.get("rows")))
        things = "one thing" if len(notes) == 1 else f"{len(notes)} things"
        yield Finding(f"Reading the files settled {things} by rule, {numbers.count(rows)} rows in all.", "notes")


def _unrecorded(record: Row) -> Iterator[Finding]:
    if (record.get("code") or {}).get("changed"):
        yield Finding("The code had changes that no revision records: this run cannot be repeated from one.")
