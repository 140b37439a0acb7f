"""Flight, feature by feature: no booking reaches a search made before it or at its very moment, nor ever its own.

Where sessions see other folds' bookings, later ones too, what must not come through is the answer of one's own search,
and of any search that validates.
"""

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from competitions.flight import split
from competitions.flight.config import BLOCKS
from competitions.flight.features import booking_history
from competitions.flight.features.build import build_features
from competitions.flight.io import reader, schema
from competitions.flight.io.reader import Codes, Searches
from competitions.flight.split import Fold, Snapshots, Split, take_snapshots
from tests.contract.flight import FLIGHT

PERIOD_DAYS = 7.0
Look = Callable[[pl.DataFrame, int], Snapshots]  # of the sessions and the cut in ms
Planted = tuple[Path, Codes, Searches]


def look_honestly(sessions: pl.DataFrame, cut: int) -> Snapshots:
    """What the pipeline lets them see."""
    return split.split_by_time(sessions, [cut], PERIOD_DAYS, "planted").final


LEAKS: Mapping[str, Look] = {
    "the whole log": lambda sessions, _: take_snapshots(
        sessions, sessions.select("session", until=pl.col("time").max() + 1)
    ),
    "one's own booking": lambda sessions, _: take_snapshots(
        sessions, sessions.select("session", until=pl.col("time") + 1)
    ),
    "other folds": lambda sessions, _: split.split_folds(sessions, 5, 1, 0).final,
}
# The blocks that look at bookings; no other may.
LOOKING = {"tariff", "lift", "taste"}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """The raw folder, the codes, and the train file, in which colleagues search in twos, at the same millisecond."""
    folder = tmp_path_factory.mktemp("planted")
    FLIGHT.write_raw(folder / "raw", folder / "truth.csv")
    codes = reader.learn_codes(folder / "raw" / schema.TRAIN)
    train = reader.read_searches(folder / "raw" / schema.TRAIN, codes, labelled=True)
    at = pl.col("time").gather(pl.col("session") // 2 * 2)
    return folder / "raw", codes, Searches(train.sessions.with_columns(time=at), train.options)


@pytest.fixture
def train(planted: Planted) -> Searches:
    """The train file alone."""
    return planted[2]


def build_all(searches: Searches, cut: int, look: Look = look_honestly) -> pl.DataFrame:
    """Every feature of every option."""
    return build_seen(searches, look(searches.sessions, cut))


def build_seen(searches: Searches, snapshots: Snapshots) -> pl.DataFrame:
    """Every feature of every option, where the sessions see these snapshots."""
    past = booking_history.build_history(booking_history.collect_bookings(searches), snapshots)
    return build_features(searches, 0, searches.sessions.height, snapshots.assigned, past, BLOCKS)


def find_time(searches: Searches, share: float) -> int:
    """When the session was made that has this share of all before it."""
    return int(searches.sessions["time"][int(share * searches.sessions.height)])


def rebook(searches: Searches, moment: int) -> Searches:
    """Another option booked in every session from ``moment`` on."""
    other = (pl.col("booked") + 1) % pl.col("size")
    late = pl.when(pl.col("time") >= moment).then(other).otherwise("booked")
    return Searches(searches.sessions.with_columns(booked=late), searches.options)


def keep_first(searches: Searches, count: int) -> Searches:
    """The file as it was when it had ``count`` sessions."""
    sessions = searches.sessions[:count]
    return Searches(sessions, searches.options[: sessions["size"].sum()])


def part_by_time(searches: Searches, features: pl.DataFrame, moment: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of the sessions up to ``moment``, that moment included, and those of the later ones."""
    earlier = searches.options.join(searches.sessions, on="session", maintain_order="left")["time"] <= moment
    return features.filter(earlier), features.filter(~earlier)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_bookings_from_a_moment_on_change_no_feature_up_to_it(train: Searches, share: float) -> None:
    cut, moment = find_time(train, 0.8), find_time(train, share)
    before = part_by_time(train, build_all(train, cut), moment)
    after = part_by_time(train, build_all(rebook(train, moment), cut), moment)
    assert before[0].height > 1000
    assert after[0].equals(before[0])
    # Else there would be nothing to leak.
    changed = {name for name in before[1].columns if not after[1][name].equals(before[1][name])}
    assert {name.partition("_")[0] for name in changed} == LOOKING


@pytest.mark.parametrize("leak", LEAKS)
def test_a_snapshot_that_leaks_does_change_them(train: Searches, leak: str) -> None:
    few = keep_first(train, 60)  # each with a snapshot of its own, in the worst case
    cut, moment = find_time(few, 0.8), find_time(few, 0.5)
    before, after = (build_all(searches, cut, LEAKS[leak]) for searches in (few, rebook(few, moment)))
    assert not part_by_time(few, after, moment)[0].equals(part_by_time(few, before, moment)[0])


@pytest.mark.parametrize("count", [100, 250, 398])
def test_adding_later_sessions_changes_no_earlier_row(train: Searches, count: int) -> None:
    early = keep_first(train, count)
    cut = find_time(early, 0.8)
    expected = build_all(early, cut)
    assert build_all(train, cut)[: expected.height].equals(expected)


def test_a_history_that_ignores_time_does_change_earlier_rows(train: Searches) -> None:
    early = keep_first(train, 250)
    expected = build_all(early, 0, LEAKS["the whole log"])
    assert not build_all(train, 0, LEAKS["the whole log"])[: expected.height].equals(expected)


# --- validation by time: the last sessions, or successive blocks ---


def cut_blocks(searches: Searches) -> Split:
    """The last four tenths of the sessions in two blocks."""
    cuts = [find_time(searches, share) for share in (0.6, 0.8)]
    return split.split_by_time(searches.sessions, cuts, PERIOD_DAYS, "blocks")


def take_rows(searches: Searches, features: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """The rows of some sessions."""
    return features.filter(searches.options["session"].is_in(sessions["session"].implode()))


def build_fold(searches: Searches, made: Split, fold: Fold) -> dict[str, pl.DataFrame]:
    """What a fold is fitted on and judged on: training rows as the final fit has them, validation rows at the cut."""
    seen = {"train": made.final, "valid": fold.snapshots}
    return {
        role: take_rows(searches, build_seen(searches, snapshots), fold.roles.filter(role=role))
        for role, snapshots in seen.items()
    }


@pytest.mark.parametrize("number", [0, 1])
def test_the_answers_of_a_block_and_of_those_after_it_change_nothing_that_it_is_judged_by(
    train: Searches, number: int
) -> None:
    cut = find_time(train, (0.6, 0.8)[number])
    rebooked = rebook(train, cut)
    before, after = (
        build_fold(searches, made, made.folds[number])
        for searches, made in ((train, cut_blocks(train)), (rebooked, cut_blocks(rebooked)))
    )
    for role in ("train", "valid"):
        assert before[role].height > 500
        assert after[role].equals(before[role]), role
    # Else there would be nothing to leak.
    assert not build_seen(rebooked, cut_blocks(train).final).equals(build_seen(train, cut_blocks(train).final))


# --- validation by folds of whole sessions ---


def rebook_one(searches: Searches, session: int) -> Searches:
    """Another option booked in one session."""
    other = (pl.col("booked") + 1) % pl.col("size")
    booked = pl.when(pl.col("session") == session).then(other).otherwise("booked")
    return Searches(searches.sessions.with_columns(booked=booked), searches.options)


def deal(searches: Searches) -> Split:
    """Three folds of whole sessions."""
    return split.split_folds(searches.sessions, 3, 1, 0)


@pytest.mark.parametrize("session", [21, 61, 104])
def test_cross_fitted_no_session_sees_its_own_answer(train: Searches, session: int) -> None:
    few = keep_first(train, 120)
    other = rebook_one(few, session)
    own = few.sessions.filter(session=session)
    assert other.sessions["booked"][session] != own["booked"].item()
    before, after = deal(few), deal(other)
    for old, new in zip(list_snapshots(before), list_snapshots(after), strict=True):
        features, again = build_seen(few, old), build_seen(other, new)
        assert take_rows(few, again, own).equals(take_rows(few, features, own))
        learns = session in old.visible["session"]
        changed = [name for name in features.columns if not again[name].equals(features[name])]
        # Others do see it, unless it validates.
        assert {name.partition("_")[0] for name in changed} == (LOOKING if learns else set())


def list_snapshots(made: Split) -> list[Snapshots]:
    """Those of every fold, then those of the final fit."""
    return [*(fold.snapshots for fold in made.folds), made.final]


def test_cross_fitted_no_answer_of_a_validating_session_reaches_its_fold(train: Searches) -> None:
    few = keep_first(train, 120)
    made = deal(few)
    for fold in made.folds:
        held = fold.roles.filter(role="valid")["session"]
        other = (pl.col("booked") + 1) % pl.col("size")
        booked = pl.when(pl.col("session").is_in(held.implode())).then(other).otherwise("booked")
        rebooked = Searches(few.sessions.with_columns(booked=booked), few.options)
        assert build_seen(rebooked, fold.snapshots).equals(build_seen(few, fold.snapshots))
        assert not build_seen(rebooked, made.final).equals(build_seen(few, made.final))


def test_a_session_that_sees_its_own_fold_does_see_its_answer(train: Searches) -> None:
    few = keep_first(train, 120)
    whole = Snapshots(
        few.sessions.select("session", snapshot=pl.lit(0, pl.Int32)),
        few.sessions.select(pl.lit(0, pl.Int32).alias("snapshot"), "session"),
    )
    own = few.sessions.filter(session=61)
    before, after = (build_seen(searches, whole) for searches in (few, rebook_one(few, 61)))
    assert not take_rows(few, after, own).equals(take_rows(few, before, own))


# --- the test ---


REORDERED: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "sessions backwards": lambda test: test.sort("requestDate", descending=True, maintain_order=True),
    "a row of each session in turn": lambda test: test.sort(
        pl.int_range(pl.len()).over("ranker_id"), maintain_order=True
    ),
    "other sessions left out": lambda test: test.filter(pl.col("ranker_id").rank("dense") % 3 == 1),
}


@pytest.mark.parametrize("cross_fitted", [False, True])
@pytest.mark.parametrize("reordered", REORDERED)
def test_a_test_session_does_not_depend_on_the_others(
    planted: Planted, reordered: str, cross_fitted: bool, tmp_path: Path
) -> None:
    folder, codes, train = planted
    test = pl.read_parquet(folder / schema.TEST)
    edited = REORDERED[reordered](test)
    edited.write_parquet(tmp_path / schema.TEST)
    assert not edited.equals(test)
    assert edited["requestDate"].min() == test["requestDate"].min()  # which ends the history of all of them
    known = build_test(train, codes, folder / schema.TEST, cross_fitted)
    features = build_test(train, codes, tmp_path / schema.TEST, cross_fitted)
    assert features.height == edited.height
    assert features.equals(known.filter(pl.col("Id").is_in(edited["Id"].implode())))


WRONG: Mapping[str, pl.Expr] = {
    "a date of 1970": pl.lit(datetime.datetime(1970, 1, 1, 0, 0, 1)).alias("requestDate"),
    "a date of 2099": pl.lit(datetime.datetime(2099, 1, 1)).alias("requestDate"),
    "a date a year early": pl.col("requestDate") - datetime.timedelta(days=365),
    "a date in the train file": pl.col("requestDate") - datetime.timedelta(days=10),
    "a price of a million": pl.lit(1e6).alias("totalPrice"),
    "a price of a cent": pl.lit(0.01).alias("totalPrice"),
    "taxes without end": pl.lit(1e300).alias("taxes"),
    "a trip of 22 days": pl.lit("22.00:00:00").alias("legs0_duration"),
    "a departure of 1970": pl.lit("1970-01-01T00:00:00").alias("legs0_departureAt"),
    "127 seats": pl.lit(127.0).alias("legs0_segments0_seatsAvailable"),
}


@pytest.mark.parametrize("cross_fitted", [False, True])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_in_one_test_session_changes_nothing_for_the_others(
    planted: Planted, wrong: str, cross_fitted: bool, tmp_path: Path
) -> None:
    folder, codes, train = planted
    test = pl.read_parquet(folder / schema.TEST)
    dtypes = test.schema
    (name,) = test.select(WRONG[wrong]).columns
    odd = pl.col("ranker_id") == test["ranker_id"][test.height // 2]
    edited = test.with_columns(pl.when(odd).then(WRONG[wrong]).otherwise(name).cast(dtypes[name]).alias(name))
    assert not edited.equals(test)
    edited.write_parquet(tmp_path / schema.TEST)
    known = build_test(train, codes, folder / schema.TEST, cross_fitted)
    features = build_test(train, codes, tmp_path / schema.TEST, cross_fitted)
    others = pl.col("Id").is_in(test.filter(~odd)["Id"].implode())
    assert features.filter(others).equals(known.filter(others))


def build_test(train: Searches, codes: Codes, path: Path, cross_fitted: bool) -> pl.DataFrame:
    """Every feature of every row of a test file, by Id."""
    test = reader.read_searches(path, codes, labelled=False)
    snapshots = split.take_test_snapshot(train.sessions, test.sessions, cross_fitted, PERIOD_DAYS)
    past = booking_history.build_history(booking_history.collect_bookings(train), snapshots)
    features = build_features(test, 0, test.sessions.height, snapshots.assigned, past, BLOCKS)
    ids = pl.read_parquet(path, columns=["Id"])["Id"].gather(test.options["row"])
    return features.with_columns(ids).sort("Id")
