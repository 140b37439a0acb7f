"""Write the competition layout: JSON lines and pickles in train/ and eval/.

Lines of train/ stand by re-id, those of eval/ in another order; the profile row stands last, or anywhere in the line,
and bears the time of the last event. Embeddings of known items stand in train/, those of unseen ones in eval/. Users
whom the log lacks (``id_assignment``) have a line in eval/ alone.
"""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common.arrays import Ints
from competitions.tencent.io import schema
from competitions.tencent.io.schema import CREATIVE, ITEM_FEATURES, NULL_ACTION, USER_LISTS
from competitions.tencent.simulator.ad_features import EMBEDDING
from competitions.tencent.simulator.click_model import UserBatch
from competitions.tencent.simulator.id_assignment import Numbers, UserNames
from competitions.tencent.simulator.topics import Codes
from competitions.tencent.simulator.user_features import COLD_VALUE, Profile, draw_profiles, hide_values
from competitions.tencent.simulator.writer import EmbeddingBlock, dump

MISPLACED = 0.3  # of the profile rows stand anywhere


def write_competition(
    folder: Path,
    numbers: Numbers,
    names: UserNames,
    batches: Sequence[UserBatch],
    blocks: Iterable[EmbeddingBlock],
    seed: int,
) -> None:
    """Write the competition layout, but for the indexers."""
    train, test = folder / schema.TRAIN, folder / schema.EVAL
    for side in (train, test):
        (side / schema.EMBEDDINGS).mkdir(parents=True)
    features = render_items(numbers)
    in_log = (
        render_batch(batch, numbers, names, features, seed).head(names.known - batch.start)
        for batch in batches
        if batch.start < names.known
    )
    _write_lines(train / schema.SEQUENCES, train / schema.OFFSETS, in_log)
    shuffled = (
        _shuffle(batch, render_batch(batch, numbers, names, features, seed), seed) for batch in reversed(batches)
    )
    _write_lines(test / schema.PREDICT_SEQUENCES, test / schema.PREDICT_OFFSETS, shuffled)
    rid = pl.Series(np.arange(1, numbers.known + 1))
    entries = pl.select(pl.format('"{}":{}', rid, features.head(numbers.known))).to_series()
    (train / schema.ITEM_TABLE).write_text("{" + ",".join(entries) + "}", encoding="utf-8")
    shutil.copy(train / schema.ITEM_TABLE, test / schema.ITEM_TABLE)
    _write_candidates(test / schema.CANDIDATES, numbers, features)
    _write_embeddings(train, test, numbers, blocks)


def render_items(numbers: Numbers) -> pl.Series:
    """The features of every numbered ad as a JSON object; values without a code are texts."""
    number = np.arange(1, len(numbers.ads) + 1)
    own = np.where(number <= numbers.known, number, -1)  # as a creative an unseen ad is cold
    values = {CREATIVE: render_codes(own, numbers.oid)}
    for at, name in enumerate(ITEM_FEATURES):
        values[name] = render_codes(numbers.code[:, at], numbers.original[:, at])
    return join_objects(values)


def render_batch(batch: UserBatch, numbers: Numbers, names: UserNames, features: pl.Series, seed: int) -> pl.Series:
    """A line for each user of the batch, as the predict file has it: those of users in the log are the log's."""
    users, recorded = batch.users, batch.users.recorded
    number = batch.start + np.arange(len(users))
    user = pl.Series(names.labels(number))
    profile = draw_profiles(users, seed, batch.start)
    profile = hide_values(profile, np.flatnonzero(number >= names.known), seed, batch.start)
    row = numbers.row[batch.past[recorded]]
    action = users.action[recorded]
    events = pl.DataFrame(
        {
            "user": user.gather(np.repeat(np.arange(len(users)), users.length)),
            "item": np.where(row < numbers.known, row + 1, numbers.oid[row]),
            "features": features.gather(row),
            "action": pl.Series(action).cast(pl.String).set(pl.Series(action == NULL_ACTION), "null"),
            "time": users.time[recorded],
        }
    ).select(pl.format("[{},{},null,{},{},{}]", "user", "item", "features", "action", "time"))
    last = users.time[:, -1]
    profiles = pl.select(pl.format("[{},null,{},null,null,{}]", user, render_profiles(profile), pl.Series(last)))
    rows = pl.concat([events.to_series(), profiles.to_series()])
    order = _weave(users.length, np.random.default_rng([66, seed, batch.start]))
    frame = pl.DataFrame({"user": np.repeat(np.arange(len(users)), users.length + 1), "row": rows.gather(order)})
    joined = frame.group_by("user", maintain_order=True).agg(pl.col("row").str.join(","))
    return joined.select(pl.concat_str(pl.lit("["), "row", pl.lit("]"))).to_series()


def render_profiles(profile: dict[str, Profile]) -> pl.Series:
    """The features of users as JSON objects."""
    values = {}
    for name, feature in profile.items():
        texts = [render_codes(column, COLD_VALUE - column.astype(np.int64)) for column in feature.value.T]
        value = pl.concat_str([text.alias(str(at)) for at, text in enumerate(texts)], separator=",", ignore_nulls=True)
        filled = pl.Series(feature.length > 0)
        brackets = "[]" if name in USER_LISTS else ("", "")
        values[name] = pl.select(
            pl.when(filled).then(pl.format("{}{}{}", pl.lit(brackets[0]), value, pl.lit(brackets[1])))
        ).to_series()
    return join_objects(values)


def render_codes(codes: Codes, original: Ints) -> pl.Series:
    """Codes as JSON: null where there is none, the original value as a text where one is cold, that is negative.

    >>> render_codes(np.array([3, 0, -1]), np.array([70, 71, 72])).to_list()
    ['3', None, '"72"']
    """
    cold, filled = pl.Series(codes < 0), pl.Series(codes != 0)
    texts = pl.format('"{}"', pl.Series(original)), pl.Series(codes).cast(pl.String)
    return pl.select(pl.when(cold).then(texts[0]).when(filled).then(texts[1])).to_series()


def join_objects(values: dict[str, pl.Series]) -> pl.Series:
    """JSON objects from the JSON of their values by key; a key is left out where its value is null."""
    pairs = [pl.format('"{}":{}', pl.lit(name), value).alias(name) for name, value in values.items()]
    return pl.select(
        pl.concat_str(pl.lit("{"), pl.concat_str(pairs, separator=",", ignore_nulls=True), pl.lit("}"))
    ).to_series()


def _weave(length: Ints, rng: np.random.Generator) -> Ints:
    """The order that puts each user's profile row, which stand behind all events, among its events."""
    users, events = len(length), int(length.sum())
    at = np.where(rng.random(users) < MISPLACED, np.floor(rng.random(users) * (length + 1)).astype(np.int64), length)
    # A user's rows begin behind those of the users before, which have one row more than events.
    profile = np.zeros(events + users, bool)
    profile[np.cumsum(length + 1) - (length + 1) + at] = True
    order = np.empty(events + users, np.int64)
    order[profile], order[~profile] = events + np.arange(users), np.arange(events)
    return order


def _shuffle(batch: UserBatch, lines: pl.Series, seed: int) -> pl.Series:
    return lines.gather(np.random.default_rng([67, seed, batch.start]).permutation(len(lines)))


def _write_lines(path: Path, offsets: Path, batches: Iterable[pl.Series]) -> None:
    """Write lines and the byte offset of each."""
    starts: list[int] = []
    end = 0
    with path.open("wb") as file:
        for lines in batches:
            ends = end + np.cumsum(lines.str.len_bytes().to_numpy().astype(np.int64) + 1)
            starts += [end, *ends[:-1].tolist()]
            end = int(ends[-1])
            file.write(("\n".join(lines) + "\n").encode())
    dump(offsets, starts)


def _write_candidates(path: Path, numbers: Numbers, features: pl.Series) -> None:
    at = numbers.candidates
    frame = pl.DataFrame({"oid": numbers.oid[at], "number": np.arange(len(at)), "features": features.gather(at)})
    head, middle, tail = '{"creative_id":', ',"retrieval_id":', ',"features":'
    parts = (pl.lit(head), "oid", pl.lit(middle), "number", pl.lit(tail), "features", pl.lit("}"))
    path.write_text("\n".join(frame.select(pl.concat_str(*parts)).to_series()) + "\n", encoding="utf-8")


def _write_embeddings(train: Path, test: Path, numbers: Numbers, blocks: Iterable[EmbeddingBlock]) -> None:
    vectors: dict[Path, dict[str, Any]] = {train: {}, test: {}}
    for block in blocks:
        names, rows = numbers.oid[block.rows].astype(str).tolist(), block.rows.tolist()
        for name, row, vector, null in zip(names, rows, block.vectors, block.null.tolist(), strict=True):
            vectors[train if row < numbers.known else test][name] = None if null else vector.copy()
    for folder, named in vectors.items():
        dump(folder / schema.EMBEDDINGS / f"{EMBEDDING}.pkl", named)
