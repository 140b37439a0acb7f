"""Sessions from a file: which rows belong to which search, and what holds for the search as a whole."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.io.notes import Note
from common.io.submission import refuse_unwritable
from competitions.flight.io.encoding import INT32_MAX, Codes, encode
from competitions.flight.io.parquet import Source, filled
from competitions.flight.io.schema import LAYOUT, NEVER_NULL, SELECTED, Kind

# The organiser's columns that hold for a whole session, read one at a time, and their names here.
CONSTANTS = {
    "requestDate": "time",
    "companyID": "company",
    "profileId": "profile",
    "isVip": "vip",
    "bySelf": "by_self",
    "searchRoute": "route",
    "frequentFlyer": "loyalty",
}


@dataclass(frozen=True)
class Grouping:
    """Where the sessions are. ``sessions``: one row each (session, ranker_id, size, first), in order of the first Id.

    ``session``: the session of every option, ascending; within a session Ids ascend. ``order``: the file row of every
    option, None where the file has this order, as the organiser's have. So the order of the rows tells nothing.
    """

    sessions: pl.DataFrame
    session: pl.Series
    order: pl.Series | None

    def arrange(self, column: pl.Series) -> pl.Series:
        """Put a column of the file into the order of the options."""
        return column if self.order is None else column.gather(self.order)


def refuse_repeated_ids(source: Source) -> None:
    """Refuse a null or a repeated Id."""
    ids = source.column("Id")
    _refuse_nulls(source, ids)
    # The organiser's ids ascend: only where they do not is it necessary to hash them.
    if not (ids.diff() > 0).all() and ids.n_unique() < len(ids):
        repeated = ids.filter(ids.is_duplicated())[0]
        rows = (ids == repeated).arg_true().head(2).to_list()
        raise UserError(f"{source.path}: the Id {repeated} is on the rows {rows[0]} and {rows[1]}; download it again")


def _refuse_nulls(source: Source, column: pl.Series) -> None:
    if column.null_count():
        row = column.is_null().arg_true()[0]
        raise UserError(
            f"{source.path}, column {column.name!r}: {column.null_count()} row(s) have no value, "
            f"the first is row {row}; download it again"
        )


def group_rows(source: Source) -> tuple[Grouping, list[Note]]:
    """Find the sessions by runs of equal ranker_id; rows out of the order of their Ids are put in order first, then
    the rows of a session that stand apart are brought together.
    """
    ids = source.column(filled("ranker_id"))
    _refuse_nulls(source, ids)
    numbers = source.column("Id")
    late = int((numbers.diff() < 0).sum())
    by_id = numbers.arg_sort() if late else None
    if by_id is not None:
        ids = ids.gather(by_id)
    starts = _mark_starts(ids).arg_true()
    runs = pl.DataFrame({"row": starts.cast(pl.Int64), "ranker_id": ids.gather(starts)}).with_columns(
        length=pl.col("row").shift(-1, fill_value=len(ids)) - pl.col("row")
    )
    names = runs.select(pl.col("ranker_id").unique(maintain_order=True)).with_row_index("session")
    refuse_unwritable(names["ranker_id"], f"{source.path}, column 'ranker_id'")
    runs = runs.join(names, on="ranker_id", how="left", maintain_order="left").cast({"session": pl.Int32})
    session = np.repeat(runs["session"].to_numpy(), runs["length"].to_numpy())
    scattered = runs.filter(pl.col("session").is_duplicated())["session"].n_unique()
    together = pl.Series("row", np.argsort(session, kind="stable")) if scattered else None
    order = together if by_id is None else by_id if together is None else by_id.gather(together)
    sizes = runs.group_by("session").agg(pl.col("length").sum()).sort("session")["length"]
    sessions = names.select(
        pl.col("session").cast(pl.Int32),
        "ranker_id",
        size=sizes.cast(pl.Int32),
        first=sizes.cum_sum() - sizes,
    )
    notes = [
        source.note("rows whose Id is smaller than that of the row before", late, "rows sorted by Id"),
        source.note("sessions whose rows are not contiguous", scattered, "rows grouped"),
        source.note("sessions with one option", int((sizes == 1).sum()), "kept"),
    ]
    column = pl.Series("session", session)
    aligned = None if order is None else order.cast(pl.Int64).alias("row")
    return Grouping(sessions, column if together is None else column.gather(together), aligned), notes


def _mark_starts(column: pl.Series) -> pl.Series:
    """Mark the rows that differ from the row before; the first row is one of them."""
    return column.ne_missing(column.shift()) | (pl.int_range(len(column), eager=True) == 0)


def build_sessions(
    source: Source, grouping: Grouping, codes: Codes, back_segments: pl.Series
) -> tuple[pl.DataFrame, list[Note]]:
    """The frame ``Searches.sessions`` without ``booked``: each constant is that of the session's first option.

    ``back_segments``, by option, says whether there is a leg 1; it decides round_trip where the route is missing.
    """
    first, notes, constants = grouping.sessions["first"], [], []
    inner = ~_mark_starts(grouping.session)
    for name, ours in CONSTANTS.items():
        column = source.column(filled(name) if LAYOUT[name] is Kind.TEXT else name)
        if name in NEVER_NULL:
            _refuse_nulls(source, column)
        column = grouping.arrange(column)
        constants.append(column.gather(first).alias(ours))
        varying = grouping.session.filter(column.ne_missing(column.shift()) & inner).n_unique()
        notes.append(source.note(f"sessions in which {name} varies", varying, "the first option's is taken"))
    taken = grouping.sessions.with_columns(constants, returns=back_segments.gather(first).is_not_null())
    _refuse_large(source, taken)
    loyalty, dirty = _clean_loyalty(source, taken, codes)
    sessions = _shape(taken.with_columns(loyalty), codes)
    return sessions, [*notes, *_note_missing(source, taken, sessions), *dirty]


def _refuse_large(source: Source, taken: pl.DataFrame) -> None:
    for name in ("companyID", "profileId"):
        # Not by abs(): that of the least 64-bit number, pandas' NaT as a number, is itself.
        large = taken[CONSTANTS[name]].filter(~taken[CONSTANTS[name]].is_between(-INT32_MAX, INT32_MAX))
        if len(large):
            raise UserError(f"{source.path}, column {name!r}: {large.item(0)} is beyond {INT32_MAX}; download it again")


def _shape(taken: pl.DataFrame, codes: Codes) -> pl.DataFrame:
    """Narrow the constants and put the columns in their order."""
    return taken.select(
        "session",
        "ranker_id",
        pl.col("time").dt.epoch("ms"),
        pl.col("company", "profile").cast(pl.Int32),
        "vip",
        "by_self",
        encode(pl.col("route"), codes.routes, pl.Int32),
        pl.col("route").str.contains("/", literal=True).fill_null(pl.col("returns")).alias("round_trip"),
        "loyalty",
        "size",
        "first",
    )


def _clean_loyalty(source: Source, taken: pl.DataFrame, codes: Codes) -> tuple[pl.Series, list[Note]]:
    """The carriers of whose programmes the traveller is a member, as codes, in the order given; [] for none."""
    parts = (
        taken.select("session", pl.col("loyalty").str.split("/").alias("part"))
        .drop_nulls()
        .explode("part", empty_as_null=True)
        .with_columns(pl.col("part").str.strip_chars())
        .with_columns(encode(pl.col("part"), codes.carriers).alias("carrier"))
    )
    kept = parts.drop_nulls("carrier").unique(["session", "carrier"], keep="first", maintain_order=True)
    lists = kept.group_by("session", maintain_order=True).agg(pl.col("carrier").alias("loyalty"))
    by_session = taken.select("session").join(lists, on="session", how="left", maintain_order="left")
    loyalty = by_session.select(pl.col("loyalty").fill_null(pl.lit([], pl.List(pl.Int16)))).to_series()
    unknown = parts.filter(pl.col("carrier").is_null())["session"].n_unique()
    repeated = parts.filter(pl.struct("session", "part").is_duplicated())["session"].n_unique()
    return loyalty, [
        source.note("sessions with a frequentFlyer that is not a known carrier", unknown, "that part is left out"),
        source.note("sessions with a repeated frequentFlyer", repeated, "taken once"),
    ]


def _note_missing(source: Source, taken: pl.DataFrame, sessions: pl.DataFrame) -> list[Note]:
    """Flags that are not given, and routes that are not among the codes."""
    flags = [name for name in CONSTANTS if LAYOUT[name] is Kind.FLAG]
    notes = [source.note(f"sessions without {name}", taken[CONSTANTS[name]].null_count(), "missing") for name in flags]
    lost = sessions["route"].null_count() - taken["route"].null_count()
    return [*notes, source.note("sessions with a searchRoute unknown to the train file", lost, "missing")]


def mark_booked(
    source: Source, grouping: Grouping, sessions: pl.DataFrame, labelled: bool
) -> tuple[pl.DataFrame, list[Note]]:
    """Add ``booked``, the position (from 0) of the booked option in its session; null where not exactly one is."""
    if not labelled:
        return sessions.with_columns(booked=pl.lit(None, pl.Int32)), []
    selected = source.column(SELECTED)
    unfit = (~selected.is_between(0, 1).fill_null(False)).arg_true()
    if len(unfit):
        row = unfit[0]
        raise UserError(
            f"{source.path}, column {SELECTED!r}: row {row} holds {selected[row]} where 0 or 1 is expected; "
            "download it again"
        )
    chosen = (grouping.arrange(selected) == 1).arg_true().cast(pl.Int64)
    booked = pl.DataFrame({"session": grouping.session.gather(chosen), "row": chosen})
    counts = booked.group_by("session").agg(pl.len().alias("times"), pl.col("row").first())
    marked = sessions.join(counts, on="session", how="left", maintain_order="left")
    several, none = marked.filter(pl.col("times") > 1).height, marked["times"].null_count()
    if several + none == marked.height:
        raise UserError(f"{source.path}: no session has exactly one booked option; it cannot be used for training")
    counted = {"sessions with no booked option": none, "sessions with several booked options": several}
    notes = [source.note(what, rows, "kept, not used in training") for what, rows in counted.items()]
    position = pl.when(pl.col("times") == 1).then(pl.col("row") - pl.col("first")).cast(pl.Int32)
    return marked.select(*sessions.columns, position.alias("booked")), notes
