"""Counts of feature values against loops over pairs of events; the parts of the channel, by hand."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp

from competitions.tencent.corpus import CatalogueRows
from competitions.tencent.retrieval import values as value_counts
from competitions.tencent.retrieval.channel import LEAST
from competitions.tencent.retrieval.counts import as_dense
from competitions.tencent.retrieval.sparse_history import ActionWeights, attribute_matrix, weight_histories
from competitions.tencent.retrieval.values import (
    AGAIN,
    BEHIND_SHOWN,
    ValueCounts,
    ValueSettings,
    fit,
    fit_value_counts,
)
from competitions.tencent.sequences import Histories
from tests.unit.tencent.tencent_folds import make_queries
from tests.unit.tencent.training_inputs import draw_log, make_catalogue, write_log

PLAIN = ValueSettings(reach=1, gap_decay=0.0, backward=0.0, power=0.0, fade=1.0, weights=ActionWeights(1.0, 1.0))
CATALOGUE = make_catalogue(6, columns={0: [1, 1, 2, 2, 3, 0], 3: [4, 0, 4, 1, 1, 1]})


def score(model: ValueCounts, pool: list[int], queries: Histories) -> np.ndarray:
    """Of the ads in these rows of the catalogue, [queries, ads]."""
    return model.prepare_sums(CatalogueRows(np.array(pool)))(queries)


def count_by_loops(histories: Histories, attributes: np.ndarray, settings: ValueSettings) -> np.ndarray:
    """The docstring of ``ValueSettings``, read aloud."""
    table, log = np.zeros((attributes.shape[1],) * 2), histories.sequences
    for user, end in zip(histories.users, histories.ends, strict=True):
        span = slice(log.offsets[user], end)
        weights = np.where(log.action[span] >= 1, settings.weights.clicked, settings.weights.shown)
        events = [(item, weight) for item, weight in zip(log.item[span], weights, strict=True) if weight]
        for (at, (one, before)), (to, (other, after)) in itertools.combinations(enumerate(events), 2):
            if to - at <= settings.reach and one != other:
                pair = (to - at) ** -settings.gap_decay * before * after * np.outer(attributes[one], attributes[other])
                table += pair + settings.backward * pair.T
    share = np.outer(table.sum(1), table.sum(0)) ** settings.power
    return np.asarray(table / np.where(share > 0, share, 1))


@pytest.mark.parametrize(("part_events", "backward", "shown"), [(1, 0.3, 0.2), (20, 0.0, 0.2), (10**6, 0.3, 0.0)])
def test_values_are_counted_as_by_loops_in_parts_of_any_size(
    part_events: int, backward: float, shown: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(value_counts, "PART_PAIRS", part_events)
    settings = ValueSettings(gap_decay=0.7, backward=backward, power=0.4, weights=ActionWeights(shown, 2.5))
    histories, attributes = draw_log(60, 6, seed=3), attribute_matrix(CATALOGUE)
    table = fit_value_counts(histories, [attributes], settings).table
    np.testing.assert_allclose(table, count_by_loops(histories, attributes.toarray(), settings), rtol=1e-4, atol=1e-7)


def test_of_a_long_log_evenly_spaced_histories_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_counts, "MOST_EVENTS", 4)
    users, attributes = [[1, 2], [3, 4], [2, 5], [4, 1]], attribute_matrix(CATALOGUE)
    tables = [fit_value_counts(write_log(*own), [attributes], PLAIN).table for own in (users, users[::2])]
    np.testing.assert_array_equal(as_dense(tables[0]), as_dense(tables[1]))


OWN = make_catalogue(4, columns={0: [1, 2, 3, 4]})  # each ad has a value of its own


def test_a_click_behind_what_was_shown_raises_its_values_at_any_distance() -> None:
    """Pairs (1, 2) of two users and (4, 2) have half the weight of a click; (2, 3) is a click behind a click."""
    log = write_log([1, 2, 3], [1, 4, 2], [2, 3], action=[[0, 1, 0], [0, 0, 1], [1, 1]])
    model = fit_value_counts(log, [attribute_matrix(OWN)], BEHIND_SHOWN)
    expected = np.zeros((4, 4))
    expected[0, 1], expected[3, 1], expected[1, 2] = 1 / np.sqrt(1.0 * 1.5), 0.5 / np.sqrt(0.5 * 1.5), 1.0
    np.testing.assert_allclose(model.table, expected, rtol=1e-6)
    queries = write_log([1], [1, 4], action=[[0], [0, 0]])
    scores = score(model, [2, 3], queries)
    faded = 0.5 * (0.75 * expected[0, 1] + expected[3, 1])
    np.testing.assert_allclose(scores, [[0.5 * expected[0, 1], 0.0], [faded, 0.0]], rtol=1e-6)


def test_values_that_stand_often_in_a_history_are_wanted_again() -> None:
    """Ads 1 and 2 have one value, 3 and 4 another: two ads each, so that a pair of them shares 1 / 2."""
    attributes = attribute_matrix(make_catalogue(4, columns={0: [1, 1, 2, 2]}))
    queries = write_log([1, 3, 1], [1, 3, 1], [3], action=[[0, 0, 0], [0, 1, 0], [0]])
    scores = score(ValueCounts(None, attributes, AGAIN), [2, 4], queries)
    often = (1 + 0.97**2) / 2
    np.testing.assert_allclose(scores, [[often, 0.97 / 2], [often, 3 * 0.97 / 2], [0.0, 0.5]], rtol=1e-6)


def test_the_channel_has_more_parts_where_anything_is_shown_only() -> None:
    clicked, rows = write_log([1, 2], [3, 4]), CatalogueRows(np.array([2, 4]))
    table = fit(clicked, OWN, exposures=False)
    assert [*table.prepare(rows, 0.0)(make_queries(clicked))] == ["values"]
    shown = write_log([1, 2], [3, 4], action=[[-1, 1], [1, 1]])  # an action that the host does not give was shown
    table = fit(shown, OWN, exposures=True)
    scores = table.prepare(rows, 0.0)(make_queries(write_log([1], action=[[-1]])))
    assert [*scores] == ["values", "values shown", "values again"]
    assert scores["values shown"][0] == pytest.approx(np.log([2.01, LEAST]), abs=1e-4)  # 2 was clicked behind 1, 4 not
    assert scores["values"] == pytest.approx(np.log(LEAST), abs=1e-4)  # nobody clicked two


def test_tables_share_attributes_and_index_by_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large log's tables are gigabytes on disk; what is one object is stored once."""
    monkeypatch.setattr(value_counts, "PAIRED_VALUES", 2)
    monkeypatch.setattr(value_counts, "unpack_full", lambda table: table)
    tables = fit(draw_log(60, 6, seed=3), CATALOGUE, exposures=True).tables.values()
    assert len(tables) == 6
    assert len({id(table.attributes) for table in tables}) == 2
    parts = [part for table in tables for part in (table.table, table.attributes) if part is not None]
    assert {part.indices.dtype for part in parts} == {np.dtype(np.int32)}


def test_what_lies_far_back_is_left_out() -> None:
    """At a fade of a half seven clicks count: one of ad 1 with seven behind it is as if it had not been."""
    model = ValueCounts(None, attribute_matrix(OWN), ValueSettings(fade=0.5))
    scores = score(model, [1, 2], write_log([1] + [2] * 7, [2] * 7, [1] + [2] * 6))
    assert scores[0].tolist() == scores[1].tolist()
    assert scores[2, 0] == pytest.approx(0.5**6)


@pytest.mark.parametrize("settings", [PLAIN, AGAIN])
def test_a_pool_gets_what_the_table_of_all_values_gives(settings: ValueSettings) -> None:
    """However the table is held: full, with empty cells left out, or none, where each value speaks for itself."""
    catalogue = make_catalogue(8, columns={0: [1, 1, 2, 2, 3, 0, 4, 5], 3: [4, 0, 4, 1, 1, 2, 3, 3]})
    attributes, log = attribute_matrix(catalogue), draw_log(60, 8, seed=5)
    full = fit_value_counts(log, [attributes], settings).table
    assert isinstance(full, np.ndarray)
    queries = draw_log(9, 8, seed=6)
    seen = weight_histories(queries, attributes.shape[0], settings.weights, settings.fade).toarray()
    for table in (full, sp.csr_array(full), None):
        scores = score(ValueCounts(table, attributes, settings), [2, 5, 6], queries)
        of_all = np.eye(len(full)) if table is None else full
        expected = seen @ attributes.toarray() @ of_all @ attributes.toarray()[[2, 5, 6]].T
        np.testing.assert_allclose(scores, expected, rtol=1e-5)
        assert (scores.shape, scores.dtype, scores.flags.c_contiguous) == ((9, 3), np.float32, True)
        assert scores.any()
