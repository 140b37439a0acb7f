"""Read the items' features and lay out the catalogue: known items by re-id, unseen ones behind them by original id."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from common.engine.errors import UserError
from competitions.tencent.corpus import Bools, Catalogue, Int32s, Note
from competitions.tencent.io.candidates import CandidateTable
from competitions.tencent.io.feature_encoding import ItemFeatures, encode_items
from competitions.tencent.io.indexer import Indexer, parse_id
from competitions.tencent.io.jsonl import UNREADABLE
from competitions.tencent.io.raw_sequences import UnseenItems, list_notes, note_repeats
from competitions.tencent.io.schema import ITEM_FEATURES

ENTRIES: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(dict[str, msgspec.Raw])
ENTRY: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(ItemFeatures)
BLOCK = 1 << 16  # items whose features are held as objects


def read_item_table(path: Path, indexer: Indexer) -> tuple[Int32s, tuple[Note, ...]]:
    """Read item_feat_dict.json, ``{"re-id": {"feature": value}}``, as codes [known + 1, 13]; row 0 is padding."""
    table = np.zeros((indexer.known + 1, len(ITEM_FEATURES)), np.int32)
    filled = np.zeros(indexer.known + 1, np.bool_)
    try:
        entries = ENTRIES.decode(path.read_bytes())
    except UNREADABLE as error:
        raise UserError(f"{path} is not a JSON object of items: {error}; download it again") from error
    keys = list(entries)
    for start in range(0, len(keys), BLOCK):
        block = keys[start : start + BLOCK]
        rids = np.array([_rid(path, key, indexer.known) for key in block])
        table[rids] = encode_items([_decode(path, key, entries[key]) for key in block], indexer.item_sizes)
        filled[rids] = True
    return table, note_items(path.name, filled, len(entries))


def _rid(path: Path, key: str, known: int) -> int:
    rid = parse_id(key)
    if not 0 < rid <= known:
        shown = f"item {rid}" if rid or key == "0" else f"the key {key[:40]!r}"
        raise UserError(f"{path}: {shown} is not one of the indexer's 1..{known}; take both files from one download")
    return rid


def _decode(path: Path, key: str, features: msgspec.Raw) -> Any:
    try:
        return ENTRY.decode(features)
    except UNREADABLE as error:
        raise UserError(f"{path}, item {key}: {error}; correct the item or download the file again") from error


def note_items(file: str, filled: Bools, rows: int) -> tuple[Note, ...]:
    """Notes of the items that the table lacks and of those it has again; ``filled`` [known + 1] with padding."""
    missing = {"item without features": np.flatnonzero(~filled[1:]) + 1}
    return (*list_notes(file, "item", missing), *note_repeats(file, "an item that", rows, filled))


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
