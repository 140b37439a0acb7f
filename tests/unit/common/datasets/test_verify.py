"""The table of what is known and what is there: each kind of difference, and none."""

import hashlib
from pathlib import Path

import polars as pl
import pytest

from common.datasets.download import Expected, Layout
from common.datasets.verify import ABSENT, DIFFERS, MISSING, OK, Row, count_csv_rows, inspect, require_sound
from common.errors import UserError

CLICKS = "user_id,item_id\n1,10\n2,20\n3,30\n"
PICKLE = b"not opened, only read"
CLICKS_KNOWN = Expected("clicks.csv", rows=3, columns=("user_id", "item_id"))
PARTS_KNOWN = Expected("seq/*.parquet", files=2, rows=5, columns=("user_id",))
PICKLE_KNOWN = Expected("indexer.pkl", sha256=hashlib.sha256(PICKLE).hexdigest())


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "clicks.csv").write_text(CLICKS)
    (tmp_path / "seq").mkdir()
    pl.DataFrame({"user_id": [1, 2], "seq": ["a", "b"]}).write_parquet(tmp_path / "seq" / "0.parquet")
    pl.DataFrame({"user_id": [3, 4, 5], "seq": ["c", "d", "e"]}).write_parquet(tmp_path / "seq" / "1.parquet")
    (tmp_path / "indexer.pkl").write_bytes(PICKLE)
    return tmp_path


def look(raw: Path, expected: Expected, listed: dict[str, tuple[int, str | None]] | None = None) -> Row:
    (row,) = inspect(raw, [Layout("one", (), (expected,))], listed or {})
    return row


@pytest.mark.parametrize(
    ("expected", "told", "found"),
    [
        (CLICKS_KNOWN, "3 rows, size unknown, 2 columns", "3 rows; 0.0 MB"),
        (PARTS_KNOWN, "2 files, 5 rows, size unknown, 1 column", "2 files; 5 rows; 0.0 MB"),
        (PICKLE_KNOWN, f"size unknown, sha256 {PICKLE_KNOWN.sha256[:12]}..", "0.0 MB"),  # type: ignore[index]
        (Expected("clicks.csv"), "rows unknown, size unknown", "0.0 MB"),
    ],
)
def test_what_is_right_is_ok(raw: Path, expected: Expected, told: str, found: str) -> None:
    assert look(raw, expected) == Row(expected.path, told, found, OK)


@pytest.mark.parametrize(
    ("expected", "fault"),
    [
        (Expected("clicks.csv", rows=5), "-2 rows"),
        (Expected("seq/*.parquet", rows=4), "+1 rows"),
        (Expected("seq/*.parquet", files=3), "3 files expected"),
        (Expected("clicks.csv", columns=("user_id", "when", "where")), "clicks.csv lacks the column when and 1 more"),
        (Expected("seq/*.parquet", columns=("item",)), "0.parquet lacks the column item"),
        (Expected("indexer.pkl", sha256="0" * 64), "indexer.pkl has another sha256"),
        (Expected("clicks.csv", megabytes=43.5), "another size"),
    ],
)
def test_what_differs_is_named(raw: Path, expected: Expected, fault: str) -> None:
    row = look(raw, expected)
    assert row.state == DIFFERS
    assert row.found.endswith(f"; {fault}")


def test_the_listing_of_the_fetch_is_held_against_the_files(raw: Path) -> None:
    digest = hashlib.sha256((raw / "seq" / "0.parquet").read_bytes()).hexdigest()
    size = (raw / "seq" / "0.parquet").stat().st_size
    assert look(raw, PARTS_KNOWN, {"seq/0.parquet": (size, digest)}).state == OK
    assert look(raw, PARTS_KNOWN, {"seq/0.parquet": (size, None)}).state == OK
    shorter = look(raw, PARTS_KNOWN, {"seq/0.parquet": (size + 9, digest)})
    assert shorter.state == DIFFERS
    assert f"0.parquet: {size} bytes, {size + 9} listed" in shorter.found
    assert "another sha256" in look(raw, PARTS_KNOWN, {"seq/0.parquet": (size, "0" * 64)}).found


def test_a_digest_that_is_published_and_one_that_is_listed_must_both_hold(raw: Path) -> None:
    assert look(raw, PICKLE_KNOWN, {"indexer.pkl": (len(PICKLE), PICKLE_KNOWN.sha256)}).state == OK
    assert look(raw, PICKLE_KNOWN, {"indexer.pkl": (len(PICKLE), "0" * 64)}).state == DIFFERS


def test_a_missing_file_is_missing_unless_it_or_another_makes_it_needless(raw: Path) -> None:
    assert look(raw, Expected("test.csv")) == Row("test.csv", "rows unknown, size unknown", "nothing", MISSING)
    assert look(raw, Expected("test.csv", needed=False)).state == ABSENT
    assert look(raw, Expected("test.csv", unless="clicks*.csv")).state == ABSENT
    assert look(raw, Expected("test.csv", unless="other*.csv")).state == MISSING
    assert look(raw / "no folder", CLICKS_KNOWN).state == MISSING


@pytest.mark.parametrize("body", [b"PAR1 no parquet at all", b""])
def test_a_file_that_cannot_be_read_differs(raw: Path, body: bytes) -> None:
    (raw / "seq" / "1.parquet").write_bytes(body)
    row = look(raw, PARTS_KNOWN)
    assert row.state == DIFFERS
    assert row.found.startswith("cannot be read: ")


@pytest.mark.parametrize(("body", "header"), [(b"\xff\xfe\x00", "cannot be read"), (b"", "lacks the column")])
def test_a_csv_without_a_header_differs(raw: Path, body: bytes, header: str) -> None:
    (raw / "clicks.csv").write_bytes(body)
    row = look(raw, CLICKS_KNOWN)
    assert (row.state, header in row.found) == (DIFFERS, True)


def test_a_header_may_have_a_byte_order_mark_and_quotes(raw: Path) -> None:
    (raw / "clicks.csv").write_bytes(b'\xef\xbb\xbf"user_id","item_id",more\r\n1,2,3\r\n1,2,3\r\n1,2,3')
    assert look(raw, CLICKS_KNOWN).state == OK


@pytest.mark.parametrize(
    ("size", "state"),
    [(9_700_000, DIFFERS), (9_900_000, OK), (10_380_902, OK), (10_600_000, DIFFERS)],
)
def test_a_published_size_may_mean_either_megabyte(raw: Path, size: int, state: str) -> None:
    with (raw / "indexer.pkl").open("wb") as file:
        file.truncate(size)
    assert look(raw, Expected("indexer.pkl", megabytes=9.9)).state == state


@pytest.mark.parametrize(
    ("text", "rows"), [("", 0), ("a,b", 0), ("a,b\n", 0), ("a,b\n1,2", 1), ("a,b\n1,2\n", 1), ("a,b\n1,2\n3,4", 2)]
)
def test_rows_of_a_csv_are_counted_with_or_without_a_last_line_end(tmp_path: Path, text: str, rows: int) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    assert count_csv_rows(path) == rows


def test_rows_are_counted_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.datasets.verify.BLOCK_BYTES", 3)
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,2\n" * 10)
    assert count_csv_rows(path) == 10


def test_the_layout_is_the_one_whose_sign_is_there_else_the_first(raw: Path) -> None:
    first, second = Layout("first", ("train/*",), (PARTS_KNOWN,)), Layout("second", ("*.pkl",), (PICKLE_KNOWN,))
    assert [row.file for row in inspect(raw, [first, second], {})] == ["indexer.pkl"]
    (raw / "indexer.pkl").unlink()
    assert [row.file for row in inspect(raw, [first, second], {})] == ["seq/*.parquet"]


def test_a_table_is_refused_with_one_sentence(raw: Path) -> None:
    sound = [Row("a", "", "", OK), Row("b", "", "", ABSENT)]
    require_sound(sound, raw, "do this")
    with pytest.raises(UserError, match=r"^1 of the files in .* are missing \(first: c\); do this$"):
        require_sound([*sound, Row("c", "", "", MISSING)], raw, "do this")
    with pytest.raises(UserError, match=r"^2 of the files in .* are not what is known of them \(first: d\); do this$"):
        require_sound([*sound, Row("c", "", "", MISSING), *[Row("d", "", "", DIFFERS)] * 2], raw, "do this")
