"""Blocks of lines of a CSV: what is skipped, which line a fault is on, what a header may be."""

from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from common.io import csv_blocks

SCHEMA = {"a": pl.Int64, "b": pl.Int64}


def parse(folder: Path, text: bytes) -> tuple[list[tuple[int, ...]], list[int]]:
    """The rows below the header and the numbers of their lines."""
    path = folder / "x.csv"
    path.write_bytes(b"a,b\n" + text)
    blocks = list(csv_blocks.read_blocks(path))
    frames = [block.parse(SCHEMA) for block in blocks]
    return pl.concat(frames).rows(), [int(line) for block in blocks for line in block.lines]


@pytest.mark.parametrize("block_bytes", [3, 1 << 24])
@pytest.mark.parametrize("blank", ["", "\r", "  ", " \t"])
def test_blank_lines_are_left_out_and_the_others_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str, block_bytes: int
) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", block_bytes)
    assert parse(tmp_path, f"1,2\n{blank}\n3,4\n".encode()) == ([(1, 2), (3, 4)], [2, 4])


@pytest.mark.parametrize(
    ("last", "fault"),
    [
        (b"3,4,", "3 fields where 2 are expected: '3,4,'"),
        (b"3", "1 fields where 2 are expected: '3'"),
        (b'"3,4\n', "a quote that does not close"),
        (b'"', "a quote that does not close"),
        (b"3,4\r5,6\n", "a carriage return inside the line: '3,4"),
        (b"3,\xff\n", r"bytes that are not UTF-8 \(b'.xff'\)"),
    ],
)
def test_a_malformed_line_is_refused_with_its_number(tmp_path: Path, last: bytes, fault: str) -> None:
    with pytest.raises(UserError, match=f"x.csv, line 4: {fault}"):
        parse(tmp_path, b"1,2\n\n" + last)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'"a,b\n', "x.csv, line 1: the header has a quote or a carriage return out of place"),
        (b"a\r,b\n", "x.csv, line 1: the header has a quote or a carriage return out of place"),
        (b"a,b\r1,2\r", "x.csv: its lines end in carriage returns only; save the file"),
        (b"\xef\xbb\xbfa,b\r" + b"1,2\r" * 50_000, "x.csv: its lines end in carriage returns only; save the file"),
        (b"a\r\r1\r", "x.csv: its lines end in carriage returns only; save the file"),
    ],
)
def test_a_header_that_cannot_be_split_is_refused(tmp_path: Path, text: bytes, fault: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text)
    with pytest.raises(UserError, match=fault):
        csv_blocks.read_header(path)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(csv_blocks.BYTE_ORDER_MARK + b'"a", b\r\n')
    assert csv_blocks.read_header(path) == (["a", "b"], True)
