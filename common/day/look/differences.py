"""What a look has to say in sentences: where the two sides of the raw files differ, the largest difference first."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from common.day.look.distributions import TIMELINE, Histogram, Picture, Shares
from common.day.report import formatting as numbers

DIFFERS = 0.1  # distance of two distributions, from which on it is worth a sentence
CRITICAL = 1.36  # of Kolmogorov and Smirnov: two samples of one distribution keep below it in 95 of 100 draws
ALIKE = 1.5  # times that, since the events of a user are alike
MOST_SENTENCES = 8
MOST_COLUMNS = 6
DISJOINT = 0.97  # the distance of two distributions that have hardly a value in common


class Sentence(NamedTuple):
    """A sentence: the title of the picture that it is about, the part of the page with it, what it says of it."""

    title: str
    part: str
    text: str


def list_sentences(groups: Mapping[str, Sequence[Picture | None]]) -> list[Sentence]:
    """Of the pictures whose first two sides differ, the most at first; ``groups`` by the part of the page."""
    differences = []
    for part, pictures in groups.items():
        for picture in pictures:
            if picture is not None and (distance := measure_distance(picture)):
                text = describe_label(picture) if isinstance(picture, Shares) else describe_medians(picture)
                differences.append((distance, Sentence(picture.title, part, text)))
    ranked = sorted(differences, key=lambda one: -one[0])
    return [sentence for _, sentence in ranked[:MOST_SENTENCES]]


def list_drifting(title: str, rows: Sequence[Mapping[str, Any]], part: str) -> list[Sentence]:
    """The columns of a table that drift most, in one sentence; none where none does."""
    drifting = sorted((row for row in rows if row.get("drift")), key=lambda row: -float(row["drift"]))
    if not drifting:
        return []
    named = ", ".join(f"{row['column']} ({describe_drift(row['drift'])})" for row in drifting[:MOST_COLUMNS])
    more = f" and {len(drifting) - MOST_COLUMNS} more" if len(drifting) > MOST_COLUMNS else ""
    return [Sentence(f"Columns of {title}", part, f"{len(drifting)} of {len(rows)} columns drift: {named}{more}.")]


def describe_drift(drift: float) -> str:
    """The flag of a column."""
    return "no overlap" if drift > DISJOINT else numbers.score(drift, 2)


def measure_distance(picture: Histogram | Shares) -> float:
    """How far the first two sides differ, 0 to 1; 0 where that is little, or chance on so few values.

    Between histograms it is the largest difference of their cumulated shares (Kolmogorov, Smirnov); between labels,
    which have no order, half the sum of all differences (total variation).
    """
    if len(picture.shares) < 2:
        return 0.0
    (one, one_size), (other, other_size) = [
        (picture.shares[side], picture.sizes[side]) for side in list(picture.shares)[:2]
    ]
    gap = np.asarray(other) - np.asarray(one)
    distance = np.abs(gap.cumsum()).max() if isinstance(picture, Histogram) else np.abs(gap).sum() / 2
    chance = CRITICAL * math.sqrt(1 / one_size + 1 / other_size)
    return min(float(distance), 1.0) if distance >= max(DIFFERS, ALIKE * chance) else 0.0


def describe_medians(picture: Histogram) -> str:
    """The medians of both sides, and of times which is earlier."""
    (one, before), (other, after) = list(picture.medians.items())[:2]
    if picture.unit.startswith(TIMELINE):
        order = "earlier" if after < before else "later"
        return f"{other} is {order} than {one}: median day {after:.1f} against {before:.1f}."
    if math.isclose(before, after, rel_tol=0.02):
        return f"{one} and {other} have the same median, {numbers.significant(after)}, but different shapes."
    return f"median {numbers.significant(after)} in {other}, {numbers.significant(before)} in {one}."


def describe_label(picture: Shares) -> str:
    """The label whose share differs most."""
    (one, before), (other, after) = list(picture.shares.items())[:2]
    at = int(np.abs(np.asarray(after) - np.asarray(before)).argmax())
    return f"{picture.labels[at]} is {numbers.share(before[at])} of {one}, {numbers.share(after[at])} of {other}."
