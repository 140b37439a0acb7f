"""What MGTV's validation asked and ranked: a row a device and day, a row a video that it was shown, slates in words."""

from functools import cache, partial

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.record_schema import Scored
from common.day.run_record import Row
from common.day.validation import (
    BLEND,
    Candidates,
    Example,
    ValidationTable,
    count_within,
    list_rivals,
    rank_answers,
    rank_by,
    rows_of,
    score_random,
    share_behind,
)
from common.learning.dataset import RankingDataset, gather
from common.learning.listwise_softmax import find_starts
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models.click_ranker import MODEL
from competitions.mgtv.models.decision import EXPECTED, order_videos
from competitions.mgtv.pipeline import Validated

FIRST_FEW, LISTED = 3, 5
SIZES, SIZE_CLASSES = (2, 5, 10, 20), ("1-2", "3-5", "6-10", "11-20", "over 20")  # videos shown at most; the classes
RIVALS = {"popularity": "Popularity: smoothed click rate", "shown": "In the order shown"}


def list_validation(outcome: Validated) -> ValidationTable:
    """One row per device and validation day: the score of its answer, as a rule the video of the largest expected
    score.
    """
    shown, slates = list_slates(outcome), cache(partial(list_slates, outcome))
    data, videos, answer = join_days(outcome), outcome.ready.tables.videos.value.frame, outcome.chain.value.answer
    sizes, values, earned = data.group_sizes, shown[answer].to_numpy(), earn_first(shown, data)
    listed = list(dict.fromkeys(("query", "item", MODEL, BLEND, EXPECTED, answer)))
    ranks = rank_answers(values, data)
    return ValidationTable(
        queries=shown[find_starts(sizes)].select(
            "query",
            fold=pl.format("day {}", pl.col("query").str.head(2)),
            cluster=pl.col("query").str.slice(3),
            score=pl.Series(np.where(rank_by(values, data) == 1, earned, 0.0)),
            videos=pl.Series(np.array(SIZE_CLASSES)[np.searchsorted(SIZES, sizes)]),
        ),
        behind=pl.Series(share_behind(ranks, sizes)),
        cutoff=1,
        ranks=ranks,
        before=[
            ("all queries", sum(part.value.day.queries for part in outcome.valid)),
            ("among the videos shown", int((ranks > 0).sum())),
            (f"in the first {FIRST_FEW}", count_within(ranks, FIRST_FEW)),
        ],
        example=lambda number: show_slate(slates()[rows_of(sizes, number)], videos, answer),
        rivals=lambda: name_rivals(outcome, earned),
        candidates=lambda: Candidates(slates().select(*listed), join_days(outcome)),
    )


def join_days(outcome: Validated) -> RankingDataset:
    """The rows of all validation days."""
    return gather([part.value.day.rows for part in outcome.valid])


def earn_first(shown: pl.DataFrame, data: RankingDataset) -> Floats:
    """By query what the right video earns with the share that is answered for it."""
    scores = score_rates(shown["rate"].to_numpy(), shown["answer"].to_numpy())
    return np.add.reduceat(scores * data.labels, find_starts(data.group_sizes))


def name_rivals(outcome: Validated, earned: Floats) -> list[Scored]:
    """What the first video scores in a random order, by its click rate, as shown; with the run's own share."""
    chance = score_random(join_days(outcome), lambda ranks: np.where(ranks == 1, earned, 0.0), 1)
    return list_rivals(outcome.chain.value, chance, RIVALS)


def list_slates(outcome: Validated) -> pl.DataFrame:
    """One row per video shown to a device on a validation day: query (day and device), item (the video); the model's
    score, ``blend``: P(watch), the expected score, and what the video is picked by; the share that is answered, and the
    one that was watched (NaN: not known); the video's code and its label.
    """
    codes, picked_by, parts = outcome.ready.tables.codes.value, outcome.chain.value.answer, []
    for predicted, mixed in zip(outcome.valid, outcome.mixed.value, strict=True):
        part = predicted.value
        slate = outcome.ready.slates[part.day.day].value.rows
        columns = {
            "query": f"{part.day.day:02d}/" + codes.devices["did"].gather(slate["device"]).cast(pl.String),
            "item": codes.videos["vid"].gather(slate["video"]),
            MODEL: part.scores,
            BLEND: mixed,
            **{stage: order_videos(part.day, mixed, part.rewards, stage) for stage in (EXPECTED, picked_by)},
            "answer": part.rewards.rate,
            "rate": part.day.rates.astype(np.float64),
            "video": slate["video"],
            "label": part.day.rows.labels,
        }
        parts.append(pl.DataFrame(columns))
    return pl.concat(parts)


def show_slate(slate: pl.DataFrame, videos: pl.DataFrame, answer: str) -> Example:
    """One slate in words: the videos in the order handed in, the one that was watched, and how much of it."""
    right = slate[slate["label"].arg_max() or 0]
    ordered = slate.sort(answer, descending=True, maintain_order=True)
    listed = pl.concat([ordered.head(LISTED), right]).select("item", "video").rows()
    names = [name_video(vid, videos.row(code, named=True)) for vid, code in listed]
    day, _, device = slate["query"][0].partition("/")
    watched = right["rate"][0]
    context = f"{slate.height} videos shown; predicted share {ordered['answer'][0]:.0%}"
    context += "" if np.isnan(watched) else f", true share {watched:.0%}"
    return Example(f"Device {device[:8]}, day {int(day)}:", context, names[:-1], names[-1])


def name_video(vid: object, row: Row) -> str:
    """A video's id, its programme and its length."""
    parts = [f"programme {row['collection']}"] if row["collection"] is not None else []
    parts += [f"episode {row['serial']}"] if row["serial"] is not None else []
    parts += [f"{row['duration']:,.0f} s"] if row["duration"] is not None else []
    return f"video {vid}" + (f" ({', '.join(parts)})" if parts else "")
