"""What to try next, by plain rules over a run's record: what can be gained where, and what is unfinished."""

from collections.abc import Iterator
from statistics import NormalDist

from common.day.report import formatting as numbers
from common.day.report.checks import Note
from common.day.report.record import Row

FEW = 20  # queries, whose error is itself hardly known
CHANCE = 0.05  # that one of all slices of a page lies so far off by chance


def advise(record: Row) -> list[Note]:
    """What is likely to pay, the likeliest first."""
    return [*_where_answers_are_lost(record), *_weakest_slice(record), *_unfinished(record), *_blocks(record)]


def _where_answers_are_lost(record: Row) -> Iterator[Note]:
    """Retrieval or ranking, by how many right answers each can win."""
    answers = record["insight"]["answers"]
    counts, cutoff = {str(row["stage"]): float(row["queries"]) for row in answers["funnel"]}, answers.get("cutoff")
    scored = "first" if cutoff == 1 else f"in the first {cutoff}"
    lists = [name for name in counts if not name.startswith(("in the first", "first"))]  # what comes before ranking
    if scored not in counts or not lists:
        return
    asked, listed, right = counts[lists[0]], counts[lists[-1]], counts[scored]
    missed, behind, place = asked - listed, listed - right, "first" if cutoff == 1 else f"among the first {cutoff}"
    # An answer that is retrieved in addition is ranked as the others are: it counts as often as they do.
    by_lists, by_order, most = missed * right / max(listed, 1), behind, ""
    if numbers.is_number(oracle := record["truth"].get("oracle")) and record["truth"].get("score"):
        room = max(oracle / record["truth"]["score"] - 1, 0.0) * right  # what the best possible loses too is no gain
        by_lists, by_order = min(by_lists, room), min(behind, room)
        most = f" The best possible would win about {numbers.count(room)} more, the others are lost to chance."
    if by_order >= by_lists:
        rest = f"; {numbers.count(missed)} are not {lists[-1]}" if missed else ""
        text = f"Rank: {numbers.count(behind)} of {numbers.count(asked)} right answers are {lists[-1]} but not {place}"
        yield Note(f"{text}{rest}.{most} Better features or models help most.", "answers")
    else:
        text = f"Retrieve: {numbers.count(missed)} of {numbers.count(asked)} right answers are not {lists[-1]}"
        text += (
            f"; ranking loses {numbers.count(behind)} more. Ranked as the others are, {numbers.count(by_lists)} of them"
        )
        yield Note(f"{text} would be {place}.{most} Another retrieval channel or longer lists help most.", "answers")


def _weakest_slice(record: Row) -> Iterator[Note]:
    """The part of the queries that takes most from the mean, of those that lie below it by more than chance would bring
    to one of so many slices (Bonferroni).

    Where lists are of many lengths, by the share of the other candidates that stand behind the right one: a longer list
    scores less by its length alone.
    """
    behind = record["behind"] if record["behind"]["slices"] else None
    cv = behind or record["cv"]
    rows = [
        row for row in cv["slices"] if all(numbers.is_number(row.get(key)) for key in ("score", "error", "queries"))
    ]
    if not numbers.is_number(cv.get("score")) or not cv.get("queries") or not rows:
        return
    sure = NormalDist().inv_cdf(1 - CHANCE / (2 * len(rows)))
    below = [row for row in rows if cv["score"] - row["score"] > sure * row["error"] > 0 and row["queries"] >= FEW]
    worst = max(below, key=lambda row: float((cv["score"] - row["score"]) * row["queries"]), default=None)
    if worst is not None:
        part = worst["queries"] / cv["queries"]
        queries = f"{numbers.count(worst['queries'])} queries ({numbers.share(part)})"
        if behind:
            own, whole = numbers.share(worst["score"]), numbers.share(cv["score"])
            said = f"the right answer is ahead of {own} of the others there, and of {whole} in all queries; {queries}."
        else:
            score, gain = numbers.with_error(worst["score"], worst["error"]), (cv["score"] - worst["score"]) * part
            said = f"{score} on {queries}; all queries have {numbers.score(cv['score'])}."
            said += f" If it scored as they do, the whole would gain {numbers.score(gain)}."
        yield Note(f"Study the slice {worst['slice']}: {said}", "slices")


def _blocks(record: Row) -> Iterator[Note]:
    """Which block of features to extend or to leave out, where an ablation was run on these queries; else to run it."""
    rows, clear = record["ablation"], [row for row in record["ablation"] if row["comparison"].startswith("clear")]
    told = [f"{row['block']} ({numbers.with_error(row['it adds'], row['error'])})" for row in clear]
    for sign, what in ((1, "Extend what the ablation found useful"), (-1, "Leave out what it found harmful")):
        named = [name for name, row in zip(told, clear, strict=True) if sign * row["it adds"] > 0]
        if named:
            yield Note(f"{what}: {', '.join(named[::sign])}.", "features")
    if rows and not clear:
        yield Note(f"The ablation found no block of features that helps or hurts clearly, of {len(rows)}.", "features")
    if record["features"] and not rows:
        text = f"Measure each block of features: make ablate-{record['name']} shows the score without it."
        yield Note(text, "features")


def _unfinished(record: Row) -> Iterator[Note]:
    curves = [one for one in record["insight"]["curves"] if one.get("values") and not one.get("falls")]
    last = [str(one.get("name")) for one in curves if one.get("best") == len(one["values"])]
    if last:
        yield Note(f"Allow more rounds: the last one was the best ({', '.join(last)}).", "curves")
