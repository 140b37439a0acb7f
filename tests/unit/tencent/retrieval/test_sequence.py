"""The sequence channel: it learns what follows what, from nothing behind the end, the same twice; all are answered."""

import msgspec
import numpy as np
import pytest
import torch

from competitions.tencent.config import SequenceSettings
from competitions.tencent.corpus import Catalogue, CatalogueRows
from competitions.tencent.retrieval import sequence
from competitions.tencent.retrieval.content import Content, prepare_content
from competitions.tencent.retrieval.sequence import CHANNEL, SequenceTable
from competitions.tencent.retrieval.sequence_model import training
from competitions.tencent.retrieval.sequence_model.training import choose_examples, cut_windows, order_batches
from competitions.tencent.sequences import Histories, whole
from tests.unit.tencent.tencent_folds import make_queries
from tests.unit.tencent.training_inputs import CONFIG, make_catalogue, make_sequences

ADS = 12
SMALL = SequenceSettings(width=16, length=6, dropout=0.1, batch=64, tokens=40_000, passes=20, rate=1e-2, negatives=8)
ROWS = CatalogueRows(np.arange(1, ADS + 1))


def make_circle(users: int = 64, seed: int = 0, action: int = 1) -> Histories:
    """Users who go round the ads in a circle, from a random start: the next ad follows from the last."""
    rng = np.random.default_rng(seed)
    histories = []
    for start in rng.integers(0, ADS, users):
        histories.append(
            [(1 + (start + step) % ADS, action, 600 * step + int(start)) for step in range(int(rng.integers(3, 9)))]
        )
    return whole(make_sequences(*histories))


def fit(history: Histories, catalogue: Catalogue | None = None, seed: int = 0, **changes: object) -> SequenceTable:
    catalogue = catalogue or make_catalogue(ADS)
    settings = msgspec.structs.replace(SMALL, **changes)  # type: ignore[arg-type]
    return sequence.fit(history, catalogue, make_contents(len(catalogue.oid)), settings, seed)


def fit_ids(history: Histories) -> SequenceTable:
    return sequence.fit(history, make_catalogue(ADS, columns={}), [], SMALL, 0)


def make_contents(rows: int) -> list[Content]:
    vectors = np.random.default_rng(0).standard_normal((rows, 4)).astype(np.float16)
    vectors[0] = 0
    return [prepare_content("81", vectors)]


def score(table: SequenceTable, queries: Histories, rows: CatalogueRows = ROWS, action: int = 1) -> np.ndarray:
    parts = table.prepare(rows, 0.0)(make_queries(queries, action))
    assert set(parts) == set(CHANNEL.parts)
    return parts["sequence"]


def make_pairs(users: int = 100, seed: int = 0) -> Histories:
    """Each odd ad is followed by the next even one, in pairs of any order: of what comes next half is known."""
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(ADS // 2)[:3] for _ in range(users)]
    return whole(make_sequences(*([(2 * int(pair) + at, 1, 0) for pair in user for at in (1, 2)] for user in drawn)))


@pytest.fixture(scope="module")
def table() -> SequenceTable:
    return fit(make_pairs())


def test_it_finds_the_planted_successor_where_popularity_finds_nothing(table: SequenceTable) -> None:
    whole_pairs = make_pairs(seed=1)
    queries = Histories(whole_pairs.sequences, whole_pairs.users, whole_pairs.ends - 1)  # an odd ad is the last
    scores = score(table, queries)
    assert scores.dtype == np.float32
    assert scores.shape == (100, ADS)
    assert (scores.argmax(1) == queries.sequences.item[queries.ends - 1]).mean() > 0.9  # of twelve equally popular
    assert table.losses[-1] < 0.7 * table.losses[0]
    assert len(table.losses) == SMALL.passes


def test_what_is_shown_when_a_query_comes_counts() -> None:
    """Ads 1 to 5 are clicked in the first month, 6 to 10 in the second, by users who have seen the same ad."""
    rng = np.random.default_rng(0)
    months = [int(month) for month in rng.integers(0, 2, 400)]
    drawn = [(12, 1 + month * 5 + int(rng.integers(0, 5))) for month in months]
    times = np.array(months) * 30 * 86_400, rng.integers(30, 90, 400)
    log = whole(
        make_sequences(
            *([(a, 1, int(time)), (b, 1, int(time + gap))] for (a, b), time, gap in zip(drawn, *times, strict=True))
        )
    )
    queries = Histories(log.sequences, log.users, log.ends - 1)
    best = score(fit_ids(log), queries)[:, :10].argmax(1)  # without the seen ad
    assert ((best >= 5) == np.array(months)).all()


def test_times_that_say_the_order_alone_are_no_moments() -> None:
    """Every history of Amazon Beauty ends at one time, which no target has before it."""
    daily = make_sequences(*([(ad, 1, (ad - size) * 86_400) for ad in range(size)] for size in (1, 3, 5)))
    assert not len(choose_examples(whole(daily), ADS, SMALL).query_times())
    daily.time[1] -= 60
    assert len(choose_examples(whole(daily), ADS, SMALL).query_times()) == 9


def test_the_action_that_is_asked_for_counts() -> None:
    """After ad 1 ads 2 to 4 are clicked, ads 5 to 7 end in conversions."""
    rng = np.random.default_rng(0)
    drawn = [(int(action), int(3 * action - 1 + rng.integers(0, 3))) for action in rng.integers(1, 3, 300)]
    log = whole(make_sequences(*([(1, 0, 0), (ad, action, 0)] for action, ad in drawn)))
    table, queries = fit_ids(log), Histories(log.sequences, log.users, log.ends - 1)
    clicks, conversions = (
        set((score(table, queries, action=action)[:, 1:].argmax(1) + 2).tolist()) for action in (1, 2)
    )
    assert clicks <= {2, 3, 4}
    assert conversions <= {5, 6, 7}


def test_the_settings_of_the_file_are_the_defaults_and_heads_divide_the_width() -> None:
    assert CONFIG.sequence == SequenceSettings()
    with pytest.raises(ValueError, match="multiple"):
        SequenceSettings(width=30, heads=4)


def test_a_history_s_last_events_are_read_and_nothing_behind_its_end(table: SequenceTable) -> None:
    short, long = [(3, 1, 1), (4, 1, 2)], [(ad, 1, ad) for ad in range(1, 10)]
    log = make_sequences(short, [*short, (9, 1, 3)], long, long[3:])
    ends = Histories(log, np.arange(4), log.offsets[:-1] + np.array([2, 2, 9, 6]))
    scores = score(table, ends)
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)
    np.testing.assert_allclose(scores[2], scores[3], atol=1e-5)  # length 6


def test_clicks_are_targets_and_frequencies_those_of_the_windows_that_are_trained_on() -> None:
    """Ad 4 stands in a window without a click, ads 1 and 2 in windows that are older than the budget reaches."""
    log = make_sequences([(1, 1, 1), (2, 1, 2), (3, 2, 3), (5, 1, 8)], [(4, 0, 9)], [(5, 0, 7), (5, 1, 9)])
    examples = choose_examples(whole(log), 7, msgspec.structs.replace(SMALL, length=2, tokens=4))
    assert examples.known.rows.tolist() == [3, 5]
    assert examples.known.share.tolist() == [0, 0, 0, 0.25, 0, 0.75, 0]
    padded = examples.pad(np.arange(2))
    assert padded.item.tolist() == [[3, 5], [5, 5]]
    assert padded.clicked.tolist() == [[True, True], [False, True]]


def test_the_id_of_an_ad_that_no_window_holds_says_nothing() -> None:
    """Its vector is its content's: here, with equal content, that of an ad that the log lacks."""
    catalogue = make_catalogue(ADS, unseen=1)
    catalogue.features[:] = 1
    shown = whole(make_sequences(*([(1, 1, 5), (2, 1, 6), (3, 1, 7)] for _ in range(9)), [(4, 0, 1)]))
    table = sequence.fit(shown, catalogue, [], SMALL, 0)
    np.testing.assert_array_equal(table.vectors[4], table.vectors[ADS + 1])
    assert (table.vectors[3] != table.vectors[ADS + 1]).any()


def test_a_pass_has_every_window_once_and_near_lengths_together() -> None:
    lengths = make_circle(users=400).lengths
    batches, again = (order_batches(lengths, SMALL, np.random.default_rng(seed)) for seed in (0, 1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(400))
    assert np.mean([lengths[batch].sum() for batch in batches]) == pytest.approx(SMALL.batch, rel=0.2)
    assert np.mean([np.ptp(lengths[batch]) for batch in batches]) < 1.5
    assert np.concatenate(again).tolist() != np.concatenate(batches).tolist()


def test_seen_positives_are_no_negatives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each position's ``masked`` columns are the ads of its own window, and no others. Of some ads that are drawn the
    chance of that is known, as a logarithm.
    """
    columns, chances = list[set[int]](), list[float]()

    def spy(*given: torch.Tensor) -> torch.Tensor:
        columns.extend({int(column) for column in row} - {ADS} for row in given[4])
        chances.append(float(given[3].min()))
        return given[0].sum() * 0

    monkeypatch.setattr(training, "sampled_softmax", spy)
    log = whole(make_sequences([(1, 1, 0), (4, 1, 1), (2, 1, 2)], [(ad, int(ad == 1), ad) for ad in range(1, ADS + 1)]))
    fit(log, passes=1, length=20, negatives=ADS)
    assert sorted(columns, key=len) == [{0, 3, 1}] * 3 + [set(range(ADS))]
    fit(log, passes=1, length=20, negatives=4)
    assert chances[0] == 0 > chances[-1]


def test_a_long_history_is_read_in_windows() -> None:
    log = make_sequences([(1, 1, at) for at in range(7)], [], [(1, 1, 0)] * 3)
    windows = cut_windows(whole(log), 3)
    assert windows.users.tolist() == [0, 0, 0, 2]
    assert windows.ends.tolist() == [7, 4, 1, 10]
