# %% [markdown]
# # Item-to-item neighbours and ALS
#
# Two ways to find related articles: they are clicked one after the other (item-to-item), or the same users click
# them (factors). This notebook shows the neighbours of one article by both, and the score of each.

# %%
import os
import sys
from pathlib import Path

# The workspace is the folder above that holds competitions/, wherever this notebook was opened.
found = [folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "competitions").is_dir()]
assert found, "Start this notebook inside the checkout: no folder above this one holds competitions/."
os.chdir(found[0])
sys.path.insert(0, os.getcwd())

# %%
import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from msgspec.structs import replace

from common.learning.als import count_matrix, factorise
from common.learning.cooccurrence import count_covisits
from common.learning.metrics import as_dict, evaluate_ranks
from common.retrieval.settings import CovisitSettings
from competitions import find_competition
from competitions.learning.news.als import FACTORS, list_by_factors
from competitions.news import split
from competitions.news.io import reader

news = find_competition("news")
files = reader.locate(news.choose_raw(None, 0.01, 0, Path("build")))
articles = reader.read_articles(files.articles).frame
clicks = reader.read_clicks(files.train, files.tests, files.target, articles).frame
fold = split.label_fold(clicks, news.load_config([]).split, seed=0)

# %% [markdown]
# ## Item-to-item
# A pair of clicks of one user counts more if the two are close, in order (`decay`) and in time (`half_life_hours`),
# and less if the user clicks a lot. The sum is divided by $(c_i c_j)^{power}$, with $c$ the clicks of an article:
# the larger `power`, the less popular neighbours win. **Predict**: have the neighbours of the most clicked article
# its category?

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
# ALS learns a vector for each user and each article. Neighbours are the articles with the largest cosine. The map
# shows the cosines of the most clicked articles, sorted by time: **predict** where it is dark.

# %%
items, users = fold.history["item"].unique().sort(), fold.history["user"].unique().sort()
row = users.search_sorted(fold.history["user"]).to_numpy()
column = items.search_sorted(fold.history["item"]).to_numpy()
vectors = factorise(count_matrix(row, column, (len(users), len(items))), FACTORS, 0)
unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
cosines = unit @ unit[items.search_sorted(most)]
near = pl.DataFrame({"neighbour": items, "cosine": cosines}).sort("cosine", descending=True)[1:9]
print(near.join(category, left_on="neighbour", right_on="item", how="left"))

counts = fold.history.group_by("item").agg(clicks=pl.len(), time=pl.median("time"))
known = pl.DataFrame({"item": items}).with_row_index().join(counts, on="item").sort("clicks").tail(200).sort("time")
sorted_vectors = unit[known["index"].to_numpy()]
figure, axes = plt.subplots(figsize=(5, 4))
shading = axes.imshow(sorted_vectors @ sorted_vectors.T, vmin=0, vmax=0.5, cmap="Blues", interpolation="none")
figure.colorbar(shading, label="cosine")
axes.set(xlabel="200 most clicked articles, by the time", ylabel="at which they are read")
figure.tight_layout()

# %% [markdown]
# ## Which one is better?
# First: the sum over the neighbours of each user's last clicks. Second: the lists of ALS.

# %%
valid = fold.queries.filter(role="valid")
assert fold.answers is not None
answers = fold.answers.join(valid, on="query", how="semi")
by_factors = list_by_factors(fold, 50, 0).join(valid, on="query", how="semi")


def score(lists: pl.DataFrame) -> dict[str, float]:
    """MRR@5 and recall@50 of lists (query, item, score)."""
    ranked = lists.sort("query", "score", "item", descending=[False, True, False]).with_columns(
        rank=pl.int_range(1, pl.len() + 1).over("query")
    )
    found = as_dict(evaluate_ranks(ranked, answers, [5, 50]))
    return {name: round(found[name], 4) for name in ("mrr@5", "recall@50")}


def follow(pairs: pl.DataFrame, clicks: int) -> pl.DataFrame:
    """The neighbours of each user's last clicks, added up."""
    last = fold.seen.filter(pl.col("back") < clicks).join(valid, on="query", how="semi")
    added = last.join(pairs, on="item").group_by("query", item="neighbour").agg(score=pl.sum("weight"))
    return added.join(fold.seen, on=["query", "item"], how="anti")


print("pairs  ", score(follow(table, 2)))
print("factors", score(by_factors))

# %% [markdown]
# **Explain.** Most articles are read for one day, and the map is dark along its diagonal only: ALS learned which
# articles were read at the same time, little else. That is also why hardly a neighbour above has the category of the
# article: users of one hour click what is hot in it, of any subject, and both tables know who clicked, not what was
# written. Pairs of the last two clicks lead to what is read *now*; a user's vector is an average over all clicks.
# Products live longer, but the ranking stays: see transitions and ALS on Amazon Beauty in step 3 of
# competitions/LEARNING.md. ALS is strong where users have long histories of a stable taste.
#
# **Exercise.** Predict, then run: `half_life_hours=1.0` in the settings; `power=0.0`; only the last click (`back <
# 1`).

# %% [markdown]
# ## A solution
# Try it yourself first.

# %% jupyter={"source_hidden": true}
fading, popular = replace(settings, half_life_hours=1.0), replace(settings, power=0.0)
print("half-life 1 h  ", score(follow(count_covisits(fold.history, fading), 2)))
print("power 0        ", score(follow(count_covisits(fold.history, popular), 2)))
print("last click only", score(follow(table, 1)))

# %% [markdown]
# **Explain.** The popular neighbour is also the likelier click: without the division the first five gain. The last
# click alone is sharper in the first five, and finds less among fifty.
