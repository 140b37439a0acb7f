"""What holds for every channel of the registry, on one planted log: people who click ads of one of six groups alone.

The ads of a group share a value of a feature and lie near each other in an embedding, so that each channel can find
them by what it goes by. And the weights of a query's events, by hand.
"""

import dataclasses

import numpy as np
import pytest

from common.arrays import Singles
from competitions.tencent.corpus import Bools, Catalogue, CatalogueRows, Corpus, Sequences
from competitions.tencent.features.pair_features import pair_features
from competitions.tencent.fold_tables import FoldTables
from competitions.tencent.io import schema
from competitions.tencent.retrieval import content, registry
from competitions.tencent.retrieval.channel import (
    CLICKED,
    KINDS,
    LASTING,
    RECENT,
    Channel,
    Queries,
    Scorer,
    Table,
    heaviest_events,
    weigh_events,
)
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.fusion import learn_fusion
from competitions.tencent.retrieval.registry import CHANNELS, find_channel
from competitions.tencent.retrieval.search import Search, take_queries
from competitions.tencent.sequences import Histories, whole
from competitions.tencent.split import Fold
from tests.unit.tencent.tencent_folds import SEQUENCE, fit_channel, fit_fold, make_queries
from tests.unit.tencent.training_inputs import CONFIG, hide_from, make_corpus, make_sequences

SETTINGS = CONFIG.ranker.features
GROUPS, EACH, USERS, CLICKS = 6, 6, 240, 5
ADS = GROUPS * EACH
NEW = ADS + 1  # an ad of the first group that is in no history


def group_of(rows: np.ndarray) -> np.ndarray:
    return np.where(rows == NEW, 0, (rows - 1) // EACH)


def make_catalogue() -> Catalogue:
    features = np.zeros((NEW + 1, len(schema.ITEM_FEATURES)), np.int32)
    features[1:, 0] = 1 + group_of(np.arange(1, NEW + 1))
    sizes = (GROUPS, *[0] * (len(schema.ITEM_FEATURES) - 1))
    return Catalogue(np.arange(NEW + 1) * 10, features, ADS, sizes)


def make_content() -> Content:
    rng = np.random.default_rng(5)
    vectors = np.eye(GROUPS + 2)[group_of(np.arange(NEW + 1))] + 0.1 * rng.normal(size=(NEW + 1, GROUPS + 2))
    vectors[0] = 0
    return Content("emb_1_8", (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)).astype("f2"))


def draw_sequences(seed: int = 0) -> Sequences:
    rng = np.random.default_rng(seed)
    histories = []
    for user in range(USERS):
        ads = 1 + EACH * (user % GROUPS) + rng.permutation(EACH)[:CLICKS]
        histories.append([(int(ad), 1, 86_400 * at) for at, ad in enumerate(ads)])
    return make_sequences(*histories)


CATALOGUE, CONTENT, LOG = make_catalogue(), make_content(), draw_sequences()
ROWS = CatalogueRows(np.arange(1, NEW + 1))


@pytest.fixture(params=[*CHANNELS])
def channel(request: pytest.FixtureRequest) -> Channel:
    return content.of_embedding(CONTENT.name) if request.param == "content" else CHANNELS[request.param]


def fit(channel: Channel, history: Histories) -> Table:
    if channel.name == CONTENT.name:
        return CONTENT
    given = {"history": history, "catalogue": CATALOGUE, "candidates": ROWS, "contents": [CONTENT]}
    given |= {"counted": "events", "exposures": False}
    return fit_channel(channel, settings=SEQUENCE, seed=0, **given)


def before_last(log: Sequences, hidden: int = 2) -> Histories:
    return Histories(log, np.arange(len(log)), log.offsets[1:] - hidden)


def hold_out() -> tuple[Corpus, Fold]:
    """The last click of every user is the target of an earlier fold."""
    return make_corpus(LOG, NEW, catalogue=CATALOGUE), hide_from(LOG, LOG.offsets[1:] - 1, ROWS)


def search_by(channel: Channel) -> tuple[Search, Queries]:
    """A search by this channel alone."""
    corpus, fold = hold_out()
    name = "content" if channel.name == CONTENT.name else channel.name
    tables = fit_fold(corpus, fold, (name,), [CONTENT], list_length=10)
    fusion = dataclasses.replace(tables.fusion, weights=dict.fromkeys(channel.parts, 1.0))
    return Search(dataclasses.replace(tables, fusion=fusion), SETTINGS), take_queries(corpus, fold, 100)


def score(channel: Channel, history: Histories, queries: Histories) -> dict[str, Singles]:
    return fit(channel, history).prepare(ROWS, 12.0)(make_queries(queries))


def own_group(queries: Histories) -> Bools:
    """Whether an ad is of the group of a query, [queries, ads]."""
    return np.asarray((np.arange(USERS) % GROUPS)[queries.users, None] == group_of(np.asarray(ROWS)))


def test_the_planted_neighbours_score_above_all_others(channel: Channel) -> None:
    history = before_last(LOG)
    for part, scores in score(channel, history, history).items():
        assert part in channel.parts
        assert scores.dtype == np.float32
        assert scores.shape == (USERS, len(ROWS))
        inside = own_group(history)
        assert np.isfinite(scores).all(), part
        best = np.where(inside, scores, -np.inf).max(1)
        assert (best > np.where(inside, -np.inf, scores).max(1)).mean() > 0.95, part


def test_what_a_user_has_seen_is_never_listed(channel: Channel) -> None:
    search, queries = search_by(channel)
    candidates = search.at(0).retrieve(queries)
    listed = np.where(np.isfinite(candidates.scores), candidates.item, -1)
    for row, user in enumerate(queries.histories.users):
        seen = LOG.item[LOG.offsets[user] : LOG.offsets[user + 1] - 1]
        assert not set(seen.tolist()) & set(listed[row].tolist())
    assert (group_of(listed[:, 0]) == np.arange(USERS) % GROUPS).mean() > 0.95


def test_what_lies_behind_the_cut_is_not_reached(channel: Channel) -> None:
    history = before_last(LOG)
    other = dataclasses.replace(LOG, item=LOG.item.copy(), action=LOG.action.copy(), time=LOG.time.copy())
    behind = np.concatenate([[end - 2, end - 1] for end in LOG.offsets[1:]])
    other.item[behind], other.action[behind], other.time[behind] = NEW, 0, 1
    changed = before_last(other)
    for one, two in zip(*(score(channel, each, each).values() for each in (history, changed)), strict=True):
        assert one.tobytes() == two.tobytes()


def test_two_fits_give_the_same_bytes(channel: Channel) -> None:
    history = before_last(LOG)
    for one, two in zip(*(score(channel, history, history).values() for _ in range(2)), strict=True):
        assert one.tobytes() == two.tobytes()


def test_who_did_nothing_and_a_log_of_one_user_or_none_are_scored(channel: Channel) -> None:
    history = before_last(LOG)
    nothing, first_user = Histories(LOG, np.arange(3), LOG.offsets[:3]), history.take(np.array([0]))
    for fitted in (history, first_user, nothing):
        for part, scores in score(channel, fitted, nothing).items():
            assert scores.shape == (3, len(ROWS))
            assert np.isfinite(scores).all(), part


@dataclasses.dataclass(frozen=True)
class Oracle:
    """A toy: the ads of the group of a user's last click."""

    def prepare(self, candidates: CatalogueRows, width: float) -> Scorer:
        def score(queries: Queries) -> dict[str, Singles]:
            inside = group_of(queries.past.last_click)[:, None] == group_of(np.asarray(candidates))
            return {"toy": inside.astype(np.float32)}

        return score


TOY = Channel("toy", lambda history: Oracle(), ("history",), ("toy",))


def test_a_new_channel_is_one_line_in_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is fitted, weighed, added up, described to the ranker, and named in what the fusion records."""
    monkeypatch.setitem(registry.CHANNELS, TOY.name, TOY)
    corpus, fold = hold_out()
    tables: FoldTables = fit_fold(corpus, fold, ("values", "toy"), [CONTENT])
    assert [*tables.tables] == ["values", "toy"]
    fusion = learn_fusion(corpus, fold, tables, SETTINGS, False, 0)
    assert "toy" in fusion.channels
    assert fusion.weights["toy"] > 1.0
    assert [row["channel"] for row in fusion.rows] == ["values", "toy"]
    learned = dataclasses.replace(tables, fusion=fusion)
    candidates = Search(learned, SETTINGS).at(0).retrieve(take_queries(corpus, fold, 100).take(np.arange(5)))
    names = pair_features(learned, candidates, ("search",))[1]
    assert {"toy score", "toy below the best", "toy rank"} <= {*names}
    assert find_channel("toy") is TOY


# --- the weights of events ---

PAST = make_sequences([(1, 0, 0), (2, 1, 1), (3, 0, 2)], [(4, -1, 0)], [(5, 2, 0), (6, 1, 1)])


def test_events_are_padded_at_the_end_and_recent_ones_and_clicks_weigh_more() -> None:
    past = weigh_events(whole(PAST), 10)
    assert past.item.tolist() == [[1, 2, 3], [4, 0, 0], [5, 6, 0]]
    assert past.mask.tolist() == [[True, True, True], [True, False, False], [True, True, False]]
    assert past.clicked.tolist() == [[False, True, False], [False, False, False], [True, True, False]]
    assert (past.last_click.tolist(), past.last_position.tolist()) == ([2, 0, 6], [1, -1, 1])
    assert KINDS == ("recent", "clicked", "shown", "now")
    expected = [
        [[RECENT**2, RECENT * CLICKED, 1.0], [0.0, LASTING, 0.0], [LASTING**2, 0.0, 1.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]],  # an action that the host does not give was shown
        [[RECENT * CLICKED, CLICKED, 0.0], [LASTING, 1.0, 0.0], [0.0, 0.0, 0.0]],  # a conversion is a click
    ]
    np.testing.assert_allclose(past.weights[:, :3].numpy(), expected, rtol=1e-6)


def test_what_is_seen_now_counts_by_its_hours_and_a_click_thrice() -> None:
    """Six hours before the last event an event counts a half; how many stand between does not matter."""
    hour = 3_600
    past = weigh_events(
        whole(make_sequences([(1, 0, 0), (2, 1, 6 * hour), (3, 0, 12 * hour), (4, 0, 12 * hour)], [(5, 2, 0)], [])), 10
    )
    now = past.weights[:, KINDS.index("now")].numpy()
    np.testing.assert_allclose(now, [[0.25, 3 / 2, 1.0, 1.0], [3.0, 0.0, 0.0, 0.0], [0.0] * 4], rtol=1e-6)
    assert sorted(heaviest_events(past, 3, "now")[0][0].tolist()) == [2, 3, 4]


def test_of_many_events_the_heaviest_are_chosen() -> None:
    item, weights = heaviest_events(weigh_events(whole(PAST), 10), 2)
    chosen = dict(zip(item[0].tolist(), weights[0].tolist(), strict=True))
    assert chosen == pytest.approx({2: RECENT * CLICKED, 3: 1.0})  # the click, and the last before the first
