"""Write the competition layout: JSON lines and pickles in train/ and eval/.

Lines of train/ stand by re-id, those of eval/ in another order; the profile row stands last, or anywhere in the line,
and bears the time of the last event. Embeddings of known items stand in train/, those of unseen ones in eval/.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from competitions.tencent.io import schema
from competitions.tencent.io.schema import CREATIVE, ITEM_FEATURES, NULL_ACTION, USER_LISTS
from competitions.tencent.simulator.ad_features import EMBEDDING, EmbeddingBlock
from competitions.tencent.simulator.click_model import UserBatch
from competitions.tencent.simulator.id_assignment import Numbers
from competitions.tencent.simulator.users import Profile, draw_profiles
from competitions.tencent.simulator.writer import ROWS, draw_user_values, dump, write_indexer

MISPLACED = 0.3  # of the profile rows stand anywhere
Encoded = msgspec.Raw  # JSON that becomes part of other JSON as it is


def write_competition(
    folder: Path,
    numbers: Numbers,
    names: list[str],
    batches: Sequence[UserBatch],
    blocks: Iterable[EmbeddingBlock],
    seed: int,
) -> None:
    """Write the competition layout."""
    train, test = folder / schema.TRAIN, folder / schema.EVAL
    for side in (train, test):
        (side / schema.EMBEDDINGS).mkdir(parents=True)
        write_indexer(side / schema.INDEXER, numbers, names, draw_user_values(seed))
    items = list(encode_items(numbers))
    in_log = (encode_batch(batch, numbers, items, seed) for batch in batches)
    _write_lines(train / schema.SEQUENCES, train / schema.OFFSETS, in_log)
    shuffled = (_shuffle(encode_batch(batch, numbers, items, seed), batch, seed) for batch in reversed(batches))
    _write_lines(test / schema.PREDICT_SEQUENCES, test / schema.PREDICT_OFFSETS, shuffled)
    table = {str(number): item for number, item in enumerate(items[: numbers.known], 1)}
    (train / schema.ITEM_TABLE).write_bytes(msgspec.json.encode(table))
    shutil.copy(train / schema.ITEM_TABLE, test / schema.ITEM_TABLE)
    at = numbers.candidates.tolist()
    candidates = [
        {"creative_id": oid, "retrieval_id": number, "features": items[row]}
        for number, (row, oid) in enumerate(zip(at, numbers.oid[at].tolist(), strict=True))
    ]
    (test / schema.CANDIDATES).write_bytes(msgspec.json.Encoder().encode_lines(candidates))
    _write_embeddings(train, test, numbers, blocks)


def encode_items(numbers: Numbers) -> Iterator[Encoded]:
    """The features of every numbered ad as a JSON object; values without a code are texts."""
    fields = (CREATIVE, *ITEM_FEATURES)
    for start in range(0, len(numbers.ads), ROWS):
        part = slice(start, start + ROWS)
        number = 1 + start + np.arange(len(numbers.ads[part]))
        own = np.where(number <= numbers.known, number, -1)  # as a creative an unseen ad is cold
        codes = np.column_stack([own, numbers.code[part]]).tolist()
        originals = np.column_stack([numbers.oid[part], numbers.original[part]]).tolist()
        for row in zip(codes, originals, strict=True):
            values = {name: name_value(*value) for name, *value in zip(fields, *row, strict=True) if value[0]}
            yield Encoded(msgspec.json.encode(values))


def name_value(code: int, original: int) -> int | str:
    """How a value stands in JSON: by its code, or where it is cold, that is negative, as a text."""
    return code if code > 0 else str(original)


def encode_batch(batch: UserBatch, numbers: Numbers, items: list[Encoded], seed: int) -> list[bytes]:
    """A line for each user of the batch."""
    users, recorded, time = batch.users, batch.users.recorded, batch.timeline.time
    row = numbers.row[batch.past[recorded]]
    user = np.repeat(batch.start + 1 + np.arange(len(users)), users.length).tolist()
    features = [items[at] for at in row.tolist()]
    action = [None if one == NULL_ACTION else one for one in users.action[recorded].tolist()]
    events = zip(user, (row + 1).tolist(), repeat(None), features, action, time[recorded].tolist())
    profiles = list_values(draw_profiles(users, seed, batch.start))
    rng = np.random.default_rng([66, seed, batch.start])
    moved = rng.random(len(users)) < MISPLACED
    place = np.where(moved, np.floor(rng.random(len(users)) * (users.length + 1)).astype(np.int64), users.length)
    columns = place.tolist(), users.length.tolist(), profiles, time[:, -1].tolist()
    lines = []
    for number, (at, length, values, last) in enumerate(zip(*columns, strict=True), batch.start + 1):
        line: list[tuple[Any, ...]] = list(islice(events, length))
        line.insert(at, (number, None, values, None, None, last))
        lines.append(msgspec.json.encode(line))
    return lines


def list_values(profile: dict[str, Profile]) -> list[dict[str, Any]]:
    """The features of each user by name, a list where the feature is one; left out where it has no value."""
    users: list[dict[str, Any]] = [{} for _ in next(iter(profile.values())).length]
    for name, feature in profile.items():
        for user, values, length in zip(users, feature.value.tolist(), feature.length.tolist(), strict=True):
            if length:
                user[name] = values[:length] if name in USER_LISTS else values[0]
    return users


def _shuffle(lines: list[bytes], batch: UserBatch, seed: int) -> list[bytes]:
    return [lines[at] for at in np.random.default_rng([67, seed, batch.start]).permutation(len(lines)).tolist()]


def _write_lines(path: Path, offsets: Path, batches: Iterable[list[bytes]]) -> None:
    """Write lines and the byte offset of each."""
    starts: list[int] = []
    with path.open("wb") as file:
        for line in chain.from_iterable(batches):
            starts.append(file.tell())
            file.write(line + b"\n")
    dump(offsets, starts)


def _write_embeddings(train: Path, test: Path, numbers: Numbers, blocks: Iterable[EmbeddingBlock]) -> None:
    vectors: dict[Path, dict[str, Any]] = {train: {}, test: {}}
    for block in blocks:
        names, rows = numbers.oid[block.rows].astype(str).tolist(), block.rows.tolist()
        for name, row, vector, null in zip(names, rows, block.vectors, block.null.tolist(), strict=True):
            vectors[train if row < numbers.known else test][name] = None if null else vector.copy()
    for folder, named in vectors.items():
        dump(folder / schema.EMBEDDINGS / f"{EMBEDDING}.pkl", named)
