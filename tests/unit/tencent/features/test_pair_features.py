"""Features of pairs, as comparing every event with every candidate has them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.features import pair_features
from competitions.tencent.features.pair_features import WIDTH_FACTORS, share_values
from competitions.tencent.retrieval.channel import KINDS, WeightedHistories
from competitions.tencent.retrieval.content import Content, prepare_content
from competitions.tencent.retrieval.search import SEARCH_SCORE, Candidates
from tests.unit.tencent.tencent_folds import ask_all
from tests.unit.tencent.training_inputs import make_catalogue, make_corpus, make_sequences


@pytest.mark.parametrize("step", [1, 10_000])  # of codes
def test_shares_are_those_of_comparing_every_pair(step: int) -> None:
    """A missing value, 0, shares nothing."""
    rng = np.random.default_rng(0)
    before, own = step * rng.integers(0, 40, (5, 30)), step * rng.integers(0, 50, (5, 12))
    weights = torch.from_numpy(rng.random((5, 3, 30)).astype(np.float32))
    same = (before[:, :, None] == own[:, None, :]) & (own > 0)[:, None, :]
    expected = np.einsum("qke,qec->qkc", weights.numpy(), same.astype(np.float32))
    shares = share_values(weights, before, own)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares, expected, rtol=1e-5, atol=1e-6)
    assert (expected > 0).any()


@pytest.mark.parametrize("held", [1, 2, 8])
def test_content_columns_are_those_of_all_cosines(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_features, "CACHED", held)
    rng = np.random.default_rng(0)
    content = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(30, 6)).astype(np.float32)), dim=1)
    mask = np.arange(7) < np.array([7, 4, 5, 2, 0])[:, None]
    clicked = mask & (rng.random((5, 7)) < 0.5)
    clicked[3] = False
    item = np.where(mask, rng.integers(1, 30, (5, 7)), 0)
    weights = (rng.random((5, len(KINDS), 7)) * mask[:, None]).astype(np.float32)
    last = np.where(clicked.any(1), 6 - clicked[:, ::-1].argmax(1), -1)
    nothing: Any = np.zeros((5, 7), np.int64)
    action, kinds = clicked.astype(np.int64), torch.from_numpy(weights)
    past = WeightedHistories(item, action, nothing, mask, nothing, kinds, item[:, 0], last)
    asked: Any = SimpleNamespace(past=past)
    ads, scores = rng.integers(1, 30, (5, 9)), np.zeros((5, 9), np.float32)
    candidates = Candidates(asked, CatalogueRows(ads), scores, {}, {})
    columns = pair_features.compare_content(Content("81", content.numpy()), 9.0, candidates)

    for query in range(5):
        cosine = (content[item[query]] @ content[ads[query]].T).numpy()
        for factor in WIDTH_FACTORS:
            near = np.log(weights[query] @ np.exp(9.0 * factor * (cosine - 1)) + 1e-6)
            for at, kind in enumerate(KINDS):
                np.testing.assert_allclose(columns[f"kernel {factor:.3g} {kind}"][query], near[at], atol=1e-4)
        for name, events in (("a click", clicked[query]), ("an event", mask[query])):
            largest = cosine[events].max(0, initial=-1.0)
            np.testing.assert_allclose(columns[f"cosine to {name}"][query], largest, atol=1e-6)
        of_last = cosine[last[query]] if last[query] >= 0 else np.zeros(9)
        np.testing.assert_allclose(columns["cosine to the last click"][query], of_last, atol=1e-6)


def describe_queries(*histories: list[tuple[int, int, int]]) -> tuple[Candidates, dict[str, Any]]:
    """The candidates of users with these histories, and all columns by name."""
    search, queries = ask_all(make_corpus(make_sequences(*histories), 12), ("counts", "values"))
    candidates = search.at(int(queries.time[0])).retrieve(queries)
    blocks = ("popularity", "query", "search", "shares")
    features, names = pair_features.pair_features(search.tables, candidates, blocks)
    assert features.shape == (len(histories), 12, len(names))
    return candidates, {name: features[:, :, at] for at, name in enumerate(names)}


def test_shares_are_of_the_weight_of_a_history() -> None:
    """A single click, which counts thrice now, is all of it."""
    columns = describe_queries([(1, 1, 10)])[1]
    shares = [column for name, column in columns.items() if name.startswith("share of") and name.endswith("now")]
    assert np.unique(shares).tolist() == [0, 1]


def test_what_follows_goes_by_the_ad_that_was_clicked_last() -> None:
    """Nine users click ad 2 behind ad 1, which the last one clicks between others."""
    catalogue = make_catalogue(12, columns={0: [1, 2, *[3] * 10]})
    log = make_sequences(*[[(1, 1, 0), (2, 1, 5)]] * 9, [(3, 0, 0), (1, 1, 5), (4, 0, 9)])
    search, queries = ask_all(make_corpus(log, 12, catalogue=catalogue), ("values",))
    candidates = search.at(int(queries.time[0])).retrieve(queries)
    (follows,) = pair_features.follows_columns(search.tables, candidates).values()
    assert candidates.item[-1][follows[-1] > 0].tolist() == [2]


def test_columns_of_a_query_by_hand() -> None:
    """A user who did nothing is asked as well: at the middle of the others' times, and of no click there is no time."""
    hour, day = 3_600, 86_400
    shown = [(3, 0, 100 * day + at * hour) for at in range(1, 13)]
    candidates, columns = describe_queries([(1, 1, 100 * day), *shown], [], [(2, 0, 100 * day + 6 * hour)])
    assert candidates.queries.time.tolist() == [100 * day + at * hour for at in (12, 9, 6)]
    first = {name: column[:, 0] for name, column in columns.items() if (column == column[:, :1]).all()}
    assert first["events of the query"] == pytest.approx(np.log1p([13, 0, 1]))
    assert first["clicks of the query"] == pytest.approx([1 / 13, 0, 0])
    assert columns["hours since the last click"][:, 0] == pytest.approx([np.log1p(12), np.nan, np.nan], nan_ok=True)
    assert first["hours of the last ten events"] == pytest.approx([np.log1p(9), 0, 0])
    assert first["hour of the day"] == pytest.approx([12, 9, 6])


def test_chosen_candidates_are_described_as_among_all() -> None:
    """Some queries' candidates, in the order of the list: the best of it is among those left out."""
    log = make_sequences([(1, 1, 10), (2, 0, 20), (3, 1, 30)], [(4, 1, 10)], [(5, 0, 15), (6, 1, 40)])
    content = prepare_content("81", np.random.default_rng(0).normal(size=(13, 4)).astype(np.float16))
    search, queries = ask_all(make_corpus(log, 12), ("content", "behaviour", "counts", "values"), [content])
    candidates = search.at(int(queries.time[0])).retrieve(queries)
    kept = np.array([[1, 4, 11], [2, 3, 5]])
    chosen = candidates.take(np.array([2, 0]), kept)
    (every, names), (some, same) = (
        pair_features.pair_features(search.tables, each, "auto") for each in (candidates, chosen)
    )
    assert names == same
    assert some.shape == (2, 3, len(names))
    np.testing.assert_allclose(some, np.take_along_axis(every[[2, 0]], kept[:, :, None], 1), rtol=1e-4, atol=1e-5)


def test_retrievals_score_is_below_the_best_and_far_below_for_what_was_seen() -> None:
    candidates, columns = describe_queries([(1, 1, 10), (2, 1, 20)], [(3, 0, 10)])
    score, seen = columns[SEARCH_SCORE], ~np.isfinite(candidates.scores)
    assert score[:, 0].tolist() == [0.0, 0.0]
    assert score[~seen] == pytest.approx((candidates.scores - candidates.scores[:, :1])[~seen])
    assert seen.sum(1).tolist() == [2, 1]
    assert score[seen].tolist() == [-100.0] * 3
