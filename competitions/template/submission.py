"""The submission: five items for every user; written, read back from disk, checked, scored."""

from pathlib import Path

import polars as pl

from common.day.run_record import average_queries
from common.engine.errors import UserError
from common.io.submission import Checked, are_whole, find_ids, find_rows, read_back, read_truth, refuse
from common.learning.split import Fold
from competitions.template.io.reader import RawFiles, read_events, read_users

LENGTH = 5  # of a list, and what the metric looks at
ITEMS = tuple(f"item_{i}" for i in range(1, LENGTH + 1))
HEADER = ("user_id", *ITEMS)
NUMBERS = "every field is a whole number"
ONE_ROW = "one row per user"
NO_EXTRA = "no user outside users.csv"
NO_MISSING = "every user of users.csv has a row"
DISTINCT = "the items of a row are distinct"
KNOWN = "every item is in events.csv"
RULES = (NUMBERS, ONE_ROW, NO_EXTRA, NO_MISSING, DISTINCT, KNOWN)


def recommend(fold: Fold, scored: pl.DataFrame) -> pl.DataFrame:
    """The submission frame: the best items of every user by score; a ``UserError`` for a user with too few."""
    best = scored.sort("query", "score", "item", descending=[False, True, False])
    lists = best.group_by("query", maintain_order=True)
    top = lists.agg(pl.col("item").head(LENGTH)).join(fold.queries.select("query", "user"), on="query")
    items = (pl.col("item").list.get(i, null_on_oob=True).alias(name) for i, name in enumerate(ITEMS))
    submission = top.select(pl.col("user").alias("user_id"), *items).sort("user_id")
    if submission.null_count().sum_horizontal().item():
        raise UserError(f"A user has fewer than {LENGTH} candidates: raise candidates.popular, or get a larger log.")
    return submission


def check_submission(path: Path, files: RawFiles) -> Checked:
    """Read the file from disk and hold it against every rule. ``UserError`` names the rules that it breaks."""
    events = read_events(files.events)
    expected, known = read_users(files.users, events)["user"], events["item"].unique()
    text = read_back(path, HEADER)
    numbers = text.with_columns(pl.col(HEADER).cast(pl.Int32, strict=False))
    large = numbers.select(pl.any_horizontal(pl.col(HEADER).is_null())).to_series()
    refuse(path, find_rows(text, NUMBERS, ~are_whole(*HEADER) | large))
    users = numbers["user_id"]
    lists = numbers.with_columns(items=pl.concat_list(ITEMS))
    violations = [
        *find_rows(numbers, ONE_ROW, pl.col("user_id").is_duplicated()),
        *find_ids(users.filter(~users.is_in(expected.implode())), NO_EXTRA),
        *find_ids(expected.filter(~expected.is_in(users.implode())), NO_MISSING),
        *find_rows(lists, DISTINCT, pl.col("items").list.n_unique() < LENGTH),
        *find_rows(numbers, KNOWN, ~pl.all_horizontal(pl.col(ITEMS).is_in(known.implode()))),
    ]
    refuse(path, violations)
    return Checked(path, numbers.height, RULES)


def score_submission(path: Path, truth: Path) -> dict[str, float]:
    """Every metric of a submission against a truth file (user_id, item_id)."""
    row = average_queries(score_queries(path, truth))
    return {"mrr@5": row["score"], "mrr@5_error": row["error"]}


def score_queries(path: Path, truth: Path) -> pl.DataFrame:
    """What each user of a truth file earns: query (text), score (the reciprocal rank)."""
    rows = read_back(path, HEADER).drop("line").cast(pl.Int32, strict=False)
    answers = read_truth(truth, {"user_id": pl.Int32, "item_id": pl.Int32}, "user_id").rename({"item_id": "right"})
    answered = answers.join(rows, on="user_id", how="left", maintain_order="left")
    if answered[ITEMS[0]].null_count() == answered.height:
        raise UserError(f"{path} and {truth} have no user in common: they belong to different logs")
    ranks = [pl.when(pl.col(name) == pl.col("right")).then(1 / rank) for rank, name in enumerate(ITEMS, 1)]
    return answered.select(query=pl.col("user_id").cast(pl.String), score=pl.coalesce(*ranks, pl.lit(0.0)))
