"""Where the right videos of the validation days are lost, and some devices' slates in words."""

from typing import Any

import numpy as np

from common.day.answers import Example, describe_answers, rank_answers
from competitions.mgtv.models.decision import expected_score
from competitions.mgtv.pipeline import Outcome

FIRST_FEW, LISTED = 3, 5


def describe_lists(outcome: Outcome, models: list[str]) -> dict[str, Any]:
    """The part ``answers`` of a run's insight: ranks by P(watch) x E[s], of which the first is answered."""
    power = outcome.config.decide.power
    days = [(part.value, mixed) for part, mixed in zip(outcome.valid, outcome.mixed.value, strict=True)]
    values = [expected_score(mixed, part.rewards, power) for part, mixed in days]
    sizes = [part.day.rows.group_sizes for part, _ in days]

    def rank(columns: list[Any]) -> Any:
        parts = zip(columns, days, sizes, strict=True)
        return np.concatenate([rank_answers(column, part.day.rows.labels, size) for column, (part, _), size in parts])

    ranks = rank(values)
    one = {
        name: rank([np.ascontiguousarray(part.scores[:, number]) for part, _ in days])
        for number, name in enumerate(models)
    }
    few = int(((ranks > 0) & (ranks <= FIRST_FEW)).sum())
    before = [
        ("asked", sum(part.day.queries for part, _ in days)),
        ("among the videos shown", int((ranks > 0).sum())),
        (f"in the first {FIRST_FEW}", few),
    ]
    owner = np.repeat(np.arange(len(days)), [len(size) for size in sizes])
    first = np.concatenate([np.arange(len(size)) for size in sizes])

    def example(query: int) -> Example:
        return describe(outcome, int(owner[query]), int(first[query]), values[owner[query]])

    return describe_answers(ranks, 1, before, one, example)


def describe(outcome: Outcome, number: int, query: int, values: Any) -> Example:
    """One slate in words: the videos by expected score, the one that was watched, and how much of it."""
    predicted, tables = outcome.valid[number].value, outcome.ready.tables
    day, codes, videos = predicted.day, tables.codes.value, tables.videos.value.frame
    sizes = day.rows.group_sizes
    start = int(sizes[:query].sum())
    rows = slice(start, start + int(sizes[query]))
    slate = outcome.ready.slates[day.day].value.rows[rows]
    rates, labels = predicted.rewards.rate[rows], day.rows.labels[rows]
    order = np.argsort(-values[rows], kind="stable")
    video = slate["video"]
    names = [name_video(codes.videos["vid"][code], videos.row(code, named=True)) for code in video.to_list()]
    device = codes.devices["did"][int(slate["device"][0])]
    right = int(labels.argmax())
    watched = float(day.rates[rows][right])
    context = f"{len(names)} videos shown, share answered {rates[order[0]]:.0%}"
    context += "" if np.isnan(watched) else f", {watched:.0%} of the right one was watched"
    return Example(
        f"Device {str(device)[:8]}, day {day.day}:", context, [names[row] for row in order[:LISTED]], names[right]
    )


def name_video(vid: object, row: dict[str, Any]) -> str:
    """A video's id, its programme and its length."""
    parts = [f"programme {row['collection']}"] if row["collection"] is not None else []
    parts += [f"episode {row['serial']}"] if row["serial"] is not None else []
    parts += [f"{row['duration']:,.0f} s"] if row["duration"] is not None else []
    return f"video {vid}" + (f" ({', '.join(parts)})" if parts else "")
