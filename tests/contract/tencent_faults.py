"""Edits of the planted Tencent files that must stop a run."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from competitions.tencent.io import schema
from tests.contract.contract import BadInput
from tests.contract.tencent_planted import read_sequences, write_sequences
from tests.unit.tencent.tencent_files import write_pickle

TRAIN = f"{schema.TRAIN}/{schema.SEQUENCES}"
TEST = f"{schema.EVAL}/{schema.PREDICT_SEQUENCES}"
INDEXER = f"{schema.TRAIN}/{schema.INDEXER}"

Edit = Callable[[Path], None]
Sequence = list[list[Any]]  # the rows of a user


def on_folder(function: Callable[..., None]) -> Callable[..., Edit]:
    """``function(folder, ...)`` as a maker of edits: called with what follows, it gives one that takes the folder."""
    return lambda *values, **named: lambda folder: function(folder, *values, **named)


class Runs:
    """Something that a pickle must not make: reading it would run a command."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("false",)


def unlink(name: str) -> Edit:
    return lambda folder: (folder / name).unlink()


def remove_all(folder: Path) -> None:
    shutil.rmtree(folder / schema.TRAIN)
    shutil.rmtree(folder / schema.EVAL)


@on_folder
def edit_users(folder: Path, name: str, edit: Callable[[list[Sequence]], object]) -> None:
    """An edit in place of the lines of a sequence file, offsets as they then are."""
    lines = read_sequences(folder / name)
    edit(lines)
    write_sequences(folder / name, lines)


def no_clicks(lines: list[Sequence]) -> None:
    for row in (row for line in lines for row in line):
        row[4] = row[4] and 0


def void(_: object) -> None:
    """An edit returns nothing."""


BAD_INPUTS = {
    "neither layout": BadInput(
        remove_all,
        ("seq.jsonl", "competition layout", "release layout", "data/tencent/raw"),
    ),
    "no sequences": BadInput(unlink(TRAIN), ("seq.jsonl", "missing", "data/tencent/raw")),
    "a user twice": BadInput(
        edit_users(TEST, lambda lines: lines.append(lines[2])), ("predict_seq.jsonl", "line 165", "line 3")
    ),
    "a pickle that runs something": BadInput(
        lambda folder: void(write_pickle(folder / INDEXER, Runs())), ("indexer.pkl", "system")
    ),
    "no click": BadInput(edit_users(TRAIN, no_clicks), ("click", "held out")),
}
