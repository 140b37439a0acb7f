"""What MGTV's validation asked and ranked: a row a device and day, a row a video that it was shown, slates in words."""

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.evidence import Evidence, list_rivals, score_random
from common.day.record_schema import CLUSTER, PART, Example, Row
from common.learning.blending import FLOOR
from common.learning.dataset import RankingDataset, gather
from common.learning.listwise_softmax import find_starts
from common.learning.metrics import rank_answers
from competitions.mgtv.labels import score_rates
from competitions.mgtv.models.decision import EXPECTED, WATCH, Predictions, order_videos
from competitions.mgtv.pipeline import Validated

FIRST_FEW, LISTED = 3, 5
SIZES, SIZE_CLASSES = (2, 5, 10, 20), ("1-2", "3-5", "6-10", "11-20", "over 20")  # videos shown at most; the classes
RIVALS = {"popularity": "Popularity: smoothed click rate", "shown": "In the order shown"}


def list_queries(outcome: Validated) -> pl.DataFrame:
    """One row per device and validation day: the score of its answer, as a rule the video of the largest expected
    score.
    """
    shown, sizes = list_slates(outcome), join_days(outcome).group_sizes
    return shown[find_starts(sizes)].select(
        "query",
        "fold",
        CLUSTER,
        PART,
        pl.Series("score", outcome.chain.value.earned),
        pl.Series("videos", np.array(SIZE_CLASSES)[np.searchsorted(SIZES, sizes)]),
    )


def collect_evidence(outcome: Validated) -> Evidence:
    """One row per video shown to a device on a validation day, see ``list_slates``."""
    slates, data, answer = list_slates(outcome), join_days(outcome), outcome.chain.value.answer
    videos, sizes = outcome.ready.tables.videos.value.frame, data.group_sizes
    ranks, starts = rank_answers(slates[answer].to_numpy(), data.labels, sizes), find_starts(sizes)
    known = "query", "item", "label", "completion", "answer", "expected", "score"
    listed = list(dict.fromkeys((*known, WATCH, EXPECTED, answer)))
    scores = score_rates(slates["completion"].to_numpy(), slates["answer"].to_numpy())  # with the run's own share
    random = score_random(data, np.add.reduceat(scores * data.labels, starts)[:, None])
    return Evidence(
        candidates=slates.select(listed),
        rows=data,
        ranks=ranks,
        example=lambda at: show_slate(slates.slice(starts[at], sizes[at]), videos, answer),
        stages=[("all queries", sum(part.value.day.queries for part in outcome.valid))],
        listed="among the videos shown",
        cutoffs=(FIRST_FEW, 1),
        rivals=list_rivals(outcome.chain.value, random, RIVALS),
    )


def join_days(outcome: Validated) -> RankingDataset:
    """The rows of all validation days."""
    return gather([part.value.day.rows for part in outcome.valid])


def list_slates(outcome: Validated) -> pl.DataFrame:
    """One row per video shown to a device on a validation day: query (day and device), the day as ``fold`` and the
    device as ``cluster``, item (the video); P(watch), the expected score, and what the video is picked by; see
    ``describe_picks``; the share that was watched (NaN: not known); the video's code and its label.
    """
    codes, picked_by, parts = outcome.ready.tables.codes.value, outcome.chain.value.answer, []
    for part in (predicted.value for predicted in outcome.valid):
        slate, day = outcome.ready.slates[part.day.day].value.rows, f"{part.day.day:02d}"
        device = codes.devices["did"].gather(slate["device"]).cast(pl.String)
        columns = {
            "query": f"{day}/" + device,
            "fold": f"day {day}",
            CLUSTER: device,
            PART: pl.repeat(outcome.folds[part.day.day], len(slate), eager=True),
            "item": codes.videos["vid"].gather(slate["video"]),
            **{stage: order_videos(part, stage) for stage in (WATCH, EXPECTED, picked_by)},
            **describe_picks(part, picked_by),
            "completion": part.day.completions.astype(np.float64),
            "video": slate["video"],
            "label": part.day.rows.labels,
        }
        parts.append(pl.DataFrame(columns))
    return pl.concat(parts)


def describe_picks(part: Predictions, picked_by: str) -> dict[str, Floats]:
    """What picks a video, exp(score) x expected, and its ``answer``, the share: the score is log P(watch), or a plain
    rule's where that picks; ``expected`` is 1 where P(watch) alone or a rule picks.
    """
    ruled = picked_by not in (EXPECTED, WATCH)
    score = order_videos(part, picked_by) if ruled else np.log(np.maximum(part.chances, FLOOR))
    expected = part.rewards.expected if picked_by == EXPECTED else np.ones(len(score))
    return {"score": score, "expected": expected, "answer": part.rewards.answer}


def show_slate(slate: pl.DataFrame, videos: pl.DataFrame, answer: str) -> Example:
    """One slate in words: the videos in the order handed in, the one that was watched, and how much of it."""
    right = slate[slate["label"].arg_max() or 0]
    ordered = slate.sort(answer, descending=True, maintain_order=True)
    listed = pl.concat([ordered.head(LISTED), right]).select("item", "video").rows()
    names = [name_video(vid, videos.row(code, named=True)) for vid, code in listed]
    day, _, device = slate["query"][0].partition("/")
    watched = right["completion"][0]
    context = f"{slate.height} videos shown; predicted share {ordered['answer'][0]:.0%}"
    context += "" if np.isnan(watched) else f", true share {watched:.0%}"
    return Example(f"Device {device[:8]}, day {int(day)}:", context, names[:-1], names[-1])


def name_video(vid: object, row: Row) -> str:
    """A video's id, its programme and its length."""
    parts = [f"programme {row['collection']}"] if row["collection"] is not None else []
    parts += [f"episode {row['serial']}"] if row["serial"] is not None else []
    parts += [f"{row['duration']:,.0f} s"] if row["duration"] is not None else []
    return f"video {vid}" + (f" ({', '.join(parts)})" if parts else "")
