"""The forms in which the files of FlightRank 2025 are known to come, and how a run reads them.

The plain form is the host's layout as polars writes it, the index among its columns. Known from: the organiser's sample
(547 rows of the train file in a public repository, snappy, written by pandas 2.2 with parquet-cpp-arrow), the published
statistics of every column, with its type in pandas, and the public notebooks, which load with pandas, polars or dask.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq

from competitions.flight.io import reader
from competitions.flight.io.schema import INDEX, LAYOUT, SELECTED, TEST, TRAIN, Kind
from tests.contract.flight_planted import edit
from tests.contract.host_forms import Form

BOTH = f"{TRAIN}, {TEST}"
SAMPLE = "the organiser's sample"
STATISTICS = "the published column statistics"
DOWNCAST = "notebooks that shrink the files in pandas (numbers downcast, texts as category) and write them again"
PARTS = "tables that polars or dask wrote again, joined from parts"
STACKED = "polars notebooks, which give the test a column of zeros to stack both files"
ENCODED = "notebooks that label-encode the texts"
TEXTS = tuple(name for name, kind in LAYOUT.items() if kind is Kind.TEXT)
CARRIER = "legs0_segments0_marketingCarrier_code"
WHOLE = tuple(name for name, kind in LAYOUT.items() if kind is Kind.INTEGER)


def read(raw: Path) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """Codes, sessions and options of both files, an option by its Id; the notes.

    ``loyalty``, a row for each of a session's programmes, is there where the file names any.
    """
    files = reader.locate(raw)
    codes = reader.learn_codes(files.train)
    frames = {f"codes of {name}": values.to_frame() for name, values in vars(codes).items()}
    train, test = (reader.read_searches(path, codes, path == files.train) for path in (files.train, files.test))
    reader.refuse_shared(train, test)
    for path, searches in ((files.train, train), (files.test, test)):
        ids = pl.read_parquet(path, columns=["Id"])["Id"].cast(pl.Int64).gather(searches.options["row"])
        frames[f"{path.name}: options"] = searches.options.drop("row").with_columns(ids)
        frames[f"{path.name}: sessions"] = searches.sessions.drop("loyalty")
        loyalty = searches.sessions.select("session", "loyalty").explode("loyalty", empty_as_null=True).drop_nulls()
        if loyalty.height:
            frames[f"{path.name}: loyalty"] = loyalty
    return frames, [f"{note.file}: {note.what}, {note.rows:,}: {note.done}" for note in (*train.notes, *test.notes)]


Edit = Callable[[pl.DataFrame], pl.DataFrame]


def write_with_arrow(retype: Callable[[pa.DataType], pa.DataType], **options: object) -> Callable[[Path], None]:
    """Both files written by pyarrow, whose ``options`` these are, with the columns' types changed."""

    def apply(raw: Path) -> None:
        for name in (TRAIN, TEST):
            table = pl.read_parquet(raw / name).to_arrow()
            fields = [pa.field(field.name, retype(field.type)) for field in table.schema]
            pq.write_table(table.cast(pa.schema(fields)), raw / name, **options)

    return apply


def retype_texts(dtype: pa.DataType) -> Callable[[pa.DataType], pa.DataType]:
    return lambda old: dtype if pa.types.is_large_string(old) or pa.types.is_string(old) else old


def retype_empty(dtype: pl.DataType) -> Edit:
    """Columns without a single value get this type: segments3 of the test, and others of the planted files."""
    return lambda frame: frame.with_columns(
        pl.lit(None, dtype).alias(name) for name in frame.columns if frame[name].null_count() == frame.height
    )


def whole_as_floats(frame: pl.DataFrame) -> pl.DataFrame:
    """Whole numbers as doubles, a missing one as NaN."""
    names = [name for name in WHOLE if name in frame.columns]
    return frame.with_columns(pl.col(names).cast(pl.Float64).fill_null(float("nan")))


def downcast(frame: pl.DataFrame) -> pl.DataFrame:
    """The narrowest types that hold the values, as pandas' downcast finds them."""
    return frame.with_columns(frame.select(cs.integer()).map_columns(cs.all(), pl.Series.shrink_dtype)).cast(
        {cs.float(): pl.Float32}
    )


def part_by_hour(raw: Path) -> None:
    """The sessions by the hour of the day, so that their Ids no longer ascend; each keeps the order of its rows."""
    edit(lambda frame: frame.sort(pl.col("requestDate").dt.hour(), maintain_order=True))(raw)


def mix_codes(raw: Path) -> None:
    """The planted files are in this form: some options of a search have a code, and others have none."""
    for name in (TRAIN, TEST):
        shares = pl.read_parquet(raw / name).group_by("ranker_id").agg(pl.col("corporateTariffCode").count() / pl.len())
        mixed = shares["corporateTariffCode"].is_between(0, 1, closed="none")
        assert mixed.mean() > 0.9  # type: ignore[operator]


ZSTD = {"compression": "zstd", "row_group_size": 500}
SNAPPY = {"compression": "snappy", "row_group_size": 1 << 20}


IN_US = edit(lambda frame: frame.cast({"requestDate": pl.Datetime("us")}))
IN_MS = edit(lambda frame: frame.cast({"requestDate": pl.Datetime("ms")}))
AS_CATEGORIES = edit(lambda frame: frame.cast(dict.fromkeys(TEXTS, pl.Categorical)))
AS_ENUMERATION = edit(lambda frame: frame.cast({CARRIER: pl.Enum(frame[CARRIER].unique().sort())}))
ADD_RANK = edit(lambda frame: frame.with_columns(price_rank=pl.col("totalPrice").rank().over("ranker_id")))
ADD_ZEROS = edit(lambda frame: frame.with_columns(pl.lit(0, pl.Int64).alias(SELECTED)), TEST)
ENCODE = edit(lambda frame: frame.with_columns(pl.col("frequentFlyer").rank("dense").cast(pl.Int64)))
DICTIONARIES = write_with_arrow(retype_texts(pa.dictionary(pa.int32(), pa.string())))
FORMS = (
    Form(BOTH, "a code on some options of a search, on others none", SAMPLE, mix_codes),
    Form(BOTH, "without the index", SAMPLE, edit(lambda frame: frame.drop(INDEX))),
    Form(BOTH, "snappy, one row group, by pyarrow", SAMPLE, write_with_arrow(retype_texts(pa.string()), **SNAPPY)),
    Form(BOTH, "sessions not in the order of Ids", SAMPLE, part_by_hour, "rows whose Id is smaller"),
    Form(BOTH, "zstd, many row groups", PARTS, write_with_arrow(retype_texts(pa.large_string()), **ZSTD)),
    Form(BOTH, "requestDate in us", PARTS, IN_US),
    Form(BOTH, "requestDate in ms", "pyarrow's older formats", IN_MS),
    Form(BOTH, "whole numbers as doubles, NaN where missing", f"{STATISTICS}: pandas' Int64", edit(whole_as_floats)),
    Form(BOTH, "numbers in the narrowest types", DOWNCAST, edit(downcast)),
    Form(BOTH, "texts as dictionaries", DOWNCAST, DICTIONARIES),
    Form(BOTH, "texts as categories of polars", "notebooks that cast them for the model", AS_CATEGORIES),
    Form(BOTH, "carriers as an enumeration", "polars, where the names are known", AS_ENUMERATION),
    Form(BOTH, "columns without a value of the type Null", f"{STATISTICS}: segments3", edit(retype_empty(pl.Null()))),
    Form(BOTH, "columns without a value as doubles", "pandas", edit(retype_empty(pl.Float64()))),
    Form(BOTH, "columns in another order", PARTS, edit(lambda frame: frame.select(sorted(frame.columns)))),
    Form(BOTH, "a further column", "notebooks that add features", ADD_RANK, "column 'price_rank' unknown"),
    Form(TEST, "with the column selected", STACKED, ADD_ZEROS, "column 'selected' in a test file"),
    Form(BOTH, "frequentFlyer as whole numbers", ENCODED, ENCODE, "frequentFlyer that is not a known carrier"),
)
