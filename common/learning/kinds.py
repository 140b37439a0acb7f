"""The three kinds of task, and what the frames of each must be.

``one``: one right answer a query; ``several``: one or more; ``rows``: a yes or no for every row, each a query of its
own. What depends on the kind asks here, or for ``Competition.kind``.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import polars as pl

from common.arrays import Singles
from common.engine.errors import UserError

Kind = Literal["one", "several", "rows"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def check_kind(name: str) -> Kind:
    """The kind of that name. ``UserError`` where there is none.

    >>> check_kind("rows")
    'rows'
    """
    for kind in KINDS:
        if kind == name:
            return kind
    raise UserError(f"There is no kind of task {name[:80]!r}: choose one (right answer a query), several, or rows.")


def require_columns(frame: pl.DataFrame, names: Sequence[str], where: str) -> pl.DataFrame:
    """The frame, where it has the columns that its reader promises; ``where``: the reader, in words.

    >>> require_columns(pl.DataFrame({"user": [1]}), ["user", "time"], "read_events of io/reader.py")
    Traceback (most recent call last):
    ...
    common.engine.errors.UserError: read_events of io/reader.py returns no column time (it returns user): name it so.
    """
    if missing := [name for name in names if name not in frame.columns]:
        own = ", ".join(frame.columns) or "none"
        raise UserError(f"{where} returns no column {', '.join(missing)} (it returns {own}): name it so.")
    return frame


def check_answers(answers: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """The right answers (query, item), where each stands once and a query of kind ``one`` has one.

    >>> check_answers(pl.DataFrame({"query": [4, 4], "item": [7, 8]}), "one")
    Traceback (most recent call last):
    ...
    common.engine.errors.UserError: split.py gives query 4 two right answers, and the kind of this competition is one: \
keep one of them, or say kind="several" in competition.py.
    """
    require_columns(answers, ["query", "item"], "split.py, in the answers,")
    key = ["query"] if kind == "one" else ["query", "item"]
    twice = answers.filter(pl.struct(key).is_duplicated())
    if twice.height and kind == "one":
        raise UserError(
            f"split.py gives query {twice['query'][0]} two right answers, and the kind of this competition is one: keep"
            ' one of them, or say kind="several" in competition.py.'
        )
    if twice.height:
        raise UserError(f"split.py gives query {twice['query'][0]} the right answer {twice['item'][0]} twice: once.")
    return answers


def check_labels(labels: pl.Series, where: str) -> Singles:
    """The labels of rows (n,), each 0 or 1, with some of either. ``UserError`` names ``where`` the first other stands.

    >>> check_labels(pl.Series("click", [0, 1, 2]), "data.csv")
    Traceback (most recent call last):
    ...
    common.engine.errors.UserError: data.csv: row 3 has 2 in click; the label of a row is 0 or 1.
    """
    numbers = labels.cast(pl.Float32, strict=False)
    wrong = (~numbers.is_in([0.0, 1.0])).fill_null(value=True).arg_true()
    if len(wrong):
        value = labels[int(wrong[0])]
        raise UserError(f"{where}: row {wrong[0] + 1} has {value} in {labels.name}; the label of a row is 0 or 1.")
    if labels.n_unique() < 2:
        raise UserError(f"{where}: {labels.name} is the same in every row; both 0 and 1 are needed.")
    return np.asarray(numbers.to_numpy())
