"""The words for nothing that ``pandas.read_csv`` takes for a null; the host's readers are written in pandas."""

import polars as pl

NULLS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
LONGEST = max(map(len, NULLS))
WHAT, DONE = "cell with NULL, nan or another missing value of pandas", "read as blank"


def blank_nulls(text: pl.Series) -> tuple[pl.Series, int]:
    """The texts as they stand, null where they are blank or such a word; and how many said such a word."""
    if (text.str.len_bytes() > LONGEST).all():  # ids are long, and the logs are full of them
        return text, 0
    bare = text.str.strip_chars()
    nothing = bare.is_in(NULLS)
    return text.set(nothing, None), int((nothing & (bare != "")).sum())
