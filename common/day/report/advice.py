"""What to try next, by plain rules over a run's record: where most right answers are lost, and what is unfinished."""

from collections.abc import Iterator

from common.day.report import formatting as numbers
from common.day.report.checks import Note
from common.day.report.record import Row

SURE = 3.0  # standard errors: a page has some thirty slices, of which one or two lie two errors off by chance


def advise(record: Row) -> list[Note]:
    """What is likely to pay, the likeliest first."""
    found = [*_where_answers_are_lost(record), *_weakest_slice(record), *_unfinished(record)]
    ablate = f"Measure each block of features: make ablate-{record['name']} shows the score without it."
    return [*found, Note(ablate, "features")] if record["features"] else found


def _where_answers_are_lost(record: Row) -> Iterator[Note]:
    """Retrieval or ranking, whichever loses more of the right answers."""
    answers = record["insight"]["answers"]
    counts, cutoff = {str(row["stage"]): float(row["queries"]) for row in answers["funnel"]}, answers.get("cutoff")
    scored = "first" if cutoff == 1 else f"in the first {cutoff}"
    lists = [name for name in counts if not name.startswith(("in the first", "first"))]  # what comes before ranking
    if scored not in counts or not lists:
        return
    asked, listed = counts[lists[0]], counts[lists[-1]]
    missed, behind = asked - listed, listed - counts[scored]
    place = "first" if cutoff == 1 else f"among the first {cutoff}"
    if behind >= missed:
        rest = f"; {numbers.count(missed)} are not {lists[-1]}" if missed else ""
        yield Note(
            f"Rank: {numbers.count(behind)} of {numbers.count(asked)} right answers are {lists[-1]} but not {place}"
            f"{rest}. Better features or models help most.",
            "answers",
        )
    else:
        yield Note(
            f"Retrieve: {numbers.count(missed)} of {numbers.count(asked)} right answers are not {lists[-1]}; ranking"
            f" loses {numbers.count(behind)} more. Another retrieval channel or longer lists help most.",
            "answers",
        )


def _weakest_slice(record: Row) -> Iterator[Note]:
    """The part of the queries that takes most from the mean, of those that surely lie below it.

    Where lists are of many lengths, by the share of the other candidates that stand behind the right one: a longer list
    scores less by its length alone.
    """
    behind = record["behind"] if record["behind"]["slices"] else None
    cv = behind or record["cv"]
    rows = [
        row for row in cv["slices"] if all(numbers.is_number(row.get(key)) for key in ("score", "error", "queries"))
    ]
    if not numbers.is_number(cv.get("score")) or not cv.get("queries"):
        return
    below = [row for row in rows if cv["score"] - row["score"] > SURE * row["error"] > 0]
    worst = max(below, key=lambda row: float((cv["score"] - row["score"]) * row["queries"]), default=None)
    if worst is not None:
        queries = f"{numbers.count(worst['queries'])} queries ({numbers.share(worst['queries'] / cv['queries'])})"
        if behind:
            part, whole = numbers.share(worst["score"]), numbers.share(cv["score"])
            said = f"the right answer is ahead of {part} of the others there, and of {whole} in all queries; {queries}."
        else:
            score = numbers.with_error(worst["score"], worst["error"])
            said = f"{score} on {queries}; all queries have {numbers.score(cv['score'])}."
        yield Note(f"Study the slice {worst['slice']}: {said}", "slices")


def _unfinished(record: Row) -> Iterator[Note]:
    curves = [one for one in record["insight"]["curves"] if one.get("values") and not one.get("falls")]
    last = [str(one.get("name")) for one in curves if one.get("best") == len(one["values"])]
    if last:
        yield Note(f"Allow more rounds: the last one was the best ({', '.join(last)}).", "curves")
