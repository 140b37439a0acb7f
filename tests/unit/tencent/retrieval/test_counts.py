"""Counts of neighbours, and attributes, against tables by hand and against plain loops."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from competitions.tencent.corpus import Catalogue, CatalogueRows
from competitions.tencent.retrieval import counts as cooccurrence
from competitions.tencent.retrieval.counts import (
    CLICKED,
    COUNTED,
    LIFTED,
    WHOLE,
    Counts,
    CountSettings,
    count_pairs,
    fit_all_counts,
)
from competitions.tencent.retrieval.sparse_history import ActionWeights, attribute_matrix, weight_histories
from competitions.tencent.sequences import Histories
from tests.unit.tencent.training_inputs import draw_log, make_catalogue, write_log

PLAIN = CountSettings(
    reach=3,
    gap_decay=0.0,
    backward=0.0,
    source_power=0.0,
    target_power=0.0,
    concavity=1.0,
    top=100,
    history=0,
    fade=1.0,
    from_attributes=0.0,
    to_attributes=0.0,
    weights=ActionWeights(1.0, 1.0),
)


def fit(
    histories: Histories,
    settings: CountSettings,
    targets: np.ndarray | None = None,
    catalogue: Catalogue | None = None,
) -> Counts:
    catalogue = catalogue or make_catalogue(6, columns={})
    targets = np.arange(len(catalogue.oid)) if targets is None else targets
    return fit_all_counts(histories, catalogue, attribute_matrix(catalogue), (settings,), targets)[0]


def count_by_loops(histories: Histories, settings: CountSettings, items: int) -> np.ndarray:
    """The docstring of ``CountSettings``, read aloud."""
    table, often = np.zeros((items + 1, items + 1)), np.zeros(items + 1)
    log = histories.sequences
    weight = [settings.weights.clicked if action >= 1 else settings.weights.shown for action in log.action]
    for user, end in zip(histories.users, histories.ends, strict=True):
        events = [at for at in range(log.offsets[user], end) if weight[at]]
        for event in events:
            often[log.item[event]] += 1
        for (first, before), (second, after) in itertools.combinations(enumerate(events), 2):
            if (gap := second - first) <= settings.reach:
                one, other = log.item[before], log.item[after]
                worth = gap**-settings.gap_decay * weight[before] * weight[after]
                table[one, other] += worth
                table[other, one] += worth * settings.backward
    np.fill_diagonal(table, 0)
    often = np.maximum(often, 1)
    table *= often[:, None] ** -settings.source_power * often[None, :] ** -settings.target_power
    return np.asarray(table**settings.concavity)


@pytest.mark.parametrize(("backward", "shown"), [(0.3, 0.2), (0.0, 0.2), (0.3, 0.0)])
def test_counts_equal_plain_loops(backward: float, shown: float) -> None:
    powers = {"source_power": 0.4, "target_power": 0.2, "concavity": 0.7}
    weights = ActionWeights(shown, 2.5)
    settings = replace(PLAIN, reach=4, gap_decay=0.7, backward=backward, weights=weights, **powers)
    histories = draw_log(60, 6, seed=3)
    np.testing.assert_allclose(
        fit(histories, settings).neighbours.toarray(), count_by_loops(histories, settings, 6), rtol=1e-5
    )


def test_the_top_neighbours_are_those_among_the_targets() -> None:
    histories = write_log([1, 2], [1, 2], [1, 3])
    table = fit(histories, replace(PLAIN, top=1), np.array([3, 4]))
    np.testing.assert_array_equal(table.neighbours.toarray()[1], [1, 0])


def test_a_lift_is_how_much_oftener_than_by_chance_and_never_below_zero() -> None:
    log = write_log([1, 2], [1, 2], [1, 2, 3], [3, 4], [4, 5], [5, 1], [3], [3])
    table = fit(log, replace(PLAIN, reach=10, backward=1.0, lift=1.0)).neighbours.toarray()
    # Ads 1 and 2 stand together in 3 of 8 histories; by chance 4 x 3 / 8.
    assert table[1, 2] == pytest.approx(np.log((3 + 1) / (4 * 3 / 8 + 1)))
    assert table[4, 5] == pytest.approx(np.log((1 + 1) / (2 * 2 / 8 + 1)))
    assert table[1, 3] == 0  # once, by chance 4 x 4 / 8
    assert table[1, 1] == 0


def test_of_a_long_log_clicks_alone_are_counted() -> None:
    histories = write_log([1, 2, 3, 4], action=[[1, 0, 0, 1]])
    assert count_pairs(histories.lengths) == 12
    catalogue, candidates = make_catalogue(6, columns={}), CatalogueRows(np.arange(1, 7))
    for counted, settings in COUNTED.items():
        fitted = cooccurrence.fit(histories, catalogue, candidates, counted)
        assert {name: table.settings for name, table in fitted.tables.items() if isinstance(table, Counts)} == settings
    np.testing.assert_array_equal(fit(histories, cooccurrence.CLICKED).neighbours.toarray().nonzero(), [[1, 4], [4, 1]])


@pytest.mark.parametrize("settings", [CLICKED, LIFTED, WHOLE, replace(WHOLE, to_attributes=0.0)])
def test_a_table_of_a_smaller_pool_gives_its_ads_the_same_scores(settings: CountSettings) -> None:
    catalogue = make_catalogue(8, columns={0: [1, 1, 2, 2, 3, 0, 1, 2], 3: [4, 0, 4, 1, 1, 1, 2, 2]})
    histories, candidates = draw_log(60, 8, seed=1), CatalogueRows(np.array([1, 2, 4, 5, 7, 8]))
    table = fit(histories, settings, candidates, catalogue)
    every = table.prepare_sums(candidates)(histories)
    for pool in ([2, 5, 8], [4], [1, 2, 4, 5, 7, 8]):
        scores = table.prepare_sums(CatalogueRows(np.array(pool)))(histories)
        np.testing.assert_allclose(scores, every[:, np.isin(candidates, pool)], rtol=1e-6)


def test_histories_fade_and_end_at_their_last_events() -> None:
    histories = write_log([1, 2, 3, 2], action=[[1, 0, 2, 1]])
    weighed = weight_histories(histories, 5, ActionWeights(0.2, 1.0), fade=0.5, last=3).toarray()
    # last: 2 clicked; before it 3 converted, 0.5; before that 2 exposed, 0.25 * 0.2; 1 is too old
    np.testing.assert_allclose(weighed, [[0, 0, 1 + 0.25 * 0.2, 0.5, 0]], rtol=1e-6)


def test_scores_add_up_over_the_history_for_the_asked_columns() -> None:
    model = fit(write_log([1, 2, 3], [1, 2], [2, 1, 3]), replace(PLAIN, reach=1, fade=0.5))
    scores = model.prepare_sums(CatalogueRows(np.array([3, 1, 6])))(write_log([1, 2], [5]))
    np.testing.assert_allclose(scores, [[1 + 0.5, 1, 0], [0, 0, 0]])
    assert scores.dtype == np.float32


def test_attributes_weigh_by_how_common_they_are() -> None:
    catalogue = make_catalogue(4, columns={0: [1, 1, 1, 1], 2: [3, 3, 0, 5]})  # 5 is cold
    table = attribute_matrix(catalogue).toarray()
    expected = np.zeros((5, 8))
    expected[1:, 0] = 0.5
    expected[1:3, 6] = 2**-0.5
    np.testing.assert_allclose(table, expected)
    assert attribute_matrix(catalogue, most_values=3).shape == (5, 0)


def test_scores_reach_unseen_items_through_attributes() -> None:
    catalogue = make_catalogue(4, columns={0: [1, 2, 1, 2]})  # 4 was never seen and shares its value with 2
    for changed, query, expected in (
        ({}, 1, [0, 1, 0]),
        ({"to_attributes": 1.0}, 1, [0.5, 1.5, 0]),
        ({"from_attributes": 1.0}, 3, [0, 0.5, 0]),  # 3 is like 1
    ):
        model = fit(write_log([1, 2]), replace(PLAIN, **changed), catalogue=catalogue)
        scores = model.prepare_sums(CatalogueRows(np.array([4, 2, 3])))(write_log([query]))
        np.testing.assert_allclose(scores, [expected])
