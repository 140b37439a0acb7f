"""What a page says of a run by plain rules: what a person should look at twice, and what is likely to pay next."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from common.day.difference import CLEAR
from common.day.record_schema import QueryScores, RunRecord
from common.day.registry import NotedScore
from common.day.report import formatting as numbers

DOMINANT = 0.4


class Finding(NamedTuple):
    """A sentence, and the section of the page that shows more, if any."""

    text: str
    section: str | None = None


def find_problems(record: RunRecord, leaderboard: Sequence[NotedScore] = ()) -> list[Finding]:
    """What is suspicious, the gravest kinds first."""
    return [
        *map(Finding, record.failed),
        *_far_from_other_scores(record, leaderboard),
        *_dominant(record),
    ]


def find_next_steps(record: RunRecord) -> list[Finding]:
    """What is likely to pay, the likeliest first."""
    return [*_lost_answers(record), *_unfinished(record)]


# --- what is suspicious ---


def name_validation(cv: QueryScores) -> str:
    """Cross-validation where there are folds, else validation: one hold-out is no cross."""
    crossed = len(cv.folds) > 1 or any("folds" in fold.name for fold in cv.folds)
    return "cross-validation" if crossed else "validation"


def _far_from_other_scores(record: RunRecord, leaderboard: Sequence[NotedScore]) -> Iterator[Finding]:
    cv = record.cv
    others = [(entry.score, cv.error, "the leaderboard") for entry in leaderboard]
    if record.truth:
        others.insert(0, (record.truth.score, record.truth.error, "the simulated truth"))
    for reference, error, name in others:
        both = (cv.error**2 + error**2) ** 0.5
        if abs(cv.score - reference) > CLEAR * both:
            side = "above" if cv.score > reference else "below"
            yield Finding(
                f"{name_validation(cv).capitalize()} ({numbers.score(cv.score)}) is {side} {name}"
                f" ({numbers.score(reference)}) by {abs(cv.score - reference) / both:.1f} standard errors of the"
                " difference."
            )


def _dominant(record: RunRecord) -> Iterator[Finding]:
    for row in record.insight.importance:
        # The score of an earlier stage is meant to carry the next.
        if row.gain and row.gain > DOMINANT and row.feature not in record.insight.given:
            yield Finding(
                f"{row.feature} alone has {numbers.share(row.gain)} of the gain: check it for a leak.", "features"
            )


# --- what to try next ---


def _lost_answers(record: RunRecord) -> Iterator[Finding]:
    """Retrieval or ranking, by how many right answers each can win."""
    answers, truth = record.insight.answers, record.truth
    counts = {row.stage: row.queries for row in answers.funnel}
    first = answers.cutoff == 1
    scored, place = (
        ("first", "first") if first else (f"in the first {answers.cutoff}", f"among the first {answers.cutoff}")
    )
    lists = [name for name in counts if not name.startswith(("in the first", "first"))]  # what comes before ranking
    if scored not in counts or not lists:
        return
    queries, listed, right = counts[lists[0]], counts[lists[-1]], counts[scored]
    missed, behind, most = queries - listed, listed - right, ""
    # An answer that is retrieved in addition is ranked as the others are: it counts as often as they do.
    by_lists, by_order = missed * right / max(listed, 1), behind
    if truth and truth.score:
        room = max(truth.oracle / truth.score - 1, 0.0) * right  # what the best possible loses too is no gain
        by_lists, by_order = min(by_lists, room), min(behind, room)
        most = f" The best possible would win about {numbers.count(room)} more, the others are lost to chance."
    if by_order >= by_lists:
        text = (
            f"Rank: {numbers.count(behind)} of {numbers.count(queries)} right answers are {lists[-1]} but not {place}"
        )
        rest = f"; {numbers.count(missed)} are not {lists[-1]}" if missed else ""
        yield Finding(f"{text}{rest}.{most} Better features or models help most.", "answers")
    else:
        yield Finding(
            f"Retrieve: {numbers.count(missed)} of {numbers.count(queries)} right answers are not {lists[-1]}; ranking"
            f" loses {numbers.count(behind)} more. Ranked as the others are, {numbers.count(by_lists)} of them would be"
            f" {place}.{most} Another retrieval channel or longer lists help most.",
            "answers",
        )


def _unfinished(record: RunRecord) -> Iterator[Finding]:
    last = [curve.name for curve in record.insight.curves if curve.best == len(curve.values)]
    if last:
        yield Finding(f"Allow more rounds: the last one was the best ({', '.join(last)}).", "curves")
