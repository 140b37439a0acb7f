"""Articles for a reader who is in no log, by a finished run: ``make recommend-news READ="6919 6512"``."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import polars as pl

from common.engine.errors import UserError
from common.engine.progress import say
from common.time_units import HOUR_MS, MINUTE_MS
from competitions.news.day.export import Export

SAMPLED = 50  # requests of the test, of which the latest says when it is and on which device
NAMED = 3  # articles that the run has, where one is asked of that it has not
ARTICLE, TIME = "click_article_id", "click_timestamp"


def recommend(exported: Export, read: Sequence[int]) -> list[dict[str, Any]]:
    """A row an article, best first: rank, article, category, hours since it was created, words. ``read``: the articles
    that were read, oldest first. ``UserError`` for one that the run does not know.
    """
    clicks = [click for body in exported.bodies for click in msgspec.json.decode(body)["clicks"]]
    unknown = np.setdiff1d(read, exported.articles["item"])
    if len(unknown):
        own = set(exported.articles["item"])
        clicked = Counter(click[ARTICLE] for click in clicks if click[ARTICLE] in own)
        hot = " ".join(str(item) for item, _ in clicked.most_common(NAMED))
        raise UserError(
            f"Article {unknown[0]} is not in the articles.csv of the run: give ids that are, oldest first, "
            f"such as {hot}, which many test users read."
        )
    last = max(clicks, key=lambda click: click[TIME])
    times = last[TIME] - MINUTE_MS * np.arange(len(read))[::-1]
    clicks = [last | {ARTICLE: item, TIME: int(time)} for item, time in zip(read, times, strict=True)]
    service = exported.service
    answer = service.answer(service.parse(msgspec.json.encode({"clicks": clicks})))
    if "fallback" in answer:
        say("  these articles lead to too few others: the last ones below are what is popular")
    listed = pl.DataFrame({"item": answer["articles"]}, schema={"item": exported.articles.schema["item"]})
    known = listed.with_row_index("rank", 1).join(exported.articles, on="item", how="left", maintain_order="left")
    hours = ((last[TIME] - pl.col("created")) / HOUR_MS).round(1)
    return known.select("rank", "category", "words", article="item", hours_old=hours).to_dicts()
