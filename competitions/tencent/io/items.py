"""Read the items' features and lay out the catalogue: known items by re-id, unseen ones behind them by original id."""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from common.engine.errors import UserError
from competitions.tencent.corpus import Bools, Catalogue, Int32s, Int64s, Note
from competitions.tencent.io.candidates import CandidateTable
from competitions.tencent.io.feature_encoding import ItemFeatures, encode_items
from competitions.tencent.io.indexer import Indexer
from competitions.tencent.io.jsonl import UNREADABLE, map_parallel
from competitions.tencent.io.raw_sequences import UnseenItems, list_notes, note_repeats
from competitions.tencent.io.schema import ITEM_FEATURES

ENTRIES: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(dict[str, ItemFeatures])
RAW_ENTRIES: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(dict[str, msgspec.Raw])
PIECE_BYTES = 1 << 24
BORDER = b"},"
MOST_DIGITS = 18


def read_item_table(path: Path, indexer: Indexer) -> tuple[Int32s, tuple[Note, ...]]:
    """Read item_feat_dict.json, ``{"re-id": {"feature": value}}``, as codes [known + 1, 13]; row 0 is padding."""
    table = np.zeros((indexer.known + 1, len(ITEM_FEATURES)), np.int32)
    filled = np.zeros(indexer.known + 1, np.bool_)
    parse = partial(_parse_range, path=path, sizes=indexer.item_sizes)
    rows = 0
    for part in map_parallel(parse, _ranges(path), path.stat().st_size):
        is_whole = part is None  # a border inside of a text, or a fault: the whole file tells which
        rids, codes = part or _parse_whole(path, indexer.item_sizes)
        _refuse_unknown(path, rids, indexer.known)
        table[rids], filled[rids] = codes, True
        rows = len(rids) if is_whole else rows + len(rids)
        if is_whole:
            break
    return table, note_items(path.name, filled, rows)


def note_items(file: str, filled: Bools, rows: int) -> tuple[Note, ...]:
    """Notes of the items that the table lacks and of those it has again; ``filled`` [known + 1] with padding."""
    missing = {"item without features": np.flatnonzero(~filled[1:]) + 1}
    return (*list_notes(file, "item", missing), *note_repeats(file, "an item that", rows, filled))


def _refuse_unknown(path: Path, rids: Int64s, known: int) -> None:
    wrong = (rids < 1) | (rids > known)
    if wrong.any():
        raise UserError(
            f"{path}: item {rids[np.argmax(wrong)]} is not one of the indexer's 1..{known}; take both files from one "
            f"download"
        )


def _ranges(path: Path) -> Sequence[tuple[int, int]]:
    """Where the file may be cut: behind the comma between two items."""
    borders, size = [0], path.stat().st_size
    with path.open("rb") as file:
        while (at := borders[-1] + PIECE_BYTES) < size:
            file.seek(at)
            border = file.read(PIECE_BYTES).find(BORDER)
            if border < 0:
                break
            borders.append(at + border + len(BORDER))
    return list(zip(borders, [*borders[1:], size], strict=True))


def _parse_range(span: tuple[int, int], path: Path, sizes: tuple[int, ...]) -> tuple[Int64s, Int32s] | None:
    begin, end = span
    with path.open("rb") as file:
        file.seek(begin)
        text = file.read(end - begin)
        last = not file.read(1)
    text = text if begin == 0 else b"{" + text
    text = text if last else text.removesuffix(b",") + b"}"
    try:
        entries = ENTRIES.decode(text)
    except UNREADABLE:
        return None
    if not _are_numbers(entries):
        return None
    return np.fromiter(map(int, entries), np.int64, len(entries)), encode_items(list(entries.values()), sizes)


def _are_numbers(keys: Collection[str]) -> bool:
    """Whether all are plain digits of a 64-bit number; ``int`` takes signs, blanks and underscores as well."""
    digits = "".join(keys)
    widths = set(map(len, keys))
    return not keys or (digits.isascii() and digits.isdigit() and min(widths) > 0 and max(widths) <= MOST_DIGITS)


def _parse_whole(path: Path, sizes: tuple[int, ...]) -> tuple[Int64s, Int32s]:
    """The file at once; ``UserError`` with the first item that is wrong."""
    try:
        entries = RAW_ENTRIES.decode(path.read_bytes())
    except UNREADABLE as error:
        raise UserError(f"{path} is not a JSON object of items: {error}; download it again") from error
    features = []
    for key, raw in entries.items():
        if not _are_numbers([key]):
            raise UserError(f"{path}: the key {key[:40]!r} is not an item's re-id; download it again")
        try:
            features.append(msgspec.json.decode(raw, type=ItemFeatures))
        except UNREADABLE as error:
            raise UserError(f"{path}, item {key}: {error}; correct the item or download the file again") from error
    return np.fromiter(map(int, entries), np.int64, len(entries)), encode_items(features, sizes)


def build_catalogue(table: Int32s, indexer: Indexer, candidates: CandidateTable, test: UnseenItems) -> Catalogue:
    """Known items in the order of their re-ids, unseen ones of the candidates and of test users in that of their OID.

    An unseen item's features are the candidate file's, else those of its first event.
    """
    unseen = candidates.rids == 0
    others = indexer.items_of(test.oid) == 0
    oid, first = np.unique(np.concatenate([candidates.oid[unseen], test.oid[others]]), return_index=True)
    features = np.concatenate([candidates.features[unseen], test.features[others]])[first]
    return Catalogue(
        np.concatenate([indexer.oid, oid]),
        np.concatenate([table, features]),
        indexer.known,
        indexer.item_sizes,
    )
