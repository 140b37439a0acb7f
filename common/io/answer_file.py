"""The two plain forms of a submission: a row a user with the items of a list, a row an id with a probability.

Each is written, read back from disk, checked by its rules, and scored against a truth file.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from common.engine.errors import UserError
from common.io.column import Column
from common.io.csv import CsvFile
from common.io.submission import Checked, are_whole, find_ids, find_rows, read_back, refuse
from common.learning.kinds import check_labels
from common.learning.metrics import score_hits

NAME_TRUTH = "name the truth file"
DIGITS = 9  # of a probability
SUBMISSION = "submission.csv"  # in a run's folder


def rules_of_ids(row: str) -> tuple[str, str, str]:
    """One row each, none beside them, none missing."""
    return f"one row per {row}", f"no {row} that is not asked for", f"every {row} that is asked for has a row"


@dataclass(frozen=True)
class ListFile:
    """A row a user, by the column ``user``; in ``items`` the list, best first. Truth: a row a right answer, by the
    columns ``user`` and ``item``.
    """

    user: str = "user_id"
    item: str = "item_id"
    length: int = 5

    @property
    def items(self) -> list[str]:
        """The columns of the list."""
        return [f"item_{rank}" for rank in range(1, self.length + 1)]

    @property
    def rules(self) -> tuple[str, ...]:
        """What is checked, a sentence each."""
        own = "every field is a whole number", "the items of a row are distinct", "every item is in the log"
        return own[0], *rules_of_ids("user"), *own[1:]

    def fill(self, queries: pl.DataFrame, scored: pl.DataFrame) -> pl.DataFrame:
        """The frame to submit: of the ``scored`` candidates (query, item, score) the best of each of the ``queries``
        (query, user). ``UserError`` for a user with too few.

        >>> scored = pl.DataFrame({"query": [0, 0, 0], "item": [7, 8, 9], "score": [0.1, 0.3, 0.2]})
        >>> ListFile(length=2).fill(pl.DataFrame({"query": [0], "user": [31]}), scored).rows()
        [(31, 8, 9)]
        """
        single = pl.col("score").cast(pl.Float32)  # scores that differ by rounding alone are equal
        best = scored.with_columns(single).sort("query", "score", "item", descending=[False, True, False])
        lists = best.group_by("query", maintain_order=True).agg(pl.col("item").head(self.length))
        short = queries.join(lists.filter(pl.col("item").list.len() == self.length), on="query", how="anti")
        if short.height:
            raise UserError(
                f"User {short['user'][0]} has fewer than {self.length} candidates ({short.height} such users): retrieve"
                " more, or add a channel that lists popular items."
            )
        items = (pl.col("item").list.get(at).alias(name) for at, name in enumerate(self.items))
        named = queries.select("query", pl.col("user").alias(self.user)).join(lists, on="query")
        return named.select(self.user, *items).sort(self.user)

    def check(self, path: Path, users: pl.Series, known: pl.Series) -> Checked:
        """Read the file from disk and hold it against every rule: ``users`` to answer for, items that are ``known``."""
        numbers, one, extra, missing, distinct, exists = self.rules
        header = [self.user, *self.items]
        text = read_back(path, header)
        rows = text.with_columns(pl.col(header).cast(pl.Int64, strict=False))
        refuse(path, find_rows(text, numbers, ~are_whole(*header)))
        own, lists = rows[self.user], rows.with_columns(items=pl.concat_list(self.items))
        refuse(
            path,
            [
                *find_rows(rows, one, pl.col(self.user).is_duplicated()),
                *find_ids(own.filter(~own.is_in(users.implode())), extra),
                *find_ids(users.filter(~users.is_in(own.implode())), missing),
                *find_rows(lists, distinct, pl.col("items").list.n_unique() < self.length),
                *find_rows(rows, exists, ~pl.all_horizontal(pl.col(self.items).is_in(known.implode()))),
            ],
        )
        return Checked(path, rows.height, self.rules)

    def score(self, path: Path, truth: Path, metric: str) -> pl.DataFrame:
        """What each user of a truth file earns under a ``metric`` such as "ndcg@10": query (text), score."""
        columns = [Column(self.user, pl.Int64), Column(self.item, pl.Int64)]
        answers = CsvFile(truth, columns, NAME_TRUTH).read().frame.select(query=self.user, item=self.item).unique()
        rows = read_back(path, [self.user, *self.items]).drop("line").cast(pl.Int64, strict=False)
        if rows.join(answers, left_on=self.user, right_on="query", how="semi").is_empty():
            raise UserError(f"{path} and {truth} have no user in common: they belong to different logs")
        listed = rows.rename({self.user: "query"}).unpivot(index="query", value_name="item", variable_name="rank")
        ranked = listed.with_columns(pl.col("rank").str.strip_prefix("item_").cast(pl.Int64))
        positives = answers.group_by("query").agg(positives=pl.len().cast(pl.Int64)).sort("query")
        hits = score_hits(ranked.join(answers, on=["query", "item"]), positives, [int(metric.partition("@")[2])])
        scored = positives.join(hits, on="query", how="left", maintain_order="left")
        return scored.select(pl.col("query").cast(pl.String), score=pl.col(metric).fill_null(0.0))


@dataclass(frozen=True)
class RowFile:
    """A row an id, by the column ``row``, with the ``probability`` of a yes. Truth: ``row`` and ``label``, 0 or 1."""

    row: str = "row_id"
    probability: str = "probability"
    label: str = "label"

    @property
    def rules(self) -> tuple[str, ...]:
        """What is checked, a sentence each."""
        return "every id is a whole number", *rules_of_ids("row"), "every probability is a number from 0 to 1"

    def fill(self, scored: pl.DataFrame) -> pl.DataFrame:
        """The frame to submit, of rows with their log odds (query, score).

        >>> RowFile().fill(pl.DataFrame({"query": [8, 3], "score": [0.0, 1.0986122886681098]})).rows()
        [(3, 0.75), (8, 0.5)]
        """
        probability = (1 / (1 + (-pl.col("score")).exp())).round(DIGITS)
        return scored.select(pl.col("query").alias(self.row), probability.alias(self.probability)).sort(self.row)

    def check(self, path: Path, ids: pl.Series) -> Checked:
        """Read the file from disk and hold it against every rule: the ``ids`` that are asked for."""
        whole, one, extra, missing, between = self.rules
        text = read_back(path, [self.row, self.probability])
        refuse(path, find_rows(text, whole, ~are_whole(self.row)))
        rows = text.with_columns(pl.col(self.row).cast(pl.Int64))
        own, share = rows[self.row], pl.col(self.probability).cast(pl.Float64, strict=False)
        within = share.is_between(0, 1).fill_null(value=False)
        refuse(
            path,
            [
                *find_rows(rows, one, pl.col(self.row).is_duplicated()),
                *find_ids(own.filter(~own.is_in(ids.implode())), extra),
                *find_ids(ids.filter(~ids.is_in(own.implode())), missing),
                *find_rows(text, between, ~within),
            ],
        )
        return Checked(path, rows.height, self.rules)

    def score(self, path: Path, truth: Path) -> pl.DataFrame:
        """Each row of a truth file: query (text), label, predicted."""
        columns = [Column(self.row, pl.Int64), Column(self.label, pl.Int64)]
        answers = CsvFile(truth, columns, NAME_TRUTH).read(self.row).frame
        labels = check_labels(answers[self.label], str(truth))
        rows = read_back(path, [self.row, self.probability]).select(
            pl.col(self.row).cast(pl.Int64, strict=False),
            predicted=pl.col(self.probability).cast(pl.Float64, strict=False),
        )
        joined = answers.join(rows, on=self.row, how="left", maintain_order="left")
        if joined["predicted"].null_count():
            raise UserError(
                f"{path} does not answer for row {joined.filter(pl.col('predicted').is_null())[self.row][0]} of {truth}"
            )
        return joined.select(query=pl.col(self.row).cast(pl.String), label=pl.Series(labels), predicted="predicted")
