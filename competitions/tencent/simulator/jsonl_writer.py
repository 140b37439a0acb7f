"""Write the competition layout: JSON lines and pickles in train/ and eval/.

Lines of train/ stand by re-id, those of eval/ in another order; the profile row stands last, or anywhere in the line,
and bears the time of the last event. Embeddings of known items stand in train/, those of unseen candidates in eval/.
"""

import pickle
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from competitions.tencent.io import schema
from competitions.tencent.io.schema import CREATIVE, ITEM_FEATURES, NULL_ACTION, USER_LISTS
from competitions.tencent.simulator.ad_features import EMBEDDING
from competitions.tencent.simulator.id_assignment import Numbers
from competitions.tencent.simulator.topics import Ints
from competitions.tencent.simulator.user_features import Profile
from competitions.tencent.simulator.writer import Embedded, Lot

ASTRAY = 0.3  # of the profile rows stand anywhere


def write_competition(
    folder: Path, numbers: Numbers, lots: Callable[[], Iterable[Lot]], embedded: Iterable[Embedded], seed: int
) -> None:
    """Write the competition layout, but for the indexers."""
    train, asked = folder / schema.TRAIN, folder / schema.EVAL
    for place in (train, asked):
        (place / schema.EMBEDDINGS).mkdir(parents=True)
    features = describe_items(numbers)
    _write_lines(
        train / schema.SEQUENCES, train / schema.OFFSETS, (render_lot(lot, numbers, features, seed) for lot in lots())
    )
    shuffled = (_shuffle(lot, render_lot(lot, numbers, features, seed), seed) for lot in reversed(list(lots())))
    _write_lines(asked / schema.PREDICT_SEQUENCES, asked / schema.PREDICT_OFFSETS, shuffled)
    known = features.head(numbers.known)
    rid = pl.Series(np.arange(1, numbers.known + 1))
    entries = pl.select(pl.format('"{}":{}', rid, known)).to_series()
    (train / schema.ITEM_TABLE).write_text("{" + ",".join(entries) + "}", encoding="utf-8")
    shutil.copy(train / schema.ITEM_TABLE, asked / schema.ITEM_TABLE)
    _write_candidates(asked / schema.CANDIDATES, numbers, features)
    _write_embeddings(train, asked, numbers, embedded)


def describe_items(numbers: Numbers) -> pl.Series:
    """The features of every numbered ad as a JSON object; values without a code are texts."""
    number = pl.Series(np.arange(1, len(numbers.ads) + 1))
    own = pl.Series(numbers.oid).cast(pl.String)
    known = number <= numbers.known
    parts = [
        pl.select(
            pl.format(
                '"{}":{}', pl.lit(CREATIVE), pl.when(known).then(number.cast(pl.String)).otherwise('"' + own + '"')
            )
        ).to_series()
    ]
    for at, name in enumerate(ITEM_FEATURES):
        code = pl.Series(numbers.code[:, at])
        cold = '"' + pl.Series(numbers.original[:, at]).cast(pl.String) + '"'
        value = pl.when(code < 0).then(cold).otherwise(code.cast(pl.String))
        parts.append(pl.select(pl.when(code != 0).then(pl.format('"{}":{}', pl.lit(name), value))).to_series())
    joined = pl.concat_str([part.alias(str(at)) for at, part in enumerate(parts)], separator=",", ignore_nulls=True)
    return pl.select(pl.concat_str(pl.lit("{"), joined, pl.lit("}"))).to_series()


def render_lot(lot: Lot, numbers: Numbers, features: pl.Series, seed: int) -> pl.Series:
    """A line for each user of the lot."""
    people, recorded = lot.people, lot.people.recorded
    user = lot.start + 1 + np.arange(len(people))
    place = numbers.place[lot.past[recorded]]
    action = people.action[recorded]
    events = pl.DataFrame(
        {
            "user": np.repeat(user, people.length),
            "item": place + 1,
            "features": features.gather(place),
            "action": pl.Series(action).cast(pl.String).set(pl.Series(action == NULL_ACTION), "null"),
            "time": people.time[recorded],
        }
    ).select(pl.format("[{},{},null,{},{},{}]", "user", "item", "features", "action", "time"))
    profiles = pl.DataFrame({"user": user, "features": render_profiles(lot.profile), "time": people.time[:, -1]})
    rows = pl.concat(
        [
            events.to_series(),
            profiles.select(pl.format("[{},null,{},null,null,{}]", "user", "features", "time")).to_series(),
        ]
    )
    order = _weave(people.length, np.random.default_rng([66, seed, lot.start]))
    frame = pl.DataFrame({"user": np.repeat(user, people.length + 1), "row": rows.gather(order)})
    joined = frame.group_by("user", maintain_order=True).agg(pl.col("row").str.join(","))
    return joined.select(pl.concat_str(pl.lit("["), "row", pl.lit("]"))).to_series()


def render_profiles(profile: dict[str, Profile]) -> pl.Series:
    """The features of users as JSON objects."""
    parts = []
    for name, feature in profile.items():
        texts = [pl.Series(column).cast(pl.String).set(pl.Series(column == 0), None) for column in feature.value.T]
        value = pl.concat_str([text.alias(str(at)) for at, text in enumerate(texts)], separator=",", ignore_nulls=True)
        if name in USER_LISTS:
            value = pl.concat_str(pl.lit("["), value, pl.lit("]"))
        there = pl.Series(feature.length > 0)
        parts.append(pl.select(pl.when(there).then(pl.concat_str(pl.lit(f'"{name}":'), value)).alias(name)).to_series())
    joined = pl.concat_str(parts, separator=",", ignore_nulls=True)
    return pl.select(pl.concat_str(pl.lit("{"), joined, pl.lit("}"))).to_series()


def _weave(length: Ints, rng: np.random.Generator) -> Ints:
    """The order that puts each user's profile row, which stand behind all events, among its events."""
    users, events = len(length), int(length.sum())
    at = np.where(rng.random(users) < ASTRAY, np.floor(rng.random(users) * (length + 1)).astype(np.int64), length)
    profile = np.zeros(events + users, bool)
    profile[np.cumsum(length + 1) - (length + 1) + at] = True
    order = np.empty(events + users, np.int64)
    order[profile], order[~profile] = events + np.arange(users), np.arange(events)
    return order


def _shuffle(lot: Lot, lines: pl.Series, seed: int) -> pl.Series:
    return lines.gather(np.random.default_rng([67, seed, lot.start]).permutation(len(lines)))


def _write_lines(path: Path, offsets: Path, lots: Iterable[pl.Series]) -> None:
    """Write lines and the byte offset of each."""
    starts: list[int] = []
    end = 0
    with path.open("wb") as file:
        for lines in lots:
            ends = end + np.cumsum(lines.str.len_bytes().to_numpy().astype(np.int64) + 1)
            starts += [end, *ends[:-1].tolist()]
            end = int(ends[-1])
            file.write(("\n".join(lines) + "\n").encode())
    _dump(offsets, starts)


def _write_candidates(path: Path, numbers: Numbers, features: pl.Series) -> None:
    at = numbers.candidates
    frame = pl.DataFrame({"oid": numbers.oid[at], "number": np.arange(len(at)), "features": features.gather(at)})
    head, middle, tail = '{"creative_id":', ',"retrieval_id":', ',"features":'
    parts = (pl.lit(head), "oid", pl.lit(middle), "number", pl.lit(tail), "features", pl.lit("}"))
    path.write_text("\n".join(frame.select(pl.concat_str(*parts)).to_series()) + "\n", encoding="utf-8")


def _write_embeddings(train: Path, asked: Path, numbers: Numbers, embedded: Iterable[Embedded]) -> None:
    known: dict[str, Any] = {}
    unseen: dict[str, Any] = {}
    for block in embedded:
        stands = ~block.lacks | block.null
        names = numbers.oid[block.places[stands]].astype(str).tolist()
        places, nulls = block.places[stands].tolist(), block.null[stands].tolist()
        for name, place, vector, null in zip(names, places, block.vectors[stands], nulls, strict=True):
            (known if place < numbers.known else unseen)[name] = None if null else vector.copy()
    for folder, vectors in ((train, known), (asked, unseen)):
        _dump(folder / schema.EMBEDDINGS / f"{EMBEDDING}.pkl", vectors)


def _dump(path: Path, value: object) -> None:
    with path.open("wb") as file:
        pickle.dump(value, file, protocol=4)
