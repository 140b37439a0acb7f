"""What each part is worth: the pipeline run again and again, one part richer each time, on the same split.

    make ladder-news        or        python -m competitions ladder news

Recall, features and fits that two rungs share are taken from the store, so that a rung costs its own part only.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.run import Run
from competitions.news import raw
from competitions.news.config import BLOCKS, MODELS, NewsConfig
from competitions.news.pipeline import solve
from competitions.news.summary import summarise

CHANNELS = (
    ("popularity around the click", ("popular_1h", "popular_3h", "popular_next3h", "popular_next24h", "popular_24h")),
    ("co-visitation", ("covisit", "covisit_all", "covisit_last", "covisit_fast")),
    ("transitions", ("next", "next_last", "previous", "gap30")),
    ("bi-network", ("bipartite",)),
    ("swing", ("swing",)),
    ("item2vec", ("item2vec",)),
    ("content neighbours", ("content",)),
    ("fresh in category", ("fresh",)),
)
ORDER = ("channel", "item", "pair", "query")


def list_rungs() -> Iterator[tuple[str, list[str]]]:
    """(name, overrides) from popularity with one model to everything: channels, then blocks, then models."""
    channels: list[str] = []
    for name, more in CHANNELS:
        channels += more
        yield f"+ {name}", [_set("recall.channels", channels), _set("rank.blocks", ["channel"]), _models(1)]
    for count in range(2, len(BLOCKS) + 1):
        yield f"+ {ORDER[count - 1]} features", [_set("rank.blocks", list(ORDER[:count])), _models(1)]
    for count in range(2, len(MODELS) + 1):
        yield f"+ {MODELS[count - 1]}", [_set("rank.blocks", list(ORDER)), _models(count)]


def _set(key: str, value: object) -> str:
    return f"{key}={json.dumps(value)}"


def _models(count: int) -> str:
    return _set("rank.models", list(MODELS[:count]))


def climb(folder: Path, name: str, config: NewsConfig, build: Path) -> dict[str, Any]:
    """One rung: recall of the union, CV and its error, seconds that this rung took beyond the ones below."""
    started = time.perf_counter()
    run = Run(build / "ladder", build / "cache", quiet=True)
    outcome = solve(raw.locate(folder, config.board), config, run)
    summary = summarise(outcome, config.rank.models)
    union = summary["recall"][-1]
    return {
        "rung": name,
        "recall@all": union["recall@all"],
        "fusion mrr@5": union["mrr@5"],
        "cv mrr@5": summary["cv"]["mrr@5"],
        "error": summary["cv"]["error"],
        "seconds": time.perf_counter() - started,
        "submission": str(outcome.checked.path),
    }
