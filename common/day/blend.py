"""A blend of finished runs: their probabilities of a query's candidates, averaged.

Each run keeps what it scored. The scores of a query become softmax probabilities, by a temperature that the hold-out
fits for each run; the mean of these is the blend. A candidate that a run lacks has the lowest score that the run gives
in that query; in a query of which the run has none, all its candidates are alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.arrays import Floats
from common.day.difference import Difference, compute_difference, pair_scores
from common.day.record_schema import FITS, PART, RunRecord
from common.day.registry import read_own_record, require_submission
from common.day.run_record import CANDIDATES, QUERIES, average_queries, read_frame
from common.engine.errors import UserError
from common.io.submission import write_whole
from common.learning.blending import Blend, blend_scores, weigh_evenly
from common.learning.kinds import Kind
from common.learning.listwise_softmax import Labels, Sizes, find_starts, fit_temperatures

TEST_CANDIDATES, VALID_CANDIDATES = "test_candidates.parquet", "valid_candidates.parquet"
MIX = "mix"


@dataclass(frozen=True, kw_only=True)
class Blending:
    """What a blend knows of a competition.

    ``list_test(outcome)``: a row a candidate of the test, those of a query together, both as the submission names them:
    query, item, score (of what is handed in), and the ``averaged`` numbers. ``list_valid``: the same of the hold-out
    with its ``labels``, where candidates.parquet has not all queries.
    ``earn(candidates, sizes)``: what lists of labelled candidates earn under the metric by the column score.
    ``answer(candidates, files, folder)`` writes the submission of the test's scored candidates.
    ``lists``: the columns that tell one list from another; ``query``: that of its name in queries.parquet, null where
    it is not scored. ``calibrated``: scores are log probabilities. Of the kind ``rows`` each row is a list of its own,
    and its score the log odds of a yes, by a model that is fitted to their likelihood.
    """

    list_test: Callable[[Any], pl.DataFrame]
    list_valid: Callable[[Any], pl.DataFrame] | None = None
    earn: Callable[[pl.DataFrame, Sizes], Floats]
    answer: Callable[[pl.DataFrame, Any, Path], Sequence[Path]]
    labels: Sequence[str] = ("label",)
    averaged: Sequence[str] = ()
    lists: Sequence[str] = ("query",)
    query: str = "query"
    calibrated: bool = False


def earn_by(metric: Callable[[Floats, Labels, Sizes], Floats]) -> Callable[[pl.DataFrame, Sizes], Floats]:
    """What lists earn under a metric that asks for their scores and labels alone."""
    return lambda candidates, sizes: metric(candidates["score"].to_numpy(), candidates["label"].to_numpy(), sizes)


@dataclass(frozen=True)
class Member:
    """A run to blend: its record, its queries, the candidates of these and of the test."""

    folder: Path
    record: RunRecord
    queries: pl.DataFrame
    valid: pl.DataFrame
    test: pl.DataFrame


@dataclass(frozen=True)
class Mixed:
    """A blend: the queries with the score of each run, by its name, and of the mix; by that the test's candidates."""

    ways: Mapping[str, pl.DataFrame]
    test: pl.DataFrame

    @property
    def best(self) -> str:
        """The best of the runs."""
        runs = [name for name in self.ways if name != MIX]
        return max(runs, key=lambda name: average_queries(self.ways[name])["score"])

    @property
    def gain(self) -> Difference:
        """The blend less the best run."""
        return compute_difference(pair_scores(self.ways[self.best], self.ways[MIX]))


def write_lists(blending: Blending, outcome: object, folder: Path) -> None:
    """Keep what a blend reads of a whole run beside what is there."""
    write_whole(folder / TEST_CANDIDATES, blending.list_test(outcome).write_parquet)
    if blending.list_valid:
        write_whole(folder / VALID_CANDIDATES, blending.list_valid(outcome).write_parquet)


# --- the runs ---


def read_members(folders: Sequence[Path], name: str, blending: Blending) -> list[Member]:
    """The runs to blend. ``UserError`` where they are not several whole ones of this competition, metric and files."""
    if len(folders) < 2:
        raise UserError(f"One run is no blend: name two or more, as in make blend-{name} ARGS='last last~1'.")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UserError("A run is named twice: name different runs to blend.")
    records = [read_own_record(folder, name) for folder in folders]
    for folder, record in zip(folders, records, strict=True):
        if record.metric != records[0].metric:
            raise UserError(f"{folder} is scored by {record.metric}, {folders[0]} by {records[0].metric}.")
        if record.data.digest != records[0].data.digest:
            raise UserError(f"{folder} is a run on other files than {folders[0]}: blend runs on the same files.")
        if "blend" in record.config:
            raise UserError(f"{folder} is a blend itself: name its runs.")
        require_submission(folder)
    return [read_member(folder, record, blending) for folder, record in zip(folders, records, strict=True)]


def read_member(folder: Path, record: RunRecord, blending: Blending) -> Member:
    """A run by its frames: of its candidates the columns that a blend needs. ``UserError`` where these are damaged."""
    valid = folder / (VALID_CANDIDATES if blending.list_valid else CANDIDATES)
    names = *dict.fromkeys((*blending.lists, blending.query)), "item", *blending.labels, *blending.averaged
    parts = [(valid, names), (folder / TEST_CANDIDATES, ("query", "item", *blending.averaged))]
    frames = []
    for path, needed in parts:
        frame = read_frame(path)
        if missing := [name for name in needed if name not in frame.columns]:
            raise UserError(f"{path} has no column {missing[0]}: it is of another version; run again.")
        last = "score" if "score" in frame.columns else frame.columns[-1]
        frames.append(frame.select(*needed, pl.col(last).alias("score")))
    queries = read_frame(folder / QUERIES).drop(FITS, strict=False)
    if PART in queries.columns:  # of several folds a run may keep the candidates of one
        listed = queries.filter(pl.col("query").is_in(frames[0][blending.query].unique().implode()))
        queries = queries.join(listed.select(PART), on=PART, how="semi", maintain_order="left")
    return Member(folder, record, queries, *frames)


# --- the mix ---


def mix_members(members: Sequence[Member], blending: Blending, kind: Kind = "one") -> Mixed:
    """The blend of the runs by the queries that all of them have. ``UserError`` where there is none."""
    queries = members[0].queries
    for member in members[1:]:
        queries = queries.join(member.queries, on=["fold", "query"], how="semi", maintain_order="left")
    asked = queries.select(pl.col("query").alias(blending.query))
    valid = [member.valid.join(asked, on=blending.query, how="semi", maintain_order="left") for member in members]
    if not all(frame.height for frame in valid):
        raise UserError("The runs have no validation query in common: blend runs of the same split.")
    names = [member.folder.name for member in members]
    ways = {name: earn_queries(queries, own, blending) for name, own in zip(names, valid, strict=True)}
    frame, models = align(valid, blending.lists, blending.averaged), len(members)
    scores, sizes = take_scores(frame, models), count_sizes(frame, blending.lists)
    posed, labels, listed = pose_lists(kind, scores, frame["label"].to_numpy(), sizes)
    calibrated = blending.calibrated or kind == "rows"
    temperatures = np.ones(models) if calibrated else fit_temperatures(posed, labels, listed)
    blend = Blend(tuple(temperatures.tolist()), tuple(weigh_evenly(models)))
    mixed = average(frame, take_scored(kind, blend_scores(blend, posed, listed)), models, blending)
    ways[MIX] = earn_queries(queries, mixed, blending)
    test = align([member.test for member in members], ["query"], blending.averaged)
    unknown = np.zeros(test.height, np.float32)
    posed, _, listed = pose_lists(kind, take_scores(test, models), unknown, count_sizes(test, ["query"]))
    return Mixed(ways, average(test, take_scored(kind, blend_scores(blend, posed, listed)), models, blending))


def pose_lists(kind: Kind, scores: Floats, labels: Labels, sizes: Sizes) -> tuple[Floats, Labels, Sizes]:
    """What is mixed by the softmax within lists: lists as they are; of the kind ``rows`` the choice between yes, by its
    log odds, and no, by 0, whose softmax is the logistic function.

    >>> scores, labels, sizes = pose_lists("rows", np.array([[2.0], [-1.0]]), np.array([1, 0]), np.array([1, 1]))
    >>> scores.ravel().tolist(), labels.tolist(), sizes.tolist()
    ([2.0, 0.0, -1.0, 0.0], [1, 0, 0, 1], [2, 2])
    """
    if kind != "rows":
        return scores, labels, sizes
    both = np.stack([scores, np.zeros_like(scores)], axis=1).reshape(-1, scores.shape[1])
    return both, np.stack([labels, 1 - labels], axis=1).ravel(), np.full(len(labels), 2, np.int32)


def take_scored(kind: Kind, logs: Floats) -> Floats:
    """The scores that the logs of mixed probabilities stand for, of what ``pose_lists`` made: log odds of ``rows``."""
    return logs[::2] - logs[1::2] if kind == "rows" else logs


def align(sides: Sequence[pl.DataFrame], lists: Sequence[str], averaged: Sequence[str] = ()) -> pl.DataFrame:
    """A row per candidate that any run has, those of a list together: the score of run n as ``score n``, likewise the
    ``averaged`` numbers; where a run lacks it, the lowest score of its list, 0 without one, and the others' mean.

    >>> one = pl.DataFrame({"query": ["a", "a"], "item": [1, 2], "score": [0.5, 0.25]})
    >>> align([one, pl.DataFrame({"query": ["a"], "item": [3], "score": [9.0]})], ["query"]).rows()
    [('a', 1, 0.5, 9.0), ('a', 2, 0.25, 9.0), ('a', 3, 0.25, 9.0)]
    """
    runs = range(len(sides))
    numbers = [f"{name} {run}" for name in ("score", *averaged) for run in runs]
    parts = [
        side.rename({name: f"{name} {run}" for name in ("score", *averaged)})
        for run, side in zip(runs, sides, strict=True)
    ]
    first = pl.exclude(*numbers).first()
    joined = (
        pl.concat(parts, how="diagonal")
        .group_by(*lists, "item", maintain_order=True)
        .agg(first, *(pl.col(name).max() for name in numbers))
        .with_row_index()
        .sort(pl.col("index").min().over(lists), maintain_order=True)
        .drop("index")
    )
    lowest = (pl.col(name).fill_null(pl.col(name).min().over(lists)).fill_null(0) for name in numbers[: len(runs)])
    others = (
        pl.col(f"{name} {run}").fill_null(pl.mean_horizontal(*(f"{name} {other}" for other in runs)))
        for name in averaged
        for run in runs
    )
    return joined.with_columns(*lowest, *others)


def take_scores(frame: pl.DataFrame, runs: int) -> Floats:
    """The scores (rows, runs) of aligned candidates."""
    return frame.select(pl.col(f"score {run}").cast(pl.Float64) for run in range(runs)).to_numpy()


def count_sizes(frame: pl.DataFrame, lists: Sequence[str]) -> Sizes:
    """The rows of each list, in their order."""
    return frame.group_by(lists, maintain_order=True).len()["len"].cast(pl.Int32).to_numpy()


def average(frame: pl.DataFrame, scores: Floats, runs: int, blending: Blending) -> pl.DataFrame:
    """Aligned candidates with one score, and the mean of each of the averaged numbers."""
    means = {name: pl.mean_horizontal(f"{name} {run}" for run in range(runs)) for name in blending.averaged}
    return frame.with_columns(score=pl.Series(scores), **means)


def earn_queries(queries: pl.DataFrame, candidates: pl.DataFrame, blending: Blending) -> pl.DataFrame:
    """The queries with what their lists earn by the score of the candidates, in the mean; 0 without candidates."""
    sizes = count_sizes(candidates, blending.lists)
    names = candidates[blending.query].gather(find_starts(sizes))
    earned = pl.DataFrame({"query": names, "score": blending.earn(candidates, sizes)})
    means = earned.group_by("query").agg(pl.col("score").mean())
    joined = queries.drop("score").join(means, on="query", how="left", maintain_order="left")
    return joined.with_columns(pl.col("score").fill_null(0.0))
