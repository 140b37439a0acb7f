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
from tests.contract.host_forms import Form

BOTH = f"{TRAIN}, {TEST}"
SAMPLE = "the organiser's sample"
STATISTICS = "the published column statistics"
DOWNCAST = "notebooks that shrink the files in pandas (numbers downcast, texts as category) and write them again"
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


def edit(change: Edit, *names: str) -> Callable[[Path], None]:
    """An edit of the table of each file, or of those named."""

    def apply(raw: Path) -> None:
        for name in names or (TRAIN, TEST):
            change(pl.read_parquet(raw / name)).write_parquet(raw / name)

    return apply


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


FORMS = (
    Form(BOTH, "a code on some options of a search, on others none", SAMPLE, mix_codes),
    Form(BOTH, "without the index", SAMPLE, edit(lambda frame: frame.drop(INDEX))),
    Form(
        BOTH,
        "snappy, one row group, written by pyarrow",
        SAMPLE,
        write_with_arrow(retype_texts(pa.string()), compression="snappy", row_group_size=1 << 20),
    ),
    Form(BOTH, "sessions not in the order of Ids", SAMPLE, part_by_hour, "rows whose Id is smaller"),
    Form(
        BOTH,
        "zstd, many row groups, texts as large_string",
        "files that polars or dask wrote in parts",
        write_with_arrow(retype_texts(pa.large_string()), compression="zstd", row_group_size=500),
    ),
    *(
        Form(
            BOTH,
            f"requestDate in {unit}",
            "tables written again: polars' own unit is us, pyarrow's older formats hold us or ms and no ns",
            edit(lambda frame, unit=unit: frame.cast({"requestDate": pl.Datetime(unit)})),  # type: ignore[misc]
        )
        for unit in ("us", "ms")
    ),
    Form(
        BOTH,
        "whole numbers as doubles, NaN where missing",
        f"{STATISTICS}: corporateTariffCode and nationality are pandas' Int64, which to_numpy makes doubles",
        edit(whole_as_floats),
    ),
    Form(BOTH, "numbers in the narrowest types", DOWNCAST, edit(downcast)),
    Form(
        BOTH,
        "texts as dictionaries",
        DOWNCAST,
        write_with_arrow(retype_texts(pa.dictionary(pa.int32(), pa.string()))),
    ),
    Form(
        BOTH,
        "texts as categories of polars",
        "notebooks that cast them for the model and write the table",
        edit(lambda frame: frame.with_columns(pl.col(TEXTS).cast(pl.Categorical))),
    ),
    Form(
        BOTH,
        "carriers as an enumeration",
        "polars, where the names are known",
        edit(lambda frame: frame.cast({CARRIER: pl.Enum(frame[CARRIER].unique().sort())})),
    ),
    Form(
        BOTH,
        "columns without a value of the type Null",
        f"{STATISTICS}: segments3 of the test are objects without a value, which pyarrow writes as null",
        edit(retype_empty(pl.Null())),
    ),
    Form(
        BOTH,
        "columns without a value as doubles",
        f"{STATISTICS}: pandas makes a column of nothing but NaN",
        edit(retype_empty(pl.Float64())),
    ),
    Form(
        BOTH,
        "columns in another order",
        "tables that were joined from parts",
        edit(lambda frame: frame.select(sorted(frame.columns))),
    ),
    Form(
        BOTH,
        "a further column",
        "notebooks that add features and write the table",
        edit(lambda frame: frame.with_columns(price_rank=pl.col("totalPrice").rank().over("ranker_id"))),
        "column 'price_rank' unknown",
    ),
    Form(
        TEST,
        "with the column selected",
        "polars notebooks, which give the test one of zeros to stack both files",
        edit(lambda frame: frame.with_columns(pl.lit(0, pl.Int64).alias(SELECTED)), TEST),
        "column 'selected' in a test file",
    ),
    Form(
        BOTH,
        "frequentFlyer as whole numbers",
        "notebooks that label-encode the texts",
        edit(lambda frame: frame.with_columns(pl.col("frequentFlyer").rank("dense").cast(pl.Int64))),
        "sessions with a frequentFlyer that is no known carrier",
    ),
)
