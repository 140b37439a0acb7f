"""The Tencent submission in two forms: write them, check each file on disk, score one against a truth file.

``submission.csv``: user, ad_1 .. ad_10. ``result.json``: what the organiser reads, {"time", "top10s", "user"}.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from common.engine.errors import UserError
from common.io import submission as shared
from common.io.files import refuse_folder
from common.io.tables import read_csv
from competitions.tencent.corpus import Corpus, Int64s, Oids
from competitions.tencent.io.schema import TOP
from competitions.tencent.metrics import ACTION_WEIGHTS, mean_scores, score_answers, weigh_scores
from competitions.tencent.split import Fold
from competitions.tencent.top_k import FoldAnswers

ADS = [f"ad_{rank}" for rank in range(1, TOP + 1)]
COLUMNS = ("user", *ADS)
FORMAT = "user, ad_1 .. ad_10 as CSV; or time, top10s, user as JSON"
SAME_ORDER = "exactly the test users, in their order"
ONCE = "one row per user: no user is repeated"
TEN = "ten different ads per user"
KNOWN = "every ad is a candidate, by its original id"
RULES = (FORMAT, ONCE, SAME_ORDER, TEN, KNOWN)
NAMES = ("submission.csv", "result.json")
Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class ResultFile(msgspec.Struct):
    """The JSON form. ``time``: seconds that the host measured; 0 here, so that equal answers are equal files."""

    time: float
    top10s: list[list[Id]]
    user: list[str]


def choose_ads(corpus: Corpus, fold: Fold, answers: FoldAnswers) -> tuple[Int64s, int]:
    """Ten original ids a user, user after user, and how many users' lists were filled up.

    A user who has seen nearly every candidate has fewer than ten left: the most popular others fill the list, seen ones
    among them, since a list must have ten.
    """
    popularity = np.bincount(corpus.train.item, minlength=len(corpus.catalogue.oid))[fold.candidates]
    popular = fold.candidates[np.argsort(-popularity, kind="stable")]
    rows = answers.best.rows.copy()
    short = np.flatnonzero((rows == 0).any(axis=1))
    for query in short:
        kept = rows[query][rows[query] > 0]
        rows[query] = np.concatenate([kept, popular[~np.isin(popular, kept)]])[: rows.shape[1]]
    return corpus.catalogue.oid[rows].reshape(-1).astype(np.int64), len(short)


def write_and_check(corpus: Corpus, ads: Int64s, folder: Path) -> list[shared.Checked]:
    """Write both files, read each back from disk and check it. ``ads``: of ``choose_ads``."""
    paths = write_submissions(corpus.test_users, Oids(np.asarray(ads)), folder)
    return [check_submission(path, corpus) for path in paths]


def write_submissions(users: npt.NDArray[np.bytes_], ads: Oids, folder: Path) -> list[Path]:
    """Both files. ``ads`` holds ten a user, best first, user after user."""
    table, names = ads.reshape(-1, TOP), [name.decode() for name in users]
    csv, result = (folder / name for name in NAMES)
    shared.write_whole(csv, _make_frame(names, table).write_csv)
    shared.write_bytes(result, msgspec.json.encode(ResultFile(0.0, table.tolist(), names)))
    return [csv, result]


def read_back(path: Path) -> pl.DataFrame:
    """A submission from disk, in the form that its suffix says: row (from 1), user, ad_1 .. ad_10 as original ids;
    ``UserError`` where it has not this form.
    """
    readers = {".csv": _read_csv, ".json": _read_json}
    if path.suffix not in readers:
        raise UserError(f"{path}: a submission ends in {', '.join(readers)}; name one of these")
    return readers[path.suffix](path).with_row_index("row", offset=1)


def _read_csv(path: Path) -> pl.DataFrame:
    text = shared.read_back(path, COLUMNS)
    broken = text.filter(~shared.are_whole(*ADS))
    if broken.height:
        raise UserError(
            f"{path}, line {broken['line'][0]}: an ad is not a whole number without a leading + or 0; {FORMAT}"
        )
    return text.select("user", pl.col(ADS).cast(pl.Int64))


def _read_json(path: Path) -> pl.DataFrame:
    refuse_folder(path, shared.NAME_IT)
    try:
        result = msgspec.json.decode(path.read_bytes(), type=ResultFile)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; {shared.NAME_IT}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path} is not the JSON form ({error}); {FORMAT}") from error
    if len(result.user) != len(result.top10s):
        raise UserError(
            f"{path}: {len(result.user)} users and {len(result.top10s)} lists of ads; each user needs one list"
        )
    for user, ads in zip(result.user, result.top10s, strict=True):
        if len(ads) != TOP:
            raise UserError(f"{path}, user {user}: {len(ads)} ads where {TOP} are expected")
    return _make_frame(result.user, np.array(result.top10s, np.int64).reshape(-1, TOP))


def _make_frame(users: list[str], ads: Int64s) -> pl.DataFrame:
    """One row a user: user, and the ``ads`` [users, 10]."""
    named = pl.DataFrame({"user": users}, schema={"user": pl.String})
    return named.hstack(pl.DataFrame(ads, schema=dict.fromkeys(ADS, pl.Int64)))


def check_submission(path: Path, corpus: Corpus) -> shared.Checked:
    """Read the file on disk and verify all ``RULES``: it answers the test users of the files, in order, by their
    candidates. A ``UserError`` names what is broken.
    """
    answers, candidates = read_back(path), pl.Series(corpus.catalogue.oid[corpus.candidates])
    required = pl.Series("user", [name.decode() for name in corpus.test_users], dtype=pl.String)
    moved = shared.find_moved(answers["user"], required, SAME_ORDER, "row", answers["row"])
    known = pl.all_horizontal(pl.col(ADS).is_in(candidates.implode()))
    shared.refuse(path, [*_find_repeats(answers), *moved, *shared.find_rows(answers, KNOWN, ~known)])
    return shared.Checked(path, answers.height, RULES)


def _find_repeats(answers: pl.DataFrame) -> list[shared.Violation]:
    """Users who are there twice, and lists with an ad twice."""
    users = answers["user"]
    twice = shared.find_ids(users.filter(users.is_duplicated()), ONCE)
    return twice + shared.find_rows(answers, TEN, pl.concat_list(ADS).list.n_unique() < TOP)


def score_submission(
    path: Path, truth: Path, corpus: Corpus | None = None, weights: Sequence[float] = ACTION_WEIGHTS
) -> dict[str, float]:
    """Score a submission against a truth file (user, creative_id, and in round 2 the action): see
    ``metrics.mean_scores``.

    ``corpus``: verify all ``RULES`` first. ``weights``: what a user counts by its action; all count the same where
    the truth has no actions. The error counts users who click the same ad as one.
    """
    if corpus is not None:
        check_submission(path, corpus)
    ranked = _rank_truth(path, truth, weights)
    return mean_scores(*(ranked[name].to_numpy() for name in ("rank", "weight", "creative_id")))


def score_queries(path: Path, truth: Path, weights: Sequence[float] = ACTION_WEIGHTS) -> pl.DataFrame:
    """What each user of a truth file earns by a submission, so that the mean is the Score: query, score, ``cluster``
    (the ad: its users are right or wrong together).
    """
    ranked = _rank_truth(path, truth, weights)
    scores = weigh_scores(score_answers(ranked["rank"].to_numpy()), ranked["weight"].to_numpy())
    return ranked.select(query="user", score=pl.Series(scores), cluster="creative_id")


def _read_truth(truth: Path, weights: Sequence[float]) -> pl.DataFrame:
    """One row per user of a truth file: user, creative_id, weight; 1 where the truth says no action."""
    columns: dict[str, type[pl.DataType]] = {"user": pl.String, "creative_id": pl.Int64}
    if "action" not in read_csv(truth, n_rows=0, infer_schema=False).columns:
        return shared.read_truth(truth, columns, "user").with_columns(weight=pl.lit(1.0))
    answers = shared.read_truth(truth, {**columns, "action": pl.Int64}, "user")
    action = answers["action"]
    wrong = ~action.is_in(list(range(len(weights))))
    if wrong.any():
        line = wrong.arg_true()[0]
        raise UserError(
            f"{truth}, line {line + 2}: action {action[line]} is none of 0 (exposure), 1 (click), 2 (conversion)"
        )
    return answers.with_columns(weight=pl.Series(np.array(weights, float)[action.to_numpy()]))


def _rank_truth(path: Path, truth: Path, weights: Sequence[float]) -> pl.DataFrame:
    """One row per user of a truth file: user, weight, creative_id, the rank 1..10 of that ad, 0 where it is missing."""
    answers = read_back(path)
    shared.refuse(path, _find_repeats(answers))
    joined = _read_truth(truth, weights).join(answers, on="user", how="left", maintain_order="left")
    if joined["row"].null_count() == joined.height:
        raise UserError(f"{truth}: none of its {joined.height} users is in {path}: they belong to different files")
    hits = joined.select((pl.col(ADS) == pl.col("creative_id")).fill_null(False)).to_numpy()
    return joined.select("user", "weight", "creative_id", rank=pl.Series(np.where(hits.any(1), hits.argmax(1) + 1, 0)))
