"""The forms in which the news files are known to come. Nobody here has the host's own: all are of public code and
pages, or of what pandas and spreadsheets make of such files on their way.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl

from competitions.news.competition import COMPETITION
from competitions.news.io import reader
from tests.contract.host_forms import Form

PANDAS, SPREADSHEET = "pandas.read_csv and to_csv", "a spreadsheet that saved it"
LOGS = (reader.TRAIN, reader.TEST_A)
BOM = b"\xef\xbb\xbf"
Apply = Callable[[Path], object]


def read(raw: Path) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """Every frame of a run's reading, and its notes."""
    files = COMPETITION.locate(raw, COMPETITION.load_config([]))
    articles = reader.read_articles(files.articles)
    clicks = reader.read_clicks(files.train, files.tests, files.target, articles.frame)
    frames, parts = {"articles": articles.frame, "clicks": clicks.frame}, [files, articles, clicks]
    if files.embeddings is not None:
        embeddings = reader.read_embeddings(files.embeddings)
        frames["embeddings"] = pl.DataFrame({"item": embeddings.items, "vector": embeddings.vectors})
        parts.append(embeddings)
    named = {path.name: reader.TEST_A for path in files.tests}  # board B's log may stand for board A's
    notes = [note for part in parts for note in part.notes]
    return frames, [f"{named.get(note.file, note.file)}: {note.what}: {note.done}: {note.rows}" for note in notes]


def on_tables(edit: Callable[[pl.DataFrame], pl.DataFrame], *names: str) -> Apply:
    def apply(folder: Path) -> None:
        for name in names or (*LOGS, reader.ARTICLES, reader.EMBEDDINGS):
            edit(pl.read_csv(folder / name, infer_schema=False)).write_csv(folder / name)

    return apply


def on_bytes(edit: Callable[[bytes], bytes]) -> Apply:
    def apply(folder: Path) -> None:
        for path in folder.glob("*.csv"):
            path.write_bytes(edit(path.read_bytes()))

    return apply


def as_doubles(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.exclude("^emb_.*$") + ".0")


def add_index(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_row_index("")


def rename_log(name: str) -> Apply:
    return lambda folder: (folder / reader.TEST_A).rename(folder / name)


def copy_log(folder: Path) -> None:
    """Board B's log under both of its names, and none of board A's."""
    rename_log(reader.TEST_B[0])(folder)
    shutil.copy(folder / reader.TEST_B[0], folder / reader.TEST_B[1])


def add_sample(folder: Path) -> None:
    (folder / "sample_submit.csv").write_text("user_id,article_1,article_2,article_3,article_4,article_5\n")
    (folder / "DataA1121.md").write_text("[train_click_log](https://host/train_click_log.csv)\n")


def remove_embeddings(folder: Path) -> None:
    (folder / reader.EMBEDDINGS).unlink()


def pack_embeddings(folder: Path) -> None:
    shutil.make_archive(str(folder / reader.EMBEDDINGS), "zip", folder, reader.EMBEDDINGS)
    remove_embeddings(folder)


MORE = on_tables(lambda table: table.insert_column(3, pl.lit("x, y").alias("more")), *LOGS)
FORMS = (
    Form(reader.TEST_B[0], "board B's log, alone", "the third place's code", rename_log(reader.TEST_B[0])),
    Form(reader.TEST_B[1], "board B's log, its other name", "public code", rename_log(reader.TEST_B[1])),
    Form(reader.TEST_B[1], "both names", "public code", copy_log, f"not read, as {reader.TEST_B[0]} is there"),
    Form("the folder", "sample_submit.csv and the .md of links in it", "public pages", add_sample),
    Form("every CSV", "whole numbers made doubles: 12.0", PANDAS, on_tables(as_doubles)),
    Form("every CSV", "an index before the columns", PANDAS, on_tables(add_index), "further column ((no name))"),
    Form("logs", "a further column of texts", "data/README.md", MORE, "further column ('more'): not read"),
    Form("every CSV", "columns in another order", PANDAS, on_tables(lambda table: table[:, ::-1])),
    Form("every CSV", "rows in another order", "public code sorts them", on_tables(lambda table: table[::-1])),
    Form("every CSV", "a byte-order mark", SPREADSHEET, on_bytes(lambda text: BOM + text), "byte-order mark before"),
    Form("every CSV", "lines end in CRLF", SPREADSHEET, on_bytes(lambda text: text.replace(b"\n", b"\r\n"))),
    Form("every CSV", "no line end at the end", PANDAS, on_bytes(lambda text: text.rstrip(b"\n"))),
    Form(reader.EMBEDDINGS, "not downloaded (973 MB)", "public code", remove_embeddings, "no such file"),
    Form(reader.EMBEDDINGS, "left packed", "archives", pack_embeddings, "is there: unpack it"),
)
