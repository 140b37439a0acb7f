"""What a person should look at twice, by plain rules over a run's record."""

from collections.abc import Iterator
from typing import NamedTuple

from common.day.report import formatting as numbers
from common.day.report.record import Row

APART = 2.0  # standard errors of a difference
UNLIKELY = 0.01
DRIFT_AUC = 0.7
ALIKE = 0.55  # an AUC below which two sets can hardly be told apart
FEWEST_QUERIES = 300  # of a side: of 100, halves of one set have had an AUC of .43 to .74
DOMINANT = 0.4
CALENDAR_MARGIN = 0.03  # of an AUC


class Note(NamedTuple):
    """A sentence, and the section of the page that shows more, if any."""

    text: str
    section: str | None = None


def check_record(record: Row) -> list[Note]:
    """All notes on a filled record, the gravest kinds first."""
    kinds = [_far_from_other_scores, _uneven_folds, _blend_below_member, _drifting, _dominant, _harmful]
    return [note for rule in kinds for note in rule(record)]


def _far_from_other_scores(record: Row) -> Iterator[Note]:
    yield from _compare(record["cv"], record["truth"], "the simulated truth", "truth")
    for entry in record["leaderboard"]:
        yield from _compare(record["cv"], entry, "the leaderboard", "board")


def name_validation(cv: Row) -> str:
    """Cross-validation where there are folds, else validation: one hold-out is no cross."""
    folds = cv.get("folds") or []
    crossed = len(folds) > 1 or any("folds" in str(row.get("fold")) for row in folds)
    return "cross-validation" if crossed else "validation"


def _compare(own: Row, other: Row, name: str, section: str) -> Iterator[Note]:
    score, error, reference = own.get("score"), own.get("error"), other.get("score")
    if not (numbers.is_number(score) and numbers.is_number(error) and numbers.is_number(reference)):
        return
    second = other.get("error")
    both = (error**2 + (second if numbers.is_number(second) else error) ** 2) ** 0.5
    if abs(score - reference) > APART * both:
        side, validation = "above" if score > reference else "below", name_validation(own).capitalize()
        yield Note(
            f"{validation} ({numbers.score(score)}) is {side} {name} ({numbers.score(reference)}) by "
            f"{abs(score - reference) / both:.1f} standard errors of the difference.",
            section,
        )


def _uneven_folds(record: Row) -> Iterator[Note]:
    rows = [row for row in record["cv"]["folds"] if numbers.is_number(row.get("score"))]
    rows = [row for row in rows if numbers.is_number(row.get("error")) and row["error"] > 0]
    if len(rows) < 2:
        return
    weights = [1 / row["error"] ** 2 for row in rows]
    mean = sum(w * row["score"] for w, row in zip(weights, rows, strict=True)) / sum(weights)
    square = sum(w * (row["score"] - mean) ** 2 for w, row in zip(weights, rows, strict=True))
    from scipy.special import chdtrc  # here: the page of all runs is written without scipy, which takes long to import

    chance = float(chdtrc(len(rows) - 1, square))
    if chance < UNLIKELY:
        worst = min(rows, key=lambda row: float(row["score"]))
        shown = "below .001" if chance < 0.001 else f"= {numbers.score(chance, 3)}"
        yield Note(
            f"The folds differ by more than their errors explain (chi-square test, p {shown}); "
            f"the lowest is {worst.get('fold')} with {numbers.score(worst['score'])}.",
            "folds",
        )


def _drifting(record: Row) -> Iterator[Note]:
    drift = record["insight"]["drift"]
    if numbers.is_number(drift.get("auc")) and drift["auc"] >= DRIFT_AUC and not is_calm(drift):
        worst = next((row for row in drift.get("features") or [] if not follows_from_calendar(row)), None)
        led = f", most by {worst.get('feature')}" if worst else ""
        yield Note(f"Train and test rows differ clearly (AUC {numbers.score(drift['auc'], 3)}{led}).", "drift")


def follows_from_calendar(row: Row) -> bool:
    """Whether two times of the labelled data differ as much, in a feature or in all: then it happens every day."""
    reference = row.get("reference")
    return numbers.is_number(reference) and (row.get("auc") or 0.0) <= reference + CALENDAR_MARGIN


def is_calm(drift: Row) -> bool:
    """Whether an AUC says nothing of the test: it is small, or chance, or that of any two times."""
    return drift["auc"] < ALIKE or is_chance(drift) or follows_from_calendar(drift)


def explain_calm(drift: Row) -> str | None:
    """Why an AUC that looks like an alarm is none; None where it does not look like one."""
    if not numbers.is_number(drift.get("auc")) or drift["auc"] < DRIFT_AUC or not is_calm(drift):
        return None
    apart = f"Train and test rows can be told apart (AUC {numbers.score(drift['auc'], 3)})"
    if not follows_from_calendar(drift):
        return f"{apart}, but of {numbers.count(drift['queries'])} queries that may be chance."
    return (
        f"{apart}, but so can {drift.get('between') or 'two periods of the labelled rows'}"
        f" ({numbers.score(drift['reference'], 3)}): some features describe a period itself, so this says nothing of"
        " the test."
    )


def is_chance(drift: Row) -> bool:
    """Whether there are too few queries to tell."""
    return bool((drift.get("queries") or FEWEST_QUERIES) < FEWEST_QUERIES)


def _blend_below_member(record: Row) -> Iterator[Note]:
    rows = [row for row in record["ranking"] if numbers.is_number(row.get("score"))]
    blends = [row for row in rows if str(row.get("model")).startswith("blend")]
    members = [row for row in rows if row not in blends]
    if not blends or not members:
        return
    best, blend = max(members, key=lambda row: float(row["score"])), blends[-1]
    gap = best["score"] - blend["score"]
    error = blend.get("error")
    if round(gap, 4) > 0 and not (numbers.is_number(error) and gap < error):  # a difference that chance makes daily
        yield Note(
            f"The {blend['model']} ({numbers.score(blend['score'])}) is below its best member, {best['model']} "
            f"({numbers.score(best['score'])}), by {numbers.score(gap)}.",
            "models",
        )


def _dominant(record: Row) -> Iterator[Note]:
    known = set(record["insight"]["features"]["given"])  # the score of an earlier stage is meant to carry the next
    for row in record["insight"]["importance"]:
        if numbers.is_number(row.get("gain")) and row["gain"] > DOMINANT and row.get("feature") not in known:
            yield Note(
                f"{row.get('feature')} alone has {numbers.share(row['gain'])} of the gain: check it for a leak.",
                "features",
            )


def _harmful(record: Row) -> Iterator[Note]:
    harmful = [str(row.get("feature")) for row in record["insight"]["importance"] if _does_harm(row)]
    if harmful:
        lost = record["insight"]["features"]["lost"]
        yield Note(f"The {lost} rises when {', '.join(harmful)} is shuffled: these features may hurt.", "features")


def _does_harm(row: Row) -> bool:
    loss, error = row.get("permutation"), row.get("error")
    return numbers.is_number(loss) and numbers.is_number(error) and loss < -3 * error
