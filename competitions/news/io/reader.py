"""Read and check the organiser's raw files: click logs, articles, article embeddings.

Every value is checked before it is cast to a small type. What a rule can settle (a repeated click, a click on an
article that articles.csv lacks) is counted as a ``Note``; anything else is a ``UserError`` with the line.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.engine.errors import UserError
from common.io import files
from common.io.column import TIME_MAX_MS, TIME_MIN_MS, Column
from common.io.csv import BLOCK_BYTES, CsvFile, refuse_repeated
from common.io.notes import Note
from common.time_units import DAY_MS, HOUR_MS

TRAIN = "train_click_log.csv"
TEST_A = "testA_click_log.csv"
TEST_B = ("testB_click_log_Test_B.csv", "testB_click_log.csv")
ARTICLES = "articles.csv"
EMBEDDINGS = "articles_emb.csv"
EMBEDDING_WIDTH = 250
MOST_WORDS = 100_000  # of an article; the mean of what a user read would follow a larger count
WEEK_MS = 7 * DAY_MS
FAR_MS = 366 * DAY_MS  # the host's log is of a fortnight
FAR_SPREADS = 3  # of the distance of the quartiles of all times, beyond these
FEWEST, ALIKE, CLEARLY = 5_000, 0.8, 0.2  # clicks of a log, and correlations of clicks by the hour of the day
TWICE = "remove one of the two"
WHERE = "put the host's files in data/news/raw or name their folder with RAW=DIR (Tianchi, entrance 531842)"


CLICK_COLUMNS = (
    Column("user_id", pl.Int32, "user", 0),
    Column("click_article_id", pl.Int32, "item", 0),
    Column("click_timestamp", pl.Int64, "time", TIME_MIN_MS, TIME_MAX_MS),
    Column("click_environment", pl.Int16, "environment"),
    Column("click_deviceGroup", pl.Int16, "device_group"),
    Column("click_os", pl.Int16, "os"),
    Column("click_country", pl.Int16, "country"),
    Column("click_region", pl.Int16, "region"),
    Column("click_referrer_type", pl.Int16, "referrer"),
)
ARTICLE_COLUMNS = (
    Column("article_id", pl.Int32, "item", 0),
    Column("category_id", pl.Int32, "category", 0),
    Column("created_at_ts", pl.Int64, "created", TIME_MIN_MS, TIME_MAX_MS),
    Column("words_count", pl.Int32, "words", 0),
)
EMBEDDING_COLUMNS = (
    Column("article_id", pl.Int32, "item", 0),
    *(Column(f"emb_{i}", pl.Float32) for i in range(EMBEDDING_WIDTH)),
)


@dataclass(frozen=True)
class RawFiles:
    """The organiser's files: ``tests`` are the test logs to read; ``target``, one of them, has the users to predict."""

    train: Path
    tests: tuple[Path, ...]
    target: Path
    articles: Path
    embeddings: Path | None
    board: str
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Clicks:
    """``frame``: one row per click, sorted by and unique on (user, time, item); ``is_test``: a user of a test
    log, whose last click is hidden; ``is_target``: one who is to be predicted.
    """

    frame: pl.DataFrame
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Articles:
    """``frame``: one row per article (item, category, created in ms, words), sorted by and unique on item."""

    frame: pl.DataFrame
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Embeddings:
    """``vectors[i]`` (float32, 250 wide, not normalised) belongs to article ``items[i]`` (int32, ascending)."""

    items: NDArray[np.int32]
    vectors: NDArray[np.float32]
    notes: tuple[Note, ...] = ()


def locate(raw: Path, board: str = "auto") -> RawFiles:
    """Find the organiser's files in ``raw``; board ``auto`` is B where a board-B log is there, else A.

    On board B the board-A log is read as well, for its co-clicks; its users are not predicted.
    """
    board = board.upper()
    if board not in {"AUTO", "A", "B"}:
        raise UserError(f"board is {board!r}; use auto, A or B")
    second = next((raw / name for name in TEST_B if (raw / name).exists()), None)
    if board == "AUTO":
        board = "A" if second is None else "B"
    first, target = raw / TEST_A, raw / TEST_A if board == "A" else second or raw / TEST_B[0]
    for path in (raw / TRAIN, target, raw / ARTICLES):
        files.require_file(path, WHERE)
    tests = (first, target) if board == "B" and first.exists() else (target,)
    embeddings = raw / EMBEDDINGS if (raw / EMBEDDINGS).exists() else None
    notes = []
    if embeddings is None:
        where = files.hint_where(raw / EMBEDDINGS)
        notes.append(Note(EMBEDDINGS, f"no such file{where}", 0, "the run uses no content embeddings"))
    if board == "B" and all((raw / name).exists() for name in TEST_B):
        notes.append(Note(TEST_B[1], f"not read, as {TEST_B[0]} is there", 1))
    return RawFiles(raw / TRAIN, tests, target, raw / ARTICLES, embeddings, board, tuple(notes))


def read_clicks(train: Path, tests: tuple[Path, ...], target: Path, articles: pl.DataFrame) -> Clicks:
    """Read the train log and the test logs (``target`` is one of ``tests``) into one frame of clicks.

    Refused: a user in the train log and in a test log. Counted: repeated clicks (the first is kept), clicks on articles
    missing from ``articles`` (kept), target users with a single click (kept), users in two test logs (kept), clicks
    whose time lies far from the rest (kept: they move the figures of their article and of their user alone), articles
    created long after the logs (kept).
    """
    paths = (train, *tests)
    tables = [CsvFile(path, CLICK_COLUMNS).read() for path in paths]
    logs = [table.frame.with_columns(log=pl.lit(path.name)) for path, table in zip(paths, tables, strict=True)]
    _refuse_shared_users(train, tests, logs)
    notes = [note for table in tables for note in (*table.header_notes, *table.notes)]
    if len(logs) == 3:
        both = logs[1].select("user").unique().join(logs[2].select("user").unique(), on="user", how="semi").height
        notes.append(Note(tests[1].name, "user also in the board-A log", both, "clicks merged"))
    stacked = pl.concat(logs)
    clicks = stacked.unique(["user", "item", "time"], keep="first", maintain_order=True)
    is_target = pl.col("user").is_in(logs[1 + tests.index(target)]["user"].unique().implode())
    is_test = pl.col("user").is_in(pl.concat(logs[1:])["user"].unique().implode())
    frame = clicks.with_columns(is_test=is_test, is_target=is_target).sort("user", "time", "item")
    listed = pl.col("item").is_in(articles["item"].implode())
    early, late = (frame["time"].quantile(share) or 0.0 for share in (0.25, 0.75))
    reach = FAR_SPREADS * max(late - early, WEEK_MS)
    far = ~pl.col("time").is_between(early - reach, late + reach)
    odd = frame.with_columns(unlisted=~listed, far=far)
    for path, log in zip(paths, logs, strict=True):
        kept = odd.filter(log=path.name)
        far_off, unlisted = int(kept["far"].sum()), int(kept["unlisted"].sum())
        notes += [
            Note(path.name, "repeated (user, article, timestamp)", log.height - kept.height, "dropped"),
            Note(path.name, "article not in articles.csv", unlisted, "kept"),
            Note(path.name, "click_timestamp far from the rest of the logs", far_off, "kept"),
        ]
    born = articles.filter(pl.col("created") > late + FAR_MS).height
    notes.append(Note(ARTICLES, "created_at_ts more than a year after most of the logs", born, "kept"))
    if hours := find_shift(*(frame.filter(is_test=kind)["time"].to_numpy() for kind in (False, True))):
        what = f"its busy hours are {hours:+} hours off those of the test logs: the clocks may differ"
        notes.append(Note(train.name, what, logs[0].height, "kept"))
    single = frame.filter("is_target").group_by("user").len().filter(pl.col("len") == 1)
    notes.append(Note(target.name, "user with a single click", single.height, "kept"))
    return Clicks(frame.drop("line", "log"), tuple(note for note in notes if note.rows))


def find_shift(train: NDArray[np.int64], test: NDArray[np.int64]) -> int:
    """The hours, -11 to 12, by which the busy hours of the day in one log, times in ms, come behind those in another; 0
    where they are alike or too few to tell.
    """
    if min(len(train), len(test)) < FEWEST:
        return 0
    one, other = (np.bincount(log // HOUR_MS % 24, minlength=24) for log in (train, test))
    alike = {hours: np.corrcoef(np.roll(one, -hours), other)[0, 1] for hours in range(-11, 13)}
    best = max(alike, key=lambda hours: alike[hours])
    return best if alike[best] > ALIKE and alike[best] > alike[0] + CLEARLY else 0


def _refuse_shared_users(train: Path, tests: tuple[Path, ...], logs: list[pl.DataFrame]) -> None:
    for path, log in zip(tests, logs[1:], strict=True):
        shared = log.join(logs[0], on="user", how="semi").unique("user").sort("user")
        if shared.height:
            first = shared["user"].head(3).to_list()
            raise UserError(
                f"{shared.height} user(s) are in both {train} and {path} (first: {first}): "
                "the logs must not share users; download them again"
            )


def read_articles(path: Path) -> Articles:
    """Read articles.csv; a repeated identical row is dropped and counted, a contradicting one is refused.

    Counted: articles of more than ``MOST_WORDS`` words (taken as of the median length).
    """
    frame, notes, header = CsvFile(path, ARTICLE_COLUMNS).read()
    names = [column.name for column in ARTICLE_COLUMNS]
    distinct = frame.unique(names, keep="first", maintain_order=True).sort("item")
    refuse_repeated(path, distinct, "item", TWICE, "article")
    repeated = Note(path.name, "repeated identical row", frame.height - distinct.height, "dropped")
    odd = pl.col("words") > MOST_WORDS
    what, done = f"words_count above {MOST_WORDS:,}", "taken as the median"
    long = Note(path.name, what, distinct.filter(odd).height, done)
    usual = distinct.with_columns(words=pl.when(odd).then(pl.col("words").median().cast(pl.Int32)).otherwise("words"))
    return Articles(usual.select(names), tuple(note for note in (*header, *notes, repeated, long) if note.rows))


def read_embeddings(path: Path) -> Embeddings:
    """Read articles_emb.csv block by block; peak memory is the result plus a few blocks of 16 MiB."""
    file = CsvFile(path, EMBEDDING_COLUMNS)
    notes = file.read_header().notes
    size, end = count_lines(path), 0
    items, lines = np.empty(size, np.int32), np.empty(size, np.int64)
    vectors = np.empty((size, EMBEDDING_WIDTH), np.float32)
    for frame, *_ in file.read_blocks():
        start, end = end, end + frame.height
        items[start:end], lines[start:end] = frame["item"].to_numpy(), frame["line"].to_numpy()
        vectors[start:end] = frame.drop("line", "item").to_numpy()
    if not end:
        raise UserError(f"{path} has a header but no rows; download it again")
    order = np.argsort(items[:end], kind="stable")
    refuse_repeated(path, pl.DataFrame({"line": lines[:end], "item": items[:end]}), "item", TWICE, "article")
    return Embeddings(items[order], _reorder(vectors[:end], order), notes)


def count_lines(path: Path) -> int:
    """Count the lines of a CSV below its header, blank ones included."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            lines, last = lines + block.count(b"\n"), block[-1:]
    return lines - 1 + (last != b"\n")


def note_unembedded(clicks: pl.DataFrame, embeddings: Embeddings) -> tuple[Note, ...]:
    """How many of the clicked articles have no embedding: all behind the place where a file was cut at a line's end."""
    clicked = clicks["item"].unique()
    lacking = len(clicked) - int(clicked.is_in(pl.Series(embeddings.items).implode()).sum())
    what, done = f"clicked article without an embedding, of {len(clicked)}", "it has no neighbours by content"
    return (Note(EMBEDDINGS, what, lacking, done),) if lacking else ()


def _reorder(vectors: NDArray[np.float32], order: NDArray[np.int64]) -> NDArray[np.float32]:
    """Put the rows in ``order``, in place, a slice of columns at a time: a whole copy would double the peak memory."""
    if np.any(np.diff(order) != 1):
        for left in range(0, vectors.shape[1], 25):
            vectors[:, left : left + 25] = vectors[order, left : left + 25]
    return vectors
