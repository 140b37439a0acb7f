# %% [markdown]
# # Neighbours and ALS, looked at
#
# Two ways to say which articles belong together: they are clicked one after the other (item-to-item), or the same
# people click them (factors). Here are the neighbours of one article by both, and what each is right about.

# %%
from pathlib import Path

import numpy as np
import polars as pl

from common.learning.als import count_matrix, factorise
from common.learning.cooccurrence import CovisitSettings, count_covisits
from common.learning.metrics import as_dict, evaluate_ranks
from competitions import find_competition
from competitions.news import split
from competitions.news.io import reader
from competitions.news.lab.als import FACTORS, list_by_factors

news = find_competition("news")
files = reader.locate(news.choose_raw(None, 0.01, 0, Path("build")))
articles = reader.read_articles(files.articles).frame
clicks = reader.read_clicks(files.train, files.tests, files.target, articles).frame
fold = split.label_fold(clicks, news.load_config([]).split, seed=0)

# %% [markdown]
# ## Item-to-item
# A pair of clicks of one reader counts the more the nearer they stand, in order and in time, and the less the
# reader clicks at all (`power`). **Predict**: are the neighbours of the most clicked article of the same category?

# %%
settings = CovisitSettings(reach=5, forward=1.0, reverse=0.7, decay=0.7, half_life_hours=24.0, power=0.5, top=20)
table = count_covisits(fold.history, settings)
most = fold.history["item"].value_counts(sort=True, name="clicks")["item"][0]
category = articles.select("item", "category")
shown = table.filter(item=most).sort("weight", descending=True).head(8)
print(f"article {most}, category {category.filter(item=most)['category'].item()}")
print(shown.join(category, left_on="neighbour", right_on="item", how="left"))

# %% [markdown]
# ## Factors
# ALS compresses readers x articles to a vector each. Neighbours are the articles with the largest cosine.

# %%
items, users = fold.history["item"].unique().sort(), fold.history["user"].unique().sort()
row = users.search_sorted(fold.history["user"]).to_numpy()
column = items.search_sorted(fold.history["item"]).to_numpy()
vectors = factorise(count_matrix(row, column, (len(users), len(items))), FACTORS, 0)
unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
cosines = unit @ unit[items.search_sorted(most)]
near = pl.DataFrame({"neighbour": items, "cosine": cosines}).sort("cosine", descending=True)[1:9]
print(near.join(category, left_on="neighbour", right_on="item", how="left"))

# %% [markdown]
# ## Which one answers?
# Each reader's last clicks, their neighbours added up; and ALS's own lists.

# %%
valid = fold.queries.filter(role="valid")
assert fold.answers is not None
answers = fold.answers.join(valid, on="query", how="semi")
last = fold.seen.filter(pl.col("back") < 2).join(valid, on="query", how="semi")
pairs = last.join(table, on="item").group_by("query", "neighbour").agg(score=pl.sum("weight"))
by_pairs = pairs.rename({"neighbour": "item"}).join(fold.seen, on=["query", "item"], how="anti")
by_factors = list_by_factors(fold, 50, 0).join(valid, on="query", how="semi")


def score(lists: pl.DataFrame) -> dict[str, float]:
    """MRR@5 and recall@50 of lists (query, item, score)."""
    ranked = lists.sort("query", "score", "item", descending=[False, True, False]).with_columns(
        rank=pl.int_range(1, pl.len() + 1).over("query")
    )
    found = as_dict(evaluate_ranks(ranked, answers, [5, 50]))
    return {name: round(found[name], 4) for name in ("mrr@5", "recall@50")}


print("pairs  ", score(by_pairs))
print("factors", score(by_factors))

# %% [markdown]
# **Explain.** Most articles live for a day. Pairs of the last two clicks follow the reader to what is read *now*; a
# factor is an average over everything that the reader ever clicked. On a log of goods that repeat for months it is
# the other way round: `make rung-tencent RUNG=als` beside `RUNG=transitions`.
#
# **Exercise.** Predict, then run: `half_life_hours=1.0` in the settings; `power=0.0`; the last click alone (`back <
# 1`).
