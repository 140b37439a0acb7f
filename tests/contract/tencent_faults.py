"""Edits of the planted Tencent files that must stop a run."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from competitions.tencent.io import schema
from tests.contract.contract import BadInput
from tests.contract.tencent_planted import KNOWN, PERSONS, SILENT, read_sequences, write_sequences
from tests.unit.tencent.tencent_files import EMBEDDING, write_pickle

TRAIN = f"{schema.TRAIN}/{schema.SEQUENCES}"
TEST = f"{schema.EVAL}/{schema.PREDICT_SEQUENCES}"
OFFSETS = f"{schema.TRAIN}/{schema.OFFSETS}"
CANDIDATES = f"{schema.EVAL}/{schema.CANDIDATES}"
INDEXER = f"{schema.TRAIN}/{schema.INDEXER}"
VECTORS = f"{schema.TRAIN}/{schema.EMBEDDINGS}/{EMBEDDING}.pkl"

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


def empty(name: str) -> Edit:
    return lambda folder: os.truncate(folder / name, 0)


@on_folder
def edit_users(folder: Path, name: str, edit: Callable[[list[Sequence]], object]) -> None:
    """An edit in place of the lines of a sequence file, offsets as they then are."""
    lines = read_sequences(folder / name)
    edit(lines)
    write_sequences(folder / name, lines)


def edit_row(name: str, field: int, value: object, line: int = 4) -> Edit:
    """Another value in a field of the first event of a line, which counts from 1."""

    def edit(lines: list[Sequence]) -> None:
        next(row for row in lines[line - 1] if row[1] is not None)[field] = value

    return edit_users(name, edit)


@on_folder
def cut_line(folder: Path, name: str, line: int) -> None:
    """A line that ends too early; as many bytes, so that the offsets still hold."""
    lines = (folder / name).read_bytes().splitlines()
    lines[line - 1] = lines[line - 1][:-20] + b" " * 20
    (folder / name).write_bytes(b"\n".join(lines) + b"\n")


@on_folder
def edit_pickle(folder: Path, name: str, edit: Callable[[Any], object]) -> None:
    value = pickle.loads((folder / name).read_bytes())
    edit(value)
    write_pickle(folder / name, value)


@on_folder
def edit_candidate(folder: Path, line: int, **values: object) -> None:
    lines = (folder / CANDIDATES).read_text().splitlines()
    lines[line - 1] = json.dumps(json.loads(lines[line - 1]) | values)
    (folder / CANDIDATES).write_text("\n".join(lines) + "\n")


def keep_nine(folder: Path) -> None:
    lines = [json.loads(line) | {"retrieval_id": None} for line in (folder / CANDIDATES).read_text().splitlines()]
    (folder / CANDIDATES).write_text("".join(f"{json.dumps(line)}\n" for line in lines[:9]))


def no_clicks(lines: list[Sequence]) -> None:
    for row in (row for line in lines for row in line):
        row[4] = row[4] and 0


def void(_: object) -> None:
    """An edit returns nothing."""


# One of each kind: what the reader refuses beyond these stands in its own tests.
BAD_INPUTS = {
    "neither layout": BadInput(
        remove_all,
        ("seq.jsonl", "competition layout", "release layout", "data/tencent/raw"),
    ),
    "no sequences": BadInput(unlink(TRAIN), ("seq.jsonl", "missing", "data/tencent/raw")),
    "no candidates": BadInput(unlink(CANDIDATES), ("predict_set.jsonl", "missing")),
    "no indexer": BadInput(unlink(INDEXER), ("indexer.pkl", "missing")),
    "an empty file": BadInput(empty(CANDIDATES), ("predict_set.jsonl", "0 bytes")),
    "a truncated line": BadInput(cut_line(TRAIN, 7), ("seq.jsonl", "line 7")),
    "offsets that do not match": BadInput(
        edit_pickle(OFFSETS, lambda offsets: offsets.__setitem__(3, offsets[3] + 1)), ("seq_offsets.pkl", "entry 4")
    ),
    "an item outside the indexer": BadInput(
        edit_row(TRAIN, 1, KNOWN + 1), ("seq.jsonl", "line 4", f"item {KNOWN + 1}")
    ),
    "a user outside the indexer": BadInput(
        edit_users(TRAIN, lambda lines: [row.__setitem__(0, PERSONS + SILENT + 1) for row in lines[4]]),
        ("seq.jsonl", "line 5", f"user {PERSONS + SILENT + 1}"),
    ),
    "a user twice": BadInput(
        edit_users(TEST, lambda lines: lines.append(lines[2])), ("predict_seq.jsonl", "line 165", "line 3")
    ),
    "an event without a time": BadInput(edit_row(TEST, 5, None), ("predict_seq.jsonl", "line 4", "time")),
    "an item as a text": BadInput(edit_row(TRAIN, 1, "17"), ("seq.jsonl", "line 4", "str")),
    "a candidate feature of the wrong kind": BadInput(
        edit_candidate(8, features={"100": 0.5}), ("predict_set.jsonl", "line 8", "100")
    ),
    "a retrieval id twice": BadInput(edit_candidate(6, retrieval_id=0), ("predict_set.jsonl", "retrieval id 0")),
    "nine candidates": BadInput(keep_nine, ("predict_set.jsonl", "9 candidates", "10")),
    "a pickle that runs something": BadInput(
        lambda folder: void(write_pickle(folder / INDEXER, Runs())), ("indexer.pkl", "system")
    ),
    "a vector with NaN": BadInput(
        edit_pickle(VECTORS, lambda vectors: vectors.update({list(vectors)[8]: np.full(32, np.nan, np.float32)})),
        (f"{EMBEDDING}.pkl", "finite"),
    ),
    "nobody asked": BadInput(edit_users(TEST, lambda lines: lines.clear()), ("predict_seq.jsonl", "0 bytes")),
    "no click": BadInput(edit_users(TRAIN, no_clicks), ("click", "held out")),
}
