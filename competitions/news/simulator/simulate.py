"""Write raw files of any size in the organiser's layout, with the hidden clicks and the best score anyone could reach.

    python -m competitions simulate news --out build/news/simulated --scale 0.05 --seed 1

Every click is drawn from the distribution in ``articles.py``; the oracle ranks by it, so the ceiling is exact.
"""

from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Floats, Ints
from common.day.hosts import TRUTH
from common.engine.progress import track
from common.simulation.oracle import Oracle, summarise
from common.simulation.writer import Simulation, append_csv, check_request, write_simulation
from competitions.news.io.reader import ARTICLES, EMBEDDINGS, TEST_A, TRAIN
from competitions.news.simulator import articles
from competitions.news.simulator.articles import EMBEDDED_SHARE, EMBEDDING_WIDTH, Catalogue
from competitions.news.simulator.sessions import Sessions, make_sessions
from competitions.news.simulator.users import draw_devices, draw_items, make_queries, rank_best

VERSION = 3  # goes up when the same scale and seed give other files
TRAIN_USERS, TRAIN_CLICKS = 200_000, 1_112_623
TEST_USERS, TEST_CLICKS = 50_000, 518_010  # the visible clicks
ARTICLE_COUNT, LIVE_ARTICLES, CATEGORIES = 364_047, 38_000, 461
TEST_ID_FROM = 200_000
EMBEDDING_BLOCK = 8192
EMBEDDING_DECIMALS = 10  # with which the file has the host's size, 973 MB at scale 1


def simulate(out: Path, scale: float, seed: int) -> Simulation:
    """Simulate into ``out``, replacing only an earlier simulation there; the same arguments give the same bytes.

    Raises ``UserError`` for a scale or seed out of range, and for a folder that holds other files or cannot be written.
    """
    check_request(scale, seed)
    sizes = measure(scale)
    return write_simulation(
        out,
        {TRAIN, TEST_A, ARTICLES, EMBEDDINGS},
        {"version": VERSION, "scale": scale, "seed": seed},
        lambda folder: (sizes, _write_all(folder, sizes, seed)),
    )


def measure(scale: float) -> dict[str, int]:
    """Rows of each file at a scale; 1.0 gives the host's. ``test_clicks`` are the visible ones.

    Live articles grow with the root of the scale: a sample of users sees most of the newspaper, not a sample of it.
    """
    count = max(500, round(ARTICLE_COUNT * scale))
    return {
        "train_users": round(TRAIN_USERS * scale),
        "train_clicks": round(TRAIN_CLICKS * scale),
        "test_users": round(TEST_USERS * scale),
        "test_clicks": round(TEST_CLICKS * scale),
        "articles": count,
        "live_articles": min(round(LIVE_ARTICLES * scale**0.5), round(0.6 * count)),
        "categories": round(CATEGORIES * min(scale, 1.0) ** 0.3),
        "embeddings": round(count * EMBEDDED_SHARE),
    }


def _write_all(folder: Path, sizes: dict[str, int], seed: int) -> Oracle:
    catalogue = articles.make_catalogue(sizes["articles"], sizes["live_articles"], sizes["categories"], seed)
    live = articles.make_live_catalogue(catalogue, seed)
    clicks = (sizes["train_clicks"], sizes["test_clicks"] + sizes["test_users"])
    sessions = make_sessions((sizes["train_users"], sizes["test_users"]), clicks, seed)
    items = draw_items(live, sessions, seed)
    hidden = np.cumsum(sessions.counts)[sizes["train_users"] :] - 1
    oracle = judge(*rank_best(live, make_queries(sessions, items)), items[hidden])
    _write_logs(folder, sessions, catalogue.live[items], hidden, seed)
    columns = {
        "article_id": np.arange(sizes["articles"]),
        "category_id": catalogue.category,
        "created_at_ts": catalogue.created,
        "words_count": catalogue.words,
    }
    pl.DataFrame(columns).write_csv(folder / ARTICLES)
    _write_embeddings(folder / EMBEDDINGS, catalogue, sizes["embeddings"], seed)
    return oracle


def judge(items: Ints, chances: Floats, hidden: Ints) -> Oracle:
    """Score a ranking, with the ``chances`` of its ``items``, against the hidden clicks, and against these chances."""
    gains = 1.0 / np.arange(1, items.shape[1] + 1)
    is_hidden = items == hidden[:, None]
    hit = {"hit@5": is_hidden.any(axis=1).astype(np.float64), "expected_hit@5": chances.sum(axis=1)}
    return summarise(is_hidden @ gains, chances @ gains, hit)


def _write_logs(folder: Path, sessions: Sessions, article: Ints, hidden: Ints, seed: int) -> None:
    train, shown = sessions.user < sessions.train_users, np.ones(len(sessions.user), bool)
    shown[hidden] = False
    user = sessions.user + np.where(train, 0, max(TEST_ID_FROM - sessions.train_users, 0))
    log = pl.DataFrame({"user_id": user, "click_article_id": article, "click_timestamp": sessions.time})
    log.select("user_id", "click_article_id").filter(~shown).write_csv(folder / TRUTH)
    log = log.hstack(draw_devices(sessions, seed))
    for name, part in ((TRAIN, train), (TEST_A, ~train & shown)):
        log.filter(part).sort("click_timestamp", "user_id").write_csv(folder / name)


def _write_embeddings(path: Path, catalogue: Catalogue, rows: int, seed: int) -> None:
    """Write a random ``rows`` articles' embeddings block by block, so that memory does not grow with the file."""
    rng = np.random.default_rng([9, seed])
    ids = np.sort(rng.choice(len(catalogue.category), rows, replace=False))
    names = [f"emb_{i}" for i in range(EMBEDDING_WIDTH)]
    for first in track(range(0, rows, EMBEDDING_BLOCK), "Writing embeddings"):
        block = ids[first : first + EMBEDDING_BLOCK]
        frame = pl.DataFrame(articles.embed(catalogue, block, seed), schema=names).cast(pl.Float64)
        append_csv(path, frame.insert_column(0, pl.Series("article_id", block)), EMBEDDING_DECIMALS)
