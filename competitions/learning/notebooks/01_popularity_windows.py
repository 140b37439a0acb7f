# %% [markdown]
# # Windows of popularity: why hours beat a week
#
# Without any knowledge of the user, the best recommendation is what others click *now*. How long is "now"? We hide the
# last click of some users. For windows of growing length, we check if it is among the five most clicked articles.
#
# Before you run a cell, write down what you expect. The data is simulated and small; it takes a few seconds.

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

from common.learning.metrics import as_dict, evaluate_ranks
from common.retrieval.popularity import find_popular
from competitions import find_competition
from competitions.news import split
from competitions.news.io import reader

news = find_competition("news")
raw = news.choose_raw(None, 0.01, 0, Path("build"))
files = reader.locate(raw)
articles = reader.read_articles(files.articles).frame
clicks = reader.read_clicks(files.train, files.tests, files.target, articles).frame
print(f"{clicks.height:,} clicks of {clicks['user'].n_unique():,} users on {clicks['item'].n_unique():,} articles")

# %% [markdown]
# ## How old is an article when it is clicked?
# Hours since the article was published, over all clicks.

# %%
ages = clicks.join(articles.select("item", "created"), on="item").select(
    hours=(pl.col("time") - pl.col("created")) / 3.6e6
)
print(ages.select(pl.col("hours").quantile(q).round(1).alias(f"{q:.0%}") for q in (0.25, 0.5, 0.75)))
figure, axes = plt.subplots(figsize=(6, 2.5))
axes.hist(ages.filter(pl.col("hours").is_between(0, 72))["hours"], bins=72, color="#1f62b8")
axes.set(xlabel="age of the article when it is clicked, hours", ylabel="clicks")
figure.tight_layout()

# %% [markdown]
# ## Hide the last click
# `label_fold` removes the last click of some users from the log. The rest is the *history*; the hidden clicks
# are the *answers*. No code below uses an answer before the score is computed.

# %%
config = news.load_config([])
fold = split.label_fold(clicks, config.split, seed=0)
valid = fold.queries.filter(role="valid")
assert fold.answers is not None
answers = fold.answers.join(valid, on="query", how="semi")
seen = fold.seen.join(valid, on="query", how="semi")
print(f"{valid.height} validation users; the history has {fold.history.height:,} clicks")

# %% [markdown]
# ## Windows
# Only hours before the query: what a live site could know. **Predict**: which window is best?

# %%


def score_lists(lists: pl.DataFrame) -> float:
    """MRR@5 of lists (query, item, score)."""
    ranked = lists.sort("query", "score", "item", descending=[False, True, False]).with_columns(
        rank=pl.int_range(1, pl.len() + 1).over("query")
    )
    return as_dict(evaluate_ranks(ranked, answers, [5]))["mrr@5"]


def score_window(before: float, after: float = 0.0) -> float:
    """Of the five most clicked articles of a window around each user's last visible click."""
    return score_lists(find_popular(fold.history, valid, seen, (before, after), 5))


hours = [0.5, 1, 3, 6, 12, 24, 72, 168]
scores = [score_window(before) for before in hours]
for before, score in zip(hours, scores, strict=True):
    print(f"{before:6.1f} h  {score:.4f}")
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(hours, scores, "o-", color="#1f62b8")
axes.set(xscale="log", xlabel="window before the last visible click, hours", ylabel="MRR@5", ylim=(0, None))
figure.tight_layout()

# %% [markdown]
# **Explain.** A week counts the popular articles of last Monday, which are old now. Half an hour has few clicks: its
# counts are noisy. The best window balances both errors. It depends on the size of the log: with ten times the
# users, it is shorter.

# %%
best = hours[int(np.argmax(scores))]
print(f"best: {best} h before. The same, and as long after: {score_window(best, best):.4f}")

# %% [markdown]
# Data *after* the query is allowed in the competition (the whole log is given), but a live site does not have it.
#
# **Exercise.** Weight a click by `0.5 ** (age in hours / half_life)` over a whole day instead of a window. Which
# half-life is best, and is it better than the best window? (`fold.history` has user, item, time in ms.)

# %% [markdown]
# ## A solution
# Try it yourself first. **Predict**: does a click of twenty hours ago still help?

# %% jupyter={"source_hidden": true}
times = valid.lazy().select("query", now="time")
day_before = (pl.col("time") <= pl.col("now")) & (pl.col("time") > pl.col("now") - 24 * 3.6e6)
near = times.join(fold.history.lazy().select("item", "time"), how="cross").filter(day_before).collect()
for half_life in (0.25, 0.5, 1, 2, 4, 8):
    weight = 0.5 ** ((pl.col("now") - pl.col("time")) / 3.6e6 / half_life)
    lists = near.group_by("query", "item").agg(score=weight.sum()).join(seen, on=["query", "item"], how="anti")
    print(f"half-life {half_life:5.2f} h  {score_lists(lists):.4f}")

# %% [markdown]
# **Explain.** A window counts a click fully or not at all. A weight that fades has both: recent clicks decide, and
# older ones break ties where the last minutes are silent. Its lead over the best window is small: 500 users cannot show
# that it is real (`make rung-news` gives errors).
