"""The news submission: build it from ranked lists, write it, check the file on disk, score it against a truth file."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from common.engine.config import INT32_MAX
from common.engine.errors import UserError
from common.io.column import Column
from common.io.csv import CsvFile, refuse_repeated
from common.io.submission import Checked, Violation, are_whole, find_ids, find_rows, read_back, refuse, write_whole
from common.learning import metrics
from common.learning.split import Fold
from competitions.news.io.reader import CLICK_COLUMNS, RawFiles, read_articles

LENGTH = 5
ARTICLES = tuple(f"article_{i}" for i in range(1, LENGTH + 1))
HEADER = ("user_id", *ARTICLES)
CUTOFFS = (1, 3, 5)
TRUTH_COLUMNS = (Column("user_id", pl.Int32, "query", 0), Column("click_article_id", pl.Int32, "item", 0))

INTEGERS = "every field is an article or user id, an integer: no blank, no NaN, no leading + or 0"
ONE_ROW = "one row per user"
NO_EXTRA = "no user outside the test log"
NO_MISSING = "every user of the test log has a row"
DISTINCT = f"the {LENGTH} articles of a row are distinct"
EXISTING = "every article is in articles.csv"
RULES = (
    "UTF-8 without a byte-order mark",
    f"the header {','.join(HEADER)}",
    f"{len(HEADER)} fields a row",
    *(INTEGERS, ONE_ROW, NO_EXTRA, NO_MISSING, DISTINCT, EXISTING),
)
# What a file breaks by itself, whatever log it answers.
BY_ITSELF = {
    ONE_ROW: pl.col("user_id").is_duplicated(),
    DISTINCT: pl.concat_list(ARTICLES).list.n_unique() < LENGTH,
}


def recommend(test: Fold, predictions: pl.DataFrame, articles: pl.DataFrame) -> pl.DataFrame:
    """The best five of every test user by score: user_id, ascending, article_1 (best) .. article_5.

    Short lists are padded by what is clicked most, then by the rest of ``articles`` by ascending id, with articles that
    the user has neither in the list nor clicked. Only where the whole catalogue holds too few such articles do clicked
    ones fill up.
    """
    if not predictions["score"].is_finite().fill_null(False).all():
        raise UserError("A score is not a finite number: the fitted ranker is damaged; fit it again.")
    catalogue = articles["item"].unique().sort()
    if len(catalogue) < LENGTH:
        raise UserError(f"articles.csv lists {len(catalogue)} articles; a submission needs at least {LENGTH}")
    known = predictions.filter(pl.col("item").is_in(catalogue.implode()))
    rank = pl.struct(-pl.col("score"), "item").rank("ordinal").over("query")
    best = known.with_columns(rank=rank).filter(pl.col("rank") <= LENGTH)
    listed = best.sort("query", "rank").select("query", "item")
    padded = pl.concat([listed, _pad(listed, test, catalogue)])
    lists = padded.group_by("query", maintain_order=True).agg(pl.col("item").head(LENGTH))
    items = (pl.col("item").list.get(i).alias(name) for i, name in enumerate(ARTICLES))
    return test.queries.join(lists, on="query").sort("user").select(pl.col("user").alias("user_id"), *items)


def _pad(listed: pl.DataFrame, test: Fold, catalogue: pl.Series) -> pl.DataFrame:
    """For each query with a short list, more than enough articles (query, item), in the order in which to take them."""
    popular = test.history["item"].value_counts().sort("count", "item", descending=[True, False])["item"]
    known = popular.filter(popular.is_in(catalogue.implode()))
    padding = pl.DataFrame({"item": pl.concat([known, catalogue]).unique(maintain_order=True)}).with_row_index("index")
    full = listed.group_by("query").len().filter(pl.col("len") >= LENGTH)
    short = test.queries.select("query").join(full, on="query", how="anti")
    clicked = test.seen.select("query", "item", clicked=pl.lit(True)).unique().join(short, on="query", how="semi")
    most = int(clicked.group_by("query").len()["len"].max() or 0)  # type: ignore[arg-type]
    # Of the first so many at most LENGTH are listed and ``most`` clicked, which leaves five free ones.
    reach = padding.head(2 * LENGTH + most)
    return (
        short.join(reach, how="cross")
        .join(listed, on=["query", "item"], how="anti")
        .join(clicked, on=["query", "item"], how="left")
        .sort("query", pl.col("clicked").fill_null(False), "index")
        .select("query", "item")
    )


def write_submission(submission: pl.DataFrame, path: Path) -> Path:
    """Write the frame of ``recommend`` with the exact header; the file appears whole or not at all."""
    return write_whole(path, submission.select(HEADER).write_csv)


def check_submission(path: Path, raw: RawFiles) -> Checked:
    """Read the file on disk and verify all ``RULES`` against the raw files; a ``UserError`` names what is broken."""
    text, submission = _read_submission(path)
    users, given = CsvFile(raw.target, CLICK_COLUMNS).read().frame["user"].unique(), submission["user_id"]
    catalogue = read_articles(raw.articles).frame["item"]
    rules = {
        **BY_ITSELF,
        NO_EXTRA: ~pl.col("user_id").is_in(users.implode()),
        EXISTING: pl.any_horizontal(~pl.col(name).is_in(catalogue.implode()) for name in ARTICLES),
    }
    missing = find_ids(users.filter(~users.is_in(given.implode())), NO_MISSING)
    refuse(path, _find_broken(text, submission, rules) + missing)
    return Checked(path, submission.height, RULES)


def _find_broken(text: pl.DataFrame, submission: pl.DataFrame, rules: Mapping[str, pl.Expr]) -> list[Violation]:
    """The rows that break each of the rules."""
    marks = submission.select(broken.alias(rule) for rule, broken in rules.items())
    return [row for rule in marks.columns for row in find_rows(text, rule, pl.lit(marks[rule]))]


def _read_submission(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows as text, and as integers; what is not an id is refused."""
    text = read_back(path, HEADER)
    sound = are_whole(*HEADER) & pl.all_horizontal(_as_id(name).is_not_null() for name in HEADER)
    refuse(path, find_rows(text, INTEGERS, ~sound))
    return text, text.select(_as_id(name) for name in HEADER)


def _as_id(name: str) -> pl.Expr:
    value = pl.col(name).cast(pl.Int64, strict=False)
    return pl.when(value.is_between(0, INT32_MAX)).then(value).cast(pl.Int32).alias(name)


def score_submission(path: Path, truth: Path) -> dict[str, float]:
    """Score a submission file against a truth file (user_id, click_article_id): every metric, by name.

    Users of the truth without a row count 0. ``mrr@5`` is the competition's score, ``mrr@5_error`` its standard error.
    """
    answered, answers = _read_answered(path, truth)
    table = metrics.evaluate_ranks(answered, answers, CUTOFFS)
    error = table.filter(metric="mrr", k=LENGTH)["error"].item()
    return metrics.as_dict(table) | {f"mrr@{LENGTH}_error": error}


def score_queries(path: Path, truth: Path) -> pl.DataFrame:
    """What each user of a truth file earns by a submission file: query (text), score (the reciprocal rank)."""
    answered, answers = _read_answered(path, truth)
    hits = answered.join(answers, on=["query", "item"]).select("query", score=1 / pl.col("rank"))
    scored = answers.join(hits, on="query", how="left", maintain_order="left")
    return scored.select(pl.col("query").cast(pl.String), pl.col("score").fill_null(0.0))


def _read_answered(path: Path, truth: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The listed articles of the users of a truth file (query, item, rank), and their answers (query, item)."""
    text, submission = _read_submission(path)
    refuse(path, _find_broken(text, submission, BY_ITSELF))  # a user twice would count twice
    answers = CsvFile(truth, TRUTH_COLUMNS).read().frame
    refuse_repeated(truth, answers, "query", "keep one answer per user", "user")
    lists = submission.unpivot(on=list(ARTICLES), index="user_id", variable_name="column", value_name="item")
    rank = pl.col("column").str.strip_prefix("article_").cast(pl.Int32)
    ranked = lists.select(pl.col("user_id").alias("query"), "item", rank.alias("rank"))
    answered = ranked.join(answers, on="query", how="semi", maintain_order="left").sort("query", "rank")
    if not answered.height:
        raise UserError(f"{path} and {truth} have no user in common: they belong to different logs")
    return answered, answers.drop("line")
